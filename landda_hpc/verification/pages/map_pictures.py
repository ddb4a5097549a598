"""Maps of a report page: small indexed pictures with colour bars, coast and grid lines."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, to_hex, to_rgb
from PIL import Image

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.regions import Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.borders import border_lines
from landda_hpc.verification.figures.figure_style import current_style
from landda_hpc.verification.figures.maps import Ground, coast_lines
from landda_hpc.verification.pages.markdown_html import data_uri
from landda_hpc.verification.statistics.region_windows import Window

MOST_CELLS: Final = (240, 480)
"""Rows and columns of a picture; of finer grids only some cells are shown, evenly chosen."""


def chosen_cells(window: Window) -> tuple[IntArray, IntArray]:
    """Return rows and columns of the cells of a picture: the nearest to an even grid's centres, from north to south."""
    rows = _nearest(window.lat_edges, min(window.lat.size, MOST_CELLS[0]))[::-1]
    columns = _nearest(window.lon_edges, min(window.lon.size, MOST_CELLS[1]))
    return window.rows[rows], window.columns[columns]


@dataclass(frozen=True, eq=False)
class Bands:
    """Bands and colours of a kind of image.

    Attributes
    ----------
    colours, norm : from matplotlib; bands on both sides of zero are those of differences.
    unit : of the values, with a leading space.
    """

    colours: Colormap
    norm: BoundaryNorm
    unit: str = " m³ m⁻³"

    @property
    def edges(self) -> FloatArray:
        """Edges of the bands."""
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
        digits = next((n for n in range(2, 8) if abs(round(float(edges[-1]), n) - float(edges[-1])) < 1e-9), 8)
        low, high = (appearance.with_minus_signs(f"{edge:.{digits}f}") for edge in (edges[0], edges[-1]))
        texts = (f"< {low}", "0", f"> {high}") if is_signed else (low, f"{edges[edges.size // 2]:.2f}", f"> {high}")
        bands = "".join(f'<i style="background:{to_hex(colour)}"></i>' for colour in shown)
        words = f"Colours from {texts[0]} to {texts[2]}{self.unit}"
        ends = "".join(f"<span>{escape(text)}</span>" for text in texts)
        return f'<div class="bar" role="img" aria-label="{escape(words)}">{bands}</div><div class="ends">{ends}</div>'


def _nearest(edges: FloatArray, n: int) -> IntArray:
    """Return the cell at each of ``n`` points at even distances."""
    points = edges[0] + (np.arange(n) + 0.5) * (edges[-1] - edges[0]) / n
    return np.asarray(np.clip(np.searchsorted(edges, points, side="right") - 1, 0, edges.size - 2), dtype=np.int64)


def outlines(ground: Ground, region: Region, name: str) -> str:
    """Return coast, grid lines and, if figures show them, borders, once for all panels, as a symbol of this name."""
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
        f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><symbol id="{name}" '
        f'viewBox="0 0 {wide:g} {high:g}" preserveAspectRatio="none"><path class="lines" d="{grid}"/>'
        f'<path class="border" d="{"".join(borders)}"/><path class="coast" d="{"".join(parts)}"/></symbol></svg>'
    )


def picture_figure(
    picture: bytes | None, title: str, small: str, alt: str, bands: Bands, region: Region, coast: str, kind: str = ""
) -> str:
    """Return a map with its title and colour bar.

    Parameters
    ----------
    picture : indexed PNG; None if there is none.
    title, small, alt : heading, explanation, and description of the picture.
    coast : name of the symbol that ``outlines`` made.
    kind : kind of image, for the script of the page; empty if the picture does not change.
    """
    ratio = (region.east - region.west) / (region.north - region.south)
    if ratio < 3.0 and region.east - region.west < 200.0:
        ratio *= float(np.cos(np.radians(0.5 * (region.south + region.north))))
    image = (
        '<img hidden alt="" src="data:,">'
        if picture is None
        else f'<img src="{data_uri(picture)}" alt="{escape(alt, quote=True)}">'
    )
    none = "" if picture is None else " hidden"
    missing = f'<p class="none"{none}>This run has no such image at this time.</p>' if kind else ""
    return (
        f"<figure{f' data-kind={kind!r}' if kind else ''}><figcaption>{escape(title)}<small>{escape(small)}</small>"
        f'</figcaption><div class="map" style="aspect-ratio:{ratio:.4f}">{image}<svg aria-hidden="true" '
        f'preserveAspectRatio="none"><use href="#{coast}" width="100%" height="100%"/></svg>'
        f"{missing}</div>{bands.bar()}</figure>"
    )
