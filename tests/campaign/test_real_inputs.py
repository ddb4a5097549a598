"""The papers' experiments with real inputs, and what check says of the files that they name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from landda_hpc.commands.application import app
from landda_hpc.config import CatalogueObservations, load_config
from landda_hpc.errors import ConfigError
from landda_hpc.formats.products.cldas import VARIABLES
from tests.campaign.conftest import Landda
from tests.provider_files import hours, write_gldas, write_stations

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
STEM = "Z_NAFP_C_BABJ_20160501012056_P_CLDAS_RT_ASI_0P0625_HOR"


def with_real_data(name: str, root: Path, start: datetime, days: float) -> dict[str, Any]:
    """The experiment of a paper with real data, over a short time and under generated weather."""
    changed: dict[str, Any] = yaml.safe_load((EXPERIMENTS / f"{name}_real.yaml").read_text(encoding="utf-8"))
    changed.pop("forcing", None)
    first, last = start.isoformat(), (start + timedelta(days=days)).isoformat()
    changed["time"] = {**changed["time"], "start": first, "assimilation_end": last, "end": last}
    changed["verification"].pop("discard_days", None)
    changed["verification"]["days"] = []
    changed["data_root"] = str(root)
    return changed


def check(folder: Path, config: dict[str, Any]) -> Any:
    """`landda check` in this process; the problems, or what it prints."""
    path = folder / "real.yaml"
    path.write_text(yaml.safe_dump(config))
    done = CliRunner().invoke(app, ["check", str(path)])
    if isinstance(done.exception, ConfigError):
        return done.exception.problems
    assert done.exit_code == 0, (done.output, done.exception)
    return " ".join(done.output.split())


def write(
    path: Path, fields: dict[str, tuple[str, float]], times: Sequence[datetime], box: tuple[float, float, float, float]
) -> None:
    """Fields of one value each, rows from south to north in steps of a degree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    south, north, west, east = box
    with netCDF4.Dataset(path, "w") as data:
        for name, values, units in (
            ("latitude", np.arange(south, north), "degrees_north"),
            ("longitude", np.arange(west, east), "degrees_east"),
        ):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f8", (name,))
            axis.units, axis[:] = units, values
        if times:
            data.createDimension("time", len(times))
            clock = data.createVariable("time", "f8", ("time",))
            clock.units = "hours since 1970-01-01"
            clock[:] = [(time - datetime(1970, 1, 1)) / timedelta(hours=1) for time in times]
        for name, (units, value) in fields.items():
            dimensions = (*(("time",) if times else ()), "latitude", "longitude")
            variable = data.createVariable(name, "f4", dimensions, fill_value=-9999.0)
            variable.units = units
            variable[...] = value


def test_the_real_experiments_are_those_of_the_twins() -> None:
    """Calendar, grid, model and runs of a paper are the same with real data and as a twin."""
    for name in ("bai2026", "shen2024"):
        twin, real = load_config(EXPERIMENTS / f"{name}.yaml"), load_config(EXPERIMENTS / f"{name}_real.yaml")
        assert real.twin is None and isinstance(real.observations, CatalogueObservations)
        assert all(entry.product for entry in real.catalogue.values())
        for section in ("seed", "time", "grid", "model", "runs"):
            assert getattr(twin, section) == getattr(real, section), (name, section)


def write_day(root: Path, start: datetime) -> None:
    """GLDAS, stations and rain of a day, in the layouts of the providers."""
    for k in range(1, 9):
        write_gldas(root, start + timedelta(hours=3 * k))
    write_stations(root, hours(start + timedelta(hours=1), start + timedelta(hours=23)))
    write(
        root / "era5_land/tp_202206.nc",
        {"tp": ("m", 0.001)},
        hours(start, start + timedelta(days=1)),
        (20.0, 50.0, 80.0, 120.0),
    )


@pytest.mark.verify
def test_bai2026_takes_gldas_stations_and_rain(tmp_path: Path) -> None:
    start = datetime(2022, 6, 2)
    write_day(tmp_path, start)
    config = with_real_data("bai2026", tmp_path, start, 1.0)
    assert "GLDAS Noah: 4 of 4 analysis times have observations" in check(tmp_path, config)

    (tmp_path / "stations/ismn_us.zip").unlink()
    (tmp_path / "era5_land/tp_202206.nc").write_bytes(b"CDF\x01nothing")
    table = tmp_path / "stations/cma/june.csv"
    as_it_was = table.read_text()
    table.write_text(re.sub(r",\d\d\.\d,0\n", ",0.85,0\n", as_it_was))
    assert "cma' do not show whether soil moisture is in percent or m3 m-3" in check(tmp_path, config)[0]
    config["catalogue"]["cma"]["table_units"] = "percent"
    assert len(check(tmp_path, config)) == 2
    table.write_text(as_it_was.replace(",2022,", ",2021,"))
    problems = check(tmp_path, config)
    assert len(problems) == 3, problems
    assert (
        "verification.stations, cma: none of 1 sensors has a usable value (flags G, U) from 2022-06-02" in problems[0]
    )
    assert "verification.stations, ismn: " in problems[1] and "ismn_us.zip" in problems[1]
    assert "verification.precipitation, rain: " in problems[2] and "tp_202206.nc" in problems[2]
    config["catalogue"]["rain"] = {"product": "cldas", "path": "%Y.nc"}
    assert "product cldas, which gives no precipitation" in check(tmp_path, config)[2]


@pytest.mark.verify
def test_shen2024_takes_era5_land_and_cldas(tmp_path: Path) -> None:
    start, box = datetime(2016, 5, 1), (22.0, 69.0, 72.0, 119.0)
    times = [start + timedelta(hours=6 * k) for k in range(5)]
    soil = {"swvl1": ("m**3 m**-3", 0.2), "swvl2": ("m**3 m**-3", 0.25)}
    write(tmp_path / "era5_land/swvl_201605.nc", soil, times, box)
    write(tmp_path / "era5_land/tp_201605.nc", {"tp": ("m", 0.001)}, times, box)
    for time in times[1:]:
        for layer in VARIABLES[:3]:
            path = tmp_path / f"cldas/{time:%Y%m%d}/{STEM}-{layer.name}-{time:%Y%m%d%H}.nc"
            write(path, {layer.name: ("mm3/mm3", 0.2)}, [], (22.0, 50.0, 73.0, 117.0))
    config = with_real_data("shen2024", tmp_path, start, 1.0)
    assert "ERA5-Land: 4 of 4 analysis times have observations" in check(tmp_path, config)
    for entry, depth, changes in (
        ("cldas", [0.0, 0.05], {}),
        ("cldas", [0.0, 0.1], {"layers": "observed"}),
    ):
        other = {**config, "observations": {"kind": "catalogue", "entry": entry, "depth_m": depth}}
        other["runs"] = [{**run, **(changes if run["method"] != "control" else {})} for run in config["runs"]]
        assert "CLDAS-V2.0: 4 of 4 analysis times" in check(tmp_path, other), (entry, depth)

    first = tmp_path / f"cldas/20160501/{STEM}-SM000005-2016050106.nc"
    first.write_bytes(first.read_bytes()[:3000])
    problems = check(tmp_path, config)
    assert len(problems) == 1 and "verification.references, CLDAS: " in problems[0] and first.name in problems[0]
    for path in (tmp_path / "cldas").rglob("*.nc"):
        path.unlink()
    config["verification"]["references"][0]["depths_m"] = [[0.0, 0.4]]
    problems = check(tmp_path, config)
    assert "not all" not in problems[0] and "none of its layers (0-40 cm) end within" in problems[0]
    config["verification"]["references"][0]["depths_m"] = None
    (problem,) = check(tmp_path, config)
    assert "no file from 2016-05-01 06:00:00 to 2016-05-02 00:00:00" in problem and "HOR-{layer}-2016050106" in problem


def run_real(landda: Landda, experiment: str, changes: dict[str, str]) -> dict[tuple[str, str, str], list[float]]:
    """Run an experiment with real data; ubRMSE at each time by layer, run and stage, m3 m-3."""
    options = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    done = landda(1, "run", EXPERIMENTS / f"{experiment}.yaml", "-o", "out", *options, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[tuple[str, str, str], list[float]] = {}
    for line in map(json.loads, (landda.folder / "out" / "scores.jsonl").read_text().splitlines()):
        found.setdefault((line["layer"], line["run"], line["stage"]), []).append(line["ubrmse"])
    return found


@pytest.mark.verify
@pytest.mark.timeout(900)
def test_shen2024_assimilates_the_real_era5_over_china(shared: Path, landda: Landda) -> None:
    """docs/reproduction.md has the command and its scores. The weather of the model is generated."""
    config = with_real_data("shen2024", shared / "data", datetime(2024, 7, 1), 2.75)
    config["catalogue"]["era5_land"] = {"product": "era5", "path": "era5/ERA5_China_%Y_%m_01_03.nc"}
    config["verification"] = {
        "depths_m": config["verification"]["depths_m"],
        "references": [{"entry": "era5_land", "name": "ERA5, assimilated"}],
    }
    assert "ERA5: 11 of 11 analysis times have observations" in check(landda.folder, config)
    changes = {
        "data_root": str(shared / "data"),
        "catalogue.era5_land.product": "era5",
        "catalogue.era5_land.path": "era5/ERA5_China_%Y_%m_01_03.nc",
        "time.start": "2024-07-01T00:00",
        "time.assimilation_end": "2024-07-03T18:00",
        "time.end": "2024-07-03T18:00",
        "verification.references": "[]",
        "verification.precipitation": "null",
        "verification.discard_days": "0",
        "output.figures": "false",
    }
    scores = run_real(landda, "shen2024_real", changes)
    control = scores["0-7 cm", "control", "forecast"]
    assert len(control) == 11 and 0.05 < np.mean(control) < 0.07
    for run in ("var3d_point", "var3d_image", "var3d_both"):
        before = scores["0-7 cm", run, "background"]  # before the image of the time was assimilated
        assert before[0] == control[0]
        assert all(mine < free for mine, free in zip(before[1:], control[1:], strict=True)), run
        assert np.mean(before[1:]) < 0.4 * np.mean(control[1:]), run


@pytest.mark.verify
@pytest.mark.timeout(900)
def test_a_day_of_real_gldas(shared: Path, landda: Landda) -> None:
    """Seven times of 1 January 2016 below ../shared/data/gldas, or below gldas/ in the folder LANDDA_GLDAS_DAY.

    docs/reproduction.md has the command and its scores. The weather of the model is generated.
    """
    root = Path(os.environ.get("LANDDA_GLDAS_DAY", shared / "data"))
    files = sorted((root / "gldas").glob("GLDAS_NOAH025_3H.A20160101.*.021.nc4"))
    if len(files) < 7:
        pytest.skip(f"needs GLDAS_NOAH025_3H of 1 January 2016, 03 to 21 UTC; {root}/gldas has {len(files)} of 7 files")
    changes = {
        "data_root": str(root),
        "time.start": "2016-01-01T00:00",
        "time.assimilation_end": "2016-01-01T21:00",
        "time.end": "2016-01-01T21:00",
        "time.cycle_hours": "3",
        "grid.n_lat": "64",
        "grid.n_lon": "128",
        "model.physics": "land_surface",
        "model.initial": "spun_up",
        "model.initial_file": "null",
        "output.figures": "false",
        "output.every_hours": "720",
    }
    scores = run_real(landda, "gldas_real", changes)
    for run, share in (("pointwise", 0.25), ("enkf_like", 0.25), ("learned", 0.5)):
        for layer, stage in (("0-10 cm", "background"), ("10-40 cm", "analysis")):
            free, mine = scores[layer, "control", "forecast"], scores[layer, run, stage]
            assert len(mine) == 7
            assert all(a < b for a, b in zip(mine[1:], free[1:], strict=True)), (run, layer)
        background = scores["0-10 cm", run, "background"]  # before the image of the time was assimilated
        assert background[-1] < share * background[0], run
