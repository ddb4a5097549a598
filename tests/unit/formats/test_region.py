"""Regions of gridded files: the same values from fewer bytes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.errors import DataError
from landda_hpc.formats.products.gldas import open_gldas, read_gldas
from landda_hpc.formats.products.region import Region, locate
from landda_hpc.grid import regular_grid


@pytest.mark.parametrize("is_flipped", [False, True])
@pytest.mark.parametrize(
    "region",
    [
        Region(15.0, 55.0, 70.0, 140.0),
        Region(-30.0, 10.0, -20.0, 30.0),
        Region(40.0, 60.0, 340.0, 380.0),
        Region(-90.0, 90.0, 0.0, 360.0),
        Region(80.0, 89.0, 10.0, 20.0),
        Region(-10.0, 10.0, 179.0, 181.0),
    ],
)
@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_a_slab_is_the_region_and_its_margin(region: Region, is_flipped: bool, west: float) -> None:
    grid = regular_grid(36, 72, west=west, east=west + 360.0)
    field = np.add.outer(grid.lat * 1000.0, np.mod(grid.lon, 360.0))
    stored = field[::-1] if is_flipped else field
    slab = locate(grid, is_flipped, region)
    values = slab.read(lambda rows, columns: stored[rows, columns])
    assert values.shape == slab.grid.shape
    np.testing.assert_array_equal(values, np.add.outer(slab.grid.lat * 1000.0, np.mod(slab.grid.lon, 360.0)))
    np.testing.assert_allclose(np.diff(slab.grid.lon_edges), 5.0)
    # Interpolation at any point of the region finds a row and a column on both sides.
    assert slab.grid.lat[0] <= max(region.south, grid.lat[0])
    assert slab.grid.lat[-1] >= min(region.north, grid.lat[-1])
    if not slab.grid.is_periodic:
        assert any(slab.grid.lon[0] <= region.west + turn and slab.grid.lon[-1] >= region.east + turn
                   for turn in (-360.0, 0.0, 360.0))  # fmt: skip
        assert slab.grid.n_cells < grid.n_cells


def test_a_region_of_the_real_file_is_the_same_values(shared: Path) -> None:
    path = shared / "data" / "gldas" / "GLDAS_NOAH025_3H.A20160101.0300.021.nc4"
    whole, part = read_gldas(path), read_gldas(path, None, Region(35.0, 60.0, -15.0, 40.0))
    rows = np.searchsorted(whole.grid.lat, part.grid.lat[0])
    columns = np.searchsorted(whole.grid.lon, part.grid.lon[0])
    n_lat, n_lon = part.grid.shape
    np.testing.assert_array_equal(part.values, whole.values[:, rows : rows + n_lat, columns : columns + n_lon])
    assert part.values.size < 0.05 * whole.values.size
    with open_gldas(path) as file, pytest.raises(DataError, match="no time 2016-01-01T06"):
        file.read(datetime(2016, 1, 1, 6))
