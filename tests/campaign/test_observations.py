"""Campaigns on a product's files: windows, withheld cells, feedback, monitoring, and what check says beforehand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.campaign import run_campaign
from landda_hpc.campaign.preflight import find_problems, survey_analyses
from landda_hpc.campaign.start import resume_campaign
from landda_hpc.config import load_config, parse_config
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.instances.domain import make_domain
from landda_hpc.observation.feedback import read_feedback
from landda_hpc.observation.image_observation import Flag
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.checkpoint import digest as checkpoint_digest
from landda_hpc.storage.retention import list_checkpoints
from tests.campaign.conftest import CONFIG
from tests.configured import source_of

START = datetime(2022, 6, 2)
PATTERN = "gldas/%Y%m%d/GLDAS_NOAH10_3H.A%Y%m%d.%H00.*.nc4"
CATALOGUE = {"gldas": {"product": "gldas_noah", "path": PATTERN}}


def write_gldas(root: Path, time: datetime) -> Path:
    """One time of the 1 degree product, two layers."""
    path = root / time.strftime(PATTERN).replace("*", "021")
    path.parent.mkdir(parents=True, exist_ok=True)
    lat, lon = np.arange(-59.5, 90.0), np.arange(-179.5, 180.0)
    wave = np.sin(np.deg2rad(3 * lat))[:, None] * np.cos(np.deg2rad(2 * lon))[None, :]
    with netCDF4.Dataset(path, "w") as data:
        for name, values, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f4", (name,))
            axis.units, axis[:] = units, values
        data.createDimension("time", None)
        clock = data.createVariable("time", "f8", ("time",))
        clock.units = " minutes since 2000-01-01 03:00:00"
        clock[:] = [(time - datetime(2000, 1, 1, 3)) / timedelta(minutes=1)]
        for name, full in (("SoilMoi0_10cm_inst", 100.0), ("SoilMoi10_40cm_inst", 300.0)):
            sm = data.createVariable(name, "f4", ("time", "lat", "lon"), fill_value=np.float32(-9999.0), zlib=True)
            sm.units = "kg m-2"
            sm[0] = full * (0.25 + 0.1 * wave + 0.001 * time.hour)
    return path


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for k in range(1, 13):
        write_gldas(root, START + timedelta(hours=3 * k))
    return root


def campaign(data_root: Path, **observations: object) -> dict[str, Any]:
    return {
        "data_root": str(data_root),
        "twin": None,
        "catalogue": CATALOGUE,
        "runs": [{"method": "control"}, {"method": "pointwise"}, {"method": "enkf_like", "members": 4}],
        "observations": {"kind": "catalogue", "entry": "gldas", "feedback": True, **observations},
    }


def records(folder: Path, name: str = "cycles") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.verify
def test_withheld_cells_are_not_assimilated_and_feedback_tells_all(landda: Any, data_root: Path) -> None:
    observations = {"window": {"kind": "mean", "hours": 6}, "withheld": {"fraction": 0.2, "block_deg": 20.0}}
    config = landda.write(**campaign(data_root, **observations))
    for ranks in (1, 2):
        done = landda(ranks, "run", config, "--output", f"out{ranks}")
        assert done.returncode == 0, done.stdout + done.stderr
    one, two = landda.folder / "out1", landda.folder / "out2"
    assert landda.digest("out1") == landda.digest("out2")
    for name in ("cycles", "scores"):
        assert (one / f"{name}.jsonl").read_bytes() == (two / f"{name}.jsonl").read_bytes()
    # Four analyses, and two times of the free forecast that have observations too.
    assert sorted(p.name for p in (one / "feedback").iterdir()) == [
        f"202206{d}.nc" for d in ("02T0600", "02T1200", "02T1800", "03T0000", "03T0600", "03T1200")
    ]
    for path in sorted((one / "feedback").iterdir()):
        mine, other = read_feedback(path), read_feedback(two / "feedback" / path.name)
        assert mine.runs == ("control", "pointwise", "enkf_like")
        for field in ("value", "flag", "background", "analysis"):
            np.testing.assert_array_equal(getattr(mine, field), getattr(other, field))
        withheld = mine.flag == Flag.WITHHELD
        assert 0.02 < withheld.mean() < 0.6
        is_analysed = mine.time <= START + timedelta(hours=24)
        assert np.isfinite(mine.analysis[1:]).any() == is_analysed
        if is_analysed:
            used = mine.flag == Flag.USED
            change = np.abs(mine.analysis[1] - mine.background[1])
            assert np.nanmax(change[withheld]) < 1e-12
            assert np.nanmean(change[used]) > 1e-4
        # The mean over 6 hours: values of this time and of three hours later, two per mille per hour.
        expected = 0.001 * np.mean([(mine.time + timedelta(hours=h)).hour for h in (0, 3)])
        if mine.time.hour != 12 or mine.time.day == 2:
            assert np.mean(mine.value[(np.abs(mine.lat) < 50)]) == pytest.approx(0.25 + expected, abs=0.02)
    last = [r for r in records(one) if r["run"] == "pointwise" and "withheld" in r]
    assert all(r["withheld"]["n_observations"] > 0 for r in last)
    assert all(r["observations"]["withheld"] > 0 for r in last)


def test_monitoring_assimilates_nothing(landda: Any, data_root: Path) -> None:
    config = landda.write(**campaign(data_root, monitor_only=True))
    done = landda.here("run", config, "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    by_run: dict[str, list[dict[str, Any]]] = {}
    for record in records(landda.folder / "out"):
        by_run.setdefault(record.pop("run"), []).append(record)
    assert by_run["control"] == by_run["pointwise"] == by_run["enkf_like"]
    assert all(r["innovation_mean"] is not None and r["residual_mean"] is None for r in by_run["control"])
    assert all("water" not in r for r in by_run["control"])


@pytest.mark.verify
@pytest.mark.parametrize("late", ["ignore", "use"])
def test_data_that_came_after_the_start_are_late_at_a_resume_too(tmp_path: Path, late: str) -> None:
    """Whether a campaign was interrupted must not decide what it assimilates, nor what its forecast is scored with."""
    root, output = tmp_path / "data", tmp_path / "out"
    for k in (6, 12, 30):
        write_gldas(root, START + timedelta(hours=k))
    keep = {"every_hours": 6, "keep_last": 9}
    assert run_campaign(parse_config({**CONFIG, **campaign(root, late=late), "checkpoint": keep}), output).finished
    assert (output / "observations.json").is_file() == (late == "ignore")
    checkpoints = [path for _, path in list_checkpoints(output / "checkpoints")]
    before = {name: (output / f"{name}.jsonl").read_bytes() for name in ("cycles", "scores")}
    digest = checkpoint_digest(checkpoints[-1])
    for path in checkpoints[3:]:
        path.unlink()
    for k in (18, 24, 36):
        write_gldas(root, START + timedelta(hours=k))
    taken_up = resume_campaign(output, SerialCommunicator())
    assert taken_up.cycle == 2
    taken_up.run()
    taken_up.folder.unlock()
    after = {name: (output / f"{name}.jsonl").read_bytes() for name in before}
    is_same = checkpoint_digest(list_checkpoints(output / "checkpoints")[-1][1]) == digest
    assert is_same == (late == "ignore")
    assert [after[name] == before[name] for name in before] == [late == "ignore"] * 2


@pytest.mark.verify
def test_a_survey_that_is_damaged_or_missing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root, output = tmp_path / "data", tmp_path / "out"
    write_gldas(root, START + timedelta(hours=6))
    assert run_campaign(parse_config({**CONFIG, **campaign(root)}), output).finished
    survey = output / "observations.json"
    whole = survey.read_text(encoding="utf-8")
    for content in (whole[:-20], "[]", '{"2022": 3}', '{"2022-06-02T06:00:00": ["soon"]}'):
        survey.write_text(content, encoding="utf-8")
        with pytest.raises(StorageError, match="is not a survey of observations"):
            resume_campaign(output, SerialCommunicator())
    survey.unlink()
    resume_campaign(output, SerialCommunicator()).folder.unlock()
    assert "the survey of the observations at the start was not saved" in caplog.text
    assert survey.read_text(encoding="utf-8") == whole


def problems(path: Path) -> list[str]:
    """What ``landda check`` would say, without a separate process."""
    config = load_config(path)
    domain = make_domain(config, 1)
    survey = survey_analyses(config.time, source_of(config, domain.grid, domain.is_soil))
    return find_problems(config, survey, domain.grid)


def test_check_looks_before_the_run(landda: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    config = landda.write(**campaign(root))
    (found,) = problems(config)
    assert "no observation of GLDAS Noah at any of the 4 analysis times" in found
    first = write_gldas(root, START + timedelta(hours=6))
    write_gldas(root, START + timedelta(hours=12))
    assert problems(config) == []
    first.write_bytes(first.read_bytes()[:5000])
    done = landda.here("check", config)
    assert done.returncode == 2
    assert first.name in done.stderr
    assert "truncated" in done.stderr
    catalogue = {"gldas": {**CATALOGUE["gldas"], "damaged": "skip"}}
    assert problems(landda.write("lenient.yaml", **{**campaign(root), "catalogue": catalogue})) == []
    with netCDF4.Dataset(write_gldas(root, START + timedelta(hours=6)), "r+") as data:
        data["SoilMoi0_10cm_inst"].units = "m3 m-3"
    (found,) = problems(config)
    assert "variable 'SoilMoi0_10cm_inst'" in found
    assert "units 'm3 m-3'; expected 'kg m-2'" in found
    strict = campaign(root, missing="error", monitor_only=True, withheld={"list_file": "no.csv"})
    found = "\n".join(problems(landda.write("strict.yaml", **strict)))
    assert "missing at 2 of 4 analysis times" in found
    assert "no.csv' does not exist" in found
    with pytest.raises(ConfigError, match=r"observations\.entry = smap is not in the catalogue, which has gldas"):
        problems(landda.write("unknown.yaml", **campaign(root, entry="smap")))
