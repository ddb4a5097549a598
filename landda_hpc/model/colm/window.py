"""One forecast window of one run: work folder, model process, checks, and addition to the chain of restarts.

In the folder of a run::

    restart/2010-152-00000/    the chain: restarts as the model wrote them, complete and checked
    work/2010-152-00000/       one window, while it is computed
        start/                       copies of the chain's restarts, with the analysis in them
        try1/                        where the model runs; try2 if the first one failed
            case.nml  process.json   and links to its input, see ``colm202x`` and ``colm2014``
    logs/2010-152-00000.try1.log
    history/2010-152-00000/    the model's history of the window, if it is kept

The model runs in the folder of its try and writes there. Other files that it, or an orphan of a killed job, writes do
not become part of the chain. The restart of the window's end is checked and then added to the chain by one rename.
"""

from __future__ import annotations

import logging
import os
import shutil
import time as clock
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.errors import DataError, ModelError
from landda_hpc.formats.colm.names import is_label, parse_label, time_label
from landda_hpc.formats.colm.restart_files import copy_restart
from landda_hpc.io.atomic import storage_errors, sync_file, sync_folder
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.process import Ending, ModelProcess, end_orphan, launch_command
from landda_hpc.model.colm.version import NAMELIST_NAME, ColmVersion
from landda_hpc.parallel.job_environment import own_environment

logger = logging.getLogger(__name__)

_LAST_LINES: Final = 12
"""Lines of the model's log that an error message shows."""

_POLL_S: Final = 0.02
_TIDY_S: Final = 1.0
"""Time between two removals of restarts that a running model no longer needs, s."""


@dataclass(frozen=True)
class Program:
    """Settings for starting the model.

    Attributes
    ----------
    executable : the model's program.
    launch : template of the command, see ``process.launch_command``.
    nodes : values of ``{nodes}``, one per slot; empty if the template does not use them.
    side_by_side : number of processes that run at the same time.
    timeout_s : time limit of a window, s.
    tries : number of attempts per window.
    environment : additional environment variables.
    keep_history : whether the model's history files are kept.
    """

    executable: Path
    launch: str
    nodes: tuple[str, ...] = ()
    side_by_side: int = 1
    timeout_s: float = 3600.0
    tries: int = 2
    environment: Mapping[str, str] | None = None
    keep_history: bool = False


class RunFolder:
    """The folder of one run of the model.

    Parameters
    ----------
    path : the run's folder.
    case : the case that all runs share.
    namelist : template for its windows.
    n_patch : patches of every block of the case.

    Attributes
    ----------
    name : name of the run.
    chain, work : folders of the restarts and of the windows in progress.
    """

    def __init__(self, path: Path, case: ColmVersion, namelist: Namelist, n_patch: Mapping[str, int]) -> None:
        self.path = path.absolute()
        self.name, self.chain, self.work = self.path.name, self.path / "restart", self.path / "work"
        self.case, self.namelist, self.n_patch = case, namelist, n_patch

    def folder_of(self, time: datetime) -> Path:
        """Folder of the chain's restart of a time."""
        return self.chain / time_label(time)

    def times(self) -> list[datetime]:
        """Times of the chain's restarts, ascending."""
        if not self.chain.is_dir():
            return []
        return sorted(parse_label(entry.name) for entry in self.chain.iterdir() if is_label(entry.name))

    def begin(self, time: datetime, source: Path | None = None) -> None:
        """Create the folders and start the chain with a restart of a time. Local: one process.

        Parameters
        ----------
        source : folder with the restart; None: the case's own restart.

        Raises
        ------
        DataError, MissingFileError : there is no such restart, or an incomplete one.
        StorageError : the folders cannot be written.
        """
        label = time_label(time)
        if source is None:
            source, own = self.case.own_folder(time), self.case.times()
            if time not in own:
                known = ", ".join(time_label(t) for t in own) or "none"
                raise DataError(
                    f"case {self.case.name} has no restart of {time.isoformat()} in {self.case.restart}; it has "
                    f"{known}. Run the model to that time, or set time.start to one of these times."
                )
        files = self.case.require_complete(source, time)
        unknown = [str(file.path) for file in files if file.name is None]
        if unknown:
            logger.warning(
                "%s: %d files are not named as CoLM's restarts (%s ...); they are copied as they are",
                source, len(unknown), unknown[0],
            )  # fmt: skip
        with storage_errors(self.path, "making the folders of the run"):
            self.work.mkdir(parents=True, exist_ok=True)
            (self.path / "logs").mkdir(exist_ok=True)
            self.chain.mkdir(exist_ok=True)
            temporary = self.work / f"begin_{label}"
            shutil.rmtree(temporary, ignore_errors=True)
            copy_restart(files, source, temporary)
            self.enter(temporary, time)

    def enter(self, folder: Path, time: datetime) -> None:
        """Synchronise a complete folder of restarts and add it to the chain by renaming. Local: one process."""
        target = self.chain / time_label(time)
        with storage_errors(target, "adding to the chain of restarts"):
            for path in sorted(folder.rglob("*")):
                sync_folder(path) if path.is_dir() else sync_file(path)
            sync_folder(folder)
            if target.exists():  # from a cycle that a resume computes again
                old = self.work / f"old_{target.name}"
                shutil.rmtree(old, ignore_errors=True)
                target.rename(old)
                shutil.rmtree(old, ignore_errors=True)
            folder.rename(target)
            sync_folder(self.chain)

    def adopt(self, other: RunFolder, time: datetime) -> None:
        """Add a copy of another run's restart of a time to the chain. Local: one process."""
        source, temporary = other.folder_of(time), self.work / f"adopted_{time_label(time)}"
        with storage_errors(temporary, "copying a member's restart"):
            shutil.rmtree(temporary, ignore_errors=True)
            copy_restart(other.case.files(source, time), source, temporary)
            self.enter(temporary, time)

    def clear_work(self) -> None:
        """End processes of an earlier job in the work folder and remove their files. Local: one process."""
        if self.work.is_dir():
            for window in sorted(self.work.iterdir()):
                for attempt in sorted(window.glob("try*")):
                    end_orphan(attempt)
                shutil.rmtree(window, ignore_errors=True)

    def remove_later(self, time: datetime) -> None:
        """Remove the restarts of later times; a resume from ``time`` computes them again. Local: one process."""
        for later in (found for found in self.times() if found > time):
            with storage_errors(self.folder_of(later), "removing a restart"):
                shutil.rmtree(self.folder_of(later))

    def prune(self, keep: set[datetime], newest: int) -> None:
        """Remove restarts and logs, except those of the requested and the newest times. Local: one process."""
        for time in self.times()[:-newest]:
            if time not in keep:
                label = time_label(time)
                shutil.rmtree(self.chain / label, ignore_errors=True)
                for log in (self.path / "logs").glob(f"{label}.*"):
                    log.unlink(missing_ok=True)


class Window:
    """One window of one run.

    Parameters
    ----------
    run : the run.
    start, end : period of the window; the chain contains the restart of ``start``.
    """

    def __init__(self, run: RunFolder, start: datetime, end: datetime) -> None:
        self.run, self.start, self.end = run, start, end
        self.folder = run.work / time_label(start)
        self.tried = 0
        self.seconds = 0.0

    @property
    def start_folder(self) -> Path:
        """Folder of the restarts from which the model starts."""
        return self.folder / "start"

    def prepare(self, written_apart: Sequence[str]) -> None:
        """Create the work folder with copies of the chain's files. Local: one process.

        Parameters
        ----------
        written_apart : names of files that are not copied, because the analysis writes them to ``start_folder``.
        """
        source = self.run.folder_of(self.start)
        with storage_errors(self.folder, "making the work folder"):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.start_folder.mkdir(parents=True)
            files = self.run.case.files(source, self.start)
            copy_restart(files, source, self.start_folder, without=written_apart)

    def launch(self, program: Program, slot: int) -> ModelProcess:
        """Start the next try; ModelError if the program cannot be started. Local: one process."""
        self.tried += 1
        folder, case = self._try_folder, self.run.case
        with storage_errors(folder, "making the model's folder"):
            case.lay_out(folder, self.start_folder, self.run.namelist, self.start, self.end)
        nodes = program.nodes[slot] if program.nodes else ""
        command = launch_command(program.launch, program.executable, NAMELIST_NAME, nodes, slot)
        environment = own_environment(os.environ, program.environment or {})
        stdin = folder / NAMELIST_NAME if case.reads_stdin else None
        return ModelProcess(command, folder, self.log, environment, program.timeout_s, stdin)

    def tidy(self) -> None:
        """Remove restarts that the running model no longer needs. Local: one process."""
        with storage_errors(self._try_folder, "removing restarts within the window"):
            self.run.case.tidy(self._try_folder, self.start, self.end)

    def check(self, ending: Ending) -> None:
        """Raise ModelError unless the process ended with code 0 and wrote all files. Local."""
        self.seconds = ending.seconds
        if not ending.is_good:
            raise ModelError(f"the model {ending.describe()}")
        case = self.run.case
        if case.completion and case.completion not in self._read_log():
            raise ModelError(
                f"the model {ending.describe()}, but its output lacks '{case.completion}': it stopped before the end"
            )
        case.check_end(self._try_folder, self.start_folder, self.start, self.end, self.run.n_patch)

    def commit(self, keep_history: bool) -> None:
        """Add the restart of the window's end to the chain and clear the work folder. Local: one process."""
        with storage_errors(self._try_folder, "taking the restart of the window's end"):
            result = self.run.case.take_result(self._try_folder, self.end)
        self.run.enter(result, self.end)
        if keep_history:
            self._keep_history()
        with storage_errors(self.folder, "clearing the work folder"):
            shutil.rmtree(self.folder)

    @property
    def log(self) -> Path:
        """Log of the current try."""
        return self.run.path / "logs" / f"{time_label(self.start)}.try{self.tried}.log"

    def last_lines(self) -> str:
        """The end of the current try's log, indented."""
        lines = self._read_log().splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LAST_LINES:]) or "    (empty)"

    def _read_log(self) -> str:
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @property
    def _try_folder(self) -> Path:
        return self.folder / f"try{self.tried}"

    def _keep_history(self) -> None:
        source = self.run.case.history(self._try_folder)
        target = self.run.path / "history" / time_label(self.start)
        if source.is_dir() and any(source.iterdir()):
            with storage_errors(target, "keeping the history"):
                target.parent.mkdir(exist_ok=True)
                shutil.rmtree(target, ignore_errors=True)
                source.rename(target)


def run_windows(windows: Sequence[Window], program: Program, members: Collection[str] = ()) -> dict[str, str]:
    """Compute windows, several at a time; check each and add it to the chain. Local: one process.

    Parameters
    ----------
    members : names of runs that are members of ensembles; their failures do not end the others.

    Returns
    -------
    Reasons of the members whose tries all failed, by run; their work folders and logs are kept.

    Raises
    ------
    ModelError : all tries of another run's window failed. Its work folder and logs are kept, its chain ends with the
        last valid restart, and the processes of windows that were still running are ended.
    """
    waiting, running = list(windows), dict[int, tuple[Window, ModelProcess]]()
    failed: dict[str, str] = {}
    tidied = clock.monotonic()
    try:
        while waiting or running:
            for slot in range(program.side_by_side):
                if waiting and slot not in running:
                    window = waiting.pop(0)
                    running[slot] = (window, window.launch(program, slot))
            for slot, (window, process) in list(running.items()):
                ending = process.poll()
                if ending is None:
                    continue
                del running[slot]
                try:
                    window.check(ending)
                except ModelError as error:
                    if window.tried >= program.tries and window.run.name in members:
                        failed[window.run.name] = str(_failure(window, error))
                        continue
                    if window.tried >= program.tries:
                        raise _failure(window, error) from error
                    logger.warning("run '%s', window from %s: %s; trying again", window.run.name, window.start, error)
                    waiting.insert(0, window)
                else:
                    window.commit(program.keep_history)
            if clock.monotonic() - tidied > _TIDY_S:
                for window, _ in running.values():
                    window.tidy()
                tidied = clock.monotonic()
            clock.sleep(_POLL_S)
    finally:
        for _, process in running.values():
            process.end()
    return failed


def _failure(window: Window, error: ModelError) -> ModelError:
    times = "once" if window.tried == 1 else f"{window.tried} times"
    return ModelError(
        f"run '{window.run.name}': the window from {window.start.isoformat()} to {window.end.isoformat()} failed "
        f"{times}; the last failure: {error}.\n  The end of its log, {window.log}:\n{window.last_lines()}\n"
        f"  All its files are in {window.folder}; the last valid restart is "
        f"{window.run.folder_of(window.start)}. Remove the cause (try the model there by hand: "
        f"{NAMELIST_NAME}), then 'landda resume' continues from the last checkpoint."
    )
