"""GLDAS-2 Noah soil moisture, 0.25 or 1 degree, netCDF-4, global or regional."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import RHO_WATER
from landda_hpc.errors import DataError
from landda_hpc.formats.products.layered import LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductVariable, SoilMoistureProfile
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange


def _layer(name: str, top: float, bottom: float) -> ProductVariable:
    full = RHO_WATER * (bottom - top)
    return ProductVariable(
        name=name,
        long_name=f"soil moisture, {100 * top:g}-{100 * bottom:g} cm",
        standard_name="mass_content_of_water_in_soil_layer",
        units=("kg m-2",),
        valid_range=(0.0, full),
        factor=1.0 / full,
        depth_m=(top, bottom),
    )


VARIABLES: Final = (
    _layer("SoilMoi0_10cm_inst", 0.0, 0.1),
    _layer("SoilMoi10_40cm_inst", 0.1, 0.4),
    _layer("SoilMoi40_100cm_inst", 0.4, 1.0),
    _layer("SoilMoi100_200cm_inst", 1.0, 2.0),
)

_SPACINGS: Final = (0.25, 1.0)


def require_gldas_grid(path: Path, grid: Grid) -> None:
    """Require the cell centres of the provider's grid; a damaged axis would shift the image."""
    spacing = float(grid.lat[1] - grid.lat[0])
    d = min(_SPACINGS, key=lambda known: abs(known - spacing))
    for axis, origin in ((grid.lat, -60.0), (grid.lon, -180.0)):
        steps = (axis - origin) / d - 0.5
        on_lattice = np.all(np.abs(steps - np.round(steps)) < 1e-3) and np.all(np.abs(np.diff(axis) - d) < 1e-3)
        if not on_lattice:
            raise DataError(
                f"the grid of '{path}' is {grid.describe()}; expected GLDAS cell centres 0.25 or 1 degree apart, "
                "from 59.875 S or 59.5 S and 179.875 W or 179.5 W, or a block of them."
            )


_LAYOUT: Final = Layout(
    label="GLDAS Noah",
    variables=VARIABLES,
    latitude=("lat",),
    longitude=("lon",),
    time=("time",),
    must_have_time=True,
    one_time=True,
    check_grid=require_gldas_grid,
    step=timedelta(hours=3),
)


def open_gldas(path: Path) -> LayeredFile:
    """Open one GLDAS Noah file in the provider's format, e.g. ``GLDAS_NOAH025_3H.A20160101.0300.021.nc4``.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; axes, times, grid or calendar differ from the provider's.

    Notes
    -----
    Local. Water contents are divided by 1000 kg m-3 times the layer's thickness; NaN over water and glaciers. Rodell
    et al. (2004), Bull. Amer. Meteor. Soc., 85, 381-394.
    """
    return LayeredFile(path, _LAYOUT)


def read_gldas(path: Path, depth_m: DepthRange | None = None, region: Region | None = None) -> SoilMoistureProfile:
    """Read the only time of a GLDAS Noah file. Local.

    Parameters
    ----------
    path : the file.
    depth_m : only the layers needed for a mean over this range, m; None: all layers in the file.
    region : only the part of the grid around it; None: all.

    Returns
    -------
    The layers in the file, m3 m-3. NaN over water and glaciers.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; a needed layer is missing, or all layers are; dimensions, units, axes or calendar differ
        from the provider's; only missing values; a water content below 0 or above 1 m3 m-3.
    """
    with open_gldas(path) as file:
        return file.read(file.times[0], depth_m, region)


GLDAS_NOAH: Final = Product(
    key="gldas_noah",
    label="GLDAS Noah",
    variables=VARIABLES,
    time_convention="at the instant of the file's name and time axis; 3-hourly",
    stamp="instant",
    step=timedelta(hours=3),
    opens=open_gldas,
    many_times=False,
    may_be_empty=False,
    tried=True,
    reference="Rodell et al. (2004), doi:10.1175/BAMS-85-3-381; GES DISC, GLDAS_NOAH025_3H and GLDAS_NOAH10_3H",
)
