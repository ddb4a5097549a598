"""A container: read-only installation, a user id without an entry, no HOME."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import landda_hpc
from tests.campaign.conftest import CONFIG, ENVIRONMENT

USER = 54321
NOT_ALLOWED = 77
SCRIPT = """
mount --bind "$PACKAGE" "$PACKAGE" && mount -o remount,ro,bind "$PACKAGE" || exit 77
cd "$WORK" && exec setpriv --reuid {user} --regid {user} --clear-groups \\
  --inh-caps=+dac_read_search --ambient-caps=+dac_read_search bash -ec '
    "$PYTHON" -m landda_hpc schema >/dev/null
    "$PYTHON" -m landda_hpc run config.yaml -o out
    "$PYTHON" -m landda_hpc plot out
    if touch "$PACKAGE/x" 2>/dev/null; then exit 1; fi'
"""
"""In a separate mount, so the package is read-only for these processes alone. The capability lets the user read a
Python that is installed below /root."""


@pytest.mark.verify
def test_a_user_without_home_runs_and_plots_from_a_read_only_installation(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts the package read-only and becomes another user")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"runs": CONFIG["runs"][:2]}))
    for folder in (tmp_path, tmp_path / "tmp"):
        os.chown(folder, USER, USER)
    lost = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in lost} | {
        "PACKAGE": str(Path(landda_hpc.__file__).parent),
        "PYTHON": sys.executable,
        "WORK": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", SCRIPT.format(user=USER)],
        capture_output=True, text=True, timeout=110, env=environment, check=False,
    )  # fmt: skip
    if done.returncode == NOT_ALLOWED or "Operation not permitted" in done.stderr:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bug in landda_hpc" not in done.stderr
    assert list((tmp_path / "out" / "figures").glob("*.png"))
