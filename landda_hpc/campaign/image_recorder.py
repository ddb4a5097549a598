"""Files of images and observations after each cycle; the roots, which all hold the images, share the writing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.depths import write_layers
from landda_hpc.campaign.recorder import CycleImages, RecordSettings
from landda_hpc.config import Run
from landda_hpc.constants import N_UPPER, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import NATURE
from landda_hpc.io.provenance import history, software
from landda_hpc.observation.feedback import collect, feedback_name, write_feedback
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import REGIONS, Provenance, layer_innovation_name, member_image_name, write_image
from landda_hpc.storage.record_inventory import FileMark, WrittenFile


class ImageRecorder:
    """Writes this root's part of the files of each cycle.

    Parameters
    ----------
    settings, domain, folder : of the campaign.
    root, n_roots : number of this rank in the root group, and their number.
    """

    def __init__(
        self, settings: RecordSettings, domain: Domain, folder: CampaignFolder, root: int = 0, n_roots: int = 1
    ) -> None:
        self._settings, self._domain, self._folder = settings, domain, folder
        self._output, self._runs, self._columns = settings.output, settings.runs, domain.columns
        self._root, self._n_roots = root, n_roots
        self._image_names = {run.name: self._names_of_images(run) for run in settings.runs}

    def write(
        self, cycle: int, time: datetime, images: CycleImages, analyses: dict[str, Analysis]
    ) -> list[WrittenFile]:
        """Write the files that fall to this root, and return them for the inventory. Local: roots.

        Every root has the same arguments. The last roots come first, because the first one scores at the same time.

        Raises
        ------
        StorageError : a file cannot be written, or read back.
        """
        tasks: list[Callable[[], list[Path]]] = []
        if self._settings.observations.feedback and images.observation is not None:
            tasks.append(partial(self._write_feedback, images.observation, images))
        if self._settings.writes_images(cycle, time):
            tasks += [partial(self._write_images, run.name, time, images, analyses) for run in self._runs]
        mine = tasks[self._n_roots - 1 - self._root :: self._n_roots]
        return [(path, FileMark.of(path, cycle)) for task in mine for path in task()]

    def _write_feedback(self, observation: ImageObservation, images: CycleImages) -> list[Path]:
        """Write every observation of the time, with the values of the runs; return the file."""
        cells, runs = self._domain.cells, [run.name for run in self._runs]
        rows = {name: images.background[name] for name in runs}
        after = {name: images.analysis.get(name) for name in runs}
        feedback = collect(
            observation,
            self._domain.grid,
            {name: cells.to_image(self._columns.observed(image)) for name, image in rows.items() if image is not None},
            {name: cells.to_image(self._columns.observed(image)) for name, image in after.items() if image is not None},
        )
        path = self._folder.feedback / feedback_name(observation.time)
        write_feedback(path, feedback, {"campaign": self._settings.campaign})
        return [path]

    def _write_images(self, run: str, time: datetime, images: CycleImages, analyses: dict[str, Analysis]) -> list[Path]:
        """Write the requested images of a run; return the files."""
        written: list[Path] = []
        wanted = set(self._output.fields)
        # Every file of a run has the same variables; variables that do not exist at this time are missing everywhere.
        fields = {name: np.full(self._domain.grid.shape, np.nan) for name in self._image_names[run]}
        background, analysis, truth = images.background[run], images.analysis.get(run), images.background.get(NATURE)
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
            spread = analyses[run].spread if is_analysed else self._free_spread(run, images)
            if spread is not None and "spread" in wanted:
                fields["spread"] = spread
            if images.observation is not None:
                observed = images.observation.values
                if "observation" in wanted:
                    fields["observation"] = observed
                if "innovation" in wanted:
                    fields["innovation"] = observed - self._image(background)
                if "innovation_layers" in wanted:
                    for k, theta in enumerate(self._columns.soil(background).T[:N_UPPER], start=1):
                        fields[layer_innovation_name(k)] = observed - self._domain.cells.to_image(theta)
        if truth is not None and "truth" in wanted:
            fields["truth"] = self._image(truth)
        fields |= self._shown_members(run, images)
        if fields:
            path = write_image(
                self._folder.images,
                run,
                self._domain.grid,
                time,
                {name: (image, {}) for name, image in fields.items()},
                self._provenance(run),
                depth_m=self._settings.observations.depth_m,
                is_land=self._domain.is_land,
            )
            written.append(path)

        state = images.latest(run)
        if self._output.layers and state is not None:
            provenance = self._provenance(run)
            images_folder, depths_m = self._folder.images, self._settings.verification.depths_m
            written += write_layers(images_folder, depths_m, self._domain, run, time, state, truth, provenance)
        return written

    def _free_spread(self, run: str, images: CycleImages) -> FloatArray | None:
        """Spread of an ensemble without an analysis at this time; None for a run with one state."""
        members = images.members.get(("background", run))
        return None if members is None else self._image(members.spread)

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
        members = images.members.get(("analysis", run)) or images.members.get(("background", run))
        shown = next((r.ensemble.shown for r in self._runs if r.name == run and r.ensemble), ())
        if members is None:
            return {}
        to_image = self._domain.cells.to_image
        return {member_image_name(m): to_image(members.observed[m - 1]) for m in shown}

    def _image(self, rows: FloatArray) -> FloatArray:
        """The observed depth as an image."""
        return self._domain.cells.to_image(self._columns.observed(rows))

    def _provenance(self, run: str) -> Provenance:
        return Provenance(
            title=f"Soil moisture images of run {run}, campaign {self._settings.campaign}",
            history=history(),
            source=f"{software()}, embedded column model; configuration next to this folder (config.yaml)",
            references="Bai et al. (2026), doi:10.5194/gmd-19-4977-2026; "
            "Shen et al. (2024), doi:10.5194/gmd-17-3447-2024",
        )
