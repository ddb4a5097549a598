"""Observations that are withheld from the analysis, by rule or list, for verification."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.observation.superobbing import cells_of_points
from landda_hpc.random_fields.keyed import keyed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.config import WithheldConfig
    from landda_hpc.constants import BoolArray, IntArray
    from landda_hpc.grid import Grid

_PURPOSE = "withheld observation"


class Withholding:
    """Selection of the cells whose observations are withheld at a time.

    Parameters
    ----------
    config : the rules.
    grid : the model grid.
    seed : of the campaign.
    data_root : folder of the list, if there is one.
    analyses : analysis times, ascending. A time of the list between two of them is an error, because its observation
        would be used. None: no check.

    Raises
    ------
    MissingFileError : the list does not exist.
    DataError : the list cannot be read, or has invalid places or times.
    ConfigError : a box contains no cell of the grid.

    Notes
    -----
    Local: no communication. Draws are keyed by seed, block and (if they differ between times) valid time: they do not
    depend on what is observed.
    """

    def __init__(
        self,
        config: WithheldConfig,
        grid: Grid,
        seed: int,
        data_root: Path,
        analyses: Sequence[datetime] | None = None,
    ) -> None:
        self._config, self._grid, self._seed = config, grid, seed
        self._blocks, self._n_blocks = _blocks(grid, config.block_deg)
        self._always = np.zeros(grid.shape, dtype=np.bool_)
        for box in config.boxes:
            inside = _inside(grid, box)
            if not inside.any():
                raise ConfigError(f"observations.withheld.boxes: no cell of the grid lies in {box}.")
            self._always |= inside
        self._listed: dict[datetime, IntArray] = {}
        if config.list_file is not None:
            self._read_list(data_root / config.list_file)
            self._require_analyses(data_root / config.list_file, analyses or ())
        if config.fraction > 0.0 and not config.redraw:
            self._always |= self._draw("always")

    def mask(self, time: datetime) -> BoolArray:
        """Cells whose observations are withheld at a time, shape of the grid."""
        if time in self._config.times:
            return np.ones(self._grid.shape, dtype=np.bool_)
        mask = self._always.copy()
        if self._config.fraction > 0.0 and self._config.redraw:
            mask |= self._draw(time.isoformat())
        if time in self._listed:
            mask.ravel()[self._listed[time]] = True
        return mask

    def _draw(self, key: str) -> BoolArray:
        drawn = keyed_generator(self._seed, _PURPOSE, key).random(self._n_blocks) < self._config.fraction
        withheld: BoolArray = drawn[self._blocks]
        return withheld

    def _read_list(self, path: Path) -> None:
        """Lines of lat, lon and time; time is empty for all times."""
        if not path.is_file():
            raise MissingFileError(f"list of withheld observations '{path}' does not exist.")
        timed: dict[datetime, list[int]] = {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                if not {"lat", "lon"} <= set(reader.fieldnames or ()):
                    raise ValueError(f"columns {reader.fieldnames}")
                for row in reader:
                    lat, lon = float(row["lat"]), float(row["lon"])
                    if not (-90.0 <= lat <= 90.0 and -360.0 <= lon <= 720.0):
                        raise ValueError(f"line {reader.line_num}: latitude {lat:g}, longitude {lon:g}")
                    time = _utc((row.get("time") or "").strip())
                    cell = int(cells_of_points(np.array([lat]), np.array([lon]), self._grid)[0])
                    if cell < 0:
                        continue  # the list may cover more than this domain
                    if time is not None:
                        timed.setdefault(time, []).append(cell)
                    else:
                        self._always.ravel()[cell] = True
        except (ValueError, TypeError, csv.Error, OSError) as error:
            raise DataError(
                f"list of withheld observations '{path}' cannot be read ({error}); expected CSV with columns lat, lon "
                "in degrees and time as 2022-06-02T06:00, or empty for all times."
            ) from error
        self._listed = {time: np.array(cells, dtype=np.int64) for time, cells in timed.items()}

    def _require_analyses(self, path: Path, analyses: Sequence[datetime]) -> None:
        known = set(analyses)
        between = sorted(t for t in self._listed if known and analyses[0] <= t <= analyses[-1] and t not in known)
        if between:
            raise DataError(
                f"list of withheld observations '{path}' has {len(between)} times that are not analysis times, the "
                f"first is {between[0].isoformat()}: these observations would be used. Give analysis times, UTC."
            )


def _utc(text: str) -> datetime | None:
    """A time of the list, naive UTC; None for all times."""
    if not text:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _blocks(grid: Grid, size: float) -> tuple[IntArray, int]:
    """Index of the block in which each cell's centre lies, shape of the grid, and the number of blocks."""
    if size == 0.0:
        return np.arange(grid.n_cells, dtype=np.int64).reshape(grid.shape), grid.n_cells
    n_columns = int(np.ceil(360.0 / size))
    rows = np.floor((grid.lat + 90.0) / size).astype(np.int64)
    columns = np.floor(np.mod(grid.lon, 360.0) / size).astype(np.int64)
    return rows[:, None] * n_columns + columns, (int(np.floor(180.0 / size)) + 1) * n_columns


def _inside(grid: Grid, box: tuple[float, float, float, float]) -> BoolArray:
    """Cells whose centre lies in a box, west of its eastern edge; longitudes may differ by whole turns."""
    south, north, west, east = box
    is_row = (grid.lat >= south) & (grid.lat <= north)
    is_column = np.mod(grid.lon - west, 360.0) <= east - west
    return is_row[:, None] & is_column[None, :]
