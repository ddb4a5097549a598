"""Progress of the report of a campaign: ``report.json``, written by the process that holds the campaign's folder.

The report is a separate step after the cycles. Its parts (tables and figures) are listed as they are made, so that an
interrupted report can be completed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from landda_hpc.config import parse_json
from landda_hpc.io.atomic import storage_errors, write_text

logger = logging.getLogger(__name__)

NAME: Final = "report.json"
ReportStep = Literal["pending", "running", "interrupted", "failed", "complete"]


@dataclass(frozen=True)
class ReportState:
    """State of a report.

    Attributes
    ----------
    state : pending (not begun), running, interrupted (by a signal), failed, or complete. If it is running and no job
        holds the folder, the report was killed.
    n_parts : number of parts of the whole report; 0 until it is known.
    parts : captions of the parts that were made, by path relative to the campaign's folder; None for a table and for a
        figure without data.
    message : reason of a failure.
    """

    state: ReportStep = "pending"
    n_parts: int = 0
    parts: Mapping[str, str | None] = field(default_factory=dict)
    message: str = ""

    def present(self, folder: Path) -> dict[str, str | None]:
        """The parts whose files exist. Local."""
        return {
            name: caption
            for name, caption in self.parts.items()
            if (folder / name).is_file() or (caption is None and Path(name).suffix == ".png")
        }

    def is_complete(self, folder: Path) -> bool:
        """Whether the report is complete and none of its files is missing. Local."""
        return self.state == "complete" and len(self.present(folder)) == len(self.parts)


def write_report_state(folder: Path, state: ReportState) -> None:
    """Replace ``report.json`` of a campaign's folder atomically. Local: rank 0.

    Raises
    ------
    StorageError : it cannot be written.
    """
    write_text(folder / NAME, json.dumps(asdict(state), indent=1) + "\n")


def forget_report(folder: Path) -> None:
    """Record that the report of a campaign has not begun, because there are new records. Local: rank 0."""
    write_report_state(folder, ReportState())


def read_report_state(folder: Path) -> ReportState | None:
    """Read the file that ``write_report_state`` wrote; None if there is none. Local.

    A damaged file counts as a report that has not begun, because all of the report can be made again.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    with storage_errors(path, "reading"):
        content = path.read_bytes()
    try:
        return _parse(parse_json(content))
    except (ValueError, TypeError, RecursionError) as error:
        logger.warning("%s is damaged (%s): the report will be made again", path, error)
        return ReportState()


def report_step(folder: Path, *, is_held: bool) -> ReportStep:
    """Progress of the report of a finished campaign. Local: reads only.

    Campaigns of earlier versions were finished when their report was complete; they have no ``report.json``.

    Parameters
    ----------
    is_held : whether a job holds the folder.
    """
    state = read_report_state(folder)
    if state is None:
        return "complete"
    if state.state == "complete":
        return "complete" if state.is_complete(folder) else "interrupted"
    return "interrupted" if state.state == "running" and not is_held else state.state


def _parse(plain: Any) -> ReportState:
    state = ReportState(**plain)
    captions = dict(state.parts).values()
    if state.state not in get_args(ReportStep) or not isinstance(state.n_parts, int):
        raise ValueError("an unknown state")
    if not all(caption is None or isinstance(caption, str) for caption in captions):
        raise ValueError("a caption that is not text")
    return state
