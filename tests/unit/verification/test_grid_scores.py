"""Scores against gridded references, and the files and figures of a verification."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.grid import regular_grid
from landda_hpc.regions import named_regions
from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
from landda_hpc.verification.figures.maps import Coastline, Ground
from landda_hpc.verification.figures.rain_series import ScoreLine, StationPanel, draw_scores_with_rain, draw_stations
from landda_hpc.verification.figures.station_maps import DayPanel, draw_day, draw_station_scores, score_rows
from landda_hpc.verification.statistics.anomalies import AnomalyRule
from landda_hpc.verification.statistics.dependence import Bootstrap
from landda_hpc.verification.statistics.grid_scores import Compared, mean_patterns, score_cells, score_patterns
from landda_hpc.verification.statistics.intervals import estimate_mean
from landda_hpc.verification.tables.grid_table import reference_markdown, write_pattern_csv, write_reference_netcdf
from landda_hpc.verification.tables.station_table import group_table

GRID = regular_grid(18, 36)
CHINA, UNITED_STATES = named_regions(BAI2026_REGIONS, Path())
N_TIME = 80
TIMES = tuple(datetime(2022, 6, 2) + timedelta(hours=6 * i) for i in range(N_TIME))
CELLS = np.arange(200, 330)
WINDOWS = {
    "assimilation": np.arange(N_TIME) < 60,
    "forecast": np.arange(N_TIME) >= 60,
}


@pytest.fixture(scope="module")
def compared() -> Compared:
    rng = np.random.default_rng(1)
    truth = 0.25 + 0.1 * rng.normal(size=130) + 0.03 * np.cumsum(rng.normal(size=(N_TIME, 130)), axis=0) / 5.0
    truth[5, 7] = np.nan
    runs = {
        "control": truth + 0.05 * rng.normal(size=130) + 0.02 * rng.normal(size=truth.shape),
        "image": truth + 0.01 * rng.normal(size=truth.shape),
    }
    return Compared("product", "0-7 cm", TIMES, runs, truth)


def test_patterns_are_spatial_correlations_at_each_time(compared: Compared) -> None:
    regions = {"all cells": np.arange(130), "part": np.arange(40, 90)}
    series = score_patterns(compared, regions)
    for region, cells in regions.items():
        for run, field in compared.runs.items():
            scores = series.scores[region][run]
            for i in (0, 5, 79):
                x, y = field[i, cells], compared.values[i, cells]
                known = np.isfinite(y)
                assert scores["scc"][i] == pytest.approx(np.corrcoef(x[known], y[known])[0, 1], abs=1e-12)
                assert scores["bias"][i] == pytest.approx(np.mean((x - y)[known]), abs=1e-14)
    rows = mean_patterns(series, WINDOWS, "control")
    found = {(r.window, r.group, r.run, r.metric): r for r in rows}
    image = found["assimilation", "part", "image", "scc"]
    control = found["assimilation", "part", "control", "scc"]
    assert image.score.value == pytest.approx(series.scores["part"]["image"]["scc"][:60].mean())
    assert image.difference is not None and control.difference is None
    assert image.difference.value == pytest.approx(image.score.value - control.score.value, abs=1e-12)
    assert image.difference.low > 0.0, "ten times smaller errors are surely better"
    assert image.score.n_places == 60


def test_means_of_patterns_stay_within_the_range_of_their_score() -> None:
    """Six times, one of them far off: Student's interval of SCC reaches beyond 1, of ubRMSE below 0."""
    rng = np.random.default_rng(4)
    times = TIMES[:6]
    truth = 0.3 + 0.1 * rng.normal(size=(6, 50))
    near = truth + 0.001 * rng.normal(size=truth.shape)
    near[0] += 0.2 * rng.normal(size=50)
    runs = {"control": truth + 0.02 * rng.normal(size=truth.shape), "near": near}
    series = score_patterns(Compared("product", "0-7 cm", times, runs, truth), {"all cells": np.arange(50)})
    rows = mean_patterns(series, {"assimilation": np.ones(6, dtype=bool)}, "control")
    found = {(r.run, r.metric): r for r in rows}
    scc, ubrmse = (found["near", name] for name in ("scc", "ubrmse"))
    plain = estimate_mean(series.scores["all cells"]["near"]["scc"][:, None])
    assert plain.high[0] > 1.0, "the case is one"
    assert -1.0 <= scc.score.low < scc.score.value < scc.score.high <= 1.0
    assert 0.0 < ubrmse.score.low < ubrmse.score.value
    assert scc.difference is not None and -2.0 <= scc.difference.low <= scc.difference.high <= 2.0
    assert ubrmse.difference is not None
    assert found["control", "ubrmse"].score.value + ubrmse.difference.low >= 0.0
    assert ubrmse.score.value - ubrmse.difference.high >= 0.0


def score_all(compared: Compared, seed: int = 1) -> list[Any]:
    return score_cells(
        compared,
        WINDOWS,
        {"all cells": np.arange(130)},
        np.linspace(1.0, 2.0, 130),
        rule=AnomalyRule(),
        baseline="control",
        min_pairs=15,
        bootstrap=Bootstrap(100, seed),
    )


def test_cells_are_scored_in_each_window_by_itself(compared: Compared) -> None:
    found = score_all(compared)
    assert [one.window for one in found] == ["assimilation", "forecast"]
    values = found[1].scores.scores["image"]["r"].value
    for cell in (0, 64, 129):
        expected = np.corrcoef(compared.runs["image"][60:, cell], compared.values[60:, cell])[0, 1]
        assert values[cell] == pytest.approx(expected, abs=1e-12)
    row = next(r for r in found[1].groups if r.run == "image" and r.metric == "r")
    assert row.score.value == pytest.approx(np.average(values, weights=np.linspace(1.0, 2.0, 130)), abs=1e-12)
    assert row.score.low < row.score.value < row.score.high
    again = score_all(compared)
    assert [g.score for one in again for g in one.groups] == [g.score for one in found for g in one.groups]
    other = score_all(compared, seed=2)
    assert [g.score for one in other for g in one.groups] != [g.score for one in found for g in one.groups]


def test_files_hold_the_scores(compared: Compared, tmp_path: Path) -> None:
    series, cells = score_patterns(compared, {"all cells": np.arange(130)}), score_all(compared)
    write_pattern_csv(tmp_path / "patterns.csv", [series])
    with (tmp_path / "patterns.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * N_TIME and rows[0]["time"] == "2022-06-02T00:00:00"
    write_reference_netcdf(tmp_path / "r.nc", GRID, CELLS, series, cells, {"title": "test"})
    with netCDF4.Dataset(tmp_path / "r.nc") as file:
        assert file["r"].dimensions == ("window", "run", "lat", "lon")
        image = np.ma.filled(file["r"][1, 1], np.nan).reshape(-1)
        np.testing.assert_allclose(image[CELLS], cells[1].scores.scores["image"]["r"].value, rtol=1e-6)
        assert np.isnan(image[:200]).all() and file["ubrmse"].units == "m3 m-3"
        assert file["pattern_scc"].shape == (1, 2, N_TIME)
        change = np.ma.filled(file["r_difference_low"][0, 1], np.nan).reshape(-1)[CELLS]
        np.testing.assert_allclose(change, cells[0].scores.differences["image"]["r"].low, rtol=1e-5, atol=1e-7)
    rows = [*mean_patterns(series, WINDOWS, "control"), *(row for one in cells for row in one.groups)]
    text = reference_markdown(rows)
    assert "| assimilation | all cells | 0-7 cm | image |" in text and "**+" in text
    assert len(group_table([r for r in rows if r.kind == "cells"], "title")) == 2


def test_every_figure_is_drawn(tmp_path: Path, pictures: Any) -> None:
    rng = np.random.default_rng(3)
    grid = regular_grid(32, 64)
    land = pictures.example_land(grid)
    ground = Ground(grid, land, Coastline(grid, land.astype(float)))
    lat = np.concatenate([rng.uniform(20, 50, 20), rng.uniform(30, 45, 20)])
    lon = np.concatenate([rng.uniform(75, 130, 20), rng.uniform(-120, -70, 20)])
    for metric, size in (("r", 0.5), ("ubrmse", 0.04), ("bias", 0.05)):
        one, two = size * rng.random(40), size * rng.random(40)
        one[3] = np.nan
        rows = score_rows(
            {"control": one, "image": two}, {"image": (two - one, two - one - 0.1, two - one + 0.1)}, "control"
        )
        draw_station_scores(
            (lat, lon), rows, ground, tmp_path / f"{metric}.png", metric=metric, regions=[CHINA, UNITED_STATES],
            title="Title", label=metric,
        )  # fmt: skip
        assert min(pictures.png_size(tmp_path / f"{metric}.png")) > 300
    field = np.where(land, rng.normal(size=grid.shape), np.nan)
    panels = [
        DayPanel("a", 0.01 * rng.normal(size=40), note="SCC 0.5"),
        DayPanel("b", 0.02 * rng.normal(size=40)),
        DayPanel("c", image=0.05 * field),
        DayPanel("rain", image=10.0 * np.abs(field), is_rain=True),
    ]
    draw_day(panels, ground, tmp_path / "day.png", lat=lat, lon=lon, region=CHINA, day=date(2022, 6, 18), title="T")
    series = rng.random(N_TIME)
    rain = [(datetime(2022, 6, 2) + timedelta(days=i), float(i)) for i in range(20)]
    draw_stations(
        [StationPanel("one", series, {"control": series}, {"control": "R = 1"}, rain)], TIMES, tmp_path / "s.png",
        title="T", window_end=TIMES[60],
    )  # fmt: skip
    lines = [ScoreLine("control", "0-10 cm", series), ScoreLine("control", "10-40 cm", 0.5 * series)]
    draw_scores_with_rain({"China": lines}, TIMES, {"China": rain}, tmp_path / "scc.png", title="T", window_end=None)
    for name in ("day", "s", "scc"):
        assert min(pictures.png_size(tmp_path / f"{name}.png")) > 300
