"""Approximation of an image by its largest curvelet coefficients: the threshold study of [S24] section 3.3.2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.verification.statistics.scores import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from landda_hpc.constants import BoolArray, FloatArray, IntArray

MAP_FRACTIONS: Final = (0.1, 0.5)
"""Thresholds of [S24] Fig. 3."""

DENSITY_FRACTIONS: Final = (0.4, 0.5, 0.6, 0.7, 0.8)
"""Thresholds of [S24] Fig. 5."""

SMALL_ERROR: Final = 0.02
"""m3 m-3; at sigma = 0.5 the errors of [S24] Fig. 3e are 'basically within' this."""

_BIN: Final = 1e-5
_REACH: Final = 0.25
"""Width and range of the fine histogram of errors, m3 m-3; the outermost bins include values beyond the range."""


class CurveletFrame(Protocol):
    """Interface of the frame that the study needs."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def forward(self, x: FloatArray, /) -> Any: ...

    def inverse(self, c: Any, /) -> FloatArray: ...

    def rank_mask(self, c: Any, fraction: float, /) -> BoolArray:
        """Mask of the coefficients in the top fraction by modulus over all wedges."""
        ...

    def scale_by(self, c: Any, gain: FloatArray, /) -> Any: ...


def reconstruct(frame: CurveletFrame, image: FloatArray, fractions: Sequence[float]) -> FloatArray:
    """Reconstruct an image from its largest coefficients.

    Parameters
    ----------
    image : any unit, (n_lat, n_lon); missing cells (NaN) are first filled with the mean of the others.
    fractions : sigma: kept shares of the coefficients, each 0..1.

    Returns
    -------
    (n_fraction, n_lat, n_lon), finite everywhere.

    Raises
    ------
    DataError : the image has no value.

    Notes
    -----
    Local: no communication. The part between two fractions is the difference of their reconstructions.

    References
    ----------
    Shen et al. (2024), section 2.3: hard threshold, by rank (docs/methods.md, "3D-Var").
    """
    known = np.isfinite(image)
    if not known.any():
        raise DataError("an image without values cannot be reconstructed; remove it from the series.")
    coefficients = frame.forward(np.where(known, image, image[known].mean()))
    return np.stack(
        [
            frame.inverse(frame.scale_by(coefficients, frame.rank_mask(coefficients, fraction).astype(np.float64)))
            for fraction in fractions
        ]
    )


@dataclass(frozen=True, eq=False)
class ErrorDistribution:
    """Errors of the reconstructions at one threshold, over cells and images together.

    Attributes
    ----------
    fraction : sigma.
    scc, rmse : against the original, means over the images; rmse in m3 m-3.
    std : standard deviation of the errors, m3 m-3.
    skewness, kurtosis : of the errors; excess kurtosis, both 0 for a normal distribution; NaN without errors.
    share_small : share of the errors within 0.02 m3 m-3.
    neighbour_correlation : of errors in adjacent cells: near 0 for noise without structure; NaN without errors.
    values, density : density of the errors divided by their standard deviation, (n_bin,), at the bins' centres.
    """

    fraction: float
    scc: float
    rmse: float
    std: float
    skewness: float
    kurtosis: float
    share_small: float
    neighbour_correlation: float
    values: FloatArray
    density: FloatArray


@dataclass(frozen=True, eq=False)
class ReconstructionStudy:
    """Results of the reconstructions of a series.

    Attributes
    ----------
    n_images : number of images.
    mean_original : m3 m-3, (n_lat, n_lon), NaN outside the domain and where always missing.
    mean_reconstruction, mean_error : m3 m-3, (n_fraction, n_lat, n_lon); error is reconstruction minus original.
    errors : one per threshold.
    """

    n_images: int
    mean_original: FloatArray
    mean_reconstruction: FloatArray
    mean_error: FloatArray
    errors: tuple[ErrorDistribution, ...]

    @property
    def fractions(self) -> tuple[float, ...]:
        return tuple(e.fraction for e in self.errors)


class ReconstructionStatistics:
    """Running statistics of the reconstructions of a series of images; does not store images.

    Parameters
    ----------
    frame : the curvelet frame.
    domain : cells whose errors count (land), (n_lat, n_lon).
    fractions : thresholds, each 0..1.

    Raises
    ------
    ShapeError, ConfigError : the frame is for another grid; a fraction is outside 0..1.
    """

    def __init__(self, frame: CurveletFrame, domain: BoolArray, fractions: Sequence[float]) -> None:
        if frame.shape != domain.shape:
            raise ShapeError(f"the frame transforms images of {frame.shape}; the domain has {domain.shape}.")
        if not fractions or not all(0.0 <= f <= 1.0 for f in fractions):
            raise ConfigError(f"thresholds {list(fractions)}: expected one or more shares from 0 to 1.")
        self._frame, self._domain, self._fractions = frame, domain, tuple(fractions)
        n = len(self._fractions)
        self._count = np.zeros(domain.shape, dtype=np.int64)
        self._original = np.zeros(domain.shape)
        self._reconstruction = np.zeros((n, *domain.shape))
        self._powers = np.zeros((n, 5))
        self._neighbours = np.zeros((n, 2))
        self._n_small = np.zeros(n)
        self._histogram = np.zeros((n, round(2 * _REACH / _BIN)))
        self._scores = np.zeros((n, 2))
        self._n_images = 0

    def add(self, image: FloatArray) -> None:
        """Add one image, m3 m-3, (n_lat, n_lon); NaN is missing. ShapeError for another grid."""
        if image.shape != self._domain.shape:
            raise ShapeError(f"image has shape {image.shape}; the domain {self._domain.shape}.")
        counted = self._domain & np.isfinite(image)
        self._n_images += 1
        self._count += counted
        self._original += np.where(counted, image, 0.0)
        for i, reconstruction in enumerate(reconstruct(self._frame, image, self._fractions)):
            error = np.where(counted, reconstruction - image, 0.0)
            self._reconstruction[i] += np.where(counted, reconstruction, 0.0)
            values = error[counted]
            self._powers[i] += [float(np.sum(values**p)) for p in range(5)]
            self._n_small[i] += int(np.count_nonzero(np.abs(values) <= SMALL_ERROR))
            self._neighbours[i] += _neighbour_products(error, counted)
            inside = np.clip(values, -_REACH + 0.5 * _BIN, _REACH - 0.5 * _BIN)
            self._histogram[i] += np.histogram(inside, self._histogram.shape[1], (-_REACH, _REACH))[0]
            compared = score(reconstruction, image, counted)
            self._scores[i] += compared.scc, compared.rmse

    def result(self) -> ReconstructionStudy:
        """Statistics of the images so far; DataError without images."""
        if self._n_images == 0:
            raise DataError("the series of images is empty: check its dates and paths.")
        count = np.where(self._count > 0, self._count, 1)
        seen = np.where(self._count > 0, 1.0, np.nan)
        original, reconstruction = self._original / count * seen, self._reconstruction / count * seen
        errors = tuple(self._distribution(i) for i in range(len(self._fractions)))
        return ReconstructionStudy(self._n_images, original, reconstruction, reconstruction - original, errors)

    def _distribution(self, i: int) -> ErrorDistribution:
        n, *sums = self._powers[i]
        mean, second, third, fourth = (s / n for s in sums)
        variance = second - mean**2
        std = math.sqrt(max(0.0, variance))
        skewness = kurtosis = correlation = math.nan
        values, density = np.zeros(0), np.zeros(0)
        if std > 1e-12:  # above rounding
            skewness = (third - 3.0 * mean * second + 2.0 * mean**3) / std**3
            kurtosis = (fourth - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * mean**4) / variance**2 - 3.0
            product, square = self._neighbours[i]
            correlation = product / square
            values, density = _standardised_density(self._histogram[i], std)
        scc, rmse = self._scores[i] / self._n_images
        share_small = self._n_small[i] / n
        return ErrorDistribution(
            self._fractions[i],
            float(scc),
            float(rmse),
            std,
            float(skewness),
            float(kurtosis),
            float(share_small),
            float(correlation),
            values,
            density,
        )


def study_reconstructions(
    frame: CurveletFrame, images: Iterable[FloatArray], domain: BoolArray, fractions: Sequence[float]
) -> ReconstructionStudy:
    """Reconstruct every image of a series, read one by one, at several thresholds; Figs 3 and 5 of [S24]."""
    statistics = ReconstructionStatistics(frame, domain, fractions)
    for image in images:
        statistics.add(image)
    return statistics.result()


@dataclass(frozen=True)
class Recommendation:
    """A threshold, and the reason for it in one sentence."""

    fraction: float
    reason: str


def recommend(study: ReconstructionStudy, min_scc: float = 0.99) -> Recommendation:
    """Recommend a threshold by the argument of [S24]: the omitted part should resemble random observation error.

    Among thresholds that preserve the image (mean SCC of at least ``min_scc``), the one whose errors are closest to a
    normal distribution: least skewness^2 / 6 + kurtosis^2 / 24, the measure of Jarque and Bera (1987).

    Raises
    ------
    DataError : no threshold causes an error.
    """
    shaped = [e for e in study.errors if math.isfinite(e.kurtosis)]
    if not shaped:
        raise DataError("every threshold reproduces the images exactly; give thresholds below 1.")
    faithful = [e for e in shaped if e.scc >= min_scc]
    if not faithful:
        best = max(shaped, key=lambda e: e.scc)
        return Recommendation(
            best.fraction,
            f"sigma = {best.fraction:g} preserves most of the image (SCC {best.scc:.3f}), but none of the "
            f"{len(shaped)} thresholds reaches an SCC of {min_scc:g}; try larger ones.",
        )
    best = min(faithful, key=lambda e: e.skewness**2 / 6.0 + e.kurtosis**2 / 24.0)
    return Recommendation(
        best.fraction,
        f"sigma = {best.fraction:g}: of {len(faithful)} thresholds with an SCC of at least {min_scc:g} (here "
        f"{best.scc:.3f}) its errors are closest to a normal distribution (skewness {best.skewness:.2f}, excess "
        f"kurtosis {best.kurtosis:.2f}, standard deviation {best.std:.4f} m3 m-3, correlation of neighbours "
        f"{best.neighbour_correlation:.2f}).",
    )


def _neighbour_products(error: FloatArray, counted: BoolArray) -> FloatArray:
    """Sums over adjacent counted cells of a b and of (a^2 + b^2) / 2, north and east neighbours."""
    product = square = 0.0
    for a, b, both in (
        (error[1:], error[:-1], counted[1:] & counted[:-1]),
        (error[:, 1:], error[:, :-1], counted[:, 1:] & counted[:, :-1]),
    ):
        product += float(np.sum((a * b)[both]))
        square += 0.5 * float(np.sum((a**2 + b**2)[both]))
    return np.array([product, square])


def _standardised_density(histogram: FloatArray, std: float, width: float = 0.1) -> tuple[FloatArray, FloatArray]:
    """Density of error / std between -5 and 5, in bins of at least ``width``."""
    merge = max(1, round(width * std / _BIN))
    counts: IntArray = np.asarray(histogram, dtype=np.int64)
    spare = counts.size % (2 * merge)
    counts = counts[spare // 2 : counts.size - (spare - spare // 2)]  # even number of bins about zero
    merged = counts.reshape(-1, merge).sum(axis=1)
    step = merge * _BIN / std
    values = (np.arange(merged.size) - 0.5 * (merged.size - 1)) * step
    density = merged / (histogram.sum() * step)
    shown = np.abs(values) <= 5.0
    return values[shown], density[shown]
