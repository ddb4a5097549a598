"""Scores against closed forms and independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.verification.statistics.scores import score

ALL = np.ones((2, 2), bool)


def test_closed_form():
    # Differences 1, -1, 1, 1: mean 0.5, mean square 1, variance 0.75.
    reference = np.array([[1.0, 2.0], [3.0, 4.0]])
    image = reference + np.array([[1.0, -1.0], [1.0, 1.0]])
    s = score(image, reference, ALL)
    assert s.bias == 0.5
    assert s.rmse == 1.0
    assert s.ubrmse == pytest.approx(math.sqrt(0.75), rel=1e-15)
    assert s.std_reference == pytest.approx(math.sqrt(1.25), rel=1e-15)
    assert s.scc == pytest.approx(np.corrcoef(image.ravel(), reference.ravel())[0, 1], rel=1e-14)
    assert (s.n_cells, s.n_missing) == (4, 0)


def test_perfect_and_opposite():
    reference = np.array([[0.1, 0.2], [0.3, 0.4]])
    s = score(reference, reference, ALL)
    assert (s.rmse, s.bias, s.ubrmse) == (0.0, 0.0, 0.0)
    assert s.scc == pytest.approx(1.0, abs=1e-15)
    assert score(-reference, reference, ALL).scc == pytest.approx(-1.0, abs=1e-15)


def test_mask_and_nan_leave_cells_out():
    rng = np.random.default_rng(1)
    image, reference = rng.random((2, 6, 7))
    mask = rng.random((6, 7)) > 0.3
    image[0, 0] = reference[2, 3] = np.nan
    mask[0, 0] = mask[2, 3] = True
    image[5, 5], mask[5, 5] = np.inf, False  # outside the mask anything may stand
    valid = mask & ~np.isnan(image) & ~np.isnan(reference)
    s = score(image, reference, mask)
    whole = score(image[valid], reference[valid], np.ones(valid.sum(), bool))
    assert (s.scc, s.rmse, s.bias, s.ubrmse) == (whole.scc, whole.rmse, whole.bias, whole.ubrmse)
    assert (s.n_cells, s.n_missing) == (valid.sum(), 2)


def test_undefined_scores_are_nan():
    reference = np.array([[0.1, 0.2], [0.3, 0.4]])
    nothing = score(reference, reference, ~ALL)
    assert nothing.n_cells == 0
    assert all(math.isnan(v) for v in (nothing.scc, nothing.rmse, nothing.bias, nothing.ubrmse))
    # 0.3 has no exact mean over three cells: a constant field must still have no correlation.
    constant = np.full((3, 1), 0.3)
    s = score(constant, np.array([[0.1], [0.2], [0.4]]), np.ones((3, 1), bool))
    assert math.isnan(s.scc)
    assert s.std_image < 1e-15
    one = score(reference, reference + 1.0, np.array([[True, False], [False, False]]))
    assert math.isnan(one.scc)
    assert one.bias == -1.0
    assert one.ubrmse == 0.0


def test_weights_count_cells_several_times():
    rng = np.random.default_rng(2)
    image, reference = rng.random((2, 40))
    times = rng.integers(0, 4, 40)
    weighted = score(image, reference, np.ones(40, bool), weights=times * 7.5)
    repeated = score(np.repeat(image, times), np.repeat(reference, times), np.ones(times.sum(), bool))
    for name in ("scc", "rmse", "bias", "ubrmse", "std_image", "std_reference"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-12)


@given(
    hnp.arrays(np.float64, (2, 5, 4), elements=st.floats(-1.0, 1.0)),
    st.floats(0.1, 10.0),
    st.floats(-5.0, 5.0),
)
def test_identities(pair, factor, shift):
    mask = np.ones((5, 4), bool)
    s = score(pair[0], pair[1], mask)
    assert s.rmse**2 == pytest.approx(s.bias**2 + s.ubrmse**2, abs=1e-14)
    assert math.isnan(s.scc) or -1.0 <= s.scc <= 1.0
    if min(s.std_image, s.std_reference) > 1e-3:  # below, the shift's rounding decides
        moved = score(factor * pair[0] + shift, pair[1], mask).scc
        assert moved == pytest.approx(s.scc, abs=1e-9)
        # Murphy (1988): ubRMSE^2 = sx^2 + sy^2 - 2 r sx sy
        expected = s.std_image**2 + s.std_reference**2 - 2.0 * s.scc * s.std_image * s.std_reference
        assert s.ubrmse**2 == pytest.approx(expected, abs=1e-13)


def test_memory_layout_changes_no_bit():
    rng = np.random.default_rng(3)
    image, reference = rng.random((2, 128, 256))
    mask = rng.random((128, 256)) > 0.7
    assert score(image, reference, mask) == score(np.asfortranarray(image), reference, np.asfortranarray(mask))


def test_bad_arrays_are_named():
    x = np.zeros((2, 2))
    with pytest.raises(ShapeError, match=r"reference has shape \(3, 2\); the image has \(2, 2\)"):
        score(x, np.zeros((3, 2)), ALL)
    with pytest.raises(ShapeError, match="mask has dtype float64"):
        score(x, x, np.ones((2, 2)))
    with pytest.raises(DataError, match="infinite"):
        score(np.full((2, 2), np.inf), x, ALL)
    with pytest.raises(DataError, match="not negative"):
        score(x, x, ALL, weights=np.full((2, 2), -1.0))
    with pytest.raises(DataError, match="all zero"):
        score(x, x, ALL, weights=x)
