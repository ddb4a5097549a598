"""``landda extend``: give a campaign another end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from landda_hpc.commands.console.options import TIME_FORMATS, CampaignDir, TakeOverOption, WaitOption


def command(
    folder: CampaignDir,
    to: Annotated[
        datetime,
        typer.Option("--to", metavar="TIME", formats=TIME_FORMATS, help="New end, UTC."),
    ],
    assimilation_end: Annotated[
        datetime | None,
        typer.Option(
            "--assimilation-end",
            metavar="TIME",
            formats=TIME_FORMATS,
            help="New last analysis time. Default: TIME of --to if the campaign ends with an analysis; unchanged if it "
            "ends with a free forecast, which then becomes longer.",
        ),
    ] = None,
    wait: WaitOption = 0.0,
    take_over: TakeOverOption = False,
) -> None:
    """Extend a campaign, finished or not, to a later end; then continue it with 'landda resume DIR'.

    The extended campaign ends with the same digest and the same scores as a campaign that had the later end from its
    start. Only the calendar in DIR changes (config.yaml, status.json); nothing is computed, so this takes a second and
    needs no mpirun. Afterwards resume on any number of ranks:

      landda extend runs/twin --to 2022-09-30T00:00
      mpirun -n 4 landda resume runs/twin

    To assimilate in what was a free forecast, go back to its beginning first:

      landda rewind runs/twin --to 2022-08-31T00:00
      landda extend runs/twin --to 2022-09-30T00:00 --assimilation-end 2022-09-15T00:00

    An end that is earlier than the present one is accepted if no later checkpoint exists.
    """
    from landda_hpc.campaign.extension import extend_campaign
    from landda_hpc.storage.campaign_folder import Claim

    done = extend_campaign(folder, to, assimilation_end, Claim(wait, take_over))
    typer.echo(
        f"{folder} ends on {done.after.end.isoformat()} (before: {done.before.end.isoformat()}), with analyses until "
        f"{done.after.assimilation_end.isoformat()} (before: {done.before.assimilation_end.isoformat()})."
    )
    left = done.after.n_cycles - done.after.cycle_of(done.reached)
    typer.echo(f"{left} of {done.after.n_cycles} cycles are left. Continue with: landda resume {folder}")
