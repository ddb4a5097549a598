"""Base section of station readers: an entry of the catalogue that describes its files."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from landda_hpc.config.observations import CatalogueEntry
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.formats.stations.station import StationSeries


class StationEntry(CatalogueEntry):
    """Section of a station reader; each reader is a subclass.

    A subclass has ``product: Literal["its_name"]``, its own keys, and ``read``.
    """

    is_gridded: ClassVar[bool] = False

    @abstractmethod
    def read(self, path: Path, period: tuple[datetime, datetime]) -> list[StationSeries]:
        """Read the soil moisture of all sensors.

        Parameters
        ----------
        path : the entry's ``path`` under ``data_root``.
        period : first and last time needed, UTC; series may be longer.

        Raises
        ------
        MissingFileError : the path does not exist.
        DataError : a file cannot be read, and ``damaged`` is "error".

        Notes
        -----
        Local: no communication. A file that cannot be read is skipped with a warning if ``damaged`` is "skip".
        """


def read_stations(
    name: str, entry: CatalogueEntry, path: Path, period: tuple[datetime, datetime]
) -> list[StationSeries]:
    """Read the soil moisture of all sensors of an entry of the catalogue.

    Raises
    ------
    ConfigError : the entry is a gridded product.
    MissingFileError, DataError : as for ``StationEntry.read``.
    """
    if not isinstance(entry, StationEntry):
        raise ConfigError(f"catalogue.{name}: product {entry.product} is gridded; expected stations.")
    return entry.read(path, period)
