"""``landda run``: run a campaign from the beginning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import (
    ConfigFile,
    RankLogsOption,
    SetOption,
    TakeOverOption,
    VerboseOption,
    WaitOption,
    parse_overrides,
)


def command(
    file: ConfigFile,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Output folder; default: runs/<name>.")
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace an earlier campaign in the folder. Only files that landda wrote there are removed.",
        ),
    ] = False,
    wait: WaitOption = 0.0,
    take_over: TakeOverOption = False,
    rank_logs: RankLogsOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a campaign: model, observations, analyses, checkpoints, scores, figures.

    On several processes: mpirun -n 4 landda run FILE. The results are bit-identical on any number of ranks. After
    SIGUSR1 the campaign completes its cycle, writes a checkpoint and ends with code 0. 'landda resume DIR' resumes it
    from the last checkpoint, after SIGUSR1 or any other stop.
    """
    from landda_hpc.commands.console.session import campaign_session
    from landda_hpc.storage.campaign_folder import Claim

    with campaign_session(verbose, rank_logs=rank_logs) as session:
        session.start(file, output, parse_overrides(overrides), overwrite, claim=Claim(wait, take_over))
        session.run()
