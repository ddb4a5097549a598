"""The summary: means, order, labels, benchmarks next to it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from landda_hpc.errors import DataError
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.score_records import ScoreRecord
from landda_hpc.verification.tables.score_table import described, markdown_tables, summarise, summary_tables

T0 = datetime(2022, 6, 2)
BENCHMARKS = read_benchmarks((Path("package:papers/bai2026.csv"),), Path())


def series(run, values, window="assimilation", reference="truth", layer="0-10 cm", stage="background"):
    return [
        ScoreRecord(c, T0 + timedelta(hours=6 * c), run, reference, layer, stage, window, v, 2 * v, -v, v / 2, 9 + c)
        for c, v in enumerate(values)
    ]


def test_means_first_and_last():
    (row,) = summarise(series("control", [0.5, math.nan, 0.2]))
    assert row.scc == pytest.approx(0.35)
    assert row.rmse == pytest.approx(0.7)
    assert row.bias == pytest.approx(-0.35)
    assert (row.scc_first, row.scc_last, row.ubrmse_first, row.ubrmse_last) == (0.5, 0.2, 0.25, 0.1)
    assert (row.n_times, row.n_cells) == (3, 9)
    assert math.isnan(summarise(series("control", [math.nan]))[0].scc)


def test_order_truth_first_control_first_layers_downward():
    records = [
        *series("enkf_like", [0.8], reference="assimilated reference"),
        *series("enkf_like", [0.8], layer="100-200 cm"),
        *series("enkf_like", [0.8]),
        *series("enkf_like", [0.9], window="forecast", stage="forecast"),
        *series("control", [0.4]),
        *series("control", [0.4], reference="ERA5-Land"),
    ]
    assert [(r.reference, r.layer, r.window, r.run) for r in summarise(records)] == [
        ("truth", "0-10 cm", "assimilation", "control"),
        ("truth", "0-10 cm", "assimilation", "enkf_like"),
        ("truth", "0-10 cm", "forecast", "enkf_like"),
        ("truth", "100-200 cm", "assimilation", "enkf_like"),
        ("ERA5-Land", "0-10 cm", "assimilation", "control"),
        ("assimilated reference", "0-10 cm", "assimilation", "enkf_like"),
    ]


def test_printed_tables_fit_80_columns_and_name_the_benchmarks():
    records = [
        *series("control", [0.4, 0.42]),
        *series("enkf_like", [0.7, 0.8], stage="analysis"),
        *series("enkf_like", [0.7], window="forecast", stage="forecast"),
        *series("control", [0.4], reference="assimilated reference"),
    ]
    console = Console(width=80, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        for table in summary_tables(summarise(records), BENCHMARKS):
            console.print(table)
    text = capture.get()
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "Soil moisture against the truth (nature run), m3 m-3" in text
    assert "the assimilated reference" in text
    assert "observations" not in text
    control = next(line for line in lines if line.startswith("[B26] control"))
    assert control.split()[2:] == ["0.425", "0.4", "→", "0.12", "0.118", "→"]
    assert any(line.split() == ["[B26]", "assimilation", "0.82", "→", "0.58", "→", "0.095"] for line in lines)
    assert "[B26]: scores against GLDAS-2.1, the product that [B26] assimilates." in " ".join(text.split())
    assert any(line.startswith("enkf_like analysis") and "0.700 → 0.800" in line for line in lines)
    assert "…" not in text
    with pytest.raises(DataError):
        summary_tables([])


def test_markdown_has_all_rows():
    text = markdown_tables(summarise([*series("control", [0.4]), *series("enkf_like", [0.8])]), BENCHMARKS)
    assert "| 0-10 cm | assimilation | control | background | 0.400 | 0.400 → 0.400 |" in text
    assert "| 0-10 cm | assimilation | [B26] | assimilation | 0.75 to 0.8 |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1


def test_without_benchmarks_there_are_no_rows_of_others() -> None:
    records = [*series("control", [0.4]), *series("enkf_like", [0.8])]
    assert "B26" not in markdown_tables(summarise(records))
    mine = Benchmark("Smith et al.", "control", "assimilation", "0-10 cm", "rmse", 0.07, reference="CLDAS")
    elsewhere = markdown_tables(summarise(records), [mine])
    assert "Smith" not in elsewhere, "it belongs to another reference"
    there = [*records, *series("control", [0.4], reference="CLDAS")]
    lines = [line for line in markdown_tables(summarise(there), [mine]).splitlines() if "Smith" in line]
    assert lines == ["| 0-10 cm | assimilation | Smith et al. | control | | | | | 0.07 | | | |"]


def test_described():
    assert described("CLDAS") == "CLDAS"
    assert described("assimilated reference") == "the assimilated reference"


def test_the_first_days_can_be_left_out() -> None:
    records = series("control", [0.2, 0.4, 0.6])
    times = sorted(r.time for r in records)
    (row,) = summarise(records, times[1])
    assert row.n_times == 2 and row.scc == pytest.approx(0.5) and row.scc_first == pytest.approx(0.4)
    assert summarise(records, times[-1].replace(year=9999)) == []
