"""Image files: what a CF reader sees."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from landda_hpc.constants import EARTH_RADIUS
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.grid import gaussian_grid, regular_grid
from landda_hpc.storage.image_files import FIELD_ATTRIBUTES, REGIONS, Provenance, write_image

TIME = datetime(2022, 6, 3, 18)
PROVENANCE = Provenance(
    "Soil moisture of a twin", "2022-06-04: written", "landda_hpc 0.1.0, column model", "Bai et al. 2026"
)


@pytest.mark.parametrize(
    "grid", [regular_grid(17, 32), gaussian_grid(20, 40), regular_grid(18, 20, south=20, north=70, west=-30, east=40)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(tmp_path: Path, grid, dtype: type) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    is_land = rng.random(grid.shape) < 0.4
    fields = {
        name: (np.where(is_land, rng.random(grid.shape), np.nan).astype(dtype), {"comment": "test"})
        for name in FIELD_ATTRIBUTES
    }
    path = write_image(
        tmp_path,
        "enkf_like",
        grid,
        TIME,
        fields,
        PROVENANCE,
        depth_m=(0.0, 0.1),
        is_land=is_land,
    )
    assert [p.name for p in tmp_path.iterdir()] == ["enkf_like_20220603T18.nc"]
    assert path.parent == tmp_path
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        for name, (image, _) in fields.items():
            assert file[name][0].tobytes() == image.tobytes()
            assert file[name].dtype == dtype
            assert np.isnan(file[name]._FillValue)
            assert file[name].filters()["zlib"]
            assert file[name].units == ("1" if name == REGIONS else "m3 m-3")
            assert file[name].comment == "test"
        assert "standard_name" not in file["increment"].ncattrs()
        assert file.Conventions == "CF-1.11, ACDD-1.3"
        assert (file.source, file.references, file.history) == (
            PROVENANCE.source,
            PROVENANCE.references,
            PROVENANCE.history,
        )
    with xr.open_dataset(path) as data:
        assert data.time.values[0] == np.datetime64("2022-06-03T18")
        np.testing.assert_array_equal(data.time_bnds.values[0], np.array(["2022-06-03T18"] * 2, "M8[ns]"))
        np.testing.assert_array_equal(data.lat, grid.lat)
        np.testing.assert_array_equal(data.lat_bnds, np.stack((grid.lat_edges[:-1], grid.lat_edges[1:]), axis=1))
        np.testing.assert_array_equal(data.lon_bnds[:, 1], grid.lon_edges[1:])
        np.testing.assert_array_equal(data.land_mask, is_land)
        np.testing.assert_array_equal(data.depth_bnds, [0.0, 0.1])
        for name in (*data.variables, *[v.attrs.get("bounds", "time") for v in data.variables.values()]):
            assert name in data.variables
        if grid.is_periodic:
            np.testing.assert_allclose(data.cell_area.sum(), 4 * np.pi * EARTH_RADIUS**2, rtol=1e-12)


def test_what_is_not_an_image_of_the_grid(tmp_path: Path) -> None:
    grid = regular_grid(17, 32)
    land, good = np.ones(grid.shape, dtype=bool), np.zeros(grid.shape)
    for name, image, attributes in (
        ("analysis", good.T, {}),
        ("analysis", good.astype(int), {}),
        ("ledger", good, {"long_name": "water"}),
    ):
        with pytest.raises(ShapeError, match=name):
            write_image(
                tmp_path, "run", grid, TIME, {name: (image, attributes)}, PROVENANCE, depth_m=(0, 0.1), is_land=land
            )
    with pytest.raises(ShapeError, match="land mask"):
        write_image(tmp_path, "run", grid, TIME, {"analysis": (good, {})}, PROVENANCE, depth_m=(0, 0.1), is_land=land.T)
    with pytest.raises(StorageError):
        write_image(
            tmp_path / "no", "run", grid, TIME, {"analysis": (good, {})}, PROVENANCE, depth_m=(0, 0.1), is_land=land
        )
    assert list(tmp_path.iterdir()) == []


def test_full_disk(small_disk: Path) -> None:
    grid = regular_grid(128, 256)
    image = np.random.default_rng(0).random(grid.shape)
    fields = {name: (image, {}) for name in FIELD_ATTRIBUTES}
    with pytest.raises(StorageError, match="MB free"):
        write_image(
            small_disk,
            "run",
            grid,
            TIME,
            fields,
            PROVENANCE,
            depth_m=(0.0, 0.1),
            is_land=np.ones(grid.shape, dtype=bool),
        )
    assert list(small_disk.iterdir()) == []
