"""Reports on observations without a model run; climatologies from campaigns and series; the way of a processing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.observation_preparation import ObservationProcessing
from landda_hpc.campaign.observation_report import (
    counts_of_records,
    counts_table,
    report_observations,
    scale_energies,
)
from landda_hpc.campaign.preflight import find_problems
from landda_hpc.campaign.start import run_campaign
from landda_hpc.config import parse_config
from landda_hpc.curvelet.backends import make_frame
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.formats.products.image_series import open_image_series
from landda_hpc.grid import regular_grid
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.observation.bias_file import read_climatologies
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.seasons import Seasons
from landda_hpc.observation.source import Survey
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.studies.climatologies import build_climatologies, campaign_archive, seasonal_warnings, series_archive
from tests.campaign.conftest import CONFIG


def config_of(root: Path, **observations: Any) -> Any:
    raw = {k: v for k, v in CONFIG.items() if k != "twin"}
    given = {"kind": "gldas", "path": "none/%Y.nc4", **observations}
    return parse_config({**raw, "data_root": str(root), "runs": [{"method": "control"}], "observations": given})


@pytest.fixture(scope="module")
def domain() -> Domain:
    return make_domain(config_of(Path()), 1)


class Made:
    """A product that is the model's pattern with another mean and half the spread."""

    label = "made up"
    depth_m: DepthRange = (0.0, 0.1)

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        generator = np.random.default_rng(0)
        self.model_mean = generator.uniform(0.15, 0.3, domain.grid.shape)
        self.product_mean = generator.uniform(0.1, 0.35, domain.grid.shape)

    def model(self, time: datetime) -> np.ndarray:
        return self.model_mean + 0.04 * self._anomaly(time)

    def product(self, time: datetime) -> np.ndarray:
        return self.product_mean + 0.02 * self._anomaly(time)

    def _anomaly(self, time: datetime) -> np.ndarray:
        hours = int((time - datetime(2020, 1, 1)).total_seconds() // 3600)
        return np.clip(np.random.default_rng(hours).standard_normal(self._domain.grid.shape), -2.0, 2.0)

    def survey(self, times: Sequence[datetime]) -> Survey:
        return Survey(self.label, tuple((time, "memory") for time in times), (), "skip")

    def other_layers(self, _time: datetime, _depths: Sequence[DepthRange]) -> dict[DepthRange, np.ndarray]:
        return {}

    def at(self, time: datetime, truth_image: np.ndarray | None = None) -> ImageObservation | None:
        if time.hour == 12:
            return None
        return ImageObservation.flagged(self.product(time), self._domain.is_soil, time, self.depth_m, self.label)


def series(folder: Path, made: Made, domain: Domain, what: str, n: int = 40) -> Path:
    folder.mkdir()
    for i in range(n):
        time = datetime(2021, 6, 1) + timedelta(hours=6 * i)
        image = np.where(domain.is_soil, getattr(made, what)(time), np.nan)
        write_images(folder / f"{i:03d}.nc", domain.grid, {"sm": OutputField(image, {"units": "m3 m-3"})}, time=time)
    return folder


@pytest.fixture(scope="module")
def trained(domain: Domain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bias.nc."""
    root, made = tmp_path_factory.mktemp("trained"), Made(domain)
    paths = [series(root / what, made, domain, what) for what in ("model", "product")]
    archive = series_archive(*(open_image_series([path], "sm") for path in paths), (0.0, 0.1))
    build_climatologies(archive, root / "bias.nc")
    archive.close()
    return root


def test_series_become_climatologies(domain: Domain, trained: Path) -> None:
    pair = read_climatologies(trained / "bias.nc", domain.grid, (0.0, 0.1))
    np.testing.assert_array_equal(pair.count > 0, domain.is_soil)
    ratio = (pair.product.std / pair.model.std)[domain.is_soil]
    np.testing.assert_allclose(ratio, 0.5, rtol=1e-9)


def test_a_report_without_treatment_counts_and_says_what_it_left_out(domain: Domain, tmp_path: Path) -> None:
    config = config_of(tmp_path, quality={"innovation": {}, "spike": {}})
    report = report_observations(config.observations, config.time, domain, Made(domain), config.data_root, config.seed)
    assert (len(report.times), len(report.missing)) == (3, 1)
    assert report.left_out == ("frozen_model", "spike", "innovation")
    assert sum(report.counts.values()) == 3 * domain.grid.n_cells
    assert report.effect is None
    assert report.to_plain()["bias"] == "none"
    assert report.statistics["error_std"] == pytest.approx(0.025)


@pytest.mark.parametrize("kind", ["mean_variance", "cdf"])
def test_treatment_brings_the_models_pattern_and_the_report_shows_it(
    domain: Domain, trained: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(trained, bias={"kind": kind, "file": "bias.nc"})
    with caplog.at_level(logging.INFO):
        report = report_observations(
            config.observations, config.time, domain, Made(domain), config.data_root, config.seed
        )
    n = int(domain.is_soil.sum())
    assert f"bias treatment: {n} of {n} soil cells" in caplog.text
    effect = report.effect
    assert effect is not None
    assert effect.n_images == 3
    assert effect.scc_model_after > 0.65 > 0.2 > effect.scc_model_before
    assert effect.scc < 0.4
    for name, before in effect.energy_before.items():
        assert before > 0.0, name
    # Parseval: the energies of all wedges are those of the image about its mean.
    wedges = sum(e for name, e in effect.energy_after.items() if "wedge" in name)
    scales = sum(e for name, e in effect.energy_after.items() if "wedge" not in name)
    assert wedges == pytest.approx(scales)
    assert wedges == pytest.approx(n * effect.std_after**2, rel=0.01)
    processing = ObservationProcessing(
        config.observations, [run.name for run in config.runs], domain, config.data_root, config.seed
    )
    obs = Made(domain).at(datetime(2022, 6, 2))
    assert obs is not None
    treated = processing(obs, np.zeros(domain.grid.shape, dtype=bool), None, {})
    assert treated.untreated is not None
    assert treated.error_std is not None
    soil = domain.is_soil
    np.testing.assert_array_equal(treated.untreated[soil], obs.given[soil])
    np.testing.assert_allclose(treated.error_std[soil], 0.05, rtol=1e-9)
    known = read_climatologies(trained / "bias.nc", domain.grid, (0.0, 0.1)).product.quantiles
    within = soil & (obs.given >= known[0]) & (obs.given <= known[-1])
    assert within.sum() > 0.9 * n
    np.testing.assert_allclose(treated.given[within], Made(domain).model(datetime(2022, 6, 2))[within], atol=1e-6)


@pytest.mark.parametrize("kind", ["seasonal_cdf", "anomalies"])
def test_treatment_by_season_reports_its_fall_back(
    domain: Domain, trained: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = Made(domain)
    archive = series_archive(*(open_image_series([trained / what], "sm") for what in ("model", "product")), (0.0, 0.1))
    found = build_climatologies(archive, trained / "seasons.nc", Seasons("season"))
    archive.close()
    assert [warning.split(" (")[0] for warning in seasonal_warnings(found)] == [
        f"The climatology of a cell in {season}" for season in ("DJF", "MAM", "SON")
    ]
    config = config_of(trained, bias={"kind": kind, "file": "seasons.nc"})
    report = report_observations(config.observations, config.time, domain, made, config.data_root, config.seed)
    n = int(domain.is_soil.sum())
    assert report.to_plain()["bias_by_season"]["JJA"] == {"of the season": n, "of the year": 0, "not changed": 0}
    assert report.to_plain()["bias_by_season"]["DJF"] == {"of the season": 0, "of the year": n, "not changed": 0}
    assert f"bias treatment, DJF: {n} of {n} soil cells have no usable climatology of the season" in caplog.text
    assert "JJA: " not in caplog.text
    assert report.effect is not None
    assert report.effect.scc_model_after > 0.65 > 0.2 > report.effect.scc_model_before
    whole_year = config_of(trained, bias={"kind": kind, "file": "bias.nc"})
    survey = Survey("x", ((datetime(2022, 6, 2), "here"),), (), "skip")
    (problem,) = find_problems(whole_year, survey, domain.grid)
    assert "observations.bias: climatologies in" in problem
    assert "this bias treatment needs seasons" in problem


def test_checks_see_the_treated_value(domain: Domain, trained: Path) -> None:
    config = config_of(trained, bias={"kind": "mean_variance", "file": "bias.nc"}, error_std=0.001)
    obs = Made(domain).at(datetime(2022, 6, 2))
    assert obs is not None
    high = ImageObservation.flagged(obs.given + 0.4, domain.is_soil, obs.time, obs.depth_m, "x")
    treated = ObservationProcessing(
        config.observations, [run.name for run in config.runs], domain, config.data_root, config.seed
    )(high, np.zeros(domain.grid.shape, dtype=bool), None, {})
    assert (treated.flags == Flag.OUT_OF_RANGE).sum() > 0.9 * domain.is_soil.sum()


def test_files_that_are_not_usable_are_found_before_the_run(domain: Domain, trained: Path, tmp_path: Path) -> None:
    config = config_of(
        tmp_path, bias={"kind": "cdf", "file": "bias.nc"}, errors={"kind": "map", "file": "map.nc"}
    )  # fmt: skip
    survey = Survey("x", ((datetime(2022, 6, 2), "here"),), (), "skip")
    problems = find_problems(config, survey, domain.grid)
    assert [problem.split(":")[0] for problem in problems] == ["observations.errors", "observations.bias"]
    with pytest.raises(MissingFileError):
        ObservationProcessing(
            config.observations, [run.name for run in config.runs], domain, config.data_root, config.seed
        )
    grid = regular_grid(16, 32)
    elsewhere = config_of(trained, bias={"kind": "cdf", "file": "bias.nc"})
    (problem,) = find_problems(elsewhere, survey, grid)
    assert "observations.bias: climatologies in" in problem
    assert "the model is on 16 x 32 cells" in problem


def test_a_campaign_becomes_climatologies(tmp_path: Path) -> None:
    raw = {
        **CONFIG,
        "runs": [{"method": "control"}],
        "output": {"every_hours": 6, "figures": False, "fields": ["background", "observation"]},
    }
    run_campaign(parse_config(raw), tmp_path / "run")
    archive = campaign_archive(tmp_path / "run")
    assert len(archive.times) == 6
    pair = build_climatologies(archive, tmp_path / "bias.nc").annual
    archive.close()
    seen = pair.count > 3
    # White errors of 0.06 on the truth: the product varies more than the model.
    assert np.nanmean(pair.product.std[seen]) > 1.5 * np.nanmean(pair.model.std[seen])
    assert len(campaign_archive(tmp_path / "run", first=datetime(2022, 6, 3)).times) == 3
    with pytest.raises(DataError, match="none with background"):
        campaign_archive(tmp_path / "run", first=datetime(2023, 6, 3))


def test_archives_that_do_not_fit(domain: Domain, trained: Path, tmp_path: Path) -> None:
    model = open_image_series([trained / "model"], "sm")
    later = series(tmp_path / "later", Made(domain), domain, "product", 2)
    with pytest.raises(DataError, match="no time in common"):
        series_archive(model.between(datetime(2021, 6, 5), None), open_image_series([later], "sm"), (0.0, 0.1))
    coarse, grid = tmp_path / "coarse.nc", regular_grid(16, 32)
    write_images(
        coarse, grid, {"sm": OutputField(np.full(grid.shape, 0.2), {"units": "m3 m-3"})}, time=datetime(2021, 6, 1)
    )
    with pytest.raises(ConfigError, match="Choose how to regrid"):
        series_archive(model, open_image_series([coarse], "sm"), (0.0, 0.1))
    archive = series_archive(model, open_image_series([coarse], "sm"), (0.0, 0.1), "conservative")
    np.testing.assert_allclose(archive.read(0)[1], 0.2)


def test_counts_of_records_take_each_cycle_once() -> None:
    counts = {"used": 5, "missing": 2, "snow": 1, "frozen soil": 0}
    records = [
        {"cycle": 1, "run": "control", "observations": counts},
        {"cycle": 1, "run": "pointwise", "observations": counts},
        {"cycle": 2, "run": "control"},
        {"cycle": 3, "run": "control", "observations": counts},
    ]
    n_times, total = counts_of_records(records)
    assert (n_times, total["used"]) == (2, 10)
    assert counts_table(n_times, total) == [
        ("used", "10 (5 per time)", "83.33 %"),
        ("missing", "4 (2 per time)", ""),
        ("snow", "2 (1 per time)", "16.67 %"),
    ]
    assert counts_table(0, {}) == []


def test_energies_by_scale_are_those_of_the_image() -> None:
    frame = make_frame((32, 64))
    image = np.random.default_rng(0).standard_normal((32, 64))
    energies = scale_energies(frame)(image)
    total = sum(value for name, value in energies.items() if "wedge" not in name)
    assert total == pytest.approx(np.sum(image**2), rel=1e-10)
