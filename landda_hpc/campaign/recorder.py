"""Records of a campaign after each cycle: scores, innovation statistics, water ledger."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.cell_statistics import CellStatistics
from landda_hpc.campaign.cycle_images import CycleImages, Stage
from landda_hpc.campaign.depths import profile_cells, profile_records
from landda_hpc.campaign.ensemble_records import EnsembleRecords
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import CampaignConfig, Observations, OutputConfig, Role, Run, TimeConfig, VerificationConfig
from landda_hpc.constants import FloatArray
from landda_hpc.evaluation.innovations_by_scale import WARNS_AFTER, InnovationsByScale, implausible_errors
from landda_hpc.instances.domain import Domain, depth_name
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import tree_sum
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.storage.campaign_folder import CampaignFolder, RecordName
from landda_hpc.storage.record_inventory import Inventory
from landda_hpc.storage.written_files import WrittenFile
from landda_hpc.verification.statistics.scores import Score
from landda_hpc.verification.tables.score_records import (
    ASSIMILATED_REFERENCE,
    ASSIMILATED_STATIONS,
    TRUTH,
    UNOBSERVED_TRUTH,
    WITHHELD_STATIONS,
    ScoreRecord,
    headline,
    product_reference,
)
from landda_hpc.water_ledger import LEDGER_ACCOUNTS

logger = logging.getLogger(__name__)
step_log = logging.getLogger("landda_hpc.steps")


_RECENT: Final = 400
"""Cycles whose innovations are compared with the assumed errors."""


@dataclass(frozen=True, eq=False)
class RecordSettings:
    """The sections of a configuration that determine the records.

    Attributes
    ----------
    campaign, seed, data_root : its name, seed and folder of external data.
    runs : of the campaign.
    has_nature : there is a nature run, the truth.
    time, observations, verification, output : of the configuration.
    roles : role of each of several products by name; empty with one product.
    """

    campaign: str
    seed: int
    data_root: Path
    runs: tuple[Run, ...]
    has_nature: bool
    time: TimeConfig
    observations: Observations
    verification: VerificationConfig
    output: OutputConfig
    roles: Mapping[str, Role]

    @classmethod
    def of(cls, config: CampaignConfig) -> Self:
        """The settings of a campaign."""
        return cls(
            config.name,
            config.seed,
            config.data_root,
            config.runs,
            config.twin is not None,
            config.time,
            config.observations,
            config.verification,
            config.output,
            config.roles,
        )

    def writes_images(self, cycle: int, time: datetime) -> bool:
        """Whether images of a cycle are written: by cadence, or at a further time."""
        output = self.output
        return (cycle * self.time.cycle_hours) % output.every_hours == 0 or time in output.times


@dataclass(frozen=True, eq=False)
class CycleRecords:
    """The lines of a cycle, complete on rank 0.

    Attributes
    ----------
    cycle, time : number and end of the cycle.
    scores, cycles, ensembles, profiles : lines of the files of these names.
    warnings : for the log.
    n_analysed : runs with an analysis.
    """

    cycle: int
    time: datetime
    scores: list[ScoreRecord]
    cycles: list[dict[str, Any]]
    ensembles: list[dict[str, Any]]
    profiles: list[dict[str, Any]]
    warnings: list[str]
    n_analysed: int


class Recorder:
    """Computes the records of a cycle on the roots, each from its own cells, and writes them on rank 0.

    Parameters
    ----------
    settings, domain, folder : of the campaign.
    inventory : of its records; rank 0 adds the lines and the files of images to it.
    traffic : communication of the roots.
    """

    def __init__(
        self,
        settings: RecordSettings,
        domain: Domain,
        folder: CampaignFolder,
        inventory: Inventory,
        traffic: RootTraffic,
    ) -> None:
        self._settings, self._domain, self._folder, self._inventory = settings, domain, folder, inventory
        self._output, self._runs = settings.output, settings.runs
        self._observed_layer = depth_name(settings.observations.depth_m)
        self._columns, self._owned, self._totals = domain.columns, traffic.owned, traffic.totals
        assert traffic.root_group is not None, "only roots record"
        self._roots = traffic.root_group
        self._is_scored = domain.cells.from_mask(domain.is_scored)[self._owned]
        self._everywhere = np.ones(self._is_scored.size, dtype=np.bool_)
        area = domain.cells.from_image(domain.grid.area) * domain.cells.soil_fraction
        self._area, self._total_area = area[self._owned, None], float(tree_sum(area))
        self._profile_cells = profile_cells(domain, settings.output.profiles)
        self._by_scale = InnovationsByScale(settings.runs, domain.grid)
        self._ensembles = EnsembleRecords(domain, settings.seed, settings.runs, self._is_scored, self._totals)
        self._n_analysed = 0

    def compute(
        self,
        cycle: int,
        time: datetime,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> CycleRecords:
        """Compute the records of a cycle; they are complete on rank 0. Collective over the roots.

        Parameters
        ----------
        cycle, time : number and end of the cycle.
        images : of the cycle.
        analyses : by run.
        accounts, drift_accounts : water ledgers of analyses and drift corrections by run, (n_owned, 5).
        """
        statistics = CellStatistics(self._totals)
        scores = list(self._scores(statistics, cycle, images, analyses))
        spectra = self._spectra(images)
        lines = list(self._cycle_records(statistics, cycle, images, analyses, accounts, drift_accounts, spectra))
        members = list(self._ensembles.of_cycle(statistics, cycle, images, analyses))
        divergence = self._ensembles.divergence(statistics, images, analyses)
        statistics.compute()
        warnings = [
            f"{name}: {text}"
            for name, analysis in analyses.items()
            for part in (analysis, *analysis.layers)
            for text in part.warnings
        ]
        cycles = [line() for line in lines]
        if self._n_analysed >= WARNS_AFTER:
            warnings = [*divergence(cycles), *warnings]
        self._n_analysed += bool(analyses)
        return CycleRecords(
            cycle,
            time,
            [ScoreRecord.from_score(found(), **labels) for labels, found in scores],
            cycles,
            [line() for line in members],
            self._profiles(cycle, images),
            warnings,
            len(analyses),
        )

    def write(self, records: CycleRecords) -> str:
        """Write the records of a cycle; return one line for the log. Local: rank 0."""
        cycle = records.cycle
        self._append("scores", cycle, [json.loads(score.to_json()) for score in records.scores])
        self._append("cycles", cycle, records.cycles)
        if records.ensembles:
            self._append("ensembles", cycle, records.ensembles)
        for text in records.warnings:
            logger.warning("%s, %s", records.time.isoformat(timespec="minutes"), text)
        self._warn_of_errors(records.n_analysed)
        for line in records.cycles:
            for layer in line.get("layers", ()):
                step_log.info("%d %s", cycle, _layer_line(line["run"], layer))
        if self._profile_cells:
            self._append("profiles", cycle, records.profiles)
        return headline(records.scores, self._observed_layer)

    def add_files(self, files: Iterable[WrittenFile]) -> None:
        """Add the files that the roots wrote in a cycle to the inventory. Local: rank 0."""
        for file in files:
            self._inventory.add(file)

    def record_seconds(self, cycle: int, used: dict[str, dict[str, Any]], peak_mb: list[float]) -> None:
        """Write records that differ between machines and layouts, separate from the results. Local: rank 0."""
        self._append(
            "seconds",
            cycle,
            [
                {
                    "cycle": cycle,
                    **used,
                    "peak_memory_mb_max": max(peak_mb),
                    "bytes_kept": self._inventory.n_bytes,
                }
            ],
        )

    def _append(self, name: RecordName, cycle: int, records: list[dict[str, Any]]) -> None:
        self._inventory.appended(name, cycle, self._folder.append_records(name, records))

    # ------------------------------------------------------------------ scores

    def _scores(
        self, statistics: CellStatistics, cycle: int, images: CycleImages, analyses: dict[str, Analysis]
    ) -> Iterator[tuple[dict[str, Any], Callable[[], Score]]]:
        """Labels of each score, and its value when the statistics are computed. Local."""
        window = "assimilation" if cycle <= self._settings.time.n_analyses else "forecast"
        for run in self._runs:
            stages: tuple[Stage, ...] = ("background", "analysis") if run.name in analyses else ("background",)
            for stage in stages:
                rows = images.rows(stage, run.name)
                if rows is None:
                    continue
                common = {
                    "cycle": cycle,
                    "time": images.time,
                    "run": run.name,
                    "stage": stage if run.name in analyses else "forecast",
                    "window": window,
                }
                # Cells with enough updatable soil that is not frozen.
                counted = self._is_scored & (self._columns.frozen(rows.mean) == 0.0)
                for reference, layer, values, truth in self._references(images, rows.mean):
                    yield common | {"reference": reference, "layer": layer}, statistics.compare(values, truth, counted)

    def _references(self, images: CycleImages, rows: FloatArray) -> Iterator[tuple[str, str, FloatArray, FloatArray]]:
        """Each reference of a run: its name, the layer, the run's values and those of the reference, (n_owned,)."""
        truth, observation, columns = images.truth, images.observation, self._columns
        depths = list(enumerate(self._domain.depth_names))
        if truth is not None:
            for i, layer in depths:
                yield TRUTH, layer, columns.depth(rows, i), columns.depth(truth.mean, i)
        if truth is not None and observation is not None and self._settings.verification.unobserved:
            seen = self._domain.cells.from_mask(observation.is_used)[self._owned]
            for i, layer in depths:
                unseen = np.where(seen, np.nan, columns.depth(truth.mean, i))
                yield UNOBSERVED_TRUTH, layer, columns.depth(rows, i), unseen
        if images.stations is not None:
            stations = images.stations
            withheld = np.where(stations.is_withheld, stations.given, np.nan)
            for reference, values in ((WITHHELD_STATIONS, withheld), (ASSIMILATED_STATIONS, stations.values)):
                yield reference, self._observed_layer, columns.observed(rows), self._here(values)
        if observation is not None:
            observed = self._here(observation.values)
            yield ASSIMILATED_REFERENCE, self._observed_layer, columns.observed(rows), observed
            for i, layer in depths:
                if layer in images.product_layers:
                    reference = f"{observation.source}, not assimilated"
                    yield reference, layer, columns.depth(rows, i), images.product_layers[layer]
        for name, product in images.products.items():
            reference = product_reference(name, is_assimilated=self._settings.roles[name] == "assimilate")
            yield reference, self._observed_layer, columns.observed(rows), self._here(product.values)

    def _here(self, image: FloatArray) -> FloatArray:
        """Values of an image in the root's own cells, (n_owned,)."""
        return self._domain.cells.from_image(image)[self._owned]

    # ------------------------------------------------------------------ innovations and water

    def _cycle_records(
        self,
        statistics: CellStatistics,
        cycle: int,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
        spectra: Mapping[str, dict[str, list[float]]],
    ) -> Iterator[Callable[[], dict[str, Any]]]:
        """The record of each run, complete when the statistics are computed. Local."""
        observation, observed = images.observation, self._columns.observed
        for run in self._runs:
            rows, after = images.background[run.name], images.analysis.get(run.name)
            assert rows is not None, "only roots record"
            is_frozen = self._columns.frozen(rows.mean) > 0.0
            parts: list[_Part] = [_frozen_cells(statistics.sum(is_frozen[:, None].astype(np.float64)))]
            parts.append(_known(spectra.get(run.name, {})))
            if observation is not None:
                pair = observed(rows.mean), None if after is None else observed(after.mean)
                parts.append(self._departures(statistics, *pair, observation.values))
                parts.append(_known({"observations": observation.counts}))
                if self._settings.observations.withheld is not None:
                    withheld = np.where(observation.is_withheld, observation.given, np.nan)
                    parts.append(_named("withheld", self._departures(statistics, *pair, withheld)))
            if images.products:
                parts.append(self._product_records(statistics, rows, after, images.products))
            if run.name in analyses:
                analysis = analyses[run.name]
                parts.append(_known(analysis.diagnostics))
                if analysis.layers and observation is not None and after is not None:
                    parts.append(self._layer_records(statistics, rows.mean, after.mean, analysis, observation))
                parts.append(_named("water", self._water(statistics, accounts[run.name])))
            if run.name in drift_accounts:
                parts.append(_named("drift_water", self._water(statistics, drift_accounts[run.name])))
            yield partial(_joined, {"cycle": cycle, "time": images.time.isoformat(), "run": run.name}, parts)

    def _product_records(
        self,
        statistics: CellStatistics,
        rows: RunRows,
        after: RunRows | None,
        products: Mapping[str, ImageObservation],
    ) -> _Part:
        """Records of each of several products: counts by reason, O-B and O-A."""
        observed = self._columns.observed
        pair = observed(rows.mean), None if after is None else observed(after.mean)
        departures = {name: self._departures(statistics, *pair, one.values) for name, one in products.items()}
        return lambda: {
            "products": {name: {"observations": products[name].counts, **found()} for name, found in departures.items()}
        }

    def _layer_records(
        self,
        statistics: CellStatistics,
        background: FloatArray,
        analysis: FloatArray,
        analysed: Analysis,
        observation: ImageObservation,
    ) -> _Part:
        """Records of each separately analysed layer, from the top down."""
        before, after = self._columns.soil(background), self._columns.soil(analysis)
        departures = [
            self._departures(statistics, before[:, k], after[:, k], observation.values)
            for k in range(len(analysed.layers))
        ]
        return lambda: {
            "layers": [
                {"layer": k + 1, **found(), **layer.diagnostics}
                for k, (found, layer) in enumerate(zip(departures, analysed.layers, strict=True))
            ]
        }

    def _departures(
        self, statistics: CellStatistics, background: FloatArray, analysis: FloatArray | None, values: FloatArray
    ) -> _Part:
        """Mean and standard deviation of O-B and O-A over cells with a value, m3 m-3.

        Parameters
        ----------
        background, analysis : in the root's own cells, (n_owned,).
        values : observation, (n_lat, n_lon).
        """
        observed = self._here(values)
        used = np.isfinite(observed) & np.isfinite(background)
        innovation = statistics.compare(observed, background, used)
        residual = None if analysis is None else statistics.compare(observed, analysis, used)

        def record() -> dict[str, Any]:
            before, after = innovation(), None if residual is None else residual()
            return {
                "n_observations": before.n_cells,
                "innovation_mean": _known_number(before.bias),
                "innovation_std": _known_number(before.ubrmse),
                "residual_mean": None if after is None else _known_number(after.bias),
                "residual_std": None if after is None else _known_number(after.ubrmse),
            }

        return record

    def _water(self, statistics: CellStatistics, accounts: FloatArray) -> _Part:
        """The water ledger, averaged over the area of updatable soil, kg m-2; ``accounts`` is (n_owned, 5)."""
        total = statistics.sum(accounts * self._area)
        return lambda: {
            name: float(value) / self._total_area for name, value in zip(LEDGER_ACCOUNTS, total(), strict=True)
        }

    def _spectra(self, images: CycleImages) -> dict[str, dict[str, list[float]]]:
        """Statistics by scale and wedge of each run, on rank 0; each root computes some runs. Collective."""
        observation, mine = images.observation, {}
        truth = None if images.truth is None else self._image(images.truth)
        for run in self._runs[self._roots.rank :: self._roots.size]:
            before, after = images.background[run.name], images.analysis.get(run.name)
            assert before is not None, "only roots record"
            background, analysed = self._image(before), None if after is None else self._image(after)
            members = () if before.members is None else before.members.observed
            of_members = [self._domain.cells.to_image(member) for member in members]
            mine[run.name] = self._by_scale.errors(run, background, analysed, truth, of_members)
            if observation is not None:
                mine[run.name] |= self._by_scale(run, background, analysed, observation.values)
        return {name: found for of_root in self._roots.gather(mine) or () for name, found in of_root.items()}

    def _profiles(self, cycle: int, images: CycleImages) -> list[dict[str, Any]]:
        """Lines of profiles.jsonl on rank 0. Collective."""
        if not self._profile_cells:
            return []
        states = [(name, rows.mean) for name in images.background if (rows := images.latest(name)) is not None]
        mine = list(profile_records(cycle, images.time, self._domain, self._profile_cells, self._owned, states))
        found = [line for of_root in self._roots.gather(mine) or () for line in of_root]
        return [line for _, line in sorted(found, key=lambda one: one[0])]

    def _warn_of_errors(self, n_runs: int) -> None:
        """After the first analyses of a job compare the last innovations with the errors that the runs assume."""
        if n_runs and self._n_analysed == WARNS_AFTER:
            settings, domain = self._settings, self._domain
            context = MethodContext(domain.grid, SerialCommunicator(), settings.seed, settings.data_root)
            records = self._folder.last_records("cycles", _RECENT)
            for warning in implausible_errors(records, settings.runs, context, domain.is_soil):
                logger.warning("%s", warning)

    def _image(self, rows: RunRows) -> FloatArray:
        """The observed depth as an image."""
        return self._domain.cells.to_image(rows.observed)


_Part = Callable[[], dict[str, Any]]
"""Gives a part of a record when the statistics are computed."""


def _joined(labels: dict[str, Any], parts: Sequence[_Part]) -> dict[str, Any]:
    return labels | {key: value for part in parts for key, value in part().items()}


def _named(name: str, part: _Part) -> _Part:
    return lambda: {name: part()}


def _known(values: Mapping[str, Any]) -> _Part:
    return lambda: dict(values)


def _frozen_cells(number: Callable[[], FloatArray]) -> _Part:
    return lambda: {"frozen_cells": int(number()[0])}


def _known_number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _layer_line(run: str, layer: Mapping[str, Any]) -> str:
    """Innovation statistics of one layer's analysis, for the log."""
    if not layer["n_observations"]:
        return f"{run}, layer {layer['layer']}: no observation"
    return (
        f"{run}, layer {layer['layer']}: {layer['n_observations']} observations, "
        f"O-B {layer['innovation_mean']:+.4f} std {layer['innovation_std']:.4f}, "
        f"O-A {layer['residual_mean']:+.4f} std {layer['residual_std']:.4f} m3 m-3, "
        f"{layer['iterations']:.0f} iterations"
    )
