"""``landda score``: the score tables of a campaign."""

from __future__ import annotations

import yaml
from rich.console import Console

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import parse_config


def command(folder: CampaignDir) -> None:
    """Print the score tables of a campaign and write scores.csv and scores.nc, finished or not.

    Scores against the truth of a twin and, apart, against the assimilated reference, run by run and layer by layer,
    beside the published figures.
    """
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.verification.records import read_json_lines, write_csv, write_netcdf
    from landda_hpc.verification.table import summarise, summary_tables

    campaign = CampaignFolder.open(folder)
    config = parse_config(yaml.safe_load(campaign.config_file.read_text(encoding="utf-8")))
    records = read_json_lines(campaign.records_file("scores"))
    is_past = any(record.time >= config.scored_since for record in records)
    for table in summary_tables(summarise(records, config.scored_since if is_past else None)):
        Console().print(table)
    if config.verification.discard_days:
        left_out = "leave out" if is_past else "will leave out, once there is more,"
        Console().print(f"The means {left_out} what lies before {config.scored_since}.", highlight=False)
    write_csv(records, campaign.path / "scores.csv")
    write_netcdf(records, campaign.path / "scores.nc")
    Console().print(f"Written: {campaign.path}/scores.csv, {campaign.path}/scores.nc", highlight=False)
