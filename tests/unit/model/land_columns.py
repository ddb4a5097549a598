"""Records of the land model's kernels for tests: an empty tile, and constants of made tiles."""

from __future__ import annotations

from typing import Any

from landda_hpc.model.column.hydraulics import soil_records
from landda_hpc.model.column.land.records import COLUMN, FORCING, TILE, Record, Records, new_records


def empty_tile() -> Record:
    return new_records(TILE, 1)[0]


def soil_columns(tiles) -> Records:
    columns = new_records(COLUMN, len(tiles))
    columns.patchtype = tiles.patchtype
    columns.soil = soil_records(tiles)
    return columns


def filled(dtype: Any, **values: float) -> Record:
    record = new_records(dtype, 1)[0]
    for name, value in values.items():
        setattr(record, name, value)
    return record


def usual_weather(**values: float) -> Record:
    usual = {"temperature": 290.0, "humidity": 0.006, "pressure": 1e5, "wind": 4.0, "longwave": 320.0, "density": 1.2}
    return filled(FORCING, **(usual | values))
