"""Figures of a campaign's report, each drawn separately: series, innovation statistics, minimisations, maps."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Final

from landda_hpc.constants import FloatArray
from landda_hpc.errors import LandDAError, ShapeError
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures.figure_style import MapKind
from landda_hpc.verification.figures.image_set import REGIONS, ImageSet
from landda_hpc.verification.figures.map_layout import Kind
from landda_hpc.verification.figures.maps import Ground, MapStyle, common_reach, draw_maps, reach_of
from landda_hpc.verification.figures.minimisation import draw_minimisation, read_minimisations
from landda_hpc.verification.figures.score_series import draw_innovations, draw_score_series, read_innovations
from landda_hpc.verification.statistics.region_windows import covers
from landda_hpc.verification.tables.benchmarks import Benchmark
from landda_hpc.verification.tables.score_records import ScoreRecord
from landda_hpc.verification.tables.score_table import CONTROL, in_order_of_trust
from landda_hpc.verification.tables.summary import Part

logger = logging.getLogger(__name__)

REGIONAL: Final = ("control", "background", "analysis", "forecast", "observation", "truth", "increment")
"""Panels of regional figures; two columns leave no room for more."""


@dataclass(frozen=True)
class MapSource:
    """Images of one run and time that are read when their maps are drawn.

    Attributes
    ----------
    run, time : run and time of the images.
    load : function that reads the images.
    is_empty : whether it is known that there is no image.
    """

    run: str
    time: datetime
    load: Callable[[], ImageSet]
    is_empty: bool = False

    @classmethod
    def of(cls, images: ImageSet) -> MapSource:
        """Return a source of images that are in memory."""
        return cls(images.run, images.time, lambda: images, not images.images)


@dataclass(frozen=True, eq=False)
class MapFrame:
    """Common parts of all maps of a report.

    Attributes
    ----------
    ground : grid, land and coast of the images, and the scored cells.
    regions : regions that are shown together in a further figure per set, if the grid covers them.
    layer : layer of the images.
    """

    ground: Ground
    regions: Sequence[Region]
    layer: str


def plan_series(
    records: Sequence[ScoreRecord],
    figures: Path,
    innovations: Path | None,
    since: datetime | None,
    tolerance: float | None,
    benchmarks: Sequence[Benchmark] = (),
) -> list[Part]:
    """Plan figures of score series with benchmarks, innovation statistics and minimisations."""

    def scores(path: Path, reference: str) -> str:
        draw_score_series(records, path, reference=reference, benchmarks=benchmarks)
        return f"Scores against {reference}."

    parts = []
    for reference in in_order_of_trust(r.reference for r in records):
        path = figures / f"scores_{re.sub(r'[^A-Za-z0-9.-]+', '_', reference)}.png"
        parts.append(Part(path, partial(scores, path, reference), "scores"))
    if innovations is not None:
        parts.append(_innovations(figures / "innovations.png", innovations))
        parts.append(_minimisation(figures / "minimisation.png", innovations, since, tolerance))
    return parts


def plan_maps(sources: Sequence[MapSource], figures: Path, frame: MapFrame) -> list[Part]:
    """Plan maps of all cells and of the regions for every set of images. All have the same bands of differences.

    Increments have separate bands.
    """
    covered = tuple(region for region in frame.regions if covers(frame.ground.grid, region))
    controls = {s.time: s for s in sources if s.run == CONTROL}
    drawn_with = {s.time for s in sources if s.run != CONTROL and not s.is_empty}
    drawn = [
        (source, controls.get(source.time) if source.run != CONTROL else None)
        for source in sources
        if source.run != CONTROL or source.time not in drawn_with  # otherwise it is drawn next to the others
    ]
    reach = cache(partial(_reach, drawn, frame))
    parts = []
    for source, control in drawn:
        kinds: tuple[tuple[MapKind, str, tuple[Region, ...]], ...] = (
            ("maps", "map", (GLOBE,)),
            ("regions", "regions", covered),
        )
        for kind, name, shown in kinds:
            path = figures / f"{name}_{source.run}_{source.time:%Y%m%dT%H}.png"
            if shown:
                parts.append(Part(path, partial(_draw_map, path, source, control, shown, frame, reach), kind))
    return parts


def _innovations(path: Path, records: Path) -> Part:
    def make() -> str | None:
        statistics = read_innovations(records)
        if not statistics:
            return None
        draw_innovations(statistics, path)
        return "Innovation statistics of each analysis."

    return Part(path, make, "innovations")


def _minimisation(path: Path, records: Path, since: datetime | None, tolerance: float | None) -> Part:
    def make() -> str | None:
        when, minimisations = read_minimisations(records, since)
        if when is None:
            return None
        title = f"Minimisation of the cost function, {when:%Y-%m-%d %H:%M} UTC"
        draw_minimisation(minimisations, path, tolerance=tolerance, title=title)
        return f"Minimisation of 3D-Var, {when:%Y-%m-%d %H:%M} UTC."

    return Part(path, make, "minimisation")


def _reach(drawn: Sequence[tuple[MapSource, MapSource | None]], frame: MapFrame) -> dict[Kind, float]:
    """Size of the differences and increments in the maps of all cells, m3 m-3; empty if no image can be read."""
    reaches = []
    for source, control in drawn:
        try:
            fields = _fields(source.load(), control, frame)
        except LandDAError:
            continue  # the part that draws it reports the error
        reaches.append(reach_of(fields, frame.ground.land))
    return common_reach(reaches)


def _fields(item: ImageSet, control: MapSource | None, frame: MapFrame) -> dict[str, FloatArray]:
    """Images of a set by name, with the field of the control."""
    if not item.grid.same_points(frame.ground.grid):
        raise ShapeError(
            f"images of {item.run} at {item.time} are on {item.grid.describe()}; the model is on "
            f"{frame.ground.grid.describe()}."
        )
    fields = dict(item.images)
    of_control = _state(control.load().images if control is not None else {})
    if of_control is not None:
        fields.setdefault("control", of_control)
    return fields


def _draw_map(
    path: Path,
    source: MapSource,
    control: MapSource | None,
    shown: tuple[Region, ...],
    frame: MapFrame,
    reach: Callable[[], dict[Kind, float]],
) -> str | None:
    """Draw one figure of maps; return its caption, or None if there is no image to draw."""
    item = source.load()
    fields = _fields(item, control, frame)
    is_global = shown == (GLOBE,)
    panels = None if is_global else [name for name in REGIONAL if name in fields]
    if not fields or panels == []:
        if is_global:
            logger.warning("no image of %s at %s to draw", item.run, item.time)
        return None
    title = f"Soil moisture {frame.layer}, {item.run}"
    draw_maps(
        fields,
        frame.ground,
        path,
        MapStyle(title, item.time, reach=reach()),
        panels=panels,
        regions=shown,
    )
    if REGIONS in fields:
        title += ", with the regions of coherent change of the image increment"
    where = "all cells" if is_global else " and ".join(region.name for region in shown)
    return f"{title}, {item.time:%Y-%m-%d %H:%M} UTC, {where}."


def _state(images: dict[str, FloatArray]) -> FloatArray | None:
    """Return the field of the control run; its background and forecast are the same, because it has no analysis."""
    return next((images[name] for name in ("analysis", "forecast", "background", "control") if name in images), None)
