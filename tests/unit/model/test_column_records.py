"""Records of the column kernels: names, clearing, no reference counting, and freedom to add fields."""

from __future__ import annotations

import re

import numba
import numpy as np
import pytest

from landda_hpc.compiled_code.libraries import Whole
from landda_hpc.model.column import hydrology
from landda_hpc.model.column.demand import DEMAND
from landda_hpc.model.column.land import step
from landda_hpc.model.column.land.records import AMOUNTS, COLUMN, FORCING, STATE, TILE, new_records
from landda_hpc.model.column.records import SOIL, TOTALS, WATER
from tests.unit.kernel_cases import land_surface, soil_water

ALL = {"soil": SOIL, "water": WATER, "totals": TOTALS, "demand": DEMAND, "amounts": AMOUNTS, "column": COLUMN,
       "forcing": FORCING, "state": STATE, "tile": TILE}  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_python_can_read_every_field_by_its_name(kind):
    assert set(ALL[kind].names) & set(dir(np.record)) == set()


def test_all_amounts_are_cleared():
    tile = new_records(TILE, 1)[0]
    for name in AMOUNTS.names:
        tile.amounts[name] = 7.0
    step.clear(tile.amounts)
    assert [name for name in AMOUNTS.names if tile.amounts[name] != 0.0] == []


@pytest.mark.verify
@pytest.mark.parametrize(("case", "entry"), [(land_surface, step.advance_tiles), (soil_water, hydrology.advance_tiles)])
def test_only_the_entry_counts_references(case, entry):
    """Counting the owners of arrays once took 43 % of a step."""
    case()
    # Code from the cache cannot be inspected: the entry is compiled again, and includes the functions that it calls.
    fresh = numba.njit(nogil=True, error_model="numpy", pipeline_class=Whole)(entry.py_func)
    fresh.compile(entry.signatures[0])
    functions = re.split(r"(?m)^define ", fresh.inspect_llvm(entry.signatures[0]))[1:]
    names = [re.search(r"@([\w.]+)\(", function)[1] for function in functions]
    bodies = {name: text for name, text in zip(names, functions, strict=True) if "landda_hpc" in name}
    called = {name: text for name, text in bodies.items() if "advance_tiles" not in name}
    assert len(called) > 5
    assert [name for name, text in called.items() if "NRT_" in text.partition("{")[2]] == []
