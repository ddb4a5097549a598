"""Files found by their times: patterns, versions, layers, many times in a file, damage, files that change; rain."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import PRODUCT_ENTRIES
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, LandDAError
from landda_hpc.formats.products.dataset import Dataset, make_dataset
from landda_hpc.formats.products.layered import choose_layers
from landda_hpc.formats.products.precipitation import read_precipitation
from landda_hpc.formats.products.region import Region
from landda_hpc.formats.products.registry import PRODUCTS

DAY = datetime(2016, 6, 1)
GLDAS = "GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"


def write(path: Path, names: dict[str, float | FloatArray], times: list[datetime], units: str = "m**3 m**-3") -> Path:
    """Fields of one value on 5 x 6 cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as data:
        for name, values, unit in (
            ("lat", np.arange(10.125, 11.2, 0.25), "degrees_north"),
            ("lon", np.arange(20.125, 21.5, 0.25), "degrees_east"),
        ):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f8", (name,))
            axis.units, axis[:] = unit, values
        if times:
            data.createDimension("time", len(times))
            time = data.createVariable("time", "f8", ("time",))
            time.units = "hours since 1970-01-01"
            time[:] = [(t - datetime(1970, 1, 1)) / timedelta(hours=1) for t in times]
        for name, value in names.items():
            variable = data.createVariable(name, "f4", (("time",) if times else ()) + ("lat", "lon"), fill_value=np.nan)
            variable.units = units
            variable[...] = value
    return path


def gldas(root: Path, time: datetime, value: float, name: str | None = None) -> Path:
    return write(root / (name or time.strftime(GLDAS)), {"SoilMoi0_10cm_inst": 100.0 * value}, [time], "kg m-2")


def test_files_of_one_time(tmp_path: Path) -> None:
    dataset = Dataset(PRODUCTS["gldas_noah"], tmp_path, "%Y/" + GLDAS)
    times = [DAY + timedelta(hours=3 * k) for k in (0, 1, 3, 9)]
    for k, time in enumerate(times):
        gldas(tmp_path / "2016", time, 0.1 + 0.01 * k)
    with dataset.listing():
        assert dataset.times_between(DAY, DAY + timedelta(days=1)) == times[:3]
    assert dataset.times_between(DAY + timedelta(hours=1), DAY + timedelta(hours=9)) == times[1:3]
    profile = dataset.read(times[2], (0.0, 0.1))
    assert profile is not None
    np.testing.assert_allclose(profile.values, 0.12, rtol=1e-6)
    assert dataset.read(DAY + timedelta(hours=6)) is None
    assert dataset.covers((0.1, 1.0))
    assert not dataset.covers((0.0, 3.0))
    dataset.close()


def test_the_last_version_by_name_counts(tmp_path: Path) -> None:
    dataset = Dataset(PRODUCTS["gldas_noah"], tmp_path, "v*/x.A%Y%m%d.%H00.*.nc4")
    for folder, version, value in (("v1", "020", 0.1), ("v1", "021", 0.2), ("v[2]", "019", 0.3), ("w3", "022", 0.4)):
        gldas(tmp_path / folder, DAY, value, f"x.A20160601.0000.{version}.nc4")
    (tmp_path / "v9").touch()
    assert [p.parent.name for p in dataset.files(DAY)] == ["v[2]"]
    profile = dataset.read(DAY)
    assert profile is not None
    np.testing.assert_allclose(profile.values, 0.3, rtol=1e-6)
    assert dataset.times_between(DAY, DAY + timedelta(hours=23)) == [DAY]


def half_orbit(path: Path, values: dict[tuple[int, int], float]) -> Path:
    """A file of SMAP L2 with soil moisture in some cells, by row from the north and column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as data:
        group = data.createGroup("Soil_Moisture_Retrieval_Data")
        group.createDimension("point", len(values))
        for name, kind, content in (
            ("EASE_row_index", "u2", [row for row, _ in values]),
            ("EASE_column_index", "u2", [column for _, column in values]),
            ("soil_moisture", "f4", list(values.values())),
        ):
            variable = group.createVariable(name, kind, ("point",))
            variable.units, variable[:] = "cm**3/cm**3" if kind == "f4" else "1", content
    return path


def test_of_versions_of_a_half_orbit_the_newest_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half orbits of a day are put together; what an old version alone has must not come through."""
    both, here, there = (100, 200), (100, 201), (300, 400)
    files = {
        # The second making of a release, the newer release (which begins a second earlier), and another half orbit.
        "SMAP_L2_SM_P_02801_A_20160601T013002_R18290_001.h5": {both: 0.10, here: 0.11},
        "SMAP_L2_SM_P_02801_A_20160601T013002_R18290_002.h5": {both: 0.20, here: 0.21},
        "SMAP_L2_SM_P_02801_A_20160601T013001_R19240_001.h5": {both: 0.30},
        "SMAP_L2_SM_P_02801_D_20160601T021853_R18290_001.h5": {both: 0.40, there: 0.41},
    }
    for name, values in files.items():
        half_orbit(tmp_path / name, values)
    dataset = Dataset(PRODUCTS["smap_l2"], tmp_path, "SMAP_L2_SM_P_*_%Y%m%dT*.h5")
    noon = DAY + timedelta(hours=12)
    with caplog.at_level("INFO"), dataset.listing():
        assert dataset.times_between(DAY, DAY + timedelta(days=1)) == [noon]
    newest = tmp_path / "SMAP_L2_SM_P_02801_A_20160601T013001_R19240_001.h5"
    assert dataset.files(noon) == [newest, tmp_path / "SMAP_L2_SM_P_02801_D_20160601T021853_R18290_001.h5"]
    assert {p.name[-13:-3]: to for p, to in dataset.superseded.items()} == {"R18290_001": newest, "R18290_002": newest}
    assert "SMAP L2: 2 older versions skipped, 2 so far" in caplog.text
    profile = dataset.read(noon)
    assert profile is not None
    image = profile.values[0, ::-1]
    assert [float(image[cell]) for cell in (both, there)] == pytest.approx([0.30, 0.41])
    assert np.isfinite(image).sum() == 2
    # A version that comes while a campaign runs is reported when it is found; a name of another kind stands for itself.
    half_orbit(tmp_path / "SMAP_L2_SM_P_02801_D_20160601T021853_R18290_002.h5", {there: 0.42})
    half_orbit(tmp_path / "SMAP_L2_SM_P_mine_20160601T000000_x.h5", {here: 0.5})
    with caplog.at_level("INFO"):
        later = dataset.read(noon)
    assert later is not None
    assert [float(later.values[0, ::-1][cell]) for cell in (there, here)] == pytest.approx([0.42, 0.5])
    assert "SMAP L2: 1 older versions skipped, 3 so far" in caplog.text
    dataset.close()


def test_files_of_many_times_stay_open(tmp_path: Path) -> None:
    opened: list[Path] = []
    era5 = PRODUCTS["era5"]

    def opens(path: Path) -> object:
        opened.append(path)
        return era5.opens(path)

    for month in (6, 7):
        start = datetime(2016, month, 1)
        write(
            tmp_path / f"2016{month:02d}.nc",
            {"swvl1": 0.1 * month - 0.4},
            [start + timedelta(hours=k) for k in range(48)],
        )
    dataset = Dataset(replace(era5, opens=opens), tmp_path, "%Y%m.nc")
    assert len(dataset.times_between(DAY, datetime(2016, 7, 1, 12))) == 48 + 13
    opened.clear()
    for k in range(48):
        profile = dataset.read(DAY + timedelta(hours=k), (0.0, 0.07))
        assert profile is not None
    assert len(opened) == 1
    assert dataset.read(DAY + timedelta(hours=48)) is None
    later = dataset.read(datetime(2016, 7, 1), (0.0, 0.07))
    assert later is not None
    np.testing.assert_allclose(later.values, 0.3, rtol=1e-6)
    # A month that grows is opened again.
    times = [datetime(2016, 7, 1) + timedelta(hours=k) for k in range(72)]
    write(tmp_path / "new.nc", {"swvl1": 0.25}, times).replace(tmp_path / "201607.nc")
    grown = dataset.read(times[-1], (0.0, 0.07))
    assert grown is not None
    np.testing.assert_allclose(grown.values, 0.25, rtol=1e-6)


def test_a_file_for_each_layer(tmp_path: Path) -> None:
    dataset = Dataset(PRODUCTS["cldas"], tmp_path, "Z_*_HOR-{layer}-%Y%m%d%H.nc")
    for k, variable in enumerate(PRODUCTS["cldas"].variables):
        write(
            tmp_path / f"Z_20160601{k}_HOR-{variable.name}-2016060100.nc", {variable.name: 0.1 * (k + 1)}, [], "mm3/mm3"
        )
    profile = dataset.read(DAY, (0.0, 0.4))
    assert profile is not None
    assert profile.depths_m == ((0.0, 0.1), (0.1, 0.4))
    np.testing.assert_allclose(profile.values[:, 0, 0], [0.2, 0.3], rtol=1e-6)
    assert dataset.times_between(DAY, DAY + timedelta(hours=5)) == [DAY]
    next(tmp_path.glob("*SM010040*")).unlink()
    assert dataset.read(DAY, (0.0, 0.4)) is None
    assert dataset.read(DAY, (0.0, 0.05)) is not None


@pytest.mark.parametrize(
    ("depth", "chosen"),
    [
        ((0.0, 0.05), [0]),
        ((0.0, 0.1), [1]),
        ((0.0, 0.4), [1, 2]),
        ((0.0, 2.0), [1, 2, 3, 4]),
        ((0.0, 0.07), [1]),
        ((0.05, 0.1), [1]),
        ((0.2, 0.3), [2]),
        ((0.2, 0.7), [2, 3]),
        ((1.5, 3.0), [4]),
    ],
)
def test_layers_that_lie_inside_others(depth: tuple[float, float], chosen: list[int]) -> None:
    layers = [v.depth_m for v in PRODUCTS["cldas"].variables if v.depth_m is not None]
    assert choose_layers(depth, layers) == chosen


def test_damage_is_an_error_or_a_counted_skip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = gldas(tmp_path, DAY, 0.2)
    path.write_bytes(path.read_bytes()[:3000])
    strict = Dataset(PRODUCTS["gldas_noah"], tmp_path, GLDAS)
    with pytest.raises(DataError, match=r"A20160601\.0000"):
        strict.read(DAY)
    lenient = Dataset(PRODUCTS["gldas_noah"], tmp_path, GLDAS, damaged="skip")
    assert lenient.read(DAY) is None
    assert lenient.read(DAY) is None
    assert list(lenient.skipped) == [path]
    assert len(caplog.records) == 1
    assert "skipped, 1 so far" in caplog.text


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = gldas(tmp_path, DAY, 0.2)
    product = PRODUCTS["gldas_noah"]

    class Growing:
        def __init__(self, path: Path) -> None:
            self._file = product.opens(path)
            self.times = self._file.times

        def read(self, *arguments: object) -> object:
            profile = self._file.read(*arguments)
            with path.open("ab") as file:
                file.write(b"more")
            return profile

        def __enter__(self) -> Growing:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.__exit__(None, None, None)

    with pytest.raises(DataError, match="changed while it was read; is it still being written"):
        Dataset(replace(product, opens=Growing), tmp_path, GLDAS).read(DAY)


def test_entries_of_the_catalogue(tmp_path: Path) -> None:
    entry = PRODUCT_ENTRIES.make("cf", path="m_%Y.nc", variables={"a": (0.0, 0.1), "b": (0.1, 0.3)}, step_hours=24)
    write(tmp_path / "m_2016.nc", {"a": 0.1, "b": 0.2}, [DAY + timedelta(days=k) for k in range(3)], "m3 m-3")
    dataset = make_dataset("model", entry, tmp_path)
    assert len(dataset.times_between(DAY, DAY + timedelta(days=9))) == 3
    profile = dataset.read(DAY, (0.0, 0.3))
    assert profile is not None
    np.testing.assert_allclose(profile.values[:, 0, 0], [0.1, 0.2], rtol=1e-6)
    with pytest.raises(ConfigError, match=r"catalogue\.x\.path = '\.\./a'"):
        make_dataset("x", PRODUCT_ENTRIES.make("era5", path="../a"), tmp_path)
    for pattern in ("sm_?%Y%m%d.nc", "sm_[ab]%Y%m%d.nc"):
        with pytest.raises(ConfigError, match=r"\? and \[ \] are not wildcards here"):
            make_dataset("x", PRODUCT_ENTRIES.make("era5", path=pattern), tmp_path)
    with pytest.raises(ValueError, match=r"variables\n *Field required"):
        PRODUCT_ENTRIES.make("cf", path="x")
    with pytest.raises(ValueError, match=r"variables\n *Extra inputs are not permitted"):
        PRODUCT_ENTRIES.make("era5", path="x", variables={"a": (0.0, 0.1)})


# --------------------------------------------------------------------------- precipitation


@pytest.mark.parametrize(
    ("step_hours", "first"), [(24.0, DAY + timedelta(hours=12)), (48.0, DAY), (720.0, datetime(2016, 6, 16))]
)
def test_times_of_a_file_that_are_no_steps_from_midnight(tmp_path: Path, step_hours: float, first: datetime) -> None:
    """Daily means are stamped at noon, months in their middle, and steps may be longer than a day."""
    times = [first + k * timedelta(hours=step_hours) for k in range(3)]
    write(tmp_path / "m_2016.nc", {"a": 0.2}, times, "m3 m-3")
    entry = PRODUCT_ENTRIES.make("cf", path="m_%Y.nc", variables={"a": (0.0, 0.1)}, step_hours=step_hours)
    dataset = make_dataset("model", entry, tmp_path)
    for time in times:
        assert dataset.times_between(time, time) == [time]
        assert dataset.read(time) is not None
    assert dataset.times_between(times[0], times[-1]) == times


def test_gldas_rates_become_amounts(tmp_path: Path) -> None:
    times = [DAY + timedelta(hours=3 * k) for k in range(1, 4)]
    paths = [
        write(tmp_path / f"{k}.nc4", {"Rainf_f_tavg": k / 10800.0}, [t], "kg m-2 s-1") for k, t in enumerate(times)
    ]
    fields = list(read_precipitation("gldas_noah", paths))
    assert [(f.begin, f.end) for f in fields] == [(t - timedelta(hours=3), t) for t in times]
    np.testing.assert_allclose([f.amount[0, 0] for f in fields], [0.0, 1.0, 2.0], rtol=1e-6)
    with pytest.raises(DataError, match="in order of time"):
        list(read_precipitation("gldas_noah", paths[::-1]))
    with pytest.raises(ConfigError, match="has no precipitation"):
        list(read_precipitation("esa_cci", paths))


def accumulated(rain: FloatArray, start: int) -> tuple[list[datetime], FloatArray]:
    """Hourly amounts, m, from an hour of a day on, as ERA5-Land adds them up."""
    times = [DAY + timedelta(hours=start + k) for k in range(rain.size)]
    totals, running = [], 0.0
    for time, amount in zip(times, rain, strict=True):
        running = amount if (time - timedelta(hours=1)).hour == 0 else running + amount
        totals.append(running)
    return times, np.array(totals)


def test_era5_land_is_taken_apart_and_era5_is_not(tmp_path: Path) -> None:
    rain = np.random.default_rng(0).random(60) / 100
    times, totals = accumulated(rain, 1)
    cut = 30
    paths = []
    for k, part in enumerate((slice(0, cut), slice(cut, 60))):
        paths.append(write(tmp_path / f"{k}.nc", {"tp": totals[part, None, None]}, times[part], "m"))
    fields = list(read_precipitation("era5_land", paths))
    np.testing.assert_allclose([f.amount[0, 0] for f in fields], 1000 * rain, atol=2e-5)
    assert all(f.end - f.begin == timedelta(hours=1) for f in fields)
    # Every third hour alone: what fell between them, and nothing is lost at midnight.
    some = write(tmp_path / "some.nc", {"tp": totals[2::3, None, None]}, times[2::3], "m")
    sparse = list(read_precipitation("era5_land", [some]))
    assert sum(f.amount[0, 0] for f in sparse) == pytest.approx(1000 * rain.sum(), abs=1e-3)
    assert sparse[0].begin == DAY
    hourly = write(tmp_path / "era5.nc", {"tp": rain[:, None, None]}, times, "m")
    fields = list(read_precipitation("era5", [hourly]))
    np.testing.assert_allclose([f.amount[0, 0] for f in fields], 1000 * rain, atol=1e-5)
    with pytest.raises(DataError, match="Is it ERA5, which has hourly amounts"):
        list(read_precipitation("era5_land", [hourly]))


def test_the_real_era5_land_rain(shared: Path) -> None:
    path = shared / "data" / "era5" / "annaj_era5land_2025-09-11_data_0.nc"
    fields = list(read_precipitation("era5_land", [path]))
    assert (fields[0].begin, fields[0].end) == (datetime(2025, 9, 10), datetime(2025, 9, 11))
    assert all(f.end - f.begin == timedelta(hours=1) for f in fields[1:])
    with netCDF4.Dataset(path) as raw:
        last = np.ma.filled(raw["tp"][-1].astype(float), np.nan)[::-1] * 1000.0
    np.testing.assert_allclose(sum(f.amount for f in fields[1:]), last, atol=1e-3)
    assert min(float(np.nanmin(f.amount)) for f in fields) >= 0.0


def test_rain_of_era5_in_grib(tmp_path: Path, shared: Path) -> None:
    eccodes = pytest.importorskip("eccodes")
    rain = np.arange(36.0).reshape(6, 6) / 1000.0
    with (
        (shared / "data" / "era5" / "soil-surface-level-mix.grib").open("rb") as raw,
        (tmp_path / "tp.grib").open("wb") as file,
    ):
        handle = eccodes.codes_grib_new_from_file(raw)
        for hour in (6, 7):
            one = eccodes.codes_clone(handle)
            for key, value in (("paramId", 228), ("dataTime", 100 * hour), ("bitsPerValue", 24)):
                eccodes.codes_set(one, key, value)
            eccodes.codes_set_values(one, (rain * (hour - 5)).ravel())
            eccodes.codes_write(one, file)
            eccodes.codes_release(one)
        eccodes.codes_release(handle)
    fields = list(read_precipitation("era5", [tmp_path / "tp.grib"], Region(41.0, 49.0, 1.0, 9.0)))
    assert [(f.begin.hour, f.end.hour) for f in fields] == [(5, 6), (6, 7)]
    np.testing.assert_allclose(fields[1].amount, 2000 * rain[::-1], atol=1e-3)


# --------------------------------------------------------------------------- every reader against damaged bytes

SOUND: dict[str, tuple[str, Callable[[Path], object]]] = {
    "gldas_noah": ("g.nc4", lambda p: gldas(p.parent, DAY, 0.2, p.name)),
    "era5": ("e.nc", lambda p: write(p, {f"swvl{k}": 0.2 for k in range(1, 5)}, [DAY])),
    "cldas": ("x-2016060100.nc", lambda p: write(p, {"SM000010": 0.2}, [], "mm3/mm3")),
    "esa_cci": (
        "c.nc",
        lambda p: write(p, {"sm": 0.2, "sm_uncertainty": 0.02, "flag": 0.0, "t0": 16953.2}, [DAY], "m3 m-3"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", [*SOUND, "grib"])
@pytest.mark.parametrize("seed", range(25))
def test_damaged_bytes_are_data_errors_or_a_sound_read(tmp_path: Path, shared: Path, key: str, seed: int) -> None:
    generator = random.Random(f"{key} {seed}")
    if key == "grib":
        pytest.importorskip("eccodes")
        product, sound = PRODUCTS["era5"], tmp_path / "s.grib"
        shutil.copy(shared / "data" / "era5" / "soil-surface-level-mix.grib", sound)
    else:
        product, sound = PRODUCTS[key], tmp_path / SOUND[key][0]
        SOUND[key][1](sound)
    content = bytearray(sound.read_bytes())
    kind = seed % 4
    if kind == 0:
        content = content[: generator.randrange(len(content))]
    elif kind == 1:
        for _ in range(generator.randrange(1, 20)):
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    elif kind == 2:
        start = generator.randrange(len(content))
        stop = min(len(content), start + generator.randrange(1, 2048))
        content[start:stop] = bytes(stop - start)
    else:
        for _ in range(generator.randrange(1, 8)):
            content[generator.randrange(min(len(content), 2048))] = generator.randrange(256)
    # A new folder: the HDF5 library remembers damaged files by their inode, the time is in the name.
    damaged = tmp_path / f"damaged_{seed}" / sound.name
    damaged.parent.mkdir()
    damaged.write_bytes(content)
    try:
        with product.opens(damaged) as file:
            for time in file.times:
                profile = file.read(time)
                assert np.nanmin(profile.values, initial=0.0) >= 0.0
                assert np.nanmax(profile.values, initial=0.0) <= 1.0
    except LandDAError as error:
        assert isinstance(error, DataError)
        assert f"damaged_{seed}" in str(error)
