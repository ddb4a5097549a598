"""``landda score``: the score tables of a campaign."""

from __future__ import annotations

from rich.console import Console

from landda_hpc.commands.console.options import CampaignDir
from landda_hpc.config import read_resolved
from landda_hpc.errors import StorageError


def command(folder: CampaignDir) -> None:
    """Print the score tables of a campaign and write scores.csv and scores.nc, finished or not.

    Scores against the truth of a twin and, apart, against the assimilated reference, run by run and layer by layer,
    beside the published figures.
    """
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.verification.records import read_json_lines, write_csv, write_netcdf
    from landda_hpc.verification.table import summarise, summary_tables

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    records = read_json_lines(campaign.records_file("scores"))
    is_past = any(record.time >= config.scored_since for record in records)
    for table in summary_tables(summarise(records, config.scored_since if is_past else None)):
        Console().print(table)
    if config.verification.discard_days:
        left_out = "leave out" if is_past else "will leave out, once there is more,"
        Console().print(f"The means {left_out} what lies before {config.scored_since}.", highlight=False)
    try:
        write_csv(records, campaign.path / "scores.csv")
        write_netcdf(records, campaign.path / "scores.nc")
    except StorageError as error:  # somebody else's folder, say: the tables above are what was asked for
        Console(stderr=True).print(f"scores.csv and scores.nc were not written: {error}", highlight=False)
    else:
        Console().print(f"Written: {campaign.path}/scores.csv, {campaign.path}/scores.nc", highlight=False)
