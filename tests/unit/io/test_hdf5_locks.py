"""HDF5 that cannot lock a file: the message names the lock and HDF5_USE_FILE_LOCKING, not a truncated download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, StorageError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.formats.colm.netcdf import open_colm_file
from landda_hpc.io.atomic import storage_errors, write_text
from landda_hpc.io.hdf5_locks import locking_fault
from landda_hpc.storage.series_files import read_day
from landda_hpc.verification.figures.image_set import read_images

OPENERS: dict[str, Callable[[Path], object]] = {
    "observations": NetcdfFile,
    "colm": lambda path: open_colm_file(path).__enter__(),
    "series": read_day,
    "images": read_images,
}

NO_LOCKS = "#include <errno.h>\nint flock(int f, int o) { (void)f; (void)o; errno = %s; return -1; }\n"

PROGRAM = """
import sys
from pathlib import Path
from tests.unit.io.test_hdf5_locks import OPENERS
from landda_hpc.errors import LandDAError
from landda_hpc.io.atomic import atomic_replacement
import h5py, netCDF4
path = Path(sys.argv[1])
def attempt(name, act):
    try:
        act()
        print(name, "passed")
    except LandDAError as error:
        print(name, str(error).replace("\\n", " "))
for name, opener in OPENERS.items():
    attempt(name, lambda: opener(path))
def create(library):
    with atomic_replacement(path.with_name("new.nc")) as temporary:
        library(temporary, "w").close()
attempt("new", lambda: create(netCDF4.Dataset))
attempt("h5py", lambda: create(h5py.File))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("x", 2)
        dataset.createVariable("v", "f8", ("x",))[:] = np.array([1.0, 2.0])
    return path


def without_locks(folder: Path, file: Path, number: str, **variables: str) -> dict[str, str]:
    """What every opener says where flock raises the error of this name."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc, to make a flock that fails")
    (folder / "n.c").write_text(NO_LOCKS % number)
    library = folder / "n.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(folder / "n.c")], check=True, timeout=60)
    plain = {name: value for name, value in os.environ.items() if name != "HDF5_USE_FILE_LOCKING"}
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, timeout=100, check=False,
        env=plain | {"LD_PRELOAD": str(library), "PYTHONPATH": root} | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("number", ["ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_named(tmp_path: Path, file: Path, number: str) -> None:
    said = without_locks(tmp_path, file, number)
    assert set(said) == {*OPENERS, "new", "h5py"}
    for name, text in said.items():
        assert "no file locks" in text and "HDF5_USE_FILE_LOCKING=FALSE" in text, (name, text)
        assert "truncated" not in text and "No permission: choose" not in text, (name, text)


def test_with_locks_switched_off_files_open_and_real_faults_keep_their_message(tmp_path: Path, file: Path) -> None:
    said = without_locks(tmp_path, file, "ENOLCK", HDF5_USE_FILE_LOCKING="FALSE")
    assert [said[name] for name in ("observations", "colm", "new", "h5py")] == ["passed"] * 4
    assert not any("no file locks" in text for text in said.values())
    file.write_bytes(file.read_bytes()[:600])
    assert (
        "truncated download" in without_locks(tmp_path, file, "ENOLCK", HDF5_USE_FILE_LOCKING="FALSE")["observations"]
    )


@pytest.mark.parametrize("name", OPENERS)
def test_a_file_that_is_being_written_is_named(file: Path, name: str) -> None:
    with (
        h5py.File(file, "r+"),
        pytest.raises((DataError, StorageError), match="another process has it open for writing"),
    ):
        OPENERS[name](file)


def test_other_faults_are_not_blamed_on_locks(tmp_path: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(DataError, match="truncated download"):
        NetcdfFile(file)
    folder = tmp_path / "closed"
    folder.mkdir()
    assert locking_fault(folder / "a.nc", PermissionError(13, "Permission denied")) is None
    assert locking_fault(folder / "a.nc", OSError(5, "Input/output error")) is None
    with pytest.raises(StorageError, match="exists"), storage_errors(file, "making"):
        file.mkdir()
    write_text(folder / "a.txt", "text")
