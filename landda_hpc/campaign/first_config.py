"""A first configuration for users without CoLM: a small twin experiment, every key explained."""

from __future__ import annotations

from typing import Final

FIRST_CONFIG: Final = """\
# A first campaign: a twin experiment with the embedded land model. All times are UTC.
#   landda check FILE      problems, and requirements of the campaign
#   landda run FILE        under a minute on one process
# `landda schema` prints every key with its unit, meaning and default.
name: first
description: a first twin experiment
seed: 1                               # of all random numbers

time:
  start: 2022-06-02T00:00
  assimilation_end: 2022-06-07T00:00  # analyses until here,
  end: 2022-06-09T00:00               # then a free forecast
  cycle_hours: 6                      # one analysis every six hours

grid: {n_lat: 64, n_lon: 128}         # global; 128 x 256 is the 1.4-degree grid of the papers

model:
  spinup_days: 5                      # with soil water alone; physics: land_surface is the complete model

# The nature run is the truth. It differs from the model by its weather, soil and initial state.
twin:
  weather_correlation: 0.7            # correlation with the weather of the model
  sand_sigma: 15.0                    # percent
  log_rain_sigma: 0.4
  wetness_sigma: 0.15

# Observations are the truth of the uppermost 10 cm with white errors. For a product in files, see docs/observations.md.
observations:
  kind: twin
  depth_m: [0.0, 0.1]
  error_std: 0.06                     # m3 m-3

# Runs share weather and observations, so that one table compares them.
runs:
  - {method: control}                 # no assimilation
  - {method: pointwise, gain: 0.5}    # each cell separately, with a constant gain
  - method: enkf_like                 # the image: perturbed members in curvelet space
    members: 20
    background_std: 0.06              # m3 m-3; the gain follows from these two
    observation_std: 0.06
  - {method: learned}                 # the image, with errors that the run learns

checkpoint: {every_hours: 24}         # a killed campaign is resumed from here: landda resume DIR
output:
  every_hours: 24
  fields: [background, analysis, increment, innovation, observation, truth]
  figure_style: {formats: [], dpi: 150}   # formats: [pdf, svg] for print, besides PNG
"""
