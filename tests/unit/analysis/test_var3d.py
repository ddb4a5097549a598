"""3D-Var against its closed forms (docs/methods.md, "3D-Var")."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.analysis.cost import CostFunction, ImageTerm
from landda_hpc.analysis.layers import analyse_separately
from landda_hpc.analysis.minimise import Minimum, StoppingRule, conjugate_gradients, minimise
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.var3d import ImageConstraint, Var3d, fill_with_mean, fill_with_zero, observed_image
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError, DataError, ShapeError

BOUNDARIES = ["none", "reflect", "double_fourier_sphere"]


def make_pair(shape: tuple[int, int] = (24, 32), seed: int = 0, land: float = 0.7, missing: float = 0.2) -> ImagePair:
    rng = np.random.default_rng(seed)
    domain = rng.random(shape) < land
    background = np.where(domain, rng.uniform(0.05, 0.45, shape), np.nan)
    observation = np.where(rng.random(shape) >= missing, rng.uniform(0.05, 0.45, shape), np.nan)
    return ImagePair(background, observation, domain, "2016-05-16T00:00:00")


def variances(shape: tuple[int, ...], seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).uniform(0.02, 0.25, shape) ** 2


def make_cost(n_layers: int = 3, boundary: str = "none", seed: int = 0, excluded: bool = False) -> CostFunction:
    """All three terms, an error map, a mask, gaps, and a cell that may not change."""
    pair = make_pair(seed=seed)
    frame = Curvelet2D(pair.domain.shape, boundary=boundary)  # type: ignore[arg-type]
    variance = np.where(pair.domain, variances((n_layers, *pair.domain.shape), seed + 1), 0.0)
    weights = np.array([0.2, 0.3, 0.5])[:n_layers] if n_layers > 1 else np.ones(1)
    constraint = ImageConstraint(frame, 0.5, 0.1, gaps="excluded" if excluded else "zero_innovation")
    precision = np.where(
        pair.observed, 1.0 / np.random.default_rng(seed + 2).uniform(0.05, 0.3, pair.domain.shape), 0.0
    )
    return CostFunction(
        pair.innovation, variance, weights, observation_precision=precision, image=constraint.term(pair)
    )


def random_increment(cost: CostFunction, seed: int) -> FloatArray:
    return np.where(cost.background_variance > 0.0, 0.1 * np.random.default_rng(seed).standard_normal(cost.shape), 0.0)


# ------------------------------------------------------------------ the cost function


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("excluded", [False, True])
def test_value_is_the_formula(boundary: str, excluded: bool) -> None:
    """Against an evaluation with explicit coefficients, term by term."""
    cost = make_cost(boundary=boundary, excluded=excluded)
    dx = random_increment(cost, 5)
    residual = cost.innovation - np.tensordot(cost.layer_weights, dx, axes=1)
    image = cost.image
    assert image is not None and cost.observation_precision is not None
    assert isinstance(image.frame, Curvelet2D)
    seen = residual if image.counted is None else residual * image.counted
    kept = image.frame.scale_by(image.frame.forward(seen), image.kept)
    value = cost.value(dx)
    changeable = cost.background_variance > 0.0
    assert value.background == pytest.approx(0.5 * np.sum(dx[changeable] ** 2 / cost.background_variance[changeable]))
    assert value.observation == pytest.approx(0.5 * np.sum(cost.observation_precision * residual**2))
    assert value.image == pytest.approx(0.5 * np.sum(kept**2) / image.std**2, rel=1e-12)
    assert value.total == value.background + value.observation + value.image


@given(st.integers(0, 10_000), st.sampled_from(BOUNDARIES), st.booleans())
def test_taylor(seed: int, boundary: str, excluded: bool) -> None:
    """J(x + e h) = J(x) + e g.h + e^2 h.Ah / 2 exactly, J being quadratic; and the remainder falls as e^2."""
    cost = make_cost(boundary=boundary, seed=seed, excluded=excluded)
    x, h = random_increment(cost, seed + 3), random_increment(cost, seed + 4)
    j, slope, curve = cost.value(x).total, np.sum(cost.gradient(x) * h), 0.5 * np.sum(h * cost.hessian(h))
    remainders = []
    for step in (1.0, 1e-1, 1e-2, 1e-3):
        value = cost.value(x + step * h).total
        assert value == pytest.approx(j + step * slope + step**2 * curve, rel=1e-12)
        remainders.append(abs(value - j - step * slope))
    for larger, smaller in itertools.pairwise(remainders):
        assert smaller / larger == pytest.approx(0.01, rel=1e-4)


@given(st.integers(0, 10_000), st.sampled_from(BOUNDARIES))
def test_operators_and_their_adjoints(seed: int, boundary: str) -> None:
    """<H x, r> = <x, H^T r>; the image term's operator and the Hessian are symmetric and not negative."""
    cost = make_cost(boundary=boundary, seed=seed)
    rng = np.random.default_rng(seed)
    x, z = random_increment(cost, seed + 1), random_increment(cost, seed + 2)
    r, q = rng.standard_normal((2, *cost.innovation.shape))
    assert np.sum(cost.observe(x) * r) == pytest.approx(np.sum(x * cost.spread_to_layers(r)), rel=1e-12, abs=1e-14)
    image = cost.image
    assert image is not None
    assert np.sum(image.weigh(r) * q) == pytest.approx(np.sum(r * image.weigh(q)), rel=1e-11, abs=1e-10)
    assert 0.0 <= np.sum(image.weigh(r) * r) <= np.sum(r * r) / image.std**2 * (1 + 1e-12)
    assert np.sum(cost.hessian(x) * z) == pytest.approx(np.sum(x * cost.hessian(z)), rel=1e-11, abs=1e-9)
    assert np.sum(cost.hessian(x) * x) > 0.0


# ------------------------------------------------------------------ minima in closed form


def cellwise_increment(
    innovation: FloatArray, background_variance: FloatArray, layer_weights: FloatArray, precision: FloatArray
) -> FloatArray:
    """The minimum in closed form if all terms act cell by cell, dx = B H^T (H B H^T + R)^-1 d."""
    reach = np.zeros(innovation.shape)
    for weight, variance in zip(layer_weights, background_variance, strict=True):
        reach += weight**2 * variance
    pull = precision * innovation / (1.0 + reach * precision)
    increment: FloatArray = background_variance * layer_weights[:, None, None] * pull
    return increment


def column_minimum(
    pair: ImagePair,
    variance: FloatArray,
    weights: FloatArray,
    precision: FloatArray | None = None,
    image: ImageConstraint | None = None,
    rule: StoppingRule | None = None,
) -> Minimum:
    """Several layers in one control vector, and one image of their weighted mean."""
    term = None if image is None else image.term(pair)
    b = np.where(pair.domain, variance, 0.0)
    cost = CostFunction(pair.innovation, b, weights, observation_precision=precision, image=term)
    return minimise(cost, rule or StoppingRule())


@pytest.mark.parametrize("preconditioned", [True, False])
def test_point_analysis_is_the_kalman_update_of_each_cell(preconditioned: bool) -> None:
    """J_B + J_O with three layers in one control vector: dx = B H^T (H B H^T + R)^-1 d, written out per cell."""
    pair = make_pair()
    b, r = variances((3, *pair.domain.shape)), variances(pair.domain.shape, 7)
    weights = np.array([0.2, 0.3, 0.5])
    # Without preconditioning the Hessian's eigenvalues run over B^-1: a rule that double precision can meet.
    rule = StoppingRule(1e-12, is_relative=True, max_iterations=5000, is_preconditioned=preconditioned)
    result = column_minimum(pair, b, weights, precision=np.where(pair.observed, 1.0 / r, 0.0), rule=rule)
    expected = np.zeros_like(b)
    for i, j in zip(*np.nonzero(pair.observed), strict=True):
        h, covariance = weights[None, :], np.diag(b[:, i, j])
        gain = covariance @ h.T @ np.linalg.inv(h @ covariance @ h.T + r[i, j])
        expected[:, i, j] = gain[:, 0] * pair.innovation[i, j]
    np.testing.assert_allclose(result.increment, expected, rtol=1e-9, atol=1e-12)
    precision = np.where(pair.observed, 1.0 / r, 0.0)
    np.testing.assert_allclose(
        cellwise_increment(pair.innovation, np.where(pair.domain, b, 0.0), weights, precision), expected, atol=1e-15
    )


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
@pytest.mark.parametrize("gaps", ["zero_innovation", "excluded"])
def test_image_analysis_with_all_coefficients_is_cell_by_cell(boundary: str, finest: str, gaps: Any) -> None:
    """With S = I, C^T C = I: the Hessian is block-diagonal, K = B H^T (H B H^T + s^2)^-1."""
    pair = make_pair()
    b, weights = variances((3, *pair.domain.shape)), np.array([0.2, 0.3, 0.5])
    frame = Curvelet2D(pair.domain.shape, boundary=boundary, finest=finest)  # type: ignore[arg-type]
    image = ImageConstraint(frame, 1.0, 0.08, gaps=gaps)
    result = column_minimum(pair, b, weights, image=image)
    changeable = np.where(pair.domain, b, 0.0)
    precision = np.full(pair.domain.shape, 1.0 / 0.08**2)
    expected = cellwise_increment(pair.innovation, changeable, weights, precision)
    np.testing.assert_allclose(result.increment, expected, atol=1e-12)
    seen = np.where(pair.observed, 1.0 / 0.2**2, 0.0)
    both = column_minimum(pair, b, weights, precision=seen, image=image)
    precision += seen
    expected = cellwise_increment(pair.innovation, changeable, weights, precision)
    np.testing.assert_allclose(both.increment, expected, atol=1e-12)


def test_one_layer_constant_errors_are_the_blend() -> None:
    pair = make_pair()
    analysis = Var3d(np.full(pair.domain.shape, 0.15**2), observation_std=0.10).analyse(pair)
    np.testing.assert_allclose(analysis.increment, 9.0 / 13.0 * pair.innovation, atol=1e-13)
    assert analysis.diagnostics["iterations"] == 1.0
    assert analysis.diagnostics["gain_mean"] == pytest.approx(9.0 / 13.0)
    assert analysis.diagnostics["gain_std"] == pytest.approx(0.0, abs=1e-12)


def test_minimum_against_a_dense_solve() -> None:
    """All terms, half of the coefficients: the minimum solves the normal equations."""
    pair = make_pair((17, 18))
    frame = Curvelet2D((17, 18))
    b = np.where(pair.domain, variances((1, 17, 18)), 0.0)
    cost = CostFunction(
        pair.innovation, b, np.ones(1), observation_precision=np.where(pair.observed, 25.0, 0.0),
        image=ImageConstraint(frame).term(pair),
    )  # fmt: skip
    free = np.flatnonzero(b)
    basis = np.eye(b.size)[free].reshape(-1, *b.shape)
    hessian = np.array([cost.hessian(e).ravel()[free] for e in basis])
    expected = np.linalg.solve(hessian, -cost.gradient(np.zeros(b.shape)).ravel()[free])
    minimum = minimise(cost, StoppingRule())
    assert minimum.converged
    np.testing.assert_allclose(minimum.increment.ravel()[free], expected, atol=1e-12)
    assert np.linalg.eigvalsh(np.sqrt(b.ravel()[free])[:, None] * hessian * np.sqrt(b.ravel()[free])).min() > 1 - 1e-9


# ------------------------------------------------------------------ the minimisation


@given(st.integers(0, 10_000), st.sampled_from(BOUNDARIES))
def test_cost_falls_and_the_record_is_true(seed: int, boundary: str) -> None:
    cost = make_cost(boundary=boundary, seed=seed)
    minimum = minimise(cost, StoppingRule())
    totals = np.array([c.total for c in minimum.costs])
    assert minimum.converged
    assert minimum.gradient_norm <= 1e-9
    assert len(minimum.gradient_norms) == len(minimum.costs) == minimum.n_iterations + 1
    assert np.all(np.diff(totals) <= 1e-12 * totals[0])
    start, end = cost.value(np.zeros(cost.shape)), cost.value(minimum.increment)
    assert minimum.costs[0] == start
    for name in ("background", "observation", "image"):
        assert getattr(minimum.costs[-1], name) == pytest.approx(getattr(end, name), rel=1e-9)
    assert np.all(cost.value(minimum.increment + random_increment(cost, seed)).total >= end.total)


def test_same_minimum_with_and_without_preconditioning() -> None:
    cost = make_cost()
    with_b = minimise(cost, StoppingRule())
    without = minimise(cost, StoppingRule(is_preconditioned=False, max_iterations=5000))
    assert without.converged
    assert with_b.n_iterations < without.n_iterations
    np.testing.assert_allclose(with_b.increment, without.increment, atol=1e-10)


def test_too_few_iterations_are_told(caplog: pytest.LogCaptureFixture) -> None:
    pair = make_pair()
    method = Var3d(
        variances(pair.domain.shape), image=ImageConstraint(Curvelet2D(pair.domain.shape)),
        rule=StoppingRule(max_iterations=3),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        analysis = method.analyse(pair)
    assert "above the tolerance" in caplog.text
    assert analysis.diagnostics["converged"] == 0.0
    assert analysis.diagnostics["iterations"] == 3.0
    assert len(analysis.diagnostics["cost"]) == 4  # type: ignore[arg-type]


def test_a_tolerance_below_rounding_ends() -> None:
    cost = make_cost()
    minimum = minimise(cost, StoppingRule(1e-30, max_iterations=100_000))
    assert not minimum.converged
    assert minimum.gradient_norm < 1e-11
    assert minimum.n_iterations < 5000


def test_conjugate_gradients_end_after_as_many_steps_as_eigenvalues() -> None:
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((40, 40)))
    matrix = (q * np.repeat([1.0, 3.0, 10.0, 200.0], 10)) @ q.T
    b, seen = rng.standard_normal(40), []
    x, norm = conjugate_gradients(
        lambda v: matrix @ v - b, lambda v: matrix @ v, np.zeros(40), -b, 1e-8, 100, lambda v, g: seen.append(v.copy())
    )
    assert len(seen) == 4
    assert norm <= 1e-8
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), atol=1e-8)


# ------------------------------------------------------------------ the method


@pytest.mark.parametrize("terms", ["point", "image", "both"])
def test_zero_innovation_gives_exactly_zero(terms: str) -> None:
    images = make_pair()
    same = ImagePair(images.background, images.background.copy(), images.domain, "t")
    analysis = method_of(terms, images).analyse(same)
    assert not analysis.increment.any()
    assert analysis.diagnostics["iterations"] == 0.0
    assert analysis.diagnostics["converged"] == 1.0


def method_of(terms: str, pair: ImagePair, n_layers: int = 1) -> Var3d:
    return Var3d(
        variances((n_layers, *pair.domain.shape)),
        observation_std=None if terms == "image" else 0.1,
        image=None if terms == "point" else ImageConstraint(Curvelet2D(pair.domain.shape)),
    )


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.sampled_from(["point", "image", "both"]))
def test_analysis_stays_on_its_domain(seed: int, missing: float, terms: str) -> None:
    pair = make_pair(seed=seed, missing=missing)
    analysis = method_of(terms, pair).analyse(pair)
    assert np.isfinite(analysis.increment).all()
    assert not analysis.increment[~pair.domain].any()
    if terms == "point":
        assert not analysis.increment[~pair.observed].any()
        assert np.all(np.abs(analysis.increment) <= np.abs(pair.innovation))
    if not pair.observed.any():
        assert not analysis.increment.any()


def test_excluded_gaps_stay_and_filled_gaps_are_reached() -> None:
    pair, frame = make_pair(), Curvelet2D((24, 32))
    gap = pair.domain & ~pair.observed
    b = variances(pair.domain.shape)
    filled = Var3d(b, image=ImageConstraint(frame)).analyse(pair).increment
    excluded = Var3d(b, image=ImageConstraint(frame, gaps="excluded")).analyse(pair).increment
    assert np.abs(filled[gap]).max() > 1e-3
    assert not excluded[gap].any()


def test_layers_are_analysed_one_by_one() -> None:
    pairs = [make_pair(seed=k) for k in range(3)]
    b = variances((3, 24, 32))
    frame = Curvelet2D((24, 32))
    together = Var3d(b, image=ImageConstraint(frame)).analyse_layers(pairs)
    for pair, layer, analysis in zip(pairs, b, together, strict=True):
        alone = Var3d(layer, image=ImageConstraint(frame)).analyse(pair)
        assert np.array_equal(alone.increment, analysis.increment)
        assert alone.diagnostics == analysis.diagnostics


@pytest.mark.parametrize("terms", ["point", "image", "both"])
def test_layers_join_to_the_analysis_of_the_observed_depth(terms: str) -> None:
    """Without covariances between layers the cost of all is the sum of the layers' own, and H dx their mean."""
    pairs = [make_pair(seed=k) for k in range(3)]
    weights = np.array([0.25, 0.35, 0.4])
    joint = analyse_separately(method_of(terms, pairs[0], 3), pairs, weights)
    layers = method_of(terms, pairs[0], 3).analyse_layers(pairs)
    mean = sum(w * layer.increment for w, layer in zip(weights, layers, strict=True))
    np.testing.assert_allclose(joint.increment, mean, atol=1e-15)
    assert [np.array_equal(a.increment, b.increment) for a, b in zip(joint.parts, layers, strict=True)] == [True] * 3
    ends = [[d["cost"][i] for d in (one.diagnostics for one in layers)] for i in (0, -1)]  # type: ignore[index]
    cost, norm = joint.diagnostics["cost"], joint.diagnostics["gradient_norm"]
    assert isinstance(cost, list) and isinstance(norm, list)
    assert (cost[0], cost[-1]) == pytest.approx(tuple(sum(end) for end in ends), rel=1e-12)
    assert np.all(np.diff(cost) <= 1e-9 * cost[0]) and len(norm) == len(cost)
    assert joint.diagnostics["iterations"] == max(float(one.diagnostics["iterations"]) for one in layers)  # type: ignore[arg-type]


def test_the_ranked_image_is_the_observation_filled_with_the_background() -> None:
    pair = make_pair()
    gap = pair.domain & ~pair.observed
    zero, mean = observed_image(pair, fill_with_zero), observed_image(pair, fill_with_mean)
    for image in (zero, mean):
        assert np.array_equal(image[pair.observed], pair.observation[pair.observed])
        assert np.array_equal(image[gap], pair.background[gap])
    assert not zero[~pair.domain].any()
    np.testing.assert_allclose(mean[~pair.domain], mean[pair.domain].mean(), rtol=1e-12)


def test_the_threshold_does_not_depend_on_the_background() -> None:
    """One S for both sides: where everything is observed, another background changes d, not S."""
    pair = make_pair(missing=0.0)
    other = ImagePair(np.where(pair.domain, 0.2, np.nan), pair.observation, pair.domain, pair.time_key)
    constraint = ImageConstraint(Curvelet2D(pair.domain.shape))
    kept = constraint.term(pair).kept
    assert np.array_equal(kept, constraint.term(other).kept)
    frame = constraint.frame
    assert isinstance(frame, Curvelet2D)
    # By rank over the full set of wedges: a stored wedge counts twice.
    weight = np.concatenate([np.full(k.var_size, k.multiplicity) for k in frame.blocks])
    assert np.sum(kept * weight) / weight.sum() == pytest.approx(0.5, abs=2.0 / weight.sum())


def test_as_printed_leaves_the_background_almost_alone() -> None:
    """s = 1 with B ~ 0.16^2: a gain of 0.025 (docs/methods.md, "3D-Var")."""
    pair = make_pair()
    method = Var3d(np.full(pair.domain.shape, 0.16**2), image=ImageConstraint(Curvelet2D((24, 32)), 1.0, 1.0))
    assert method.analyse(pair).diagnostics["gain_mean"] == pytest.approx(0.025, abs=5e-4)


# ------------------------------------------------------------------ what is refused


def test_mistakes_are_told() -> None:
    pair = make_pair()
    b = variances(pair.domain.shape)
    with pytest.raises(ConfigError, match="needs an observation term"):
        Var3d(b)
    with pytest.raises(DataError, match="must be positive"):
        Var3d(b, observation_std=0.0)
    with pytest.raises(ConfigError, match="keep_fraction"):
        ImageConstraint(Curvelet2D(pair.domain.shape), 0.0)
    with pytest.raises(ConfigError, match="at least one iteration"):
        StoppingRule(max_iterations=0)
    with pytest.raises(ShapeError, match="3 layers"):
        Var3d(variances((3, 24, 32)), observation_std=0.1).analyse(pair)
    with pytest.raises(ShapeError, match="model grid"):
        Var3d(variances((24, 31)), observation_std=0.1).analyse(pair)
    with pytest.raises(ShapeError, match="The image has shape"):
        Var3d(b, image=ImageConstraint(Curvelet2D((24, 31)))).analyse(pair)
    with pytest.raises(DataError, match="cells of the domain"):
        Var3d(np.where(np.cumsum(pair.domain).reshape(b.shape) == 5, np.nan, b), observation_std=0.1).analyse(pair)
    with pytest.raises(ShapeError, match="layer weights"):
        CostFunction(pair.innovation, b[None], np.ones(2))
    with pytest.raises(ShapeError, match="precision"):
        CostFunction(pair.innovation, b[None], np.ones(1), observation_precision=np.ones(3))
    with pytest.raises(DataError, match="not finite"):
        CostFunction(pair.background, b[None], np.ones(1))
    with pytest.raises(ShapeError, match="frame transforms"):
        CostFunction(pair.innovation, b[None], np.ones(1), image=ImageTerm(Curvelet2D((20, 20)), np.ones(1), 0.1))
