"""Soil moisture of the reanalyses of ECMWF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class Era5Entry(GriddedEntry):
    """ERA5, 0.25 degrees, hourly."""

    product: Literal["era5"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.ecmwf import ERA5

        return ERA5


class Era5LandEntry(GriddedEntry):
    """ERA5-Land, 0.1 degrees, hourly."""

    product: Literal["era5_land"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.ecmwf import ERA5_LAND

        return ERA5_LAND
