"""Recording of soil water over time, for verification after the campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from landda_hpc.analysis.ensemble.protocol import ordered_mean
from landda_hpc.config import SeriesConfig
from landda_hpc.constants import FloatArray
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance, by_run
from landda_hpc.io.provenance import software
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together
from landda_hpc.regridding.depth import layers_down_to, observe
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.mean_files import MeanWriter
from landda_hpc.storage.record_inventory import DayMark, Inventory
from landda_hpc.storage.series_files import (
    SeriesFrame,
    SeriesSlice,
    SeriesWriter,
    day_digest,
    series_folder,
)

_Written = tuple[Path, date, DayMark]
"""A file that was written, its last day, and its mark for the inventory."""


class SeriesRecorder:
    """Collects and writes the series of a campaign.

    Parameters
    ----------
    settings : which layers are recorded, and whether means are written.
    campaign : its name.
    depths_m : scored layers.
    domain : of the campaign.
    world, traffic : all ranks, and their communication with the roots.
    folder : of the campaign; the roots write, each the files of some runs.
    inventory : of its records, on rank 0.
    step : length of a cycle.

    Notes
    -----
    Reads states, changes none. Means of cells are sums in tile order, as everywhere, so files have the same content on
    any number of ranks.
    """

    def __init__(
        self,
        settings: SeriesConfig,
        campaign: str,
        depths_m: tuple[tuple[float, float], ...],
        domain: Domain,
        world: Communicator,
        traffic: RootTraffic,
        folder: CampaignFolder,
        inventory: Inventory,
        step: timedelta,
    ) -> None:
        self._domain, self._world, self._traffic, self._inventory = domain, world, traffic, inventory
        self._n_layers = layers_down_to(settings.to_depth_m)
        self._observed = domain.observed_weights > 0.0
        self._writer: SeriesWriter | None = None
        self._means: MeanWriter | None = None
        self._last = 0
        with together(world, "making the folder of the series"):
            if traffic.is_root:
                frame = SeriesFrame.of(domain.grid, domain.cells.cell, depths_m)
                attributes = {
                    "title": f"Soil water over time, campaign {campaign}",
                    "source": f"{software()}; configuration in config.yaml of the campaign",
                }
                self._writer = SeriesWriter(series_folder(folder.path), frame, attributes, step)
                if settings.means:
                    self._means = MeanWriter(folder.path, frame, attributes, timedelta(days=1) // step)

    def record(self, cycle: int, time: datetime, instances: list[Instance], rain: Mapping[str, FloatArray]) -> None:
        """Record every run at the end of a cycle; of an ensemble its mean. Collective over the world.

        Parameters
        ----------
        cycle, time : the cycle and its end.
        rain : of the cycle, by instance that this rank holds, kg m-2, (n_tile,).
        """
        layers, n_depths, self._last = self._n_layers, len(self._domain.depth_names), cycle
        mine: dict[str, SeriesSlice] = {}
        for number, (name, members) in enumerate(by_run(instances).items()):
            # Of an ensemble the mean over the members, added in order.
            collected = [self._traffic.collect(i.index, self._rows(i, rain), layers + n_depths + 2) for i in members]
            owned = [part for part in collected if part is not None]
            mean = ordered_mean(np.stack(owned)) if owned else None
            rows = self._traffic.to_root(mean, number % self._traffic.n_roots)
            if rows is not None:
                values = np.ascontiguousarray(rows.T, dtype=np.float32)
                mine[name] = SeriesSlice(values[:layers], values[layers : layers + n_depths], values[-2], values[-1])
        written: list[_Written] = []
        with together(self._world, f"recording the series at {time}"):
            for name, now in mine.items():
                written += self._add(name, time, now)
        self._enter(written)

    def flush(self) -> None:
        """Write the times that are still in memory; before a checkpoint. Collective over the world."""
        written: list[_Written] = []
        with together(self._world, "writing the series"):
            if self._writer is not None:
                written = [self._mark(path, max(times).date(), times) for path, times in self._writer.flush()]
        self._enter(written)

    def _add(self, name: str, time: datetime, now: SeriesSlice) -> Iterator[_Written]:
        """Add a time to the series and means of a run; the files that were written. Local: a root."""
        day = None if self._writer is None else self._writer.add(name, time, now)
        if day is not None:
            yield self._mark(day[0], time.date(), day[1])
        for file, means in self._means.add(name, time, now) if self._means is not None else ():
            yield self._mark(file.path, file.final, means)

    def _mark(self, path: Path, day: date, times: Mapping[datetime, SeriesSlice]) -> _Written:
        return path, day, DayMark(self._last, len(times), day_digest(times))

    def _enter(self, written: list[_Written]) -> None:
        """Add the files that the roots wrote to the inventory of rank 0. Collective over the world."""
        for of_rank in self._world.gather(written) or ():
            for file in of_rank:
                self._inventory.wrote_day(*file)

    def _rows(self, instance: Instance, rain: Mapping[str, FloatArray]) -> FloatArray | None:
        """Layers, standard deviations among tiles, rain, share of frozen tiles; (n_cells_local, n)."""
        if instance.model is None or instance.state is None:
            return None
        tiles, theta = instance.model.tiles, volumetric_water(instance.state)
        of_depths = np.stack([observe(theta, weights) for weights in self._domain.depth_weights], axis=1)
        # Relative to the cell's mean; the mean of squares minus the squared mean would lose digits.
        _, cell = np.unique(tiles.cell, return_inverse=True)
        squares = aggregate(tiles, (of_depths - aggregate(tiles, of_depths)[cell]) ** 2)
        frozen = (frozen_layers(instance.state) & self._observed).any(axis=1).astype(np.float64)
        others = aggregate(tiles, np.column_stack([theta[:, : self._n_layers], rain[instance.name], frozen]))
        return np.column_stack([others[:, :-2], np.sqrt(squares), others[:, -2:]])
