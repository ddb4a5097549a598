"""``landda status``: where a campaign stands."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import parse_config


def command(
    folder: CampaignDir,
    state_only: Annotated[
        bool, typer.Option("--state", help="Print one word: running, stopped, finished or failed (for scripts).")
    ] = False,
) -> None:
    """Show where a campaign stands: state, cycle, last checkpoint, how to go on.

    Reads only; a running job is not disturbed.
    """
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.storage.retention import list_checkpoints

    campaign = CampaignFolder.open(folder)
    config = parse_config(yaml.safe_load(campaign.config_file.read_text(encoding="utf-8")))
    status = campaign.read_status()
    state = "failed" if campaign.was_killed() else status.state if status else "not begun"
    if state_only:
        typer.echo(state)
        return
    table = Table(show_header=False, title=f"campaign {config.name}")
    table.add_row("state", state + (": killed, nobody works on it" if campaign.was_killed() else ""))
    if status is not None:
        table.add_row("cycle", f"{status.cycle} of {status.n_cycles}")
        table.add_row("time", status.time)
        table.add_row("ranks", str(status.ranks))
        table.add_row("written", f"{status.written} by process {status.pid} on {status.host}")
    table.add_row("checkpoints", ", ".join(path.name for _, path in list_checkpoints(campaign.checkpoints)) or "none")
    Console().print(table)
    if state in ("stopped", "failed"):
        typer.echo(f"Go on with: landda resume {folder}")
