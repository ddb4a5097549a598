"""``landda plot``: the figures of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from landda_hpc.commands.console.options import AcceptGapsOption, CampaignDir

if TYPE_CHECKING:
    from landda_hpc.config import CampaignConfig
    from landda_hpc.storage.campaign_folder import CampaignFolder

TimeOption = Annotated[
    list[str] | None,
    typer.Option("--time", "-t", help="Draw maps of this time, e.g. 2022-06-02T06, or 'all'. Repeatable."),
]
RunOption = Annotated[list[str] | None, typer.Option("--run", "-r", help="Draw maps of this run. Repeatable.")]
VariableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--variable", "-v", help="Draw this image, e.g. analysis, or 'analysis minus observation'. Repeatable."
    ),
]
LayerOption = Annotated[str, typer.Option("--layer", help="Draw a scored layer, e.g. '10-40 cm' (output.layers).")]
FormatOption = Annotated[
    Literal["png", "pdf", "svg"] | None,
    typer.Option("--format", "-f", help="Format of the selected maps [default: png]."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder of the selected maps [default: DIR/figures].")
]
DpiOption = Annotated[int | None, typer.Option(min=50, max=1200, help="Pixels per inch of the selected maps.")]
FontOption = Annotated[str, typer.Option(help="Font of the selected maps, e.g. 'DejaVu Serif'.")]
ListOption = Annotated[bool, typer.Option("--list", help="List runs, times, variables and layers, and draw nothing.")]


def command(
    folder: CampaignDir,
    time: TimeOption = None,
    run: RunOption = None,
    variable: VariableOption = None,
    layer: LayerOption = "",
    kind: FormatOption = None,
    output: OutputOption = None,
    dpi: DpiOption = None,
    font: FontOption = "",
    is_list: ListOption = False,
    accept_gaps: AcceptGapsOption = False,
) -> None:
    """Draw the figures of a campaign again (maps, score series, innovation statistics) and write summary.md.

    With --time, --run, --variable, --layer, --format, --dpi, --font or --output, only maps of the selected items are
    drawn. Items that are not selected are as in the report: all runs; the first and last image of the assimilation
    window, and the last image of all. Maps that are drawn together have the same bands of differences.

    Without them, if the campaign was verified (landda score), or its configuration names references or stations, the
    tables and figures in DIR/verification are also made again, with the last settings (verify.yaml in that folder).
    Exit code 5: the files were written, but some of the named data could not be used; verification.md and the screen
    list them.
    """
    from landda_hpc.config import read_resolved
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    if not (is_list or time or run or variable or layer or kind or output or dpi or font):
        _report(campaign, config, accept_gaps=accept_gaps)
        return
    from landda_hpc.campaign.chosen_maps import MapChoice, draw_chosen, listed, stored_images
    from landda_hpc.campaign.final_report import map_frame
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.io.experiment_label import labelled

    observed_m = config.observations.depth_m
    stored = stored_images(campaign, config.runs, observed_m, config.verification.depths_m, layer)
    if is_list:
        for line in listed(stored):
            typer.echo(line)
        return
    choice = MapChoice(run or (), time or (), variable or (), layer, dpi or 150, _known_font(font))
    frame = map_frame(make_domain(config, n_ranks=1), observed_m, ())
    with labelled(config.output.label):
        folder = output or campaign.figures
        for path in draw_chosen(stored, choice, config.analysed_window, frame, folder, kind or "png"):
            typer.echo(path)


def _known_font(font: str) -> str:
    """Return the name of a font that matplotlib finds; raise ConfigError otherwise."""
    if font:
        from matplotlib.font_manager import fontManager

        from landda_hpc.errors import ConfigError

        known = sorted({entry.name for entry in fontManager.ttflist})
        if font not in known:
            raise ConfigError(f"--font {font}: matplotlib does not find it. Found: {', '.join(known)}.")
    return font


def _report(campaign: CampaignFolder, config: CampaignConfig, *, accept_gaps: bool) -> None:
    """Draw every figure again."""
    from landda_hpc.campaign.final_report import make_report
    from landda_hpc.campaign.record_check import require_records
    from landda_hpc.commands.console.gap_report import print_gaps
    from landda_hpc.config import read_resolved
    from landda_hpc.evaluation import settings
    from landda_hpc.evaluation.evaluation_report import is_asked, verify_campaign
    from landda_hpc.instances.domain import make_domain

    drawn = config.model_copy(update={"output": config.output.model_copy(update={"figures": True})})
    gaps = require_records(campaign, accept_gaps=accept_gaps)
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
