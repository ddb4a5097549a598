"""Built-in gridded products; their configuration sections are in ``formats.products.entries``."""

from __future__ import annotations

from typing import Final

from landda_hpc.formats.products.cldas import CLDAS
from landda_hpc.formats.products.ecmwf import ERA5, ERA5_LAND
from landda_hpc.formats.products.esa_cci import ESA_CCI
from landda_hpc.formats.products.gldas import GLDAS_NOAH
from landda_hpc.formats.products.merged_rain import MERGED_RAIN
from landda_hpc.formats.products.product import Product
from landda_hpc.formats.products.smap import SMAP
from landda_hpc.formats.products.smos import SMOS

PRODUCTS: Final[dict[str, Product]] = {
    product.key: product for product in (GLDAS_NOAH, ERA5, ERA5_LAND, CLDAS, ESA_CCI, MERGED_RAIN, *SMAP, *SMOS)
}
"""Gridded products by key; ``cf_layers.cf_product`` creates further ones from variables of CF files."""
