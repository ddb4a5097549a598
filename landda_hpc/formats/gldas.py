"""GLDAS-2 Noah soil moisture, 0.25 or 1 degree, netCDF-4, whole or cut to a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.constants import RHO_WATER
from landda_hpc.errors import DataError
from landda_hpc.formats.cf import NetcdfFile, read_grid, read_times, require_range, require_units
from landda_hpc.formats.product import SoilMoistureProfile

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.fields.depth import DepthRange
    from landda_hpc.grid import Grid

LAYERS: Final[dict[str, DepthRange]] = {
    "SoilMoi0_10cm_inst": (0.0, 0.1),
    "SoilMoi10_40cm_inst": (0.1, 0.4),
    "SoilMoi40_100cm_inst": (0.4, 1.0),
    "SoilMoi100_200cm_inst": (1.0, 2.0),
}
"""Variables and their depths, m."""

_SPACINGS: Final = (0.25, 1.0)
_DIMENSIONS: Final = ("time", "lat", "lon")


def read_gldas(path: Path, depth_m: DepthRange | None = None) -> SoilMoistureProfile:
    """Read soil moisture from one GLDAS Noah file.

    Parameters
    ----------
    path : a file as the provider ships it, e.g. ``GLDAS_NOAH025_3H.A20160101.0300.021.nc4``.
    depth_m : read only the layers that overlap this range; None reads every layer in the file.

    Returns
    -------
    The layers in the file, m3 m-3: kg m-2 over 1000 kg m-3 times the layer's thickness. NaN over water and
    glaciers.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; a wanted layer is missing (or all of them); other dimensions, units, axes or
        calendar than the provider's; nothing but missing values; a water content below 0 or above 1 m3 m-3.

    Notes
    -----
    Local: no communication. Rodell et al. (2004), Bull. Amer. Meteor. Soc., 85, 381-394.
    """
    with NetcdfFile(path) as file:
        names = _layer_names(file, depth_m)
        for name in names:
            if tuple(file.dims(name)) != _DIMENSIONS:
                raise DataError(
                    f"variable '{name}' in '{path}' has dimensions {tuple(file.dims(name))}; expected {_DIMENSIONS}."
                )
            require_units(file, name, ("kg m-2",))
        grid, is_flipped = read_grid(file, "lat", "lon")
        _require_gldas_grid(path, grid)
        times = read_times(file, "time")
        if len(times) != 1:
            raise DataError(f"file '{path}' holds {len(times)} times; expected 1.")
        values = np.empty((len(names), *grid.shape))
        for k, name in enumerate(names):
            image = file.values(name)
            if image.shape != (1, *grid.shape):
                raise DataError(
                    f"variable '{name}' in '{path}' has shape {image.shape}; expected {(1, *grid.shape)} by its axes."
                )
            top, bottom = LAYERS[name]
            full = RHO_WATER * (bottom - top)
            water = image[0, ::-1] if is_flipped else image[0]
            require_range(file, name, water, 0.0, full, "kg m-2", grid)
            values[k] = water / full
    return SoilMoistureProfile(
        values=values,
        depths_m=tuple(LAYERS[name] for name in names),
        grid=grid,
        time=times[0],
        label="GLDAS Noah",
        path=path,
    )


def _layer_names(file: NetcdfFile, depth_m: DepthRange | None) -> list[str]:
    if depth_m is None:
        names = [name for name in LAYERS if file.has(name)]
        if not names:
            raise DataError(
                f"file '{file.path}' has none of the variables {', '.join(LAYERS)}; found "
                f"{', '.join(file.names()) or 'none'}."
            )
        return names
    names = [name for name, (top, bottom) in LAYERS.items() if top < depth_m[1] and bottom > depth_m[0]]
    missing = [name for name in names if not file.has(name)]
    if missing or not names:
        raise DataError(
            f"file '{file.path}' lacks {', '.join(missing) or 'any layer'} for depths "
            f"{depth_m[0]:g}-{depth_m[1]:g} m; found {', '.join(file.names()) or 'no variable'}."
        )
    return names


def _require_gldas_grid(path: Path, grid: Grid) -> None:
    """Cell centres must be those of the provider's lattice: a damaged axis would shift the soil."""
    spacing = float(grid.lat[1] - grid.lat[0])
    d = min(_SPACINGS, key=lambda known: abs(known - spacing))
    for axis, origin in ((grid.lat, -60.0), (grid.lon, -180.0)):
        steps = (axis - origin) / d - 0.5
        on_lattice = np.all(np.abs(steps - np.round(steps)) < 1e-3) and np.all(np.abs(np.diff(axis) - d) < 1e-3)
        if not on_lattice:
            raise DataError(
                f"the grid of '{path}' is {grid.describe()}; expected GLDAS cell centres "
                "0.25 or 1 degree apart, "
                "from 59.875 S or 59.5 S and 179.875 W or 179.5 W, or a block of them."
            )
