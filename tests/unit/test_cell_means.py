"""Means over cells: weights, members that take part, CoLM's missing value, the compiled form against plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc import cell_means as module
from landda_hpc.cell_means import cell_means, cell_starts
from landda_hpc.constants import BoolArray, CoLM_MISSING, FloatArray, IntArray


def test_means_skip_missing_values_and_empty_cells() -> None:
    cell = np.array([0, 0, 2, 3, 3])
    fraction = np.array([0.25, 0.75, 1.0, 0.5, 0.5])
    part = np.array([True, True, False, True, False])
    values = np.array([[4.0], [8.0], [1.0], [CoLM_MISSING], [2.0]])
    means = cell_means(cell, fraction, part, values, missing=CoLM_MISSING)
    assert means[0, 0] == 7.0
    assert np.isnan(means[1:]).all()
    assert cell_means(cell, fraction, part, values)[2, 0] == CoLM_MISSING


def one_by_one(cell: IntArray, weight: FloatArray, part: BoolArray, values: FloatArray) -> FloatArray:
    rows = []
    for name in np.unique(cell):
        mine = np.flatnonzero((cell == name) & part)
        with np.errstate(invalid="ignore"):
            rows.append(sum(weight[i] * values[i] for i in mine) / np.float64(sum(weight[i] for i in mine)))
    return np.array([np.broadcast_to(row, values.shape[1]) for row in rows]).reshape(-1, values.shape[1])


@pytest.mark.parametrize("seed", range(5))
def test_bits_are_those_of_sums_in_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    cell = np.sort(rng.integers(0, 40, 100))
    weight, part, values = rng.random(100), rng.random(100) < 0.7, rng.normal(size=(100, 3))
    values[rng.random((100, 3)) < 0.05] = np.nan
    expected = one_by_one(cell, weight, part, values)
    assert np.array_equal(cell_means(cell, weight, part, values), expected, equal_nan=True)
    monkeypatch.setattr(module, "_means", module._means.py_func)
    assert np.array_equal(cell_means(cell, weight, part, values), expected, equal_nan=True)


def test_starts_of_cells() -> None:
    assert cell_starts(np.array([3, 3, 5, 9, 9, 9])).tolist() == [0, 2, 3, 6]
    assert cell_starts(np.array([], dtype=np.int64)).tolist() == [0]
