"""Standard deviations of observation errors: constant, per cell from a file, or the product's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from landda_hpc.config import MapErrors, ProductErrors
from landda_hpc.errors import DataError
from landda_hpc.fields.regrid import Regridder
from landda_hpc.formats.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.config import ObservationErrors
    from landda_hpc.constants import FloatArray
    from landda_hpc.grid import Grid
    from landda_hpc.observation.image import ImageObservation


class ErrorSizes:
    """Tells how large the errors of an observation are.

    Parameters
    ----------
    constant_std : error_std of the configuration, m3 m-3; also where a product that tells its errors leaves one out.
    config : where they come from; None: what the source tells, else the constant (twins).
    representativeness_std : error of what the cell's mean does not share with the pixels or the instrument, m3 m-3;
        added in squares.
    grid : the model grid.
    data_root : folder of a map's file.

    Raises
    ------
    MissingFileError, DataError : the map is not there, or no image in m3 m-3, or not positive.

    Notes
    -----
    Local: no communication.
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
        if isinstance(config, MapErrors):
            self._map = read_error_map(data_root / config.file, config.variable, grid)

    def __call__(self, observation: ImageObservation) -> FloatArray:
        """Standard deviation per cell, m3 m-3, (n_lat, n_lon).

        Raises
        ------
        DataError : errors of the product are asked for, and it tells none; or a map has no value in a used cell.
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
                    f"at {observation.time.isoformat()}; fill it there."
                )
            return self._map
        if isinstance(self._config, ProductErrors):
            if own is None:
                raise DataError(
                    f"observations.errors.kind = product, but {observation.source} tells no errors of its own at "
                    f"{observation.time.isoformat()}; use constant or map."
                )
            return np.where(np.isfinite(own), np.maximum(own, self._config.minimum), constant)
        if self._config is None and own is not None:
            return own
        return constant


def read_error_map(path: Path, variable: str | None, grid: Grid) -> FloatArray:
    """A map of error standard deviations on the model grid, bilinear from another one, m3 m-3, NaN where unknown.

    Raises
    ------
    MissingFileError, DataError : not there, or no image in m3 m-3, or values of zero or less.
    """
    image = read_image(path, variable)
    if np.any(image.values <= 0.0):
        raise DataError(f"variable '{image.variable}' in '{path}' has values of zero or less; errors are positive.")
    if image.grid.same_points(grid):
        return image.values
    values: FloatArray = Regridder(image.grid, grid, "bilinear")(image.values)
    return values
