"""Products whose file format is fixed by their providers; their sections need no further keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class ProviderEntry(GriddedEntry):
    """A product of ``formats.products.registry``, named by a subclass."""

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.registry import PRODUCTS

        return PRODUCTS[self.product]


class CldasEntry(ProviderEntry):
    """CLDAS of the China Meteorological Administration."""

    product: Literal["cldas"]


class MergedRainEntry(ProviderEntry):
    """Hourly rain of gauges and CMORPH over China, 0.1 degrees (CMA), in GrADS files, for figures."""

    has_soil_moisture: ClassVar[bool] = False

    product: Literal["cma_merged_rain"]


class Era5Entry(ProviderEntry):
    """ERA5, 0.25 degrees, hourly."""

    product: Literal["era5"]


class Era5LandEntry(ProviderEntry):
    """ERA5-Land, 0.1 degrees, hourly."""

    product: Literal["era5_land"]


class EsaCciEntry(ProviderEntry):
    """ESA CCI soil moisture, daily composites of overpasses."""

    product: Literal["esa_cci"]


class GldasNoahEntry(ProviderEntry):
    """GLDAS-2.1 Noah, 0.25 degrees, every three hours."""

    product: Literal["gldas_noah"]


class SmapL2Entry(ProviderEntry):
    """SMAP half orbits, 36 km (SPL2SMP); those of one day are merged."""

    product: Literal["smap_l2"]


class SmapL3Entry(ProviderEntry):
    """SMAP morning overpasses of a day, 36 km or 9 km (SPL3SMP, SPL3SMP_E)."""

    product: Literal["smap_l3"]


class SmapL3PmEntry(ProviderEntry):
    """SMAP afternoon overpasses of a day."""

    product: Literal["smap_l3_pm"]


class SmapL4Entry(ProviderEntry):
    """Three-hour means of the SMAP assimilation (SPL4SMGP)."""

    product: Literal["smap_l4"]


class SmapL4UpdateEntry(ProviderEntry):
    """SMAP analyses with their ensemble spread (SPL4SMAU)."""

    product: Literal["smap_l4_update"]


class SmosL3Entry(ProviderEntry):
    """SMOS soil moisture of a day, ascending or descending overpasses, 25 km (CATDS L3SM)."""

    product: Literal["smos_l3"]


class SmosL4Entry(ProviderEntry):
    """SMOS root-zone soil moisture of a day, 0-1 m, 25 km (CATDS L4SM RZSM)."""

    product: Literal["smos_l4"]
