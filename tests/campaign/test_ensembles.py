"""Ensembles of model states: one run each, the same bits in every layout and after a resume, spread and skill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import landda_hpc
from tests.campaign.conftest import Landda

MEMBERS = {"members": 6, "wetness_sigma": 0.1, "spinup_days": 1, "shown": [2], "parameters": {"sand_sigma": 10.0}}
CHANGES: dict[str, Any] = {
    "model": {"spinup_days": 2},
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T06:00"},
    "runs": [
        {"method": "control"},
        {"method": "pointwise", "name": "mean", "ensemble": MEMBERS},
        {"method": "curvelet_enkf", "ensemble": MEMBERS, "inflation": {"relax_spread": 0.3}},
        {"method": "curvelet_ensrf", "ensemble": MEMBERS, "local": {"cutoff_km": 800}},
        {"method": "letkf", "ensemble": MEMBERS, "error_correlations": True},
    ],
    "checkpoint": {"every_hours": 12, "keep_last": 3},
    "output": {"every_hours": 12, "figures": False, "series": {}, "fields": ["background", "analysis", "spread"]},
}
RECORDS = ("scores.jsonl", "cycles.jsonl", "ensembles.jsonl")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The campaign on one rank."""
    run = Landda(tmp_path_factory.mktemp("ensembles"))
    done = run(1, "run", run.write(**CHANGES), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"path": run.folder / "out", "digest": run.digest("out"), "said": done.stdout + done.stderr}


def assert_same(output: Path, whole: Mapping[str, Any], landda: Landda) -> None:
    assert landda.digest(output) == whole["digest"]
    for name in RECORDS:
        assert (output / name).read_bytes() == (whole["path"] / name).read_bytes(), name


@pytest.mark.parametrize(
    ("ranks", "groups", "roots"),
    [
        (2, 2, 2),
        pytest.param(2, 1, 2, marks=pytest.mark.verify),
        pytest.param(3, None, None, marks=pytest.mark.verify),
        pytest.param(3, 3, 2, marks=pytest.mark.verify),
        pytest.param(3, 3, 1, marks=pytest.mark.verify),
        pytest.param(4, 1, 3, marks=pytest.mark.verify),
        pytest.param(4, 2, 3, marks=pytest.mark.verify),
    ],
)
def test_layouts_change_no_bit(
    landda: Landda, whole: Mapping[str, Any], ranks: int, groups: int | None, roots: int | None
) -> None:
    file = landda.write(**CHANGES, parallel={"member_groups": groups, "roots": roots})
    done = landda(ranks, "run", file, "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", whole, landda)


@pytest.mark.verify
def test_a_resume_on_other_ranks_changes_no_bit(landda: Landda, whole: Mapping[str, Any]) -> None:
    done = landda(1, "run", landda.write(**CHANGES), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    output = landda.folder / "out"
    for newest in sorted((output / "checkpoints").glob("checkpoint_*.h5"))[-2:]:
        newest.unlink()
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, whole, landda)


def test_an_ensemble_is_one_run_with_mean_spread_and_chosen_members(whole: Mapping[str, Any]) -> None:
    path = whole["path"]
    records = [json.loads(line) for line in (path / "ensembles.jsonl").read_text().splitlines()]
    assert {r["run"] for r in records if r["members"] > 1} == {"mean", "curvelet_enkf", "curvelet_ensrf", "letkf"}
    control = [r for r in records if r["run"] == "control"]
    assert all(r["members"] == 1 and r["layers"]["0-10 cm"]["crps"] < r["layers"]["0-10 cm"]["rmse"] for r in control)
    records = [r for r in records if r["members"] > 1]
    stages = [(r["cycle"], r["stage"]) for r in records if r["run"] == "letkf"]
    assert stages == [(n, s) for n in range(1, 5) for s in ("background", "analysis")] + [(5, "forecast")]
    for record in records:
        assert sum(record["rank_histogram"]) > 100 and len(record["rank_histogram"]) == MEMBERS["members"] + 1
        assert 1.0 <= record["effective_size"] <= MEMBERS["members"] - 1
        for layer in record["layers"].values():
            assert layer["crps"] < layer["rmse"] and layer["spread"] > 0.0
    scores = [json.loads(line) for line in (path / "scores.jsonl").read_text().splitlines()]
    assert {s["run"] for s in scores} == {"control", "mean", "curvelet_enkf", "curvelet_ensrf", "letkf"}
    with xr.open_dataset(path / "images" / "letkf_20220602T12.nc") as images:
        assert {"background", "analysis", "spread", "member_002"} <= set(images)
        spread = images.spread.values[np.isfinite(images.background.values)]
        assert (spread >= 0.0).all() and spread.mean() > 0.005
        difference = (images.member_002 - images.analysis).values
        assert 0.1 < np.nanstd(difference) / np.nanmean(spread) < 3.0
    assert sorted(p.name.split("_2022")[0] for p in (path / "series").iterdir())[0] == "control"


def test_ensembles_as_a_table(whole: Mapping[str, Any]) -> None:
    table = landda_hpc.open_campaign(whole["path"]).ensembles
    means = table[table.stage == "analysis"].groupby(["run", "layer"]).spread_skill.mean()
    assert means["letkf", "0-10 cm"] > 0.2
    assert set(table.columns) >= {"cycle", "time", "run", "stage", "layer", "members", "spread", "rmse", "crps"}


def test_members_share_the_control_until_their_spin_up_and_weather_between_runs(whole: Mapping[str, Any]) -> None:
    """All ensembles have the same members before the first analysis."""
    lines = [json.loads(line) for line in (whole["path"] / "ensembles.jsonl").read_text().splitlines()]
    first = [r for r in lines if r["cycle"] == 1 and r["stage"] == "background" and r["members"] > 1]
    assert len({json.dumps(r["layers"]) for r in first}) == 1


def test_a_method_of_ensembles_needs_an_ensemble(landda: Landda) -> None:
    done = landda.here("check", landda.write(runs=[{"method": "letkf"}]))
    assert done.returncode == 2
    assert "add ensemble: {members: 20}" in done.stderr
    done = landda.here("check", landda.write(runs=[{"method": "pointwise", "depth": {"kind": "ensemble"}}]))
    assert done.returncode == 2
    assert "depth.kind = ensemble needs the members" in done.stderr
    few = {"members": 4}
    for run, said in (
        ({"method": "curvelet_ensrf", "missing": "solve"}, "missing = solve computes its own gain"),
        ({"method": "curvelet_enkf", "missing": "variance"}, "missing = variance draws perturbed images"),
        ({"method": "curvelet_ensrf", "local": {}, "inflation": {"relax_spread": 0.5}}, "cannot be used with 'local'"),
        (
            {"method": "letkf", "error_correlations": True, "observation_errors": {"kind": "white", "std": 0.1}},
            "error_correlations needs observation_errors: {kind: learned}",
        ),
        ({"method": "var3d_point", "layers": "upper_three"}, "for a run with one state only"),
        ({"method": "letkf", "observation_errors": {"kind": "white", "std": "no.nc"}}, "no.nc"),
    ):
        done = landda.here("check", landda.write(runs=[run | {"ensemble": few}]), "--no-trial")
        assert done.returncode in (2, 3, 4) and said in done.stderr, done.stderr
