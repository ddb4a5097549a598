"""``landda plot``: the figures of a campaign."""

from __future__ import annotations

import typer

from landda_hpc.commands.console.options import AcceptGapsOption, CampaignDir
from landda_hpc.config import read_resolved


def command(folder: CampaignDir, accept_gaps: AcceptGapsOption = False) -> None:
    """Draw the figures of a campaign again (maps, score series, innovation statistics) and write summary.md.

    If the campaign was verified (landda score), or its configuration names references or stations, the tables and
    figures in DIR/verification are made again as well, with the last settings (verify.yaml there). Exit code 5: the
    files were written, but some data that are named could not be used; verification.md and the screen say which.
    """
    from landda_hpc.campaign.final_report import make_report
    from landda_hpc.campaign.record_check import require_records
    from landda_hpc.commands.console.gap_report import print_gaps
    from landda_hpc.evaluation import settings
    from landda_hpc.evaluation.evaluation_report import is_asked, verify_campaign
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    drawn = config.model_copy(update={"output": config.output.model_copy(update={"figures": True})})
    gaps = require_records(campaign, config, accept_gaps=accept_gaps)
    for made in make_report(campaign, drawn, notes=[f"Missing in the records: {gap}." for gap in gaps]):
        if (campaign.path / made.name).is_file():
            typer.echo(campaign.path / made.name)
    output = campaign.path / "verification"
    if (output / settings.NAME).is_file():
        config = read_resolved(campaign.config_file, settings.read_settings(output / settings.NAME))
    if is_asked(config.verification):
        found = verify_campaign(campaign.path, config, make_domain(config, n_ranks=1), output)
        for path in found.files:
            typer.echo(path)
        print_gaps(found.gaps)
