"""Libraries that crash together when the process ends are loaded in the order that works."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("last", ["", "import h5py"])
def test_a_process_that_read_grib_ends_well(last: str) -> None:
    """With eccodes before a parallel HDF5, the process ends with a segmentation fault."""
    pytest.importorskip("eccodes")
    code = f"from landda_hpc.formats.products.grib import _eccodes; _eccodes(); {last}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
