"""Strategies for missing cells against systems solved densely, and what happens far from data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.enkf_like import EnkfLike, coefficient_gain
from landda_hpc.analysis.error_models import (
    ClimatologicalErrors,
    CorrelatedErrors,
    PlaneField,
    SphereField,
    WhiteErrors,
)
from landda_hpc.analysis.gains import GivenSpectra
from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.missing import (
    AdjustedVariance,
    GainSetting,
    Inpaint,
    MissingStrategy,
    Solve,
    ZeroFill,
    chance_factor,
)
from landda_hpc.analysis.protocol import ImagePair, MemberSums
from landda_hpc.analysis.wedge_variances import WedgeSpectrum
from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import DataError
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import MemberReduction

Share = Callable[[int], MemberSums]
PairOf = Callable[..., ImagePair]
SHAPE = (20, 24)


def scene(seed: int = 0, land: float = 0.6, missing: float = 0.5) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Innovation, observed cells, domain."""
    rng = np.random.default_rng(seed)
    domain = rng.random(SHAPE) < land
    observed = domain & (rng.random(SHAPE) >= missing)
    return 0.1 * rng.standard_normal(SHAPE), observed, domain


# ---------------------------------------------------------------------- the proper solve


@pytest.mark.parametrize("boundary", ["none", "double_fourier_sphere", "reflect"])
@pytest.mark.parametrize("kind", ["white", "correlated", "climatological"])
def test_solve_is_the_dense_kalman_update(members: Share, pair_of: PairOf, boundary: str, kind: str) -> None:
    """x = P H^T (H P H^T + R)^-1 d with every matrix written out, R correlated too, std maps, gaps and a coast."""
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary=boundary)  # type: ignore[arg-type]
    innovation, observed, domain = scene()
    rng = np.random.default_rng(9)
    std = rng.uniform(0.05, 0.15, SHAPE)
    background = {
        "white": WhiteErrors(std, 1, "background"),
        "correlated": CorrelatedErrors(
            SphereField(regular_grid(*SHAPE), 2000.0), std, 0.02, 1, "background", members(20)
        ),
        "climatological": ClimatologicalErrors(
            frame, WedgeSpectrum.of(frame, rng.uniform(0.0, 0.02, len(frame.blocks))), 1, "background"
        ),
    }[kind]
    flat = WedgeSpectrum.of(frame, rng.uniform(0.001, 0.004, len(frame.blocks)))
    observation = ClimatologicalErrors(frame, flat, 1, "observation") if kind != "white" else WhiteErrors(0.05, 1, "o")
    setting = GainSetting(frame, background, observation, np.zeros(frame.n_var))
    found = Solve(1e-10).update(setting, pair_of(innovation, observed, domain)).increment

    n = SHAPE[0] * SHAPE[1]
    unit = [np.eye(n)[i].reshape(SHAPE) for i in range(n)]
    p = np.stack([background.covariance_times(frame, e).reshape(-1) for e in unit], axis=1)
    r = np.stack([observation.covariance_times(frame, e).reshape(-1) for e in unit], axis=1)
    h = observed.reshape(-1)
    z = np.linalg.solve(p[np.ix_(h, h)] + r[np.ix_(h, h)], innovation.reshape(-1)[h])
    expected = np.where(domain, (p[:, h] @ z).reshape(SHAPE), 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_solve_with_white_errors_is_the_blend(pair_of: PairOf) -> None:
    innovation, observed, domain = scene()
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    setting = GainSetting(frame, WhiteErrors(0.15, 1, "b"), WhiteErrors(0.10, 1, "o"), np.zeros(frame.n_var))
    update = Solve(1e-12).update(setting, pair_of(innovation, observed, domain))
    np.testing.assert_allclose(update.increment, np.where(observed, 9 / 13 * innovation, 0.0), atol=1e-12)
    assert update.diagnostics["solve_iterations"] <= 2


def test_solve_without_observations_does_nothing_and_says_when_it_fails(members: Share, pair_of: PairOf) -> None:
    innovation, observed, domain = scene()
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    background = CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.02, 1, "background", members(10))
    setting = GainSetting(frame, background, WhiteErrors(0.05, 1, "o"), np.zeros(frame.n_var))
    assert not Solve().update(setting, pair_of(innovation, observed & False, domain)).increment.any()
    with pytest.raises(DataError, match="after 2 iterations"):
        Solve(1e-8, 2).update(setting, pair_of(innovation, observed, domain))


# ---------------------------------------------------------------------- inpainting


def laplace_dense(grid: Grid, values: FloatArray, observed: BoolArray, domain: BoolArray, length: float) -> FloatArray:
    """The same equation cell by cell: fluxes through every edge, one linear system for all cells."""
    n_lat, n_lon = grid.shape
    lat, lon = np.deg2rad(grid.lat), np.deg2rad(grid.lon)
    lat_e, lon_e = np.deg2rad(grid.lat_edges), np.deg2rad(grid.lon_edges)
    n = n_lat * n_lon
    a, b = np.zeros((n, n)), np.zeros(n)
    for i in range(n_lat):
        for j in range(n_lon):
            k = i * n_lon + j
            if not domain[i, j] or observed[i, j]:
                a[k, k], b[k] = 1.0, values[i, j] if observed[i, j] else 0.0
                continue
            a[k, k] += grid.area[i, j] / EARTH_RADIUS**2 * (EARTH_RADIUS * 1e-3 / length) ** 2
            for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                p, q = i + di, j + dj
                if grid.is_periodic:
                    q %= n_lon
                if not (0 <= p < n_lat and 0 <= q < n_lon) or not domain[p, q]:
                    continue
                if di == 0:
                    step = abs(lon[q] - lon[j])
                    weight = (lat_e[i + 1] - lat_e[i]) / (np.cos(lat[i]) * min(step, 2 * np.pi - step))
                else:
                    edge = lat_e[max(i, p)]
                    weight = np.cos(edge) * (lon_e[j + 1] - lon_e[j]) / abs(lat[p] - lat[i])
                a[k, k] += weight
                a[k, p * n_lon + q] -= weight
    return np.linalg.solve(a, b).reshape(grid.shape)


@pytest.mark.parametrize(
    "grid", [regular_grid(12, 16), gaussian_grid(10, 14), regular_grid(9, 11, south=23, north=68, west=73, east=117)]
)
@pytest.mark.parametrize("length", [800.0, 1e12])
def test_inpainting_solves_the_laplace_equation(grid: Grid, length: float) -> None:
    rng = np.random.default_rng(2)
    domain = rng.random(grid.shape) < 0.9
    observed = domain & (rng.random(grid.shape) < 0.4)
    values = rng.standard_normal(grid.shape)
    filled = HarmonicInpainting(grid, length)(values, observed, domain)
    expected = laplace_dense(grid, values, observed, domain, length)
    np.testing.assert_allclose(filled, expected, atol=1e-8)


def test_inpainting_depends_on_the_image_and_its_mask_alone() -> None:
    """The equations of a mask are kept: images before it, and other masks, do not change a bit."""
    grid, rng = regular_grid(*SHAPE), np.random.default_rng(5)
    fill = HarmonicInpainting(grid, 500.0)
    masks = [scene(seed, missing=0.5)[1:] for seed in (1, 1, 2, 1)]
    whole = np.ones(SHAPE, dtype=np.bool_)
    for observed, domain in [*masks, (whole, whole)]:
        values = rng.standard_normal(SHAPE)
        assert np.array_equal(fill(values, observed, domain), HarmonicInpainting(grid, 500.0)(values, observed, domain))


@given(st.integers(0, 100), st.floats(0.1, 0.9), st.sampled_from([None, 300.0, 2000.0]))
@settings(max_examples=25, deadline=None)
def test_inpainting_keeps_data_and_invents_no_extremes(seed: int, missing: float, length: float | None) -> None:
    innovation, observed, domain = scene(seed, missing=missing)
    filled = HarmonicInpainting(regular_grid(*SHAPE), length)(innovation, observed, domain)
    assert filled[observed].tobytes() == innovation[observed].tobytes()
    assert not filled[~domain].any()
    known = np.append(innovation[observed], 0.0)
    assert filled.max() <= known.max() + 1e-12 and filled.min() >= known.min() - 1e-12


def test_plain_laplace_fills_a_gap_with_a_constant_and_leaves_islands_alone() -> None:
    domain = np.zeros(SHAPE, dtype=np.bool_)
    domain[4:12, 3:15] = True
    observed = domain.copy()
    observed[6:10, 6:12] = False
    domain[16, 20] = True  # an island without observation
    filled = HarmonicInpainting(regular_grid(*SHAPE), None)(np.full(SHAPE, 0.07), observed, domain)
    np.testing.assert_allclose(filled[4:12, 3:15], 0.07, rtol=1e-12)
    assert filled[16, 20] == 0.0


# ---------------------------------------------------------------------- variances under the mask


def test_white_errors_keep_their_gain_under_any_mask(members: Share, pair_of: PairOf) -> None:
    innovation, observed, domain = scene()
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    b, r = WhiteErrors(0.15, 1, "b"), WhiteErrors(0.10, 1, "o")
    gain = coefficient_gain(b.variance(frame, domain), r.variance(frame, domain))
    setting, pair = GainSetting(frame, b, r, gain), pair_of(innovation, observed, domain)
    adjusted = AdjustedVariance(members(4)).update(setting, pair).increment
    np.testing.assert_allclose(adjusted, np.where(observed, 9 / 13 * innovation, 0.0), atol=1e-12)


def test_masked_gain_is_the_regression_of_many_draws(members: Share, pair_of: PairOf) -> None:
    innovation, observed, domain = scene(missing=0.4)
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    b = CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.0, 1, "background", members(10))
    r = WhiteErrors(0.05, 1, "observation")
    setting, pair = GainSetting(frame, b, r, np.zeros(frame.n_var)), pair_of(innovation, observed, domain)
    signal, innovations, covariance = AdjustedVariance(members(200))._sampled(setting, pair)
    products, energies = np.zeros(frame.n_coef), np.zeros(frame.n_var)
    for m in range(200):
        e, o = b.perturbation(domain, "t", m), r.perturbation(domain, "t", m)
        products += frame.forward(e) * frame.forward(np.where(observed, e, 0.0))
        frame.accumulate_energy(np.where(observed, e, 0.0), energies)
        frame.accumulate_energy(np.where(observed, o, 0.0), energies)
    # Real parts of complex products: sum over the (re, im) pairs of each coefficient.
    expected = np.concatenate(
        [
            products[k.coefficients] if k.is_real else products[k.coefficients].reshape(-1, 2).sum(axis=1)
            for k in frame.blocks
        ]
    )
    np.testing.assert_allclose(covariance, expected / 200, atol=1e-12)
    np.testing.assert_allclose(innovations, energies / 200, atol=1e-12)
    assert np.all(signal >= 0.0)


def test_chance_factor_is_one_for_perfect_and_zero_for_accidental_correlations() -> None:
    ones = np.ones(3)
    np.testing.assert_allclose(chance_factor(ones, ones, np.array([1.0, 0.1, 0.0]), 50), [1.0, 0.0, 0.0], atol=1e-12)
    half = chance_factor(np.ones(1), np.ones(1), np.array([0.5]), 50)[0]
    assert half == pytest.approx((50 * 0.25 - 1) / (49 * 0.25))


# ---------------------------------------------------------------------- all of them


def strategies(grid: Grid) -> dict[str, MissingStrategy]:
    return {
        "zero_fill": ZeroFill(),
        "inpaint": Inpaint(HarmonicInpainting(grid, 400.0)),
        "variance": AdjustedVariance(MemberReduction(SerialCommunicator(), 50)),
        "solve": Solve(1e-4),
    }


@pytest.mark.parametrize("name", ["zero_fill", "inpaint", "variance", "solve"])
def test_nothing_is_invented_far_from_data(members: Share, pair_of: PairOf, name: str) -> None:
    """One observed patch on a globe of land: increments die within a few correlation lengths of it."""
    grid = regular_grid(64, 128)  # 313 km a cell
    domain = np.ones(grid.shape, dtype=np.bool_)
    observed = np.zeros(grid.shape, dtype=np.bool_)
    observed[28:36, 60:68] = True
    frame = Curvelet2D(grid.shape, angles_coarse=8)
    background = CorrelatedErrors(PlaneField(grid.shape, 1.5), 0.1, 0.02, 1, "background", members(10))
    observation = WhiteErrors(0.05, 1, "observation")
    method = EnkfLike(frame, members(50), background, observation, "exact", strategies(grid)[name])
    increment = np.abs(method.analyse(pair_of(np.full(grid.shape, 0.2), observed, domain)).increment)
    rows, columns = np.indices(grid.shape)
    dy, dx = np.maximum(np.abs(rows - 31.5) - 3.5, 0.0), np.maximum(np.abs(columns - 63.5) - 3.5, 0.0)
    distance = np.hypot(dy, dx)
    assert increment[observed].max() > 0.1
    # Wedges know a spectrum by octaves, so the covariance of 'solve' rings a little; 'variance' has sampling noise.
    assert increment[distance > 12].max() < 0.04 * increment.max()
    assert increment[distance > 12].mean() < 0.005 * increment.max()
    assert increment[distance > 24].max() < 0.015 * increment.max()


def test_solve_with_the_field_s_own_covariance_dies_like_it(members: Share, pair_of: PairOf) -> None:
    """exp(-1/2 (d / L)^2): nothing at all six lengths from the nearest observation."""
    shape = (64, 64)
    domain = np.ones(shape, dtype=np.bool_)
    observed = np.zeros(shape, dtype=np.bool_)
    observed[28:36, 28:36] = True
    background = CorrelatedErrors(PlaneField(shape, 1.5), 0.1, 0.02, 1, "background", members(10), "field")
    frame = Curvelet2D(shape, angles_coarse=8)
    method = EnkfLike(frame, members(10), background, WhiteErrors(0.05, 1, "o"), "exact", Solve(1e-8))
    increment = np.abs(method.analyse(pair_of(np.full(shape, 0.2), observed, domain)).increment)
    rows, columns = np.indices(shape)
    distance = np.maximum(np.abs(rows - 31.5), np.abs(columns - 31.5)) - 3.5
    assert increment[observed].max() > 0.1
    assert increment[distance >= 9].max() < 1e-6


@given(st.sampled_from(["zero_fill", "inpaint", "variance", "solve"]), st.floats(0.1, 0.9), st.integers(0, 20))
@settings(max_examples=24, deadline=None)
def test_partial_observations_degrade_gracefully(name: str, missing: float, seed: int) -> None:
    """10 to 90 % missing at random: never worse than the background by more than sampling, better where observed."""
    grid = regular_grid(32, 48)
    rng = np.random.default_rng(seed)
    domain = rng.random(grid.shape) < 0.7
    observed = domain & (rng.random(grid.shape) >= missing)
    frame = Curvelet2D(grid.shape, angles_coarse=8)
    share = MemberReduction(SerialCommunicator(), 30)
    background = CorrelatedErrors(PlaneField(grid.shape, 2.5), 0.1, 0.02, seed, "background", share)
    observation = WhiteErrors(0.05, seed, "observation")
    e_b = background.perturbation(domain, "truth", 0)
    e_o = observation.perturbation(domain, "truth", 0)
    pair = ImagePair(np.where(domain, 0.25 + e_b, np.nan), np.where(observed, 0.25 + e_o, np.nan), domain, "t")
    method = GivenSpectra(frame, "per_scale", background, observation, strategies(grid)[name])
    error = e_b + method.analyse(pair).increment

    def rms(image: FloatArray, cells: BoolArray) -> float:
        return float(np.sqrt(np.mean(image[cells] ** 2)))

    assert rms(error, observed) < 0.9 * rms(e_b, observed)
    assert rms(error, domain & ~observed) < 1.02 * rms(e_b, domain & ~observed)
