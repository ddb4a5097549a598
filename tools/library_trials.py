"""Print results of other libraries for the tasks that this package solves with its own code (docs/decisions).

Usage: python tools/library_trials.py [DATA]

DATA is a folder of files as their providers ship them, with colm/, era5/, ncep/, ismn/ and ismn_maqu/; without it those
trials are left out. Libraries: pip install f90nml filelock cfgrib ismn pytesmo arch xskillscore cf_xarray (each that is
missing is named).
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import importlib.metadata
import logging
import os
import shutil
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import xarray as xr


def namelists(data: Path | None, scratch: Path) -> None:
    """Replace a value; everything else is to stay."""
    f90nml: Any = importlib.import_module("f90nml")
    from landda_hpc.model.colm.namelist import Namelist

    for path in sorted((data / "colm").rglob("*.nml")) if data else []:
        f90nml.read(path)
    if data:
        print(f"reads {len(list((data / 'colm').rglob('*.nml')))} namelists of CoLM")
    cases = {
        "a comment in Latin-1": "&nl_colm\n a = 1 ! f\xfcr\n/\n".encode("latin-1"),
        "a byte order mark": b"\xef\xbb\xbf&nl_colm\n a = 1\n/\n",
    }
    for name, content in cases.items():
        path = scratch / "case.nml"
        path.write_bytes(content)
        ours = Namelist.from_file(path).with_values({"a": 2}).content
        try:
            f90nml.patch(path, {"nl_colm": {"a": 2}}, scratch / "patched.nml")
            theirs = (scratch / "patched.nml").read_bytes()
        except UnicodeDecodeError as error:
            theirs = f"{type(error).__name__}".encode()
        print(f"{name}: ours {ours!r}; f90nml {theirs!r}")


def folder_locks(_: Path | None, scratch: Path) -> None:
    """Two jobs on file systems with strange locks."""
    filelock: Any = importlib.import_module("filelock")

    def try_with(name: str, flock: Callable[..., None]) -> None:
        path = scratch / f"{name.replace(' ', '_')}.lock"
        with mock.patch.object(fcntl, "flock", flock), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one, other = (filelock.FileLock(path, timeout=0.5) for _ in range(2))
            try:
                one.acquire()
                other.acquire()
                print(f"{name}: both jobs hold the lock")
            except filelock.Timeout:
                print(f"{name}: the second job is refused")
            except OSError as error:
                print(f"{name}: {error}")
            for lock in (one, other):
                lock.release(force=True)

    for number in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):

        def refuse(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        try_with(f"file system that answers {errno.errorcode[number]}", refuse)
    try_with("file system that grants every lock", lambda *_: None)


def grib(data: Path | None, _: Path) -> None:
    """Layers of real GRIB files."""
    cfgrib: Any = importlib.import_module("cfgrib")
    from landda_hpc.formats.products.grib import GribIndex

    if data is None:
        return
    path = data / "era5" / "soil-surface-level-mix.grib"
    options = {"indexpath": ""}
    found = xr.open_dataset(path, engine="cfgrib", backend_kwargs=options)
    print(f"{path.name}: open_dataset keeps {', '.join(map(str, found.data_vars))}")
    parts = cfgrib.open_datasets(path, backend_kwargs=options)
    index = GribIndex(path, {39: "swvl1", 40: "swvl2", 41: "swvl3", 42: "swvl4"})
    by_name = {str(name): part[name].values for part in parts for name in part.data_vars}
    differences = [
        float(np.nanmax(np.abs(index.values(m) - by_name[f"swvl{key[0] - 38}"]))) for key, m in index.messages.items()
    ]
    print(f"  open_datasets: {len(parts)} data sets; largest difference of swvl1-4 from ours {max(differences):.1e}")
    path = data / "ncep" / "flxf2006040100.grb"
    try:
        xr.open_dataset(path, engine="cfgrib", backend_kwargs=options)
    except cfgrib.dataset.DatasetBuildError as error:
        print(f"{path.name}: open_dataset: {type(error).__name__}")
    parts = cfgrib.open_datasets(path, backend_kwargs=options)
    print(f"  open_datasets: {len(parts)} data sets, variable 'unknown' in {sum('unknown' in p for p in parts)}")


def stations(data: Path | None, scratch: Path) -> None:
    """Downloads of the International Soil Moisture Network."""
    interface: Any = importlib.import_module("ismn.interface")
    from landda_hpc.formats.stations.station_ismn import read_ismn

    for name in (
        "ismn/Data_seperate_files_header_20170810_20180809", "ismn/Data_seperate_files_20170810_20180809", "ismn_maqu",
        "ismn/format_header_values", "ismn/format_ceop_sep",
    ) if data else ():  # fmt: skip
        ours = read_ismn(data / name)
        line = f"{name}: ours {len(ours)} sensors, {sum(s.values.size for s in ours)} values"
        copy = scratch / name.replace("/", "_")
        shutil.copytree(data / name, copy)
        before = len(list(copy.rglob("*")))
        try:
            archive = interface.ISMN_Interface(copy, parallel=False)
            read = [archive.read(i)["soil_moisture"] for i in archive.get_dataset_ids("soil_moisture", 0, 5)]
            line += f"; ismn {len(read)} sensors, {sum(map(len, read))} values"
            both = [float(sum(np.nansum(s) for s in found)) for found in ([s.values for s in ours], read)]
            line += f", difference of the sums {both[0] - both[1]:.1e}"
        except (TypeError, ValueError, OSError, KeyError) as error:
            line += f"; ismn {type(error).__name__}: {error}"
        print(f"{line}; it wrote {len(list(copy.rglob('*'))) - before} paths into the download")


def matching(_: Path | None, __: Path) -> None:
    """CDF matching and the nearest observation in time."""
    import pandas as pd

    cdf: Any = importlib.import_module("pytesmo.cdf_matching")
    temporal: Any = importlib.import_module("pytesmo.temporal_matching")
    from landda_hpc.observation.bias import match_quantiles
    from landda_hpc.verification.statistics.matching import match_times

    rng = np.random.default_rng(0)
    x, y = rng.beta(2, 5, 2000), 0.1 + 0.4 * rng.beta(3, 3, 2000)
    p = np.linspace(0.0, 1.0, 101)
    q, r = np.quantile(x, p), np.quantile(y, p)
    theirs = cdf.CDFMatching(percentiles=100 * p, linear_edge_scaling=False, minobs=None)
    theirs.fit(x, y)
    far = np.array([-0.5, 2.0])
    print(f"CDF matching inside: largest difference {np.abs(theirs.predict(x) - match_quantiles(x, q, r)).max():.1e}")
    print(f"  of the quantiles themselves {np.abs(theirs.x_perc_ - q).max():.1e} (another definition of a quantile)")
    print(f"  outside, at {far}: ours {match_quantiles(far, q, r).round(3)}, pytesmo {theirs.predict(far).round(3)}")
    times = pd.date_range("2020-01-01", periods=200, freq="6h")
    seen = (times + pd.to_timedelta(rng.integers(-200, 200, 200), unit="min")).sort_values()
    values = np.where(np.arange(200) % 7, rng.random(200), np.nan)
    frame = pd.DataFrame({"v": values}, index=seen).dropna()
    reference = pd.DataFrame({"r": np.zeros(200)}, index=times)
    found = temporal.temporal_collocation(reference, frame, pd.Timedelta(60, "min"), dropna=False)["v"].to_numpy()
    own = match_times(times.values, seen.values, values, 60.0)
    same = np.array_equal(found, own, equal_nan=True)
    print(f"temporal matching: {np.isfinite(own).sum()} matches, equal to pytesmo's: {same}")
    tie = match_times(times.values[1:2], times.values[:3:2], np.array([1.0, 2.0]), 400.0)
    two = pd.Series([1.0, 2.0], index=times[:3:2]).reindex(times[1:2], method="nearest")
    print(f"  of two equally near: ours the earlier ({tie[0]:g}), pandas' reindex the later ({two.iloc[0]:g})")


def intervals(_: Path | None, __: Path) -> None:
    """Coverage of intervals of the mean of an autocorrelated series."""
    from landda_hpc.verification.statistics.intervals import estimate_mean

    arch: Any = importlib.import_module("arch.bootstrap")
    hits, n_series, n, rho = [0, 0], 400, 120, 0.8
    for seed in range(n_series):
        rng = np.random.default_rng(seed)
        x = np.zeros(n)
        noise = rng.standard_normal(n)
        x[0] = noise[0] / np.sqrt(1 - rho**2)
        for i in range(1, n):
            x[i] = rho * x[i - 1] + noise[i]
        length = max(1, round(float(arch.optimal_block_length(x)["circular"].iloc[0])))
        low, high = (
            arch.CircularBlockBootstrap(length, x, seed=seed).conf_int(np.mean, 500, method="percentile").ravel()
        )
        own = estimate_mean(x[:, None])
        hits[0] += low <= 0.0 <= high
        hits[1] += bool(own.low[0] <= 0.0 <= own.high[0])
    print(f"mean of AR(1), rho {rho}, n {n}: a 95 % interval holds the truth in {n_series} series:")
    print(
        f"  circular block bootstrap of arch {hits[0] / n_series:.3f}, ours (effective size) {hits[1] / n_series:.3f}"
    )


def correlations(_: Path | None, __: Path) -> None:
    """Effective sizes of correlations: xskillscore's test against our interval."""
    from landda_hpc.verification.statistics.intervals import estimate_correlation

    scores: Any = importlib.import_module("xskillscore")
    n_series, n, rho, hits = 400, 120, 0.8, [0, 0]
    for seed in range(n_series):
        noise = np.random.default_rng(seed).standard_normal((n, 2))
        x = np.zeros((n, 2))
        x[0] = noise[0] / np.sqrt(1 - rho**2)
        for i in range(1, n):
            x[i] = rho * x[i - 1] + noise[i]
        own = estimate_correlation(x[:, :1], x[:, 1:])
        hits[0] += bool(own.low[0] <= 0.0 <= own.high[0])
        one, other = (xr.DataArray(x[:, k], dims="time") for k in range(2))
        p_value = float(scores.pearson_r_eff_p_value(one, other, dim="time"))
        hits[1] += not p_value < 0.05  # NaN: it has no effective size
    print(f"independent AR(1) pairs, rho {rho}, n {n}: correlation 0 is accepted at 5 % in {n_series} pairs:")
    print(f"  ours {hits[0] / n_series:.3f}, xskillscore {hits[1] / n_series:.3f}")


def axes(data: Path | None, _: Path) -> None:
    """Latitudes of real netCDF files."""
    importlib.import_module("cf_xarray")
    from landda_hpc.errors import LandDAError
    from landda_hpc.formats.cf.file_grid import coordinate_of
    from landda_hpc.formats.cf.netcdf_file import NetcdfFile

    counts = {"both": 0, "ours alone": 0, "cf_xarray alone": 0}
    for path in sorted(data.rglob("*.nc*")) if data else ():
        try:
            with xr.open_dataset(path, decode_times=False) as raw, NetcdfFile(path) as file:
                dataset = raw.cf.guess_coord_axis() if not raw.cf.coordinates.get("latitude") else raw
                theirs = bool(dataset.cf.coordinates.get("latitude"))
                ours = any(coordinate_of(file, str(name), "latitude") for name in raw.variables if raw[name].ndim > 1)
        except (ValueError, OSError, LandDAError):
            continue
        if ours or theirs:
            if theirs and not ours:
                print(f"  cf_xarray alone: {path.name}")
            counts["both" if ours and theirs else "ours alone" if ours else "cf_xarray alone"] += 1
    print(f"files whose images have latitudes, found by {counts}")


def fortran(_: Path | None, scratch: Path) -> None:
    """Unformatted files in either byte order, and with subrecords."""
    scipy_io: Any = importlib.import_module("scipy.io")
    from landda_hpc.formats.colm.fortran import scan_records

    harmonic = importlib.import_module("scipy.special").sph_harm_y(1200, 5, np.deg2rad([1.0, 40.0]), 0.3)
    print(f"spherical harmonic of degree 1200, order 5, at colatitudes of 1 and 40 degrees: {harmonic}")
    content = np.arange(4, dtype=">f8").tobytes()
    big, pieces = scratch / "big", scratch / "pieces"
    with scipy_io.FortranFile(big, "w", header_dtype=">u4") as file:
        file.write_record(np.frombuffer(content, dtype=np.uint8))
    halves = struct.pack("<i16si", -16, content[:16], 16), struct.pack("<i16si", 16, content[16:], -16)
    pieces.write_bytes(b"".join(halves))
    for name, path in (("big-endian", big), ("subrecords, as of more than 2 GiB", pieces)):
        try:
            found = f"{scipy_io.FortranFile(path).read_record(np.uint8).size} bytes"
        except scipy_io.FortranFormattingError as error:
            found = f"{type(error).__name__}"
        print(f"{name}: ours {scan_records(path).records[0].size} bytes, scipy.io.FortranFile {found}")


TRIALS = {
    "f90nml": namelists,
    "filelock": folder_locks,
    "cfgrib": grib,
    "ismn": stations,
    "pytesmo": matching,
    "arch": intervals,
    "xskillscore": correlations,
    "cf_xarray": axes,
    "scipy": fortran,
}


def main() -> None:
    """Run every trial whose library is installed."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for package, trial in TRIALS.items():
        try:
            print(f"\n{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"\n{package}: not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            trial(data, Path(folder))


if __name__ == "__main__":
    main()
