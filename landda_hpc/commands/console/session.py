"""A campaign at the terminal: launch, progress, the message at the end."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from landda_hpc.campaign.cycle import Campaign, Outcome
from landda_hpc.campaign.signals import StopRequest
from landda_hpc.campaign.start import finish_campaign, resume_campaign, start_campaign
from landda_hpc.commands.console import logs
from landda_hpc.config import CampaignConfig, load_config
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.mpi import launch, mpi_library
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder, Claim
from landda_hpc.verification.records import read_json_lines

logger = logging.getLogger(__name__)


class CampaignSession:
    """One campaign on all ranks, from the command line."""

    def __init__(self, world: Communicator) -> None:
        self._world = world
        self._stop = StopRequest()
        self._stop.listen()
        self.campaign: Campaign | None = None
        self.output = Path()

    def start(
        self,
        file: Path,
        output: Path | None,
        overrides: dict[str, Any],
        overwrite: bool,
        *,
        claim: Claim | None = None,
    ) -> None:
        """``landda run``. Collective."""
        config: CampaignConfig | None = None
        with together(self._world, f"reading {file}"):
            if self._world.rank == 0:
                config = load_config(file, overrides)
        config = self._world.broadcast(config)
        self.output = output or Path("runs") / config.name
        self.campaign = start_campaign(
            config, self._world, self.output, overwrite, stop=self._stop, on_folder=self._begin_log, claim=claim
        )

    def resume(
        self, output: Path, overrides: dict[str, Any], *, accept_gaps: bool = False, claim: Claim | None = None
    ) -> None:
        """``landda resume``. Collective."""
        self.output = output
        self.campaign = resume_campaign(
            output,
            self._world,
            overrides,
            stop=self._stop,
            on_folder=self._begin_log,
            accept_gaps=accept_gaps,
            claim=claim,
        )

    def cycle(self) -> None:
        """Run to the end or to a stop request, and say how it ended. Collective."""
        assert self.campaign is not None, "start or resume comes first"
        is_first = self._world.rank == 0
        with _progress(is_first) as show:
            outcome = self.campaign.run(show, self._stop)
        finish_campaign(self.campaign, outcome)
        if is_first:
            _conclude(self.output, outcome, self.campaign.config.scored_since)
        if outcome.stopped_by not in (None, signal.SIGUSR1):
            raise typer.Exit(128 + int(outcome.stopped_by or 0))

    def _begin_log(self, folder: CampaignFolder) -> None:
        logs.also_to_file(folder.path / "landda.log")
        logger.info("%d ranks, %s", self._world.size, mpi_library() if self._world.size > 1 else "no MPI")


@contextmanager
def campaign_session(verbose: bool) -> Iterator[CampaignSession]:
    """Launch, configure the log, and close the campaign's folder in the end."""
    world = launch()
    logs.configure(world.rank, world.size, verbose)
    session = CampaignSession(world)
    try:
        yield session
    finally:
        if session.campaign is not None:
            session.campaign.folder.unlock()


@contextmanager
def _progress(is_first: bool) -> Iterator[Any]:
    """A bar where somebody looks, one log line a cycle elsewhere."""
    if not is_first:
        yield None
        return
    if not sys.stderr.isatty():
        yield lambda cycle, total, line: logger.info("cycle %d/%d: %s", cycle, total, line)
        return
    columns = (
        TextColumn("cycle"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(cycle: int, total: int, line: str) -> None:
            bar.update(task, completed=cycle, total=total, description=line)

        yield show


def _conclude(output: Path, outcome: Outcome, scored_since: datetime) -> None:
    console = Console()
    if not outcome.finished:
        name = outcome.stopped_by.name if outcome.stopped_by else "a stop request"
        console.print(
            f"Stopped by {name} after cycle {outcome.cycle} ({outcome.time}); the checkpoint is complete. "
            f"Go on with: landda resume {output}",
            highlight=False,
        )
        return
    from landda_hpc.verification.table import summarise, summary_tables

    for table in summary_tables(summarise(read_json_lines(output / "scores.jsonl"), scored_since)):
        console.print(table)
    console.print(f"Finished. Scores, tables and figures: {output}/summary.md, {output}/figures/", highlight=False)
