"""What a page says of a campaign follows from what ran: no configuration gets another one's sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from landda_hpc.config import AssimilatingRun, CampaignConfig, Run, TwinObservations, parse_config
from landda_hpc.evaluation.evaluation_report import reference_note, reference_relations
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.methods.var3d import Var3dImageRun
from landda_hpc.studies.reproduction import bai2026_explanations as bai
from landda_hpc.studies.reproduction import bai2026_stations as stations
from landda_hpc.studies.reproduction import sentences, shen2024
from landda_hpc.studies.reproduction.common import calendar_words, real_words, twin_words
from landda_hpc.verification.tables.benchmarks import read_benchmarks
from landda_hpc.verification.tables.score_records import TRUTH, ScoreRecord
from landda_hpc.verification.tables.score_table import markdown_tables, summarise
from landda_hpc.verification.tables.side_by_side import ComparedRuns, side_by_side
from tests.configured import catalogue_of

PAPER_END = datetime(2022, 8, 1)
TWIN: dict[str, Any] = {
    "name": "page",
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-04T00:00", "end": "2022-06-07T00:00"},
    "twin": {"weather_correlation": 0.5, "sand_sigma": 20.0, "log_rain_sigma": 0.6},
    "observations": {"kind": "twin", "error_std": 0.05},
    "runs": [{"method": "control"}, {"method": "enkf_like", "members": 50}],
    "output": {"series": {}},
    "verification": {"twin_stations": {"per_region": 7}},
}
ERA5 = {"kind": "netcdf", "dataset": "era5", "folder": "forcing"}
REAL: dict[str, Any] = {
    **TWIN,
    "twin": None,
    "observations": {"kind": "catalogue", "entry": "gldas"},
    "catalogue": {
        "gldas": {"product": "gldas_noah", "path": "%Y%j.nc4"},
        "again": {"product": "gldas_noah", "path": "x%Y%j.nc4"},
        "cldas": {"product": "cldas", "path": "%Y-{layer}.nc"},
        "net": {"product": "ismn", "path": "net"},
    },
    "verification": {
        "stations": [{"entry": "net"}],
        "references": [{"entry": "cldas", "name": "CLDAS"}, {"entry": "gldas"}, {"entry": "again"}],
    },
}
COLM: dict[str, Any] = {
    **REAL,
    "grid": {"kind": "case"},
    "case": {"namelist": "case.nml"},
    "model": {"kind": "colm", "executable": "bin/colm.x"},
}
RUNS: dict[str, dict[str, Any]] = {
    "printed": {"method": "enkf_like"},
    "fewer": {"method": "enkf_like", "members": 8, "background_std": 0.1},
    "regression": {"method": "enkf_like", "depth": {"kind": "regression"}, "drift": {}},
    "own map": {"method": "enkf_like", "background_errors": {"kind": "white", "std": "errors.nc"}},
    "correlated": {
        "method": "enkf_like",
        "background_errors": {"kind": "correlated", "std": 0.1, "length_km": 300.0},
        "estimator": "exact",
    },
}
CONFIGS: dict[str, dict[str, Any]] = {
    "twin": TWIN,
    "twin, whole land model": {**TWIN, "model": {"physics": "land_surface"}},
    "twin under ERA5": {**TWIN, "twin": {"sand_sigma": 20.0, "weather_correlation": 1.0}, "forcing": ERA5},
    "identical twin": {**TWIN, "twin": {"weather_correlation": 1.0}},
    "noisy twin": {**TWIN, "observations": {"kind": "twin", "correlated_std": 0.03, "missing_fraction": 0.2}},
    "real": REAL,
    "real, whole land model under ERA5": {**REAL, "model": {"physics": "land_surface"}, "forcing": ERA5},
    "real, monitored": {**REAL, "observations": {**REAL["observations"], "monitor_only": True}},
    "CoLM": COLM,
    **{f"twin, {name}": {**TWIN, "runs": [{"method": "control"}, run]} for name, run in RUNS.items()},
    "shallow": {**TWIN, "observations": {"kind": "twin", "depth_m": [0.0, 0.04]}},
    "thirty days": {
        **TWIN,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-08-01T00:00", "end": "2022-08-31T00:00"},
    },
    "no forecast": {
        **TWIN,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-04T00:00", "end": "2022-06-04T00:00"},
    },
}


def texts_of(config: CampaignConfig) -> str:
    """Everything that a page says of a configuration alone."""
    run = cast("EnkfLikeRun", config.runs[1])
    model, forcing, observations = config.model, config.forcing, config.observations
    found = [sentences.plant_words(model), sentences.increment_words(run, observations.depth_m)]
    if config.twin is not None:
        assert isinstance(observations, TwinObservations)
        found += [
            twin_words(model, forcing, config.twin, observations, "GLDAS-2.1", "CoLM"),
            bai.noise_words(observations, run, 0.08, 0.05),
        ]
        found.append(stations.drawn_station_words(config.twin, model, forcing))
        found.append(stations.twin_station_words(config.verification))
        found += [shen2024.noise_words(observations, Var3dImageRun())]
    else:
        found += [
            real_words(model, forcing, "GLDAS Noah", "GLDAS-2.1", "CoLM", is_papers=True),
            stations.real_station_words(model, forcing, is_twin=False),
        ]
        relations = reference_relations(
            config.verification.references, catalogue_of(config), [observations], config.referee, is_twin=False
        )
        found += [reference_note(name, relations, 0, 9) for name in ("CLDAS", "gldas", "again")]
    found += [
        bai.first_analysis_words(run, 0.1, 0.04),
        bai.background_error_words(run),
        bai.forcing_words(is_twin=config.twin is not None),
    ]
    found += [calendar_words(config.time, PAPER_END)]
    return "\n".join(found)


def is_colm(c: CampaignConfig) -> bool:
    return c.model.kind == "colm"


def forecast_days(c: CampaignConfig) -> float:
    return (c.time.end - c.time.assimilation_end).total_seconds() / 86400.0


def run_of(c: CampaignConfig) -> AssimilatingRun:
    return cast("AssimilatingRun", c.runs[1])


CLAIMS: dict[str, Callable[[CampaignConfig], bool]] = {
    "generated weather": lambda c: not is_colm(c) and c.forcing.kind == "stochastic",
    "weather from files": lambda c: not is_colm(c) and c.forcing.kind == "netcdf",
    "own forcing files": is_colm,
    "embedded": lambda c: not is_colm(c),
    "no plant types": lambda c: not is_colm(c) and c.physics == "soil_water",
    "soil water alone": lambda c: not is_colm(c) and c.physics == "soil_water",
    "complete physics": lambda c: c.physics == "land_surface",
    "near zero by construction": lambda c: c.twin is None and not is_colm(c) and c.forcing.kind == "stochastic",
    "A twin, not": lambda c: c.twin is not None,
    "Real observations": lambda c: c.twin is None,
    "other soil": lambda c: c.twin is not None and c.twin.sand_sigma > 0.0,
    "other weather": lambda c: c.twin is not None and c.twin.weather_correlation < 1.0,
    "factor on rain": lambda c: c.twin is not None and c.twin.log_rain_sigma > 0.0,
    "second run of the same model": lambda c: c.name == "page" and c.twin is not None and c.twin.sand_sigma == 0.0,
    "movement alone": lambda c: run_of(c).depth.kind == "overlap",
    "regression of their errors": lambda c: run_of(c).depth.kind == "regression",
    "drift": lambda c: run_of(c).drift is not None,
    "16.6 cm": lambda c: c.observations.depth_m[1] == 0.1,
    "4.5 cm": lambda c: c.observations.depth_m[1] == 0.04,
    "the number is used": lambda c: cast("EnkfLikeRun", c.runs[1]).background_errors is None,
    "implemented as printed": lambda c: c.runs[1] == EnkfLikeRun(),
    "for every coefficient, and": lambda c: sentences.constant_gain(cast("EnkfLikeRun", c.runs[1])) is not None,
    "depends on scale, direction or place": lambda c: sentences.constant_gain(cast("EnkfLikeRun", c.runs[1])) is None,
    "fraction K of the errors": lambda c: (
        isinstance(c.observations, TwinObservations)
        and sentences.has_white_noise_alone(c.observations)
        and sentences.constant_gain(cast("EnkfLikeRun", c.runs[1])) is not None
    ),
    "correlated over": lambda c: getattr(c.observations, "correlated_std", 0.0) > 0.0,
    "Neither is relevant for a twin": lambda c: c.twin is not None,
    "It was assimilated": lambda c: c.twin is None and not c.observations.monitor_only,
    "assimilated nothing": lambda c: c.observations.monitor_only,
    "there is no free forecast": lambda c: forecast_days(c) == 0.0,
    "its free forecast ends 3 days later": lambda c: forecast_days(c) == 3.0,
    "**Calendar.**": lambda c: forecast_days(c) != 30.0,
    "7 cells (all": lambda c: c.verification.twin_stations is not None,
    "twin.weather_correlation": lambda c: c.twin is not None and c.forcing.kind == "stochastic",
}
"""Words of a page, and the campaigns of which they are true: they must occur exactly then."""


@pytest.mark.parametrize("name", list(CONFIGS))
def test_every_claim_is_made_exactly_where_it_is_true(name: str) -> None:
    config = parse_config(CONFIGS[name])
    text = texts_of(config)
    for words, holds in CLAIMS.items():
        assert (words in text) == holds(config), (words, text)
    assert "nan" not in text.lower().replace("finance", "") and "None" not in text


@pytest.mark.parametrize(
    ("run", "present", "absent"),
    [
        ({}, ["largest 50 %", "squared", "about 72 %"], ["archive `"]),
        (
            {"background_archive": "b.nc"},
            ["archive `b.nc`", "varies from cell to cell"],
            ["of the innovation in these"],
        ),
        ({"keep_fraction": 1.0}, ["largest 100 %"], ["Thresholding removes"]),
        ({"layers": "upper_three"}, ["0-9.1 cm", "sum of the three", "receives its own increment"], ["instead"]),
        ({"layers": "observed"}, ["instead (`layers: observed`)"], ["sum of the three"]),
    ],
)
def test_sentences_of_the_3d_var(run: dict[str, Any], present: list[str], absent: list[str]) -> None:
    settings = Var3dImageRun.model_validate({"method": "var3d_image", **run})
    config = parse_config({**TWIN, "observations": {"kind": "twin", "depth_m": [0.0, 0.07]}})
    text = "\n".join(
        [
            shen2024.acceptance_words(settings, math.nan),
            shen2024.background_words(settings),
            shen2024.layer_words(settings, "0-7 cm"),
            shen2024.noise_words(cast("TwinObservations", config.observations), settings),
            sentences.increment_words(cast("Run", settings), (0.0, 0.07)),
        ]
    )
    assert all(words in text for words in present), text
    assert not any(words in text for words in absent), text
    assert "In the paper a far smaller part was accepted" in shen2024.acceptance_words(settings, 0.95)
    assert "far smaller" not in shen2024.acceptance_words(settings, 0.5) + shen2024.acceptance_words(settings, math.nan)


def test_without_an_analysis_no_numbers_of_one_are_given() -> None:
    config = parse_config(TWIN)
    run = cast("EnkfLikeRun", config.runs[1])
    text = bai.first_analysis_words(run, math.nan, math.nan)
    text += bai.noise_words(cast("TwinObservations", config.observations), run, math.nan, math.nan)
    assert "nan" not in text and "the first analysis takes" not in text.replace("one such analysis takes", "")


def record(day: float, window: str, layer: str = "0-10 cm", reference: str = TRUTH) -> ScoreRecord:
    time = datetime(2022, 6, 4 + int(day), int(24 * (day % 1)))
    stage = "analysis" if window == "assimilation" else "forecast"
    return ScoreRecord(1, time, "enkf_like", reference, layer, stage, window, 0.7, 0.05, 0.0, 0.05, 9)


BENCHMARKS = read_benchmarks((Path("package:papers/bai2026.csv"),), Path())


def test_the_day_of_a_forecast_is_the_campaigns_own() -> None:
    records = [record(0, "assimilation"), record(1, "forecast"), record(3, "forecast")]
    compared = ComparedRuns("control", "enkf_like")
    of_images = [b for b in BENCHMARKS if b.kind == "images"]
    table = side_by_side(of_images, records, compared, [TRUTH], None, datetime(2022, 6, 4))
    row = next(line for line in table.splitlines() if "day 30 of the forecast" in line)
    assert row.endswith("| 0.700 (day 3) |")
    assert "(day" not in next(line for line in table.splitlines() if "start of the forecast" in line)
    text = markdown_tables(summarise(records), BENCHMARKS)
    assert "Those of the forecast are of day 30; here the last time is of day 3." in text
    whole = [record(0, "assimilation"), *(record(day, "forecast") for day in (1, 26))]
    late = ScoreRecord(
        9, datetime(2022, 7, 4), "enkf_like", TRUTH, "0-10 cm", "forecast", "forecast", 0.7, 0.05, 0.0, 0.05, 9
    )
    assert "day 30." in markdown_tables(summarise([*whole, late]), BENCHMARKS)


def test_notes_below_tables_are_about_what_is_in_them() -> None:
    other = markdown_tables(summarise([record(0, "assimilation", "0-7 cm")]), BENCHMARKS)
    assert "[B26]" not in other and "not an independent check" not in other
    fitted = markdown_tables(summarise([record(0, "assimilation", reference="assimilated reference")]), BENCHMARKS)
    assert "not an independent check" in fitted and "day 30" not in fitted
    free = [record(1, "forecast", reference="assimilated reference")]
    assert "These scores contain no analysis" in markdown_tables(summarise(free))
