"""Every compiled kernel gives as Python what it gives compiled, on small inputs.

Machine code hides lines from a tracer, and indices beyond an array from everybody: Python checks them.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import numpy as np
import pytest

from landda_hpc.compiled_code import compiled
from tests.unit.kernel_cases import CASES, PACKAGE

pytestmark = pytest.mark.verify  # a minute; run it after a change of a loop

NOT_RUN: dict[str, str] = {}
"""Kernels that no case reaches, with the reason."""

ROUND_OFF = 1e-10
"""Relative to the largest value of an array. All arrays are equal bit by bit on x86-64 with glibc (no fused products,
no other order of sums); the tolerance is for machines whose NumPy and C library differ in the last bit of exp and pow.
"""


@pytest.fixture(scope="module")
def as_python(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("kernels") / "python.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.kernel_cases", str(path)], capture_output=True, text=True, timeout=110,
        cwd=PACKAGE.parent, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(path) as file:
        return dict(file)


def kernels() -> set[str]:
    """Functions under ``@compiled`` in the package, as ``module.name``."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if f"@{compiled.__name__}(" not in text:
            continue
        module = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(text)):
            decorators = getattr(node, "decorator_list", [])
            if any(isinstance(d, ast.Call) and getattr(d.func, "id", "") == compiled.__name__ for d in decorators):
                found.add(f"{module}.{node.name}")
    return found


@pytest.mark.parametrize("case", CASES)
def test_python_and_machine_code_agree(as_python: dict[str, np.ndarray], case: str) -> None:
    arrays = CASES[case]()
    assert arrays
    for name, array in arrays.items():
        other = as_python[f"{case}: {name}"]
        finite = np.isfinite(array)
        assert array.shape == other.shape and np.array_equal(finite, np.isfinite(other)), name
        scale = np.abs(array[finite]).max(initial=0.0)
        np.testing.assert_allclose(other[finite], array[finite], rtol=ROUND_OFF, atol=ROUND_OFF * scale, err_msg=name)


def test_the_cases_reach_every_kernel(as_python: dict[str, np.ndarray]) -> None:
    ran = set(as_python["ran"].tolist())
    assert kernels() - ran == set(NOT_RUN), "add a case to kernel_cases.py"


def test_a_field_may_be_added_and_moved_anywhere(as_python: dict[str, np.ndarray]) -> None:
    """Records with all fields reversed and one more at the front of each give the same bits, as Python."""
    usual = {name: array for name, array in as_python.items() if name.startswith(("land_surface: ", "soil_water: "))}
    assert usual
    for name, array in usual.items():
        np.testing.assert_array_equal(as_python[f"other records {name}"], array, err_msg=name)
