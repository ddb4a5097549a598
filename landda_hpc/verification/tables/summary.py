"""Report of a campaign: score tables and figures from its records and image files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from landda_hpc.errors import DataError
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.verification.figures.figure_style import FigureKind
from landda_hpc.verification.tables.benchmarks import Benchmark
from landda_hpc.verification.tables.ensemble_table import ensemble_markdown, summarise_ensembles
from landda_hpc.verification.tables.score_records import ScoreRecord, read_json_lines
from landda_hpc.verification.tables.score_table import markdown_tables, summarise

logger = logging.getLogger(__name__)

SUMMARY: Final = "summary.md"


@dataclass(frozen=True)
class Part:
    """One file of a report that is still to be made.

    Attributes
    ----------
    path : path of the file.
    make : function that writes the file, atomically; returns the caption of a figure, or None if nothing is shown.
    kind : of a figure; None: a table or another file.
    """

    path: Path
    make: Callable[[], str | None]
    kind: FigureKind | None = None


def read_scores(path: Path) -> list[ScoreRecord]:
    """Read the score records of a campaign; errors as in :func:`read_json_lines`, and DataError if there are none."""
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
    ensembles: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write summary.md: score tables, and the figures with their captions.

    Parameters
    ----------
    folder : folder of the page.
    records : score records, in time order.
    name : title of the page.
    captions : figures below ``folder``, in order, each with its caption.
    since : the tables exclude scores of earlier times.
    notes : sentences to be read before the tables.
    benchmarks : known scores, shown in the tables.
    ensembles : lines of ``ensembles.jsonl``.
    """
    page = MarkdownPage(name)
    period, tables = score_tables(records, since, benchmarks)
    page.text(period, *notes, tables)
    page.text(ensemble_markdown(summarise_ensembles(ensembles, since)))
    for path, caption in captions:
        page.picture(path.relative_to(folder).as_posix(), caption, caption)
    write_text(folder / SUMMARY, page.content(), make_folder=True)


def score_tables(
    records: Sequence[ScoreRecord], since: datetime | None, benchmarks: Sequence[Benchmark]
) -> tuple[str, str]:
    """Return the period of the scores in a sentence, and their tables, as Markdown."""
    tables = markdown_tables(summarise(records, since), benchmarks)
    return _period(records[0].time, records[-1].time, since), tables


def _period(first: datetime, last: datetime, since: datetime | None) -> str:
    left_out = since is not None and since > first
    cut = f" The tables exclude times before {since:%Y-%m-%d %H:%M}." if since is not None and left_out else ""
    return f"Scores from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC.{cut}"
