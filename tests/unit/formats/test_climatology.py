"""Monthly climatology: the real file, bad files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.own.soil_moisture_climatology import (
    SoilMoistureClimatology,
    read_soil_moisture_climatology,
)
from landda_hpc.grid import regular_grid


def test_the_real_file(shared: Path) -> None:
    climatology = read_soil_moisture_climatology(shared / "data" / "speedyweather" / "soil_moisture.nc")
    assert climatology.values.shape == (12, 3, 48, 96)
    assert climatology.depths_m == ((0.0, 0.07), (0.07, 0.28), (0.28, 1.0))
    assert climatology.grid.lat[0] == pytest.approx(-87.159, abs=1e-3)
    assert (climatology.grid.lat_edges[0], climatology.grid.lat_edges[-1]) == (-90.0, 90.0)
    assert np.isfinite(climatology.values).sum() == 3 * 24408
    # South to north: the Sahara is dry, the Congo basin is wet.
    january = climatology.at(datetime(2016, 1, 16, 12))
    np.testing.assert_array_equal(january, climatology.values[0])
    rows = climatology.grid.lat
    sahara = january[0, np.argmin(np.abs(rows - 23.0)), 2]
    congo = january[0, np.argmin(np.abs(rows - 0.0)), 6]
    assert sahara < 0.15 < 0.25 < congo

    target = regular_grid(128, 256)
    plain = climatology.on_grid(datetime(2016, 1, 1, 3), target)
    everywhere = np.ones(target.shape, dtype=bool)
    filled = climatology.on_grid(datetime(2016, 1, 1, 3), target, fill=everywhere)
    assert plain.shape == filled.shape == (3, 128, 256)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[np.isfinite(plain)], plain[np.isfinite(plain)])


def make_file(path: Path, units: str = "1", months: int = 12, value: float = 0.2, layers: int = 3) -> Path:
    with netCDF4.Dataset(path, "w") as data:
        axes = {
            "time": np.arange(months),
            "lat": np.arange(60.0, -61.0, -30.0),
            "lon": np.arange(0.0, 360.0, 60.0),
        }
        for name, axis in axes.items():
            data.createDimension(name, axis.size)
            data.createVariable(name, "f8", (name,))[:] = axis
        for k in range(layers):
            variable = data.createVariable(f"swl{k + 1}", "f4", ("time", "lat", "lon"))
            variable.units = units
            variable[:] = value
    return path


def test_bad_files_are_data_errors(tmp_path: Path) -> None:
    assert read_soil_moisture_climatology(make_file(tmp_path / "good.nc")).values.shape == (12, 3, 5, 6)
    for name, message, change in (
        ("units.nc", "units 'mm'; expected 'm3 m-3'", {"units": "mm"}),
        ("months.nc", "expected time = 12", {"months": 11}),
        ("range.nc", r"outside \[0, 1\]", {"value": 20.0}),
        ("missing.nc", "missing everywhere", {"value": np.nan}),
        ("layers.nc", "'swl3' is not in", {"layers": 2}),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read_soil_moisture_climatology(make_file(tmp_path / name, **change))
        assert name in str(caught.value)


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="12 months"):
        SoilMoistureClimatology(np.zeros((11, 1, 18, 36)), ((0.0, 0.1),), regular_grid(18, 36))


@pytest.mark.parametrize(
    ("units", "times", "is_right"),
    [
        ("days since 2001-01-01", [15 + 30.4 * k for k in range(12)], True),
        ("hours since 1981-1-1 00:00:00", [0, 744, 1416, 2160, 2880, 3624, 4344, 5088, 5832, 6552, 7296, 8016], True),
        ("months since 2001-01-01", range(12), True),
        ("days since 2001-07-01", [15 + 30.4 * k for k in range(12)], False),
        ("days since 2001-01-01", range(12), False),
        ("HOURS since 2001-01-01", range(12), False),
    ],
)
def test_months_begin_with_january(tmp_path: Path, units: str, times: list[float], is_right: bool) -> None:
    path = make_file(tmp_path / "months.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["time"].units = units
        data["time"][:] = np.round(np.asarray(times, dtype=np.float64))
    if is_right:
        assert read_soil_moisture_climatology(path).values.shape[0] == 12
    else:
        with pytest.raises(DataError, match="January first"):
            read_soil_moisture_climatology(path)
