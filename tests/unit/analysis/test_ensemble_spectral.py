"""A test from outside: diagonal covariances in spectral space with few members, after Kasanicky et al. (2015).

The experiments and their settings are those of the authors' public code, github.com/vejmelkam/covspect at 1633ec2;
docs/ensembles.md, "A test from outside", names them, and what is different here. The diagonal filter is
``CoefficientFilter``, with an orthonormal basis in place of curvelets, or with curvelets.

References
----------
Kasanicky, Mandel, Vejmelka (2015), Nonlin. Processes Geophys., 22, 485-497; Beezley, Mandel, Cobb (2011),
arXiv:1102.5554; Lorenz (1996), Predictability: a problem partly solved; Daubechies (1992), Ten lectures on wavelets
(coiflets, Table 8.1); Richtmyer and Morton (1967), Difference methods for initial-value problems, section 12.7.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.fft import dct

from landda_hpc.analysis.ensemble.coefficient_filter import CoefficientFilter
from landda_hpc.analysis.ensemble.errors import EnsembleErrors
from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.protocol import EnsemblePair
from landda_hpc.analysis.ensemble.shrinkage import shrunk_variance
from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.learned import ErrorsOfEachAnalysis
from landda_hpc.analysis.missing import ZeroFill
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.visit_differences import VisitDifferences
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.curvelet import Curvelet2D
from tests.unit.analysis.test_ensemble_filters import NO_INFLATION, members

# ---- orthonormal bases as frames


@dataclass(frozen=True)
class Block:
    """See ``FrameBlock``."""

    scale: int
    wedge: int
    shape: tuple[int, int]
    coefficients: slice
    variances: slice


class BasisFrame:
    """An orthonormal basis of products of basis vectors in latitude and in longitude, as an ``ImageFrame``.

    Parameters
    ----------
    lat, lon : basis vectors, (n_lat, n_lat) and (n_lon, n_lon).
    lat_scale, lon_scale : their scales, from 0 without gaps; the larger one is the scale of a product.
    pairs : number of each vector of ``lon``; two successive vectors with one number are a complex coefficient.
    """

    def __init__(
        self,
        lat: FloatArray,
        lon: FloatArray,
        lat_scale: IntArray,
        lon_scale: IntArray,
        pairs: IntArray | None = None,
    ) -> None:
        self.shape, self._lat, self._lon = (len(lat), len(lon)), lat, lon
        scale = np.maximum.outer(lat_scale, lon_scale).reshape(-1)
        self._order = np.argsort(scale, kind="stable")
        scale = scale[self._order]
        self._of: IntArray = np.arange(scale.size) if pairs is None else pairs
        self.n_coef, self.n_var = scale.size, int(self._of[-1]) + 1
        numbers = np.bincount(self._of)[self._of]
        edges = (np.flatnonzero(np.diff(scale) | np.diff(numbers)) + 1).tolist()
        self.blocks: list[Block] = []
        for start, stop in itertools.pairwise([0, *edges, scale.size]):
            variances = slice(int(self._of[start]), int(self._of[stop - 1]) + 1)
            size = (1, variances.stop - variances.start)
            self.blocks.append(Block(int(scale[start]), len(self.blocks), size, slice(start, stop), variances))

    def forward(self, x: FloatArray) -> FloatArray:
        return np.asarray(self._lat @ x @ self._lon.T).reshape(-1)[self._order]

    def inverse(self, c: Any) -> FloatArray:
        image = np.empty(self.n_coef)
        image[self._order] = c
        return np.asarray(self._lat.T @ image.reshape(self.shape) @ self._lon)

    def scale_by(self, c: Any, gain: FloatArray) -> FloatArray:
        return np.asarray(c * gain[self._of])

    def apply_gain(self, x: FloatArray, gain: FloatArray) -> FloatArray:
        return self.inverse(self.scale_by(self.forward(x), gain))

    def energy(self, c: Any) -> FloatArray:
        return np.bincount(self._of, c**2)

    def accumulate_energy(self, x: FloatArray, out: FloatArray) -> None:
        out += self.energy(self.forward(x))

    def variance(self, sigma2: FloatArray) -> FloatArray:
        return self._sums(self._lat**2 @ sigma2 @ self._lon.T**2)

    def local_variance(self, sigma2: FloatArray) -> FloatArray:
        return self.variance(sigma2)

    def wedge_variance(self, sigma2: FloatArray) -> FloatArray:
        variance = self.variance(sigma2)
        return np.array([variance[block.variances].sum() for block in self.blocks])

    def variance_from_spectrum(self, power: FloatArray) -> FloatArray:
        lat, lon = (np.abs(np.fft.fft(rows, norm="ortho")) ** 2 for rows in (self._lat, self._lon))
        return self._sums(lat @ power @ lon.T)

    def _sums(self, variance: FloatArray) -> FloatArray:
        return np.bincount(self._of, variance.reshape(-1)[self._order]).astype(np.float64)


ONE, NONE = np.ones((1, 1)), np.zeros(1, dtype=np.int64)


def octave(k: IntArray) -> IntArray:
    """0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7 ..."""
    return np.ceil(np.log2(np.asarray(k) + 1.0)).astype(np.int64)


def fourier(n: int) -> BasisFrame:
    """The DFT, whose complex coefficients have one variance for two numbers."""
    x = 2.0 * np.pi * np.arange(n) / n
    k = np.arange(1, n // 2)
    waves = np.sqrt(2.0 / n) * np.stack([np.cos(np.outer(k, x)), np.sin(np.outer(k, x))], axis=1).reshape(-1, n)
    ends = np.sqrt(1.0 / n) * np.array([np.ones(n), np.cos(n // 2 * x)])
    number = np.concatenate([[0], np.repeat(k, 2), [n // 2]])
    rows = np.concatenate([ends[:1], waves, ends[1:]])
    return BasisFrame(ONE, rows, NONE, octave(np.minimum(number, n // 2 - 1)), number)


def cosines(n: int) -> BasisFrame:
    """Products of the cosines of reflecting walls, on a square."""
    rows, scale = dct(np.eye(n), norm="ortho", axis=0), octave(np.arange(n))
    return BasisFrame(rows, rows, scale, scale)


def cells(n: int) -> BasisFrame:
    """The diagonal in grid space."""
    return BasisFrame(ONE, np.eye(n), NONE, np.zeros(n, dtype=np.int64))


COIFLET = np.array(
    [
        -0.0007205494453645122, -0.0018232088707029932, 0.0056114348193944995, 0.023680171946334084,
        -0.0594344186464569, -0.0764885990783064, 0.41700518442169254, 0.8127236354455423,
        0.3861100668211622, -0.06737255472196302, -0.04146493678175915, 0.016387336463522112,
    ]
)  # fmt: skip
"""Low-pass filter with 12 taps and four vanishing moments (K = 2)."""


def wavelet_rows(n: int, coarsest: int) -> tuple[FloatArray, IntArray]:
    """Periodic coiflets down to ``coarsest`` scaling functions, and the scale of each vector."""
    high = COIFLET[::-1] * (-1.0) ** np.arange(COIFLET.size)
    smooth, details = np.eye(n), []
    while smooth.shape[0] > coarsest:
        size = smooth.shape[0]
        tap = (2 * np.arange(size // 2)[:, None] + np.arange(COIFLET.size)) % size
        details.insert(0, np.einsum("t,ptn->pn", high, smooth[tap]))
        smooth = np.einsum("t,ptn->pn", COIFLET, smooth[tap])
    parts = [smooth, *details]
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [part.shape[0] for part in parts])


def coiflets(n: int) -> BasisFrame:
    rows, scale = wavelet_rows(n, 16)
    return BasisFrame(ONE, rows, NONE, scale)


def square_coiflets(n: int) -> BasisFrame:
    rows, scale = wavelet_rows(n, 4)
    return BasisFrame(rows, rows, scale, scale)


@pytest.mark.parametrize("make", [fourier, cosines, cells, coiflets, square_coiflets])
def test_the_bases_are_orthonormal(make: Callable[[int], BasisFrame]) -> None:
    frame, rng = make(64), np.random.default_rng(1)
    x, y = rng.standard_normal((2, *frame.shape))
    assert np.allclose(frame.inverse(frame.forward(x)), x, atol=1e-12)
    assert np.sum(frame.forward(x) * frame.forward(y)) == pytest.approx(np.sum(x * y))
    white = np.ones(frame.shape)
    assert np.allclose(frame.variance_from_spectrum(white), frame.variance(white))


# ---- filters


Filter = Callable[[FloatArray, FloatArray, float, int, int], FloatArray]
"""(members (N, n), observation (n,), its variance, seed, cycle) -> analysed members."""


def ours(frame: ImageFrame, *, shrinks: bool = False, inflation: Inflation = NO_INFLATION) -> Filter:
    """``CoefficientFilter`` with perturbed observations; without shrinkage and inflation it is the paper's filter."""
    kept: dict[int, CoefficientFilter] = {}

    def analysed(x: FloatArray, y: FloatArray, r: float, seed: int, cycle: int) -> FloatArray:
        if cycle == 0:
            learning = ErrorsOfEachAnalysis(frame, VisitDifferences(frame), local=False, seed=seed)
            errors = EnsembleErrors(learning, WhiteErrors(np.sqrt(r), seed, "observation"))
            kept[seed] = CoefficientFilter(
                frame, members(len(x)), errors, ZeroFill(), inflation, seed,
                has_perturbed_observations=True, shrinks=shrinks,
            )  # fmt: skip
        time = str(np.datetime64("2022-01-01T00:00:00") + np.timedelta64(6 * cycle, "h"))
        domain = np.ones(frame.shape, dtype=np.bool_)
        mean = ImagePair(x.mean(axis=0).reshape(frame.shape), y.reshape(frame.shape), domain, time)
        pair = EnsemblePair(mean, np.arange(y.size), x, slice(0, y.size), x[:, :, None], np.ones(1))
        found = kept[seed].analyse(pair)
        kept[seed].applied(found.mean.increment)
        assert found.observed is not None
        return x + found.observed

    return analysed


def sample_covariance(x: FloatArray, y: FloatArray, r: float, seed: int, cycle: int) -> FloatArray:
    """The standard EnKF with perturbed observations (Burgers et al. 1998), in the space of the members."""
    noise = np.sqrt(r) * np.random.default_rng([seed, cycle, 1]).standard_normal(x.shape)
    a = x - x.mean(axis=0)
    innovation = y + noise - noise.mean(axis=0) - x
    gain = np.linalg.solve(a @ a.T + (len(x) - 1) * r * np.eye(len(x)), a @ innovation.T)
    return x + gain.T @ a


@pytest.mark.parametrize("n_members", [4, 12])
def test_both_filters_are_those_of_dense_matrices(n_members: int) -> None:
    """The mean of K (y - x) with K = P (P + R)^-1, where P is the sample covariance or its diagonal in the basis."""
    rng, frame = np.random.default_rng(2), coiflets(64)
    x, y = rng.standard_normal((n_members, 64)).cumsum(axis=1), rng.standard_normal(64)
    p = np.cov(x, rowvar=False)
    rows = np.array([frame.inverse(unit).reshape(-1) for unit in np.eye(64)])
    diagonal = rows.T @ np.diag(np.diag(rows @ p @ rows.T)) @ rows
    for filtered, b in ((sample_covariance, p), (ours(frame), diagonal)):
        wanted = x.mean(axis=0) + np.linalg.solve(b + 0.1 * np.eye(64), b).T @ (y - x.mean(axis=0))
        assert np.allclose(filtered(x, y, 0.1, 0, 0).mean(axis=0), wanted, atol=1e-10)


# ---- random fields of a known covariance


def exponential_power(shape: tuple[int, int], rate: float) -> FloatArray:
    """Eigenvalues of the covariance exp(-rate d), d in cells, less than 1e-4 cut off, summed over periodic images."""
    total = np.zeros(shape)
    images = [(i, j) for i in ((0,) if shape[0] == 1 else (0, 1)) for j in (0, 1)]
    for i, j in images:
        lat, lon = np.arange(shape[0]) - i * shape[0], np.arange(shape[1]) - j * shape[1]
        covariance = np.exp(-rate * np.hypot(lat[:, None], lon[None, :]))
        total += np.where(covariance > 1e-4, covariance, 0.0)
    power = np.fft.fft2(total).real
    assert power.min() > 0.0, "the cut-off must keep the covariance positive definite"
    return power


def draws(power: FloatArray, number: int, rng: np.random.Generator) -> FloatArray:
    white = np.fft.fft2(rng.standard_normal((number, *power.shape)))
    return np.fft.ifft2(np.sqrt(power) * white).real


def covariance_of(frame: ImageFrame, x: FloatArray, *, shrinks: bool) -> FloatArray:
    """B of ``CoefficientFilter`` for the members x, as a matrix."""
    energy, white = np.zeros(frame.n_var), frame.local_variance(np.ones(frame.shape))
    for image in x - x.mean(axis=0):
        frame.accumulate_energy(image, energy)
    variance = energy / (len(x) - 1)
    if shrinks:
        variance, _ = shrunk_variance(frame, WedgeGroups(frame, "per_wedge"), variance, white, len(x))
    return matrix_of(frame, variance / white)


def matrix_of(frame: ImageFrame, b: FloatArray) -> FloatArray:
    """C^T diag(b) C, (n_cells, n_cells)."""
    units = np.eye(frame.shape[0] * frame.shape[1]).reshape(-1, *frame.shape)
    return np.array([frame.apply_gain(unit, b).reshape(-1) for unit in units])


def covariance_error(power: FloatArray, found: FloatArray) -> float:
    """Squared Frobenius norm of the error of a covariance, relative to that of the true one."""
    first = np.fft.ifft2(power).real
    n_lat, n_lon = power.shape
    true = np.array([np.roll(first, (i, j), (0, 1)).reshape(-1) for i in range(n_lat) for j in range(n_lon)])
    return float(np.sum((found - true) ** 2) / np.sum(true**2))


# ---- Lorenz 96


def lorenz96(x: FloatArray, n_steps: int) -> FloatArray:
    """Runge-Kutta steps of 0.01 with F = 8; the last axis is space."""

    def tendency(u: FloatArray) -> FloatArray:
        wide = np.concatenate([u[..., -2:], u, u[..., :1]], axis=-1)
        return (wide[..., 3:] - wide[..., :-3]) * wide[..., 1:-2] - u + 8.0

    for _ in range(n_steps):
        a = tendency(x)
        b = tendency(x + 0.005 * a)
        c = tendency(x + 0.005 * b)
        x = x + 0.01 / 6.0 * (a + 2.0 * b + 2.0 * c + tendency(x + 0.01 * c))
    return x


def lorenz_rmse(
    method: Filter, n_members: int, seeds: int, *, n: int = 64, cycles: int = 32, std: float = np.sqrt(0.1)
) -> FloatArray:
    """RMSE of the analysis mean, (seeds, cycles), with the settings of the authors' code."""
    start = [np.random.default_rng([seed, 0]) for seed in range(seeds)]
    truth, guess = lorenz96(np.array([rng.uniform(-5e-4, 5e-4, (2, n)) for rng in start]), 1000).swapaxes(0, 1)
    x = guess[:, None] + 0.1 * np.array([rng.standard_normal((n_members, n)) for rng in start])
    found = np.empty((seeds, cycles))
    for cycle in range(cycles):
        for seed in range(seeds):
            noise = std * np.random.default_rng([seed, cycle, 2]).standard_normal(n)
            x[seed] = method(x[seed], truth[seed] + noise, 0.1, seed, cycle)
            found[seed, cycle] = np.sqrt(np.mean((x[seed].mean(axis=0) - truth[seed]) ** 2))
        both = lorenz96(np.concatenate([x, truth[:, None]], axis=1), 100)
        x, truth = both[:, :-1], both[:, -1]
    return found


# ---- shallow water


def shallow_water(state: FloatArray, n_steps: int) -> FloatArray:
    """Two-step Lax-Wendroff with reflecting walls, steps of 0.01 and 1; (height, momenta), (3, ..., n, n)."""
    g, dt = 9.8, 0.01

    def flux(q: FloatArray, axis: int) -> FloatArray:
        momentum = q[1 + axis]
        out = q * (momentum / q[0])
        out[0] = momentum
        out[1 + axis] += 0.5 * g * q[0] ** 2
        return out

    def half(q: FloatArray, axis: int) -> FloatArray:
        axis_of_array = q.ndim - 2 + axis
        size = q.shape[axis_of_array]
        low, high = (np.take(q, range(i, size - 1 + i), axis_of_array) for i in (0, 1))
        return 0.5 * (low + high) - 0.5 * dt * (flux(high, axis) - flux(low, axis))

    width = [(0, 0)] * (state.ndim - 2) + [(1, 1)] * 2
    for _ in range(n_steps):
        q = np.pad(state, width, mode="edge")
        q[1, ..., [0, -1], :] *= -1.0
        q[2, ..., [0, -1]] *= -1.0
        along_rows, along_columns = half(q[..., 1:-1], 0), half(q[..., 1:-1, :], 1)
        state = state - dt * np.diff(flux(along_rows, 0), axis=-2) - dt * np.diff(flux(along_columns, 1), axis=-1)
    return state


def droplet(height: float, width: int) -> FloatArray:
    x = np.linspace(-1.0, 1.0, width)
    return height * np.exp(-5.0 * (x[:, None] ** 2 + x[None, :] ** 2))


def shallow_water_rmse(method: Filter | None, n_members: int, seed: int, *, std: float = np.sqrt(0.1)) -> FloatArray:
    """RMSE of the analysed height, (15,), with the settings of the authors' code; None: without assimilation."""
    n, drop = 64, droplet(5.0, 4)
    state = np.zeros((3, 2, n, n))
    state[0] = 9.0
    for which, at in enumerate((5, 7)):
        state[0, which, at : at + 4, at : at + 4] += drop
    state = shallow_water(state, 1000)
    rng = np.random.default_rng([seed, 0])
    x, truth = state[:, 1:] + 0.1 * rng.standard_normal((3, n_members, n, n)), state[:, :1]
    found = np.empty(15)
    for cycle in range(15):
        y = truth[0, 0] + std * np.random.default_rng([seed, cycle, 2]).standard_normal((n, n))
        if method is not None:
            x[0] = method(x[0].reshape(n_members, -1), y.reshape(-1), 0.1, seed, cycle).reshape(n_members, n, n)
        found[cycle] = np.sqrt(np.mean((x[0].mean(axis=0) - truth[0, 0]) ** 2))
        both = shallow_water(np.concatenate([x, truth], axis=1), 100)
        x, truth = both[:, :-1], both[:, -1:]
    return found


# ---- the conclusions


@dataclass(frozen=True)
class Diagonal:
    """A frame, and whether the variances of its coefficients are shrunk."""

    frame: ImageFrame
    shrinks: bool = False


def mean_covariance_error(power: FloatArray, diagonal: Diagonal | None, n_members: int, seeds: int) -> float:
    """Mean of ``covariance_error`` over seeds; None: the sample covariance."""
    errors = []
    for seed in range(seeds):
        x = draws(power, n_members, np.random.default_rng([seed, 3]))
        if diagonal is None:
            b = np.cov(x.reshape(n_members, -1), rowvar=False)
        else:
            b = covariance_of(diagonal.frame, x, shrinks=diagonal.shrinks)
        errors.append(covariance_error(power, b))
    return float(np.mean(errors))


def field_rmse(power: FloatArray, method: Filter, n_members: int, seeds: int) -> float:
    """RMSE of one analysis of members and a truth of the same covariance, observed with variance 0.1."""
    squares = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 4])
        truth, *x = draws(power, n_members + 1, rng)
        y = truth + np.sqrt(0.1) * rng.standard_normal(power.shape)
        analysed = method(np.reshape(x, (n_members, -1)), y.reshape(-1), 0.1, seed, 0).mean(axis=0)
        squares.append(np.mean((analysed - truth.reshape(-1)) ** 2))
    return float(np.sqrt(np.mean(squares)))


def kalman_rmse(power: FloatArray) -> float:
    """RMSE of the Kalman filter with the true covariance."""
    return float(np.sqrt(np.mean(1.0 / (1.0 / power + 1.0 / 0.1))))


def late(rmse: FloatArray) -> float:
    """Root-mean-square over the second half of the cycles."""
    return float(np.sqrt(np.mean(rmse[..., rmse.shape[-1] // 2 :] ** 2)))


@pytest.mark.parametrize("rate", [pytest.param(0.1, marks=pytest.mark.verify), 1.0])
def test_errors_of_both_covariances_are_those_of_theory(rate: float) -> None:
    """With d = N - 1: (1 + (sum of eigenvalues)^2 / sum of their squares) / d, and 1 / d for complex coefficients."""
    power, frame = exponential_power((1, 128), rate), fourier(128)
    share = np.sum(power**2)
    doubled = power[0, 0] ** 2 + power[0, 64] ** 2
    errors = {}
    for n_members in (5, 29):
        sample = mean_covariance_error(power, None, n_members, 200)
        diagonal = mean_covariance_error(power, Diagonal(frame), n_members, 200)
        d = n_members - 1
        assert sample == pytest.approx((1.0 + power.sum() ** 2 / share) / d, rel=0.3)
        assert diagonal == pytest.approx((1.0 + doubled / share) / d, rel=0.3)
        errors[n_members] = sample, diagonal
    assert errors[5][1] < 0.8 * errors[29][0]


def test_curvelets_of_few_members_analyse_a_field_almost_as_the_true_covariance() -> None:
    power = exponential_power((32, 32), 0.3)
    best = kalman_rmse(power)
    for n_members in (4, 20):
        for frame in (Curvelet2D((32, 32)), square_coiflets(32)):
            assert field_rmse(power, ours(frame, shrinks=True), n_members, 5) < 1.15 * best
        assert field_rmse(power, sample_covariance, n_members, 5) > 2.5 * best


@pytest.mark.verify
def test_four_members_in_spectral_space_follow_lorenz_96_where_64_of_the_standard_filter_do_not() -> None:
    standard = late(lorenz_rmse(sample_covariance, 64, 4))
    assert standard > 2.0
    for frame in (fourier(64), coiflets(64)):
        assert late(lorenz_rmse(ours(frame), 4, 4)) < 0.25 * standard
    # Not an effect of the basis: the diagonal in grid space does the same.
    assert late(lorenz_rmse(ours(cells(64)), 4, 4)) < 0.25 * standard


@pytest.mark.verify
def test_the_table_of_the_documentation() -> None:
    """Prints the tables of docs/ensembles.md with ``-s``, and asserts what they say of shallow water."""
    default = Inflation("adaptive")

    def row(name: str, values: list[float]) -> None:
        sys.stdout.write(f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |\n")

    sizes = [5, 9, 17, 29]
    for rate in (0.1, 1.0):
        power = exponential_power((1, 128), rate)
        row(f"covariance, rate {rate}, N =", sizes)
        choices = {"sample": None, "Fourier": Diagonal(fourier(128)), "coiflets": Diagonal(coiflets(128))}
        choices |= {"coiflets, shrunk": Diagonal(coiflets(128), True), "cells": Diagonal(cells(128))}
        for name, choice in choices.items():
            row(name, [mean_covariance_error(power, choice, n, 50) for n in sizes])
    sizes, frame = [4, 8, 16, 20], Curvelet2D((32, 32))
    power = exponential_power((32, 32), 0.3)
    row("covariance of images, N =", sizes)
    images = {"sample": None, "coiflets": Diagonal(square_coiflets(32)), "curvelets": Diagonal(frame)}
    images |= {"curvelets, shrunk": Diagonal(frame, True)}
    for name, choice in images.items():
        row(name, [mean_covariance_error(power, choice, n, 5) for n in sizes])
    exact = frame.variance_from_spectrum(power) / frame.local_variance(np.ones(frame.shape))
    row("curvelets, exact variances", [covariance_error(power, matrix_of(frame, exact))])
    largest = np.sort(power.reshape(-1))[-9:]
    row(
        "nine largest waves: share, least gain",
        [np.sum(largest**2) / np.sum(power**2), largest[0] / (largest[0] + 0.1)],
    )
    row(f"analysis of images, best {kalman_rmse(power):.3g}, N =", sizes)
    filters: dict[str, Filter] = {"sample": sample_covariance}
    filters |= {"coiflets": ours(square_coiflets(32)), "curvelets": ours(frame)}
    filters |= {"curvelets, shrunk": ours(frame, shrinks=True)}
    filters |= {"curvelets, shrunk and inflated": ours(frame, shrinks=True, inflation=default)}
    for name, choice in filters.items():
        row(name, [field_rmse(power, choice, n, 10) for n in sizes])
    for std in (0.0, np.sqrt(0.1)):
        row(f"Lorenz 96, errors {std:.2g}, N =", sizes)
        row("sample", [late(lorenz_rmse(sample_covariance, n, 8, std=std)) for n in sizes])
        row("sample, N = 64, 128, 256", [late(lorenz_rmse(sample_covariance, n, 8, std=std)) for n in (64, 128, 256)])
        for make in (fourier, coiflets, cells):
            for shrinks, inflation in ((False, NO_INFLATION), (True, NO_INFLATION), (True, default)):
                choice = ours(make(64), shrinks=shrinks, inflation=inflation)
                name = f"{make.__name__}, shrinks: {shrinks}, inflation: {inflation.kind}"
                row(name, [late(lorenz_rmse(choice, n, 8, std=std)) for n in sizes])
    sizes, frame = [4, 16], Curvelet2D((64, 64))
    waves: dict[str, Filter | None] = {"no assimilation": None, "sample": sample_covariance}
    waves |= {"cosines": ours(cosines(64)), "coiflets": ours(square_coiflets(64)), "curvelets": ours(frame)}
    waves |= {"curvelets, shrunk and inflated": ours(frame, shrinks=True, inflation=default)}
    row("shallow water, N =", sizes)
    found = {name: [late(shallow_water_rmse(choice, n, 0)) for n in sizes] for name, choice in waves.items()}
    for name, values in found.items():
        row(name, values)
    assert found["sample"][0] > 0.95 * found["no assimilation"][0]
    assert max(found[name][0] for name in ("cosines", "coiflets", "curvelets")) < 0.9 * found["no assimilation"][0]
