"""``landda rewind``: return a campaign to an earlier checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from landda_hpc.commands.console.options import TIME_FORMATS, CampaignDir, TakeOverOption, WaitOption


def command(
    folder: CampaignDir,
    to: Annotated[
        datetime,
        typer.Option("--to", metavar="TIME", formats=TIME_FORMATS, help="Time of a checkpoint that is kept, UTC."),
    ],
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Delete the dropped files instead of moving them to DIR/rewound/."),
    ] = False,
    wait: WaitOption = 0.0,
    take_over: TakeOverOption = False,
) -> None:
    """Return a campaign to an earlier checkpoint: later checkpoints, records, images and restarts are dropped.

    'landda digest DIR --all' lists the checkpoints. The one of TIME is verified first, and the records up to it; if
    anything is missing, nothing is changed. Dropped files move to DIR/rewound/<now>/ with the same names; delete that
    folder if you do not need them. Continue with 'landda resume DIR':

      landda rewind runs/twin --to 2022-06-10T00:00
      mpirun -n 4 landda resume runs/twin

    A rewind that is killed loses nothing. Repeat it, or resume the campaign, which then continues from the newest
    checkpoint that is left.
    """
    from landda_hpc.campaign.rewinding import rewind_campaign
    from landda_hpc.storage.campaign_folder import Claim

    done = rewind_campaign(folder, to, discard=yes, claim=Claim(wait, take_over))
    where = "deleted" if done.kept_in is None else f"moved to {done.kept_in}"
    typer.echo(
        f"{folder} is at cycle {done.cycle} of {done.n_cycles}, {to.isoformat()}; {len(done.dropped)} later files were "
        f"{where}. Continue with: landda resume {folder}"
    )
