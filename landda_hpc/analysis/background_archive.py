"""Background error variances from an archive of model and observation images [S24, section 3.3.1]."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid, require_units
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.grid import Grid

_COUNT, _MEAN, _STD = "difference_count", "difference_mean", "difference_std"


@dataclass(frozen=True, eq=False)
class DifferenceStatistics:
    """Statistics of an archive of model-minus-observation differences, per layer and cell.

    Attributes
    ----------
    count : number of times with both values, (n_layer, n_lat, n_lon).
    mean : mean difference, m3 m-3, same shape; NaN where the count is 0.
    variance : variance about the mean, with n - 1 in the denominator, m6 m-6; NaN where the count is below 2.
    """

    count: IntArray
    mean: FloatArray
    variance: FloatArray

    def background_variance(
        self,
        domain: BoolArray,
        *,
        about: Literal["mean", "zero"] = "mean",
        floor_std: float = 0.01,
        observation_std: float | FloatArray = 0.0,
        min_count: int = 10,
    ) -> FloatArray:
        """Return the diagonal of B on the domain.

        Parameters
        ----------
        domain : cells that an analysis may change, (n_lat, n_lon).
        about : ``mean``: variance about the mean difference; ``zero``: mean square difference, which counts a bias as
            error.
        floor_std : smallest standard deviation, m3 m-3.
        observation_std : standard deviation of the observation errors, m3 m-3, a number or a map (n_lat, n_lon). Its
            square is subtracted, because the differences contain the errors of both, B + R. 0 as in [S24], which takes
            the whole variance as background error.
        min_count : cells of the domain with fewer times take the mean variance of their layer.

        Returns
        -------
        Variances, m6 m-6, (n_layer, n_lat, n_lon); NaN off the domain.

        Raises
        ------
        ShapeError : the domain has another grid.
        DataError : a layer has no cell of the domain with enough times, or the map has no value in such a cell.
        """
        if domain.shape != self.count.shape[1:]:
            raise ShapeError(f"the archive is on {self.count.shape[1:]} cells; the domain on {domain.shape}.")
        variance = self.variance
        if about == "zero":
            n = np.maximum(self.count, 1)
            variance = variance * (n - 1) / n + self.mean**2
        variance = np.maximum(variance - observation_std**2, floor_std**2)
        result = np.full(variance.shape, np.nan)
        for layer, values in enumerate(variance):
            known = domain & (self.count[layer] >= max(2, min_count))
            if not known.any():
                raise DataError(
                    f"layer {layer + 1} of the archive has no cell of the domain with {max(2, min_count)} times; the "
                    f"maximum is {int(self.count[layer].max())}. Archive a longer period, or lower min_count."
                )
            if not np.isfinite(values[known]).all():
                raise DataError(
                    f"the map of observation errors has no value in {int((~np.isfinite(values[known])).sum())} cells "
                    "that the archive covers. Fill it, or give one number."
                )
            result[layer] = np.where(domain, np.where(known, values, values[known].mean()), np.nan)
        return result


class BackgroundArchive:
    """Running statistics of model minus observation, in one pass; images are not stored.

    Parameters
    ----------
    shape : (n_layer, n_lat, n_lon).

    References
    ----------
    Welford (1962), Technometrics, 4, 419-420.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._count = np.zeros(shape, dtype=np.int64)
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, background: FloatArray, observation: FloatArray) -> None:
        """Add the images of one time.

        Parameters
        ----------
        background, observation : m3 m-3, (n_layer, n_lat, n_lon); the observation is interpolated to each layer's
            node (``layer_nodes``). NaN is missing; cells in which either value is missing are skipped.

        Raises
        ------
        ShapeError : an image has another shape.
        """
        for name, values in (("background", background), ("observation", observation)):
            if values.shape != self._count.shape:
                raise ShapeError(f"{name} has shape {values.shape}; the archive {self._count.shape}.")
        difference = background - observation
        known = np.isfinite(difference)
        difference = np.where(known, difference, 0.0)
        self._count += known
        step = np.where(known, difference - self._mean, 0.0)
        self._mean += step / np.maximum(self._count, 1)
        self._squares += np.where(known, step * (difference - self._mean), 0.0)

    def statistics(self) -> DifferenceStatistics:
        """Return the statistics of the images added so far."""
        nan = np.full(self._count.shape, np.nan)
        return DifferenceStatistics(
            self._count.copy(),
            np.where(self._count > 0, self._mean, nan),
            np.divide(self._squares, self._count - 1, out=nan, where=self._count > 1),
        )


def archive_of(series: Iterable[tuple[FloatArray, FloatArray]]) -> DifferenceStatistics:
    """Return statistics of a series of pairs (background, observation), each (n_layer, n_lat, n_lon), read one by one.

    Raises
    ------
    DataError : the series is empty.
    """
    archive: BackgroundArchive | None = None
    for background, observation in series:
        if archive is None:
            n_layer, n_lat, n_lon = background.shape
            archive = BackgroundArchive((n_layer, n_lat, n_lon))
        archive.add(background, observation)
    if archive is None:
        raise DataError("the series of background and observation images is empty: check its dates and paths.")
    return archive.statistics()


def write_archive(
    path: Path, grid: Grid, statistics: DifferenceStatistics, source: str, warnings: Sequence[str] = ()
) -> None:
    """Write statistics as a CF netCDF file, atomically: three variables per layer. Local.

    Parameters
    ----------
    warnings : sentences that users of the file must know; written as the attribute ``comment``.
    """
    fields: dict[str, OutputField] = {}
    for layer in range(statistics.count.shape[0]):
        of_layer = f"model minus observation, layer {layer + 1}"
        for name, values, units, long_name in (
            (_COUNT, statistics.count[layer].astype(np.float64), "1", f"number of times of {of_layer}"),
            (_MEAN, statistics.mean[layer], "m3 m-3", f"mean of {of_layer}"),
            (_STD, np.sqrt(statistics.variance[layer]), "m3 m-3", f"standard deviation of {of_layer}"),
        ):
            fields[f"{name}_{layer + 1}"] = OutputField(values, {"units": units, "long_name": long_name})
    attributes = {"title": "Archive of background errors", "source": source}
    if warnings:
        attributes["comment"] = " ".join(warnings)
    write_images(path, grid, fields, attributes=attributes, make_folder=True)


def read_archive(path: Path, grid: Grid) -> DifferenceStatistics:
    """Read a file of ``write_archive``. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged, has no layers or other units, or a count or standard deviation is negative.
    ShapeError : the file's grid is not the model's.
    """
    with NetcdfFile(path) as file:
        layers = [n for n in range(1, 1000) if file.has(f"{_COUNT}_{n}")]
        if not layers or layers != list(range(1, len(layers) + 1)):
            raise DataError(
                f"'{path}' is not an archive of background errors: '{_COUNT}_1' or a layer in between is missing."
            )
        found, is_flipped = read_grid(file, "lat", "lon")
        if is_flipped or not found.same_points(grid):
            raise ShapeError(
                f"archive '{path}' is on {found.describe()}; the model is on {grid.describe()}. Build it again."
            )
        stacks = {name: np.empty((len(layers), *grid.shape)) for name in (_COUNT, _MEAN, _STD)}
        for name, stack in stacks.items():
            for n in layers:
                require_units(file, f"{name}_{n}", ("1",) if name == _COUNT else ("m3 m-3",))
                stack[n - 1] = file.values(f"{name}_{n}")
    if np.any(stacks[_COUNT] < 0.0) or np.any(stacks[_STD] < 0.0) or not np.isfinite(stacks[_COUNT]).all():
        raise DataError(f"archive '{path}' has counts or standard deviations that are negative or missing.")
    return DifferenceStatistics(stacks[_COUNT].astype(np.int64), stacks[_MEAN], stacks[_STD] ** 2)
