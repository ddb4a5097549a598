"""``landda branch``: a new campaign from a checkpoint of another one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import CampaignDir, SetOption, parse_overrides
from landda_hpc.errors import ConfigError


def command(
    folder: CampaignDir,
    new: Annotated[Path, typer.Argument(metavar="NEWDIR", help="Output folder of the new campaign.")],
    at: Annotated[
        str,
        typer.Option("--from", metavar="TIME|FILE", help="Checkpoint of DIR: its time, UTC, or its file."),
    ],
    overrides: SetOption = None,
) -> None:
    """Begin a new campaign from a checkpoint of another one, with changes: another method, seed, end ...

    NEWDIR gets the configuration of DIR, with time.start and the initial states of the checkpoint, and your changes.
    DIR is only read. Runs of the same name have the parent's states and what their methods have learned; new runs
    begin from the state of 'control'. Without changes, the branch has the same states as its parent, bit for bit
    ('landda diff'). provenance.jsonl names the parent, the checkpoint and its digest. Nothing is computed yet; start
    with 'landda resume':

      landda branch runs/twin runs/twin_seed2 --from 2022-06-10T00:00 --set seed=2
      mpirun -n 4 landda resume runs/twin_seed2

    'landda digest DIR --all' lists the checkpoints. Grid and tiles cannot change.
    """
    from landda_hpc.campaign.branching import branch_campaign

    done = branch_campaign(folder, new, _moment(at), parse_overrides(overrides))
    time = done.config.time
    typer.echo(
        f"{new} begins at {time.start.isoformat()} from {done.checkpoint.name} of {folder} (digest {done.digest[:16]}) "
        f"and ends on {time.end.isoformat()}."
    )
    typer.echo(f"Other keys that change the trajectory: {', '.join(done.changed) or 'none'}.")
    typer.echo(f"Start it with: landda resume {new}")


def _moment(text: str) -> datetime | Path:
    """A time, or the file of a checkpoint."""
    if text.endswith(".h5"):
        return Path(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--from {text}: expected the time of a checkpoint, e.g. 2022-06-10T00:00, or its file (.h5)."
        ) from error
