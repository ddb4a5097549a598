"""A campaign's report: score tables and figures from its records and image files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.verification.tables.score_records import read_json_lines, write_csv, write_netcdf
from landda_hpc.verification.tables.score_table import markdown_tables, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from landda_hpc.constants import BoolArray
    from landda_hpc.grid import Grid
    from landda_hpc.regions import Region
    from landda_hpc.verification.figures.image_set import ImageSet
    from landda_hpc.verification.figures.maps import Coastline
    from landda_hpc.verification.tables.benchmarks import Benchmark
    from landda_hpc.verification.tables.score_records import ScoreRecord

logger = logging.getLogger(__name__)

SUMMARY: Final = "summary.md"


@dataclass(frozen=True)
class Part:
    """One file of a report that is still to be made.

    Attributes
    ----------
    path : of the file.
    make : writes it, atomically; returns the caption of a figure, None where there is nothing to show.
    """

    path: Path
    make: Callable[[], str | None]


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
    regions: Sequence[Region] = (),
    innovations: Path | None = None,
    layer: str = "0-10 cm",
    since: datetime | None = None,
    tolerance: float | None = None,
    benchmarks: Sequence[Benchmark] = (),
    with_figures: bool = True,
) -> list[Path]:
    """Write tables and figures of a campaign.

    Parameters
    ----------
    folder : gets summary.md, scores.csv, scores.nc, and PNGs under figures/.
    scores : the campaign's ``scores.jsonl``.
    name : the campaign's name, for titles.
    images : sets to map, see :func:`.image_set.read_images`. The control run's field is shown with those of every other
        run of the same time; it has figures of its own only where it is alone.
    grid, land, score_mask : of the images; needed with ``images``. Default score_mask: ``land``.
    coastline : a finer coast than that of ``land``.
    regions : shown together in one further figure per set, those that the grid covers.
    innovations : per-cycle JSON lines with innovation statistics (:func:`~.series.read_innovations`).
    layer : of the images.
    since : scores of earlier times are left out of the tables, minimisations of earlier times are not drawn.
    tolerance : of the gradient in minimisations, for their figure.
    benchmarks : known scores, shown in tables and in the figures of the score series.
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
    records = read_scores(scores)
    if images and (grid is None or land is None):
        raise ShapeError("maps need the grid and the land mask of the images.")
    written = [folder / "scores.csv", folder / "scores.nc"]
    write_csv(records, written[0])
    write_netcdf(records, written[1])
    captions: list[tuple[Path, str]] = []
    if with_figures:
        # Here: tables alone do without the plotting library, which takes half a second to import.
        from landda_hpc.verification.figures.report_figures import MapFrame, MapSource, plan_maps, plan_series

        parts = plan_series(records, folder / "figures", innovations, since, tolerance, benchmarks)
        if grid is not None and land is not None:
            frame = MapFrame(grid, land, score_mask, coastline, regions, layer)
            parts += plan_maps([MapSource.of(item) for item in images], folder / "figures", frame)
        for part in parts:
            caption = part.make()
            if caption is not None:
                captions.append((part.path, caption))
    write_summary(folder, records, name, captions, since, benchmarks=benchmarks)
    logger.info("report of %s: %d figures in %s", name, len(captions), folder)
    return [*written, *(path for path, _ in captions), folder / SUMMARY]


def read_scores(path: Path) -> list[ScoreRecord]:
    """Score records of a campaign; errors as :func:`read_json_lines`, and DataError where there is none."""
    records = read_json_lines(path)
    if not records:
        raise DataError(f"'{path}' has no score records; run or resume the campaign first.")
    return records


def write_summary(
    folder: Path,
    records: Sequence[ScoreRecord],
    name: str,
    captions: Sequence[tuple[Path, str]],
    since: datetime | None,
    notes: Sequence[str] = (),
    benchmarks: Sequence[Benchmark] = (),
) -> None:
    """Write summary.md: score tables, and the figures with their captions.

    Parameters
    ----------
    folder : gets the page.
    records : of the tables, in time order.
    name : title.
    captions : figures below ``folder``, in order, each with its caption.
    since : see :func:`write_report`.
    notes : sentences to be read before the tables.
    benchmarks : known scores, shown in the tables.
    """
    page = MarkdownPage(name)
    tables = markdown_tables(summarise(records, since), benchmarks)
    page.text(_period(records[0].time, records[-1].time, since), *notes, tables)
    for path, caption in captions:
        page.picture(path.relative_to(folder).as_posix(), caption, caption)
    write_text(folder / SUMMARY, page.content(), make_folder=True)


def _period(first: datetime, last: datetime, since: datetime | None) -> str:
    left_out = since is not None and since > first
    cut = f" The tables leave out what lies before {since:%Y-%m-%d %H:%M}." if since is not None and left_out else ""
    return f"Scores from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC.{cut}"
