"""The scripts of the gallery run as they stand; the site builds, and its pages are accessible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, find_browser
from tests.campaign.conftest import ENVIRONMENT
from tests.documents.pages import ROOT

AXE_PAGES = (
    "index.html",
    "tutorial/first_twin.html",
    "howto/figures.html",
    "_gallery/index.html",
    "_gallery/plot_1_scales.html",
    "methods.html",
    "reference/_generated/commands.html",
    "reference/python.html",
)
SERIOUS = """axe.run({rules: {"color-contrast": {enabled: CONTRAST}}}).then((r) => r.violations
  .filter((v) => ["serious", "critical"].includes(v.impact))
  .map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 120)}`))"""
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation site, built with every warning an error."""
    pytest.importorskip(
        "sphinx_gallery", reason="not installed; `make docs` or env/extra.sh docs installs the group `docs`"
    )
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", folder],
        env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=1700, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@pytest.mark.verify
@pytest.mark.timeout(1800)
def test_the_site_builds_without_warnings(site: Path) -> None:
    assert (site / "index.html").is_file()


@pytest.mark.verify
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("width", [400, 1400])
def test_axe_finds_no_serious_fault_on_the_site(site: Path, tmp_path: Path, width: int) -> None:
    """On pages of every kind: landing page, tutorial, gallery, tables, generated reference."""
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed (env/extra.sh checks)")
    program = find_browser()
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8") + ";0"
    browser, faults = Browser(program, tmp_path), []
    try:
        for page in AXE_PAGES:
            browser.open(site / page, width)
            browser.run(script)
            # Contrast takes minutes on the long pages of the reference, whose colours are those of the others.
            is_long = "_generated" in page
            faults += [
                f"{page}: {one}" for one in browser.run(SERIOUS.replace("CONTRAST", "false" if is_long else "true"))
            ]
    finally:
        browser.close()
    assert faults == []
