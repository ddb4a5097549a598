"""The combined satellite product of ESA CCI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class EsaCciEntry(GriddedEntry):
    """ESA CCI soil moisture, daily images of overpasses."""

    product: Literal["esa_cci"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.esa_cci import ESA_CCI

        return ESA_CCI
