"""Point updates: closed forms, a dense Kalman filter, localisation, learned variances, regions of coherent change."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.coherent_regions import coherent_regions
from landda_hpc.analysis.localisation import gaspari_cohn, localised_correlation
from landda_hpc.analysis.point_update import Points, PointUpdate
from landda_hpc.analysis.residual_variances import ResidualVariances
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.grid import chord_km, gaussian_grid, unit_vectors

GRID = gaussian_grid(16, 32)
PLACES = unit_vectors(GRID.lat[:, None], GRID.lon[None, :]).reshape(-1, 3)
CUTOFF_KM = 3000.0
S2, R = 0.03**2, 0.02**2
DOMAIN = np.zeros(GRID.shape, dtype=np.bool_)
DOMAIN[3:13, :20] = True


def distances_km() -> FloatArray:
    """Of all pairs of cells, without a tree."""
    return chord_km(np.sqrt(((PLACES[:, None] - PLACES[None]) ** 2).sum(axis=2)))


def increment(
    cells: IntArray, residual: FloatArray, variance: FloatArray, labels: IntArray | None = None
) -> FloatArray:
    update = PointUpdate(GRID, CUTOFF_KM)
    correlations = update.correlations(cells, DOMAIN)
    if labels is not None:
        correlations = correlations.within(labels)
    return update.increment(Points(cells, residual, variance), correlations, S2, GRID.shape)


def test_sparse_correlations_are_those_of_all_pairs() -> None:
    found = localised_correlation(PLACES, PLACES[::3], CUTOFF_KM).toarray()
    np.testing.assert_allclose(found, gaspari_cohn(2.0 * distances_km()[:, ::3] / CUTOFF_KM), atol=1e-12)
    assert localised_correlation(PLACES[:0], PLACES, CUTOFF_KM).shape == (0, GRID.n_cells)


def test_one_station_has_the_closed_form_and_changes_nothing_beyond_the_cutoff() -> None:
    cell = np.array([7 * 32 + 10])
    found = increment(cell, np.array([0.1]), np.array([R])).ravel()
    distance = distances_km()[cell[0]]
    expected = S2 * gaspari_cohn(2.0 * distance / CUTOFF_KM) / (S2 + R) * 0.1
    np.testing.assert_allclose(found, np.where(DOMAIN.ravel(), expected, 0.0), atol=1e-14)
    assert found[cell[0]] == pytest.approx(0.1 * S2 / (S2 + R), rel=1e-12)
    assert not found[distance >= CUTOFF_KM].any() and np.count_nonzero(found) > 1


@pytest.mark.parametrize("number", [2, 40])
@pytest.mark.parametrize("in_regions", [False, True])
def test_stations_agree_with_a_dense_kalman_filter(number: int, in_regions: bool) -> None:
    rng = np.random.default_rng(number)
    cells = np.sort(rng.choice(np.flatnonzero(DOMAIN), number, replace=False))
    residual, variance = 0.05 * rng.standard_normal(number), R * rng.uniform(0.5, 2.0, number)
    labels = np.where(np.arange(32) < 9, 1, 2)[None, :] * DOMAIN
    labels[:5] = 0
    covariance = S2 * gaspari_cohn(2.0 * distances_km() / CUTOFF_KM)
    if in_regions:
        flat = labels.ravel()
        covariance = covariance * ((flat[:, None] == flat[None]) & (flat[:, None] > 0))
    h = np.zeros((number, GRID.n_cells))
    h[np.arange(number), cells] = 1.0
    gain = covariance @ h.T @ np.linalg.inv(h @ covariance @ h.T + np.diag(variance))
    found = increment(cells, residual, variance, labels if in_regions else None).ravel()
    np.testing.assert_allclose(found, np.where(DOMAIN.ravel(), gain @ residual, 0.0), atol=1e-11)
    if in_regions:
        assert not found[flat == 0].any()


def test_members_give_the_correlations() -> None:
    rng = np.random.default_rng(3)
    cells, update = np.flatnonzero(DOMAIN)[[40, 55]], PointUpdate(GRID, CUTOFF_KM)
    anomalies = rng.standard_normal((8, int(DOMAIN.sum())))
    anomalies -= anomalies.mean(axis=0)
    plain = update.correlations(cells, DOMAIN)
    sample = anomalies.T @ anomalies / 7.0
    scaled = sample[:, [40, 55]] / np.diag(sample).mean()
    np.testing.assert_allclose(
        plain.of_members(anomalies).matrix.toarray(), plain.matrix.toarray() * scaled, atol=1e-13
    )
    same = np.zeros_like(anomalies)
    assert plain.of_members(same) is plain  # members that do not differ


@given(hnp.arrays(np.float64, 12, elements=st.floats(-0.3, 0.3)), st.floats(0.0, 0.1))
@settings(max_examples=25, deadline=None)
def test_the_update_is_linear_and_no_residual_changes_nothing(residual: FloatArray, std: float) -> None:
    cells = np.flatnonzero(DOMAIN)[::17][:12]
    variance = np.full(12, R + std**2)
    assert not increment(cells, np.zeros(12), variance).any()
    one, other = increment(cells, residual, variance), increment(cells, -2.0 * residual, variance)
    np.testing.assert_allclose(other, -2.0 * one, atol=1e-9)
    assert np.abs(one).max() <= np.sqrt(12) * np.abs(residual).max() * 2.0


def test_variances_are_learned_from_pairs() -> None:
    """Constant errors of the stations count as theirs, because they differ from station to station."""
    rng = np.random.default_rng(1)
    cells = np.sort(rng.choice(np.flatnonzero(DOMAIN), 150, replace=False))
    among = PointUpdate(GRID, CUTOFF_KM).correlations(cells, DOMAIN).among_points
    root = np.linalg.cholesky(among.toarray() + 1e-10 * np.eye(150))
    learned, given_once = ResidualVariances(0.1, "pairs", 1e6), ResidualVariances(0.1, None, 20.0)
    assert (learned.background, learned.factor) == (pytest.approx(0.01), 1.0)
    for _ in range(200):
        offset = 0.05 * rng.standard_normal(150)
        residual = 0.03 * root @ rng.standard_normal(150) + offset
        for one in (learned, given_once):
            one.learn(among, residual, np.full(150, 0.02**2))
    assert learned.background == pytest.approx(0.03**2, rel=0.06)
    assert learned.factor == pytest.approx((0.05 / 0.02) ** 2, rel=0.06)
    assert (given_once.background, given_once.factor) == (pytest.approx(0.01), 1.0)
    other = ResidualVariances(0.1, "pairs", 1e6)
    other.restore(learned.state())
    assert (other.background, other.factor) == (learned.background, learned.factor)


def test_the_variance_of_pixels_is_learned_with_known_errors() -> None:
    learned, rng = ResidualVariances(0.1, "variance", 1e6), np.random.default_rng(2)
    among = localised_correlation(PLACES[:200], PLACES[:200], 1.0)
    for _ in range(100):
        learned.learn(among, 0.05 * rng.standard_normal(200), np.full(200, 0.03**2))
    assert learned.background == pytest.approx(0.04**2, rel=0.1) and learned.factor == 1.0


def test_regions_are_connected_across_the_seam_and_have_one_sign() -> None:
    field = np.zeros((6, 10))
    field[1, 8:], field[1, :2] = 1.0, 1.0  # across the seam
    field[4, 3:7] = 1.0
    field[4, 7:9] = -1.0  # touches the region before, other sign
    domain = np.ones(field.shape, dtype=np.bool_)
    found = coherent_regions(field, domain, 1.0, 3, is_periodic=True)
    assert found[1, 9] == found[1, 0] == 1 and found[4, 3] == 2 and not found[4, 7:].any()
    apart = coherent_regions(field, domain, 1.0, 2, is_periodic=False)
    assert apart[1, 9] != apart[1, 0] and apart.max() == 4
    assert not coherent_regions(0.0 * field, domain, 1.0, 1, is_periodic=True).any()


@given(
    hnp.arrays(np.float64, (7, 9), elements=st.floats(-1.0, 1.0, width=32)),
    hnp.arrays(np.bool_, (7, 9)),
    st.floats(0.0, 2.0),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_regions_hold_what_exceeds_the_threshold(
    field: FloatArray, domain: BoolArray, threshold: float, min_cells: int
) -> None:
    found = coherent_regions(np.where(domain, field, 0.0), domain, threshold, min_cells, is_periodic=True)
    assert not found[~domain].any()
    names, sizes = np.unique(found[found > 0], return_counts=True)
    assert names.tolist() == list(range(1, names.size + 1)) and (sizes >= min_cells).all()
    level = threshold * np.sqrt(np.mean(field[domain] ** 2)) if domain.any() else 0.0
    for name in names:
        values = field[found == name]
        assert (values > level).all() or (values < -level).all()
