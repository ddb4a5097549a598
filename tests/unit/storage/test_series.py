"""Series of soil water: days that appear whole, grow, are cut back, and never change for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import StorageError
from landda_hpc.grid import regular_grid
from landda_hpc.storage.series_files import (
    SeriesFrame,
    SeriesSlice,
    SeriesWriter,
    cut_series,
    list_series,
    read_day,
    series_folder,
)

GRID = regular_grid(18, 36)
FRAME = SeriesFrame.of(GRID, np.array([3, 40, 41, 300]), ((0.0, 0.1), (0.1, 0.4)))
TIMES = [datetime(2022, 6, 2, 6) + timedelta(hours=6 * i) for i in range(9)]


def values_at(time: datetime, layers: int = 5) -> SeriesSlice:
    rng = np.random.default_rng(int((time - datetime(2022, 1, 1)).total_seconds()))
    water = rng.random((layers, 4), dtype=np.float32)
    water[:, 2] = np.nan
    parts = (rng.random((2, 4), dtype=np.float32), rng.random(4, dtype=np.float32), np.zeros(4, np.float32))
    return SeriesSlice(water, *parts)


def writer(folder: Path) -> SeriesWriter:
    return SeriesWriter(series_folder(folder), FRAME, {"title": "test"}, timedelta(hours=6))


def content(folder: Path) -> dict[str, bytes]:
    return {
        f"{run} {time} {name}": getattr(values, name).tobytes()
        for run, days in list_series(series_folder(folder)).items()
        for path in days.values()
        for time, values in read_day(path).slices.items()
        for name in ("soil_moisture", "sub_grid_std", "precipitation", "frozen")
    }


def fill(folder: Path, times: list[datetime], into: SeriesWriter | None = None) -> None:
    chosen = into or writer(folder)
    for time in times:
        for run in ("control", "image_1"):
            chosen.add(run, time, values_at(time))
    chosen.flush()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    fill(tmp_path, TIMES)
    files = list_series(series_folder(tmp_path))
    assert set(files) == {"control", "image_1"}
    assert list(files["control"]) == [date(2022, 6, 2), date(2022, 6, 3), date(2022, 6, 4)]
    day = read_day(files["image_1"][date(2022, 6, 3)])
    assert list(day.slices) == TIMES[3:7]
    for time, values in day.slices.items():
        expected = values_at(time)
        np.testing.assert_array_equal(values.soil_moisture, expected.soil_moisture)
        np.testing.assert_array_equal(values.precipitation, expected.precipitation)
    assert day.frame.shape == GRID.shape and day.frame.depths_m == FRAME.depths_m
    np.testing.assert_array_equal(day.frame.cell, FRAME.cell)
    np.testing.assert_array_equal(day.frame.lon, GRID.lon[FRAME.cell % 36])
    with netCDF4.Dataset(files["control"][date(2022, 6, 3)]) as file:
        assert file["soil_moisture"].units == "m3 m-3" and file["cell"].compress == "lat lon"
        assert file["layer_bnds"].shape == (5, 2)


@pytest.mark.parametrize("at", range(10))
def test_a_resume_leaves_neither_gaps_nor_duplicates(tmp_path: Path, at: int) -> None:
    """Killed after any time, taken up at any checkpoint before: the same content as without a stop."""
    fill(tmp_path / "whole", TIMES)
    fill(tmp_path / "cut", TIMES[:7])
    last = TIMES[0] - timedelta(hours=6) if at == 0 else TIMES[min(at, 7) - 1]
    dropped = cut_series(series_folder(tmp_path / "cut"), last)
    assert dropped == 2 * (7 - min(at, 7))
    kept = [time for time in TIMES if time <= last]
    assert len(content(tmp_path / "cut")) == 2 * 4 * len(kept)
    fill(tmp_path / "cut", TIMES[len(kept) :])
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_a_time_replaces_itself(tmp_path: Path) -> None:
    chosen = writer(tmp_path)
    fill(tmp_path, TIMES[:5], chosen)
    fill(tmp_path, TIMES[3:5], chosen)
    fill(tmp_path / "once", TIMES[:5])
    assert content(tmp_path) == content(tmp_path / "once")


@pytest.mark.parametrize("hours", [1, 5, 6, 24])
def test_a_day_is_written_when_it_ends_and_for_a_checkpoint(tmp_path: Path, hours: int) -> None:
    """Each time is then in its file, and hourly files are not written 24 times."""
    step, begin = timedelta(hours=hours), datetime(2022, 6, 2)
    chosen = SeriesWriter(series_folder(tmp_path), FRAME, {"title": "test"}, step)
    times = [begin + i * step for i in range(1, 1 + 60 // hours)]
    for time in times:
        day = chosen.add("control", time, values_at(time))
        assert (day is None) == ((time + step).date() == time.date())
        if day is not None:
            assert list(day[1]) == [t for t in times if t.date() == time.date()] == list(read_day(day[0]).slices)
    unwritten = [t for t in times if t.date() == times[-1].date()] if day is None else []
    assert [list(times) for _, times in chosen.flush()] == ([unwritten] if unwritten else [])
    found = [
        time for path in list_series(series_folder(tmp_path))["control"].values() for time in read_day(path).slices
    ]
    assert found == times and not chosen.flush()


def test_other_layers_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, TIMES[:1])
    with pytest.raises(StorageError, match=r"layers or cells other.*output\.series"):
        writer(tmp_path).add("control", TIMES[1], values_at(TIMES[1], layers=4))


def test_a_damaged_day_is_named(tmp_path: Path) -> None:
    fill(tmp_path, TIMES[:2])
    path = next(iter(list_series(series_folder(tmp_path))["control"].values()))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(StorageError, match=r"control_20220602\.nc"):
        read_day(path)


def test_no_folder_is_no_series(tmp_path: Path) -> None:
    assert list_series(series_folder(tmp_path)) == {}
    assert cut_series(series_folder(tmp_path), TIMES[0]) == 0
