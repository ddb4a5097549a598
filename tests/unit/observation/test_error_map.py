"""Twin observations whose errors differ between a region and the rest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import QualityConfig, RefereeStations, TwinStations, parse_config
from landda_hpc.grid import regular_grid
from landda_hpc.observation.check_section import ModelSurface
from landda_hpc.observation.error_std import ErrorSizes
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.quality import QualityControl
from landda_hpc.regions import named_regions
from landda_hpc.studies.reproduction.paper_regions import INSIDE_CHINA
from tests.campaign.conftest import CONFIG
from tests.configured import source_of
from tests.unit.observation.check_context import context

GRID = regular_grid(32, 31, south=22.5, north=67.5, west=73.125, east=116.71875)
TIME = datetime(2016, 5, 1)
IN_CHINA = {"name": "China", "file": "package:papers/china.geojson", "std": 0.3}
INSIDE = named_regions((INSIDE_CHINA,), Path())[0].mask(GRID)


def errors(**observations: Any) -> np.ndarray:
    raw = {**CONFIG, "observations": {"kind": "twin", **observations}}
    source = source_of(parse_config(raw), GRID, np.ones(GRID.shape, dtype=bool))
    return source.at(TIME, np.full(GRID.shape, 0.25)).given - 0.25  # type: ignore[union-attr]


def test_the_map_scales_the_same_random_numbers() -> None:
    plain, mapped = errors(error_std=0.01), errors(error_std=0.01, error_std_regions=[IN_CHINA])
    np.testing.assert_allclose(mapped[INSIDE], 30.0 * plain[INSIDE], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(mapped[~INSIDE], plain[~INSIDE])


def test_quality_control_takes_the_map_that_the_observation_brings() -> None:
    raw = {**CONFIG, "observations": {"kind": "twin", "error_std": 0.01, "error_std_regions": [IN_CHINA]}}
    source = source_of(parse_config(raw), GRID, np.ones(GRID.shape, dtype=bool))
    observation = source.at(TIME, np.full(GRID.shape, 0.25))
    assert observation is not None and observation.error_std is not None
    std = ErrorSizes(0.01, None, 0.0, GRID, Path())(observation)
    checks = QualityControl(QualityConfig(frozen_model=False), context(np.full(GRID.shape, 0.45)))
    checked = checks(observation, std, ModelSurface())
    used = checked.is_used[INSIDE]
    assert used.mean() > 0.99  # 4 sigma of 0.3; with 0.01 a third would be refused


@pytest.mark.parametrize("section", [RefereeStations(entry="network"), TwinStations()])
def test_stations_report_their_errors_whole(section: RefereeStations | TwinStations) -> None:
    image, everywhere = np.full(GRID.shape, 0.25), np.ones(GRID.shape, dtype=bool)
    observed = ImageObservation.flagged(image, everywhere, TIME, (0.0, 0.1), "stations", np.full(GRID.shape, 0.06))
    std = ErrorSizes(section.error_std, section.errors, section.added_std, GRID, Path())(observed)
    np.testing.assert_array_equal(std, 0.06)
