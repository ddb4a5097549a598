"""Products of SMAP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class SmapEntry(GriddedEntry):
    """A product of SMAP; subclasses name it."""

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.smap import SMAP

        return next(product for product in SMAP if product.key == self.product)


class SmapL2Entry(SmapEntry):
    """Half orbits on 36 km (SPL2SMP); those of a day are merged."""

    product: Literal["smap_l2"]


class SmapL3Entry(SmapEntry):
    """Morning overpasses of a day, 36 km or 9 km (SPL3SMP, SPL3SMP_E)."""

    product: Literal["smap_l3"]


class SmapL3PmEntry(SmapEntry):
    """Afternoon overpasses of a day."""

    product: Literal["smap_l3_pm"]


class SmapL4Entry(SmapEntry):
    """Three-hour means of the assimilation (SPL4SMGP)."""

    product: Literal["smap_l4"]


class SmapL4UpdateEntry(SmapEntry):
    """Analyses with the spread of their ensemble (SPL4SMAU)."""

    product: Literal["smap_l4_update"]
