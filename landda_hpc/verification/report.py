"""A campaign's report: score tables and figures from its records and image files."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.atomic import write_text
from landda_hpc.grid import Grid, grid_from_centres
from landda_hpc.verification.maps import DIFFERENCES, FIELDS, Coastline, draw_maps
from landda_hpc.verification.minimisation import draw_minimisation, read_minimisations
from landda_hpc.verification.records import (
    ASSIMILATED_REFERENCE,
    ScoreRecord,
    read_json_lines,
    write_csv,
    write_netcdf,
)
from landda_hpc.verification.regions import CHINA, GLOBE, UNITED_STATES, Region, covers
from landda_hpc.verification.series import draw_innovations, draw_score_series, read_innovations
from landda_hpc.verification.table import CONTROL, in_order_of_trust, markdown_tables, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from landda_hpc.constants import BoolArray, FloatArray

logger = logging.getLogger(__name__)

_IMAGE_NAMES: Final = (*FIELDS, *DIFFERENCES)
_REGIONAL: Final = ("control", "background", "analysis", "forecast", "observation", "truth", "increment")
"""Panels of regional figures, as [B26] Fig. 5; two columns leave no room for more."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one run at one time: by name, shape (n_lat, n_lon), m3 m-3, NaN missing."""

    run: str
    time: datetime
    grid: Grid
    images: dict[str, FloatArray]


def read_images(path: Path) -> list[ImageSet]:
    """Read a CF netCDF file of images.

    Parameters
    ----------
    path : file with coordinates ``lat`` and ``lon`` (degrees, ascending), ``time`` (scalar or dimension) and
        ``run`` (dimension or scalar coordinate, or global attribute), and any of the variables control,
        background, analysis, forecast, observation, truth, increment, innovation (m3 m-3) with dimensions
        among (run, time, lat, lon). A variable without ``run`` belongs to every run. Further variables are
        passed over.

    Returns
    -------
    One set per run and time, in the file's order.

    Raises
    ------
    MissingFileError : no such file.
    DataError : a coordinate is missing, or a variable has other dimensions.
    """
    if not path.is_file():
        raise MissingFileError(f"image file '{path}' does not exist.")
    try:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            dataset.load()
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' is not a readable netCDF file: {error}") from error
    missing = [name for name in ("lat", "lon", "time") if name not in dataset.variables]
    if missing or ("run" not in dataset.variables and "run" not in dataset.attrs):
        raise DataError(f"'{path}' lacks {', '.join(missing) or 'run (coordinate or global attribute)'}.")
    names = [name for name in _IMAGE_NAMES if name in dataset.data_vars]
    for name in names:
        dims = tuple(str(d) for d in dataset[name].dims)
        if dims[-2:] != ("lat", "lon") or not set(dims[:-2]) <= {"run", "time"}:
            raise DataError(f"'{path}': {name} has dimensions {dims}; expected ([run,] [time,] lat, lon).")
    grid = grid_from_centres(
        np.asarray(dataset["lat"].values, np.float64), np.asarray(dataset["lon"].values, np.float64)
    )
    runs = [
        str(r) for r in np.atleast_1d(dataset["run"].values if "run" in dataset.variables else dataset.attrs["run"])
    ]
    sets = []
    for i, run in enumerate(runs):
        for j, stamp in enumerate(np.atleast_1d(dataset["time"].values)):
            at = {"run": i, "time": j}
            images = {
                name: np.asarray(
                    dataset[name].isel({d: n for d, n in at.items() if d in dataset[name].dims}).values,
                    np.float64,
                )
                for name in names
            }
            time: datetime = np.datetime64(stamp, "us").astype(datetime)
            images = {name: image for name, image in images.items() if np.isfinite(image).any()}
            sets.append(ImageSet(run, time, grid, images))
    return sets


def write_report(
    folder: Path,
    scores: Path,
    *,
    name: str = "campaign",
    images: Sequence[ImageSet] = (),
    grid: Grid | None = None,
    land: BoolArray | None = None,
    score_mask: BoolArray | None = None,
    coastline: Coastline | None = None,
    regions: Sequence[Region] = (CHINA, UNITED_STATES),
    innovations: Path | None = None,
    layer: str = "0-10 cm",
    since: datetime | None = None,
    tolerance: float | None = None,
    with_figures: bool = True,
) -> list[Path]:
    """Write tables and figures of a campaign.

    Parameters
    ----------
    folder : gets summary.md, scores.csv, scores.nc, and PNGs under figures/.
    scores : the campaign's ``scores.jsonl``.
    name : the campaign's name, for titles.
    images : sets to map, see :func:`read_images`. The control run's field stands beside those of every other
        run of the same time; it has figures of its own only where it is alone.
    grid, land, score_mask : of the images; needed with ``images``. Default score_mask: ``land``.
    coastline : a finer coast than that of ``land``.
    regions : shown together in one further figure per set, those that the grid covers.
    innovations : per-cycle JSON lines with innovation statistics (:func:`~.series.read_innovations`).
    layer : of the images.
    since : scores of earlier times are left out of the tables, minimisations of earlier times are not drawn.
    tolerance : of the gradient in minimisations, for their figure.
    with_figures : False writes the tables alone.

    Returns
    -------
    The files written, in order.

    Raises
    ------
    MissingFileError, DataError, ShapeError, StorageError : as the parts do; what was written by then stays.

    Notes
    -----
    Local: one process calls it.
    """
    records = read_json_lines(scores)
    if not records:
        raise DataError(f"'{scores}' has no score records; run or resume the campaign first.")
    if images and (grid is None or land is None):
        raise ShapeError("maps need the grid and the land mask of the images.")
    written = [folder / "scores.csv", folder / "scores.nc"]
    write_csv(records, written[0])
    write_netcdf(records, written[1])
    captions: list[tuple[Path, str]] = []
    if with_figures:
        captions += _draw_series(records, folder / "figures", innovations, since, tolerance)
        if grid is not None and land is not None:
            captions += _draw_image_sets(images, folder / "figures", grid, land, score_mask, coastline, regions, layer)

    summary = folder / "summary.md"
    links = [f"![{caption}]({path.relative_to(folder).as_posix()})\n\n{caption}\n" for path, caption in captions]
    text = "\n".join(
        [
            f"# {name}",
            "",
            _period(records[0].time, records[-1].time, since),
            "",
            markdown_tables(summarise(records, since)),
            *links,
        ]
    )
    write_text(summary, text, make_folder=True)
    logger.info("report of %s: %d figures in %s", name, len(captions), folder)
    return [*written, *(path for path, _ in captions), summary]


def _draw_series(
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


def _draw_image_sets(
    images: Sequence[ImageSet],
    figures: Path,
    grid: Grid,
    land: BoolArray,
    score_mask: BoolArray | None,
    coastline: Coastline | None,
    regions: Sequence[Region],
    layer: str,
) -> list[tuple[Path, str]]:
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


def _period(first: datetime, last: datetime, since: datetime | None) -> str:
    left_out = since is not None and since > first
    cut = f" The tables leave out what lies before {since:%Y-%m-%d %H:%M}." if since is not None and left_out else ""
    return f"Scores from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC.{cut}"
