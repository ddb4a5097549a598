"""Time of a campaign: seconds per simulated day by step, communication, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from landda_hpc.campaign.timing import STEPS


@dataclass(frozen=True)
class Timetable:
    """Means over the recorded cycles.

    Attributes
    ----------
    seconds : per step, seconds of wall time per simulated day on the slowest rank, on the mean rank, and CPU seconds of
        the mean rank.
    balance : per step, mean over maximum of the ranks' CPU seconds outside of communication, 1 is perfect.
    megabytes_sent : data that the busiest rank of each step sends per simulated day.
    peak_memory_mb : largest memory of a rank.
    days : number of simulated days in the means.
    """

    seconds: dict[str, tuple[float, float, float]]
    balance: dict[str, float]
    megabytes_sent: float
    peak_memory_mb: float
    days: float


def timetable(records: Sequence[dict[str, Any]], cycle_hours: int) -> Timetable | None:
    """Summarise the lines of ``seconds.jsonl``; None without lines. Local."""
    if not records:
        return None
    days = len(records) * cycle_hours / 24.0

    def total(step: str, kind: str) -> float:
        # Records of earlier versions have CPU time alone.
        earlier = kind.replace("compute", "cpu")
        return sum(float(s[kind] if kind in s else s[earlier]) for s in (r["seconds"][step] for r in records))

    used = [step for step in STEPS if total(step, "max") > 0.0]
    return Timetable(
        seconds={
            step: (total(step, "max") / days, total(step, "mean") / days, total(step, "cpu_mean") / days)
            for step in used
        },
        balance={step: total(step, "compute_mean") / max(total(step, "compute_max"), 1e-9) for step in used},
        megabytes_sent=_bytes_sent(records) / 1e6 / days,
        peak_memory_mb=max(float(r["peak_memory_mb_max"]) for r in records),
        days=days,
    )


def _bytes_sent(records: Sequence[dict[str, Any]]) -> float:
    """Bytes that the busiest rank of each step sent; records of earlier versions have none."""
    return sum(float(of_step["bytes_max"]) for r in records for of_step in r.get("traffic", {}).values())
