"""``landda status``: where a campaign stands."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import parse_config
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.retention import list_checkpoints


def command(
    folder: CampaignDir,
    state_only: Annotated[
        bool, typer.Option("--state", help="Print one word: running, stopped, finished or failed (for scripts).")
    ] = False,
) -> None:
    """Show where a campaign stands: state, cycle, last checkpoint, how to go on.

    Reads only; a running job is not disturbed.
    """
    campaign = CampaignFolder.attach(folder)
    config = parse_config(yaml.safe_load(campaign.config_text()))
    status = campaign.status()
    if state_only:
        typer.echo(status.get("state", "unknown"))
        return
    checkpoints = list_checkpoints(campaign.checkpoints)
    table = Table(show_header=False, title=f"campaign {config.name}")
    cycle = int(status.get("cycle", 0))
    table.add_row("state", str(status.get("state", "unknown")) + (" (locked by a job)" if campaign.is_locked() else ""))
    table.add_row("cycle", f"{cycle} of {config.time.n_cycles}")
    table.add_row("time", str(config.time.valid_time(cycle)))
    table.add_row("checkpoints", ", ".join(path.name for _, path in checkpoints) or "none")
    for key, value in status.items():
        if key not in ("state", "cycle"):
            table.add_row(key.replace("_", " "), str(value))
    Console().print(table)
    if status.get("state") != "finished" and not campaign.is_locked():
        typer.echo(f"Go on with: landda resume {folder}")
