"""Innovations of a campaign's runs and increments that the model received, from images or feedback files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.errors import DataError
from landda_hpc.formats.own.image_output import open_image
from landda_hpc.observation.feedback import feedback_name, read_feedback
from landda_hpc.observation.image_observation import Flag
from landda_hpc.storage.image_files import list_images

if TYPE_CHECKING:
    from landda_hpc.config import Run, TimeConfig
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.storage.campaign_folder import CampaignFolder


@dataclass(frozen=True, eq=False)
class StoredAnalysis:
    """The stored fields at one time with observations.

    Attributes
    ----------
    time : analysis time, UTC.
    pair : background and observation.
    increment : H x_a - H x_b that the model received, m3 m-3, (n_lat, n_lon); 0 where nothing changed.
    """

    time: datetime
    pair: ImagePair
    increment: FloatArray


@dataclass(frozen=True, eq=False)
class StoredInnovations:
    """Stored analyses of a run at all times with observations, in order; iteration reads them one by one.

    Attributes
    ----------
    run : name of the run.
    times : analysis times, UTC.
    source : 'images' or 'feedback files'.
    """

    run: str
    times: tuple[datetime, ...]
    source: str
    _read: Callable[[datetime], StoredAnalysis]

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[StoredAnalysis]:
        return (self._read(time) for time in self.times)


def stored_innovations(
    folder: CampaignFolder,
    run: Run,
    time: TimeConfig,
    fields: Collection[str],
    is_soil: BoolArray,
    *,
    first: datetime | None = None,
    last: datetime | None = None,
    needs_increments: bool = True,
) -> StoredInnovations:
    """Find the innovations of a run at its analysis times, and every increment. Local; files are read on demand.

    Parameters
    ----------
    folder : folder of a campaign that is finished, stopped or running.
    run, time : a run and the calendar of the campaign.
    fields : names of the images that the campaign stores.
    is_soil : cells that an analysis may change, (n_lat, n_lon).
    first, last : period, both included; by default all analysis times so far.
    needs_increments : if False, innovations at some of the times suffice, and increments are 0, as in a campaign that
        assimilates nothing (``observations.monitor_only``).

    Raises
    ------
    DataError : innovations or increments are not stored; the message names the keys of the configuration to set.

    Notes
    -----
    A run without analyses needs innovations at some times. A run with analyses needs every innovation, and every
    increment in all cells, because past increments are part of later backgrounds. Images contain both; so do feedback
    files if every soil cell has an observation.
    """
    observed = _observed_times(folder, time, run, first, last)
    if not observed:
        raise DataError(f"campaign '{folder.path}' has no observations of run '{run.name}' in the period so far.")
    is_changed = needs_increments and run.assimilates
    names = _image_names(set(fields), is_changed=is_changed)
    images = list_images(folder.images, run.name) if names and folder.images.is_dir() else {}
    feedback = {
        t: folder.feedback / feedback_name(t) for t in observed if (folder.feedback / feedback_name(t)).is_file()
    }
    with_images = [t for t in observed if t in images]

    def read_image(when: datetime) -> StoredAnalysis:
        return _from_image(images[when], when, is_soil, is_changed=is_changed)

    def read_feedback_file(when: datetime) -> StoredAnalysis:
        return _from_feedback(feedback[when], when, run.name, is_soil, is_changed=is_changed)

    if names and len(with_images) == len(observed):
        return StoredInnovations(run.name, observed, "images", read_image)
    if len(feedback) == len(observed):
        return StoredInnovations(run.name, observed, "feedback files", read_feedback_file)
    if not is_changed and max(len(with_images), len(feedback)) > 1:
        if len(feedback) >= len(with_images):
            return StoredInnovations(run.name, tuple(feedback), "feedback files", read_feedback_file)
        return StoredInnovations(run.name, tuple(with_images), "images", read_image)
    raise DataError(
        f"campaign '{folder.path}' stores innovations{' and increments' if is_changed else ''} of run '{run.name}' at "
        f"{len(with_images)} of {len(observed)} times with observations. "
        + _remedy(time.cycle_hours, is_changed=is_changed)
    )


def _observed_times(
    folder: CampaignFolder, window: TimeConfig, run: Run, first: datetime | None, last: datetime | None
) -> tuple[datetime, ...]:
    """Return the analysis times with an observation in any cell, from the records."""
    begin, end = first or window.start, min(last or window.assimilation_end, window.assimilation_end)
    times = {
        datetime.fromisoformat(record["time"])
        for record in folder.read_records("cycles")
        if record["run"] == run.name and record.get("n_observations")
    }
    return tuple(sorted(time for time in times if begin <= time <= end))


def _image_names(fields: set[str], *, is_changed: bool) -> bool:
    """Return whether images with these fields contain the required innovations and increments."""
    has_background = bool(fields & ({"background"} if is_changed else {"background", "analysis"}))
    has_innovation = has_background and bool(fields & {"innovation", "observation"})
    return has_innovation and (not is_changed or bool(fields & {"increment", "analysis"}))


def _remedy(cycle_hours: int, *, is_changed: bool) -> str:
    wanted = "background, innovation" + (", increment" if is_changed else "")
    text = f"Run it with output.every_hours: {cycle_hours} and {wanted} among output.fields"
    return text + ("." if is_changed else ", or with observations.feedback: true (output.keep_feedback removes files).")


def _from_image(path: Path, time: datetime, is_soil: BoolArray, *, is_changed: bool) -> StoredAnalysis:
    with open_image(path) as file:

        def image(name: str) -> FloatArray | None:
            values = file.values(name)[0] if file.has(name) else None
            return values if values is not None and np.isfinite(values).any() else None

        background = image("background")
        background = image("forecast") if background is None else background
        innovation, observation = image("innovation"), image("observation")
        if background is None or (innovation is None and observation is None):
            raise DataError(f"'{path}' has no background or no innovation, though the records of its time have both.")
        if observation is None:
            assert innovation is not None, "one of the two exists"
            observation = background + innovation
        increment = np.zeros(is_soil.shape)
        if is_changed:
            found, analysis = image("increment"), image("analysis")
            if found is None and analysis is not None:
                found = analysis - background
            if found is None:
                raise DataError(f"'{path}' has no increment, though its time has an analysis.")
            increment = np.where(is_soil & np.isfinite(found), found, 0.0)
    return StoredAnalysis(time, ImagePair(background, observation, is_soil, time.isoformat()), increment)


def _from_feedback(path: Path, time: datetime, run: str, is_soil: BoolArray, *, is_changed: bool) -> StoredAnalysis:
    feedback = read_feedback(path)
    if run not in feedback.runs:
        raise DataError(f"'{path}' has no run '{run}'; found {', '.join(feedback.runs) or 'none'}.")
    number = feedback.runs.index(run)

    def image(values: FloatArray) -> FloatArray:
        whole = np.full(is_soil.size, np.nan)
        whole[feedback.cell] = values
        return whole.reshape(is_soil.shape)

    used = feedback.flag == Flag.USED
    background = image(feedback.background[number])
    observation = image(np.where(used, feedback.value, np.nan))
    std = image(feedback.error_std)
    increment = np.zeros(is_soil.shape)
    if is_changed:
        change = image(feedback.analysis[number]) - background
        unknown = is_soil & ~np.isfinite(change)
        if unknown.any():
            raise DataError(
                f"'{path}': the increment of run '{run}' is unknown in {int(unknown.sum())} of {int(is_soil.sum())} "
                "soil cells, which have no observation. Run the campaign with output.every_hours as short as its cycle "
                "and background, innovation, increment among output.fields."
            )
        increment = np.where(is_soil, change, 0.0)
    reported = std if np.isfinite(std).any() else None
    return StoredAnalysis(time, ImagePair(background, observation, is_soil, time.isoformat(), reported), increment)
