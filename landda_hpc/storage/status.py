"""State of a campaign, from status.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import NoneType
from typing import Final, Literal, get_args

State = Literal["running", "stopped", "finished", "failed"]

Standing = Literal["not begun", "branched", "running", "stopped", "finished", "failed", "unknown"]
"""A state; "not begun" if there is nothing to resume from; "branched" if a resume begins a branch; "unknown" if it
is not clear whether the campaign runs."""

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
    state : running, stopped (by a signal, can be resumed), finished, or failed. If it is running and no job holds the
        folder's lock, the campaign was killed (``CampaignFolder.standing``).
    cycle, n_cycles : last finished cycle, and number of cycles of the campaign.
    time : valid time after that cycle, ISO 8601, UTC.
    ranks : number of processes of the job.
    last_checkpoint : file name of the newest finished checkpoint, or None.
    message : description of the campaign's end.
    pid, host, written : of rank 0 when the status was written; filled in by ``write_status``.
    job_ends : end of the batch job's wall time, ISO 8601, UTC; empty if unknown; filled in as well.
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
    job_ends: str = ""


def parse_status(plain: object) -> Status:
    """Make a status from plain data; ValueError unless it has all required fields, of their types, and no others."""
    hints = {field.name: _STATUS_TYPES[str(field.type)] for field in fields(Status)}
    required = {field.name for field in fields(Status) if field.default is MISSING}
    if not isinstance(plain, dict) or not required <= set(plain) <= set(hints):
        raise ValueError("fields that differ from those of a status")
    if not all(isinstance(value, hints[name]) and not isinstance(value, bool) for name, value in plain.items()):
        raise ValueError("a field of another type")
    if plain["state"] not in get_args(State):
        raise ValueError("an unknown state")
    return Status(**plain)
