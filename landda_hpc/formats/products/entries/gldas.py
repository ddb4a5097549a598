"""Noah soil moisture of GLDAS-2.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class GldasNoahEntry(GriddedEntry):
    """GLDAS-2.1 Noah, 0.25 degrees, every three hours."""

    product: Literal["gldas_noah"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.gldas import GLDAS_NOAH

        return GLDAS_NOAH
