"""Downloads of the International Soil Moisture Network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from landda_hpc.formats.stations.entry import StationEntry

if TYPE_CHECKING:
    from landda_hpc.formats.stations.station import StationSeries


class IsmnEntry(StationEntry):
    """A download of the International Soil Moisture Network: a folder, a zip archive or one .stm file."""

    product: Literal["ismn"]

    def read(self, path: Path, period: tuple[datetime, datetime]) -> list[StationSeries]:
        """See ``StationEntry.read``."""
        from landda_hpc.formats.stations.station_ismn import read_ismn

        return read_ismn(path, on_bad=self.damaged, period=period)
