"""What a newcomer types first: init without CoLM, groups of commands, keys of runs by name."""

from __future__ import annotations

import json

import pytest
import yaml

import landda_hpc
from landda_hpc.config import apply_overrides, load_config
from landda_hpc.errors import ConfigError
from tests.campaign.conftest import CONFIG, Landda


def test_init_writes_a_campaign_that_runs(landda: Landda) -> None:
    done = landda.here("init")
    assert done.returncode == 0 and "landda run campaign.yaml" in done.stdout, done.stderr
    config = load_config(landda.folder / "campaign.yaml")
    assert [run.name for run in config.runs] == ["control", "pointwise", "enkf_like", "learned"]
    # One day of it, on a coarse grid: the same sections, seconds.
    short = ("--set", "time.assimilation_end=2022-06-02T12:00", "--set", "time.end=2022-06-03T00:00", "--set",
             "grid.n_lat=32", "--set", "grid.n_lon=64", "--set", "runs.enkf_like.members=3", "--set",
             "output.figures=false")  # fmt: skip
    ran = landda(1, "run", "campaign.yaml", "-o", "out", *short)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    resolved = yaml.safe_load((landda.folder / "out" / "config.yaml").read_text())
    assert resolved["runs"][2]["members"] == 3
    scores = [json.loads(line) for line in (landda.folder / "out" / "scores.jsonl").read_text().splitlines()]
    analysed = {
        s["run"]: s["ubrmse"]
        for s in scores
        if s["stage"] == "analysis" and s["reference"] == "truth" and s["layer"] == "0-10 cm"
    }
    free = [s["ubrmse"] for s in scores if s["run"] == "control" and s["layer"] == "0-10 cm"]
    assert max(analysed.values()) < min(free)


def test_init_refuses_what_belongs_to_a_case(landda: Landda) -> None:
    done = landda.here("init", "--exe", "colm.x")
    assert done.returncode == 2 and "--from-colm" in done.stderr
    assert not (landda.folder / "campaign.yaml").exists()


@pytest.mark.parametrize(
    ("group", "commands"),
    [
        ("study", ("compare", "reproduce", "threshold", "archive", "regress")),
        ("land", ("spinup", "climate", "memory", "site")),
    ],
)
def test_commands_are_in_groups_and_keep_their_old_names(landda: Landda, group: str, commands: tuple[str, ...]) -> None:
    top, inside = landda.here("--help").stdout, landda.here(group, "--help").stdout
    for command in commands:
        assert f" {command} " in inside
        assert f"│ {command} " not in top
        assert (
            landda.here(command, "--help").stdout.split("Usage:")[1].split("\n", 1)[1]
            == (landda.here(group, command, "--help").stdout.split("Usage:")[1].split("\n", 1)[1])
        )


def test_runs_are_addressed_by_name_or_number() -> None:
    by_name = apply_overrides(CONFIG, {"runs.enkf_like.members": 9})
    assert by_name == apply_overrides(CONFIG, {"runs.2.members": 9})
    assert by_name["runs"][2]["members"] == 9 and CONFIG["runs"][2]["members"] == 4
    with pytest.raises(ConfigError, match=r"'enkflike' is not one of control, .* Did you mean 'enkf_like'\?"):
        apply_overrides(CONFIG, {"runs.enkflike.members": 9})
    twice = {**CONFIG, "runs": [{"method": "pointwise"}, {"method": "pointwise"}]}
    with pytest.raises(ConfigError, match="2 sections are named 'pointwise'"):
        apply_overrides(twice, {"runs.pointwise.gain": 0.1})
    named = {**CONFIG, "runs": [{"method": "pointwise", "name": "weak"}, {"method": "pointwise"}]}
    assert apply_overrides(named, {"runs.weak.gain": 0.1})["runs"][0]["gain"] == 0.1


def test_the_version_says_what_decides_the_bits(landda: Landda) -> None:
    done = landda.here("--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"landda {landda_hpc.__version__}\ncommit ")
    assert "numpy " in done.stdout and "Fourier transforms by " in done.stdout
