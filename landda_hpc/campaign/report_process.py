"""The report in a separate process, which frees its memory at its end and can be terminated at any time."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from landda_hpc.campaign.child_process import ChildProcess
from landda_hpc.campaign.final_report import Made, make_report
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.storage.campaign_folder import CampaignFolder

_TICK_S: Final = 0.2
"""Seconds between checks of the parent for a stop request."""


@dataclass(frozen=True)
class _Request:
    """Arguments of ``make_report``; the configuration as plain data."""

    folder: Path
    config: dict[str, Any]
    done: Mapping[str, str | None]
    notes: Sequence[str]


class ReportProcess:
    """Handle of the process of a report, for its parent. Local: rank 0.

    Parameters
    ----------
    folder, config, done, notes : as ``final_report.make_report``.

    Raises
    ------
    StorageError : the process cannot be started.
    """

    def __init__(
        self, folder: Path, config: CampaignConfig, done: Mapping[str, str | None], notes: Sequence[str]
    ) -> None:
        self._process = ChildProcess(
            _make_parts, "the process of the report", "resume to complete the report.", heeds_signals=True
        )
        self._process.send(_Request(folder.absolute(), config.model_dump(mode="json"), dict(done), list(notes)))

    def advance(self) -> tuple[list[Made], bool]:
        """Parts made since the last call, and whether the report is complete; waits for either, at most a tick.

        Raises
        ------
        The error of the process if it failed; StorageError if it was terminated.
        """
        is_complete = self._process.is_complete
        made = self._process.receive(_TICK_S)
        return made, is_complete and not made

    def end(self) -> None:
        """Terminate it, unless it has ended. Incomplete files do not appear."""
        self._process.end()


def _make_parts(requests: Iterator[_Request]) -> Iterator[Made]:
    """Make the report of one request; it changes no files except those of the report."""
    gc.disable()
    request = next(requests)
    for made in make_report(CampaignFolder(request.folder), parse_config(request.config), request.done, request.notes):
        yield made
        # It collects what a figure leaves behind. No other collection is needed, and none of what then remains,
        # mostly objects of the libraries: together they would take a quarter of the time.
        gc.freeze()
