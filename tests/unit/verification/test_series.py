"""Score series and innovation statistics: whole figures for whole, short and undefined series."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.score_series import (
    InnovationRecord,
    draw_innovations,
    draw_score_series,
    read_innovations,
)
from landda_hpc.verification.run_styles import run_styles
from landda_hpc.verification.tables.benchmarks import read_benchmarks
from landda_hpc.verification.tables.score_records import ScoreRecord

T0 = datetime(2022, 6, 2)


def campaign(n_analyses, n_forecasts, runs=("control", "pointwise", "enkf_like", "other"), scc=None):
    made = []
    for c in range(1, n_analyses + n_forecasts + 1):
        for k, run in enumerate(runs):
            for d, layer in enumerate(("0-10 cm", "10-40 cm", "40-100 cm")):
                stages = ("forecast",) if c > n_analyses else ("background", "analysis")
                for stage in stages:
                    value = 0.4 + 0.1 * k - 0.05 * d if scc is None else scc
                    made.append(
                        ScoreRecord(c, T0 + timedelta(hours=6 * c), run, "truth", layer, stage,
                                    "forecast" if stage == "forecast" else "assimilation",
                                    value, 0.1, 0.0, 0.12 - 0.02 * k, 100)
                    )  # fmt: skip
    return made


BENCHMARKS = read_benchmarks((Path("package:papers/bai2026.csv"),), Path())


def test_benchmarks_are_lines_over_the_window(tmp_path, monkeypatch):
    """Means of images at drawn layers, with a band for a range; the legend names them; none without a window."""
    drawn = []
    monkeypatch.setattr(appearance, "save", lambda figure, path: drawn.append(figure))
    draw_score_series(campaign(20, 10), tmp_path / "a.png", reference="truth")
    draw_score_series(campaign(20, 10), tmp_path / "a.png", reference="truth", benchmarks=BENCHMARKS)
    draw_score_series(campaign(0, 10), tmp_path / "a.png", reference="truth", benchmarks=BENCHMARKS)

    def labels(figure):
        return [text.get_text() for text in figure.legends[0].get_texts()]

    without, known, free = drawn
    assert labels(known) == [*labels(without), "[B26] control", "[B26] assimilation"]
    assert not any("B26" in label for label in labels(free))
    more = [len(b.lines) - len(a.lines) for a, b in zip(without.axes, known.axes, strict=True)]
    bands = [len(b.collections) - len(a.collections) for a, b in zip(without.axes, known.axes, strict=True)]
    assert more[:2] == [2, 2] and bands[:2] == [2, 1], "0-10 cm: SCC 0.4-0.45 and 0.75-0.8; ubRMSE 0.12 and 0.06-0.065"


@pytest.mark.parametrize(("n_analyses", "n_forecasts"), [(20, 10), (20, 0), (0, 10), (1, 0), (1, 1)])
def test_score_series(pictures, tmp_path, n_analyses, n_forecasts):
    path = tmp_path / "scores.png"
    draw_score_series(campaign(n_analyses, n_forecasts), path, reference="truth", benchmarks=BENCHMARKS)
    width, height = pictures.png_size(path)
    assert 1200 <= width <= 1800
    assert 900 <= height <= 1500


def test_undefined_scores_and_chosen_runs(pictures, tmp_path):
    draw_score_series(campaign(4, 2, scc=math.nan), tmp_path / "a.png", reference="truth")
    assert min(pictures.png_size(tmp_path / "a.png")) > 500
    with pytest.raises(DataError, match="no score record against 'CLDAS'"):
        draw_score_series(campaign(4, 2), tmp_path / "b.png", reference="CLDAS")


def test_runs_keep_their_colours():
    assert run_styles(["enkf_like"])["enkf_like"] == run_styles(["control", "enkf_like"])["enkf_like"]
    styles = run_styles(["control", "pointwise", "enkf_like", *"abcdef"])
    assert len({colour for colour, *_ in styles.values()}) == 9


def statistics(n):
    return [
        {
            "cycle": c,
            "time": (T0 + timedelta(hours=6 * c)).isoformat(),
            "run": run,
            "innovation_mean": 0.01 / c,
            "innovation_std": 0.1,
            "residual_mean": None,
            "residual_std": 0.03,
            "n_observations": 7000,
            "gain": 0.69,
        }
        for c in range(1, n + 1)
        for run in ("control", "enkf_like")
    ]


def test_innovations_are_read_and_drawn(pictures, tmp_path):
    path = tmp_path / "cycles.jsonl"
    lines = [*statistics(8), statistics(1)[0], {"cycle": 9, "seconds": 1.0}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_innovations(path)
    assert len(found) == 16
    assert (found[1].run, found[1].n_observations, found[1].innovation_mean) == ("enkf_like", 7000, 0.01)
    assert math.isnan(found[0].residual_mean)
    for n in (1, 16):
        draw_innovations(found[:n], tmp_path / f"{n}.png")
        assert min(pictures.png_size(tmp_path / f"{n}.png")) > 700


def test_bad_innovations_are_named(tmp_path):
    path = tmp_path / "cycles.jsonl"
    with pytest.raises(MissingFileError):
        read_innovations(path)
    line = statistics(1)[0]
    path.write_text(json.dumps({k: v for k, v in line.items() if k != "run"}) + "\n")
    with pytest.raises(DataError, match="line 1: innovation statistics lack run"):
        read_innovations(path)
    path.write_text(json.dumps(line | {"innovation_std": "x"}) + "\n")
    with pytest.raises(DataError, match="malformed"):
        read_innovations(path)
    with pytest.raises(DataError, match="no innovation statistics"):
        draw_innovations([], tmp_path / "a.png")
    with pytest.raises(DataError, match="no innovation statistics"):
        draw_innovations(list[InnovationRecord](), tmp_path / "a.png")
