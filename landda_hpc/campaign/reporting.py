"""The report as a separate step after the cycles: with progress, interruptible, resumable; other ranks sleep.

The campaign is finished before the report begins, so a failure of the report does not affect its state.
A separate process draws the figures: its memory is freed, a signal ends it immediately, and no incomplete file
appears. The other ranks sleep until it ends. They cannot end earlier: under mpirun a rank that leaves without
MPI_Finalize ends the job, and after MPI_Finalize srun may end the job once the first rank has left (--wait).
"""

from __future__ import annotations

import ctypes
import gc
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from landda_hpc.campaign.final_report import Made, make_report
from landda_hpc.campaign.record_check import require_records
from landda_hpc.campaign.report_process import ReportProcess
from landda_hpc.config import CampaignConfig
from landda_hpc.io.atomic import remove_temporaries
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.report_state import ReportState, ReportStep, read_report_state, write_report_state

logger = logging.getLogger(__name__)

OnPart = Callable[[Made], None]
"""Called on rank 0 with every completed part."""


@dataclass(frozen=True)
class ReportOutcome:
    """How a report ended: complete, or interrupted by a signal; ``n_made`` parts were made now, the others existed."""

    complete: bool
    n_made: int
    stopped_by: signal.Signals | None = None


def report_campaign(
    folder: CampaignFolder,
    config: CampaignConfig,
    world: Communicator,
    *,
    stop: StopRequest | None = None,
    on_part: OnPart | None = None,
    accept_gaps: bool = False,
) -> ReportOutcome:
    """Make the report of a finished campaign, or its missing parts. Collective.

    Parameters
    ----------
    folder : of the campaign, held by this job.
    config : of the campaign; ``output.figures`` says whether figures are drawn.
    stop : asked several times a second.
    accept_gaps : make it even if scores or cycles are missing in the records.

    Raises
    ------
    StorageError, DataError : records are missing, or a part cannot be made; on every rank. The campaign stays finished
        and finished parts are kept; a resume tries again.
    """

    def make(done: Mapping[str, str | None], notes: Sequence[str]) -> _Maker:
        if config.output.figures:
            return ReportProcess(folder.path, config, done, notes)
        return _InThisProcess(make_report(folder, config, done, notes))

    _give_memory_back()
    report: _Report | None = None
    is_over, received = False, None if stop is None else stop.agreed(world)
    with together(world, "beginning the report", asleep=True):
        if world.rank == 0:
            report = _Report(folder, make, on_part)
            if not received:
                report.begin(accept_gaps=accept_gaps)
    try:
        while not is_over and not received:
            with together(world, "making the report", asleep=True):
                if report is not None:
                    is_over = report.advance()
            is_over = world.broadcast(is_over)
            received = None if stop is None else stop.agreed(world)
    except BaseException:
        if report is not None:
            report.end()
        raise
    n_made = 0
    with together(world, "ending the report"):
        if report is not None:
            report.end("complete" if is_over else "interrupted")
            n_made = report.n_made
    return ReportOutcome(is_over, world.broadcast(n_made), None if is_over else received)


def _give_memory_back() -> None:
    """Return memory of the cycles to the system: objects in reference cycles, and free memory of the C library.

    glibc keeps it otherwise (698 MB instead of 430 MB after a cycle of twin.yaml on one rank); other libraries have no
    such call.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class _Maker(Protocol):
    """Makes the parts of a report."""

    def advance(self) -> tuple[list[Made], bool]: ...

    def end(self) -> None: ...


class _InThisProcess:
    """Tables only, one part at a time; fast."""

    def __init__(self, parts: Iterator[Made]) -> None:
        self._parts = parts

    def advance(self) -> tuple[list[Made], bool]:
        made = next(self._parts, None)
        return ([], True) if made is None else ([made], False)

    def end(self) -> None:
        return None


class _Report:
    """The report on rank 0: finished parts, and the maker of the others. Local."""

    def __init__(
        self,
        folder: CampaignFolder,
        make: Callable[[Mapping[str, str | None], Sequence[str]], _Maker],
        on_part: OnPart | None,
    ) -> None:
        self._folder, self._make, self._on_part = folder, make, on_part
        before = read_report_state(folder.path) or ReportState()
        self._parts, self._n_parts, self.n_made = before.present(folder.path), before.n_parts, 0
        self._maker: _Maker | None = None
        self._began = time.monotonic()

    def begin(self, *, accept_gaps: bool) -> None:
        """Check the records and start making the parts."""
        with self._failing():
            gaps = require_records(self._folder, accept_gaps=accept_gaps)
            for gap in gaps:
                logger.warning("missing in the records: %s", gap)
            notes = [f"Missing in the records: {gap}." for gap in gaps]
            self._write("running")
            self._maker = self._make(self._parts, notes)

    def advance(self) -> bool:
        """Continue for a short time; return whether the report is complete."""
        assert self._maker is not None
        with self._failing():
            made, is_over = self._maker.advance()
        for part in made:
            self._parts[part.name], self._n_parts = part.caption, part.n_parts
            self.n_made += 1
            self._write("running")
            seconds = time.monotonic() - self._began
            logger.info("report %d/%d: %s, %.1f s", part.number, part.n_parts, part.name, seconds)
            if self._on_part is not None:
                self._on_part(part)
        return is_over

    def end(self, state: ReportStep | None = None) -> None:
        """Stop making parts; set the state, if one is given."""
        if self._maker is not None:
            self._maker.end()
        for path in (self._folder.path, self._folder.figures):
            remove_temporaries(path)
        if state is not None:
            self._write(state)

    def _write(self, state: ReportStep, message: str = "") -> None:
        write_report_state(self._folder.path, ReportState(state, self._n_parts, dict(self._parts), message))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._write("failed", str(error))
            raise
