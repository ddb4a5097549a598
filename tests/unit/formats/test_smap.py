"""SMAP's levels on the EASE-2 grids: a real half orbit, and files made after the provider's description."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingLayerError, ShapeError
from landda_hpc.formats.products.ease2 import SHAPES, ease2_grid
from landda_hpc.formats.products.region import Region
from landda_hpc.formats.products.smap import SMAP

open_smap_l2, open_smap_l3, open_smap_l3_pm, open_smap_l4, open_smap_l4_update = (product.opens for product in SMAP)


def test_ease2_grids_are_equal_area_and_closed() -> None:
    for shape in SHAPES:
        grid = ease2_grid(*shape)
        assert grid.shape == shape
        assert grid.lat_edges[-1] == pytest.approx(85.0445664, abs=1e-6)
        np.testing.assert_allclose(grid.lat, -grid.lat[::-1], atol=1e-12)
        # Equal on the ellipsoid: on the sphere of authalic latitude; geodetic latitudes differ by 0.2 degrees at most.
        area = np.diff(np.sin(np.deg2rad(grid.lat_edges)))
        assert area.max() / area.min() < 1.02
    with pytest.raises(ShapeError, match="is not an EASE-Grid"):
        ease2_grid(10, 10)


def test_the_real_smap_half_orbit(shared: Path) -> None:
    path = next((shared / "data" / "satellite" / "SMAP_L2").rglob("*.h5"))
    with netCDF4.Dataset(path) as data, open_smap_l2(path) as file:
        group = data["Soil_Moisture_Retrieval_Data"]
        row, column = group["EASE_row_index"][:].astype(int), group["EASE_column_index"][:].astype(int)
        grid = ease2_grid(406, 964)
        np.testing.assert_allclose(grid.lat[::-1][row], group["latitude"][:], atol=1e-5)
        np.testing.assert_allclose(grid.lon[column], group["longitude"][:], atol=1e-5)
        assert file.times == (datetime(2015, 8, 11, 12),)
        profile = file.read(file.times[0])
        sm = np.ma.filled(group["soil_moisture"][:].astype(float), np.nan)
        np.testing.assert_array_equal(profile.values[0, ::-1][row, column], sm)
        assert np.isfinite(profile.values).sum() == np.isfinite(sm).sum() == 1152
        # Two bits of the retrieval flag, seen through the condition.
        refused = profile.conditions["not_recommended"][::-1][row, column]
        np.testing.assert_array_equal(refused, (group["retrieval_qual_flag"][:] & 1) > 0)
        assert profile.cell_seconds is not None
        first = profile.cell_seconds[::-1][row, column][0]
        assert str(group["tb_time_utc"][0]) == "2015-08-11T02:21:22.474Z"
        assert datetime(2015, 8, 11, 12) + timedelta(seconds=float(first)) == pytest.approx(
            datetime(2015, 8, 11, 2, 21, 22, 474000), abs=timedelta(seconds=0.01)
        )
        assert profile.error_std is None


def make_smap(path: Path, group: str, names: dict[str, float], shape: tuple[int, int] = (406, 964)) -> Path:
    with netCDF4.Dataset(path, "w") as data:
        inside = data.createGroup(group)
        inside.createDimension("y", shape[0])
        inside.createDimension("x", shape[1])
        for name, value in names.items():
            is_flag = "flag" in name
            kind = "u2" if is_flag else "f8" if "seconds" in name else "f4"
            variable = inside.createVariable(
                name, kind, ("y", "x"), zlib=True, fill_value=65534 if is_flag else -9999.0
            )
            variable[:] = value
            if not is_flag and "seconds" not in name:
                variable.units = "cm**3/cm**3" if "Retrieval" in group else "m3 m-3"
    return path


def test_smap_l3_morning_and_afternoon(tmp_path: Path) -> None:
    seconds = (datetime(2016, 6, 1, 22) - datetime(2000, 1, 1, 12)).total_seconds()
    for opens, group, suffix in (
        (open_smap_l3, "Soil_Moisture_Retrieval_Data_AM", ""),
        (open_smap_l3_pm, "Soil_Moisture_Retrieval_Data_PM", "_pm"),
    ):
        fields = {"soil_moisture": 0.25, "soil_moisture_error": 0.04, "surface_flag": 1024.0 + 16.0}
        fields |= {"retrieval_qual_flag": 8.0, "tb_time_seconds": seconds}
        path = tmp_path / f"SMAP_L3_SM_P_20160601_R18290_00{len(suffix)}.h5"
        with opens(make_smap(path, group, {name + suffix: value for name, value in fields.items()})) as file:
            assert file.times == (datetime(2016, 6, 1, 12),)
            profile = file.read(file.times[0], (0.0, 0.05), Region(15.0, 55.0, 70.0, 140.0))
        assert profile.grid.lat_edges[0] < 15.0 < 55.0 < profile.grid.lat_edges[-1]
        assert profile.error_std is not None
        np.testing.assert_allclose(profile.error_std, 0.04, rtol=1e-6)
        assert {name for name, image in profile.conditions.items() if image.all()} == {"dense_vegetation"}
        assert profile.cell_seconds is not None
        assert (profile.cell_seconds == 36000.0).all()
    with pytest.raises(DataError, match="Is it a file of SMAP L2"):
        open_smap_l2(path)
    with pytest.raises(DataError, match="has no valid time"):
        open_smap_l4(path)
    renamed = tmp_path / "l3.h5"
    path.rename(renamed)
    with pytest.raises(DataError, match="has no valid time"):
        open_smap_l3_pm(renamed)
    name, group = "SMAP_L3_SM_P_20160602_R1_001.h5", "Soil_Moisture_Retrieval_Data_AM"
    cut = make_smap(tmp_path / name, group, {"soil_moisture": 1.0}, shape=(10, 12))
    with pytest.raises(DataError, match=r"shape \(10, 12\); expected a global EASE-Grid"):
        open_smap_l3(cut)


def test_smap_l4(tmp_path: Path) -> None:
    path = tmp_path / "SMAP_L4_SM_gph_20160601T013000_Vv7032_001.h5"
    with open_smap_l4(make_smap(path, "Geophysical_Data", {"sm_surface": 0.2, "sm_rootzone": 0.3})) as file:
        assert file.times == (datetime(2016, 6, 1, 1, 30),)
        assert file.read(file.times[0], (0.0, 0.5)).depths_m == ((0.0, 1.0),)
        assert file.read(file.times[0], (0.0, 0.05)).depths_m == ((0.0, 0.05),)
    path = tmp_path / "SMAP_L4_SM_aup_20160601T030000_Vv7032_001.h5"
    fields = {"sm_surface_analysis": 0.2, "sm_surface_analysis_ensstd": 0.02}
    with open_smap_l4_update(make_smap(path, "Analysis_Data", fields)) as file:
        profile = file.read(file.times[0], (0.0, 0.05))
        assert profile.error_std is not None
        np.testing.assert_allclose(profile.error_std, 0.02, rtol=1e-6)
        with pytest.raises(MissingLayerError, match="sm_rootzone_analysis"):
            file.read(file.times[0], (0.0, 1.0))
