"""Campaigns, spin-ups and restarts with the physics land_surface."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.data import spun_up_path, static_path
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.storage.checkpoint import digest
from landda_hpc.storage.restart_set import read_manifest, read_restart
from landda_hpc.variables import LAND_STATE
from tests.campaign.conftest import Landda

LAND = {"spinup_days": 0, "physics": "land_surface"}
GRID = {"n_lat": 18, "n_lon": 34}
RUNS = [{"method": "control"}, {"method": "pointwise"}]


@pytest.mark.verify
def test_ranks_resumes_and_restarts_keep_every_bit(landda: Landda) -> None:
    checkpoint = {"every_hours": 6, "keep_last": 9, "restarts": True}
    time = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"}
    # From the package's own state, which lies on another grid.
    model = LAND | {"initial": "spun_up"}
    file = landda.write(model=model, grid=GRID, runs=RUNS, checkpoint=checkpoint, time=time, output={"figures": False})
    done = landda.here("run", file, "--output", "one")
    assert done.returncode == 0, done.stdout + done.stderr
    done = landda(2, "run", file, "--output", "two")
    assert done.returncode == 0, done.stdout + done.stderr

    def newest(name: str) -> str:
        return digest(sorted((landda.folder / name / "checkpoints").glob("*.h5"))[-1])

    assert newest("one") == newest("two")
    # Gone back to the second cycle, resumed on another number of ranks.
    for path in sorted((landda.folder / "two" / "checkpoints").glob("*.h5"))[2:]:
        path.unlink()
    done = landda.here("resume", "two")
    assert done.returncode == 0, done.stdout + done.stderr
    assert newest("one") == newest("two")
    folder = sorted((landda.folder / "one" / "restart").glob("*/control"))[-1]
    manifest = read_manifest(folder)
    assert manifest.variables == LAND_STATE
    state = read_restart(folder, slice(0, manifest.n_tiles))
    assert state.names == LAND_STATE and np.isfinite(state["t_soisno"]).all()


@pytest.mark.verify
def test_check_opens_the_state_that_a_campaign_begins_from(landda: Landda) -> None:
    model = LAND | {"initial": "spun_up", "initial_file": "year.nc"}
    file = landda.write(model=model, grid=GRID, runs=RUNS, data_root=str(landda.folder))
    done = landda.here("check", file)
    assert done.returncode != 0 and "year.nc' does not exist" in done.stderr
    shutil.copyfile(static_path(), landda.folder / "year.nc")
    done = landda.here("check", file)
    assert done.returncode != 0 and "variable 'time' is not in" in done.stderr
    shutil.copyfile(spun_up_path(), landda.folder / "year.nc")
    done = landda.here("check", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.verify
@pytest.mark.timeout(1200)
def test_a_spin_up_goes_on_where_it_ended_and_starts_a_campaign(landda: Landda) -> None:
    start = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T06:00", "end": "2022-06-02T06:00"}
    region = {"n_lat": 17, "n_lon": 17, "south": 40.0, "north": 57.0, "west": 90.0, "east": 107.0}
    tiles = {"max_soil_tiles": 1}
    file = landda.write(model=LAND, grid=region, tiles=tiles, time=start, runs=RUNS, checkpoint={"every_hours": 6})
    options = ("--water", "0", "--temperature", "0", "--moving", "0")
    for folder, ranks, years in (("once", 1, (1,)), ("twice", 2, (1,))):
        for n in years:
            done = landda(ranks, "spinup", file, "-o", folder, "--max-years", n, *options)
            assert done.returncode == 0, done.stdout + done.stderr
    once, twice = (landda.folder / name / "spinup.json" for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()
    done = landda.here("spinup", file, "-o", "once", "--max-years", 1, *options)
    assert "after 1 years" in done.stdout
    spun = landda.write(
        "spun.yaml", model=LAND | {"initial": "spun_up", "initial_file": str(Path("once") / "spinup.h5")},
        grid=region, tiles=tiles, time=start, runs=RUNS, checkpoint={"every_hours": 6}, data_root=str(landda.folder),
    )  # fmt: skip
    done = landda.here("run", spun, "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    # A year's states fit other tiles, at any time of the year.
    done = landda(2, "spinup", file, "-o", "once", "--max-years", 1, *options, "--year", "once/year.nc")
    assert done.returncode == 0, done.stdout + done.stderr
    autumn = {"start": "2022-10-20T00:00", "assimilation_end": "2022-10-20T06:00", "end": "2022-10-20T06:00"}
    other = landda.write(
        "other.yaml", model=LAND | {"initial": "spun_up", "initial_file": str(Path("once") / "year.nc")}, runs=RUNS,
        grid=region | {"n_lat": 19}, time=autumn, checkpoint={"every_hours": 6}, data_root=str(landda.folder),
    )  # fmt: skip
    done = landda.here("run", other, "--output", "other")
    assert done.returncode == 0, done.stdout + done.stderr
    # Comparison of two identical spin-ups.
    done = landda.here("spinup", file, "-o", "once", "--max-years", 2, *options, "--against", "twice")
    assert done.returncode != 0 and "two passes are needed" in done.stderr
    wrong = start | {"start": "2022-10-02T00:00", "assimilation_end": "2022-10-02T06:00", "end": "2022-10-02T06:00"}
    late = landda.write(
        "late.yaml", model=LAND | {"initial": "spun_up", "initial_file": str(Path("once") / "spinup.h5")},
        grid=region, tiles=tiles, time=wrong, runs=RUNS, checkpoint={"every_hours": 6}, data_root=str(landda.folder),
    )  # fmt: skip
    done = landda.here("run", late, "--output", "late")
    assert done.returncode != 0 and "lie between them" in done.stderr


@pytest.mark.verify
@pytest.mark.timeout(1800)
def test_two_years_of_generated_weather_are_repeated(landda: Landda) -> None:
    start = {"start": "2023-06-02T00:00", "assimilation_end": "2023-06-02T06:00", "end": "2023-06-02T06:00"}
    region = {"n_lat": 17, "n_lon": 17, "south": 60.0, "north": 68.5, "west": -25.0, "east": -8.0}
    model = LAND | {"timestep_s": 10800}
    file = landda.write(model=model, grid=region, tiles={"max_soil_tiles": 1}, time=start, runs=RUNS)
    options = ("--period-years", 2, "--moving", 0, "--water", 0, "--temperature", 0)
    done = landda.here("land", "spinup", file, "-o", "wrong", "--max-years", 1, *options)
    assert done.returncode != 0 and "--period-years 2 exceeds --max-years 1" in done.stderr
    for folder, ranks, years in (("once", 1, 4), ("twice", 2, 2), ("twice", 1, 4)):
        done = landda(ranks, "land", "spinup", file, "-o", folder, "--max-years", years, *options, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "year 4 (pass 2): 100.00 % of soil tiles drift" in done.stdout
    assert digest(landda.folder / "once" / "spinup.h5") == digest(landda.folder / "twice" / "spinup.h5")


@pytest.mark.verify
@pytest.mark.timeout(600)
def test_the_climate_is_the_same_on_any_number_of_ranks(landda: Landda) -> None:
    year = {"start": "2022-01-01T00:00", "assimilation_end": "2022-01-02T00:00", "end": "2022-01-02T00:00"}
    grid = {"n_lat": 17, "n_lon": 20}
    file = landda.write(model=LAND | {"initial": "spun_up"}, grid=grid, tiles={"max_soil_tiles": 1}, time=year)
    for ranks in (1, 3):
        done = landda(ranks, "climate", file, "--years", 1, "--json", f"on_{ranks}.json")
        assert done.returncode == 0, done.stdout + done.stderr
    one, three = ((landda.folder / f"on_{ranks}.json").read_bytes() for ranks in (1, 3))
    assert one == three and b"rain forest" in one


def test_a_climatology_that_cannot_be_read_is_said_before_the_model_runs(landda: Landda) -> None:
    file = landda.write(model=LAND, grid=GRID, tiles={"max_soil_tiles": 1})
    done = landda.here("climate", file, "--years", 100, "--climatology", "nothing.nc")
    assert done.returncode != 0 and "nothing.nc" in done.stderr


@pytest.mark.verify
@pytest.mark.timeout(3000)
def test_the_globe_over_three_years(shared: Path) -> None:
    """Closure of every tile and step, frozen ground, and zones within what rivers and towers say, wide margins."""
    from landda_hpc.config import parse_config
    from landda_hpc.land_experiments.land_climate import land_climate
    from landda_hpc.parallel.communicator import SerialCommunicator
    from tests.campaign.conftest import CONFIG

    start = {"start": "2022-01-01T00:00", "assimilation_end": "2022-01-02T00:00", "end": "2022-01-02T00:00"}
    tiles = {"max_soil_tiles": 3, "min_fraction": 0.1}
    config = parse_config({**CONFIG, "model": LAND, "time": start, "tiles": tiles})
    climatology = shared / "data" / "speedyweather" / "soil_moisture.nc"
    if not climatology.is_file():
        pytest.skip(f"needs {climatology}")
    found = land_climate(EmbeddedSetup.of(config, make_domain(config, 1)), SerialCommunicator(), 3, climatology)
    assert found.max_water_residual < 1e-9 and found.max_energy_residual < 1e-3
    assert found.frozen_january > 0.95 and found.frozen_july < 0.05 and found.snow_january > 20.0
    zones = {zone.zone.split(" ")[0]: zone for zone in found.zones}
    assert 0.25 < zones["rain"].runoff_ratio < 0.60 and 0.65 < zones["rain"].evaporative_fraction < 0.90
    assert zones["desert"].runoff_ratio < 0.10 and zones["desert"].evaporative_fraction < 0.30
    assert 0.25 < zones["boreal"].runoff_ratio < 0.60
    assert zones["desert"].surface < 0.20 < zones["boreal"].surface < zones["rain"].surface
    assert found.correlation is not None and found.correlation >= 0.70


@pytest.mark.verify
@pytest.mark.timeout(1200)
def test_a_moist_surface_goes_down_and_lasts() -> None:
    from landda_hpc.config import parse_config
    from landda_hpc.land_experiments.land_memory import land_memory
    from tests.campaign.conftest import CONFIG

    config = parse_config({**CONFIG, "model": LAND})
    setup = EmbeddedSetup.of(config, make_domain(config, 1))
    found = land_memory(setup, settle_days=120, held_days=30, free_days=60)
    assert (found.arrival[:, 0] <= 1.0).all()
    assert (found.arrival[:, 1] <= 30.0).all()
    lasting = np.where(np.isfinite(found.memory), found.memory, 60.0)
    assert (lasting >= 10.0).all() and np.median(lasting) > 30.0
