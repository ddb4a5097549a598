"""Job scripts: their options, their shell, and the campaigns of an array."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import ConfigError
from landda_hpc.jobs.script import Job, clock, parse_walltime, render
from landda_hpc.jobs.variants import make_variants
from tests.campaign.conftest import Landda

BASH = shutil.which("bash") or "bash"


def job(folder: Path, **changes: Any) -> Job:
    given: dict[str, Any] = {
        "name": "twin", "config": folder / "twin.yaml", "script": folder / "twin.slurm", "python": folder / "python",
        "variants": make_variants(folder / "out", [], []), "scheduler": "slurm", "chain": "requeue", "nodes": 2,
        "ranks_per_node": 64, "walltime_s": 14_400, "margin_s": 300,
    }  # fmt: skip
    return Job(**(given | changes))


@given(seconds=st.integers(0, 3_599_999))
def test_wall_times_are_read_as_they_are_written(seconds: int) -> None:
    assert parse_walltime(clock(seconds)) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("04:00:00", 14_400), ("00:30", 1800), ("1-02:00:00", 93_600)])
def test_wall_times(text: str, seconds: int) -> None:
    assert parse_walltime(text) == seconds


@pytest.mark.parametrize("text", ["4", "04:60:00", "4h", "", "-1:00:00"])
def test_other_wall_times_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected HH:MM:SS"):
        parse_walltime(text)


@pytest.mark.parametrize("varied", [[], ["seed=1,2"]])
@pytest.mark.parametrize(("scheduler", "chain"), [("slurm", "requeue"), ("slurm", "dependency"), ("pbs", "dependency")])
def test_scripts_are_shell(tmp_path: Path, scheduler: Any, chain: Any, varied: list[str]) -> None:
    folder = tmp_path / "a place; with 'signs' $HOME"
    variants = make_variants(folder / "out", ["output.figures=false"], varied)
    text = render(job(folder, scheduler=scheduler, chain=chain, variants=variants, setup=["module load openmpi"]))
    done = subprocess.run([BASH, "-n"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert ("export SLURM_KILL_BAD_EXIT=${SLURM_KILL_BAD_EXIT:-1}" in text) == (scheduler == "slurm")
    begin = "#SBATCH " if scheduler == "slurm" else "#PBS "
    lines = [line for line in text.splitlines() if line.startswith(begin)]
    wanted = {"slurm": "--ntasks-per-node=64", "pbs": "-l select=2:ncpus=64:mpiprocs=64"}[scheduler]
    assert begin + wanted in lines
    assert any("1-2" in line for line in lines) == (bool(varied) and scheduler == "slurm")
    # What the shell reads is what was meant.
    names = "; ".join(line for line in text.splitlines() if line.startswith(("config=", "output=")))
    shown = f'{names}\nprintf "%s\\n" "$config"' + ("" if varied else ' "$output" "${settings[@]}"')
    seen = subprocess.run([BASH, "-c", shown], text=True, capture_output=True, check=True).stdout.splitlines()
    expected = [str(folder / "twin.yaml")]
    assert seen == (expected if varied else [*expected, str(folder / "out"), "--set", "output.figures=false"])


def test_an_array_has_every_combination(tmp_path: Path) -> None:
    varied = ["seed=1,2", "runs.enkf_like.members=20,50"]
    found = make_variants(tmp_path, ["output.figures=false"], varied)
    assert [v.output.name for v in found] == [f"seed_{s}-members_{m}" for s in (1, 2) for m in (20, 50)]
    assert found[3].settings == ("output.figures=false", "seed=2", "runs.enkf_like.members=50")
    assert found[3].overrides == {"seed": 2, "runs.enkf_like.members": 50}


@pytest.mark.parametrize(
    ("varied", "said"),
    [("seed", "expected KEY=VALUE1"), ("=1,2", "expected KEY"), ("seed=", "expected KEY"), ("seed=1,1", "several")],
)
def test_arrays_that_cannot_be(tmp_path: Path, varied: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_variants(tmp_path, [], [varied])


def test_jobs_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PBS lets only operators requeue"):
        job(tmp_path, scheduler="pbs")
    with pytest.raises(ConfigError, match="leaves less than half"):
        job(tmp_path, walltime_s=500)


def test_the_command(tmp_path: Path) -> None:
    landda = Landda(tmp_path)
    landda.write()
    options = ("job", "tiny.yaml", "--scheduler", "slurm", "--nodes", "2", "--walltime", "04:00:00")
    written = landda.here(*options, "--directive", "--account=soil")
    assert written.returncode == 0 and f"sbatch {tmp_path}/tiny.slurm" in written.stdout, written.stderr
    text = (tmp_path / "tiny.slurm").read_text()
    assert "#SBATCH --account=soil\n" in text and f"#SBATCH --ntasks-per-node={os.cpu_count()}\n" in text
    assert landda.here(*options).returncode == 0  # its own script may be replaced
    (tmp_path / "tiny.slurm").write_text("#!/bin/bash\nmine\n")
    refused = landda.here(*options)
    assert refused.returncode == 2 and "is not a script of 'landda job'" in refused.stderr
    refused = landda.here(*options, "--vary", "runs.enkf_like.members=4,0", "--script", "other.slurm")
    assert refused.returncode == 2 and "members" in refused.stderr and not (tmp_path / "other.slurm").exists()
