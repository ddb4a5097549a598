"""Record of the software and the machine of every job that works on a campaign, for ``provenance.jsonl``."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from landda_hpc import __version__, fourier
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.provenance_log import Event, add_event

_PACKAGES: Final = (
    "numpy", "scipy", "numba", "llvmlite", "ducc0", "h5py", "netCDF4", "mpi4py", "pydantic", "pandas", "xarray",
)  # fmt: skip
"""Packages that affect results or files."""

_GIT_S: Final = 20.0
"""Time limit for git on a slow file system, s."""


def software_now() -> dict[str, Any]:
    """Versions of this program, its source and its packages; the host; the command. Plain data. Local."""
    from llvmlite.binding import get_host_cpu_name

    return {
        "version": __version__,
        "git": git_hash(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "fourier": fourier.version(fourier.chosen()),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": get_host_cpu_name(),
        "command": sys.argv,
    }


def git_hash() -> str:
    """Commit of the source folder, with '-dirty' if tracked files differ from it; empty if it is not a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # an enclosing repository is not that of the package
        return ""
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            describe,
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def record_job(folder: Path, world: Communicator, event: Event, cycle: int, time: str) -> None:
    """Record that a job starts or resumes a campaign after a cycle, with the ranks of each host. Collective."""
    hosts = world.gather(socket.gethostname())
    with together(world, "recording the provenance"):
        if hosts is not None:
            job = {"ranks": world.size, "hosts": dict(Counter(hosts)), "mpi": _mpi(world)}
            add_event(folder, event, {"cycle": cycle, "time": time, **job, **software_now()})


def _mpi(world: Communicator) -> str:
    """Version of the MPI library; empty without MPI, which is then not started."""
    if world.native is None:
        return ""
    from landda_hpc.parallel.mpi import mpi_library

    return mpi_library()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
