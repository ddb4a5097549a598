"""The figures of a campaign's report: series of scores, innovation statistics, minimisations, maps."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from landda_hpc.errors import ShapeError
from landda_hpc.verification.maps import draw_maps
from landda_hpc.verification.minimisation import draw_minimisation, read_minimisations
from landda_hpc.verification.records import ASSIMILATED_REFERENCE
from landda_hpc.verification.regions import GLOBE, covers
from landda_hpc.verification.series import draw_innovations, draw_score_series, read_innovations
from landda_hpc.verification.table import CONTROL, in_order_of_trust

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid
    from landda_hpc.verification.image_set import ImageSet
    from landda_hpc.verification.maps import Coastline
    from landda_hpc.verification.records import ScoreRecord
    from landda_hpc.verification.regions import Region

logger = logging.getLogger(__name__)

_REGIONAL: Final = ("control", "background", "analysis", "forecast", "observation", "truth", "increment")
"""Panels of regional figures, as [B26] Fig. 5; two columns leave no room for more."""


def draw_series(
    records: Sequence[ScoreRecord],
    figures: Path,
    innovations: Path | None,
    since: datetime | None,
    tolerance: float | None,
) -> list[tuple[Path, str]]:
    """Score series, innovation statistics and minimisations; files and captions."""
    captions: list[tuple[Path, str]] = []
    for reference in in_order_of_trust(r.reference for r in records):
        path = figures / f"scores_{re.sub(r'[^A-Za-z0-9.-]+', '_', reference)}.png"
        draw_score_series(records, path, reference=reference, with_published=reference == ASSIMILATED_REFERENCE)
        captions.append((path, f"Scores against {reference}."))
    if innovations is not None:
        statistics = read_innovations(innovations)
        if statistics:
            captions.append((figures / "innovations.png", "Innovation statistics of each analysis."))
            draw_innovations(statistics, captions[-1][0])
        when, minimisations = read_minimisations(innovations, since)
        if when is not None:
            captions.append((figures / "minimisation.png", f"Minimisation of 3D-Var, {when:%Y-%m-%d %H:%M} UTC."))
            title = f"Minimisation of the cost function, {when:%Y-%m-%d %H:%M} UTC"
            draw_minimisation(minimisations, captions[-1][0], tolerance=tolerance, title=title)
    return captions


def draw_image_sets(
    images: Sequence[ImageSet],
    figures: Path,
    grid: Grid,
    land: BoolArray,
    score_mask: BoolArray | None,
    coastline: Coastline | None,
    regions: Sequence[Region],
    layer: str,
) -> list[tuple[Path, str]]:
    """Maps of every set, see :func:`.report.write_report`; files and captions."""
    captions = []
    covered = [region for region in regions if covers(grid, region)]
    controls = {s.time: s.images for s in images if s.run == CONTROL}
    for item in images:
        if not item.grid.same_points(grid):
            raise ShapeError(
                f"images of {item.run} at {item.time} are on {item.grid.describe()}; the model is on {grid.describe()}."
            )
        fields = dict(item.images)
        if item.run == CONTROL and any(s.run != CONTROL and s.images and s.time == item.time for s in images):
            continue  # it stands beside the others
        control = _state(controls.get(item.time, {}))
        if item.run != CONTROL and control is not None:
            fields.setdefault("control", control)
        if not fields:
            logger.warning("no image of %s at %s to draw", item.run, item.time)
            continue
        title = f"Soil moisture {layer}, {item.run.replace('_', '-')}"
        stem = f"{item.run}_{item.time:%Y%m%dT%H}"
        regional = [name for name in _REGIONAL if name in fields]
        for kind, shown, panels in (("map", (GLOBE,), None), ("regions", tuple(covered), regional)):
            if shown and panels != []:
                path = figures / f"{kind}_{stem}.png"
                draw_maps(
                    fields,
                    grid,
                    land,
                    item.time,
                    path,
                    regions=shown,
                    panels=panels,
                    coastline=coastline,
                    score_mask=score_mask,
                    title=title,
                )
                where = " and ".join(r.name for r in shown) if kind == "regions" else "all cells"
                captions.append((path, f"{title}, {item.time:%Y-%m-%d %H:%M} UTC, {where}."))
    return captions


def _state(images: dict[str, FloatArray]) -> FloatArray | None:
    """Choose the control run's field: without an analysis its background and forecast are the same thing."""
    return next((images[name] for name in ("analysis", "forecast", "background", "control") if name in images), None)
