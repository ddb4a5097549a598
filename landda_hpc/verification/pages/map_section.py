"""Maps of a report page: the runs and times of a campaign as small indexed pictures, chosen with a slider."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.maps import Ground, shown_region
from landda_hpc.verification.figures.report_figures import MapSource
from landda_hpc.verification.pages.map_pictures import MOST_CELLS, Bands, chosen_cells, outlines, picture_figure
from landda_hpc.verification.statistics.region_windows import window_of

logger = logging.getLogger(__name__)

MOST_TIMES: Final = 12
MOST_BYTES: Final = 2_000_000
"""Approximate size of all maps of a page: with large grids or many runs there are fewer times, but at least two."""
_BYTES_PER_CELL: Final = 0.45
"""Typical size of a cell in an indexed picture, in base64."""
KINDS: Final[dict[str, str]] = {
    "state": "Analysis, or forecast at times without an analysis",
    "truth": "Truth",
    "error": "State minus truth",
    "observation": "Observation",
    "increment": "Increment: analysis minus background",
    "innovation": "Innovation: observation minus background",
}
_FIELDS: Final = ("state", "truth", "observation")
_SHARED: Final = ("truth", "observation")
"""The same picture for all runs."""
_STATES: Final = ("analysis", "forecast", "background")


@dataclass(eq=False)
class _Frames:
    """Images on the cells of a picture, by run and time: numbers of the bands are made of them."""

    rows: IntArray
    columns: IntArray
    images: dict[tuple[str, str, datetime], FloatArray] = field(default_factory=dict)

    def add(self, run: str, time: datetime, images: Mapping[str, FloatArray]) -> None:
        """Keep the images of a run and time that are shown."""
        found = {name: images[name] for name in KINDS if name in images}
        state = next((images[name] for name in _STATES if name in images), None)
        if state is not None:
            found["state"] = state
            if "truth" in images:
                found["error"] = state - images["truth"]
        for kind, image in found.items():
            self.images[run, kind, time] = image[self.rows[:, None], self.columns].astype(np.float32)


def map_section(
    sources: Sequence[MapSource], ground: Ground, layer: str, first_run: str, window: tuple[datetime, datetime]
) -> tuple[str, dict[str, Any]] | None:
    """Make the maps of a page; None if there is no image.

    Parameters
    ----------
    sources : images of all runs and times.
    ground : grid, land and coast of the images.
    layer : name of their layer.
    first_run : run that is shown first.
    window : of the assimilation; its last time that has images is shown first.

    Returns
    -------
    Content of the section in HTML, and the data of the script.

    Notes
    -----
    Times: the first, the last, and others between them at even intervals, at most ``MOST_TIMES``, and fewer if the
    pictures would exceed ``MOST_BYTES``. Colours have the same bands at all times and in all runs; increments,
    innovations and errors have separate bands.
    """
    runs = list(dict.fromkeys(source.run for source in sources))
    stored = sorted({source.time for source in sources})
    if not stored:
        return None
    by_time = {time: [source for source in sources if source.time == time] for time in stored}
    last = [image for source in by_time[stored[-1]] for image in source.load().images.values()]
    has_data = ground.land & np.any([np.isfinite(image) for image in last] or [ground.land], axis=0)
    region = shown_region(GLOBE, ground.grid, has_data)
    frames = _Frames(*chosen_cells(window_of(ground.grid, region)))
    _load(frames, by_time[stored[-1]])
    kinds_of = {(run if kind not in _SHARED else "", kind) for run, kind, _ in frames.images}
    per_time = max(1, len(kinds_of)) * frames.rows.size * frames.columns.size
    n_times = max(2, min(MOST_TIMES, int(MOST_BYTES / (per_time * _BYTES_PER_CELL))))
    chosen = np.unique(np.rint(np.linspace(0, len(stored) - 1, min(n_times, len(stored)))).astype(int))
    times = [stored[i] for i in chosen]
    for time in times[:-1]:
        _load(frames, by_time[time])
    kinds = [kind for kind in KINDS if any(kind == key[1] for key in frames.images)]
    if not kinds:
        return None
    is_land = ground.land[frames.rows[:, None], frames.columns]
    scales = {kind: _bands(kind, (a for key, a in frames.images.items() if key[1] == kind)) for kind in kinds}
    pictures: dict[bytes, int] = {}
    images: dict[str, dict[str, list[int | None]]] = {run: {} for run in runs}
    for run in runs:
        for kind in kinds:
            numbers: list[int | None] = []
            for time in times:
                image = frames.images.get((run, kind, time))
                picture = None if image is None else scales[kind].picture(image, is_land)
                numbers.append(None if picture is None else pictures.setdefault(picture, len(pictures)))
            if any(number is not None for number in numbers):
                images[run][kind] = numbers
    stamps = [f"{time:%Y-%m-%d %H:%M} UTC" for time in times]
    first_run = first_run if first_run in runs else runs[0]
    first_time = max((i for i, time in enumerate(times) if time <= window[1]), default=0)
    listed = list(pictures)
    data = {
        "times": stamps,
        "kinds": {kind: KINDS[kind].split(":")[0] for kind in kinds},
        "images": images,
        "pictures": [base64.b64encode(picture).decode() for picture in listed],
    }
    shown = {
        kind: None
        if (number := images[first_run].get(kind, [None] * len(times))[first_time]) is None
        else listed[number]
        for kind in kinds
    }
    html = [_controls(runs, first_run, stamps, first_time), _rule(len(times), len(stored), layer, frames, ground)]
    html.append(outlines(ground, region, "coast"))
    tall = " tall" if region.north - region.south > 0.8 * (region.east - region.west) else ""
    panels = [_panel(kind, shown[kind], scales[kind], region, first_run, stamps[first_time]) for kind in kinds]
    html.append(f'<div class="maps{tall}">{"".join(panels)}</div>')
    return "".join(html), data


def _load(frames: _Frames, sources: Sequence[MapSource]) -> None:
    for source in sources:
        frames.add(source.run, source.time, source.load().images)


def _controls(runs: Sequence[str], first_run: str, stamps: Sequence[str], first_time: int) -> str:
    choices = "".join(
        f'<label><input type="radio" name="map-run" value="{escape(run, quote=True)}"'
        f"{' checked' if run == first_run else ''}> {escape(run)}</label>"
        for run in runs
    )
    return (
        f'<div class="controls"><fieldset><legend>Run</legend>{choices}</fieldset><div class="time">'
        f'<label class="name" for="map-time">Time</label><input type="range" id="map-time" min="0" '
        f'max="{len(stamps) - 1}" value="{first_time}" step="1" autocomplete="off">'
        f'<output id="map-time-shown" for="map-time">{stamps[first_time]}</output></div></div>'
    )


def _rule(n_times: int, n_stored: int, layer: str, frames: _Frames, ground: Ground) -> str:
    """Return what is shown, and by which rule it was chosen."""
    times = (
        f"all {n_stored} stored times"
        if n_times == n_stored
        else f"{n_times} of {n_stored} stored times, evenly chosen"
    )
    n_rows, n_columns = ground.grid.shape
    coarse = "" if max(n_rows / MOST_CELLS[0], n_columns / MOST_CELLS[1]) <= 1.0 else (
        f" Of the {n_rows} x {n_columns} cells, {frames.rows.size} x {frames.columns.size} are shown."
    )  # fmt: skip
    return (
        f'<p class="rule">Soil moisture {escape(layer)}, m³ m⁻³; {times}.{coarse} The colours have the same bands at '
        f'all times and in all runs. <span class="swatch" style="background:{appearance.NO_DATA}"></span> no data, '
        f'<span class="swatch" style="background:{appearance.OCEAN}"></span> water.</p>'
    )


def _bands(kind: str, images: Iterable[FloatArray]) -> Bands:
    return Bands(*(appearance.moisture_scale() if kind in _FIELDS else appearance.difference_scale(images)))


def _panel(kind: str, picture: bytes | None, bands: Bands, region: Region, run: str, stamp: str) -> str:
    name, _, explanation = KINDS[kind].partition(":")
    return picture_figure(picture, name, explanation, f"{name} of {run}, {stamp}", bands, region, "coast", kind)
