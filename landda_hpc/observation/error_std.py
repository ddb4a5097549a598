"""Standard deviations of observation errors: constant, per cell from a file, or the product's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landda_hpc.config import ObservationErrors
from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.grid import Grid
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.regridding.regrid import Regridder


class ErrorSizes:
    """Standard deviations of the errors of an observation. Local.

    Parameters
    ----------
    constant_std : error_std of the configuration, m3 m-3; also used in cells for which a product reports no error.
    config : origin of the errors; None: the errors that the source reports, else the constant (twins).
    representativeness_std : standard deviation of the difference between the cell's mean and what the pixels or the
        instrument observe, m3 m-3; added in quadrature.
    grid : the model grid.
    data_root : folder of a map's file.

    Raises
    ------
    MissingFileError, DataError : the map does not exist, is not an image in m3 m-3, or is not positive.
    """

    def __init__(
        self,
        constant_std: float,
        config: ObservationErrors | None,
        representativeness_std: float,
        grid: Grid,
        data_root: Path,
    ) -> None:
        self._constant, self._config, self._added = constant_std, config, representativeness_std
        self._map: FloatArray | None = None
        if config is not None and config.kind == "map":
            self._map = read_error_map(data_root / config.file, config.variable, grid)

    def __call__(self, observation: ImageObservation) -> FloatArray:
        """Standard deviation per cell, m3 m-3, (n_lat, n_lon).

        Raises
        ------
        DataError : the configuration asks for the product's errors and the product reports none, or a map has no value
            in a used cell.
        """
        std = self._before_representativeness(observation)
        return std if self._added == 0.0 else np.sqrt(std**2 + self._added**2)

    def _before_representativeness(self, observation: ImageObservation) -> FloatArray:
        shape, own = observation.given.shape, observation.error_std
        constant: FloatArray = np.full(shape, self._constant)
        if self._map is not None:
            unknown = int(np.count_nonzero(observation.is_used & np.isnan(self._map)))
            if unknown:
                raise DataError(
                    f"observations.errors: the map has no value in {unknown} cells that {observation.source} observes "
                    f"at {observation.time.isoformat()}. Fill it there."
                )
            return self._map
        if self._config is not None and self._config.kind == "product":
            if own is None:
                raise DataError(
                    f"observations.errors.kind = product, but {observation.source} reports no errors at "
                    f"{observation.time.isoformat()}. Use constant or map."
                )
            return np.where(np.isfinite(own), np.maximum(own, self._config.minimum), constant)
        if self._config is None and own is not None:
            return own
        return constant


def read_error_map(path: Path, variable: str | None, grid: Grid) -> FloatArray:
    """Read a map of error standard deviations, interpolated to the model grid if necessary; m3 m-3, NaN is missing.

    Raises
    ------
    MissingFileError, DataError : the file does not exist, is not an image in m3 m-3, or has values of zero or less.
    """
    image = read_image(path, variable)
    if np.any(image.values <= 0.0):
        raise DataError(f"variable '{image.variable}' in '{path}' has values of zero or less; errors must be positive.")
    if image.grid.same_points(grid):
        return image.values
    values: FloatArray = Regridder(image.grid, grid, "bilinear")(image.values)
    return values
