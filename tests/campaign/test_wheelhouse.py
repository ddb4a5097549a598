"""A machine without network is set up from a folder of wheels, and runs a campaign."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import ENVIRONMENT, Landda

ROOT = Path(__file__).resolve().parents[2]
# The package registry answers within this time on a slow and busy machine.
TIMEOUT_S = 1500


def without_network() -> list[str]:
    """Command in front of another one that takes its network away; empty where this user cannot do so."""
    unshare = shutil.which("unshare")
    for options in ("-n", "-rn"):
        command = [str(unshare), options]
        if unshare and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels") / "wheelhouse"
    made = subprocess.run(
        [ROOT / "env/wheelhouse.sh", folder], capture_output=True, text=True, timeout=TIMEOUT_S, env=ENVIRONMENT
    )
    if made.returncode:
        pytest.skip(f"no registry of packages: {made.stderr.strip()[-300:]}")
    return folder


@pytest.mark.verify
@pytest.mark.timeout(2 * TIMEOUT_S)
def test_set_up_and_campaign_without_network(
    wheelhouse: Path, tmp_path: Path, landda: Landda, reference: Mapping[str, Any]
) -> None:
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    home.mkdir()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(files).split("\0")):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    closed = "http://127.0.0.1:9"  # for machines where the network cannot be taken away
    environment = {
        "HOME": str(home), "PATH": os.environ["PATH"], "LANDDA_PYTHON": sys.executable, "LANDDA_ENV": "wheels",
        "LANDDA_WHEELHOUSE": str(wheelhouse), "https_proxy": closed, "http_proxy": closed, "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    alone = without_network()

    def run(*command: str | Path) -> str:
        done = subprocess.run([*alone, *command], cwd=checkout, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "without network" in run("make", "env")
    assert "up to date (wheels mode)" in run("make", "env")
    run(".venv/bin/landda", "run", landda.write(), "--output", "out")
    assert run(".venv/bin/landda", "digest", "out").split()[0] == reference["digest"]


@pytest.mark.verify
def test_a_folder_without_wheels_is_refused(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "LANDDA_WHEELHOUSE": str(tmp_path)}
    done = subprocess.run([ROOT / "env/setup.sh"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "holds no wheels. Fill it with 'make wheelhouse'" in done.stderr
