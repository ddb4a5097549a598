"""Base section of gridded products: an entry of the catalogue that describes its files."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from landda_hpc.config.observations import CatalogueEntry
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class GriddedEntry(CatalogueEntry):
    """Section of a gridded product of soil moisture; each product is a subclass.

    A subclass has ``product: Literal["its_name"]``, its own keys, and ``build``. Readers are imported in ``build``, so
    that reading a configuration does not load them.
    """

    is_gridded: ClassVar[bool] = True

    @abstractmethod
    def build(self) -> Product:
        """Create the product: its properties, and the function that opens its files. Local: no communication.

        Raises
        ------
        ConfigError : the section is not valid, or a package that the reader needs is missing.
        """


def product_of_entry(name: str, entry: CatalogueEntry) -> Product:
    """Create the product of an entry of the catalogue.

    Raises
    ------
    ConfigError : the entry describes stations; or as for ``GriddedEntry.build``.
    """
    if not isinstance(entry, GriddedEntry):
        raise ConfigError(f"catalogue.{name}: product {entry.product} is of stations; expected a gridded product.")
    return entry.build()
