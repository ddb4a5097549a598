"""Score records survive every file format; damaged files are named."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landda_hpc.errors import DataError, MissingFileError, StorageError
from landda_hpc.verification.statistics.scores import score
from landda_hpc.verification.tables.score_records import (
    ScoreRecord,
    last_stage,
    read_json_lines,
    to_dataset,
    write_csv,
    write_netcdf,
)

T0 = datetime(2022, 6, 2)


def record(cycle=1, run="control", reference="truth", layer="0-10 cm", stage="analysis", **other):
    values = {"scc": 0.1 + 0.2, "rmse": 0.1, "bias": -1e-17, "ubrmse": 0.1, "n_cells": 7446} | other
    return ScoreRecord(
        cycle=cycle, time=T0 + timedelta(hours=6 * cycle), run=run, reference=reference, layer=layer,
        stage=stage, window="forecast" if stage == "forecast" else "assimilation", **values,
    )  # fmt: skip


def records():
    rng = np.random.default_rng(1)
    made = [
        record(c, run, reference, layer, stage, scc=float(rng.random()), rmse=float(rng.random()))
        for c in range(1, 4)
        for run in ("enkf_like", "control")
        for reference in ("truth", "assimilated reference")
        for layer in ("0-10 cm", "10-40 cm")
        for stage in (("background", "analysis") if c < 3 else ("forecast",))
    ]
    return [*made, record(4, stage="forecast", scc=math.nan, n_cells=1)]


def same(a, b):
    """Equal, NaN included, in whatever order."""
    order = lambda items: sorted(r.to_json() for r in items)  # noqa: E731
    return order(a) == order(b)


def from_rows(rows):
    return [ScoreRecord(**{f.name: row[f.name] for f in fields(ScoreRecord)}) for row in rows.to_dict("records")]


def from_csv(path):
    """The table as pandas reads it; Python's float, because pandas' may differ in the last bit."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    parse = {"float": lambda text: float(text or "nan"), "int": int, "datetime": datetime.fromisoformat, "str": str}
    for field in fields(ScoreRecord):
        rows[field.name] = pd.Series([parse[field.type](text) for text in rows[field.name]], rows.index, object)
    return from_rows(rows)


def from_netcdf(path):
    """The data set as xarray reads it."""
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        meanings = dataset["window"].attrs["flag_meanings"].split()
        rows = dataset.to_dataframe().reset_index()
    rows = rows[rows.window >= 0]
    times = [t.to_pydatetime() for t in rows.time]
    return from_rows(
        rows.assign(window=[meanings[int(w)] for w in rows.window], time=pd.Series(times, rows.index, object))
    )


def test_every_format_keeps_every_bit(tmp_path):
    original = records()
    (tmp_path / "scores.jsonl").write_text("".join(r.to_json() + "\n" for r in original))
    write_csv(original, tmp_path / "scores.csv")
    write_netcdf(original, tmp_path / "scores.nc")
    assert same(read_json_lines(tmp_path / "scores.jsonl"), original)
    assert same(from_csv(tmp_path / "scores.csv"), original)
    assert same(from_netcdf(tmp_path / "scores.nc"), original)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scores.csv", "scores.jsonl", "scores.nc"]


def test_json_is_strict_and_times_lose_their_offset(tmp_path):
    line = record(scc=math.nan).to_json()
    assert json.loads(line)["scc"] is None
    path = tmp_path / "scores.jsonl"
    path.write_text(line.replace("2022-06-02T06:00:00", "2022-06-02T08:00:00+02:00") + "\n")
    assert read_json_lines(path)[0].time == T0 + timedelta(hours=6)


def test_from_score():
    s = score(np.array([0.1, 0.3]), np.array([0.2, 0.3]), np.ones(2, bool))
    r = ScoreRecord.from_score(
        s, cycle=1, time=T0, run="control", reference="truth", layer="0-10 cm", stage="forecast",
        window="forecast",
    )  # fmt: skip
    assert (r.scc, r.rmse, r.bias, r.ubrmse, r.n_cells) == (s.scc, s.rmse, s.bias, s.ubrmse, 2)


def test_unfinished_last_line_is_left_out(tmp_path, caplog):
    path = tmp_path / "scores.jsonl"
    path.write_text(record(1).to_json() + "\n" + record(2).to_json()[:40])
    assert [r.cycle for r in read_json_lines(path)] == [1]
    assert "line 2 is unfinished" in caplog.text


def test_rewritten_records_count_once(tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text("".join(r.to_json() + "\n" for r in (record(1, scc=0.1), record(2), record(1, scc=0.5))))
    found = read_json_lines(path)
    assert [(r.cycle, r.scc) for r in found] == [(1, 0.5), (2, 0.1 + 0.2)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "guess"}, r"line 1: score record has stage 'guess'; expected one of background"),
        ({"window": "spring"}, "window 'spring'"),
        ({"reference": "observations"}, "assimilated reference"),
        ({"run": ""}, "empty run"),
        ({"rmse": "wet"}, "rmse is 'wet'"),
        ({"time": "yesterday"}, "time is 'yesterday'"),
        ({"n_cells": None}, "n_cells is None"),
        ({"colour": 1}, "unknown colour"),
    ],
)
def test_bad_records_are_named(tmp_path, change, message):
    path = tmp_path / "scores.jsonl"
    path.write_text(json.dumps(json.loads(record().to_json()) | change) + "\n")
    with pytest.raises(DataError, match=message):
        read_json_lines(path)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(MissingFileError):
        read_json_lines(tmp_path / "none.jsonl")
    path = tmp_path / "scores.jsonl"
    path.write_text("{]\n" + record().to_json() + "\n")
    with pytest.raises(DataError, match="line 1: not a line of JSON"):
        read_json_lines(path)
    path.write_text("3\n")
    with pytest.raises(DataError, match="found int"):
        read_json_lines(path)
    path.write_text(json.dumps({"cycle": 1}) + "\n")
    with pytest.raises(DataError, match="missing time, run"):
        read_json_lines(path)
    with pytest.raises(DataError, match="offset"):
        ScoreRecord(1, datetime.now(UTC), "a", "truth", "0-10 cm", "forecast", "forecast", 0.0, 0.0, 0.0, 0.0, 1)


def test_dataset_is_cf_and_selects(tmp_path):
    write_netcdf(records(), tmp_path / "scores.nc")
    with xr.open_dataset(tmp_path / "scores.nc") as dataset:
        assert dataset.attrs["Conventions"].startswith("CF-")
        assert dataset["ubrmse"].attrs["units"] == "m3 m-3"
        assert list(dataset["layer"].values) == ["0-10 cm", "10-40 cm"]
        assert dataset["time"].encoding["units"].startswith("seconds since")
        chosen = dataset["scc"].sel(run="control", reference="truth", layer="0-10 cm", stage="analysis")
        assert np.isfinite(chosen.values).tolist() == [True, True, False, False]
        assert dataset["cycle"].values.tolist() == [1, 2, 3, 4]


def test_dataset_refuses_what_it_cannot_hold():
    with pytest.raises(DataError, match="no score records"):
        to_dataset([])
    with pytest.raises(DataError, match="repeat"):
        to_dataset([record(), record()])
    odd = ScoreRecord(9, T0 + timedelta(hours=6), "b", "truth", "0-10 cm", "analysis", "assimilation", 0, 0, 0, 0, 1)
    with pytest.raises(DataError, match="in cycles 1 and 9"):
        to_dataset([record(1), odd])


def test_last_stage():
    chosen = last_stage([record(stage="analysis"), record(stage="background"), record(2, stage="forecast")])
    assert [(r.cycle, r.stage) for r in chosen] == [(1, "analysis"), (2, "forecast")]


def test_a_failed_write_is_a_storage_error(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    for write in (write_csv, write_netcdf):
        with pytest.raises(StorageError, match="making the folder failed"):
            write(records(), path / "below_a_file")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.csv"]
