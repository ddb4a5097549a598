"""Several campaigns in succession from one command; after a stop the same command resumes them."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from landda_hpc.campaign.reporting import report_campaign
from landda_hpc.commands.console import logs
from landda_hpc.commands.console.session import leave_by
from landda_hpc.config import CampaignConfig
from landda_hpc.parallel.mpi import launch, mpi_library
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.parallel.watchdog import watching
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.folder_claim import is_campaign
from landda_hpc.storage.folder_marker import Kind
from landda_hpc.storage.output_folder import claim_folder
from landda_hpc.storage.report_state import report_step
from landda_hpc.studies.comparison import open_seed

logger = logging.getLogger(__name__)


class CampaignQueue:
    """All ranks, their log and stop requests, for campaigns that run one after the other. Collective.

    Parameters
    ----------
    overwrite : start again where a campaign has begun already.
    """

    def __init__(self, verbose: bool, overwrite: bool) -> None:
        self.world = launch()
        self.is_first = self.world.rank == 0
        self._overwrite = overwrite
        self._stop = StopRequest()
        self._stop.listen()
        logs.configure(self.world.rank, self.world.size, verbose)

    def make_folder(self, output: Path, kind: Kind, names: Sequence[str], campaigns: Sequence[str]) -> None:
        """Make the folder of all results, with the log in it. Collective.

        Parameters
        ----------
        kind, names : as of ``claim_folder``.
        campaigns : patterns of the folders of campaigns in it; if one exists the folder is ours, marked or not.

        Raises
        ------
        StorageError : the folder is not ours and holds a file of these names.
        """
        with together(self.world, f"making {output}"):
            if self.is_first:
                is_known = any(is_campaign(folder) for pattern in campaigns for folder in output.glob(pattern))
                claim_folder(output, kind, ("landda.log", *names), is_known=is_known)
                logs.also_to_file(output / "landda.log")
                logger.info("%d ranks, %s", self.world.size, mpi_library() if self.world.size > 1 else "no MPI")

    def run(self, config: CampaignConfig, folder: Path, name: str, *, same_records: bool = True) -> None:
        """Run one campaign to its end; do nothing if it is finished. Collective.

        Parameters
        ----------
        same_records : as ``open_seed``.

        Raises
        ------
        typer.Exit : stopped; with code 0 by SIGUSR1, with the code that says so by another signal.
        """
        with watching(self.world):
            campaign = open_seed(config, self.world, folder, self._overwrite, same_records=same_records)
            if campaign is None:
                if self.is_first:
                    logger.info("%s is finished: %s", name, folder)
                self._report(CampaignFolder(folder), config, name)
                return

            def show(cycle: int, total: int, line: str) -> None:
                if (cycle * config.time.cycle_hours) % 24 == 0 or cycle == total:
                    logger.info("%s, cycle %d/%d: %s", name, cycle, total, line)

            held = campaign.folder
            try:
                outcome = campaign.run(show if self.is_first else None, self._stop)
                del campaign  # frees memory that the report does not need
                if not outcome.finished:
                    stopped_by = outcome.stopped_by.name if outcome.stopped_by else "a stop request"
                    self._leave(
                        f"Stopped by {stopped_by} in {name} after cycle {outcome.cycle}; its checkpoint is complete.",
                        outcome.stopped_by,
                    )
                self._report(held, config, name)
            finally:
                held.unlock()

    def _report(self, folder: CampaignFolder, config: CampaignConfig, name: str) -> None:
        """Make the missing parts of the report of a finished campaign. Collective."""
        is_complete = False
        with together(self.world, f"reading the state of the report of {name}"):
            if self.is_first:
                folder.lock()
                is_complete = report_step(folder.path, is_held=True) == "complete"
        try:
            if not self.world.broadcast(is_complete):
                outcome = report_campaign(folder, config, self.world, stop=self._stop)
                if outcome.stopped_by is not None:
                    self._leave(f"{outcome.stopped_by.name} interrupted the report of {name}.", outcome.stopped_by)
        finally:
            folder.unlock()

    def _leave(self, what: str, stopped_by: signal.Signals | None) -> NoReturn:
        if self.is_first:
            Console().print(f"{what} The same command resumes (without --overwrite).", highlight=False, soft_wrap=True)
        leave_by(stopped_by)
