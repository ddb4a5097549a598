"""``landda study reproduce``: the experiment of a paper, and a page that compares paper and campaign."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import SetOption, VerboseOption, parse_overrides
from landda_hpc.errors import ConfigError


class Paper(StrEnum):
    """Papers whose experiments can be run."""

    bai2026 = "bai2026"
    shen2024 = "shen2024"


def command(
    paper: Annotated[Paper, typer.Argument(help="The paper: Bai et al. (2026) or Shen et al. (2024).")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Output folder; default: runs/reproduce_<paper>."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Configuration of the experiment; default: experiments/<paper>.yaml."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Use this finished campaign instead of running one; --set may change the verification only.",
        ),
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Run all campaigns again and replace their folders; other files in the output folder stay.",
        ),
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the experiment of a paper and write reproduction.md, which compares results with the published ones.

    The included experiments are twins: a nature run replaces the product of the paper, as the page states. It runs on
    any number of processes (mpirun -n 4 landda study reproduce ...). After a stop the same command resumes; if the
    campaigns in DIR are finished, it makes the page again, also with changed keys verification.*. For shen2024 it also
    runs the observation-error experiment (Figs 6-7), with ideal and with erroneous observations.

    The page and the screen list parts that could not be shown. Exit code 5: the page was written, but some data that
    the configuration names could not be used.
    """
    from landda_hpc.commands.console.reproduction_session import ReproductionSession, Request

    changes = parse_overrides(overrides)
    other = [key for key in changes if key.partition(".")[0] not in ("verification", "catalogue", "data_root")]
    if source is not None and (config is not None or other or overwrite):
        raise ConfigError(
            "--from uses a finished campaign as it is: leave out --config, --overwrite, and --set except of "
            f"verification.*, catalogue and data_root{f' ({other[0]})' if other else ''}."
        )
    request = Request(paper.value, output, config, source, changes, overwrite)
    ReproductionSession(request, verbose).run()
