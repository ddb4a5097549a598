"""Who holds a folder, as its lock file says: a process, and a number that grows as long as the process lives.

Locks of the file system are not enough: some have none (Lustre with noflock, NFS with nolock), some count on one
machine only (localflock, local_lock) or are granted to everybody. On the same machine the process is looked up. From
another machine only the number helps: a change of it is a sign of life, whatever the clocks say.
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
"""Seconds between two signs of life."""

FRESH_S: Final = 180.0
"""A sign of life counts for so many seconds: file systems stall for a minute or two, and clocks differ."""

WATCH_S: Final = 2.5 * BEAT_S
"""An owner whose last sign of life is an old one, by the clock, is watched for so many seconds: clocks may be wrong."""

SILENT_S: Final = 600.0
"""Without one for so many seconds a process is taken for dead in what ``status`` says."""

_LENGTH: Final = 1024
"""Bytes of the file, so that one write replaces all of it."""

_READINGS: Final = 5

Life = Literal["free", "alive", "dead", "unknown"]


@dataclass(frozen=True)
class Owner:
    """What a lock file says.

    Attributes
    ----------
    process : that holds the folder.
    since : when it took the folder, UTC, ISO 8601, by its own clock.
    token : of this very hold.
    beat : number of the last sign of life.
    written : when it was given, UTC, ISO 8601, by the clock of its machine.
    released : whether the folder was given back.
    """

    process: ProcessIdentity
    since: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    beat: int = 0
    written: str = ""
    released: bool = False

    @classmethod
    def new(cls) -> Owner:
        """The calling process, from now on."""
        return cls(ProcessIdentity.of_this_process(), _now())

    def after(self, *, released: bool = False) -> Owner:
        """The next sign of life."""
        return replace(self, beat=self.beat + 1, written=_now(), released=released)

    def age_s(self) -> float:
        """Seconds since the last sign of life, by two clocks that may differ."""
        try:
            return (datetime.now(UTC) - datetime.fromisoformat(self.written)).total_seconds()
        except (ValueError, TypeError):
            return SILENT_S + 1.0

    @property
    def is_fresh(self) -> bool:
        """Whether the last sign of life is a recent one, by the clock."""
        return abs(self.age_s()) <= FRESH_S

    def life(self) -> Life:
        """What can be said at once: alive and dead are certain on the same machine, and by the clock from another."""
        if self.released:
            return "free"
        seen = self.process.life()
        if seen != "unknown":
            return seen
        if self.is_fresh:
            return "alive"
        return "dead" if self.age_s() > SILENT_S else "unknown"

    def describe(self) -> str:
        """In words, for messages."""
        seconds = max(0.0, self.age_s())
        age = f"{seconds:.0f} s" if seconds < 600.0 else f"{seconds / 60.0:.0f} min"
        return f"{self.process.describe()} since {self.since}; last sign of life {age} ago"


def read_owner(path: Path) -> Owner | None:
    """What a lock file says; None where it is missing, empty or of an earlier version. Local.

    Raises
    ------
    OSError : it cannot be read.
    """
    for _ in range(_READINGS):
        try:
            # Opened each time: NFS looks for news of a file when it is opened.
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
    """Write in place and force it to the device, so that other machines see it. Local; raises OSError."""
    content = {"format": FORMAT, "format_version": VERSION, **asdict(owner)}
    line = json.dumps(content).encode().ljust(_LENGTH - 1) + b"\n"
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))
    os.fsync(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
