"""The decoder of all readers, against xarray and netCDF4, and by the rules of the NetCDF User Guide."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.cf import decoding
from landda_hpc.formats.cf.decoding import Decoder, decoder_of
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.formats.products.cf_layers import cf_product
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.registry import PRODUCTS

DAY = datetime(2010, 6, 1)
LAT, LON = np.arange(-85.0, 90.0, 10.0), np.arange(-175.0, 180.0, 10.0)
SHAPE = (1, LAT.size, LON.size)
SCALE = np.float32(1e-4)


@pytest.fixture(autouse=True)
def _every_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are logged once in a process are logged in every test."""
    monkeypatch.setattr(decoding, "_logged", set())


def decode(numbers: Any, kind: str, **attributes: Any) -> np.ndarray:
    stored = np.array(numbers, dtype=kind)
    return Decoder(stored.dtype, attributes, "variable 'sm' in 'file.nc'").decode(stored).values


def write(
    path: Path,
    data: np.ndarray,
    kind: str,
    fill: Any = None,
    name: str = "sm",
    units: str = "m3 m-3",
    **attributes: Any,
) -> Path:
    with netCDF4.Dataset(path, "w") as file:
        for axis, values, degrees in (("lat", LAT, "degrees_north"), ("lon", LON, "degrees_east")):
            file.createDimension(axis, values.size)
            file.createVariable(axis, "f8", (axis,)).units = degrees
            file[axis][:] = values
        file.createDimension("time", data.shape[0])
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 1970-01-01 00:00:00 UTC", "standard"
        time[:] = 14761.0 + np.arange(data.shape[0])
        values = file.createVariable(name, kind, ("time", "lat", "lon"), fill_value=fill)
        values.units = units
        values.setncatts(attributes)
        values.set_auto_maskandscale(False)
        values[:] = data
    return path


def read_cf(path: Path) -> np.ndarray:
    dataset = Dataset(cf_product({"sm": (0.0, 0.1)}, timedelta(days=1)), path.parent, path.name)
    profile = dataset.read(DAY, (0.0, 0.1))
    assert profile is not None
    return profile.values[0]


# ------------------------------------------------------------- other libraries


@st.composite
def stored_variables(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    kind = np.dtype(draw(st.sampled_from(["i1", "u1", "i2", "u2", "i4", "f4", "f8"])))
    if kind.kind == "f":
        numbers = draw(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8))
        special: st.SearchStrategy[Any] = st.floats(-1e4, 1e4, width=32)
    else:
        bounds = np.iinfo(kind)
        # xarray compares in single precision.
        special = st.integers(max(bounds.min + 10, -(2**23)), min(bounds.max - 10, 2**23))
        numbers = draw(st.lists(special, min_size=1, max_size=8))
    attributes: dict[str, Any] = {}
    for name in ("_FillValue", "missing_value"):
        if draw(st.booleans()):
            attributes[name] = kind.type(draw(st.one_of(special, st.sampled_from(numbers))))
    scale_kind = draw(st.sampled_from([np.float32, np.float64]))
    if draw(st.booleans()):
        attributes["scale_factor"] = scale_kind(draw(st.floats(0.0078125, 128.0, width=32)))
    if draw(st.booleans()):
        attributes["add_offset"] = scale_kind(draw(st.floats(-100.0, 100.0, width=32)))
    if kind in ("i1", "i2") and draw(st.booleans()):
        attributes["_Unsigned"] = "true"
    return np.array(numbers, dtype=kind), attributes


@pytest.mark.filterwarnings("ignore:variable .v. has multiple fill values")
@settings(deadline=None)
@given(stored_variables())
def test_fill_and_packing_are_those_of_xarray(case: tuple[np.ndarray, dict[str, Any]]) -> None:
    numbers, attributes = case
    if "_Unsigned" in attributes:
        attributes.pop("missing_value", None)  # which xarray compares as signed
    if "missing_value" in attributes:
        attributes.setdefault("_FillValue", attributes["missing_value"])
    found = Decoder(numbers.dtype, attributes, "v").decode(numbers).values
    encoded = xr.Dataset({"v": ("x", numbers, attributes)})
    expected = xr.decode_cf(encoded, decode_times=False)["v"].values.astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-3)


@settings(deadline=None)
@given(stored_variables(), st.booleans(), st.data())
def test_packed_ranges_and_bits_are_those_of_netcdf4(
    case: tuple[np.ndarray, dict[str, Any]], is_pair: bool, data: st.DataObject
) -> None:
    """Attributes of the stored type are in packed units; without scale and offset these are all units."""
    numbers, attributes = case
    attributes.pop("_Unsigned", None)
    low, high = sorted(data.draw(st.lists(st.sampled_from(numbers.tolist()), min_size=2, max_size=2)))
    if is_pair:
        attributes["valid_range"] = np.array([low, high], dtype=numbers.dtype)
    else:
        attributes["valid_min"], attributes["valid_max"] = numbers.dtype.type(low), numbers.dtype.type(high)
    with netCDF4.Dataset("memory.nc", "w", diskless=True) as file:
        file.createDimension("x", numbers.size)
        variable = file.createVariable("v", numbers.dtype, ("x",), fill_value=attributes.pop("_FillValue", None))
        variable.setncatts(attributes)
        variable.set_auto_maskandscale(False)
        variable[:] = numbers
        found = decoder_of(variable, "v").decode(np.asarray(variable[:]))
        variable.set_auto_maskandscale(True)
        theirs = np.ma.masked_array(variable[:])
    np.testing.assert_array_equal(np.isnan(found.values), np.ma.getmaskarray(theirs))
    np.testing.assert_array_equal(found.values[~np.ma.getmaskarray(theirs)], theirs.compressed().astype(np.float64))
    assert found.n_kept == theirs.count()


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=20), st.integers(0, 3))
def test_encode_inverts_decode(values: list[float], n_missing: int) -> None:
    attributes = {"scale_factor": SCALE, "add_offset": np.float32(1.0), "_FillValue": np.int16(-32768)}
    decoder = Decoder(np.dtype("i2"), attributes, "v")
    wanted = np.array(values)
    wanted[:n_missing] = np.nan
    stored = decoder.encode(wanted, np.full(wanted.shape, -32768, "i2"))
    np.testing.assert_allclose(decoder.decode(stored).values, wanted, atol=0.51e-4)


def test_encode_refuses_what_the_type_cannot_hold() -> None:
    decoder = Decoder(np.dtype("i2"), {"scale_factor": SCALE, "_FillValue": np.int16(-9999)}, "variable 'v' in 'f.nc'")
    for value in (4.0, -0.9999):
        with pytest.raises(DataError, match="packed in int16, which cannot hold"):
            decoder.encode(np.array([value]), np.array([0], "i2"))


# ------------------------------------------------------------------ the rules

RANGES = {
    # name: (stored type, attributes, whether the range is in unpacked units)
    "type of scale": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0, 1], "f4")}, True),
    "type of offset": ("i2", {"scale_factor": SCALE, "add_offset": 0.0, "valid_range": np.array([0.0, 1.0])}, True),
    "stored type": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0, 10000], "i2")}, False),
    "double next to single": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0.0, 1.0])}, True),
    "fractions": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0.0, 0.9999])}, True),
    "limits apart": ("i2", {"scale_factor": SCALE, "valid_min": np.float32(0), "valid_max": np.float32(1)}, True),
    "upper limit alone": ("i2", {"scale_factor": SCALE, "valid_max": 1.0}, True),
    "integers of another type": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0, 10000], "i4")}, False),
    "two packed integers": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0, 1], "i4")}, True),
    "beyond the packed type": ("i2", {"scale_factor": SCALE, "valid_range": np.array([0.0, 10000.0])}, False),
    "bytes": ("u1", {"scale_factor": 0.01, "valid_range": np.array([0, 100], "i2")}, False),
    "integer scale": ("i2", {"scale_factor": np.int32(2), "valid_range": np.array([0, 10000], "i4")}, True),
    "packed floats": ("f4", {"scale_factor": np.float32(0.01), "valid_range": np.array([0, 100], "f4")}, False),
    "floats in double": ("f4", {"scale_factor": 0.01, "valid_range": np.array([0.0, 1.0])}, True),
}


@pytest.mark.parametrize("case", RANGES)
def test_units_of_the_valid_range(case: str) -> None:
    """The user guide decides by type; a third type by what the numbers can mean."""
    kind, attributes, is_unpacked = RANGES[case]
    scale = float(attributes["scale_factor"])
    limits = attributes.get("valid_range", [attributes.get("valid_min", -1e9), attributes.get("valid_max")])
    high = float(limits[1]) / (scale if is_unpacked else 1.0)
    inside, outside = round(high), round(high) + 1
    found = decode([inside, outside], kind, **attributes)
    np.testing.assert_allclose(found, [inside * scale, np.nan], rtol=1e-6)
    assert ("unpacked" in Decoder(np.dtype(kind), attributes, "v").range_text) == is_unpacked


MISSING = {
    "double of a single": ("f4", [1e20, 0.3], {"missing_value": np.float64(1e20)}),
    "single of a double": ("f8", [1e20, 0.3], {"missing_value": np.float32(1e20)}),
    "rounded in text": ("f4", [9.96921e36, 0.3], {"_FillValue": np.float32(-1), "missing_value": "9.96921e+36"}),
    "text of several": ("f4", [-9999.0, 0.3], {"missing_value": "-9999, -8888"}),
    "vector": ("f4", [-2.0, 0.3], {"missing_value": np.array([-1.0, -2.0])}),
    "integer of a float": ("f4", [-9999.0, 0.3], {"missing_value": np.int16(-9999)}),
    "float of a packed integer": ("i2", [-9999, 3000], {"missing_value": -9999.0, "scale_factor": SCALE}),
    "unpacked": ("i2", [-9999, 3000], {"missing_value": np.float32(-0.9999), "scale_factor": SCALE}),
    "not a number": ("f4", [np.nan, 0.3], {"missing_value": np.nan}),
    "infinite": ("f4", [np.inf, 0.3], {"missing_value": np.inf}),
    "default": ("i2", [-32767, 3000], {"scale_factor": SCALE}),
    "default of floats": ("f8", [netCDF4.default_fillvals["f8"], 0.3], {}),
    "fill within the range": (
        "i2", [100, 3000], {"_FillValue": np.int16(100), "valid_range": np.array([0, 1], "f4"), "scale_factor": SCALE},
    ),
    "unsigned": ("i1", [-1, 60], {"_FillValue": np.int8(-1), "_Unsigned": "true", "scale_factor": 0.005}),
    "unsigned range": (
        "i1", [-6, 60], {"valid_range": np.array([0, -7], "i1"), "_Unsigned": "true", "scale_factor": 0.005},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_missing_values(case: str) -> None:
    kind, numbers, attributes = MISSING[case]
    np.testing.assert_allclose(decode(numbers, kind, **attributes), [np.nan, 0.3], rtol=1e-6)


def test_values_near_a_missing_value_stay() -> None:
    assert decode([-9999.01, 1.0001], "f8", missing_value=np.array([-9999, 1], "i4")).tolist() == [-9999.01, 1.0001]
    assert decode([255], "u1").tolist() == [255.0], "bytes have no default fill value"
    assert decode([0.0, 1e-30], "f4", missing_value=0.0)[1] == np.float32(1e-30)
    assert np.isfinite(decode([1e300], "f8", missing_value=np.inf)).all()


def test_arithmetic() -> None:
    """In the type of the attributes, bit for bit as netCDF4; integers cannot overflow, text counts as a number."""
    assert decode([3000], "i2", scale_factor=SCALE)[0] == float(np.int16(3000) * SCALE)
    assert decode([30000], "i2", scale_factor=np.int16(100))[0] == 3e6
    assert decode([200], "u1", add_offset=np.int8(100))[0] == 300.0
    assert decode([3000], "i2", scale_factor="1e-4")[0] == pytest.approx(0.3, abs=1e-15)
    assert decode([-1], "i1", _Unsigned="true").tolist() == [255.0]
    assert decode([255], "u1", _Unsigned="false").tolist() == [-1.0]
    assert decode([2**24 + 1], "i4", scale_factor=np.float32(1)).tolist() == [2.0**24 + 1]
    assert decode(5, "i2", scale_factor=2.0).shape == ()
    assert Decoder(np.dtype("i4"), {"scale_factor": np.float32(1)}, "v").kind == np.int32, "no precision is lost"
    assert Decoder(np.dtype("i4"), {"scale_factor": np.float32(2)}, "v").kind == np.float32


@pytest.mark.parametrize(
    ("name", "value"),
    [("scale_factor", "one"), ("scale_factor", np.array([1.0, 2.0])), ("add_offset", np.nan), ("scale_factor", 0.0)],
)
def test_packing_that_cannot_be_undone(name: str, value: Any) -> None:
    with pytest.raises(DataError, match=rf"variable 'sm' in 'file.nc' has {name} = .*; expected"):
        decode([1], "i2", **{name: value})


@pytest.mark.parametrize(
    "attributes",
    [
        {"valid_range": "0, 1"},
        {"valid_range": np.array([0.0])},
        {"valid_range": np.array([0.0, 0.5, 1.0])},
        {"valid_range": np.array([1.0, 0.0])},
        {"valid_range": np.array([np.nan, np.nan])},
        {"valid_min": 1.0, "valid_max": 0.0},
        {"valid_max": "one"},
    ],
)
def test_ranges_that_are_none_are_ignored(attributes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert decode([0.3, 0.7], "f8", **attributes).tolist() == [0.3, 0.7]
    assert f"{next(iter(attributes))}" in caplog.text and "ignored" in caplog.text


def test_a_pair_overrules_limits_and_types_differ_by_rounding() -> None:
    kept = decode([0.1, 0.6], "f4", valid_range=np.array([0.0, 1.0]), valid_max=np.float32(0.5))
    assert np.isfinite(kept).all()
    assert np.isfinite(decode([0.1, 0.7], "f4", valid_min=0.1, valid_max=0.7)).all(), "limits in double precision"
    assert np.isfinite(decode([0.1], "f8", valid_min=np.float32(0.1))).all(), "0.1 is less than its single precision"
    assert np.isnan(decode([0.71], "f4", valid_max=0.7)).all()


# ---------------------------------------------------------------- whole files


def test_a_range_in_unpacked_units_keeps_an_image(tmp_path: Path) -> None:
    data = np.full(SHAPE, 3000, "i2")
    path = write(tmp_path / "a.nc", data, "i2", -32767, scale_factor=SCALE, valid_range=np.array([0, 1], "f4"))
    np.testing.assert_allclose(read_cf(path), 0.3, rtol=1e-6)


def test_layout_of_esa_cci_2(tmp_path: Path) -> None:
    """Version 02.2: int16, single precision scale and range; 112 of 61,985 pixels were left once."""
    data = np.full(SHAPE, 2500, "i2")
    data[0, 0, :3] = 0, 1, -9999
    path = tmp_path / "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20100601000000-fv02.2.nc"
    write(path, data, "i2", -9999, scale_factor=SCALE, valid_range=np.array([0, 1], "f4"))
    with PRODUCTS["esa_cci"].opens(path) as file:
        values = file.read(file.times[0]).values[0]
    np.testing.assert_allclose(values[0, :4], [0.0, 1e-4, np.nan, 0.25], rtol=1e-6)
    assert np.isfinite(values).sum() == values.size - 1


def test_missing_value_in_double_precision(tmp_path: Path) -> None:
    data = np.full(SHAPE, 0.3, "f4")
    data[:, ::3] = 1e20
    values = read_cf(write(tmp_path / "m.nc", data, "f4", missing_value=1e20))
    assert np.isnan(values[::3]).all()
    np.testing.assert_allclose(values[1::3], 0.3, rtol=1e-6)


def test_a_range_that_takes_out_everything_stops(tmp_path: Path) -> None:
    data = np.full(SHAPE, 3000, "i2")
    data[0, :9] = -32767
    path = write(tmp_path / "all.nc", data, "i2", -32767, scale_factor=SCALE, valid_range=np.array([0, 100], "i2"))
    message = r"all.nc': valid_range = 0, 100 \(int16, in packed units\) removes 324 of 324 values, .* 0.3 and 0.3"
    with pytest.raises(DataError, match=message):
        read_cf(path)
    with NetcdfFile(path) as file, pytest.raises(DataError, match="324 of 324"):
        file.values("sm", {"time": 0, "lat": slice(10, 12), "lon": slice(0, 1)})


def test_a_range_that_takes_out_most_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    data = np.full(SHAPE, 3000, "i2")
    data[0, :6] = 50
    path = write(tmp_path / "most.nc", data, "i2", -32767, scale_factor=SCALE, valid_range=np.array([0, 100], "i2"))
    assert np.isfinite(read_cf(path)).sum() == 216
    assert "removes 432 of 648 values, which are between 0.3 and 0.3; 216 remain" in caplog.text
    caplog.clear()
    with NetcdfFile(path) as file:
        part = file.values("sm", {"time": 0, "lat": slice(10, 12), "lon": slice(0, 5)})
    assert np.isnan(part).all(), "a window outside the range altogether, of an image that is not"
    assert not caplog.text, "reported once"


def test_what_few_values_and_fill_values_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Images that are fill for the most part are normal; a handful of bad retrievals stops nothing."""
    caplog.set_level(logging.WARNING)
    data = np.full(SHAPE, -9999.0, "f4")
    data[0, 3, 3] = 0.2
    assert np.isfinite(read_cf(write(tmp_path / "swath.nc", data, "f4", -9999.0, valid_max=np.float32(0.5)))).sum() == 1
    assert not caplog.text
    data[0, 3, :5] = 0.6
    assert np.isnan(read_cf(write(tmp_path / "few.nc", data, "f4", -9999.0, valid_max=np.float32(0.5)))).all()
    assert "removes 5 of 5 values" in caplog.text


def test_the_shipped_static_file_is_decoded_as_by_netcdf4() -> None:
    path = Path(decoding.__file__).parents[2] / "data" / "static_0p5deg.nc"
    with netCDF4.Dataset(path) as file:
        names = [name for name, variable in file.variables.items() if variable.dtype != str]
        theirs = {name: np.ma.filled(np.ma.asarray(file[name][...], dtype=np.float64), np.nan) for name in names}
    _, ours = read_static(path, names)
    for name in names:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
