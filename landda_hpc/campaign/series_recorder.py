"""Recording of soil water over time, for verification after the campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from landda_hpc.analysis.ensemble.protocol import ordered_mean
from landda_hpc.campaign.file_writer import FileWriter
from landda_hpc.config import SeriesConfig
from landda_hpc.constants import FloatArray
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance, by_run
from landda_hpc.io.provenance import software
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together
from landda_hpc.regridding.depth import layers_down_to, observe
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.mean_files import MeanWriter, is_due
from landda_hpc.storage.series_files import FLUXES, SeriesDay, SeriesFrame, SeriesSlice, SeriesWriter, series_folder
from landda_hpc.storage.written_files import mark_means, mark_series


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
    files : writes them, on roots; None elsewhere.
    cycle : its length; records are as far apart unless the settings have another interval.

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
        files: FileWriter | None,
        cycle: timedelta,
    ) -> None:
        self._step = cycle if settings.every_hours is None else timedelta(hours=settings.every_hours)
        self._has_fluxes = settings.fluxes
        self._domain, self._world, self._traffic, self._files = domain, world, traffic, files
        self._n_layers = layers_down_to(settings.to_depth_m)
        self._observed = domain.observed_weights > 0.0
        self._writer: SeriesWriter | None = None
        self._means: MeanWriter | None = None
        self._last = 0
        with together(world, "making the folder of the series"):
            if traffic.is_root:
                frame = SeriesFrame.of(domain.grid, domain.cells.cell, depths_m)
                if settings.fluxes:
                    frame = replace(frame, step=self._step)
                attributes = {
                    "title": f"Soil water over time, campaign {campaign}",
                    "source": f"{software()}; configuration in config.yaml of the campaign",
                }
                self._writer = SeriesWriter(series_folder(folder.path), frame, attributes, self._step, self._write_day)
                if settings.means:
                    self._means = MeanWriter(folder.path, frame, attributes, timedelta(days=1) // self._step)

    def times_within(self, begin: datetime, end: datetime) -> list[datetime]:
        """Times to be recorded between begin and end of a cycle, without both. Local."""
        return [begin + n * self._step for n in range(1, (end - begin) // self._step)]

    def record(
        self, cycle: int, time: datetime, instances: list[Instance], reports: Mapping[str, ForecastReport | None]
    ) -> None:
        """Record every run; of an ensemble its mean. Collective over the world.

        Parameters
        ----------
        cycle, time : the cycle, and its end or a time within it.
        reports : budgets since the previous record, by instance that this rank holds.
        """
        layers, n_depths, self._last = self._n_layers, len(self._domain.depth_names), cycle
        n_rows = layers + n_depths + 2 + self._has_fluxes * len(FLUXES)
        mine: dict[str, SeriesSlice] = {}
        for number, (name, members) in enumerate(by_run(instances).items()):
            # Of an ensemble the mean over the members, added in order.
            collected = [self._traffic.collect(i.index, self._rows(i, reports), n_rows) for i in members]
            owned = [part for part in collected if part is not None]
            mean = ordered_mean(np.stack(owned)) if owned else None
            rows = self._traffic.to_root(mean, number % self._traffic.n_roots)
            if rows is not None:
                values = np.ascontiguousarray(rows.T, dtype=np.float32)
                depths, (rain, frozen, *fluxes) = values[layers : layers + n_depths], values[layers + n_depths :]
                # A model without energy balance has no heat fluxes.
                known = {flux: of for flux, of in zip(FLUXES, fluxes, strict=False) if not np.isnan(of).all()}
                mine[name] = SeriesSlice(values[:layers], depths, rain, frozen, **known)
        with together(self._world, f"recording the series at {time}"):
            for name, now in mine.items():
                self._add(name, time, now)

    def flush(self) -> None:
        """Add the times that are still in memory to the files to write; before a checkpoint. Local."""
        if self._writer is not None:
            self._writer.flush()

    def _add(self, name: str, time: datetime, now: SeriesSlice) -> None:
        """Add a time to the series and means of a run. Local: a root."""
        assert self._writer is not None and self._files is not None, "only roots have rows"
        self._writer.add(name, time, now)
        if self._means is not None and is_due(time):
            self._files.add([partial(mark_means, self._last, self._means, name, time, now)])

    def _write_day(self, path: Path, run: str, day: SeriesDay) -> None:
        assert self._files is not None, "only roots write"
        # A copy of the times: the day grows while the file is being written.
        day = SeriesDay(day.frame, dict(day.slices), day.attributes)
        self._files.add([partial(mark_series, self._last, path, run, day)])

    def _rows(self, instance: Instance, reports: Mapping[str, ForecastReport | None]) -> FloatArray | None:
        """Layers, standard deviations among tiles, rain, share of frozen tiles, fluxes; (n_cells_local, n)."""
        if instance.model is None or instance.state is None:
            return None
        tiles, theta = instance.model.tiles, volumetric_water(instance.state)
        of_depths = np.stack([observe(theta, weights) for weights in self._domain.depth_weights], axis=1)
        # Relative to the cell's mean; the mean of squares minus the squared mean would lose digits.
        _, cell = np.unique(tiles.cell, return_inverse=True)
        squares = aggregate(tiles, (of_depths - aggregate(tiles, of_depths)[cell]) ** 2)
        frozen = (frozen_layers(instance.state) & self._observed).any(axis=1).astype(np.float64)
        report = reports[instance.name]
        rain = np.full(len(tiles), np.nan) if report is None else report.precipitation
        fluxes = _fluxes(report, self._step) if self._has_fluxes else []
        n = self._n_layers
        others = aggregate(tiles, np.column_stack([theta[:, :n], rain, frozen, *fluxes]))
        return np.column_stack([others[:, :n], np.sqrt(squares), others[:, n:]])


def _fluxes(report: ForecastReport | None, step: timedelta) -> list[FloatArray]:
    """Mean fluxes of a forecast of length ``step`` in the order of ``FLUXES``; NaN without an energy balance."""
    assert report is not None, "checked by the configuration"
    amounts = (report.evapotranspiration, report.runoff, report.drainage)
    energy = report.energy
    unknown = np.full(report.runoff.shape, np.nan)
    heat = [unknown, unknown] if energy is None else [energy.sensible, energy.latent]
    return [*(amount / step.total_seconds() for amount in amounts), *heat]
