"""Analyses of ensembles against closed forms and a second implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import sqrtm

from landda_hpc.analysis.ensemble.coefficient_filter import CoefficientFilter, LocalPart
from landda_hpc.analysis.ensemble.errors import EnsembleErrors
from landda_hpc.analysis.ensemble.grid_filters import ColumnFilter, Letkf
from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.local_transform import LocalTransform
from landda_hpc.analysis.ensemble.mean_update import MeanUpdate
from landda_hpc.analysis.ensemble.protocol import EnsemblePair, ordered_mean
from landda_hpc.analysis.ensemble.shrinkage import shrunk_variance
from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.analysis.learned import ErrorsOfEachAnalysis, LearnedErrors
from landda_hpc.analysis.localisation import gaspari_cohn
from landda_hpc.analysis.missing import ZeroFill
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.visit_differences import VisitDifferences
from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import DataError
from landda_hpc.grid import gaussian_grid
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import MemberReduction

GRID = gaussian_grid(32, 64)
FRAME = Curvelet2D(GRID.shape)
WEIGHTS = np.array([0.25, 0.35, 0.4, 0.0])
STD = 0.04
NO_INFLATION = Inflation("constant", 1.0)


def pair_of(n_members: int, *, observed_share: float = 1.0, seed: int = 1) -> EnsemblePair:
    """Members with correlated layers on half of the Earth, and an observation of some of its cells."""
    rng = np.random.default_rng(seed)
    domain = np.zeros(GRID.shape, dtype=np.bool_)
    domain[6:26, :40] = True
    cell = np.flatnonzero(domain)
    common = 0.05 * rng.standard_normal((n_members, cell.size, 1))
    layers = 0.3 + common + 0.02 * rng.standard_normal((n_members, cell.size, WEIGHTS.size))
    observed = np.einsum("mck,k->mc", layers, WEIGHTS)
    background = np.full(domain.size, np.nan)
    background[cell] = observed.mean(axis=0)
    background = background.reshape(GRID.shape)
    truth = 0.3 + 0.05 * rng.standard_normal(GRID.shape)
    is_seen = domain & (rng.random(GRID.shape) < observed_share)
    observation = np.where(is_seen, truth + STD * rng.standard_normal(GRID.shape), np.nan)
    mean = ImagePair(background, observation, domain, "2022-06-02T06:00:00")
    return EnsemblePair(mean, cell, observed, slice(0, cell.size), layers, WEIGHTS)


def errors(std: float = STD) -> EnsembleErrors:
    learning = ErrorsOfEachAnalysis(FRAME, VisitDifferences(FRAME), local=False, seed=3)
    return EnsembleErrors(learning, WhiteErrors(std, 3, "observation"))


def members(number: int) -> MemberReduction:
    return MemberReduction(SerialCommunicator(), number)


def coefficient_filter(
    number: int, *, perturbed: bool, inflation: Inflation = NO_INFLATION, local: LocalPart | None = None
) -> CoefficientFilter:
    return CoefficientFilter(
        FRAME, members(number), errors(), ZeroFill(), inflation, 3, has_perturbed_observations=perturbed, local=local
    )


def analysed(pair: EnsemblePair, increments: FloatArray) -> FloatArray:
    return pair.observed + increments


METHODS: dict[str, Callable[[int], object]] = {
    "enkf": lambda n: coefficient_filter(n, perturbed=True),
    "ensrf": lambda n: coefficient_filter(n, perturbed=False),
    "letkf": lambda n: Letkf(LocalTransform(GRID, 1500.0), errors(), NO_INFLATION, members(n)),
    "column": lambda n: ColumnFilter(errors(), NO_INFLATION, members(n)),
    "mean": lambda n: MeanUpdate(Pointwise(0.5)),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_mean_of_the_members_receives_the_increment_of_the_mean(name: str) -> None:
    pair = pair_of(12, observed_share=0.7)
    found = METHODS[name](12).analyse(pair)
    of_members = found.observed if found.observed is not None else found.layers @ WEIGHTS
    assert np.allclose(of_members.mean(axis=0), pair.of_cells(found.mean.increment), atol=1e-14)
    assert np.abs(found.mean.increment).max() > 0.01
    assert not found.mean.increment[~pair.mean.domain].any()


@pytest.mark.parametrize("name", METHODS)
def test_without_an_innovation_and_with_members_alike_nothing_changes(name: str) -> None:
    pair = pair_of(6)
    alike = np.repeat(pair.layers[:1], 6, axis=0)
    observed = np.repeat(pair.observed[:1], 6, axis=0)
    background = np.full(GRID.n_cells, np.nan)
    background[pair.cell] = observed[0]
    image = background.reshape(GRID.shape)
    same = replace(pair, mean=replace(pair.mean, background=image, observation=image), observed=observed, layers=alike)
    found = METHODS[name](6).analyse(same)
    # Not exactly: the mean of six equal numbers may differ from them in the last bit.
    assert np.abs(found.observed if found.observed is not None else found.layers).max() < 1e-13


def test_the_square_root_of_white_errors_multiplies_deviations_by_the_root_of_one_minus_k() -> None:
    """With one B and one R for all coefficients K is a number, and C^T K C = K."""
    pair = pair_of(400)
    found = coefficient_filter(400, perturbed=False).analyse(pair)
    spread = pair.anomalies.std(axis=0, ddof=1)
    after = analysed(pair, found.observed)
    k = (spread**2).mean() / ((spread**2).mean() + STD**2)
    ratio = after.std(axis=0, ddof=1).mean() / spread.mean()
    assert ratio == pytest.approx(np.sqrt(1.0 - k), rel=0.02)
    innovation = pair.of_cells(pair.mean.innovation)
    slope = np.sum(innovation * pair.of_cells(found.mean.increment)) / np.sum(innovation**2)
    assert slope == pytest.approx(k, rel=0.02)


def test_perturbed_observations_give_the_same_mean_and_on_average_the_same_spread() -> None:
    pair = pair_of(400)
    one, other = (coefficient_filter(400, perturbed=p).analyse(pair) for p in (True, False))
    assert np.array_equal(one.mean.increment, other.mean.increment)
    stds = [analysed(pair, found.observed).std(axis=0, ddof=1).mean() for found in (one, other)]
    assert stds[0] == pytest.approx(stds[1], rel=0.02)


def test_adaptive_inflation_brings_the_spread_to_what_innovations_show() -> None:
    pair = pair_of(40)
    small = replace(pair, observed=pair.observed.mean(axis=0) + 0.5 * (pair.observed - pair.observed.mean(axis=0)))
    found = coefficient_filter(40, perturbed=False, inflation=Inflation("adaptive")).analyse(small)
    innovation = pair.of_cells(pair.mean.innovation)
    wanted = (np.mean(innovation**2) - STD**2) / np.mean(small.anomalies.std(axis=0, ddof=1) ** 2)
    factors = np.array(found.mean.diagnostics["inflation_by_scale"])
    assert factors[-1] == pytest.approx(wanted, rel=0.1)


def test_inflation_compares_spread_and_innovations_in_the_same_cells() -> None:
    """Half of the domain is observed; its spread is half of the error, that of the rest is four times as large."""
    pair = pair_of(40)
    seen = pair.of_cells(pair.mean.domain) & (np.arange(pair.cell.size) % 2 == 0)
    scale = np.where(seen, 0.5, 2.0)
    mean = pair.observed.mean(axis=0)
    image = np.full(GRID.n_cells, np.nan)
    image[pair.cell[seen]] = pair.of_cells(pair.mean.observation)[seen]
    half = replace(
        pair,
        observed=mean + scale * (pair.observed - mean),
        mean=replace(pair.mean, observation=image.reshape(GRID.shape)),
    )
    spread = half.anomalies.var(axis=0, ddof=1)[seen].mean()
    wanted = (np.mean(half.of_cells(half.mean.innovation)[seen] ** 2) - STD**2) / spread
    found = coefficient_filter(40, perturbed=False, inflation=Inflation("adaptive")).analyse(half)
    assert found.mean.diagnostics["inflation_by_scale"][-1] == pytest.approx(wanted, rel=0.2)


@pytest.mark.parametrize("name", ["enkf", "ensrf", "letkf", "column"])
def test_without_any_observation_nothing_changes(name: str) -> None:
    pair = pair_of(6)
    none = replace(pair, mean=replace(pair.mean, observation=np.full(GRID.shape, np.nan)))
    found = METHODS[name](6).analyse(none)
    assert not (found.observed if found.observed is not None else found.layers).any()


def test_reported_errors_may_be_missing_where_nothing_is_observed() -> None:
    pair = pair_of(6, observed_share=0.5)
    std = np.where(pair.mean.observed, 0.05, np.nan)
    reporting = replace(pair, mean=replace(pair.mean, observation_std=std))
    learning = ErrorsOfEachAnalysis(FRAME, VisitDifferences(FRAME), local=False, seed=3)
    source = EnsembleErrors(learning, reported=lambda values: WhiteErrors(values, 3, "observation"))
    found = Letkf(LocalTransform(GRID, 1000.0), source, NO_INFLATION, members(6)).analyse(reporting)
    assert np.isfinite(found.layers).all() and found.layers.any()
    with pytest.raises(DataError, match="does not report errors"):
        Letkf(LocalTransform(GRID, 1000.0), source, NO_INFLATION, members(6)).analyse(pair)


def test_relaxation_to_the_background() -> None:
    pair = pair_of(20)
    whole = coefficient_filter(20, perturbed=False, inflation=Inflation("constant", 1.0, 1.0, 0.0)).analyse(pair)
    assert np.allclose(whole.observed, whole.observed.mean(axis=0), atol=1e-14)  # only the mean moves
    spread = coefficient_filter(20, perturbed=False, inflation=Inflation("constant", 1.0, 0.0, 1.0)).analyse(pair)
    before = pair.anomalies.std(axis=0, ddof=1)
    assert np.sum(analysed(pair, spread.observed).std(axis=0, ddof=1) ** 2) == pytest.approx(
        np.sum(before**2), rel=0.02
    )


def test_the_square_root_acts_on_the_filled_deviation_in_gaps() -> None:
    """The change of a deviation, image by image: inflation everywhere, and 1 - sqrt(1 - K) on what is observed."""
    pair = pair_of(12, observed_share=0.6)
    found = coefficient_filter(12, perturbed=False, inflation=Inflation("constant", 1.44)).analyse(pair)
    deviation = [pair.image(part) for part in pair.anomalies]
    variance = sum(FRAME.energy(FRAME.forward(image)) for image in deviation) / 11.0
    white = FRAME.local_variance(pair.mean.domain.astype(np.float64))
    groups = WedgeGroups(FRAME, "per_wedge")
    b = 1.44 * shrunk_variance(FRAME, groups, variance, white, 12)[0]
    r = WhiteErrors(STD, 3, "observation").variance(FRAME, pair.mean.domain)
    k = np.where(white > 1e-3 * white.max(), b / (b + r), 0.0)
    for image, increment in zip(deviation, found.observed, strict=True):
        seen = np.where(pair.mean.observed, image, 0.0)
        change = 0.2 * image - FRAME.apply_gain(seen, 1.2 * (1.0 - np.sqrt(1.0 - k)))
        expected = pair.of_cells(np.where(pair.mean.domain, change, 0.0) + found.mean.increment)
        assert np.allclose(increment, expected, atol=1e-12)


def test_the_weight_of_the_local_part_leads_from_coefficient_space_to_the_letkf() -> None:
    pair = pair_of(8, observed_share=0.6)
    transform = LocalTransform(GRID, 1500.0)
    plain = coefficient_filter(8, perturbed=False).analyse(pair)
    grid = Letkf(transform, errors(), NO_INFLATION, members(8)).analyse(pair)
    found = {
        w: coefficient_filter(8, perturbed=False, local=LocalPart(transform, w)).analyse(pair) for w in (0.0, 0.3, 1.0)
    }
    assert np.array_equal(found[0.0].observed, plain.observed)
    assert np.allclose(found[1.0].observed, grid.layers @ WEIGHTS, atol=1e-12)
    assert np.allclose(found[1.0].mean.increment, grid.mean.increment, atol=1e-12)
    assert np.allclose(found[0.3].observed, 0.7 * plain.observed + 0.3 * found[1.0].observed, atol=1e-14)
    assert np.allclose(found[0.3].observed.mean(axis=0), pair.of_cells(found[0.3].mean.increment), atol=1e-14)


def naive_letkf(pair: EnsemblePair, cutoff_km: float, covariance: FloatArray | None = None) -> FloatArray:
    """Members after the LETKF, one cell at a time with dense matrices: Hunt et al. (2007), Eqs 20 to 25.

    ``covariance`` is that of the observation errors in all land cells; None: white.
    """
    if covariance is None:
        covariance = STD**2 * np.eye(pair.cell.size)
    n = pair.n_members
    lon, lat = np.meshgrid(np.deg2rad(GRID.lon), np.deg2rad(GRID.lat))
    lon, lat = lon.ravel()[pair.cell], lat.ravel()[pair.cell]
    seen = np.flatnonzero(np.isfinite(pair.mean.observation.ravel()[pair.cell]))
    result = np.empty_like(pair.layers)
    d = (pair.mean.observation - pair.mean.background).ravel()[pair.cell]
    mean, xmean = pair.observed.mean(axis=0), pair.layers.mean(axis=0)
    for c in range(pair.cell.size):
        cosine = np.sin(lat[c]) * np.sin(lat) + np.cos(lat[c]) * np.cos(lat) * np.cos(lon - lon[c])
        distance = 1e-3 * EARTH_RADIUS * np.arccos(np.clip(cosine, -1.0, 1.0))
        near = seen[distance[seen] < cutoff_km]
        weight = gaspari_cohn(2.0 * distance[near] / cutoff_km)
        y = (pair.observed[:, near] - mean[near]).T
        root = np.diag(np.sqrt(weight))
        precision = root @ np.linalg.inv(covariance[np.ix_(near, near)]) @ root
        p = np.linalg.inv((n - 1) * np.eye(n) + y.T @ precision @ y)
        w = p @ y.T @ precision @ d[near]
        whole = np.real(sqrtm((n - 1) * p)) + w[:, None]
        result[:, c] = xmean[c] + ((pair.layers[:, c] - xmean[c]).T @ whole).T
    return result


def test_the_letkf_equals_a_second_implementation() -> None:
    pair = pair_of(8, observed_share=0.6)
    found = Letkf(LocalTransform(GRID, 1500.0), errors(), NO_INFLATION, members(8)).analyse(pair)
    assert np.allclose(pair.layers + found.layers, naive_letkf(pair, 1500.0), atol=1e-10)


@pytest.mark.parametrize("density", [(1.0, 1.0, 1.0), (9.0, 3.0, 0.5)])
def test_the_letkf_with_correlated_errors_equals_the_dense_formula(density: tuple[float, ...]) -> None:
    """The covariance of all land cells, column by column from the error model; white errors have no correlations."""
    pair = pair_of(8, observed_share=0.6)
    scales = WedgeGroups(FRAME, "per_scale")
    of_scale = STD**2 * np.array(density)[np.minimum(np.arange(scales.n), 2)]
    model = LearnedErrors(FRAME, scales.expand(of_scale), np.full(GRID.shape, STD), 3, "observation")
    covariance = np.empty((pair.cell.size, pair.cell.size))
    for column, cell in zip(covariance.T, pair.cell, strict=True):
        unit = np.zeros(GRID.n_cells)
        unit[cell] = 1.0
        column[:] = pair.of_cells(model.covariance_times(FRAME, unit.reshape(GRID.shape)))
    learning = ErrorsOfEachAnalysis(FRAME, VisitDifferences(FRAME), local=False, seed=3)
    transform = LocalTransform(GRID, 1500.0, FRAME)
    found = Letkf(transform, EnsembleErrors(learning, model), NO_INFLATION, members(8)).analyse(pair)
    assert np.allclose(pair.layers + found.layers, naive_letkf(pair, 1500.0, covariance), atol=1e-9)
    ignored = Letkf(LocalTransform(GRID, 1500.0), errors(), NO_INFLATION, members(8)).analyse(pair)
    assert np.allclose(found.layers, ignored.layers, atol=1e-9) == (len(set(density)) == 1)


def test_the_letkf_of_one_cell_is_the_kalman_filter_of_its_column() -> None:
    """With a cutoff below the distance of cells: mean and variance of the scalar Kalman filter."""
    pair = pair_of(30)
    found = Letkf(LocalTransform(GRID, 10.0), errors(), NO_INFLATION, members(30)).analyse(pair)
    variance = pair.anomalies.var(axis=0, ddof=1)
    k = variance / (variance + STD**2)
    d = pair.of_cells(pair.mean.innovation)
    assert np.allclose(found.layers.mean(axis=0) @ WEIGHTS, k * d, atol=1e-12)
    after = ((pair.layers + found.layers) @ WEIGHTS).var(axis=0, ddof=1)
    assert np.allclose(after, (1.0 - k) * variance, atol=1e-12)


def test_the_column_filter_is_the_regression_on_the_observed_depth() -> None:
    pair = pair_of(30, observed_share=0.5)
    found = ColumnFilter(errors(), NO_INFLATION, members(30)).analyse(pair)
    seen = pair.of_cells(pair.mean.observed)
    assert not found.layers[:, ~seen].any()
    c = int(np.flatnonzero(seen)[0])
    cross = np.array([np.cov(pair.layers[:, c, k], pair.observed[:, c])[0, 1] for k in range(WEIGHTS.size)])
    total = pair.observed[:, c].var(ddof=1) + STD**2
    mean = cross / total * pair.of_cells(pair.mean.innovation)[c]
    assert np.allclose(ordered_mean(found.layers)[c], mean, atol=1e-14)


def test_gaspari_cohn_is_one_at_zero_smooth_and_compact() -> None:
    assert gaspari_cohn(np.array([0.0, 2.0, 3.0])).tolist() == [1.0, 0.0, 0.0]
    assert gaspari_cohn(np.array([1.0]))[0] == pytest.approx(5.0 / 24.0)
    r = np.linspace(0.0, 2.0, 2001)
    assert np.all(np.diff(gaspari_cohn(r)) <= 1e-12)
    assert np.abs(np.diff(gaspari_cohn(r), 2)).max() < 1e-5


def test_memory_is_restored_bit_for_bit() -> None:
    first, second = coefficient_filter(8, perturbed=True), coefficient_filter(8, perturbed=True)
    pair = pair_of(8)
    first.analyse(pair)
    first.applied(pair.mean.innovation * 0.5)
    second.restore(first.state())
    later = replace(pair, mean=replace(pair.mean, time_key="2022-06-02T12:00:00"))
    assert np.array_equal(first.analyse(later).observed, second.analyse(later).observed)
