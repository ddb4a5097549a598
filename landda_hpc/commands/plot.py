"""``landda plot``: the figures of a campaign."""

from __future__ import annotations

import typer

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import read_resolved


def command(folder: CampaignDir) -> None:
    """Draw the figures of a campaign anew (maps, score series, innovation statistics) and write summary.md.

    Where the campaign was verified (landda score), or its configuration names what to verify it against, tables and
    figures in DIR/verification are made anew as well, with the settings of the last time (verify.yaml there).
    """
    from landda_hpc.campaign.domain import make_domain
    from landda_hpc.campaign.report import make_report
    from landda_hpc.campaign.verify import settings
    from landda_hpc.campaign.verify.report import is_asked, verify_campaign
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    domain = make_domain(config, n_ranks=1)
    drawn = config.model_copy(update={"output": config.output.model_copy(update={"figures": True})})
    for path in make_report(campaign, drawn, domain):
        typer.echo(path)
    output = campaign.path / "verification"
    if (output / settings.NAME).is_file():
        config = read_resolved(campaign.config_file, settings.read_settings(output / settings.NAME))
    if is_asked(config):
        for path in verify_campaign(campaign.path, config, domain, output).files:
            typer.echo(path)
