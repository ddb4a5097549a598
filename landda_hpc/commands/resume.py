"""``landda resume``: go on from the last checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from landda_hpc.commands.console.options import CampaignDir, SetOption, parse_overrides


def command(
    folder: CampaignDir,
    overrides: SetOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More lines in the log.")] = False,
) -> None:
    """Go on with a campaign that was stopped or died, on any number of ranks.

    The newest whole checkpoint counts; records after it are written anew, with the bits of an uninterrupted run. --set
    may change what does not decide the result: parallel.*, checkpoint.*, output.*, data_root; of a CoLM how it is run
    (model.launch, side_by_side, nodes, timeout_minutes, tries, environment, keep_*).
    """
    from landda_hpc.commands.console.session import campaign_session

    with campaign_session(verbose) as session:
        session.resume(folder, parse_overrides(overrides))
        session.cycle()
