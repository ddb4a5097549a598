"""Of several files and values of one time the best counts: the newest version, ERA5 before ERA5T, recommended cells."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.file_versions import merged, newest_last, version_key
from landda_hpc.formats.products.product import SoilMoistureProfile
from landda_hpc.formats.products.registry import PRODUCTS
from landda_hpc.grid import regular_grid
from tests.unit.formats.images_of_time import DAY, cf_files, write_image

GRID = regular_grid(2, 4)


def profile(
    values: list[float],
    conditions: dict[str, list[bool]] | None = None,
    std: list[float] | None = None,
    seconds: float | None = None,
) -> SoilMoistureProfile:
    """Four cells that matter, in the southern row; the northern one is missing."""

    def image(row: list[float]) -> FloatArray:
        return np.array([row, [np.nan] * 4])

    flags: dict[str, BoolArray] = {k: np.array([v, [False] * 4]) for k, v in (conditions or {}).items()}
    return SoilMoistureProfile(
        image(values)[None], ((0.0, 0.05),), GRID, DAY, "x", Path("x"),
        None if std is None else image(std)[None], flags,
        None if seconds is None else np.full(GRID.shape, seconds),
    )  # fmt: skip


def test_the_recommended_value_counts_and_not_the_first() -> None:
    one = profile([0.1, 0.1, np.nan, 0.1], {"not_recommended": [True, False, False, True]}, seconds=10.0)
    other = profile([0.2, 0.2, 0.2, 0.2], {"frozen": [False, True, True, True]}, seconds=20.0)
    both = merged([one, other])
    assert both is not None
    assert both.values[0, 0].tolist() == [0.2, 0.1, 0.2, 0.2]
    assert both.conditions["not_recommended"][0].tolist() == [False] * 4
    assert both.conditions["frozen"][0].tolist() == [False, False, True, True]
    assert both.cell_seconds is not None
    assert both.cell_seconds[0].tolist() == [20.0, 10.0, 20.0, 20.0]
    reverse = merged([other, one])
    assert reverse is not None
    np.testing.assert_array_equal(reverse.values, both.values)


def test_the_smaller_error_counts_among_equals_and_else_the_first() -> None:
    one = profile([0.1, 0.1, 0.1, np.nan], std=[0.05, 0.01, np.nan, np.nan])
    other = profile([0.2, 0.2, 0.2, np.nan], std=[0.02, 0.02, 0.02, 0.02])
    both = merged([one, other])
    assert both is not None
    np.testing.assert_array_equal(both.values[0, 0], [0.2, 0.1, 0.1, np.nan])
    assert both.error_std is not None
    np.testing.assert_array_equal(both.error_std[0, 0], [0.02, 0.01, np.nan, np.nan])
    third = merged([profile([0.1] * 4), profile([0.2] * 4, std=[0.01] * 4)])
    assert third is not None
    assert third.values[0, 0].tolist() == [0.1] * 4
    assert merged([]) is None


def test_other_grids_do_not_merge() -> None:
    one = profile([0.1] * 4)
    moved = SoilMoistureProfile(
        one.values, one.depths_m, regular_grid(2, 4, west=10.0, east=370.0), DAY, "x", Path("y")
    )
    with pytest.raises(DataError, match="has another grid"):
        merged([one, moved])


def test_numbers_in_versions_count_as_numbers() -> None:
    names = ["x_v10.nc", "x_v9.nc", "x_v9.10.nc", "x_v9.2.nc", "x_20100601_1.nc", "y.nc"]
    assert sorted(names, key=version_key) == [
        "x_20100601_1.nc", "x_v9.2.nc", "x_v9.10.nc", "x_v9.nc", "x_v10.nc", "y.nc",
    ]  # fmt: skip


@pytest.mark.parametrize("product", ["esa_cci", "cf"])
def test_the_newest_version_of_a_day(tmp_path: Path, product: str) -> None:
    for version, value in (("v9", 0.1), ("v10", 0.2), ("v8", 0.3)):
        write_image(tmp_path / f"SM_20100601_{version}.nc", value, [DAY])
    dataset = (
        cf_files(tmp_path, "SM_%Y%m%d_*.nc", 24.0)
        if product == "cf"
        else Dataset(PRODUCTS[product], tmp_path, "SM_%Y%m%d_*.nc")
    )
    assert dataset.times_between(DAY, DAY) == [DAY]
    found = dataset.read(DAY)
    assert found is not None
    np.testing.assert_allclose(np.nanmean(found.values), 0.2, rtol=1e-6)


def test_files_of_one_name_are_pieces_or_versions(tmp_path: Path) -> None:
    """Months under a pattern of the year all count; of two files of one month the newest does, and it alone."""
    june, july = ([datetime(2010, month, day) for day in (1, 2, 3)] for month in (6, 7))
    write_image(tmp_path / "SM_2010_06_v1.nc", [0.1, 0.1, 0.1], june)
    write_image(tmp_path / "SM_2010_06_v2.nc", [0.2, 0.2], june[:2])
    write_image(tmp_path / "SM_2010_07_v1.nc", [0.3, 0.3, 0.3], july)
    dataset = cf_files(tmp_path, "SM_%Y_*.nc", 24.0)
    assert dataset.times_between(DAY, DAY + timedelta(days=40)) == [*june[:2], *july]
    values = [dataset.read(time) for time in (june[0], july[2])]
    assert [round(float(np.nanmean(v.values)), 6) for v in values if v is not None] == [0.2, 0.3]
    assert dataset.read(june[2]) is None
    assert [path.name for path in dataset.superseded] == ["SM_2010_06_v1.nc"]
    dataset.close()


@pytest.mark.parametrize(
    ("final", "preliminary"),
    [
        ("GLDAS_NOAH025_3H.A20100601.0000.021.nc4", "GLDAS_NOAH025_3H_EP.A20100601.0000.021.nc4"),
        ("SM_TCDR_20100601_v1.nc", "SM_ICDR_20100601_v2.nc"),
        ("a_20100601_1.nc", "b_20100601_prelim_2.nc"),
    ],
)
def test_preliminary_files_count_last(tmp_path: Path, final: str, preliminary: str) -> None:
    paths = [tmp_path / final, tmp_path / preliminary]
    assert newest_last(paths, tmp_path)[-1] == newest_last(paths[::-1], tmp_path)[-1] == paths[0]


def test_a_wildcard_may_take_in_files_of_other_variables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_image(tmp_path / "a_201006.nc", 0.2, [DAY])
    write_image(tmp_path / "t2m_201006.nc", 280.0, [DAY], name="t2m", units="K")
    dataset = cf_files(tmp_path, "*_%Y%m.nc", 24.0)
    assert dataset.times_between(DAY, DAY) == [DAY]
    found = dataset.read(DAY)
    assert found is not None
    np.testing.assert_allclose(found.values, 0.2, rtol=1e-6)
    assert sum("t2m_201006.nc' is skipped: file" in r.getMessage() for r in caplog.records) == 1
    # A month's file of one image may be a mean: that is said once.
    assert sum("is named by its month and holds one time" in r.getMessage() for r in caplog.records) == 1
    (tmp_path / "a_201006.nc").unlink()
    with pytest.raises(DataError, match="lacks sm; found"):
        dataset.read(DAY)


def test_era5_counts_and_not_era5t_in_grib(tmp_path: Path, shared: Path) -> None:
    """Messages of both, in either order; and of two files the final one, whatever their names."""
    eccodes = pytest.importorskip("eccodes")
    with (shared / "data" / "era5" / "soil-surface-level-mix.grib").open("rb") as raw:
        handle = eccodes.codes_grib_new_from_file(raw)
    messages = {}
    for version, value in (("0001", 0.1), ("0005", 0.5)):
        one = eccodes.codes_clone(handle)
        for key, setting in (("paramId", 39), ("expver", version), ("bitsPerValue", 16)):
            eccodes.codes_set(one, key, setting)
        eccodes.codes_set_values(one, np.full(36, value))
        messages[version] = eccodes.codes_get_message(one)
        eccodes.codes_release(one)
    eccodes.codes_release(handle)
    for name, order in (("a", ("0001", "0005")), ("b", ("0005", "0001"))):
        path = tmp_path / f"{name}.grib"
        path.write_bytes(b"".join(messages[version] for version in order))
        with PRODUCTS["era5"].opens(path) as file:
            np.testing.assert_allclose(file.read(file.times[0]).values, 0.1, atol=1e-4)
            assert not file.is_preliminary
    (tmp_path / "2022_final.grib").write_bytes(messages["0001"])
    (tmp_path / "2022_preliminary.grib").write_bytes(messages["0005"])
    dataset = Dataset(PRODUCTS["era5"], tmp_path, "%Y_*.grib")
    found = dataset.read(datetime(2022, 1, 1))
    assert found is not None
    np.testing.assert_allclose(found.values, 0.1, atol=1e-4)
    assert [path.name for path in dataset.superseded] == ["2022_preliminary.grib"]
    dataset.close()
