"""Table and figure of ensembles, from records of the cycles."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from landda_hpc.errors import DataError
from landda_hpc.verification.figures.ensemble_figures import draw_ensembles
from landda_hpc.verification.tables.ensemble_table import (
    compare_ensembles,
    comparison_of_ensembles_markdown,
    ensemble_markdown,
    summarise_ensembles,
)

START = datetime(2022, 6, 2)


def records(*, has_truth: bool = True) -> list[dict[str, Any]]:
    found = []
    for cycle in range(1, 9):
        time = (START + cycle * timedelta(hours=6)).isoformat()
        for run, stage in (("free", "forecast"), ("letkf", "background"), ("letkf", "analysis")):
            truth = {"rmse": 0.02 * cycle, "spread_skill": 1.0, "crps": 0.01} if has_truth else {}
            layers = {layer: {"spread": 0.03, **truth} for layer in ("0-10 cm", "10-40 cm")}
            line = {"cycle": cycle, "time": time, "run": run, "stage": stage, "members": 3, "layers": layers}
            found.append(line | {"effective_size": 2.0, "rank_histogram": [4, 3, 2, 3], "ranked": "truth"})
    return found


def test_the_table_has_means_over_time_by_run_stage_and_layer() -> None:
    rows = summarise_ensembles(records(), START + timedelta(hours=42))
    assert [(r.run, r.stage, r.layer) for r in rows][:3] == [
        ("free", "forecast", "0-10 cm"), ("free", "forecast", "10-40 cm"), ("letkf", "background", "0-10 cm")
    ]  # fmt: skip
    first = rows[0]
    assert first.rmse == pytest.approx((0.5 * (0.14**2 + 0.16**2)) ** 0.5)
    assert first.ratio == pytest.approx(0.03 * (4.0 / 3.0) ** 0.5 / first.rmse)
    text = ensemble_markdown(rows)
    assert "| letkf (3) analysis | 10-40 cm | 0.0300 |" in text
    assert ensemble_markdown([]) == ""


def test_without_a_truth_the_table_has_the_spread_alone() -> None:
    (*_, last) = ensemble_markdown(summarise_ensembles(records(has_truth=False))).splitlines()
    assert last.split("|")[3:-1] == [" 0.0300 ", " ", " ", " "]


def test_a_comparison_has_intervals_over_seeds() -> None:
    other = {"layers": {"0-10 cm": {"spread": 0.03, "rmse": 0.1, "crps": 0.03}}}
    of_seeds = {1: records(), 2: [r | other for r in records()]}
    rows = compare_ensembles(of_seeds, START, START + timedelta(hours=36), START + timedelta(hours=48))
    (letkf,) = [r for r in rows if (r.run, r.place, r.layer) == ("letkf", "analysis", "0-10 cm")]
    assert letkf.crps.mean == pytest.approx(0.02) and letkf.crps.n == 2
    (free,) = [r for r in rows if (r.run, r.place, r.layer) == ("free", "forecast, last day", "0-10 cm")]
    assert free.crps.half_width > 0.0
    assert "| free | 3 | forecast, last day | 0-10 cm |" in comparison_of_ensembles_markdown(rows)


def test_times_without_an_analysis_do_not_count_among_analyses() -> None:
    lines = records()
    for line in lines:
        if line["run"] == "letkf" and line["cycle"] % 2:
            line["stage"] = "forecast"
    rows = compare_ensembles({1: lines, 2: lines}, START, START + timedelta(hours=36), START + timedelta(hours=36))
    assert all(row.crps.n == 2 for row in rows)


@pytest.mark.parametrize("has_truth", [True, False])
def test_the_figure_is_drawn_without_a_warning(tmp_path: Path, has_truth: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_ensembles(records(has_truth=has_truth), tmp_path / "ensembles.png", layer="0-10 cm")
    with Image.open(tmp_path / "ensembles.png") as picture:
        assert picture.size[0] > 600
    with pytest.raises(DataError, match="no record of an ensemble"):
        draw_ensembles([], tmp_path / "none.png", layer="0-10 cm")
