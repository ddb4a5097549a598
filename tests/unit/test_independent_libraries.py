"""Our code against libraries of the field, on inputs made here. Without a library its test is skipped, visibly.

f90nml, filelock, cfgrib and cf_xarray are installed with the tests. ismn, pytesmo and arch bring large packages:
``make verify`` installs them (``env/extra.sh checks``) and runs their tests. Why our code stays:
docs/decisions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.file_grid import coordinate_of
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.formats.products.grib import GribIndex
from landda_hpc.formats.stations.station_ismn import read_ismn
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.observation.bias import match_quantiles
from landda_hpc.storage.folder_lock import FolderLock
from landda_hpc.verification.statistics.block_bootstrap import draw_blocks
from landda_hpc.verification.statistics.matching import match_times

# Of `pytest.importorskip`, for the libraries that only `make verify` installs.
NOT_INSTALLED = "not installed; `make verify` or env/extra.sh checks installs the dependency group `checks`"

NAMELIST = """&nl_colm
   DEF_CASE_NAME = 'it''s / here'   ! not the end: /
   DEF_simulation_time%start_year = 2010 , DEF_simulation_time%start_sec=0
   DEF_logical = .TRUE.
   DEF_real = 1.5d-3
   DEF_list = 3*0 4 5
   DEF_forcing%fprefix(1) = 'Precip/f.'
   DEF_twice = 1
   DEF_twice = 2
/
"""


def test_namelists_mean_the_same_to_f90nml(tmp_path: Path) -> None:
    f90nml: Any = pytest.importorskip("f90nml")
    changed = Namelist(NAMELIST).with_values(
        {"DEF_simulation_time%start_sec": 21600, "DEF_CASE_NAME": "a 'new' one", "DEF_added": 1.5, "DEF_logical": False}
    )
    (tmp_path / "case.nml").write_bytes(changed.content)
    theirs = f90nml.read(tmp_path / "case.nml")["nl_colm"]
    assert theirs["def_case_name"] == "a 'new' one" == changed.text_value("DEF_CASE_NAME")
    assert theirs["def_simulation_time"] == {"start_year": 2010, "start_sec": 21600}
    assert theirs["def_logical"] is False and theirs["def_twice"] == 2 == changed.number("DEF_twice")
    assert theirs["def_real"] == changed.number("DEF_real") and theirs["def_added"] == 1.5
    assert tuple(theirs["def_list"]) == changed.values("DEF_list") == (0, 0, 0, 4, 5)
    assert theirs["def_forcing"]["fprefix"] == [changed.text_value("DEF_forcing%fprefix(1)")]


def test_folder_locks_and_filelock_refuse_each_other(tmp_path: Path) -> None:
    filelock: Any = pytest.importorskip("filelock")
    path = tmp_path / "lock"
    ours, theirs = FolderLock(path), filelock.FileLock(path, timeout=0.1)
    ours.acquire()
    try:
        with pytest.raises(filelock.Timeout):
            theirs.acquire()
    finally:
        ours.release()
    with theirs:
        assert ours.is_held_by_anyone()
    assert not ours.is_held_by_anyone()


def test_grib_layers_are_those_of_cfgrib(tmp_path: Path) -> None:
    cfgrib: Any = pytest.importorskip("cfgrib")
    eccodes: Any = pytest.importorskip("eccodes")
    path, rng = tmp_path / "era5.grib", np.random.default_rng(0)
    with path.open("wb") as file:
        for parameter, top, bottom in ((39, 0, 7), (40, 7, 28)):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
            for key, value in {
                "centre": "ecmf", "Ni": 4, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 50.0,
                "latitudeOfLastGridPointInDegrees": 48.0, "longitudeOfFirstGridPointInDegrees": 10.0,
                "longitudeOfLastGridPointInDegrees": 13.0, "iDirectionIncrementInDegrees": 1.0,
                "jDirectionIncrementInDegrees": 1.0, "dataDate": 20220101, "dataTime": 600, "paramId": parameter,
                "indicatorOfTypeOfLevel": 112, "topLevel": top, "bottomLevel": bottom, "bitsPerValue": 24,
            }.items():  # fmt: skip
                eccodes.codes_set(handle, key, value)
            eccodes.codes_set_values(handle, rng.random(12))
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    index = GribIndex(path, {39: "swvl1", 40: "swvl2"})
    parts = cfgrib.open_datasets(str(path), backend_kwargs={"indexpath": ""})
    theirs = {name: part[name] for part in parts for name in part.data_vars}
    for (number, time), message in index.messages.items():
        other = theirs[f"swvl{number - 38}"]
        assert pd.Timestamp(other.valid_time.values) == time
        np.testing.assert_allclose(index.values(message), other.values, atol=1e-7)  # cfgrib reads single precision
        grid, is_flipped = index.grid_of(message)
        np.testing.assert_allclose(grid.lat[::-1] if is_flipped else grid.lat, other.latitude.values)
        np.testing.assert_allclose(grid.lon, other.longitude.values)


@pytest.mark.parametrize(
    ("name", "attributes", "is_axis"),
    [
        ("lat", {"units": "degrees_north"}, True),
        ("y", {"units": "degrees_north"}, True),
        ("y", {"standard_name": "latitude", "units": "degree"}, True),
        ("XLAT", {"units": "degree_north"}, False),
    ],
)
def test_latitudes_are_those_of_cf_xarray(tmp_path: Path, name: str, attributes: dict[str, str], is_axis: bool) -> None:
    pytest.importorskip("cf_xarray")
    dims = (name, "x") if is_axis else ("j", "x")
    latitude = (name, [1.0, 2.0], attributes) if is_axis else (dims, np.ones((2, 3)), attributes)
    values = xr.Variable(dims, np.zeros((2, 3)), {} if is_axis else {"coordinates": name})
    xr.Dataset({"sm": values, name: latitude}).to_netcdf(tmp_path / "f.nc")
    with xr.open_dataset(tmp_path / "f.nc") as theirs, NetcdfFile(tmp_path / "f.nc") as ours:
        assert theirs.cf.coordinates["latitude"] == [name] == [coordinate_of(ours, "sm", "latitude")]


@pytest.mark.verify
def test_station_files_are_read_as_by_ismn(tmp_path: Path) -> None:
    interface: Any = pytest.importorskip("ismn.interface", reason=f"ismn is {NOT_INSTALLED}")
    folder = tmp_path / "archive" / "NET" / "here"
    folder.mkdir(parents=True)
    name = "NET_NET_here_sm_0.050000_0.050000_Probe-1_20080701_20080702.stm"
    lines = [
        f"2008/07/{1 + h // 24:02d} {h % 24:02d}:00 {0.2 + 0.001 * h:8.4f} {'U' if h % 3 else 'D01,D03'} M"
        for h in range(48)
    ]
    header = "NET        NET             here              33.88330   102.13330 3431.00    0.05    0.05 Probe-1 "
    (folder / name).write_text("\n".join([header, *lines, ""]))
    static = [
        "quantity_name;unit;depth_from[m];depth_to[m];value;description;quantity_source_name",
        *(f"{name};% weight;0.00;0.30;20.0;;HWSD" for name in ("saturation", "clay fraction", "organic carbon")),
        *(f"{name};% weight;0.00;0.30;40.0;;HWSD" for name in ("sand fraction", "silt fraction")),
        "land cover classification;;;;130;Grassland;CCI_landcover_2000",
        "climate classification;;;;Dwc;cold;koeppen_geiger_2007",
    ]
    (folder / "NET_NET_here_static_variables.csv").write_text("\n".join([*static, ""]))
    (ours,) = read_ismn(tmp_path / "archive")
    archive = interface.ISMN_Interface(tmp_path / "archive", parallel=False)
    (number,) = archive.get_dataset_ids("soil_moisture", 0, 1)
    theirs = archive.read(number)
    np.testing.assert_array_equal(ours.values, theirs["soil_moisture"].to_numpy())
    np.testing.assert_array_equal(ours.times, theirs.index.to_numpy().astype(ours.times.dtype))
    assert ours.flags.tolist() == theirs["soil_moisture_flag"].tolist()


@pytest.mark.verify
def test_cdf_matching_and_matching_in_time_are_those_of_pytesmo() -> None:
    cdf: Any = pytest.importorskip("pytesmo.cdf_matching", reason=f"pytesmo is {NOT_INSTALLED}")
    temporal: Any = pytest.importorskip("pytesmo.temporal_matching", reason=f"pytesmo is {NOT_INSTALLED}")
    rng = np.random.default_rng(0)
    x, y = rng.beta(2, 5, 2000), 0.1 + 0.4 * rng.beta(3, 3, 2000)
    p = np.linspace(0.0, 1.0, 101)
    theirs = cdf.CDFMatching(percentiles=100 * p, linear_edge_scaling=False, minobs=None)
    theirs.fit(x, y)
    inside = (x > x.min()) & (x < x.max())
    own = match_quantiles(x, np.quantile(x, p), np.quantile(y, p))
    # Another definition of a quantile: the two differ by less than the distance of neighbouring quantiles.
    np.testing.assert_allclose(own[inside], theirs.predict(x)[inside], atol=2e-3)
    times = pd.date_range("2020-01-01", periods=200, freq="6h")
    seen = (times + pd.to_timedelta(rng.integers(-200, 200, 200), unit="min")).sort_values()
    values = np.where(np.arange(200) % 7, rng.random(200), np.nan)
    frame = pd.DataFrame({"v": values}, index=seen).dropna()
    found = temporal.temporal_collocation(
        pd.DataFrame({"r": np.zeros(200)}, index=times), frame, pd.Timedelta(60, "min"), dropna=False
    )
    np.testing.assert_array_equal(match_times(times.values, seen.values, values, 60.0), found["v"].to_numpy())


@pytest.mark.verify
def test_block_bootstrap_has_the_spread_of_arch() -> None:
    arch: Any = pytest.importorskip("arch.bootstrap", reason=f"arch is {NOT_INSTALLED}")
    rng, length = np.random.default_rng(0), 12
    x = np.convolve(rng.standard_normal(251), np.ones(12), "valid")
    counts = draw_blocks(x.size, length, 4000, rng)
    sums = np.convolve(np.concatenate([x, x[: length - 1]]), np.ones(length), "valid")  # of the block from each time
    own = counts @ sums / (length * counts.sum(axis=1))
    theirs = arch.CircularBlockBootstrap(length, x, seed=1).apply(np.mean, 4000).ravel()
    # 4000 replicates give a standard deviation to 1.1 %; blocks are kept whole here and cut at the end there.
    assert own.std() == pytest.approx(theirs.std(), rel=0.06)
    assert own.mean() == pytest.approx(theirs.mean(), abs=4.0 * own.std() / np.sqrt(4000))


def test_what_the_libraries_refuse_is_read_here(tmp_path: Path) -> None:
    """A byte order mark and a comment in Latin-1, both of which f90nml 1.5 does not read."""
    for content in ("&nl_colm\n a = 1 ! f\xfcr\n/\n".encode("latin-1"), b"\xef\xbb\xbf&nl_colm\n a = 1\n/\n"):
        (tmp_path / "case.nml").write_bytes(content)
        assert Namelist.from_file(tmp_path / "case.nml").with_values({"a": 2}).content == content.replace(
            b"= 1", b"= 2"
        )
    with pytest.raises(DataError, match="no namelist group"):
        Namelist("&other\n/\n")
