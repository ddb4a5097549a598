"""A campaign from the command line: start, cycles, report, and the final message."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from landda_hpc.campaign.cycle import Campaign
from landda_hpc.campaign.reporting import report_campaign
from landda_hpc.campaign.start import open_finished, resume_campaign, start_campaign
from landda_hpc.commands.console import logs
from landda_hpc.config import CampaignConfig, load_config
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.mpi import launch, mpi_library
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.parallel.watchdog import watching
from landda_hpc.storage.campaign_folder import CampaignFolder, Claim
from landda_hpc.storage.report_state import report_step
from landda_hpc.verification.tables.score_records import read_json_lines

logger = logging.getLogger(__name__)


class CampaignSession:
    """One campaign on all ranks, from the command line."""

    def __init__(self, world: Communicator, *, rank_logs: bool = False) -> None:
        self._world, self._rank_logs = world, rank_logs
        self._stop = StopRequest()
        self._stop.listen()
        self._campaign: Campaign | None = None
        self._finished: CampaignConfig | None = None
        self._wants_parts = self._accepts_gaps = False
        self.folder: CampaignFolder | None = None
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
        self._campaign = start_campaign(
            config, self._world, self.output, overwrite, stop=self._stop, on_folder=self._begin_log, claim=claim
        )
        self.folder = self._campaign.folder

    def resume(
        self, output: Path, overrides: dict[str, Any], *, accept_gaps: bool = False, claim: Claim | None = None
    ) -> None:
        """``landda resume``. Collective."""
        self.output, self._accepts_gaps, self._wants_parts = output, accept_gaps, bool(overrides)
        more: dict[str, Any] = {"on_folder": self._begin_log, "accept_gaps": accept_gaps, "claim": claim}
        finished = open_finished(output, self._world, overrides, **more)
        if finished is not None:
            self.folder, self._finished = finished
            return
        self._campaign = resume_campaign(output, self._world, overrides, stop=self._stop, **more)
        self.folder = self._campaign.folder

    def run(self) -> None:
        """Run the remaining cycles, make the missing parts of the report, and print how the campaign ended. Collective.

        Raises
        ------
        typer.Exit : stopped by a signal other than SIGUSR1, with the code that says so.
        """
        config = self._finished or self._cycle()
        assert self.folder is not None, "start or resume comes first"
        is_complete = False
        with together(self._world, "reading the state of the report"):
            if self._world.rank == 0 and self._finished is not None and not self._wants_parts:
                is_complete = report_step(self.folder.path, is_held=True) == "complete"
        if self._world.broadcast(is_complete):
            self._say(f"{self.output} is finished and its report is complete: nothing to do.")
            return
        outcome = report_campaign(self.folder, config, self._world, stop=self._stop, accept_gaps=self._accepts_gaps)
        if outcome.stopped_by is not None:
            self._say(
                f"Finished, but {outcome.stopped_by.name} interrupted the report. Complete it with: landda resume "
                f"{self.output}"
            )
            leave_by(outcome.stopped_by)
        if self._world.rank == 0:
            _conclude(self.output, config)

    def _cycle(self) -> CampaignConfig:
        """Run the cycles to their end and free their memory; exits at a stop request. Collective."""
        assert self._campaign is not None, "start or resume comes first"
        config = self._campaign.config
        with _progress(self._world.rank == 0) as show:
            outcome = self._campaign.run(show, self._stop)
        self._campaign = None  # its memory: the report needs none of it
        if not outcome.finished:
            name = outcome.stopped_by.name if outcome.stopped_by else "a stop request"
            self._say(
                f"Stopped by {name} after cycle {outcome.cycle} ({outcome.time}); the checkpoint is complete. Resume "
                f"with: landda resume {self.output}"
            )
            leave_by(outcome.stopped_by)
        return config

    def _say(self, text: str) -> None:
        if self._world.rank == 0:
            Console().print(text, highlight=False, soft_wrap=True)

    def _begin_log(self, folder: CampaignFolder) -> None:
        if self._rank_logs:
            file = folder.path / f"landda.rank{self._world.rank:05d}.log"
            logs.also_to_file(file, "landda_hpc", logs.RANK)
        if self._world.rank > 0:
            return
        logs.also_to_file(folder.log_file)
        logger.info("%d ranks, %s", self._world.size, mpi_library() if self._world.size > 1 else "no MPI")


@contextmanager
def campaign_session(verbose: bool, *, rank_logs: bool = False) -> Iterator[CampaignSession]:
    """Start MPI, configure the log, and release the campaign's folder at the end."""
    world = launch()
    logs.configure(world.rank, world.size, verbose)
    session = CampaignSession(world, rank_logs=rank_logs)
    try:
        with watching(world):
            yield session
    finally:
        if session.folder is not None:
            session.folder.unlock()


def leave_by(stopped_by: signal.Signals | None) -> NoReturn:
    """End the command after a stop request; with code 0 after SIGUSR1, after which a job script requeues the job."""
    raise typer.Exit(0 if stopped_by in (None, signal.SIGUSR1) else 128 + int(stopped_by))


@contextmanager
def _progress(is_first: bool) -> Iterator[Any]:
    """Progress bar on a terminal; elsewhere one log line per cycle."""
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


def _conclude(output: Path, config: CampaignConfig) -> None:
    """Print the score tables of a finished campaign. Rank 0."""
    from landda_hpc.verification.tables.benchmarks import read_benchmarks
    from landda_hpc.verification.tables.score_table import summarise, summary_tables

    console = Console()
    benchmarks = read_benchmarks(config.verification.benchmarks, config.data_root)
    rows = summarise(read_json_lines(output / "scores.jsonl"), config.scored_since)
    for table in summary_tables(rows, benchmarks):
        console.print(table)
    figures = f", figures: {output}/figures/" if config.output.figures else ""
    console.print(f"Finished. Report: {output}/report.html, tables: {output}/summary.md{figures}", highlight=False)
