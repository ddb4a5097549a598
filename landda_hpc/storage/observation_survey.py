"""List of the observations available at the start of a campaign, so that a resume uses the same observations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors, write_text


def write_survey(path: Path, surveyed: Mapping[datetime, tuple[datetime, ...]]) -> None:
    """Write the times of the product's observations for every time of the campaign, atomically.

    Raises
    ------
    StorageError : the file cannot be written.

    Notes
    -----
    Local: rank 0. The list contains times, not files, because the data may be moved before a resume.
    """
    content = {time.isoformat(): [moment.isoformat() for moment in moments] for time, moments in surveyed.items()}
    write_text(path, json.dumps(content, indent=0) + "\n")


def read_survey(path: Path) -> dict[datetime, tuple[datetime, ...]] | None:
    """Read the list that ``write_survey`` wrote; None if there is none.

    Raises
    ------
    StorageError : the file cannot be read, or is not a survey.
    """
    if not path.is_file():
        return None
    advice = "Start again with 'landda run --overwrite', or remove the file to use the observations available now."
    with storage_errors(path, "reading", advice):
        content = path.read_bytes()
    try:
        return {
            datetime.fromisoformat(time): tuple(datetime.fromisoformat(moment) for moment in moments)
            for time, moments in parse_json(content).items()
        }
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: it is not a survey of observations. {advice}") from error
