"""A station reader: one CSV table of all probes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.stations.entry import StationEntry
from landda_hpc.formats.stations.station import StationSeries

COLUMNS = ["station", "lat", "lon", "depth_m", "time", "sm"]


class ProbeTable(StationEntry):
    """A table with the columns station, lat, lon, depth_m, time (UTC) and sm (m3 m-3)."""

    product: Literal["probe_table"]
    network: str = Field("probes", max_length=40, description="name of the network in tables and figures")

    def read(self, path: Path, period: tuple[datetime, datetime]) -> list[StationSeries]:
        """See ``StationEntry.read``."""
        if not path.is_file():
            raise MissingFileError(f"'{path}' does not exist.")
        try:
            table = pd.read_csv(path, parse_dates=["time"])[COLUMNS].sort_values("time")
        except (KeyError, ValueError) as error:
            raise DataError(f"'{path}' is not a table with the columns {', '.join(COLUMNS)}: {error}.") from error
        return [
            StationSeries(
                network=self.network,
                station=str(station),
                sensor="probe",
                lat=float(lat),
                lon=float(lon),
                elevation_m=float("nan"),
                depth_m=(float(depth), float(depth)),
                variable="soil_moisture",
                units="m3 m-3",
                times=lines["time"].to_numpy("datetime64[s]"),
                values=lines["sm"].to_numpy(np.float64),
                flags=np.full(len(lines), "G"),
                source=str(path),
            )
            for (station, lat, lon, depth), lines in table.groupby(["station", "lat", "lon", "depth_m"])
        ]
