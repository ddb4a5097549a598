"""The installed distribution and the code say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

import landda_hpc

HELP = """
import sys
from landda_hpc.commands.application import app
sys.argv = ["landda", "--help"]
try:
    app()
except SystemExit as end:
    assert not end.code
"""


def test_version_is_that_of_the_distribution() -> None:
    assert metadata.version("landda-hpc") == landda_hpc.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+([.a-z0-9+]*)", landda_hpc.__version__)


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("import landda_hpc", "numpy typer pydantic numba scipy mpi4py h5py netCDF4 matplotlib xarray pandas"),
        ("import landda_hpc.curvelet", "typer pydantic numba scipy ducc0 mpi4py h5py netCDF4 matplotlib xarray pandas"),
        (HELP, "numpy pydantic yaml numba scipy ducc0 mpi4py h5py netCDF4 matplotlib xarray pandas landda_hpc.config"),
    ],
    ids=["landda_hpc", "curvelet", "help"],
)
def test_what_a_process_does_not_load(code: str, not_loaded: str) -> None:
    """Every process pays for what it loads; MPI must not start without need."""
    code += f"\nimport sys; print([name for name in {not_loaded.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


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
