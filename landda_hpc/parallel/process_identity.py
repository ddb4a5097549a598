"""Identity of a process, which other processes, also on other machines, can check later."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")
_JOB_IDS: Final = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")
"""Environment variables in which batch systems name the job; for messages alone."""
_JOB_ENDS: Final = ("LANDDA_JOB_END", "SLURM_JOB_END_TIME")
"""Environment variables with the end of the job's wall time, seconds since 1970."""


def job_ends() -> str:
    """End of the wall time of this process's batch job, ISO 8601, UTC; empty if the environment does not contain it."""
    found = (os.environ.get(name, "") for name in _JOB_ENDS)
    second = next((int(text) for text in found if text.isdigit()), None)
    return "" if second is None else datetime.fromtimestamp(second, UTC).isoformat()


@dataclass(frozen=True)
class ProcessIdentity:
    """Permanent identity of a process: process ids are reused, and host names are not unique.

    Attributes
    ----------
    pid : its number.
    born : ticks between the machine's start and its own; empty if the system does not report it.
    host : name of the machine.
    boot : identifier of the machine's running system; empty if the system does not report it.
    namespace : in which the number counts; containers have their own.
    job : batch job, empty without one.
    """

    pid: int
    born: str
    host: str
    boot: str
    namespace: str
    job: str = ""

    @classmethod
    def of_this_process(cls) -> ProcessIdentity:
        """The identity of the calling process."""
        pid = os.getpid()
        job = next((os.environ[name] for name in _JOB_IDS if os.environ.get(name)), "")
        return cls(pid, birth(pid) or "", socket.gethostname(), _boot(), _namespace(), job)

    def life(self) -> Literal["alive", "dead", "unknown"]:
        """Whether the process lives; unknown from another machine or container, where its number means nothing."""
        if not self.born or not self.boot or (self.boot, self.namespace) != (_boot(), _namespace()):
            return "unknown"
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return "dead"
        except PermissionError:
            pass  # a process of another user, which may be hidden
        if not Path(f"/proc/{self.pid}/stat").exists():
            return "unknown"
        return "alive" if birth(self.pid) == self.born else "dead"

    def describe(self) -> str:
        """In words, for messages."""
        return f"process {self.pid} on {self.host}" + (f", job {self.job}" if self.job else "")


def birth(pid: int) -> str | None:
    """When a process began, in ticks since the machine's start; None where it has ended or is not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _namespace() -> str:
    try:
        return str(_NAMESPACE.readlink())
    except OSError:
        return ""
