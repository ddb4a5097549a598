"""Which observations there were when a campaign started: beside its configuration, so that a resume sees no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.formats.atomic import storage_errors, write_text


def write_survey(path: Path, surveyed: Mapping[datetime, tuple[datetime, ...]]) -> None:
    """Write the product's times of every time of the campaign; atomic.

    Raises
    ------
    StorageError : the file cannot be written.

    Notes
    -----
    Local: rank 0. Times, not files: a campaign may go on with the data in another place.
    """
    content = {time.isoformat(): [moment.isoformat() for moment in moments] for time, moments in surveyed.items()}
    write_text(path, json.dumps(content, indent=0) + "\n")


def read_survey(path: Path) -> dict[datetime, tuple[datetime, ...]] | None:
    """What ``write_survey`` wrote; None where nothing was written.

    Raises
    ------
    StorageError : the file cannot be read, or is no survey.
    """
    if not path.is_file():
        return None
    advice = "Start anew with 'landda run --overwrite', or remove the file: then what is there now counts."
    with storage_errors(path, "reading", advice):
        content = path.read_bytes()
    try:
        return {
            datetime.fromisoformat(time): tuple(datetime.fromisoformat(moment) for moment in moments)
            for time, moments in parse_json(content).items()
        }
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged, it holds no survey of observations. {advice}") from error
