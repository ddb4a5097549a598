"""Maps of a report page: the runs and times of a campaign as small indexed pictures, chosen with a slider."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, to_hex, to_rgb
from PIL import Image

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.borders import border_lines
from landda_hpc.verification.figures.figure_style import current_style
from landda_hpc.verification.figures.maps import Ground, coast_lines, shown_region
from landda_hpc.verification.figures.report_figures import MapSource
from landda_hpc.verification.pages.markdown_html import data_uri
from landda_hpc.verification.statistics.region_windows import Window, window_of

logger = logging.getLogger(__name__)

MOST_TIMES: Final = 12
MOST_BYTES: Final = 2_000_000
"""Approximate size of all maps of a page: with large grids or many runs there are fewer times, but at least two."""
_BYTES_PER_CELL: Final = 0.45
"""Typical size of a cell in an indexed picture, in base64."""
_MOST_CELLS: Final = (240, 480)
"""Rows and columns of a picture; of finer grids only some cells are shown, evenly chosen."""

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

    @classmethod
    def of(cls, window: Window) -> _Frames:
        """Choose the cells: the nearest to the centres of an even grid, from north to south."""
        rows = _nearest(window.lat_edges, min(window.lat.size, _MOST_CELLS[0]))[::-1]
        columns = _nearest(window.lon_edges, min(window.lon.size, _MOST_CELLS[1]))
        return cls(window.rows[rows], window.columns[columns])

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
    frames = _Frames.of(window_of(ground.grid, region))
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
    scales = {kind: _Scale.of(kind, (a for key, a in frames.images.items() if key[1] == kind)) for kind in kinds}
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
    html.append(_outlines(ground, region))
    tall = " tall" if region.north - region.south > 0.8 * (region.east - region.west) else ""
    panels = [_panel(kind, shown[kind], scales[kind], region, first_run, stamps[first_time]) for kind in kinds]
    html.append(f'<div class="maps{tall}">{"".join(panels)}</div>')
    return "".join(html), data


@dataclass(frozen=True, eq=False)
class _Scale:
    """Bands and colours of a kind of image."""

    colours: Colormap
    norm: BoundaryNorm

    @classmethod
    def of(cls, kind: str, images: Iterable[FloatArray]) -> _Scale:
        return cls(*(appearance.moisture_scale() if kind in _FIELDS else appearance.difference_scale(images)))

    @property
    def edges(self) -> FloatArray:
        return np.asarray(self.norm.boundaries, dtype=np.float64)

    @property
    def palette(self) -> list[tuple[float, float, float]]:
        """Colours of the bands, from below the first edge to above the last."""
        edges = self.edges
        step = edges[1] - edges[0]
        middles = np.concatenate([[edges[0] - 0.5 * step], 0.5 * (edges[1:] + edges[:-1]), [edges[-1] + 0.5 * step]])
        return [tuple(colour[:3]) for colour in self.colours(self.norm(middles)).tolist()]

    def picture(self, image: FloatArray, is_land: Any) -> bytes:
        """Return an indexed PNG."""
        palette = [*self.palette, to_rgb(appearance.NO_DATA), to_rgb(appearance.OCEAN)]
        index = np.digitize(image, self.edges)
        index[~np.isfinite(image)] = len(palette) - 2
        index[~is_land] = len(palette) - 1
        picture = Image.fromarray(index.astype(np.uint8), mode="P")
        picture.putpalette([round(255.0 * part) for colour in palette for part in colour])
        content = io.BytesIO()
        picture.save(content, "png", bits=4, optimize=True)
        return content.getvalue()

    def bar(self) -> str:
        """Return the colour bar in HTML."""
        edges, palette = self.edges, self.palette
        is_signed = bool(edges[0] < 0.0)
        shown = palette if is_signed else palette[1:]
        digits = next(n for n in range(2, 8) if abs(round(float(edges[-1]), n) - float(edges[-1])) < 1e-9)
        low, high = (appearance.with_minus_signs(f"{edge:.{digits}f}") for edge in (edges[0], edges[-1]))
        texts = (f"< {low}", "0", f"> {high}") if is_signed else (low, f"{edges[edges.size // 2]:.2f}", f"> {high}")
        bands = "".join(f'<i style="background:{to_hex(colour)}"></i>' for colour in shown)
        words = f"Colours from {texts[0]} to {texts[2]} m³ m⁻³"
        ends = "".join(f"<span>{escape(text)}</span>" for text in texts)
        return f'<div class="bar" role="img" aria-label="{escape(words)}">{bands}</div><div class="ends">{ends}</div>'


def _load(frames: _Frames, sources: Sequence[MapSource]) -> None:
    for source in sources:
        frames.add(source.run, source.time, source.load().images)


def _nearest(edges: FloatArray, n: int) -> IntArray:
    """Return the cell at each of ``n`` points at even distances."""
    points = edges[0] + (np.arange(n) + 0.5) * (edges[-1] - edges[0]) / n
    return np.asarray(np.clip(np.searchsorted(edges, points, side="right") - 1, 0, edges.size - 2), dtype=np.int64)


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
    coarse = "" if max(n_rows / _MOST_CELLS[0], n_columns / _MOST_CELLS[1]) <= 1.0 else (
        f" Of the {n_rows} x {n_columns} cells, {frames.rows.size} x {frames.columns.size} are shown."
    )  # fmt: skip
    return (
        f'<p class="rule">Soil moisture {escape(layer)}, m³ m⁻³; {times}.{coarse} The colours have the same bands at '
        f'all times and in all runs. <span class="swatch" style="background:{appearance.NO_DATA}"></span> no data, '
        f'<span class="swatch" style="background:{appearance.OCEAN}"></span> water.</p>'
    )


def _outlines(ground: Ground, region: Region) -> str:
    """Return coast, grid lines and borders, if the style of figures asks for them, once for all panels."""
    wide, high = region.east - region.west, region.north - region.south
    near = wide / 720.0
    parts = []
    for line in coast_lines(ground.coastline, region):
        points = np.column_stack([line[:, 0] - region.west, region.north - line[:, 1]])
        kept = [points[0]]
        kept += [point for point in points[1:-1] if np.abs(point - kept[-1]).max() >= near]
        kept.append(points[-1])
        if len(kept) > 2:
            parts.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in kept))
    borders = [
        "M" + "L".join(f"{x - region.west:.2f} {region.north - y:.2f}" for x, y in line.tolist())
        for line in (border_lines(region) if current_style().borders else ())
    ]
    spacing = 30.0 if wide > 90.0 else 10.0 if wide > 20.0 else 2.0
    lon = np.arange(np.ceil(region.west / spacing), np.floor(region.east / spacing) + 1) * spacing - region.west
    lat = region.north - np.arange(np.ceil(region.south / spacing), np.floor(region.north / spacing) + 1) * spacing
    grid = "".join(f"M{x:g} 0V{high:g}" for x in lon) + "".join(f"M0 {y:g}H{wide:g}" for y in lat)
    return (
        f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><symbol id="coast" '
        f'viewBox="0 0 {wide:g} {high:g}" preserveAspectRatio="none"><path class="lines" d="{grid}"/>'
        f'<path class="border" d="{"".join(borders)}"/><path class="coast" d="{"".join(parts)}"/></symbol></svg>'
    )


def _panel(kind: str, picture: bytes | None, scale: _Scale, region: Region, run: str, stamp: str) -> str:
    ratio = (region.east - region.west) / (region.north - region.south)
    if ratio < 3.0 and region.east - region.west < 200.0:
        ratio *= float(np.cos(np.radians(0.5 * (region.south + region.north))))
    name, _, explanation = KINDS[kind].partition(":")
    image = (
        '<img hidden alt="" src="data:,">'
        if picture is None
        else f'<img src="{data_uri(picture)}" alt="{escape(f"{name} of {run}, {stamp}", quote=True)}">'
    )
    none = "" if picture is None else " hidden"
    return (
        f'<figure data-kind="{kind}"><figcaption>{escape(name)}<small>{escape(explanation)}</small></figcaption>'
        f'<div class="map" style="aspect-ratio:{ratio:.4f}">{image}<svg aria-hidden="true" '
        f'preserveAspectRatio="none"><use href="#coast" width="100%" height="100%"/></svg>'
        f'<p class="none"{none}>This run has no such image at this time.</p></div>{scale.bar()}</figure>'
    )
