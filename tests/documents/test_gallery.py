"""The scripts of the gallery run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.conftest import ENVIRONMENT
from tests.documents.pages import ROOT

SCRIPTS = sorted((ROOT / "docs/gallery").glob("plot_*.py"))


@pytest.mark.parametrize(
    "script",
    [pytest.param(s, id=s.stem, marks=pytest.mark.verify if "run_campaign" in s.read_text() else ()) for s in SCRIPTS],
)
def test_a_script_draws_without_warnings(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", script], cwd=tmp_path, env={**ENVIRONMENT, "MPLBACKEND": "pdf"},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.verify
@pytest.mark.timeout(1800)
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip(
        "sphinx_gallery", reason="not installed; `make docs` or env/extra.sh docs installs the group `docs`"
    )
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", tmp_path / "site"],
        env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1700, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    assert (tmp_path / "site/index.html").is_file()
