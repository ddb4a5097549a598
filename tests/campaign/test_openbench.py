"""OpenBench, CoLM's own evaluation package, on a campaign's output: its metrics are ours."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml

import landda_hpc
from tests.campaign.conftest import Landda

VARIABLE = "Surface_Soil_Moisture"
RUNS = ("control", "pointwise")
SPACING = 5.625
CAMPAIGN: dict[str, Any] = {
    "grid": {"n_lat": 32, "n_lon": 64},
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-09T00:00", "end": "2022-06-09T00:00"},
    "runs": [{"method": run} for run in RUNS],
    "checkpoint": {"every_hours": 240},
    "output": {"every_hours": 24, "fields": ["background", "analysis", "truth"], "figures": False},
}
TOLERANCE = 1e-6
"""Of RMSE and bias, m3 m-3: OpenBench keeps float32."""

# Without its plotting library's coastlines OpenBench fails after the metrics, and looks for them in the network.
MAPS = """
import sys
from pathlib import Path
import shapefile
folder = Path(sys.argv[1])
folder.mkdir(parents=True)
for name in ("land", "ocean", "coastline", "lakes", "rivers_lake_centerlines"):
    kind = shapefile.POLYLINE if name in ("coastline", "rivers_lake_centerlines") else shapefile.POLYGON
    with shapefile.Writer(str(folder / f"ne_110m_{name}"), shapeType=kind) as file:
        file.field("name", "C")
        (file.line if kind == shapefile.POLYLINE else file.poly)([[[0, 0], [0, 10], [10, 10], [0, 0]]])
        file.record(name)
"""
# The libraries of maps and of parallel HDF5 may not be unloaded in one process, so it ends without that.
RUN = """
import os, sys
from openbench.cli.main import cli
cli(sys.argv[1:], standalone_mode=False)
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.verify
def test_openbench_finds_the_errors_of_a_campaign(landda: Landda) -> None:
    if find_spec("openbench") is None:
        pytest.skip("colm-openbench is not installed (env/extra.sh checks)")
    folder = landda.folder
    done = landda(1, "run", landda.write("campaign.yaml", **CAMPAIGN), "-o", "out")
    assert done.returncode == 0, done.stderr
    written = _write_images(folder / "out", folder / "data")
    environment = {
        **os.environ,
        "OPENBENCH_HOME": str(folder / "home"),
        "CARTOPY_DATA_DIR": str(folder / "maps"),
        "MPLBACKEND": "agg",
    }

    def python(program: str, *arguments: str) -> str:
        finished = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=600, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    python(MAPS, str(folder / "maps/shapefiles/natural_earth/physical"))
    python(RUN, "ref", "register", "Truth", "--root-dir", str(folder / "data"), "--data-type", "grid",
           "--tim-res", "Day", "--grid-res", str(SPACING), "--years", "2022", "2022", "--category", "Water",
           "-v", f"{VARIABLE}:soil_moisture:m3 m-3:truth_:")  # fmt: skip
    (folder / "openbench.yaml").write_text(yaml.safe_dump(_settings(folder)), encoding="utf-8")
    assert "Evaluation complete" in python(RUN, "run", "openbench.yaml")
    ours = xr.load_dataset(folder / "out" / "skill.nc").isel(reference=0)
    assert int(ours.n.max()) == 7
    for run in RUNS:
        metrics = {name: _metric(folder, run, name) for name in ("RMSE", "bias", "correlation")}
        of_run = ours.sel(run=run)
        known = np.isfinite(of_run.rmse.values)
        assert known.sum() > 300
        for theirs, name in (("RMSE", "rmse"), ("bias", "bias")):
            np.testing.assert_allclose(metrics[theirs][known], of_run[name].values[known], atol=TOLERANCE)
        expected = xr.corr(written[run], written["truth"], "time").values
        both = known & np.isfinite(expected) & np.isfinite(metrics["correlation"])
        moved = both & (written["truth"].std("time").values > 1e-3) & (written[run].std("time").values > 1e-3)
        assert moved.sum() > 100
        np.testing.assert_allclose(metrics["correlation"][moved], expected[moved], atol=1e-4)


def _write_images(campaign: Path, folder: Path) -> dict[str, xr.DataArray]:
    """Write the images as docs/verification.md does; return them."""
    folder.mkdir()
    found = {}
    opened = landda_hpc.open_campaign(campaign)
    for run in RUNS:
        images = opened.images(run)
        found[run] = images.analysis.fillna(images.forecast) if "analysis" in images else images.forecast
        found["truth"] = images.truth
    for name, water in found.items():
        for year, part in water.groupby("time.year"):
            part.rename("soil_moisture").drop_vars("depth").to_netcdf(folder / f"{name}_{year}.nc")
    return {name: water.load() for name, water in found.items()}


def _settings(folder: Path) -> dict[str, Any]:
    variables = {VARIABLE: {"varname": "soil_moisture", "varunit": "m3 m-3"}}
    simulation = {
        run: {
            "model": "CoLM", "root_dir": str(folder / "data"), "data_type": "grid", "tim_res": "Day",
            "data_groupby": "Year", "grid_res": SPACING, "prefix": f"{run}_", "suffix": "", "variables": variables,
        }
        for run in RUNS
    }  # fmt: skip
    project = {
        "name": "campaign", "output_dir": str(folder / "openbench"), "years": [2022, 2022], "tim_res": "Day",
        "grid_res": SPACING, "weight": "none", "num_cores": 1, "generate_report": False,
    }  # fmt: skip
    return {
        "project": project,
        "evaluation": {"variables": [VARIABLE]},
        "reference": {"data_root": str(folder / "data"), VARIABLE: ["Truth"]},
        "simulation": simulation,
        "metrics": ["bias", "RMSE", "correlation"],
        "scores": ["Overall_Score"],
        "comparison": {"enabled": False},
        "statistics": {"enabled": False},
    }


def _metric(folder: Path, run: str, name: str) -> np.ndarray[Any, Any]:
    """A metric that OpenBench wrote, with the longitudes of the campaign."""
    path = folder / "openbench/campaign/metrics" / f"{VARIABLE}_ref_Truth_sim_{run}_{name}.nc"
    values = xr.load_dataset(path)[name]
    return np.asarray(values.assign_coords(lon=values.lon % 360.0).sortby("lon").values)
