"""Processes of the real model: environment, log file, time limit, and removal of orphans."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landda_hpc.config import parse_json
from landda_hpc.errors import ConfigError, ModelError
from landda_hpc.parallel.process_identity import birth

logger = logging.getLogger(__name__)

PLACEHOLDERS: Final = ("exe", "namelist", "nodes", "slot")
"""Names that a launch command may contain in braces."""

PROCESS_FILE: Final = "process.json"
"""File in a window's folder that identifies its process, so that a resume can end a process left by a campaign."""

GRACE_S: Final = 10.0
"""Seconds between SIGTERM and SIGKILL; mpirun needs them to end its own processes on other nodes."""


def launch_command(template: str, executable: Path, namelist: str, nodes: str, slot: int) -> list[str]:
    """Split a command template such as ``mpirun -n 4 --host {nodes} {exe} {namelist}`` into words.

    Raises
    ------
    ConfigError : the template has another name in braces, or unbalanced quotes.
    """
    given = dict(zip(PLACEHOLDERS, (str(executable), namelist, nodes, str(slot)), strict=True))
    try:
        return [word.format(**given) for word in shlex.split(template)]
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"model.launch = '{template}': {error}. Names allowed in braces: {', '.join(PLACEHOLDERS)}."
        ) from error


@dataclass(frozen=True)
class Ending:
    """End of a process: exit code, negative for a signal, or None if the process exceeded its time limit."""

    code: int | None
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.code == 0

    def describe(self) -> str:
        """Describe the end of the process for a message."""
        if self.code is None:
            return f"did not end within its {self.seconds:.0f} s"
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name} after {self.seconds:.1f} s"
        return f"ended with code {self.code} after {self.seconds:.1f} s"


class ModelProcess:
    """A running process of the model (or of its launcher) in its own session.

    Parameters
    ----------
    command : words of the command.
    folder : working folder of the process.
    log : file for its output and errors; overwritten.
    environment : all environment variables of the process.
    timeout_s : time limit, s.
    stdin : file for its standard input; None: it has none.

    Raises
    ------
    ModelError : the command cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: Path | None = None,
    ) -> None:
        self._began = time.monotonic()
        self._timeout_s = timeout_s
        self._ending: Ending | None = None
        try:
            with log.open("wb") as output, (stdin or Path(os.devnull)).open("rb") as given:
                self._process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                    command, cwd=folder, stdin=given, stdout=output, stderr=subprocess.STDOUT,
                    env=dict(environment), start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise ModelError(
                f"cannot start '{shlex.join(command)}': {error.strerror or error}. Check model.executable and "
                "model.launch."
            ) from error
        identity = {"pid": self._process.pid, "host": socket.gethostname(), "born": birth(self._process.pid)}
        (folder / PROCESS_FILE).write_text(json.dumps(identity), encoding="utf-8")

    def poll(self) -> Ending | None:
        """Return how the process ended, or None while it runs; end it if it exceeds its time limit."""
        if self._ending is None:
            code, seconds = self._process.poll(), time.monotonic() - self._began
            if code is not None:
                self._ending = Ending(code, seconds)
            elif seconds > self._timeout_s:
                self.end()
                self._ending = Ending(None, self._timeout_s)
        return self._ending

    def end(self) -> None:
        """End the process and its session, first with SIGTERM, then with SIGKILL; do nothing if it has ended."""
        end_session(self._process.pid, self._process)


def end_session(pid: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """End the processes of a session that this program started; ``pid`` is the id of the session leader."""

    def is_over() -> bool:
        return process.poll() is not None if process is not None else birth(pid) is None

    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            return
        deadline = time.monotonic() + patience
        while not is_over() and time.monotonic() < deadline:
            time.sleep(0.05)
    if process is not None:
        process.wait(timeout=GRACE_S)


def end_orphan(folder: Path) -> bool:
    """End a process started in a folder if it still runs on this machine; return whether one was ended.

    A killed campaign cannot end its model; after a resume, two processes would compute the same window.
    """
    path = folder / PROCESS_FILE
    try:
        identity = parse_json(path.read_text(encoding="utf-8"))
        pid, host, born = int(identity["pid"]), str(identity["host"]), identity["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname() or born is None or birth(pid) != born:
        return False
    logger.warning("ending process %d in %s: the campaign that started it is gone", pid, folder)
    end_session(pid)
    return True
