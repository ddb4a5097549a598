"""The digest does not depend on the instructions that numba and OpenBLAS choose."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.conftest import ENVIRONMENT, Landda

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.verify
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the targets are those of x86-64")
def test_digests_with_instructions_of_older_processors(landda: Landda, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, ROOT / "tools/targets.py", landda.write()]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=landda.folder)
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
