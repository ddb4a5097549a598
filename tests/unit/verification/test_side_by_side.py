"""Benchmarks next to a campaign's scores, and the papers' series and sections."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.errors import DataError
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures.map_layout import KINDS, Kind, Panel, arrange, arrange_in_grid
from landda_hpc.verification.figures.paper_series import Line, draw_lines, draw_sections, read_profiles
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE, TRUTH, ScoreRecord
from landda_hpc.verification.tables.side_by_side import ComparedRuns, ScoreOf, measure, side_by_side

START = datetime(2022, 6, 2)
ROLES = ComparedRuns("control", "enkf_like")


def record(hours: int, run: str, stage: str, window: str, scc: float) -> ScoreRecord:
    return ScoreRecord(
        hours // 6, START + timedelta(hours=hours), run, TRUTH, "0-10 cm", stage, window, scc, 0.1, 0.0, 0.1, 50
    )


RECORDS = [
    record(6, "control", "forecast", "assimilation", 0.40),
    record(12, "control", "forecast", "assimilation", 0.44),
    record(6, "enkf_like", "background", "assimilation", 0.40),
    record(6, "enkf_like", "analysis", "assimilation", 0.70),
    record(12, "enkf_like", "background", "assimilation", 0.60),
    record(12, "enkf_like", "analysis", "assimilation", 0.80),
    record(18, "enkf_like", "forecast", "forecast", 0.75),
    record(24, "enkf_like", "forecast", "forecast", 0.55),
]


@pytest.mark.parametrize(
    ("window", "assimilates", "statistic", "expected"),
    [
        ("assimilation", False, "mean", 0.42),
        ("assimilation", False, "first", 0.40),
        ("assimilation", True, "mean", 0.75),
        ("assimilation", True, "onset", 0.70),
        ("assimilation", True, "last", 0.80),
        ("forecast", True, "first", 0.75),
        ("forecast", True, "last", 0.55),
        ("forecast", False, "mean", math.nan),
    ],
)
def test_measure(window: str, assimilates: bool, statistic: str, expected: float) -> None:
    wanted = ScoreOf("0-10 cm", window, "scc", assimilates, statistic)  # type: ignore[arg-type]
    assert measure(RECORDS, wanted, ROLES, TRUTH) == pytest.approx(expected, nan_ok=True)


def test_means_leave_out_early_times_and_first_times_do_not() -> None:
    since = START + timedelta(hours=12)
    mean = ScoreOf("0-10 cm", "assimilation", "scc", True)
    onset = ScoreOf("0-10 cm", "assimilation", "scc", True, "onset")
    assert measure(RECORDS, mean, ROLES, TRUTH, since) == pytest.approx(0.80)
    assert measure(RECORDS, onset, ROLES, TRUTH, since) == pytest.approx(0.70)


def test_the_table_has_published_and_ours() -> None:
    figures = (
        Benchmark("S", "new", "assimilation", "0-10 cm", "scc", 0.75, 0.8, place="Fig. 8a", what="surface SCC"),
        Benchmark("S", "control", "forecast", "0-10 cm", "rmse", 0.425, place="Fig. 8a", what="forecast"),
    )
    lines = side_by_side(figures, RECORDS, ROLES, (TRUTH, ASSIMILATED_REFERENCE)).splitlines()
    assert lines[2] == "| Fig. 8a | surface SCC | 0.75 to 0.8 | 0.750 | - |"
    assert lines[3] == "| Fig. 8a | forecast | 0.425 | - | - |"
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize(("paper", "images", "others"), [("bai2026", 20, 10), ("shen2024", 13, 4)])
def test_scores_of_the_papers_are_whole(paper: str, images: int, others: int) -> None:
    found = read_benchmarks((Path(f"package:papers/{paper}.csv"),), Path())
    kinds = [one.kind == "images" for one in found]
    assert (kinds.count(True), kinds.count(False)) == (images, others)
    keys = {(b.kind, b.region, b.layer, b.window, b.method, b.metric, b.statistic) for b in found}
    assert len(keys) == len(found) and all(one.place and one.against for one in found)


def test_profiles_are_read_and_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = [
        {
            "cycle": cycle,
            "time": (START + timedelta(hours=6 * cycle)).isoformat(),
            "run": run,
            "place": 0,
            "lat": 42.0,
            "lon": 266.5,
            "water": rng.uniform(0.1, 0.4, 10).tolist(),
        }
        for cycle in range(1, 61)
        for run in ("control", "enkf_like")
    ]
    path = tmp_path / "profiles.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    profiles = read_profiles(path)
    assert set(profiles) == {(0, "control"), (0, "enkf_like")}
    assert profiles[0, "control"].water.shape == (60, 10)
    np.testing.assert_array_equal(profiles[0, "enkf_like"].water[-1], lines[-1]["water"])
    section = [("corn", profiles[0, "enkf_like"], profiles[0, "control"])]
    draw_sections(section, tmp_path / "sections.png", window_end=START + timedelta(days=8), title="corn")
    assert (tmp_path / "sections.png").stat().st_size > 5000
    assert read_profiles(tmp_path / "none.jsonl") == {}
    path.write_text('{"cycle": 1, "time": "2022-06-02T06:00:00", "run": "control"}\n')
    with pytest.raises(DataError, match="malformed profile"):
        read_profiles(path)


def test_lines_of_layers(tmp_path: Path) -> None:
    lines = [
        Line(run, "0-10 cm", run, colour, dash, {"scc": 0.8})  # type: ignore[arg-type]
        for run, colour, dash in (("enkf_like", "red", "-"), ("control", "red", "--"))
    ]
    draw_lines(RECORDS, tmp_path / "a.png", lines, reference=TRUTH, scores=("scc", "rmse"), title="x")
    assert (tmp_path / "a.png").stat().st_size > 5000
    with pytest.raises(DataError, match="no score record"):
        draw_lines(RECORDS, tmp_path / "b.png", lines, reference="else", scores=("scc",), title="x")


def test_panels_in_a_grid_change_rows_with_their_kind() -> None:
    image = np.zeros((2, 2))
    kinds: list[Kind] = ["field"] * 3 + ["difference"] * 2 + ["increment"]
    panels = [Panel(str(i), str(i), image, kind) for i, kind in enumerate(kinds)]
    layout = arrange_in_grid(panels, GLOBE, 2)
    assert [(row, column) for row, column, _, _ in layout.places] == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0)]
    assert layout.n_rows == 4


def test_each_kind_of_map_has_its_own_bar() -> None:
    image = np.zeros((2, 2))
    panels = [Panel(kind, kind, image, kind) for kind in ("increment", "field", "difference", "field")]
    for region in (GLOBE, Region("tall", 0.0, 60.0, 0.0, 50.0)):
        layout = arrange(panels, (region,))
        boxes = [layout.box_of_bar(kind) for kind in KINDS]
        assert all(0.0 < left < left + width < 1.0 and 0.0 < low < low + high < 1.0 for left, low, width, high in boxes)
        assert len({(round(left, 3), round(low, 3)) for left, low, _, _ in boxes}) == 3
