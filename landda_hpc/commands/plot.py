"""``landda plot``: the figures of a campaign."""

from __future__ import annotations

import typer

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import read_resolved


def command(folder: CampaignDir) -> None:
    """Draw the figures of a campaign anew (maps, score series, innovation statistics) and write summary.md."""
    from landda_hpc.campaign.domain import make_domain
    from landda_hpc.campaign.report import make_report
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    config = config.model_copy(update={"output": config.output.model_copy(update={"figures": True})})
    for path in make_report(campaign, config, make_domain(config, n_ranks=1)):
        typer.echo(path)
