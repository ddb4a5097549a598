"""``landda score``: score tables of a campaign, and its verification against references and stations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from landda_hpc.commands.console.options import AcceptGapsOption, CampaignDir, SetOption, parse_overrides
from landda_hpc.errors import StorageError

if TYPE_CHECKING:
    from landda_hpc.evaluation.evaluation_report import Verification


def command(
    folder: CampaignDir,
    file: Annotated[
        Path | None,
        typer.Option(
            "--with",
            metavar="FILE",
            help="YAML file whose sections verification and catalogue (and data_root) replace those of the "
            "campaign's configuration.",
        ),
    ] = None,
    overrides: SetOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help="Folder of the verification; default: DIR/verification."),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw the figures of the verification.")
    ] = True,
    accept_gaps: AcceptGapsOption = False,
) -> None:
    """Print the score tables of a campaign and write scores.csv and scores.nc, finished or not.

    The tables give the scores of each run and layer against the truth of a twin and, separately, against the
    assimilated reference, together with benchmarks (verification.benchmarks).

    If the configuration, --with or --set names references or stations (verification.references, .stations,
    .twin_stations), the campaign is also verified against them: temporal R, anomaly R, ubRMSE and bias with confidence
    intervals, for each station, network and region, in the assimilation window and in the free forecast.
    verification.md, tables, netCDF files and figures are written to OUT. The campaign must have recorded its soil water
    (output.series). --set and --with change the verification (verification.*, catalogue, data_root), not the campaign.

    Exit code 5: the files were written, but some of the named data could not be used; verification.md and the screen
    list them.
    """
    from landda_hpc.campaign.record_check import TABLES, require_records
    from landda_hpc.config import read_resolved
    from landda_hpc.evaluation.evaluation_report import is_asked, verify_campaign
    from landda_hpc.evaluation.settings import read_settings
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.instances.trajectory import require_same_trajectory
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.verification.tables.benchmarks import read_benchmarks
    from landda_hpc.verification.tables.score_records import read_json_lines, write_csv, write_netcdf
    from landda_hpc.verification.tables.score_table import summarise, summary_tables

    changes = ({} if file is None else read_settings(file)) | parse_overrides(overrides)
    campaign = CampaignFolder.open(folder)
    began, config = read_resolved(campaign.config_file), read_resolved(campaign.config_file, changes)
    require_same_trajectory(began, config, f"score --set {' '.join(changes)}")
    strict = (*TABLES, "series") if is_asked(config.verification) else TABLES
    for gap in require_records(campaign, strict, accept_gaps=accept_gaps):
        Console(stderr=True).print(f"missing: {gap}", highlight=False, soft_wrap=True)
    benchmarks = read_benchmarks(config.verification.benchmarks, config.data_root)
    records = read_json_lines(campaign.records_file("scores"))
    is_past = any(record.time >= config.scored_since for record in records)
    for table in summary_tables(summarise(records, config.scored_since if is_past else None), benchmarks):
        Console().print(table)
    if config.verification.discard_days:
        means = "The means exclude" if is_past else "As soon as there are later times, the means will exclude"
        Console().print(f"{means} times before {config.scored_since}.", highlight=False)
    try:
        write_csv(records, campaign.path / "scores.csv")
        write_netcdf(records, campaign.path / "scores.nc")
    except StorageError as error:  # e.g. the folder of another user: the tables above were printed all the same
        Console(stderr=True).print(f"scores.csv and scores.nc were not written: {error}", highlight=False)
    else:
        Console().print(f"Written: {campaign.path}/scores.csv, {campaign.path}/scores.nc", highlight=False)
    if is_asked(config.verification):
        folder_of_tables, domain = output or campaign.path / "verification", make_domain(config, n_ranks=1)
        _show(verify_campaign(campaign.path, config, domain, folder_of_tables, with_figures=figures))


def _show(found: Verification) -> None:
    from landda_hpc.commands.console.gap_report import print_gaps

    for table in found.tables:
        Console().print(table)
    for note in found.notes:
        Console().print(note, highlight=False, style="dim")
    Console().print(f"Verification: {found.files[0]} and {len(found.files) - 1} files next to it", highlight=False)
    print_gaps(found.gaps)
