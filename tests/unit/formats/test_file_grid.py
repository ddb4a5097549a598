"""Grids of files: matrices of coordinates, other orders of columns and dimensions, turns of the circle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid
from landda_hpc.formats.products.cf_layers import open_cf_layers
from landda_hpc.formats.products.product import SoilMoistureProfile
from landda_hpc.formats.products.region import Region
from tests.unit.formats.images_of_time import DAY

LAT = np.arange(-88.0, 90.0, 4.0)
LON = np.arange(2.0, 360.0, 4.0)


def field(lat: FloatArray, lon: FloatArray) -> FloatArray:
    """A value that says where it is, single precision."""
    return (0.3 + 0.001 * lat[:, None] + 0.0002 * np.mod(lon, 360.0)[None, :]).astype(np.float32).astype(np.float64)


def write(
    path: Path, lat: FloatArray, lon: FloatArray, dims: Sequence[str] = ("time", "lat", "lon"), bounds: bool = False
) -> Path:
    with netCDF4.Dataset(path, "w") as data:
        for name, values, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f8", (name,))
            axis.units, axis[:] = units, values
            if bounds:
                axis.bounds = f"{name}_bnds"
                if "two" not in data.dimensions:
                    data.createDimension("two", 2)
                data.createVariable(f"{name}_bnds", "f8", (name, "two"))[:] = np.stack((values - 2.0, values + 2.0), 1)
        data.createDimension("time", 1)
        time = data.createVariable("time", "f8", ("time",))
        time.units, time[:] = "hours since 2010-06-01", 0.0
        sm = data.createVariable("sm", "f4", tuple(dims))
        sm.units = "m3 m-3"
        order = [("time", "lat", "lon").index(dim) for dim in dims]
        sm[:] = field(lat, lon)[None].transpose(order)
    return path


def read(path: Path, region: Region | None = None) -> SoilMoistureProfile:
    with open_cf_layers(path, {"sm": (0.0, 0.1)}) as file:
        return file.read(DAY, None, region)


def require_sound(profile: SoilMoistureProfile) -> None:
    np.testing.assert_array_equal(profile.values[0], field(profile.grid.lat, profile.grid.lon))


WEST = np.where(LON > 180.0, LON - 360.0, LON)
ORDERS: dict[str, FloatArray] = {
    "0 to 360": LON,
    "-180 to 180": np.sort(WEST),
    "0 to 180, then -180 to 0": WEST,
    "180 to 360, then 0 to 180": np.concatenate((LON[45:], LON[:45])),
    "east to west": LON[::-1],
    "180 to -180": np.sort(WEST)[::-1],
    "0 to -180, then 180 to 0": WEST[::-1],
    "the first column again at the end": np.append(np.arange(0.0, 360.0, 4.0), 360.0),
    "the last column again at the begin, east to west": np.arange(180.0, -181.0, -4.0),
}


@pytest.mark.parametrize("lat", [LAT, LAT[::-1]])
@pytest.mark.parametrize("order", ORDERS)
def test_a_globe_in_any_order(tmp_path: Path, order: str, lat: FloatArray) -> None:
    path = write(tmp_path / "a.nc", lat, ORDERS[order])
    whole = read(path)
    assert whole.grid.shape == (LAT.size, LON.size)
    assert whole.grid.is_periodic
    assert whole.grid.lon[0] >= -180.0
    assert whole.grid.lon[-1] < 360.0
    require_sound(whole)
    for region in (
        Region(-30.0, 10.0, -20.0, 30.0),
        Region(40.0, 60.0, 340.0, 380.0),
        Region(-10.0, 10.0, 170.0, 190.0),
    ):
        part = read(path, region)
        assert part.grid.n_cells < whole.grid.n_cells / 2
        require_sound(part)
        assert any(
            part.grid.lon_edges[0] <= region.west + turn and part.grid.lon_edges[-1] >= region.east + turn
            for turn in (-360.0, 0.0, 360.0)
        )
    image = read_image(path)
    np.testing.assert_array_equal(image.values, field(image.grid.lat, image.grid.lon))


@pytest.mark.parametrize(
    "lon",
    [np.arange(352.0, 379.0, 4.0) % 360.0, np.array([170.0, 174.0, 178.0, -178.0, -174.0]), np.arange(20.0, 0.0, -4.0)],
)
def test_a_region_across_a_seam(tmp_path: Path, lon: FloatArray) -> None:
    profile = read(write(tmp_path / "a.nc", LAT, lon))
    require_sound(profile)
    np.testing.assert_allclose(np.diff(profile.grid.lon), 4.0)
    assert not profile.grid.is_periodic


@pytest.mark.parametrize("order", ["east to west", "0 to 180, then -180 to 0", "the first column again at the end"])
def test_bounds_follow_their_columns(tmp_path: Path, order: str) -> None:
    profile = read(write(tmp_path / "a.nc", LAT[::-1], ORDERS[order], bounds=True))
    require_sound(profile)
    np.testing.assert_allclose(profile.grid.lon_edges[:-1], profile.grid.lon - 2.0)
    np.testing.assert_allclose(profile.grid.lat_edges[1:], profile.grid.lat + 2.0)


@pytest.mark.parametrize("dims", [("time", "lon", "lat"), ("lat", "lon", "time"), ("lon", "time", "lat")])
def test_dimensions_in_any_order(tmp_path: Path, dims: Sequence[str]) -> None:
    path = write(tmp_path / "a.nc", LAT[::-1], LON[::-1], dims)
    require_sound(read(path))
    require_sound(read(path, Region(-30.0, 10.0, 10.0, 30.0)))


def test_axes_that_are_no_axes(tmp_path: Path) -> None:
    mixed = LON.copy()
    mixed[[3, 4]] = mixed[[4, 3]]
    for lon in (mixed, np.concatenate((LON[50:80], LON[:40])), np.append(LON[:5], LON[1])):
        with pytest.raises(DataError, match=r"'lon' .* is not strictly monotone"):
            read(write(tmp_path / "a.nc", LAT, lon))
    # Readers of our own files take the plain order alone.
    with (
        NetcdfFile(write(tmp_path / "a.nc", LAT, LON[::-1])) as file,
        pytest.raises(DataError, match="from east to west"),
    ):
        read_grid(file, "lat", "lon")


def matrices(path: Path, lat: FloatArray, lon: FloatArray, *, stacked: bool = False, holes: bool = False) -> Path:
    """As LIS and WRF have them: dimensions without coordinates, matrices of latitude and longitude."""
    with netCDF4.Dataset(path, "w") as data:
        for dim, n in (("Time", 1), ("south_north", lat.shape[0]), ("west_east", lat.shape[1])):
            data.createDimension(dim, n)
        lead = ("Time",) if stacked else ()
        missing = np.zeros(lat.shape, dtype=bool)
        if holes:
            missing[:, ::3] = True
            missing[[0, 3]] = True
            missing[:, -2:] = True
        for name, values, units in (("XLAT", lat, "degree_north"), ("XLONG", lon, "degree_east")):
            axis = data.createVariable(name, "f4", (*lead, "south_north", "west_east"), fill_value=-9999.0)
            axis.units, axis[:] = units, np.ma.masked_array(values, missing)
        clock = data.createVariable("XTIME", "f8", ("Time",))
        clock.units, clock[:] = "minutes since 2010-05-31", 1440.0
        sm = data.createVariable("sm", "f4", ("Time", "south_north", "west_east"))
        sm.units, sm.coordinates, sm[0] = "m3/m3", "XLONG XLAT XTIME", field(lat[:, 0], lon[0])
    return path


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("lat", [LAT[10:20], LAT[20:10:-1]])
def test_matrices_of_a_regular_grid(tmp_path: Path, stacked: bool, holes: bool, lat: FloatArray) -> None:
    lon = np.arange(70.0, 140.0, 2.5)
    path = matrices(tmp_path / "a.nc", *np.meshgrid(lat, lon, indexing="ij"), stacked=stacked, holes=holes)
    profile = read(path)
    np.testing.assert_allclose(profile.grid.lat, np.sort(lat), atol=1e-9)
    np.testing.assert_allclose(profile.grid.lon, lon, atol=1e-9)
    np.testing.assert_array_equal(profile.values[0], field(np.sort(lat), lon))
    np.testing.assert_array_equal(read_image(path).values, profile.values[0])


def test_matrices_of_another_grid_are_refused(tmp_path: Path) -> None:
    lat, lon = np.meshgrid(LAT[10:20], np.arange(70.0, 140.0, 2.5), indexing="ij")
    with pytest.raises(DataError, match="are not rows and columns of a latitude-longitude grid"):
        read(matrices(tmp_path / "lambert.nc", lat + 0.01 * (lon - 100.0) ** 2, lon))
    uneven = 50.0 * np.sign(lat) * np.abs(lat / 50.0) ** 1.2
    with pytest.raises(DataError, match="too few places have coordinates"):
        read(matrices(tmp_path / "uneven.nc", uneven, lon, holes=True))
    np.testing.assert_allclose(read(matrices(tmp_path / "whole.nc", uneven, lon)).grid.lat, uneven[:, 0], rtol=1e-6)


@pytest.mark.parametrize("units", ["radians", "rad", "m", "km"])
def test_numbers_of_another_unit_can_look_like_degrees(tmp_path: Path, units: str) -> None:
    path = matrices(tmp_path / "a.nc", *np.meshgrid(LAT[10:20] / 90.0, np.arange(1.0, 3.0, 0.1), indexing="ij"))
    with netCDF4.Dataset(path, "a") as data:
        for name, standard in (("XLAT", "latitude"), ("XLONG", "longitude")):
            data[name].units, data[name].standard_name = units, standard
    for reads in (read, read_image):
        with pytest.raises(DataError, match=f"has units '{units}'; expected degrees"):
            reads(path)
