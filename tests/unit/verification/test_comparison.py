"""Intervals and paired differences in closed form; what counts where; the table's files."""

from __future__ import annotations

import csv
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import stats

from landda_hpc.errors import DataError
from landda_hpc.verification.figures.comparison_figures import draw_comparison
from landda_hpc.verification.statistics.sample_size import seed_warnings
from landda_hpc.verification.tables.comparison_table import (
    ComparisonRow,
    compare,
    comparison_markdown,
    comparison_tables,
    student_interval,
    write_comparison_csv,
)
from landda_hpc.verification.tables.score_records import ScoreRecord

T0 = datetime(2022, 6, 2)
SINCE = T0 + timedelta(hours=12)
METHODS = ("control", "blend", "best")
OFFSETS = {"control": 0.08, "blend": 0.0, "best": -0.01}


def record(
    run: str, hours: int, ubrmse: float, stage: str, window: str = "assimilation", **changes: str
) -> ScoreRecord:
    labels = {"reference": "truth", "layer": "0-10 cm"} | changes
    return ScoreRecord(
        hours // 6, T0 + timedelta(hours=hours), run, labels["reference"], labels["layer"], stage, window,
        1.0 - ubrmse, ubrmse, 0.0, ubrmse, 100,
    )  # fmt: skip


def campaign(level: float, jitter: float = 0.0, **labels: str) -> list[ScoreRecord]:
    """One seed: four analyses (6 to 24 h), then two days of forecast; the control never analyses."""
    found = []
    for run, offset in OFFSETS.items():
        value = level + offset + (jitter if run == "best" else 0.0)
        for hours in range(6, 30, 6):
            if run == "control":
                found.append(record(run, hours, value, "forecast", **labels))
            else:
                found.append(record(run, hours, value + 0.002, "background", **labels))
                found.append(record(run, hours, value, "analysis", **labels))
        found += [record(run, h, value + h * 1e-4, "forecast", "forecast", **labels) for h in range(30, 78, 6)]
    return found


def one(rows: list[ComparisonRow], method: str, window: str, stage: str, **more: str) -> ComparisonRow:
    wanted = {"score": "ubrmse", "reference": "truth", "layer": "0-10 cm"} | more
    found = [
        r
        for r in rows
        if (r.method, r.window, r.stage) == (method, window, stage)
        and all(getattr(r, name) == value for name, value in wanted.items())
    ]
    assert len(found) == 1
    return found[0]


def run_compare(seeds: dict[int, list[ScoreRecord]], baseline: str = "blend") -> list[ComparisonRow]:
    return compare(seeds, methods=METHODS, baseline=baseline, since=SINCE, tuned=("best",))


class TestStudentInterval:
    def test_two_values_in_closed_form(self) -> None:
        """n = 2: t = tan(0.475 pi), the half-width is t |a - b| / 2."""
        found = student_interval([0.3, 0.5])
        assert found.mean == pytest.approx(0.4)
        assert found.half_width == pytest.approx(math.tan(0.475 * math.pi) * 0.1, rel=1e-12)
        assert found.n == 2

    def test_three_values_in_closed_form(self) -> None:
        """n = 3: t = c sqrt(2 / (1 - c2)), c = 0.95; -1, 0, 1 have s = 1."""
        c = 0.95
        found = student_interval([-1.0, 0.0, 1.0])
        assert found.half_width == pytest.approx(c * math.sqrt(2.0 / (1.0 - c * c)) / math.sqrt(3.0), rel=1e-12)

    @given(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=12))
    def test_against_scipy(self, values: list[float]) -> None:
        found = student_interval(values)
        error = float(stats.sem(values))
        assert found.mean == pytest.approx(float(np.mean(values)), abs=1e-12)
        assert found.half_width == pytest.approx(error * float(stats.t.ppf(0.975, len(values) - 1)), abs=1e-12)

    def test_nothing_one_and_missing_values(self) -> None:
        assert math.isnan(student_interval([]).mean)
        single = student_interval([0.2, math.nan])
        assert (single.mean, single.n) == (0.2, 1)
        assert math.isnan(single.half_width)
        assert student_interval([0.25, 0.25, 0.25]).half_width == 0.0

    def test_covers_the_mean_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(5)
        draws = rng.normal(0.4, 0.1, (4000, 4)).tolist()
        hits = [abs(i.mean - 0.4) <= i.half_width for i in map(student_interval, draws)]
        assert np.mean(hits) == pytest.approx(0.95, abs=0.015)  # four standard deviations of the share


class TestCompare:
    levels = (0.03, 0.05, 0.07)
    jitters = (0.001, 0.0, -0.001)

    @pytest.fixture
    def rows(self) -> list[ComparisonRow]:
        return run_compare({s: campaign(v, j) for s, v, j in zip((1, 2, 3), self.levels, self.jitters, strict=True)})

    def test_mean_interval_and_paired_difference(self, rows: list[ComparisonRow]) -> None:
        blend, best = one(rows, "blend", "assimilation", "analysis"), one(rows, "best", "assimilation", "analysis")
        t_over_root_n = 0.95 * math.sqrt(2.0 / (1.0 - 0.95**2)) / math.sqrt(3.0)
        assert blend.mean == pytest.approx(0.05)
        assert blend.half_width == pytest.approx(0.02 * t_over_root_n)
        assert best.mean == pytest.approx(0.04)
        # What the seeds have in common goes out of the differences: they are 20 times tighter here.
        assert best.paired_difference == pytest.approx(-0.01)
        assert best.paired_half_width == pytest.approx(0.001 * t_over_root_n)
        assert (best.baseline, best.n_seeds, best.n_pairs, best.note) == ("blend", 3, 3, "tuned on truth")
        assert math.isnan(blend.paired_difference) and blend.n_pairs == 0 and not blend.note

    def test_two_seeds_give_intervals_within_the_range_and_a_warning(self) -> None:
        rows = run_compare({s: campaign(v, j) for s, v, j in ((1, 0.02, 0.01), (2, 0.08, -0.01))})
        for row in rows:
            assert math.isfinite(row.low) and row.low <= row.mean <= row.high
            if row.score == "scc":
                assert row.low >= -1.0 and row.high <= 1.0
            elif row.score in ("rmse", "ubrmse"):
                assert row.low >= 0.0
                if row.method != row.baseline:
                    level = one(rows, "blend", row.window, row.stage, score=row.score, layer=row.layer).mean
                    assert -level <= row.paired_low and row.paired_high <= row.mean
        text = comparison_markdown(rows)
        assert "Warning: With 2 seeds an interval rests on 1 degree of freedom (Student's quantile is 12.7)" in text
        assert seed_warnings(3) == []
        (alone,) = seed_warnings(1)
        assert "no interval" in alone and alone in comparison_markdown(run_compare({1: campaign(0.02)}))

    def test_only_the_end_of_the_window_counts(self, rows: list[ComparisonRow]) -> None:
        row = one(rows, "blend", "assimilation", "analysis")
        assert (row.n_times, row.first_time, row.last_time) == (2, T0 + timedelta(hours=18), T0 + timedelta(hours=24))

    def test_the_controls_state_is_its_background_and_its_analysis(self, rows: list[ComparisonRow]) -> None:
        means = [one(rows, "control", "assimilation", stage).mean for stage in ("background", "analysis")]
        assert means == pytest.approx([0.13, 0.13])
        assert one(rows, "blend", "assimilation", "background").mean == pytest.approx(0.052)

    def test_the_forecast_and_its_last_day(self, rows: list[ComparisonRow]) -> None:
        whole, end = one(rows, "blend", "forecast", "forecast"), one(rows, "blend", "forecast, last day", "forecast")
        assert whole.n_times == 8
        assert end.mean == pytest.approx(0.05 + np.mean([54, 60, 66, 72]) * 1e-4)
        assert (end.n_times, end.first_time) == (4, T0 + timedelta(hours=54))

    def test_references_stay_apart_and_in_order(self) -> None:
        records = [
            *campaign(0.05, reference="assimilated reference"),
            *campaign(0.05),
            *campaign(0.04, layer="10-40 cm"),
        ]
        rows = run_compare({1: records})
        assert list(dict.fromkeys((r.reference, r.layer) for r in rows)) == [
            ("truth", "0-10 cm"), ("truth", "10-40 cm"), ("assimilated reference", "0-10 cm")
        ]  # fmt: skip
        assert one(rows, "blend", "assimilation", "analysis", layer="10-40 cm").mean == pytest.approx(0.04)

    def test_a_score_undefined_in_one_seed_leaves_the_pair_out(self) -> None:
        broken = [
            record("blend", 24, math.nan, "analysis") if (r.run, r.stage) == ("blend", "analysis") else r
            for r in campaign(0.05)
        ]
        rows = run_compare({1: campaign(0.03), 2: campaign(0.04), 3: broken})
        assert one(rows, "blend", "assimilation", "analysis").n_seeds == 2
        best = one(rows, "best", "assimilation", "analysis")
        assert (best.n_seeds, best.n_pairs) == (3, 2)
        assert best.paired_half_width == pytest.approx(0.0, abs=1e-12)

    def test_refuses_what_cannot_be_compared(self) -> None:
        with pytest.raises(DataError, match="no seeds"):
            run_compare({})
        with pytest.raises(DataError, match="seed 2 lack best"):
            run_compare({1: campaign(0.03), 2: [r for r in campaign(0.03) if r.run != "best"]})
        with pytest.raises(DataError, match="baseline 'smoothed'"):
            run_compare({1: campaign(0.03)}, baseline="smoothed")


class TestFiles:
    @pytest.fixture
    def rows(self) -> list[ComparisonRow]:
        both = {s: [*campaign(v), *campaign(v, reference="assimilated reference")] for s, v in ((1, 0.03), (2, 0.05))}
        return run_compare(both)

    def test_csv_is_tidy_and_keeps_every_bit(self, rows: list[ComparisonRow], tmp_path: Path) -> None:
        write_comparison_csv(rows, tmp_path / "new" / "c.csv")
        with (tmp_path / "new" / "c.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        keys = [tuple(r[k] for k in ("method", "layer", "window", "stage", "reference", "score")) for r in lines]
        assert len(set(keys)) == len(keys) == len(rows) == 2 * 4 * 4 * 3  # references, places, scores, methods
        for line, row in zip(lines, rows, strict=True):
            assert float(line["mean"]) == row.mean
            assert (line["paired_difference"] == "") == (row.method == "blend")

    def test_tables_fit_80_columns_and_say_what_they_are(self, rows: list[ComparisonRow]) -> None:
        console = Console(width=80, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
        for table in comparison_tables(rows):
            console.print(table)
        text = console.export_text()
        assert "…" not in text and max(map(len, text.splitlines())) <= 80
        flat = " ".join(text.split())
        for words in (
            "against the truth",
            "Fit to the assimilated",
            "best*",
            "tuned on truth",
            "from blend",
        ):
            assert words in flat, words
        assert "0.0300±0.0000" not in flat and "-0.0100±0.0000" in flat
        with pytest.raises(DataError, match="no scores"):
            comparison_tables([])

    def test_markdown_has_a_row_per_method_and_state(self, rows: list[ComparisonRow]) -> None:
        text = comparison_markdown(rows)
        assert sum(line.startswith("| 0-10 cm | analysis |") for line in text.splitlines()) == 2 * len(METHODS)
        assert "| 0-10 cm | forecast end | best* |" in text

    @pytest.mark.parametrize("differences", [False, True])
    def test_figures(self, rows: list[ComparisonRow], tmp_path: Path, differences: bool) -> None:
        draw_comparison(rows, tmp_path / "c.png", differences=differences)
        assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
        with pytest.raises(DataError, match="ERA5"):
            draw_comparison(rows, tmp_path / "c.png", reference="ERA5")
