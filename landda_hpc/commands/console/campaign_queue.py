"""Several campaigns in a row from one command line; what a stop leaves undone, the same command goes on with."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from landda_hpc.campaign.comparison import open_seed
from landda_hpc.campaign.signals import StopRequest
from landda_hpc.campaign.start import finish_campaign
from landda_hpc.commands.console import logs
from landda_hpc.config import CampaignConfig
from landda_hpc.parallel.mpi import launch, mpi_library
from landda_hpc.parallel.together import together
from landda_hpc.storage.folder_claim import is_campaign
from landda_hpc.storage.folder_marker import Kind
from landda_hpc.storage.output_folder import claim_folder

logger = logging.getLogger(__name__)


class CampaignQueue:
    """All ranks, their log and stop requests, for campaigns that run one after the other. Collective.

    Parameters
    ----------
    overwrite : begin anew where a campaign has begun already.
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
        campaigns : patterns of the folders of campaigns in it; where there is one the folder is ours, marked or not.

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

    def run(self, config: CampaignConfig, folder: Path, name: str) -> None:
        """Run one campaign to its end; nothing where it is finished. Collective.

        Raises
        ------
        typer.Exit : stopped; with code 0 by SIGUSR1, with the code that says so by another signal.
        """
        campaign = open_seed(config, self.world, folder, self._overwrite)
        if campaign is None:
            if self.is_first:
                logger.info("%s is finished: %s", name, folder)
            return

        def show(cycle: int, total: int, line: str) -> None:
            if (cycle * config.time.cycle_hours) % 24 == 0 or cycle == total:
                logger.info("%s, cycle %d/%d: %s", name, cycle, total, line)

        try:
            outcome = campaign.run(show if self.is_first else None, self._stop)
            finish_campaign(campaign, outcome)
        finally:
            campaign.folder.unlock()
        if outcome.finished:
            return
        stopped_by = outcome.stopped_by
        if self.is_first:
            Console().print(
                f"Stopped by {stopped_by.name if stopped_by else 'a stop request'} in {name} after cycle "
                f"{outcome.cycle}; its checkpoint is complete. The same command goes on (without --overwrite).",
                highlight=False,
            )
        raise typer.Exit(0 if stopped_by in (None, signal.SIGUSR1) else 128 + int(stopped_by))
