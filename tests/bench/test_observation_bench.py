"""Cost of an observation compared with reading its bytes: plain netCDF4, the reader with its checks, the whole way."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import FileObservations
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.gldas import GLDAS_NOAH
from landda_hpc.grid import Grid, gaussian_grid
from landda_hpc.observation.files import ProductSource

pytestmark = pytest.mark.bench

PATTERN = "GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
START = datetime(2016, 1, 1)
FILES, ROUNDS = 8, 7


def write(path: Path, moment: datetime, seed: int) -> None:
    """A file as the provider ships it: one chunk per field, deflated, a third of the cells on land."""
    rng = np.random.default_rng(7)
    lat, lon = np.arange(-59.875, 90.0, 0.25), np.arange(-179.875, 180.0, 0.25)
    coarse = rng.normal(size=(21, 49))
    land = np.repeat(np.repeat(coarse, 30, axis=0), 30, axis=1)[: lat.size, : lon.size] > 0.4
    noise = np.random.default_rng(seed).normal(size=land.shape)
    with netCDF4.Dataset(path, "w") as data:
        for name, values, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f4", (name,))
            axis.units, axis[:] = units, values
        data.createDimension("time", None)
        clock = data.createVariable("time", "f8", ("time",))
        clock.units = " minutes since 2000-01-01 03:00:00"
        clock[:] = [(moment - datetime(2000, 1, 1, 3)) / timedelta(minutes=1)]
        sm = data.createVariable(
            "SoilMoi0_10cm_inst", "f4", ("time", "lat", "lon"), fill_value=np.float32(-9999.0), zlib=True,
            complevel=2, shuffle=True, chunksizes=(1, lat.size, lon.size),
        )  # fmt: skip
        sm.units = "kg m-2"
        sm[0] = np.where(land, np.round(25.0 + 3.0 * noise, 3), -9999.0)


def milliseconds(task: Callable[[], object]) -> float:
    begin = time.perf_counter()
    task()
    return 1e3 * (time.perf_counter() - begin) / FILES


@pytest.mark.parametrize("method", ["bilinear", "conservative"])
def test_an_observation_beside_its_bytes(tmp_path: Path, method: str) -> None:
    moments = [START + timedelta(hours=3 * k) for k in range(FILES)]
    paths = [tmp_path / moment.strftime(PATTERN) for moment in moments]
    for number, (path, moment) in enumerate(zip(paths, moments, strict=True)):
        write(path, moment, number)
    grid: Grid = gaussian_grid(128, 256)
    dataset = Dataset(GLDAS_NOAH, tmp_path, PATTERN)
    config = FileObservations.model_validate({"regridding": {"method": method}})
    source = ProductSource(dataset, config, grid, np.ones(grid.shape, dtype=np.bool_))

    def plain() -> None:
        for path in paths:
            with netCDF4.Dataset(path) as data:
                np.ma.filled(data["SoilMoi0_10cm_inst"][0], np.nan)

    def reader() -> None:
        for moment in moments:
            dataset.read(moment, (0.0, 0.1))
        dataset.close()

    def whole() -> None:
        for moment in moments:
            source.at(moment)

    tasks = {"plain netCDF4": plain, "the reader": reader, "a whole observation": whole}
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            found[name].append(milliseconds(task))
    bytes_of = sum(path.stat().st_size for path in paths) / FILES
    print(
        f"\nGLDAS 0.25 degrees to 128 x 256, {method}, {bytes_of / 1e6:.2f} MB a file, ms a file, median of {ROUNDS}:"
    )
    base = statistics.median(found["plain netCDF4"])
    for name, values in found.items():
        print(f"  {name:20s} {statistics.median(values):6.1f}  {statistics.median(values) / base:.2f} of plain")
        assert min(values) > 0.0
