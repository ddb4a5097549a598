"""``landda report``: the HTML page of a campaign, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landda_hpc.commands.console.options import AcceptGapsOption
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.storage.campaign_folder import CampaignFolder


def command(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Output folders of campaigns.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Page of several campaigns [default: report.html here]."),
    ] = None,
    accept_gaps: AcceptGapsOption = False,
) -> None:
    """Make the page of a campaign again, or one page that shows several campaigns side by side.

    A page is one HTML file with its pictures: it needs no network, and can be sent by mail. Every campaign ends with
    DIR/report.html; this command makes it again from the records and images, with the missing parts of the report.
    Several campaigns give a table of their runs, series of their scores and the keys in which they differ.
    """
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaigns = [CampaignFolder.open(folder) for folder in folders]
    if len(campaigns) > 1:
        typer.echo(_side_by_side(campaigns, output or Path("report.html")))
        return
    if output is not None:
        raise ConfigError("--output names the page of several campaigns; that of one is DIR/report.html.")
    typer.echo(_of_one(campaigns[0], accept_gaps=accept_gaps))


def _of_one(campaign: CampaignFolder, *, accept_gaps: bool) -> Path:
    from landda_hpc.campaign.final_report import make_report
    from landda_hpc.campaign.record_check import require_records
    from landda_hpc.config import read_resolved
    from landda_hpc.storage.report_state import ReportState, read_report_state
    from landda_hpc.verification.pages.report_page import REPORT

    gaps = require_records(campaign, accept_gaps=accept_gaps)
    done = (read_report_state(campaign.path) or ReportState()).present(campaign.path)
    notes = [f"Missing in the records: {gap}." for gap in gaps]
    for _ in make_report(campaign, read_resolved(campaign.config_file), done, notes):
        pass
    return campaign.path / REPORT


def _side_by_side(campaigns: Sequence[CampaignFolder], path: Path) -> Path:
    from landda_hpc.studies.report_pages import read_campaign, unique_names, write_side_by_side

    names = unique_names([campaign.path for campaign in campaigns])
    shown = [read_campaign(campaign, name) for campaign, name in zip(campaigns, names, strict=True)]
    write_side_by_side(shown, path)
    return path
