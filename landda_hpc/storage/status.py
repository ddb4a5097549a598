"""State of a campaign, from status.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import NoneType
from typing import Final, Literal, get_args

State = Literal["running", "stopped", "finished", "failed"]

Standing = Literal["not begun", "running", "stopped", "finished", "failed", "unknown"]
"""A state, or: not begun, nothing exists to resume from; unknown, it cannot be determined whether it runs."""

_STATUS_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "State": str,
    "str": str,
    "int": int,
    "str | None": (str, NoneType),
}


@dataclass(frozen=True)
class Status:
    """State of a campaign.

    Attributes
    ----------
    state : running, stopped (by a signal, can be resumed), finished, or failed. A campaign whose state is running
        while nobody holds the folder's lock was killed (``CampaignFolder.standing``).
    cycle : last finished cycle; n_cycles : cycles of the campaign.
    time : valid time after that cycle, ISO 8601, UTC.
    ranks : processes of the job.
    last_checkpoint : file name of the newest finished checkpoint, or None.
    message : how it ended, in words.
    pid, host, written : of rank 0 when the status was written; filled in by ``write_status``.
    """

    state: State
    cycle: int
    n_cycles: int
    time: str
    ranks: int
    last_checkpoint: str | None = None
    message: str = ""
    pid: int = 0
    host: str = ""
    written: str = ""


def parse_status(plain: object) -> Status:
    """Status from plain data; ValueError unless it has every field, of its type, and no other."""
    hints = {field.name: _STATUS_TYPES[str(field.type)] for field in fields(Status)}
    required = {field.name for field in fields(Status) if field.default is MISSING}
    if not isinstance(plain, dict) or not required <= set(plain) <= set(hints):
        raise ValueError("fields that differ from those of a status")
    if not all(isinstance(value, hints[name]) and not isinstance(value, bool) for name, value in plain.items()):
        raise ValueError("a field of another type")
    if plain["state"] not in get_args(State):
        raise ValueError("an unknown state")
    return Status(**plain)
