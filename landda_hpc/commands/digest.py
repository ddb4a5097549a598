"""``landda digest``: one hash of the last committed state."""

from __future__ import annotations

from typing import Annotated

import typer

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.errors import StorageError


def command(
    folder: CampaignDir,
    every: Annotated[bool, typer.Option("--all", help="One line for each checkpoint, oldest first.")] = False,
) -> None:
    """Print one hash of the last committed state: the same whatever number of ranks and layout wrote it.

    Every byte is read and checked on the way. Two campaigns with the same digest have the same bits.
    """
    from landda_hpc.storage import checkpoint
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.storage.retention import latest_valid, list_checkpoints

    campaign = CampaignFolder.open(folder)
    paths = [path for _, path in list_checkpoints(campaign.checkpoints)] if every else []
    if not paths:
        newest = latest_valid(campaign.checkpoints)
        if newest is None:
            raise StorageError(f"{folder} has no checkpoint; has the campaign started?")
        paths = [newest]
    for path in paths:
        typer.echo(f"{checkpoint.digest(path)}  {path.name}")
