"""Observations from a gridded product's files, one per time, regridded to the model grid."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import numpy as np

from landda_hpc.errors import ConfigError, DataError, MissingFileError, ShapeError
from landda_hpc.fields.depth import DepthRange, is_covered, observe, range_from_product
from landda_hpc.fields.regrid import Method, Regridder
from landda_hpc.formats.gldas import read_gldas
from landda_hpc.observation.image import ImageObservation
from landda_hpc.observation.source import Survey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.formats.product import ProfileReader, SoilMoistureProfile
    from landda_hpc.grid import Grid


class ProductSource:
    """Files of a gridded product under a folder.

    Parameters
    ----------
    label : the product's name, for output and messages.
    reader : reads one file.
    root : folder of the data (``data_root``).
    pattern : file name under ``root`` with strftime codes, e.g.
        ``gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4``.
    grid : the model grid.
    is_soil : the model's cells with updatable soil, shape (n_lat, n_lon).
    depth_m : top and bottom of the observed layer, m; the product's layers must cover it.
    when_missing : a time without file is skipped (None), or an error.
    method : regridding; bilinear as in both papers.

    Raises
    ------
    ConfigError : the pattern leaves ``root``.

    Notes
    -----
    Local: no communication; one rank reads and hands the image on. Regridding weights are built at the first
    file and again only if a file has another grid.
    """

    def __init__(
        self,
        label: str,
        reader: ProfileReader,
        root: Path,
        pattern: str,
        grid: Grid,
        is_soil: BoolArray,
        depth_m: DepthRange,
        when_missing: Literal["skip", "error"] = "skip",
        method: Method = "bilinear",
    ) -> None:
        # By the text alone: archives are often links that lead elsewhere, and that is the user's business.
        if not pattern or "\0" in pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
            raise ConfigError(
                f"observations.path = '{pattern}': expected a file pattern relative to data_root, without "
                "'..'. Set data_root to the folder that holds the files."
            )
        if is_soil.shape != grid.shape:
            raise ShapeError(f"the model's soil mask has shape {is_soil.shape}; the grid is {grid.describe()}.")
        self.label = label
        self.depth_m = depth_m
        self._reader = reader
        self._root = root
        self._pattern = pattern
        self._grid = grid
        self._is_soil = is_soil
        self._when_missing: Literal["skip", "error"] = when_missing
        self._method: Method = method
        self._regridder: Regridder | None = None

    def path(self, time: datetime) -> Path:
        """File of a time, whether it exists or not."""
        return self._root / time.strftime(self._pattern)

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Look for the files, without opening them."""
        found: list[tuple[datetime, str]] = []
        missing: list[tuple[datetime, str]] = []
        for time in times:
            path = self.path(time)
            (found if path.is_file() else missing).append((time, str(path)))
        return Survey(self.label, tuple(found), tuple(missing), self._when_missing)

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation | None:  # noqa: ARG002
        """Read, take the mean over the depth, regrid; see ``ObservationSource.at``."""
        path = self.path(time)
        if not path.is_file():
            if self._when_missing == "skip":
                return None
            raise MissingFileError(
                f"observation file '{path}' does not exist. Provide it, or set observations.missing: skip."
            )
        profile = self._read(path, time, self.depth_m)
        image = self._mean_over(profile, self.depth_m)
        return ImageObservation.flagged(image, self._is_soil, time, self.depth_m, profile.label)

    def other_layers(self, time: datetime, depths_m: Sequence[DepthRange]) -> dict[DepthRange, FloatArray]:
        """Layers that are not observed, for verification; see ``ObservationSource.other_layers``."""
        path = self.path(time)
        if not path.is_file():
            return {}
        profile = self._read(path, time, None)
        top, bottom = self.depth_m
        apart = [depth for depth in depths_m if depth[0] >= bottom or depth[1] <= top]
        return {depth: self._mean_over(profile, depth) for depth in apart if is_covered(depth, profile.depths_m)}

    def _read(self, path: Path, time: datetime, depth_m: DepthRange | None) -> SoilMoistureProfile:
        profile = self._reader(path, depth_m)
        if profile.time != time:
            raise DataError(
                f"observation file '{path}' is valid at {profile.time.isoformat()}; expected "
                f"{time.isoformat()} by its name. Check observations.path, or whether the file was renamed."
            )
        return profile

    def _mean_over(self, profile: SoilMoistureProfile, depth_m: DepthRange) -> FloatArray:
        """Mean over a depth range, on the model grid."""
        image = observe(profile.values, range_from_product(depth_m, profile.depths_m), axis=0)
        if self._regridder is None or not _same_cells(self._regridder.source, profile.grid):
            self._regridder = Regridder(profile.grid, self._grid, self._method)
        regridded: FloatArray = self._regridder(image)
        return regridded


class GldasSource(ProductSource):
    """GLDAS Noah files; parameters as ``ProductSource``."""

    def __init__(
        self,
        root: Path,
        pattern: str,
        grid: Grid,
        is_soil: BoolArray,
        depth_m: DepthRange = (0.0, 0.1),
        when_missing: Literal["skip", "error"] = "skip",
        method: Method = "bilinear",
    ) -> None:
        super().__init__("GLDAS Noah", read_gldas, root, pattern, grid, is_soil, depth_m, when_missing, method)


def _same_cells(one: Grid, other: Grid) -> bool:
    """Whether two grids are equal to the bit, so that one's weights serve the other."""
    return (
        np.array_equal(one.lat, other.lat)
        and np.array_equal(one.lon, other.lon)
        and np.array_equal(one.lat_edges, other.lat_edges)
        and np.array_equal(one.lon_edges, other.lon_edges)
    )
