"""Configuration of logging; no other module configures it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

STEPS = "landda_hpc.steps"
"""Logger of the lines per step and cycle; they go to the campaign's log file, and to the screen with --verbose."""

RANK = "landda_hpc.rank"
"""Logger of the lines per cycle of each rank; they go to its own file alone (--rank-logs)."""

_STAMP = "%Y-%m-%dT%H:%M:%S"


def configure(rank: int, size: int, verbose: bool = False) -> None:
    """Rank 0 logs at INFO to stderr (DEBUG if verbose); every other rank at WARNING, prefixed with its rank.

    On a terminal messages are wrapped to its width; elsewhere each is one line with date, time and level.
    """
    prefix = f"rank {rank}/{size} " if rank else ""
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(
            console=Console(stderr=True),
            show_path=False,
            markup=False,
            rich_tracebacks=False,
            log_time_format="%H:%M:%S",
        )
        handler.setFormatter(logging.Formatter(prefix + "%(message)s"))
    else:
        handler = logging.StreamHandler()  # one line per message: a file has no width
        handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {prefix}%(message)s", _STAMP))
    if not verbose:
        handler.addFilter(lambda record: record.name != STEPS)
    handler.setLevel(logging.WARNING if rank else (logging.DEBUG if verbose else logging.INFO))
    root = logging.getLogger("landda_hpc")
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    logging.getLogger(RANK).propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers[:] = [handler]


def also_to_file(path: Path, *names: str) -> None:
    """Append the project's log, or that of some loggers, to a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", _STAMP))
    for name in names or ("landda_hpc",):
        logging.getLogger(name).addHandler(handler)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr that a long step runs: with a moving sign on a terminal, elsewhere in a line."""
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        console.print(f"{what} ...", highlight=False)
        yield
        return
    with console.status(what):
        yield
