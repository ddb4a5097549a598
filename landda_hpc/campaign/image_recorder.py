"""Files of images and observations after each cycle; the roots share the writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.depths import layer_images
from landda_hpc.campaign.file_writer import Writing
from landda_hpc.campaign.recorder import RecordSettings
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import Run
from landda_hpc.constants import N_UPPER, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.io.provenance import history, software
from landda_hpc.observation.feedback import collect, feedback_name, write_feedback
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import REGIONS, Provenance, layer_innovation_name, member_image_name, write_image
from landda_hpc.storage.written_files import mark_file


@dataclass(frozen=True, eq=False)
class RunFields:
    """Fields of a run in all cells, on the root that writes them.

    Attributes
    ----------
    run : its name.
    by_name : fields besides the observed depth, (n_cells,): see ``ImageRecorder._wanted``.
    """

    run: str
    by_name: Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class CycleFields:
    """What a root needs for its part of the files of a cycle.

    Attributes
    ----------
    cycle, time : number and end of the cycle.
    images, analyses : of the cycle.
    feedback : this root writes the observations.
    runs : runs whose images this root writes.
    """

    cycle: int
    time: datetime
    images: CycleImages
    analyses: Mapping[str, Analysis]
    feedback: bool
    runs: tuple[RunFields, ...]


_SPREAD: Final = "spread"


class ImageRecorder:
    """Describes this root's part of the files of each cycle, for the one that writes them.

    Parameters
    ----------
    settings, domain, folder : of the campaign.
    traffic : communication of the roots.
    """

    def __init__(self, settings: RecordSettings, domain: Domain, folder: CampaignFolder, traffic: RootTraffic) -> None:
        self._settings, self._domain, self._folder, self._traffic = settings, domain, folder, traffic
        self._output, self._runs, self._columns = settings.output, settings.runs, domain.columns
        assert traffic.root_group is not None, "only roots write files"
        self._root = traffic.root_group.rank
        self._image_names = {run.name: self._names_of_images(run) for run in settings.runs}

    def gather(self, cycle: int, time: datetime, images: CycleImages, analyses: dict[str, Analysis]) -> CycleFields:
        """Gather the fields of each run's files on the root that writes them. Collective over the roots.

        The files go round the roots. The last ones come first, because the first one writes the records.
        """
        tasks: list[str | None] = []
        if self._settings.observations.feedback and images.observation is not None:
            tasks.append(None)
        if self._settings.writes_images(cycle, time):
            tasks += [run.name for run in self._runs]
        has_feedback, mine = False, []
        for number, run in enumerate(tasks):
            writer = (self._traffic.n_roots - 1 - number) % self._traffic.n_roots
            if run is None:
                has_feedback = writer == self._root
                continue
            wanted = self._wanted(run, images, analyses)
            whole = self._traffic.to_root(np.stack(list(wanted.values()), axis=1), writer) if wanted else None
            if writer == self._root:
                by_name = {} if whole is None else dict(zip(wanted, np.ascontiguousarray(whole.T), strict=True))
                mine.append(RunFields(run, by_name))
        return CycleFields(cycle, time, images, analyses, has_feedback, tuple(mine))

    def writings(self, fields: CycleFields) -> Iterator[Writing]:
        """What writes each file of this root; the images of one run at a time are in memory. Local: roots.

        Raises
        ------
        StorageError : a folder cannot be made.
        """
        if fields.feedback and fields.images.observation is not None:
            yield partial(mark_file, fields.cycle, self._feedback(fields.images.observation, fields.images))
        for run in fields.runs:
            for write in self._images(run, fields.time, fields.images, fields.analyses):
                yield partial(mark_file, fields.cycle, write)

    def _wanted(self, run: str, images: CycleImages, analyses: Mapping[str, Analysis]) -> dict[str, FloatArray]:
        """Fields of a run's files besides the observed depth of all runs, in the root's own cells, by name."""
        columns = self._columns
        found: dict[str, FloatArray] = {}
        background, latest = images.background[run], images.latest(run)
        if background is None or latest is None:
            return {}
        if "innovation_layers" in self._output.fields and images.observation is not None:
            soil = columns.soil(background.mean)
            found |= {layer_innovation_name(k + 1): soil[:, k] for k in range(N_UPPER)}
        if background.members is not None and run not in analyses and _SPREAD in self._output.fields:
            found[_SPREAD] = columns.observed(background.members.spread)
        if self._output.layers:
            for i, layer in enumerate(self._domain.depth_names):
                found[f"forecast {layer}"] = columns.depth(latest.mean, i)
                if images.truth is not None:
                    found[f"truth {layer}"] = columns.depth(images.truth.mean, i)
        return found

    def _feedback(self, observation: ImageObservation, images: CycleImages) -> Callable[[], Path]:
        """What writes every observation of the time, with the values of the runs."""
        cells, runs = self._domain.cells, [run.name for run in self._runs]
        before = {name: images.background[name] for name in runs}
        after = {name: images.analysis.get(name) for name in runs}
        feedback = collect(
            observation,
            self._domain.grid,
            {name: cells.to_image(rows.observed) for name, rows in before.items() if rows is not None},
            {name: cells.to_image(rows.observed) for name, rows in after.items() if rows is not None},
            images.products,
        )
        path = self._folder.feedback / feedback_name(observation.time)
        return partial(write_feedback, path, feedback, {"campaign": self._settings.campaign})

    def _images(
        self, gathered: RunFields, time: datetime, images: CycleImages, analyses: Mapping[str, Analysis]
    ) -> Iterator[Callable[[], Path]]:
        """What writes the requested images of a run."""
        run, by_name = gathered.run, gathered.by_name
        wanted = set(self._output.fields)
        # Every file of a run has the same variables; variables that do not exist at this time are missing everywhere.
        fields = {name: np.full(self._domain.grid.shape, np.nan) for name in self._image_names[run]}
        background, analysis, truth = images.background[run], images.analysis.get(run), images.truth
        if background is not None:
            is_analysed = run in analyses
            if is_analysed and "background" in wanted:
                fields["background"] = self._image(background)
            if not is_analysed and wanted & {"background", "analysis"}:
                fields["forecast"] = self._image(background)
            if analysis is not None and "analysis" in wanted:
                fields["analysis"] = self._image(analysis)
            if analysis is not None and "increment" in wanted:
                # The increment that reached the soil; the requested one is in the water ledger of cycles.jsonl.
                fields["increment"] = self._image(analysis) - self._image(background)
            regions = analyses[run].regions if is_analysed else None
            if regions is not None and "increment" in wanted:
                fields[REGIONS] = np.where(self._domain.is_soil, regions, np.nan)
            # Of an ensemble without an analysis at this time the spread is gathered.
            free = self._domain.cells.to_image(by_name[_SPREAD]) if _SPREAD in by_name else None
            spread = analyses[run].spread if is_analysed else free
            if spread is not None and _SPREAD in wanted:
                fields[_SPREAD] = spread
            if images.observation is not None:
                observed = images.observation.values
                if "observation" in wanted:
                    fields["observation"] = observed
                if "innovation" in wanted:
                    fields["innovation"] = observed - self._image(background)
                if "innovation_layers" in wanted:
                    for name in (layer_innovation_name(k) for k in range(1, N_UPPER + 1)):
                        fields[name] = observed - self._domain.cells.to_image(by_name[name])
        if truth is not None and "truth" in wanted:
            fields["truth"] = self._image(truth)
        fields |= self._shown_members(run, images)
        if fields:
            yield partial(
                write_image,
                self._folder.images,
                run,
                self._domain.grid,
                time,
                {name: (image, {}) for name, image in fields.items()},
                self._provenance(run),
                depth_m=self._settings.observations.depth_m,
                is_land=self._domain.is_land,
            )

        if self._output.layers and background is not None:
            provenance = self._provenance(run)
            images_folder, depths_m = self._folder.images, self._settings.verification.depths_m
            layers = {
                layer: {
                    name: by_name[f"{name} {layer}"] for name in ("forecast", "truth") if f"{name} {layer}" in by_name
                }
                for layer in self._domain.depth_names
            }
            yield from layer_images(images_folder, depths_m, self._domain, run, time, layers, provenance)

    def _names_of_images(self, run: Run) -> tuple[str, ...]:
        """Variables of the run's image files, in their order."""
        wanted = set(self._output.fields)
        names = ["background"] if run.assimilates and "background" in wanted else []
        names += ["forecast"] if wanted & {"background", "analysis"} else []
        names += [name for name in ("analysis", "increment") if run.assimilates and name in wanted]
        names += ["spread"] if (run.assimilates or run.ensemble) and "spread" in wanted else []
        names += [name for name in ("observation", "innovation") if name in wanted]
        if "innovation_layers" in wanted:
            names += [layer_innovation_name(k) for k in range(1, N_UPPER + 1)]
        names += [REGIONS] if run.finds_regions and "increment" in wanted else []
        names += ["truth"] if "truth" in wanted and self._settings.has_nature else []
        return (*names, *(member_image_name(m) for m in (run.ensemble.shown if run.ensemble else ())))

    def _shown_members(self, run: str, images: CycleImages) -> dict[str, FloatArray]:
        """Images of the chosen members of an ensemble, from which their forecasts continue."""
        latest = images.latest(run)
        members = None if latest is None else latest.members
        shown = next((r.ensemble.shown for r in self._runs if r.name == run and r.ensemble), ())
        if members is None:
            return {}
        to_image = self._domain.cells.to_image
        return {member_image_name(m): to_image(members.observed[m - 1]) for m in shown}

    def _image(self, rows: RunRows) -> FloatArray:
        """The observed depth as an image."""
        return self._domain.cells.to_image(rows.observed)

    def _provenance(self, run: str) -> Provenance:
        return Provenance(
            title=f"Soil moisture images of run {run}, campaign {self._settings.campaign}",
            history=history(),
            source=f"{software()}; configuration next to this folder (config.yaml)",
            references="Bai et al. (2026), doi:10.5194/gmd-19-4977-2026; "
            "Shen et al. (2024), doi:10.5194/gmd-17-3447-2024",
        )
