"""Messages and exit codes for exceptions, on one process or many."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Any

from rich.console import Console

from landda_hpc.errors import ConfigError, LandDAError, StoppedError


def report(error: Exception) -> int:
    """Print an error once and return the exit code; abort the MPI job where other ranks may still be waiting.

    If all ranks raised a project error together, rank 0 alone prints it and every rank exits by itself. Any other error
    (a bug, an error on one rank) is printed by the rank on which it occurred, and the job is aborted.
    """
    world = _world()
    rank, size = (world.Get_rank(), world.Get_size()) if world is not None else (0, 1)
    is_ours = isinstance(error, LandDAError)
    code = error.exit_code if isinstance(error, LandDAError) else 1
    agreed = size == 1 or (isinstance(error, LandDAError) and error.agreed)
    if rank == 0 or not agreed:
        prefix = f"rank {rank}/{size}: " if size > 1 and not agreed else ""
        if is_ours:
            _print_message(prefix, error)
        else:
            sys.stderr.write(prefix + traceback.format_exc())
            sys.stderr.write("This is a bug in landda_hpc, not in your input: please report it with the lines above.\n")
        sys.stderr.flush()
    if not agreed and world is not None:
        world.Abort(code)
    return code


def leave(code: int) -> None:
    """End this process with a code; all ranks call this when they agreed to end.

    ``python -m mpi4py`` aborts the whole job at a non-zero exit, and MPI prints a page of text after our message.
    Therefore MPI is finalised first, and the interpreter is left without that step.
    """
    if code == 0:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    module = sys.modules.get("mpi4py.MPI")
    if module is not None and module.Is_initialized() and not module.Is_finalized():
        module.Finalize()
    os._exit(code)


def _print_message(prefix: str, error: Exception) -> None:
    if isinstance(error, StoppedError):  # as asked for
        Console(soft_wrap=True, highlight=False).print(str(error), markup=False)
        return
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        console.print(f"{prefix}[bold red]error:[/] {len(error.problems)} problems in the configuration", markup=True)
        for problem in error.problems:
            console.print(f"  - {problem}", markup=False)
    else:
        console.print(f"{prefix}[bold red]error:[/] ", end="", markup=True)
        console.print(str(error), markup=False)


def _world() -> Any:
    """MPI's world if this process has started MPI, else None (commands without MPI never start it)."""
    module = sys.modules.get("mpi4py.MPI")
    if module is None or not module.Is_initialized() or module.Is_finalized():
        return None
    return module.COMM_WORLD
