"""Daily and monthly means against numpy, their bounds and cell methods, and their cut at a resume."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.storage.mean_files import MeanWriter, cut_means, list_means, means_folder
from landda_hpc.storage.series_files import SeriesFrame, SeriesSlice, SeriesWriter, read_day, series_folder

STEP = timedelta(hours=6)
FRAME = SeriesFrame((2, 3), np.array([0, 4, 5]), np.zeros(3), np.arange(3.0), ((0.0, 0.1),))


def record(campaign: Path, first: datetime, last: datetime) -> dict[datetime, SeriesSlice]:
    """Record every cycle after ``first`` up to ``last``, with means, as a campaign does."""
    series = SeriesWriter(series_folder(campaign), FRAME, {"title": "x"}, STEP)
    means, time, records = MeanWriter(campaign, FRAME, {"title": "x"}, 4), first + STEP, {}
    while time <= last:
        draw = np.random.default_rng(int(time.timestamp())).uniform(0.0, 0.5, (5, 3)).astype(np.float32)
        draw[:, 2] = np.nan
        records[time] = SeriesSlice(draw[:2], draw[2:3], draw[3], draw[4])
        series.add("control", time, records[time])
        list(means.add("control", time, records[time]))
        time += STEP
    series.flush()
    return records


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[datetime, SeriesSlice]]:
    folder = tmp_path_factory.mktemp("campaign")
    return folder, record(folder, datetime(2023, 1, 30, 12), datetime(2023, 3, 2, 6))


def test_means_are_those_of_complete_days_and_months(campaign: tuple[Path, dict[datetime, SeriesSlice]]) -> None:
    folder, records = campaign
    assert [file.path.name for file in list_means(means_folder(folder))] == [
        "control_daily_202301.nc", "control_daily_202302.nc", "control_daily_202303.nc", "control_monthly_2023.nc",
    ]  # fmt: skip
    days = read_day(means_folder(folder) / "control_daily_202302.nc").slices
    assert len(days) == 28 and min(days) == datetime(2023, 2, 2) and max(days) == datetime(2023, 3, 1)
    for end, mean in days.items():
        of_day = [value for time, value in records.items() if end - timedelta(days=1) < time <= end]
        assert len(of_day) == 4
        expected = np.mean([value.soil_moisture.astype(np.float64) for value in of_day], axis=0)
        np.testing.assert_allclose(mean.soil_moisture, expected, rtol=1e-6)
        rain = np.sum([value.precipitation.astype(np.float64) for value in of_day], axis=0)
        np.testing.assert_allclose(mean.precipitation, rain, rtol=1e-6)
    (month,) = read_day(means_folder(folder) / "control_monthly_2023.nc").slices.items()
    of_month = [value for time, value in records.items() if datetime(2023, 2, 1) < time <= datetime(2023, 3, 1)]
    expected = np.mean([value.frozen.astype(np.float64) for value in of_month], axis=0)
    np.testing.assert_allclose(month[1].frozen, expected, rtol=1e-6)
    rain = np.sum([value.precipitation.astype(np.float64) for value in of_month], axis=0)
    np.testing.assert_allclose(month[1].precipitation, rain, rtol=1e-6)
    assert month[0] == datetime(2023, 3, 1)
    (first,) = read_day(means_folder(folder) / "control_daily_202301.nc").slices
    assert first == datetime(2023, 2, 1), "30 January is not complete"


def test_means_follow_the_cf_conventions(campaign: tuple[Path, dict[datetime, SeriesSlice]]) -> None:
    epoch = datetime(1970, 1, 1)
    for name, begin, end in (
        ("control_daily_202302.nc", datetime(2023, 2, 1), datetime(2023, 2, 2)),
        ("control_monthly_2023.nc", datetime(2023, 2, 1), datetime(2023, 3, 1)),
    ):
        with netCDF4.Dataset(means_folder(campaign[0]) / name) as file:
            assert file["time"].bounds == "time_bnds"
            bounds = [epoch + timedelta(hours=float(hours)) for hours in file["time_bnds"][0]]
            assert bounds == [begin, end] and float(file["time"][0]) == float(file["time_bnds"][0, 1])
            assert file["soil_moisture"].cell_methods == "time: mean layer: mean area: mean"
            assert file["precipitation"].cell_methods == "time: sum area: mean"
            assert np.isnan(np.ma.filled(file["soil_moisture"][0, 0], np.nan)[2])


def test_a_resume_computes_the_same_bytes(campaign: tuple[Path, dict[datetime, SeriesSlice]], tmp_path: Path) -> None:
    whole, stop = means_folder(campaign[0]), datetime(2023, 2, 27, 6)
    record(tmp_path, datetime(2023, 1, 30, 12), datetime(2023, 3, 1, 12))
    cut_means(means_folder(tmp_path), stop)
    assert not (means_folder(tmp_path) / "control_monthly_2023.nc").exists()
    assert max(read_day(means_folder(tmp_path) / "control_daily_202302.nc").slices) == datetime(2023, 2, 27)
    record(tmp_path, stop, datetime(2023, 3, 2, 6))
    for path in whole.iterdir():
        assert (means_folder(tmp_path) / path.name).read_bytes() == path.read_bytes(), path.name
