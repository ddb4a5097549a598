"""Vertical regression of the error of every soil layer on the error of the observed depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import N_SOIL, BoolArray, FloatArray
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid, require_units
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange, depth_weights, observe

POOLED_SLOPES: Final = (1.0, 1.0, 1.0, 1.0, 0.904, 0.817, 0.749, 0.715, 0.695, 0.687)
"""Built-in slopes per layer for an observed depth of 0-0.1 m: the pooled slopes of 8 pairs with moderate errors,
``landda study regress experiments/compare_moderate.yaml --set grid.n_lat=64 --set grid.n_lon=128 --pairs 8``. Slopes
from experiments/twin_soil_water.yaml, whose errors are forced, are 1.00, 0.95, 0.88, 0.85, 0.83, 0.82 below the fourth
layer."""

N_MOMENTS: Final = N_SOIL + 2
"""Number of values per cell from ``pair_moments``."""

_SLOPE: Final = "slope"


@dataclass(frozen=True, eq=False)
class VerticalRegression:
    """Slopes of the regression of the layers' errors on the error of the observed depth.

    Attributes
    ----------
    slopes : slopes per cell, 1, (n_soil, n_lat, n_lon); NaN in cells without soil, which use the pooled slope.
    pooled : slopes of all cells together, 1, (n_soil,).
    depth_m : observed depth, m.
    """

    slopes: FloatArray
    pooled: FloatArray
    depth_m: DepthRange

    @property
    def complete(self) -> FloatArray:
        """Slopes, with the pooled slope in cells that have none, (n_soil, n_lat, n_lon)."""
        filled: FloatArray = np.where(np.isfinite(self.slopes), self.slopes, self.pooled[:, None, None])
        return filled


def pair_moments(difference: FloatArray, weights: FloatArray) -> FloatArray:
    """Return products of the difference of two model states, to be summed over times.

    Parameters
    ----------
    difference : volumetric water of one state minus that of the other, m3 m-3, (n_cells, n_soil); NaN without soil.
    weights : weights of the layers in the observed depth, (n_soil,).

    Returns
    -------
    (n_cells, n_soil + 2): d_k d_obs for each layer, d_obs^2, m6 m-6; and 1. Zeros where the difference is NaN.

    Notes
    -----
    Local: no communication. The moments are about zero, not about the mean, because persistent differences are the
    errors that matter most.
    """
    if difference.ndim != 2 or difference.shape[1] != weights.size:
        raise ShapeError(f"differences have shape {difference.shape}; expected (n_cells, {weights.size}).")
    known: BoolArray = np.all(np.isfinite(difference), axis=1)
    layers = np.where(known[:, None], difference, 0.0)
    observed = observe(layers, weights)
    return np.column_stack((layers * observed[:, None], observed**2, known.astype(np.float64)))


def regress(
    moments: FloatArray, weights: FloatArray, *, prior_pairs: float, limits: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return slopes from the moments of several pairs.

    Parameters
    ----------
    moments : sums over times of ``pair_moments`` for each pair, (n_pairs, n_cells, n_soil + 2).
    weights : weights of the layers in the observed depth, (n_soil,).
    prior_pairs : weight of the pooled slope in each cell, as a number of pairs of mean variance, > 0.
    limits : smallest and largest slope.

    Returns
    -------
    Slopes (n_cells, n_soil), NaN in cells without a difference, and pooled slopes (n_soil,). Layers that overlap the
    observed depth have 1, so that H D = I.

    Raises
    ------
    DataError : all differences are zero or missing.

    Notes
    -----
    Local: no communication. slope_k = (sum c_k + m V g_k) / (sum v + m V), with sums over the pairs. c_k and v are the
    means over times of d_k d_obs and d_obs^2 of a pair, g_k is the pooled slope, V the mean of v over cells and pairs,
    and m = prior_pairs. All times of a pair count as one sample, because errors of parameters persist through all of
    them.
    """
    times = moments[..., -1]
    means = moments[..., :-1] / np.maximum(times, 1.0)[..., None]
    pairs = np.count_nonzero(times, axis=0)
    sums = means.sum(axis=0)
    covariance, variance = sums[:, :-1], sums[:, -1]
    n_pairs = int(pairs.sum())
    if n_pairs == 0 or not variance.sum() > 0.0:
        raise DataError(
            "the pairs of model runs do not differ at the observed depth, so slopes cannot be computed. Give the runs "
            "errors (twin, perturbation)."
        )
    pooled = covariance.sum(axis=0) / variance.sum()
    prior = prior_pairs * variance.sum() / n_pairs
    slopes = (covariance + prior * pooled) / (variance + prior)[:, None]
    overlap = weights > 0.0
    pooled = np.where(overlap, 1.0, np.clip(pooled, *limits))
    slopes = np.where(overlap, 1.0, np.clip(slopes, *limits))
    slopes[pairs == 0] = np.nan
    return slopes, pooled


def built_in_regression(grid: Grid, depth_m: DepthRange) -> VerticalRegression:
    """Return the built-in pooled slopes, the same in every cell."""
    pooled = np.array(POOLED_SLOPES)
    return VerticalRegression(np.broadcast_to(pooled[:, None, None], (N_SOIL, *grid.shape)).copy(), pooled, depth_m)


def layer_factors(slopes: FloatArray, observed: BoolArray, share: float) -> FloatArray:
    """Return the factor of every layer for the increment of the observed depth, 1, (n_cells, n_soil).

    Parameters
    ----------
    slopes : slopes per cell, 1, (n_cells, n_soil).
    observed : layers that overlap the observed depth, (n_soil,); they receive the whole increment.
    share : fraction of the regression that is applied to the other layers, 1.
    """
    factors: FloatArray = np.where(observed, 1.0, share * slopes)
    return factors


def write_regression(path: Path, grid: Grid, regression: VerticalRegression, source: str) -> None:
    """Write slopes as a CF netCDF file, atomically: one variable per layer. Local."""
    fields = {
        f"{_SLOPE}_{k + 1}": OutputField(
            regression.slopes[k],
            {
                "units": "1",
                "long_name": f"regression of errors of soil layer {k + 1} on errors of the observed depth",
                "pooled": repr(float(regression.pooled[k])),
                "observed_top_m": repr(float(regression.depth_m[0])),
                "observed_bottom_m": repr(float(regression.depth_m[1])),
            },
        )
        for k in range(N_SOIL)
    }
    attributes = {"title": "Climatological vertical regression of soil moisture errors", "source": source}
    write_images(path, grid, fields, attributes=attributes, make_folder=True)


def read_regression(path: Path, grid: Grid, depth_m: DepthRange) -> VerticalRegression:
    """Read a file of ``write_regression``. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged, has no layers or other units, or a layer that overlaps the observed depth has a
        slope other than 1.
    ShapeError : the file's grid is not the model's.
    ConfigError : the file is for another observed depth.
    """
    with NetcdfFile(path) as file:
        names = [f"{_SLOPE}_{k + 1}" for k in range(N_SOIL)]
        missing = [name for name in names if not file.has(name)]
        if missing:
            raise DataError(
                f"'{path}' is not a vertical regression: variable '{missing[0]}' is missing. Make one with landda "
                f"study regress."
            )
        found, is_flipped = read_grid(file, "lat", "lon")
        if is_flipped or not found.same_points(grid):
            raise ShapeError(
                f"regression '{path}' is on {found.describe()}; the model is on {grid.describe()}. Make another with "
                f"landda study regress."
            )
        for name in names:
            require_units(file, name, ("1",))
        slopes = np.stack([file.values(name) for name in names])
        try:
            pooled = np.array([float(file.attribute(name, "pooled")) for name in names])
            top, bottom = (float(file.attribute(names[0], f"observed_{end}_m")) for end in ("top", "bottom"))
        except ValueError as error:
            raise DataError(f"pooled slopes or the observed depth are missing in '{path}': {error}") from error
    if not np.allclose((top, bottom), depth_m, atol=1e-9):
        raise ConfigError(
            f"regression '{path}' is for an observed depth of {top:g}-{bottom:g} m; the campaign observes "
            f"{depth_m[0]:g}-{depth_m[1]:g} m. Make one for that depth with landda study regress."
        )
    regression = VerticalRegression(slopes, pooled, (top, bottom))
    overlap = depth_weights(top, bottom) > 0.0
    if not np.isfinite(pooled).all() or np.isinf(slopes).any() or np.any(regression.complete[overlap] != 1.0):
        raise DataError(f"'{path}' has slopes that are not finite, or not 1 where layers overlap the observed depth.")
    return regression
