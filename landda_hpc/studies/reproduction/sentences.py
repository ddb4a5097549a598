"""Sentences about a campaign, derived from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from landda_hpc.config import (
    ColmProgramConfig,
    Forcing,
    Model,
    Run,
    Section,
    TwinConfig,
    TwinObservations,
)
from landda_hpc.constants import SOIL_DZ, SOIL_ZI
from landda_hpc.instances.domain import depth_name
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.methods.errors.white import WhiteErrorsConfig
from landda_hpc.regridding.depth import DepthRange, depth_weights


def has_generated_weather(model: Model, forcing: Forcing) -> bool:
    """Return whether the weather is from the stochastic generator."""
    return model.runs_here and forcing.kind == "stochastic"


def model_words(model: Model) -> str:
    """Return a name of the land model."""
    if isinstance(model, ColmProgramConfig):
        return f"the user's own CoLM (`{model.executable.name}`)"
    if model.tile_physics == "land_surface":
        return "the embedded land model with complete physics (`land_surface`)"
    return "the embedded land model with soil water alone (`soil_water`)"


def weather_words(model: Model, forcing: Forcing) -> str:
    """Return a description of the weather."""
    if not model.runs_here:
        return "the weather of its own forcing files"
    if forcing.kind == "netcdf":
        return f"weather from files (`forcing.dataset: {forcing.dataset}`)"
    return "generated weather"


def plant_words(model: Model) -> str:
    """Describe the vegetation of the model, for comparisons of several vegetation types."""
    if not model.runs_here:
        return "The model is CoLM: its plant types are those of the case."
    if model.tile_physics == "land_surface":
        return (
            "The embedded model derives classes of vegetation, with roots, height and leaf area, from climate; the "
            "papers' plant types are not prescribed."
        )
    return (
        "The embedded model with soil water alone has vegetation cover but no plant types, so roots do not differ "
        "between places as they do in CoLM."
    )


def nature_differences(twin: TwinConfig, *, is_generated: bool) -> list[str]:
    """Return the differences of the nature run from the runs; empty if there are none."""
    soil = any(
        (twin.sand_sigma, twin.log_b_sigma, twin.log_psi_sigma, twin.log_ksat_sigma, twin.porosity_sigma)
    )  # fmt: skip
    found = ["other soil"] if soil else []
    if is_generated and twin.weather_correlation < 1.0:
        found.append(f"other weather (correlation {twin.weather_correlation:g})")
    for sigma, words in (
        (twin.log_rain_sigma, "a constant factor on rain"),
        (twin.log_pet_sigma, "a constant factor on potential evaporation"),
        (twin.vegetation_sigma, "another vegetation cover"),
        (twin.wetness_sigma, "another initial wetness"),
    ):
        found += [words] if sigma else []
    return found


def twin_observation_words(observations: TwinObservations) -> str:
    """Return a description of the observations of a twin."""
    parts = [f"white errors of {observations.error_std:g} m3 m-3"]
    if observations.error_std_regions:
        inside = [f"{region.std:g} inside {region.name}" for region in observations.error_std_regions]
        parts[0] += f" ({enumerated(inside)})"
    if observations.correlated_std:
        parts.append(
            f"errors of {observations.correlated_std:g} m3 m-3 that are correlated over "
            f"{observations.correlated_length_km:g} km"
        )
    text = f"the truth at {depth_name(observations.depth_m)} with {' and '.join(parts)}"
    if observations.noise_changes or observations.biases:
        text += ", with biases or changes of the noise that the observations do not report"
    if observations.missing_fraction:
        text += f", without {100 * observations.missing_fraction:.0f} % of the cells"
    return text


def has_white_noise_alone(observations: TwinObservations) -> bool:
    """Return whether the observations have only white errors of one size."""
    o = observations
    return not (o.correlated_std or o.error_std_regions or o.noise_changes or o.biases)


def layer_reach(depth_m: DepthRange) -> tuple[int, float]:
    """Return the number of model layers that overlap a depth, and the bottom of the deepest, m."""
    overlap = np.flatnonzero(depth_weights(*depth_m) > 0.0)
    return overlap.size, float(SOIL_ZI[overlap[-1] + 1])


def increment_words(run: Run, depth_m: DepthRange) -> str:
    """Describe the vertical spreading of a run's increments, and the response of deeper layers."""
    n_layers, bottom = layer_reach(depth_m)
    observed = depth_name(depth_m)
    if run.n_analysed_layers:
        n_layers, bottom = run.n_analysed_layers, float(SOIL_ZI[run.n_analysed_layers])
        text = (
            f"Each of the {n_layers} uppermost model layers (0-{100 * bottom:.1f} cm) receives its own increment "
            f"from the observation of {observed}"
        )
    elif run.increments_by_fraction:
        text = (
            f"The {n_layers} model layers that overlap the observed depth ({observed}) receive its increment times the "
            f"fraction of the layer that lies within it, so that the water of the increments is that of {observed}"
        )
    else:
        water = float(SOIL_DZ[depth_weights(*depth_m) > 0.0].sum()) / (depth_m[1] - depth_m[0])
        text = (
            f"The increment of the observed depth ({observed}) is added in full to the {n_layers} model layers that "
            f"overlap it, down to {100 * bottom:.1f} cm, which moves {water:.3g} times the water of {observed}"
        )
    if run.slopes is not None and run.slopes.share > 0.0:
        slopes = "of a file" if run.slopes.file is not None else "that are built in"
        share = "" if run.slopes.share == 1.0 else f", times {run.slopes.share:g}"
        text += f"; the layers below receive the regression of their errors on it{share}, with slopes {slopes}, and "
        text += "also respond through the model's water movement."
    else:
        text += "; the layers below respond through the model's water movement alone."
    if run.learned_drift is not None:
        text += " The model's drift, learned from the increments, is added to the forecasts of the observed layers."
    return text


def white_stds(run: EnkfLikeRun) -> tuple[float, float] | None:
    """Return standard deviations of background and observation errors if both are white and constant, else None."""
    found = []
    for model, std in ((run.background_errors, run.background_std), (run.observation_errors, run.observation_std)):
        if model is None:
            found.append(std)
        elif isinstance(model, WhiteErrorsConfig) and not isinstance(model.std, Path):
            found.append(float(model.std))
        else:
            return None
    return found[0], found[1]


def constant_gain(run: EnkfLikeRun) -> float | None:
    """Return K of every coefficient if it is constant; None if it depends on scale, direction or place."""
    stds = white_stds(run)
    return None if stds is None else stds[0] ** 2 / (stds[0] ** 2 + stds[1] ** 2)


def changes_from(run: Run, printed: dict[str, object]) -> list[str]:
    """List settings of a run that differ from those printed in a paper, as "key = value (the paper: value)"."""
    return [
        f"{key} = {_plain(getattr(run, key))} (the paper: {_plain(value)})"
        for key, value in printed.items()
        if getattr(run, key) != value
    ]


def lead_days(time: datetime, window_end: datetime) -> float:
    """Return the days from the end of the assimilation window to a time."""
    return (time - window_end) / timedelta(days=1)


def days_words(days: float) -> str:
    """Return a number of days in words, for example "30 days", "1 day", "2.5 days"."""
    return f"{days:g} day{'' if days == 1 else 's'}"


def enumerated(parts: Sequence[str]) -> str:
    """Join parts, for example "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _plain(value: object) -> str:
    """Return a setting as text; for a section, its kind."""
    if isinstance(value, Section):
        return str(value.model_dump().get("kind", type(value).__name__))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
