"""The installed distribution and the code say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import landda_hpc


def test_version_is_that_of_the_distribution() -> None:
    assert metadata.version("landda-hpc") == landda_hpc.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+([.a-z0-9+]*)", landda_hpc.__version__)


def test_import_needs_neither_mpi_nor_numba() -> None:
    """`import landda_hpc` is cheap and starts no MPI: rooms are imported by name."""
    code = "import sys, landda_hpc; print([m for m in ('mpi4py', 'numba', 'h5py') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_console_script_points_at_cli_main() -> None:
    (script,) = metadata.distribution("landda-hpc").entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("landda", "landda_hpc.cli:main")
    assert callable(script.load())


def test_console_script_is_installed_and_starts() -> None:
    landda = Path(sys.executable).parent / "landda"
    done = subprocess.run([landda, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "landda" in done.stdout


def test_types_are_shipped() -> None:
    assert (files("landda_hpc") / "py.typed").is_file()


def test_licence_is_declared_and_shipped() -> None:
    about = metadata.metadata("landda-hpc")
    assert about["License-Expression"] == "Apache-2.0"
    (licence,) = [f for f in metadata.files("landda-hpc") or [] if f.name == "LICENSE"]
    assert "Apache License" in licence.read_text()
