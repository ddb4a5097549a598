"""Station tables in the format of the China Meteorological Administration."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.formats.stations.entry import StationEntry

if TYPE_CHECKING:
    from landda_hpc.formats.stations.station import StationSeries


class CmaCsvEntry(StationEntry):
    """Station tables in the format of the China Meteorological Administration: a file, a folder or a zip archive."""

    product: Literal["cma_csv"]
    utc_offset_hours: float = Field(
        0.0, ge=-12.0, le=14.0, description="offset of the files' times from UTC, h; 8 for Beijing"
    )
    table_units: Literal["detect", "percent", "fraction"] = Field(
        "detect",
        description="unit of soil moisture if the column names do not give one: percent by volume, fraction "
        "(m3 m-3), or detected from all values of the tables",
    )

    def read(self, path: Path, period: tuple[datetime, datetime]) -> list[StationSeries]:
        """See ``StationEntry.read``."""
        from landda_hpc.formats.stations.station_csv import read_station_csv

        return read_station_csv(
            path, utc_offset_hours=self.utc_offset_hours, on_bad=self.damaged, units=self.table_units
        )
