"""Recorded soil water of a campaign, read for verification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from landda_hpc.config import Run, TimeConfig
from landda_hpc.constants import SOIL_ZI, BoolArray, FloatArray
from landda_hpc.errors import StorageError
from landda_hpc.instances.domain import Domain
from landda_hpc.regridding.depth import DepthRange, depth_weights
from landda_hpc.storage.series_files import SeriesSlice, list_series, read_day, series_folder

NATURE = "nature"
"""Name of the nature run, the truth of a twin."""

Take = Callable[[SeriesSlice], FloatArray]
"""Function that returns one array of constant shape for each time."""


class CampaignSeries:
    """Series of all instances of a campaign on one time axis.

    Parameters
    ----------
    folder, domain, runs, time : folder, domain, runs and calendar of the campaign.
    scored_since : first time that is scored.

    Attributes
    ----------
    instances : names of the instances with series; the nature run first, if there is one.
    step : time between two records, a cycle or less.
    times : regular times in this step, from the first recorded time to the last; gaps are NaN.
    time, scored_since : as given.
    n_layers : number of recorded soil layers, from the top.
    scored_depths_m : layers whose standard deviation among tiles was recorded, m.
    baseline : run that others are compared with: the control, if there is one; None with a single run.

    Raises
    ------
    StorageError : series do not exist, are damaged, or have other cells than the configuration.
    """

    def __init__(
        self, folder: Path, domain: Domain, runs: Sequence[Run], time: TimeConfig, scored_since: datetime
    ) -> None:
        files = list_series(series_folder(folder))
        self._files = {name: files[name] for name in (NATURE, *(run.name for run in runs)) if name in files}
        if not self.runs:
            raise StorageError(
                f"{folder} has no series of its runs ({series_folder(folder).name}/ is missing or empty). They are "
                "recorded if the configuration has 'output: {series: {}}'; run the campaign again with it."
            )
        self.time, self.scored_since = time, scored_since
        first = read_day(next(iter(self._files[self.runs[0]].values())))
        if not np.array_equal(first.frame.cell, domain.cells.cell) or first.frame.shape != domain.grid.shape:
            raise StorageError(
                f"the series in {folder} are of {first.frame.cell.size} cells; the configuration has "
                f"{len(domain.cells)} land cells ({domain.grid.describe()}). Do they belong together?"
            )
        self.n_layers = next(iter(first.slices.values())).soil_moisture.shape[0]
        self.scored_depths_m = first.frame.depths_m
        self.instances = tuple(self._files)
        self.step, self.times = self._axis()
        control = next((run.name for run in runs if not run.assimilates), self.runs[0])
        self.baseline = control if len(self.runs) > 1 and control in self.runs else None

    @property
    def runs(self) -> tuple[str, ...]:
        """Instances without the nature run."""
        return tuple(name for name in self._files if name != NATURE)

    @property
    def to_depth_m(self) -> float:
        """Bottom of the recorded layers, m."""
        return float(SOIL_ZI[self.n_layers])

    def collect(self, instance: str, wanted: Mapping[str, Take]) -> dict[str, FloatArray]:
        """Read all times of an instance once.

        Parameters
        ----------
        wanted : functions that are applied to each time, by name.

        Returns
        -------
        Arrays by name, (n_time, ...); NaN at times that were not recorded.
        """
        place = {time: i for i, time in enumerate(self.times)}
        found: dict[str, FloatArray] = {}
        for path in self._files[instance].values():
            for time, values in read_day(path).slices.items():
                for name, take in wanted.items():
                    array = take(values)
                    if name not in found:
                        found[name] = np.full((len(self.times), *array.shape), np.nan)
                    found[name][place[time]] = array
        return found

    def windows(self) -> dict[str, BoolArray]:
        """Return masks of the times of the assimilation window (without unscored times) and of the free forecast."""
        time = self.time
        return {
            "assimilation": np.array([self.scored_since <= t <= time.assimilation_end for t in self.times]),
            "forecast": np.array([t > time.assimilation_end for t in self.times]),
        }

    def weights(self, depth_m: DepthRange) -> FloatArray:
        """Return weights of the recorded layers in the mean over a depth; ConfigError if they are not deep enough."""
        return depth_weights(*depth_m, SOIL_ZI[: self.n_layers + 1])

    def _axis(self) -> tuple[timedelta, tuple[datetime, ...]]:
        found: set[datetime] = set()
        for days in self._files.values():
            ends = sorted(days)
            found |= {*read_day(days[ends[0]]).slices, *read_day(days[ends[-1]]).slices}
        first, last = min(found), max(found)
        step = min([self.time.cycle, *(b - a for a, b in pairwise(sorted(found)))])
        return step, tuple(first + i * step for i in range((last - first) // step + 1))


def unfrozen(values: SeriesSlice) -> FloatArray:
    """Return soil water, (n_layers, n_cells), m3 m-3; NaN in cells with ice in the observed depth, as in scores."""
    water = values.soil_moisture.astype(np.float64)
    water[:, values.frozen > 0.0] = np.nan
    return water
