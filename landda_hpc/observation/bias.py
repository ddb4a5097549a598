"""Bias treatment: observations are adjusted to the model's climatology, cell by cell. The papers use none.

Both treatments remove the long-term differences between model and product, and with them the spatial pattern of the
product's means: only anomalies remain to be assimilated. ``bias_report`` measures how much of the pattern is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.seasons import WHOLE_YEAR, Seasons

PROBABILITIES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Probabilities of the quantiles in a climatology."""

MAX_SCALE: Final = 4.0
"""Largest factor, and inverse of the smallest, that CDF matching applies to error standard deviations."""

_BLOCK_VALUES: Final = 2**25
"""Number of values of model and product that are held in memory at once: 512 MB."""


@dataclass(frozen=True, eq=False)
class Climatology:
    """Means, standard deviations and quantiles of model or product, per cell; m3 m-3, NaN in cells without values.

    Attributes
    ----------
    mean, std : (n_lat, n_lon).
    quantiles : (n_probabilities, n_lat, n_lon).
    """

    mean: FloatArray
    std: FloatArray
    quantiles: FloatArray


@dataclass(frozen=True, eq=False)
class ClimatologyPair:
    """Climatologies of model and product, from the same times in each cell.

    Attributes
    ----------
    model, product : of the observed depth, on the model grid.
    count : times at which a cell has both values, (n_lat, n_lon).
    probabilities : of the quantiles, ascending from 0 to 1.
    """

    model: Climatology
    product: Climatology
    count: FloatArray
    probabilities: FloatArray

    def __post_init__(self) -> None:
        shape = self.count.shape
        for one in (self.model, self.product):
            expected = (self.probabilities.size, *shape)
            if one.mean.shape != shape or one.std.shape != shape or one.quantiles.shape != expected:
                raise ShapeError(
                    f"climatology: means {one.mean.shape}, standard deviations {one.std.shape}, quantiles "
                    f"{one.quantiles.shape}; expected {shape}, {shape}, {expected}."
                )
        steps = np.diff(self.probabilities)
        if self.probabilities.size < 2 or np.any(steps <= 0.0) or self.probabilities[[0, -1]].tolist() != [0.0, 1.0]:
            raise ShapeError("climatology: probabilities of quantiles must ascend from 0 to 1.")


@dataclass(frozen=True, eq=False)
class SeasonalClimatologies:
    """Climatologies of the year and of its seasons.

    Attributes
    ----------
    annual : from all times.
    seasons : division of the year.
    by_season : of the seasons, in the order of ``seasons.names``; empty without a division. Cells without values have
        the count 0.
    """

    annual: ClimatologyPair
    seasons: Seasons = WHOLE_YEAR
    by_season: tuple[ClimatologyPair, ...] = ()

    def __post_init__(self) -> None:
        if len(self.by_season) != len(self.seasons.names):
            raise ShapeError(
                f"climatologies of {len(self.by_season)} seasons; expected {len(self.seasons.names)} for "
                f"'{self.seasons.kind}'."
            )


def fit_climatologies(
    n_times: int,
    read: Callable[[int], tuple[FloatArray, FloatArray]],
    shape: tuple[int, int],
) -> ClimatologyPair:
    """Climatologies of model and product from a training archive.

    Parameters
    ----------
    n_times : number of images of each.
    read : index of a time -> (model, product), m3 m-3, (n_lat, n_lon) each; NaN is missing. It is called more than once
        per time if the archive is too large for memory: then rows are processed in blocks.
    shape : (n_lat, n_lon).

    Raises
    ------
    DataError : fewer than two times, or no cell with both values at one time.
    ShapeError : images of another shape.

    Notes
    -----
    Local: no communication. A time counts in a cell if both have a value. Quantiles are interpolated between order
    statistics (type 7 of Hyndman and Fan, 1996, doi:10.1080/00031305.1996.10473566); standard deviations divide by n.
    """
    (pair,) = _fit(n_times, read, shape, [np.arange(n_times)])
    return pair


def fit_seasonal_climatologies(
    times: Sequence[datetime],
    read: Callable[[int], tuple[FloatArray, FloatArray]],
    shape: tuple[int, int],
    seasons: Seasons,
) -> SeasonalClimatologies:
    """Climatologies of the year and of its seasons from a training archive; see ``fit_climatologies``.

    Parameters
    ----------
    times : of the images, UTC.
    seasons : division of the year.
    """
    trained = [
        np.array([i for i, time in enumerate(times) if seasons.trains(number, time)], dtype=np.int64)
        for number in range(len(seasons.names))
    ]
    annual, *by_season = _fit(len(times), read, shape, [np.arange(len(times)), *trained])
    return SeasonalClimatologies(annual, seasons, tuple(by_season))


def _fit(
    n_times: int,
    read: Callable[[int], tuple[FloatArray, FloatArray]],
    shape: tuple[int, int],
    groups: Sequence[IntArray],
) -> list[ClimatologyPair]:
    """Climatologies from the times of each group; the first group has all times."""
    if n_times < 2:
        raise DataError(f"a climatology of {n_times} time has no variance; provide two or more.")
    rows = max(1, _BLOCK_VALUES // (2 * n_times * shape[1]))
    pairs = [_without_values(shape) for _ in groups]
    for first in range(0, shape[0], rows):
        block = slice(first, min(first + rows, shape[0]))
        values = np.empty((2, n_times, block.stop - first, shape[1]))
        for i in range(n_times):
            for k, image in enumerate(read(i)):
                if image.shape != shape:
                    raise ShapeError(f"image {i} of a climatology has shape {image.shape}; expected {shape}.")
                values[k, i] = image[block]
        values[:, ~np.isfinite(values).all(axis=0)] = np.nan
        for pair, group in zip(pairs, groups, strict=True):
            if group.size:
                _fit_block(pair, block, values if group.size == n_times else values[:, group])
    if not pairs[0].count.any():
        raise DataError("no cell has a value of model and product at the same time.")
    return pairs


def _without_values(shape: tuple[int, int]) -> ClimatologyPair:
    p = np.array(PROBABILITIES, dtype=np.float64)
    model, product = (
        Climatology(np.full(shape, np.nan), np.full(shape, np.nan), np.full((p.size, *shape), np.nan)) for _ in "mp"
    )
    return ClimatologyPair(model, product, np.zeros(shape), p)


def _fit_block(pair: ClimatologyPair, block: slice, values: FloatArray) -> None:
    """Write the climatologies of a block of rows from values of model and product, (2, n_times, n_rows, n_lon)."""
    seen = np.isfinite(values[0])
    pair.count[block] = seen.sum(axis=0)
    for one, of_one in zip((pair.model, pair.product), values, strict=True):
        _moments(of_one, seen, one.mean[block], one.std[block])
        one.quantiles[:, block] = _quantiles(of_one, pair.count[block], pair.probabilities)


class BiasTreatment(Protocol):
    """Treatment of differences between the climatologies of product and model."""

    @property
    def treated(self) -> BoolArray | None:
        """Cells that the treatment changes; None: no treatment at all."""
        ...

    def model_mean(self, time: datetime, /) -> FloatArray | None:
        """The model's climatological mean at a time, m3 m-3, (n_lat, n_lon); None without treatment."""
        ...

    def __call__(self, observation: ImageObservation, error_std: FloatArray, /) -> tuple[ImageObservation, FloatArray]:
        """Return the treated observation, with ``untreated`` set, and its error standard deviation. Local."""
        ...


class Untreated:
    """Observations without treatment, as in both papers."""

    treated: BoolArray | None = None

    def model_mean(self, _time: datetime, /) -> None:
        return None

    def __call__(self, observation: ImageObservation, error_std: FloatArray) -> tuple[ImageObservation, FloatArray]:
        return observation, error_std


class MeanVarianceTreatment:
    """y' = m_model + (y - m_product) s_model / s_product in each cell; errors are scaled by the same factor.

    Parameters
    ----------
    climatologies : of model and product.
    min_count : times that a cell needs; cells with fewer are not changed.
    max_scale : largest factor; 1 / max_scale is the smallest. Where the product hardly varies, the factor would only
        amplify noise.
    """

    def __init__(self, climatologies: ClimatologyPair, min_count: int, max_scale: float) -> None:
        self._pair = climatologies
        self.treated: BoolArray = _enough(climatologies, min_count)
        self.scale: FloatArray = _scale(climatologies, self.treated, max_scale)

    def model_mean(self, _time: datetime, /) -> FloatArray:
        return self._pair.model.mean

    def __call__(self, observation: ImageObservation, error_std: FloatArray) -> tuple[ImageObservation, FloatArray]:
        matched = self._pair.model.mean + (observation.given - self._pair.product.mean) * self.scale
        return _treated(observation, matched, self.treated), np.where(self.treated, error_std * self.scale, error_std)


class CdfTreatment:
    """Each value becomes the model's quantile of the same probability (Reichle and Koster, 2004).

    Parameters
    ----------
    climatologies, min_count : see ``MeanVarianceTreatment``.

    Notes
    -----
    Linear between the quantiles of the climatologies; beyond the outermost quantiles the difference between model and
    product is constant. Errors scale with s_model / s_product, by at most 4: local slopes of a distribution from a
    short archive are too noisy. doi:10.1029/2004GL020938.
    """

    def __init__(self, climatologies: ClimatologyPair, min_count: int) -> None:
        self._pair = climatologies
        self.treated: BoolArray = _enough(climatologies, min_count)
        self.scale: FloatArray = _scale(climatologies, self.treated, MAX_SCALE)

    def model_mean(self, _time: datetime, /) -> FloatArray:
        return self._pair.model.mean

    def __call__(self, observation: ImageObservation, error_std: FloatArray) -> tuple[ImageObservation, FloatArray]:
        matched = match_quantiles(observation.given, self._pair.product.quantiles, self._pair.model.quantiles)
        return _treated(observation, matched, self.treated), np.where(self.treated, error_std * self.scale, error_std)


def match_quantiles(values: FloatArray, of_product: FloatArray, of_model: FloatArray) -> FloatArray:
    """Piecewise linear map from one set of quantiles to another, cell by cell.

    Parameters
    ----------
    values : (...); NaN stays NaN.
    of_product, of_model : (n_probabilities, ...), not descending along the first axis.
    """
    matched = np.where(values < of_product[0], values + (of_model[0] - of_product[0]), np.nan)
    for low, high, to_low, to_high in zip(of_product, of_product[1:], of_model, of_model[1:], strict=False):
        width = high - low
        inside = (values >= low) & (values < high)
        share = np.divide(values - low, width, out=np.zeros(values.shape), where=inside & (width > 0.0))
        matched = np.where(inside, to_low + share * (to_high - to_low), matched)
    return np.where(values >= of_product[-1], values + (of_model[-1] - of_product[-1]), matched)


def _treated(observation: ImageObservation, matched: FloatArray, where: BoolArray) -> ImageObservation:
    given = np.where(where & np.isfinite(matched), matched, observation.given)
    return replace(observation, given=given, untreated=observation.given)


def _enough(pair: ClimatologyPair, min_count: int) -> BoolArray:
    enough: BoolArray = (pair.count >= min_count) & (pair.product.std > 0.0)
    return enough


def _scale(pair: ClimatologyPair, where: BoolArray, most: float) -> FloatArray:
    """s_model / s_product within [1 / most, most]; 1 elsewhere."""
    ratio = np.divide(pair.model.std, pair.product.std, out=np.ones(where.shape), where=where)
    return np.clip(ratio, 1.0 / most, most)


def _moments(values: FloatArray, seen: BoolArray, mean: FloatArray, std: FloatArray) -> None:
    """Write mean and standard deviation over time to ``mean`` and ``std``; images are added in order."""
    n = np.maximum(seen.sum(axis=0), 1)
    total, square = np.zeros(mean.shape), np.zeros(mean.shape)
    for image, is_seen in zip(values, seen, strict=True):
        total += np.where(is_seen, image, 0.0)
    centre = total / n
    for image, is_seen in zip(values, seen, strict=True):
        square += np.where(is_seen, image - centre, 0.0) ** 2
    never = ~seen.any(axis=0)
    mean[...] = np.where(never, np.nan, centre)
    std[...] = np.where(never, np.nan, np.sqrt(square / n))


def _quantiles(values: FloatArray, count: FloatArray, probabilities: FloatArray) -> FloatArray:
    ordered = np.sort(values, axis=0)  # NaN last
    last = np.maximum(count - 1.0, 0.0)
    result = np.empty((probabilities.size, *count.shape))
    for k, p in enumerate(probabilities):
        place = p * last
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, last.astype(np.int64))
        below, above = (np.take_along_axis(ordered, i[None], axis=0)[0] for i in (low, high))
        result[k] = below + (place - low) * (above - below)
    return result
