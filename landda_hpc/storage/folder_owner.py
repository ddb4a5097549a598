"""Owner of a folder, from its lock file: a process, and a counter that increases while the process is alive.

Locks of the file system are not sufficient: some file systems have none (Lustre with noflock, NFS with nolock); some
locks are valid only on one machine (localflock, local_lock) or are granted to every job. On the same machine, the
process is looked up. From another machine, only a change of the counter shows that it is alive, because clocks differ.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from landda_hpc.config import parse_json
from landda_hpc.parallel.process_identity import ProcessIdentity

FORMAT: Final = "landda_hpc folder owner"
VERSION: Final = 1

BEAT_S: Final = 10.0
"""Seconds between two heartbeats."""

FRESH_S: Final = 180.0
"""Seconds for which a heartbeat counts as recent: file systems stall for a minute or two, and clocks differ."""

WATCH_S: Final = 2.5 * BEAT_S
"""Seconds to watch an owner whose last heartbeat is old by the clock, because clocks may be wrong."""

SILENT_S: Final = 600.0
"""Seconds without a heartbeat after which ``status`` reports a process as dead."""

_LENGTH: Final = 1024
"""Fixed size of the file, bytes, so that one write replaces all of it."""

_READINGS: Final = 5

Life = Literal["free", "alive", "dead", "unknown"]


@dataclass(frozen=True)
class Owner:
    """Content of a lock file.

    Attributes
    ----------
    process : process that holds the folder.
    since : time when it took the folder, UTC, ISO 8601, by its own clock.
    token : unique identifier of this hold.
    beat : number of the last heartbeat.
    written : time of the last heartbeat, UTC, ISO 8601, by the clock of its machine.
    released : whether the folder was released.
    """

    process: ProcessIdentity
    since: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    beat: int = 0
    written: str = ""
    released: bool = False

    @classmethod
    def new(cls) -> Owner:
        """The calling process as owner from now on."""
        return cls(ProcessIdentity.of_this_process(), _now())

    def after(self, *, released: bool = False) -> Owner:
        """The owner with its next heartbeat."""
        return replace(self, beat=self.beat + 1, written=_now(), released=released)

    def age_s(self) -> float:
        """Seconds since the last heartbeat, from two clocks that may differ."""
        try:
            return (datetime.now(UTC) - datetime.fromisoformat(self.written)).total_seconds()
        except (ValueError, TypeError):
            return SILENT_S + 1.0

    @property
    def is_fresh(self) -> bool:
        """Whether the last heartbeat is recent by the clock."""
        return abs(self.age_s()) <= FRESH_S

    def life(self) -> Life:
        """State that is known at once: certain for a process of this machine, judged by the clock for others."""
        if self.released:
            return "free"
        seen = self.process.life()
        if seen != "unknown":
            return seen
        if self.is_fresh:
            return "alive"
        return "dead" if self.age_s() > SILENT_S else "unknown"

    def describe(self) -> str:
        """Description for messages."""
        seconds = max(0.0, self.age_s())
        age = f"{seconds:.0f} s" if seconds < 600.0 else f"{seconds / 60.0:.0f} min"
        return f"{self.process.describe()} since {self.since}; last heartbeat {age} ago"


def read_owner(path: Path) -> Owner | None:
    """Read a lock file; None if it is missing, empty or of an earlier version. Local.

    Raises
    ------
    OSError : it cannot be read.
    """
    for _ in range(_READINGS):
        try:
            # Opened each time: NFS checks for changes of a file when it is opened.
            content = parse_json(path.read_bytes() or b"{}")
        except FileNotFoundError:
            return None
        except ValueError:
            time.sleep(0.02)  # it is being written
            continue
        try:
            if (content.pop("format"), content.pop("format_version")) != (FORMAT, VERSION):
                return None
            return Owner(**(content | {"process": ProcessIdentity(**content["process"])}))
        except (LookupError, TypeError, AttributeError):
            return None
    return None


def write_owner(descriptor: int, owner: Owner) -> None:
    """Write a lock file in place and synchronise it, so that other machines see it. Local; raises OSError."""
    content = {"format": FORMAT, "format_version": VERSION, **asdict(owner)}
    line = json.dumps(content).encode().ljust(_LENGTH - 1) + b"\n"
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))
    os.fsync(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
