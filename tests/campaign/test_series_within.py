"""Series within a cycle: states and records do not depend on them, and they are what the model computed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.campaign.start import run_campaign
from landda_hpc.config import parse_config
from landda_hpc.constants import SOIL_DZ, SOIL_ZI
from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.recorded_series import CampaignSeries
from landda_hpc.storage.checkpoint import digest
from landda_hpc.storage.retention import list_checkpoints
from landda_hpc.storage.series_files import SeriesSlice, list_series, read_day, series_folder
from landda_hpc.studies.reproduction.between_analyses import (
    interval_words,
    scores_below_increments,
    scores_between,
)
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import BAI2026
from tests.campaign.conftest import CONFIG, Landda

RUNS = [{"method": "control"}, {"method": "enkf_like", "members": 4}]
HOURLY = {"every_hours": 1, "fluxes": True, "means": True, "to_depth_m": 3.433}


def configuration(series: dict[str, Any] | None, **sections: Any) -> dict[str, Any]:
    output = {"every_hours": 12, "figures": False, "series": series}
    grid = {"n_lat": 18, "n_lon": 36}
    return {
        **CONFIG,
        "grid": grid,
        "runs": RUNS,
        "output": output,
        "checkpoint": {"every_hours": 6, "keep_last": 99},
        **sections,
    }


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The same campaign without series, with those of every cycle, and with hourly ones."""
    folder = tmp_path_factory.mktemp("series")
    for name, series in (("none", None), ("cycles", {}), ("hourly", HOURLY)):
        assert run_campaign(parse_config(configuration(series)), folder / name).finished
    return {name: folder / name for name in ("none", "cycles", "hourly")}


def records(campaign: Path, run: str) -> dict[Any, SeriesSlice]:
    days = list_series(series_folder(campaign))[run]
    return {time: values for path in days.values() for time, values in read_day(path).slices.items()}


def test_states_and_records_are_those_without_series(campaigns: Mapping[str, Path]) -> None:
    none, hourly = campaigns["none"], campaigns["hourly"]
    states = [[digest(path) for _, path in list_checkpoints(folder / "checkpoints")] for folder in (none, hourly)]
    assert states[0] == states[1] and len(set(states[0])) == len(states[0]) > 5
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert (none / name).read_bytes() == (hourly / name).read_bytes()


@pytest.mark.parametrize("run", ["nature", "control", "enkf_like"])
def test_hours_contain_the_cycles(campaigns: Mapping[str, Path], run: str) -> None:
    """Water at the end of a cycle has the same bits, rain of the hours sums to that of the cycle."""
    cycles, hours = records(campaigns["cycles"], run), records(campaigns["hourly"], run)
    times = list(hours)
    assert len(hours) == 6 * len(cycles) and len(set(np.diff(times))) == 1
    for time, of_cycle in cycles.items():
        shallow = hours[time].soil_moisture[: len(of_cycle.soil_moisture)]
        np.testing.assert_array_equal(shallow, of_cycle.soil_moisture)
        last = times.index(time) + 1
        parts = [hours[t].precipitation.astype(np.float64) for t in times[last - 6 : last]]
        np.testing.assert_allclose(sum(parts), of_cycle.precipitation, rtol=1e-6, atol=1e-9)


def test_the_water_budget_closes_within_cycles(campaigns: Mapping[str, Path]) -> None:
    """Rain minus evapotranspiration, runoff and drainage of an hour is the change of the whole column's water.

    In the tropics, where no layer has ice, whose volume changes when it melts.
    """
    (day, *_) = list_series(series_folder(campaigns["hourly"]))["control"].values()
    is_tropical = np.abs(read_day(day).frame.lat) < 20.0
    hours = list(records(campaigns["hourly"], "control").values())
    for before, now in pairwise(hours):
        soil = is_tropical & np.isfinite(now.precipitation)
        change = 1000.0 * SOIL_DZ @ (now.soil_moisture[:, soil].astype(np.float64) - before.soil_moisture[:, soil])
        lost = now.evapotranspiration + now.surface_runoff + now.drainage
        expected = now.precipitation[soil] - 3600.0 * lost[soil]
        assert soil.any() and np.abs(expected).max() > 0.1
        np.testing.assert_allclose(change, expected, atol=2e-3)  # float32 of 1,000 kg m-2


def test_files_say_what_is_a_mean(campaigns: Mapping[str, Path]) -> None:
    (path, *_) = list_series(series_folder(campaigns["hourly"]))["control"].values()
    with netCDF4.Dataset(path) as file:
        assert file["time"].bounds == "time_bnds"
        np.testing.assert_array_equal(file["time_bnds"][:, 1], file["time"][:])
        np.testing.assert_array_equal(np.diff(file["time_bnds"][:], axis=1), 1.0)
        assert file["soil_moisture"].cell_methods.startswith("time: point")
        assert file["evapotranspiration"].cell_methods == "time: mean area: mean"
        assert file["evapotranspiration"].units == "kg m-2 s-1"
    means = list((campaigns["hourly"] / "means").glob("control_daily_*.nc"))
    with netCDF4.Dataset(means[0]) as file:
        daily = np.asarray(file["evapotranspiration"][0])
    of_day = [v.evapotranspiration for t, v in records(campaigns["hourly"], "control").items()][:24]
    np.testing.assert_allclose(daily, np.mean(of_day, axis=0), rtol=1e-5)


def test_scores_between_analyses_are_those_of_the_fields(campaigns: Mapping[str, Path]) -> None:
    m = CampaignData(campaigns["hourly"], BAI2026)
    series = CampaignSeries(m.folder.path, m.domain, m.config.runs, m.config.time, m.config.scored_since)
    found = scores_between(m, series)
    assert {r.time for r in found} == {t for t in series.times if t.hour % 6}
    assert interval_words([*m.records, *found], "truth") == "every 1 h"
    share = np.clip(np.minimum(SOIL_ZI[1:], 0.1) - SOIL_ZI[:-1], 0.0, None) / 0.1
    wanted = next(r for r in found if (r.run, r.layer, r.time.hour) == ("enkf_like", "0-10 cm", 9))
    run, nature = (records(campaigns["hourly"], name)[wanted.time] for name in ("enkf_like", "nature"))
    here = m.domain.cells.from_mask(m.domain.is_scored) & (run.frozen == 0.0)
    mine, truth = (share @ values.soil_moisture[:, here].astype(np.float64) for values in (run, nature))
    assert wanted.n_cells == here.sum() and wanted.window == "assimilation"
    assert wanted.scc == pytest.approx(np.corrcoef(mine, truth)[0, 1], abs=1e-9)
    assert wanted.ubrmse == pytest.approx((mine - truth).std(), abs=1e-9)


def test_scores_below_the_increments_leave_out_what_was_moved(campaigns: Mapping[str, Path]) -> None:
    """Increments of 0-10 cm reach 16.6 cm: 10-40 cm is also scored from there down."""
    m = CampaignData(campaigns["hourly"], BAI2026)
    series = CampaignSeries(m.folder.path, m.domain, m.config.runs, m.config.time, m.config.scored_since)
    share = np.clip(np.minimum(SOIL_ZI[1:], 0.4) - np.maximum(SOIL_ZI[:-1], SOIL_ZI[4]), 0.0, None)
    share /= share.sum()
    scored, found = m.domain.cells.from_mask(m.domain.is_scored), []
    run, nature = (records(campaigns["hourly"], name) for name in ("enkf_like", "nature"))
    for time in (t for t in run if t.hour % 6 == 0 and t <= m.config.time.assimilation_end):
        here = scored & (run[time].frozen == 0.0)
        mine, truth = (share @ of[time].soil_moisture[:, here].astype(np.float64) for of in (run, nature))
        found.append((np.corrcoef(mine, truth)[0, 1], (mine - truth).std()))
    scc, ubrmse = np.mean(found, axis=0)
    text = scores_below_increments(m, series)
    assert "from 16.6 to 40 cm" in text and text.count("ubRMSE") == 2
    assert f"SCC {scc:.3f} and ubRMSE {ubrmse:.3f} m3 m-3 of `enkf_like`" in text


def test_a_resume_gives_the_same_bytes(campaigns: Mapping[str, Path], landda: Landda) -> None:
    shutil.copytree(campaigns["hourly"], landda.folder / "out")
    done = landda.here("rewind", "out", "--to", "2022-06-02T12:00", "--yes")
    assert done.returncode == 0, done.stderr
    assert max(records(landda.folder / "out", "control")).hour == 12
    done = landda.here("resume", "out")
    assert done.returncode == 0, done.stderr
    for kind in ("series", "means"):
        files = sorted((campaigns["hourly"] / kind).iterdir())
        assert files
        for path in files:
            assert (landda.folder / "out" / kind / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.verify
def test_energy_between_analyses(tmp_path: Path) -> None:
    """The same for physics with an energy balance, whose heat fluxes are recorded."""
    model = {"physics": "land_surface", "spinup_days": 0}
    time = {**CONFIG["time"], "assimilation_end": "2022-06-02T06:00", "end": "2022-06-02T12:00"}
    sections = {"model": model, "time": time, "runs": RUNS[:1]}
    states = []
    for name, series in (("none", None), ("hourly", {"every_hours": 3, "fluxes": True})):
        assert run_campaign(parse_config(configuration(series, **sections)), tmp_path / name).finished
        states.append([digest(path) for _, path in list_checkpoints(tmp_path / name / "checkpoints")])
    assert states[0] == states[1]
    of_hours = list(records(tmp_path / "hourly", "control").values())
    assert len(of_hours) == 4
    for values in of_hours:
        assert values.latent_heat is not None and values.evapotranspiration is not None
        seen = np.isfinite(values.latent_heat) & (values.frozen == 0.0)
        # The heat of vaporisation is 2.5e6 J kg-1; leaves and snow change it little.
        ratio = values.latent_heat[seen].sum() / values.evapotranspiration[seen].sum()
        assert 2.4e6 < ratio < 2.9e6


@pytest.mark.parametrize(
    ("series", "sections", "message"),
    [
        ({"every_hours": 4}, {}, "every_hours = 4 does not divide the 6-hour cycle"),
        (
            {"every_hours": 1},
            {"model": {"timestep_s": 7200}, "forcing": {"step_hours": 6}},
            "multiple of model.timestep_s",
        ),
    ],
)
def test_intervals_that_cannot_be_recorded(series: dict[str, Any], sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(configuration(series, **sections))


def test_colm_has_no_fluxes() -> None:
    case = {"grid": {"kind": "case"}, "case": {"namelist": "case.nml"}, "twin": {"wetness_sigma": 0.1}}
    model = {"kind": "colm", "executable": "colm.x"}
    with pytest.raises(ConfigError, match=r"output.series.fluxes: model.kind = colm returns states only"):
        parse_config(configuration({"every_hours": 1, "fluxes": True}, model=model, **case))
    assert parse_config(configuration({"every_hours": 1}, model=model, **case)).windows.cycle_hours == 1
