"""Memory of this process, as the operating system counts it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")


def resident_bytes() -> float:
    """Memory that this process holds now, bytes. Linux only: elsewhere the peak."""
    return _from_status("VmRSS")


def peak_bytes() -> float:
    """Maximum memory that this process has held since its start, bytes.

    Notes
    -----
    On Linux the peak is VmHWM, not the maximum of getrusage: the latter begins at the peak of the process that started
    this one, and stays there until this one has outgrown it.
    """
    return _from_status("VmHWM")


def describe_memory() -> str:
    """Memory of this process in words: its own, shared memory that it has touched, and the peak of both together."""
    peak = f"peak {peak_bytes() / 1e6:.0f} MB"
    if not _STATUS.is_file():
        return peak
    own, shared = _from_status("RssAnon"), _from_status("RssShmem")
    return f"own {own / 1e6:.0f} MB, shared with other processes {shared / 1e6:.0f} MB, {peak}"


def _from_status(key: str) -> float:
    if _STATUS.is_file():
        lines = _STATUS.read_text(encoding="ascii").splitlines()
        return 1024.0 * int(next(line for line in lines if line.startswith(f"{key}:")).split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0)  # bytes there, KiB elsewhere
