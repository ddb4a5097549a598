"""Soil moisture of CLDAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class CldasEntry(GriddedEntry):
    """CLDAS of the China Meteorological Administration."""

    product: Literal["cldas"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.cldas import CLDAS

        return CLDAS
