"""``landda run``: a campaign from its beginning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import ConfigFile, SetOption, TakeOverOption, WaitOption, parse_overrides


def command(
    file: ConfigFile,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Output folder; default runs/<name>.")
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace an earlier campaign in the folder: removes the files that landda wrote there, no others.",
        ),
    ] = False,
    wait: WaitOption = 0.0,
    take_over: TakeOverOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More lines in the log.")] = False,
) -> None:
    """Run a campaign: model, observations, analyses, checkpoints, scores, figures.

    One process or many: mpirun -n 4 landda run FILE. The results have the same bits on any number of ranks. SIGUSR1
    finishes the cycle, writes a checkpoint and ends with code 0; after any other end, 'landda resume DIR' goes on
    from the last checkpoint.
    """
    from landda_hpc.commands.console.session import campaign_session
    from landda_hpc.storage.campaign_folder import Claim

    with campaign_session(verbose) as session:
        session.start(file, output, parse_overrides(overrides), overwrite, claim=Claim(wait, take_over))
        session.run()
