"""Configuration of logging; no other module configures it."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

STEPS = "landda_hpc.steps"
"""Logger of the lines per step and cycle; they go to the campaign's log file, and to the screen with --verbose."""


def configure(rank: int, size: int, verbose: bool = False) -> None:
    """Rank 0 logs at INFO to stderr (DEBUG if verbose); every other rank at WARNING, prefixed with its rank."""
    handler = RichHandler(
        console=Console(stderr=True, soft_wrap=True),
        show_path=False,
        markup=False,
        rich_tracebacks=False,
        log_time_format="%H:%M:%S",
    )
    if not verbose:
        handler.addFilter(lambda record: record.name != STEPS)
    prefix = f"rank {rank}/{size} " if rank else ""
    handler.setFormatter(logging.Formatter(prefix + "%(message)s"))
    handler.setLevel(logging.WARNING if rank else (logging.DEBUG if verbose else logging.INFO))
    root = logging.getLogger("landda_hpc")
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers[:] = [handler]


def also_to_file(path: Path) -> None:
    """Append the project's log to a file (rank 0)."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger("landda_hpc").addHandler(handler)
