"""Records of a campaign after each cycle: scores, innovation statistics, water ledger. Rank 0 only."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.depths import profile_cells, profile_records
from landda_hpc.campaign.ensemble_records import EnsembleRecords
from landda_hpc.campaign.run_rows import MemberRows, RunRows
from landda_hpc.config import CampaignConfig, Observations, OutputConfig, Run, TimeConfig, VerificationConfig
from landda_hpc.constants import FloatArray
from landda_hpc.evaluation.innovations_by_scale import WARNS_AFTER, InnovationsByScale, implausible_errors
from landda_hpc.instances.domain import Domain, depth_name
from landda_hpc.instances.instance import NATURE
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder, RecordName
from landda_hpc.storage.record_inventory import Inventory, WrittenFile
from landda_hpc.verification.statistics.scores import score
from landda_hpc.verification.tables.score_records import (
    ASSIMILATED_REFERENCE,
    ASSIMILATED_STATIONS,
    TRUTH,
    UNOBSERVED_TRUTH,
    WITHHELD_STATIONS,
    ScoreRecord,
    headline,
)
from landda_hpc.water_ledger import LEDGER_ACCOUNTS

logger = logging.getLogger(__name__)
step_log = logging.getLogger("landda_hpc.steps")


_RECENT: Final = 400
"""Cycles whose innovations are compared with the assumed errors."""

Stage = Literal["background", "analysis"]


@dataclass(eq=False)
class CycleImages:
    """Cell means of every run at one time, on roots (None elsewhere).

    Attributes
    ----------
    time : valid time.
    background, analysis : by run, before and after the analysis; of the mean of an ensemble; shape (n_cells,
        n_columns), see ``Columns``; m3 m-3, NaN without updatable soil.
    members : members of the ensembles, by stage, 'background' or 'analysis', and run.
    observation : after quality control; None without one.
    referee : observation that is not assimilated but determines gains, after quality control; None without one.
    stations : assimilated and withheld stations, after quality control; None without any.
    other_layers : the product's layers that are not assimilated, by layer name, m3 m-3, (n_lat, n_lon).
    """

    time: datetime
    background: dict[str, FloatArray | None] = field(default_factory=dict)
    analysis: dict[str, FloatArray | None] = field(default_factory=dict)
    members: dict[tuple[Stage, str], MemberRows] = field(default_factory=dict)
    observation: ImageObservation | None = None
    referee: ImageObservation | None = None
    stations: ImageObservation | None = None
    other_layers: dict[str, FloatArray] = field(default_factory=dict)

    def put(self, stage: Stage, name: str, rows: RunRows | None) -> None:
        """Keep the cell means of a run; None on ranks that are not roots."""
        target = self.background if stage == "background" else self.analysis
        target[name] = None if rows is None else rows.mean
        if rows is not None and rows.members is not None:
            self.members[stage, name] = rows.members

    def rows_of(self, name: str) -> RunRows | None:
        """The background of a run; None on ranks that are not roots."""
        mean = self.background[name]
        return None if mean is None else RunRows(mean, self.members.get(("background", name)))

    def rows(self, stage: str, name: str) -> FloatArray | None:
        return (self.analysis if stage == "analysis" else self.background).get(name)

    def latest(self, name: str) -> FloatArray | None:
        """The state from which the forecast continues: the analysis, if there was one."""
        analysed = self.analysis.get(name)
        return self.background.get(name) if analysed is None else analysed


@dataclass(frozen=True, eq=False)
class RecordSettings:
    """The sections of a configuration that determine the records.

    Attributes
    ----------
    campaign, seed, data_root : its name, seed and folder of external data.
    runs : of the campaign.
    has_nature : there is a nature run, the truth.
    time, observations, verification, output : of the configuration.
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
        )

    def writes_images(self, cycle: int, time: datetime) -> bool:
        """Whether images of a cycle are written: by cadence, or at a further time."""
        output = self.output
        return (cycle * self.time.cycle_hours) % output.every_hours == 0 or time in output.times


class Recorder:
    """Records a cycle in files of lines, and adds these and the files of images to the campaign's inventory."""

    def __init__(self, settings: RecordSettings, domain: Domain, folder: CampaignFolder, inventory: Inventory) -> None:
        self._settings, self._domain, self._folder, self._inventory = settings, domain, folder, inventory
        self._output, self._runs = settings.output, settings.runs
        self._observed_layer = depth_name(settings.observations.depth_m)
        self._columns = domain.columns
        self._is_scored = domain.cells.from_mask(domain.is_scored)
        self._profile_cells = profile_cells(domain, settings.output.profiles)
        self._by_scale = InnovationsByScale(settings.runs, domain.grid)
        self._ensembles = EnsembleRecords(domain, settings.seed, settings.runs, self._is_scored)
        self._n_analysed = 0

    def record(
        self,
        cycle: int,
        time: datetime,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> str:
        """Write the records of a cycle; return one line for the log."""
        scores = list(self._scores(cycle, images, analyses))
        self._append("scores", cycle, [json.loads(s.to_json()) for s in scores])
        lines = list(self._cycle_records(cycle, time, images, analyses, accounts, drift_accounts))
        self._append("cycles", cycle, lines)
        members = list(self._ensembles.of_cycle(cycle, images, analyses))
        if members:
            self._append("ensembles", cycle, members)
        if self._n_analysed >= WARNS_AFTER:
            for warning in self._ensembles.divergence(lines, images, analyses):
                logger.warning("%s, %s", time.isoformat(timespec="minutes"), warning)
        for name, analysis in analyses.items():
            for text in (text for part in (analysis, *analysis.layers) for text in part.warnings):
                logger.warning("%s, %s: %s", time.isoformat(timespec="minutes"), name, text)
        self._warn_of_errors(len(analyses))
        for line in lines:
            for layer in line.get("layers", ()):
                step_log.info("%d %s", cycle, _layer_line(line["run"], layer))
        if self._profile_cells:
            states = ((name, images.latest(name)) for name in images.background)
            lines = list(profile_records(cycle, time, self._domain, self._profile_cells, states))
            self._append("profiles", cycle, lines)
        return headline(scores, self._observed_layer)

    def add_files(self, files: Iterable[WrittenFile]) -> None:
        """Add the files that the roots wrote in a cycle to the inventory."""
        for file in files:
            self._inventory.add(*file)

    def record_seconds(
        self, cycle: int, seconds: dict[str, dict[str, float]], bytes_sent: list[int], peak_mb: list[float]
    ) -> None:
        """Write records that differ between machines and layouts, separate from the results."""
        self._append(
            "seconds",
            cycle,
            [
                {
                    "cycle": cycle,
                    "seconds": seconds,
                    "bytes_sent_max": max(bytes_sent),
                    "bytes_sent_total": sum(bytes_sent),
                    "peak_memory_mb_max": max(peak_mb),
                    "bytes_kept": self._inventory.n_bytes,
                }
            ],
        )

    def _append(self, name: RecordName, cycle: int, records: list[dict[str, Any]]) -> None:
        self._inventory.appended(name, cycle, self._folder.append_records(name, records))

    # ------------------------------------------------------------------ scores

    def _scores(self, cycle: int, images: CycleImages, analyses: dict[str, Analysis]) -> Iterator[ScoreRecord]:
        window = "assimilation" if cycle <= self._settings.time.n_analyses else "forecast"
        truth = images.background.get(NATURE)
        for run in self._runs:
            stages = ("background", "analysis") if run.name in analyses else ("forecast",)
            for stage in stages:
                rows = images.rows(stage, run.name)
                if rows is None:
                    continue
                common = {"cycle": cycle, "time": images.time, "run": run.name, "stage": stage, "window": window}
                if truth is not None:
                    for i, layer in enumerate(self._domain.depth_names):
                        mine, true = self._columns.depth(rows, i), self._columns.depth(truth, i)
                        yield self._score(rows, mine, true, reference=TRUTH, layer=layer, **common)
                if truth is not None and images.observation is not None and self._settings.verification.unobserved:
                    seen = self._domain.cells.from_mask(images.observation.is_used)
                    for i, layer in enumerate(self._domain.depth_names):
                        unseen = np.where(seen, np.nan, self._columns.depth(truth, i))
                        mine = self._columns.depth(rows, i)
                        yield self._score(rows, mine, unseen, reference=UNOBSERVED_TRUTH, layer=layer, **common)
                for reference, values in self._at_stations(images):
                    observed = self._domain.cells.from_image(values)
                    mine = self._columns.observed(rows)
                    yield self._score(rows, mine, observed, reference=reference, layer=self._observed_layer, **common)
                if images.observation is not None:
                    observed = self._domain.cells.from_image(images.observation.values)
                    yield self._score(
                        rows,
                        self._columns.observed(rows),
                        observed,
                        reference=ASSIMILATED_REFERENCE,
                        layer=self._observed_layer,
                        **common,
                    )
                    for i, layer in enumerate(self._domain.depth_names):
                        if layer in images.other_layers:
                            product = self._domain.cells.from_image(images.other_layers[layer])
                            reference = f"{images.observation.source}, not assimilated"
                            mine = self._columns.depth(rows, i)
                            yield self._score(rows, mine, product, reference=reference, layer=layer, **common)

    def _at_stations(self, images: CycleImages) -> Iterator[tuple[str, FloatArray]]:
        """Name of the reference, and values, m3 m-3, (n_lat, n_lon), of stations that are withheld and assimilated."""
        if images.stations is not None:
            yield WITHHELD_STATIONS, np.where(images.stations.is_withheld, images.stations.given, np.nan)
            yield ASSIMILATED_STATIONS, images.stations.values

    def _score(self, rows: FloatArray, values: FloatArray, reference_values: FloatArray, **labels: Any) -> ScoreRecord:
        """Score over cells with enough updatable soil that is not frozen."""
        counted = self._is_scored & (self._columns.frozen(rows) == 0.0)
        return ScoreRecord.from_score(score(values, reference_values, mask=counted), **labels)

    # ------------------------------------------------------------------ innovations and water

    def _cycle_records(
        self,
        cycle: int,
        time: datetime,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> Iterator[dict[str, Any]]:
        for run in self._runs:
            rows = images.background[run.name]
            assert rows is not None, "rank 0 is a root and holds all rows"
            frozen = int(np.count_nonzero(self._columns.frozen(rows) > 0.0))
            record: dict[str, Any] = {"cycle": cycle, "time": time.isoformat(), "run": run.name, "frozen_cells": frozen}
            if images.observation is not None:
                after, observed = images.analysis.get(run.name), self._columns.observed
                pair = observed(rows), None if after is None else observed(after)
                record |= self._departures(*pair, images.observation.values)
                record |= self._spectra(run, rows, after, images.observation)
                record["observations"] = images.observation.counts
                if self._settings.observations.withheld is not None:
                    record["withheld"] = self._withheld(*pair, images.observation)
            if run.name in analyses:
                record |= analyses[run.name].diagnostics
                if analyses[run.name].layers and images.observation is not None:
                    after = images.analysis[run.name]
                    assert after is not None, "rank 0 is a root and holds all rows"
                    record["layers"] = self._layer_records(rows, after, analyses[run.name], images.observation)
                record["water"] = self._water(accounts[run.name])
            if run.name in drift_accounts:
                record["drift_water"] = self._water(drift_accounts[run.name])
            yield record

    def _layer_records(
        self, background: FloatArray, analysis: FloatArray, analysed: Analysis, observation: ImageObservation
    ) -> list[dict[str, Any]]:
        """Records of each separately analysed layer, from the top down."""
        before, after = self._columns.soil(background), self._columns.soil(analysis)
        return [
            {"layer": k + 1, **self._departures(before[:, k], after[:, k], observation.values), **layer.diagnostics}
            for k, layer in enumerate(analysed.layers)
        ]

    def _spectra(
        self, run: Run, background: FloatArray, analysis: FloatArray | None, observation: ImageObservation
    ) -> dict[str, list[float]]:
        """O-B, O-A and gain by scale and wedge; rows of the run, (n_cells, n_columns)."""
        after = None if analysis is None else self._image(analysis)
        return self._by_scale(run, self._image(background), after, observation.values)

    def _warn_of_errors(self, n_runs: int) -> None:
        """After the first analyses of a job compare the last innovations with the errors that the runs assume."""
        self._n_analysed += bool(n_runs)
        if n_runs and self._n_analysed == WARNS_AFTER:
            settings, domain = self._settings, self._domain
            context = MethodContext(domain.grid, SerialCommunicator(), settings.seed, settings.data_root)
            records = self._folder.last_records("cycles", _RECENT)
            for warning in implausible_errors(records, settings.runs, context, domain.is_soil):
                logger.warning("%s", warning)

    def _withheld(
        self, background: FloatArray, analysis: FloatArray | None, observation: ImageObservation
    ) -> dict[str, float | int | None]:
        """Departures over cells whose observation was withheld."""
        values = np.where(observation.is_withheld, observation.given, np.nan)
        return self._departures(background, analysis, values)

    def _departures(
        self, background: FloatArray, analysis: FloatArray | None, values: FloatArray
    ) -> dict[str, float | int | None]:
        """Mean and standard deviation of O-B and O-A over cells with a value, m3 m-3; images by cell, (n_cells,)."""
        observed = self._domain.cells.from_image(values)
        used = np.isfinite(observed) & np.isfinite(background)
        innovation = (observed - background)[used]
        residual = None if analysis is None else (observed - analysis)[used]
        return {
            "n_observations": int(used.sum()),
            "innovation_mean": float(innovation.mean()) if innovation.size else None,
            "innovation_std": float(innovation.std()) if innovation.size else None,
            "residual_mean": float(residual.mean()) if residual is not None and residual.size else None,
            "residual_std": float(residual.std()) if residual is not None and residual.size else None,
        }

    def _water(self, accounts: FloatArray) -> dict[str, float]:
        """The water ledger, averaged over the area of updatable soil, kg m-2."""
        area = self._domain.cells.from_image(self._domain.grid.area) * self._domain.cells.soil_fraction
        total = float(area.sum())
        return {name: float((accounts[:, i] * area).sum() / total) for i, name in enumerate(LEDGER_ACCOUNTS)}

    def _image(self, rows: FloatArray) -> FloatArray:
        """The observed depth as an image."""
        return self._domain.cells.to_image(self._columns.observed(rows))


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
