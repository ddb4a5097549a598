"""What a campaign writes down after each cycle: scores, innovation statistics, water ledger, images. Rank 0 only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from landda_hpc import __version__
from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.depths import profile_cells, profile_records, write_layers
from landda_hpc.campaign.domain import Domain, depth_name
from landda_hpc.config import CampaignConfig
from landda_hpc.constants import FloatArray
from landda_hpc.image.distribute import LEDGER_ACCOUNTS
from landda_hpc.observation.feedback import collect, feedback_name, write_feedback
from landda_hpc.observation.image import ImageObservation
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.images import Provenance, write_image
from landda_hpc.verification.records import ASSIMILATED_REFERENCE, TRUTH, ScoreRecord, last_stage
from landda_hpc.verification.scores import score


@dataclass(eq=False)
class CycleImages:
    """Cell means of every instance at one time, on roots (None elsewhere).

    Attributes
    ----------
    time : valid time.
    background, analysis : by instance, before and after the analysis; shape (n_cells, 2 + n_depths or more): observed
        depth and each scored layer, m3 m-3, NaN without updatable soil; last, the share of frozen soil. Before it all
        soil layers, where the campaign records profiles.
    observation : what was observed, after quality control; None where nothing was.
    other_layers : the product's layers that are not assimilated, by layer name, m3 m-3, (n_lat, n_lon).
    """

    time: datetime
    background: dict[str, FloatArray | None] = field(default_factory=dict)
    analysis: dict[str, FloatArray | None] = field(default_factory=dict)
    observation: ImageObservation | None = None
    other_layers: dict[str, FloatArray] = field(default_factory=dict)

    def rows(self, stage: str, name: str) -> FloatArray | None:
        return (self.analysis if stage == "analysis" else self.background).get(name)

    def latest(self, name: str) -> FloatArray | None:
        """What the instance goes on with: after the analysis where there was one."""
        analysed = self.analysis.get(name)
        return self.background.get(name) if analysed is None else analysed


class Recorder:
    """Turns a cycle's images into records and files."""

    def __init__(self, config: CampaignConfig, domain: Domain, folder: CampaignFolder) -> None:
        self._config, self._domain, self._folder = config, domain, folder
        self._observed_layer = depth_name(config.observations.depth_m)
        self._is_scored = domain.cells.from_image(domain.is_scored.astype(np.float64)) > 0.0
        self._profile_cells = profile_cells(domain, config.output.profiles)

    def record(
        self,
        cycle: int,
        time: datetime,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> str:
        """Write everything that the configuration asks for; returns one line for people."""
        scores = list(self._scores(cycle, images, analyses))
        self._folder.append_records("scores", [json.loads(s.to_json()) for s in scores])
        lines = list(self._cycle_records(cycle, time, images, analyses, accounts, drift_accounts))
        self._folder.append_records("cycles", lines)
        if self._profile_cells:
            states = ((name, images.latest(name)) for name in self._config.instance_names)
            lines = list(profile_records(cycle, time, self._domain, self._profile_cells, states))
            self._folder.append_records("profiles", lines)
        if self._config.observations.feedback and images.observation is not None:
            self._write_feedback(images.observation, images)
        output = self._config.output
        if (cycle * self._config.time.cycle_hours) % output.every_hours == 0 or time in output.times:
            for run in self._config.runs:
                self._write_images(run.name, time, images, analyses)
        return _headline(scores, self._observed_layer)

    def record_seconds(
        self, cycle: int, seconds: dict[str, dict[str, float]], bytes_sent: list[int], peak_mb: list[float]
    ) -> None:
        """Write what differs between machines and layouts, apart from the results."""
        self._folder.append_records(
            "seconds",
            [
                {
                    "cycle": cycle,
                    "seconds": seconds,
                    "bytes_sent_max": max(bytes_sent),
                    "bytes_sent_total": sum(bytes_sent),
                    "peak_memory_mb_max": max(peak_mb),
                }
            ],
        )

    # ------------------------------------------------------------------ scores

    def _scores(self, cycle: int, images: CycleImages, analyses: dict[str, Analysis]) -> Iterator[ScoreRecord]:
        window = "assimilation" if cycle <= self._config.time.n_analyses else "forecast"
        truth = images.background.get("nature")
        for run in self._config.runs:
            stages = ("background", "analysis") if run.name in analyses else ("forecast",)
            for stage in stages:
                rows = images.rows(stage, run.name)
                if rows is None:
                    continue
                common = {"cycle": cycle, "time": images.time, "run": run.name, "stage": stage, "window": window}
                if truth is not None:
                    for i, layer in enumerate(self._domain.depth_names):
                        yield self._score(rows, rows[:, 1 + i], truth[:, 1 + i], reference=TRUTH, layer=layer, **common)
                if images.observation is not None:
                    observed = self._domain.cells.from_image(images.observation.values)
                    yield self._score(
                        rows,
                        rows[:, 0],
                        observed,
                        reference=ASSIMILATED_REFERENCE,
                        layer=self._observed_layer,
                        **common,
                    )
                    for i, layer in enumerate(self._domain.depth_names):
                        if layer in images.other_layers:
                            product = self._domain.cells.from_image(images.other_layers[layer])
                            reference = f"{images.observation.source}, not assimilated"
                            yield self._score(rows, rows[:, 1 + i], product, reference=reference, layer=layer, **common)

    def _score(self, rows: FloatArray, values: FloatArray, reference_values: FloatArray, **labels: Any) -> ScoreRecord:
        """Score over cells with enough updatable soil that is not frozen."""
        counted = self._is_scored & (rows[:, -1] == 0.0)
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
        for run in self._config.runs:
            rows = images.background[run.name]
            assert rows is not None, "rank 0 is a root and holds all rows"
            frozen = int(np.count_nonzero(rows[:, -1] > 0.0))
            record: dict[str, Any] = {"cycle": cycle, "time": time.isoformat(), "run": run.name, "frozen_cells": frozen}
            if images.observation is not None:
                record |= self._innovations(rows, images.analysis.get(run.name), images.observation)
                record["observations"] = images.observation.counts
                if self._config.observations.withheld is not None:
                    record["withheld"] = self._withheld(rows, images.analysis.get(run.name), images.observation)
            if run.name in analyses:
                record |= analyses[run.name].diagnostics
                record["water"] = self._water(accounts[run.name])
            if run.name in drift_accounts:
                record["drift_water"] = self._water(drift_accounts[run.name])
            yield record

    def _innovations(
        self, background: FloatArray, analysis: FloatArray | None, observation: ImageObservation
    ) -> dict[str, float | int | None]:
        """Mean and standard deviation of O-B and O-A over observed cells, m3 m-3."""
        return self._departures(background, analysis, observation.values)

    def _withheld(
        self, background: FloatArray, analysis: FloatArray | None, observation: ImageObservation
    ) -> dict[str, float | int | None]:
        """The same over cells whose observation was withheld."""
        values = np.where(observation.is_withheld, observation.given, np.nan)
        return self._departures(background, analysis, values)

    def _departures(
        self, background: FloatArray, analysis: FloatArray | None, values: FloatArray
    ) -> dict[str, float | int | None]:
        observed = self._domain.cells.from_image(values)
        used = np.isfinite(observed) & np.isfinite(background[:, 0])
        innovation = (observed - background[:, 0])[used]
        residual = None if analysis is None else (observed - analysis[:, 0])[used]
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

    # ------------------------------------------------------------------ images

    def _write_feedback(self, observation: ImageObservation, images: CycleImages) -> None:
        """Every observation of the time, with what the runs had there."""
        cells, runs = self._domain.cells, [run.name for run in self._config.runs]
        rows = {name: images.background[name] for name in runs}
        after = {name: images.analysis.get(name) for name in runs}
        feedback = collect(
            observation,
            self._domain.grid,
            {name: cells.to_image(image[:, 0]) for name, image in rows.items() if image is not None},
            {name: cells.to_image(image[:, 0]) for name, image in after.items() if image is not None},
        )
        path = self._folder.feedback / feedback_name(observation.time)
        write_feedback(path, feedback, {"campaign": self._config.name})

    def _write_images(self, run: str, time: datetime, images: CycleImages, analyses: dict[str, Analysis]) -> None:
        cells, wanted = self._domain.cells, set(self._config.output.fields)
        fields: dict[str, FloatArray] = {}
        background, analysis, truth = images.background[run], images.analysis.get(run), images.background.get("nature")
        if background is not None:
            is_analysed = run in analyses
            if is_analysed and "background" in wanted:
                fields["background"] = cells.to_image(background[:, 0])
            if not is_analysed and wanted & {"background", "analysis"}:
                fields["forecast"] = cells.to_image(background[:, 0])
            if analysis is not None and "analysis" in wanted:
                fields["analysis"] = cells.to_image(analysis[:, 0])
            if analysis is not None and "increment" in wanted:
                # What reached the soil; what was asked for beside it is in the water ledger of cycles.jsonl.
                fields["increment"] = cells.to_image(analysis[:, 0] - background[:, 0])
            spread = analyses[run].spread if is_analysed else None
            if spread is not None and "spread" in wanted:
                fields["spread"] = spread
            if images.observation is not None:
                if "observation" in wanted:
                    fields["observation"] = images.observation.values
                if "innovation" in wanted:
                    fields["innovation"] = images.observation.values - cells.to_image(background[:, 0])
        if truth is not None and "truth" in wanted:
            fields["truth"] = cells.to_image(truth[:, 0])
        if fields:
            write_image(
                self._folder.images,
                run,
                self._domain.grid,
                time,
                {name: (image, {}) for name, image in fields.items()},
                self._provenance(run),
                depth_m=self._config.observations.depth_m,
                is_land=self._domain.is_land,
            )

        state = images.latest(run)
        if self._config.output.layers and state is not None:
            provenance = self._provenance(run)
            write_layers(self._folder.images, self._config, self._domain, run, time, state, truth, provenance)

    def _provenance(self, run: str) -> Provenance:
        return Provenance(
            title=f"Soil moisture images of run {run}, campaign {self._config.name}",
            history=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} landda_hpc {__version__}",
            source=f"landda_hpc {__version__}, embedded column model; configuration beside this folder (config.yaml)",
            references="Bai et al. (2026), doi:10.5194/gmd-19-4977-2026; "
            "Shen et al. (2024), doi:10.5194/gmd-17-3447-2024",
        )


def _headline(scores: list[ScoreRecord], layer: str) -> str:
    """The surface scores of every run, for progress and log."""
    reference = TRUTH if any(s.reference == TRUTH for s in scores) else ASSIMILATED_REFERENCE
    parts = [
        f"{s.run} {s.scc:.2f}/{s.ubrmse:.3f}"
        for s in last_stage(scores)
        if s.layer == layer and s.reference == reference
    ]
    return f"SCC/ubRMSE {layer} against {reference}: " + ", ".join(parts) if parts else "no reference at this time"
