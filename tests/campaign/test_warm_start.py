"""A campaign that begins from the restart sets of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.start import run_campaign
from landda_hpc.config import parse_config
from landda_hpc.errors import LandDAError
from landda_hpc.storage.checkpoint import read_instance
from landda_hpc.storage.restart_set import MANIFEST
from landda_hpc.storage.retention import list_checkpoints
from tests.campaign.conftest import CONFIG

RUNS = [{"method": "control"}, {"method": "pointwise"}, {"method": "enkf_like", "members": 4}]
LATER = {"start": "2022-06-02T12:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T12:00"}


def campaign(sets: Path | None = None, **changes: Any) -> dict[str, Any]:
    config = {**CONFIG, "runs": RUNS, "checkpoint": {"every_hours": 6, "keep_last": 9, "restarts": sets is None}}
    if sets is not None:
        model = {"spinup_days": 0, "initial": "restart", "initial_file": str(sets)}
        config |= {"model": model, "time": LATER}
    return config | changes


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "out"
    assert run_campaign(parse_config(campaign()), out).finished
    return out


def last_states(out: Path) -> dict[str, dict[str, bytes]]:
    path = list_checkpoints(out / "checkpoints")[-1][1]
    names = ("nature", "control", "pointwise", "enkf_like")
    states = {name: read_instance(path, name, slice(0, 300)) for name in names}
    return {name: {v: state[v].tobytes() for v in state} for name, state in states.items()}


@pytest.mark.verify
def test_a_warm_start_continues_bit_for_bit(first: Path, tmp_path: Path) -> None:
    sets = first / "restart" / "2022-153-43200"
    assert run_campaign(parse_config(campaign(sets)), tmp_path / "out").finished
    assert last_states(tmp_path / "out") == last_states(first)
    runs = [{"method": "control"}, {"method": "smoothed", "length_km": 500.0}]  # one that takes the set of the control
    short = {**LATER, "end": "2022-06-03T00:00"}
    assert run_campaign(parse_config(campaign(sets, runs=runs, time=short)), tmp_path / "other").finished


def test_members_without_sets_branch_from_that_of_the_control(first: Path, tmp_path: Path) -> None:
    sets, short = first / "restart" / "2022-153-43200", {**LATER, "end": "2022-06-03T00:00"}
    runs = [{"method": "control", "name": "free", "ensemble": {"members": 2, "wetness_sigma": 0.1}}]
    out = tmp_path / "out"
    assert run_campaign(parse_config(campaign(sets, runs=runs, time=short)), out).finished
    begin = list_checkpoints(out / "checkpoints")[0][1]
    control = read_instance(sorted((first / "checkpoints").glob("*T1200.h5"))[0], "control", slice(0, 300))
    one, other = (read_instance(begin, f"free_00{n}", slice(0, 300))["wliq_soisno"] for n in (1, 2))
    assert not np.array_equal(one, other) and not np.array_equal(one, control["wliq_soisno"])
    assert np.corrcoef(one.ravel(), control["wliq_soisno"].ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time": {**LATER, "start": "2022-06-02T06:00"}}, "the model starts at 2022-06-02 06:00:00"),
        ({"grid": {"n_lat": 24, "n_lon": 48}}, "use the grid and tiles that wrote it"),
        ({"runs": [{"method": "control", "name": "other", "perturbation": {}}]}, "no restart set of 'other'"),
    ],
)
def test_sets_that_do_not_fit_are_refused_before_the_start(
    first: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    config = parse_config(campaign(first / "restart" / "2022-153-43200", **changes))
    with pytest.raises(LandDAError, match=said):
        run_campaign(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_incomplete_set_is_refused(first: Path, tmp_path: Path) -> None:
    with pytest.raises(LandDAError, match="has no restart set of 'nature'"):
        run_campaign(parse_config(campaign(tmp_path / "nowhere")), tmp_path / "out")
    manifest = first / "restart" / "2022-154-00000" / "nature" / MANIFEST
    manifest.unlink()
    with pytest.raises(LandDAError, match="this set of restart files is incomplete"):
        run_campaign(parse_config(campaign(manifest.parent.parent)), tmp_path / "out")
