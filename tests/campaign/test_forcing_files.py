"""A campaign on forcing from netCDF files: checked before it starts, the same bits on any number of ranks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.formats.forcing.forcing_sets import SETS, units_of
from landda_hpc.model.forcing.sun import mean_cosine_zenith

JUNE = datetime(2022, 6, 1)
LAT, LON = np.arange(-88.0, 89.0, 8.0), np.arange(-176.0, 180.0, 8.0)
WEATHER = {
    "shortwave": 700.0, "longwave": 350.0, "air_temperature": 295.0, "specific_humidity": 0.008, "wind_speed": 3.0,
    "surface_pressure": 96000.0, "precipitation": 4e-5,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of CRUNCEP's layout, its ocean missing."""
    root = tmp_path_factory.mktemp("data")
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    rng = np.random.default_rng(3)
    field = 1.0 + 0.1 * rng.random((120, *lat.shape))
    six = timedelta(hours=6)
    light = np.stack([mean_cosine_zenith(lat, lon, JUNE + k * six, six) for k in range(4)])
    is_ocean = (lat == 0.0) & (np.abs(lon + 4.0) < 5.0)  # the Gulf of Guinea
    for name, variable in SETS["cruncep_v7"].variables.items():
        path = root / "cruncep" / JUNE.strftime(variable.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with netCDF4.Dataset(path, "w" if is_new else "a") as file:
            if is_new:
                for dim, n in (("time", 120), ("lat", LAT.size), ("lon", LON.size)):
                    file.createDimension(dim, n)
                file.createVariable("LATIXY", "f4", ("lat", "lon"))[:] = lat
                file.createVariable("LONGXY", "f4", ("lat", "lon"))[:] = lon
            values = WEATHER[name] * (field if name != "shortwave" else np.tile(light, (30, 1, 1)))
            stored = file.createVariable(variable.names[0], "f4", ("time", "lat", "lon"), fill_value=1e36)
            stored.units = next(iter(units_of(name, "mean")))
            stored[:] = np.where(is_ocean, 1e36, values)
    return root


def changes(data: Path) -> dict[str, Any]:
    return {
        "data_root": str(data),
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T12:00"},
        "forcing": {"kind": "netcdf", "dataset": "cruncep_v7", "folder": "cruncep"},
        "model": {"spinup_days": 0, "physics": "land_surface"},
        "twin": {"weather_correlation": 1.0, "log_rain_sigma": 0.6},
        "runs": [{"method": "control"}, {"method": "pointwise"}],
    }


@pytest.mark.verify
def test_same_bits_on_any_number_of_ranks(landda: Any, data: Path) -> None:
    config = landda.write(**changes(data))
    digests = []
    for ranks in (1, 2):
        done = landda(ranks, "run", config, "-o", f"run{ranks}")
        assert done.returncode == 0, done.stderr
        digests.append(landda.digest(f"run{ranks}"))
    assert digests[0] == digests[1]


def test_check_finds_what_is_missing(landda: Any, data: Path) -> None:
    late = {"start": "2022-06-29T00:00", "assimilation_end": "2022-07-02T00:00", "end": "2022-07-02T00:00"}
    done = landda.here("check", landda.write(**changes(data) | {"time": late}))
    assert done.returncode != 0
    assert done.stderr.count("2022-07.nc' does not exist") + done.stdout.count("2022-07.nc' does not exist") == 3
    twin = changes(data) | {"twin": {"weather_correlation": 0.5}}
    done = landda.here("check", landda.write(**twin))
    assert "the nature run has the weather of the files, too; set it to 1.0" in done.stderr + done.stdout
