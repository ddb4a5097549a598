"""``landda digest``: hash of the last checkpoint's state."""

from __future__ import annotations

from typing import Annotated

import typer

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.errors import StorageError


def command(
    folder: CampaignDir,
    every: Annotated[bool, typer.Option("--all", help="Print one line for each checkpoint, oldest first.")] = False,
) -> None:
    """Print a hash of the state in the last checkpoint; it does not depend on the number of ranks or their layout.

    Every byte of the checkpoint is read and verified. Two campaigns with the same digest have bit-identical states.
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
