"""A campaign as seen from outside, on any machine that sees its folder: speed, expected end, disk space, warnings.

Files of records are read from their end, so that the time does not depend on their length.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from landda_hpc.config import CheckpointConfig, TimeConfig
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
from landda_hpc.storage.report_state import read_report_state
from landda_hpc.storage.retention import list_checkpoints

_RECENT: Final = 24
"""Cycles from which speed and growth are computed: they contain checkpoints and images in their usual proportion."""

_TAIL: Final = 200_000
"""Bytes at the end of the log that are searched for warnings."""

_WARNING: Final = re.compile(r"^(\S+ (?:WARNING|ERROR|CRITICAL)) [\w.]+: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Innovations:
    """Innovation statistics of the last analysis of a run, m3 m-3; None without a value."""

    run: str
    time: str
    n_observations: int
    innovation_mean: float | None
    innovation_std: float | None
    residual_std: float | None


@dataclass(frozen=True)
class Outlook:
    """Speed and needs of a campaign; None where too little is known.

    Attributes
    ----------
    days_per_hour : simulated days per hour of wall time, from the last cycles.
    left_s : seconds of computing to the end of the cycles, without the report.
    ends : expected end of the cycles, UTC, if they continue without a pause from the last status; None if no job runs.
    job_left_s : seconds of wall time that the job has left; None if it did not say when it ends.
    disk_free : bytes free on the file system of the folder.
    disk_needed : bytes that records, images and checkpoints still need, from their growth in the last cycles.
    innovations : of the last analysis of every run.
    warnings : of the log's end, oldest first.
    """

    days_per_hour: float | None
    left_s: float | None
    ends: datetime | None
    job_left_s: float | None
    disk_free: int
    disk_needed: float | None
    innovations: Sequence[Innovations]
    warnings: Sequence[str]


def outlook(
    folder: CampaignFolder, clock: TimeConfig, checkpoint: CheckpointConfig, status: Status | None, *, runs: bool
) -> Outlook:
    """Read the outlook of a campaign. Local; reads only.

    Parameters
    ----------
    clock, checkpoint : of the campaign.
    status : its status; None before the first.
    runs : whether a job is running.

    Raises
    ------
    StorageError : a file cannot be read, or the last lines of the records are damaged.
    """
    now = datetime.now(UTC)
    cycle = 0 if status is None else status.cycle
    seconds = folder.last_records("seconds", _RECENT)
    if len(seconds) > 1 and seconds[0]["cycle"] == 1:
        del seconds[0]  # it includes the compilation
    left = clock.n_cycles - cycle
    speed = left_s = ends = None
    if seconds:
        per_cycle = sum(step["max"] for record in seconds for step in record["seconds"].values()) / len(seconds)
        speed = clock.cycle_hours / 24.0 * 3600.0 / max(per_cycle, 1e-6)
        left_s = left * per_cycle
        if runs and status is not None:
            ends = datetime.fromisoformat(status.written) + timedelta(seconds=left_s)
    job_left = None
    if runs and status is not None and status.job_ends:
        job_left = (datetime.fromisoformat(status.job_ends) - now).total_seconds()
    with storage_errors(folder.path, "asking for free space"):
        free = shutil.disk_usage(folder.path).free
    return Outlook(
        speed,
        left_s,
        ends,
        job_left,
        free,
        _disk_needed(folder, clock, checkpoint, seconds, left),
        _innovations(folder, max(0, cycle - clock.n_analyses) + _RECENT),
        _warnings(folder.log_file),
    )


def saved_so_far(folder: CampaignFolder) -> str:
    """What a resume would find, in a few words that change when something new is saved. Local; reads no record."""
    checkpoints = list_checkpoints(folder.checkpoints)
    report = read_report_state(folder.path)
    if checkpoints:
        n_parts = 0 if report is None else len(report.parts)
        return f"cycle {checkpoints[-1][0]}" + (f", {n_parts} parts of the report" if n_parts else "")
    spinup = folder.path / "spinup.h5"
    if spinup.is_file():
        return f"spin-up of {datetime.fromtimestamp(spinup.stat().st_mtime, UTC).isoformat()}"
    return "nothing"


def _disk_needed(
    folder: CampaignFolder,
    clock: TimeConfig,
    checkpoint: CheckpointConfig,
    seconds: Sequence[dict[str, Any]],
    left: int,
) -> float | None:
    """Growth of the last cycles times the cycles left, and the checkpoints that are still missing."""
    from landda_hpc.campaign.estimate import kept_checkpoints  # loads the models, which scripts do not need

    files = [path.stat().st_size for _, path in list_checkpoints(folder.checkpoints)]
    sizes = [(int(record["cycle"]), int(record["bytes_kept"])) for record in seconds if "bytes_kept" in record]
    if len(sizes) < 2 or not files:
        return None
    (first, before), (last, after) = sizes[0], sizes[-1]
    missing = max(0, kept_checkpoints(clock, checkpoint) - len(files)) + (left > 0)  # one more during its writing
    return left * (after - before) / (last - first) + missing * max(files)


def _innovations(folder: CampaignFolder, n_cycles: int) -> list[Innovations]:
    found: dict[str, Innovations] = {}
    for record in folder.last_records("cycles", n_cycles):
        if record.get("n_observations") is not None and "innovation_mean" in record:
            values = (record.get(key) for key in ("innovation_mean", "innovation_std", "residual_std"))
            found[record["run"]] = Innovations(record["run"], record["time"], record["n_observations"], *values)
    return list(found.values())


def _warnings(log: Path) -> list[str]:
    """Warnings and errors at the end of a log."""
    if not log.is_file():
        return []
    with storage_errors(log, "reading"), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        text = file.read().decode("utf-8", errors="replace")
    return [f"{head}: {message}" for head, message in _WARNING.findall(text)]


def byte_size(size: float) -> str:
    """Bytes in words."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Seconds in words."""
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )
