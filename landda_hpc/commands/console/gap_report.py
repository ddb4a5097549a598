"""Missing parts of a page, on the screen and in the exit code."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console

from landda_hpc.verification.omissions import Gap, exit_code, gap_summary


def print_gaps(gaps: Sequence[Gap], *, with_exit: bool = True) -> None:
    """Print the missing parts with their reasons.

    Raises
    ------
    typer.Exit : ``with_exit``, and something that the configuration names was at fault; code 5.
    """
    for line in gap_summary(gaps):
        Console(stderr=True).print(line, highlight=False, soft_wrap=True, markup=False)
    if with_exit and (code := exit_code(gaps)):
        raise typer.Exit(code)
