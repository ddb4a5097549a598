"""``landda reproduce``: a paper's experiment, and a page that shows paper and campaign side by side."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import SetOption, parse_overrides
from landda_hpc.errors import ConfigError


class Paper(StrEnum):
    """Papers whose experiments can be run."""

    bai2026 = "bai2026"
    shen2024 = "shen2024"


def command(
    paper: Annotated[Paper, typer.Argument(help="Bai et al. (2026), or Shen et al. (2024).")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Output folder; default runs/reproduce_<paper>."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The experiment; default experiments/<paper>.yaml.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Take this finished campaign instead of running one.")
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Run every campaign again: replaces those in the folder, no other files."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More lines in the log.")] = False,
) -> None:
    """Run a paper's experiment and write reproduction.md: its figures and numbers beside the published ones.

    The ready experiments are twins: a nature run stands for the paper's product, which the page says throughout. One
    process or many (mpirun -n 4 landda reproduce ...); the same command goes on after a stop, and draws the page again
    where the campaigns in DIR/campaign are finished. For shen2024 the observation-error experiment (Figs 6-7) is run
    beside it, with ideal observations and with erroneous ones.
    """
    from landda_hpc.commands.console.reproduction_session import ReproductionSession, Request

    if source is not None and (config is not None or overrides or overwrite):
        raise ConfigError("--from takes a finished campaign as it is: leave --config, --set and --overwrite out.")
    request = Request(paper.value, output, config, source, parse_overrides(overrides), overwrite)
    ReproductionSession(request, verbose).run()
