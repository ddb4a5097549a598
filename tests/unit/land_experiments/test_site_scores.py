"""Scores at one site against closed forms."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.constants import N_SOIL
from landda_hpc.land_experiments.site_figures import draw_diurnal, draw_fluxes, draw_soil
from landda_hpc.land_experiments.site_scores import (
    TOWER,
    SiteSeries,
    compare_ranges,
    compare_sites,
    flux_bars,
    score,
    write_scores,
)

START = datetime(2008, 1, 1)
N_HOUR = 24 * 40


def series(offset: float = 0.0, start: datetime = START) -> SiteSeries:
    """Sines of a day, moved by ``offset``."""
    day = np.sin(2 * np.pi * np.arange(N_HOUR) / 24)
    values = dict.fromkeys(("latent", "sensible", "net_radiation", "longwave_up"), 100.0 * day + 100.0 * offset)
    values["soil_moisture"] = np.repeat((0.25 + 0.05 * day + offset)[:, None], N_SOIL, axis=1)
    values["soil_temperature"] = np.repeat((280.0 + 5.0 * day + offset)[:, None], N_SOIL, axis=1)
    return SiteSeries(start, values)


def test_score_is_that_of_the_hours_that_both_have() -> None:
    a = np.array([1.0, 2.0, 3.0, np.nan])
    b = np.array([0.0, 1.0, 2.0, 5.0])
    assert score(a, b) == pytest.approx((3, 1.0, 1.0, 1.0))
    assert score(a, -b)[3] == pytest.approx(-1.0)
    n, rmse, bias, r = score(a, np.full(4, np.nan))
    assert n == 0
    assert np.isnan([rmse, bias, r]).all()
    assert np.isnan(score(a, np.ones(4))[3])


def test_hours_outside_are_unknown() -> None:
    moved = series().over(datetime(2008, 1, 2), N_HOUR)
    assert moved.n_hour == N_HOUR
    np.testing.assert_array_equal(moved.values["latent"][:-24], series().values["latent"][24:])
    assert np.isnan(moved.values["latent"][-24:]).all()
    before = series().over(datetime(2007, 12, 31), 48)
    assert np.isnan(before.values["soil_moisture"][:24]).all()
    np.testing.assert_array_equal(before.values["soil_moisture"][24:], series().values["soil_moisture"][:24])


def test_offsets_come_back_as_bias_and_rmse() -> None:
    tower = SiteSeries(START, {"latent": series().values["latent"]})
    scores = compare_sites("run", series(0.02), {"a": series(-0.01), "b": series()}, tower)
    found = {(s.variable, s.layer, s.series, s.against): (s.rmse, s.bias) for s in scores}
    assert found["latent", 0, "run", TOWER] == pytest.approx((2.0, 2.0))
    assert found["latent", 0, "a", TOWER] == pytest.approx((1.0, -1.0))
    assert found["soil_moisture", 4, "run", "a"] == pytest.approx((0.03, 0.03))
    assert ("sensible", 0, "run", TOWER) not in found
    (bar,) = flux_bars("run", "a", scores)
    assert (bar.rmse, bar.reference_rmse, bar.is_met) == (pytest.approx(2.0), pytest.approx(1.0), False)


@pytest.mark.parametrize(
    ("offset", "share", "outside", "is_within"), [(0.01, 1.0, 0.0, True), (0.03, 0.0, 0.01, False)]
)
def test_range_of_references(offset: float, share: float, outside: float, is_within: bool) -> None:
    ranges = compare_ranges(series(offset), {"a": series(), "b": series(0.02)})
    assert len(ranges) == 2 * N_SOIL
    first = ranges[0]
    assert (first.variable, first.layer, first.spread) == ("soil_moisture", 1, pytest.approx(0.02))
    assert (first.own, first.nearest) == (pytest.approx(offset), pytest.approx(0.01))
    assert (first.share_within, first.outside, first.is_within) == (share, pytest.approx(outside, abs=1e-12), is_within)
    assert compare_ranges(series(), {"a": series()}) == []


def test_tables_and_figures_are_written(tmp_path: Path) -> None:
    run, references = series(0.01), {"a": series(), "b": series(0.02)}
    tower = SiteSeries(START, {"latent": np.where(np.arange(N_HOUR) % 3, series().values["latent"], np.nan)})
    scores = compare_sites("run", run, references, tower)
    write_scores(scores, compare_ranges(run, references), tmp_path)
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(scores)
    assert float(rows[0]["rmse"]) == pytest.approx(1.0)
    assert (tmp_path / "ranges.csv").is_file()
    draw_soil("soil_moisture", "run", run, references, "here", tmp_path / "soil.png")
    draw_soil("soil_temperature", "run", run, {}, "here", tmp_path / "alone.png")
    draw_fluxes("run", run, references, tower, "here", tmp_path / "fluxes.png")
    draw_diurnal("run", run, references, None, "here", tmp_path / "diurnal.png")
    assert len(list(tmp_path.glob("*.png"))) == 4
