"""``landda plot``: the figures of a campaign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landda_hpc.commands.console.options import AcceptGapsOption, CampaignDir
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.verification.figures.figure_style import MAP_KINDS, SERIES_KINDS, FigureStyle, styled

if TYPE_CHECKING:
    from landda_hpc.campaign.chosen_maps import MapChoice, StoredImages
    from landda_hpc.storage.campaign_folder import CampaignFolder


class Kind(StrEnum):
    """Kinds of figures (``figure_style.FigureKind``)."""

    maps = "maps"
    increments = "increments"
    regions = "regions"
    scores = "scores"
    innovations = "innovations"
    minimisation = "minimisation"
    spectra = "spectra"
    skill = "skill"
    ensembles = "ensembles"


class Format(StrEnum):
    """Formats of figures."""

    png = "png"
    pdf = "pdf"
    svg = "svg"


KindOption = Annotated[
    list[Kind] | None,
    typer.Option("--kind", "-k", help="Draw figures of this kind. Repeatable."),
]
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
LayerOption = Annotated[
    str, typer.Option("--layer", help="Draw maps of a scored layer, e.g. '10-40 cm' (output.layers).")
]
FormatOption = Annotated[
    list[Format] | None,
    typer.Option("--format", "-f", help="Format of the selected figures. Repeatable [default: png]."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder of the selected figures [default: DIR/figures].")
]
DpiOption = Annotated[int | None, typer.Option(min=50, max=1200, help="Pixels per inch of the selected figures.")]
FontOption = Annotated[str, typer.Option(help="Font of the selected figures, e.g. 'DejaVu Serif'.")]
FontSizeOption = Annotated[
    float | None, typer.Option("--font-size", min=6.0, max=14.0, help="Size of letters at axes, points [default: 9].")
]
BordersOption = Annotated[
    bool | None, typer.Option("--borders/--no-borders", help="Borders of countries on the selected maps.")
]
ListOption = Annotated[
    bool, typer.Option("--list", help="List kinds, runs, times, variables and layers, and draw nothing.")
]


def command(
    folder: CampaignDir,
    kind: KindOption = None,
    time: TimeOption = None,
    run: RunOption = None,
    variable: VariableOption = None,
    layer: LayerOption = "",
    formats: FormatOption = None,
    output: OutputOption = None,
    dpi: DpiOption = None,
    font: FontOption = "",
    font_size: FontSizeOption = None,
    borders: BordersOption = None,
    is_list: ListOption = False,
    accept_gaps: AcceptGapsOption = False,
) -> None:
    """Draw the figures of a campaign again (maps, score series, innovation statistics) and write summary.md.

    With any option but --accept-gaps only the selected figures are drawn. --kind selects maps, increments (maps of the
    increment alone), regions (maps of verification.regions), scores, innovations, minimisation, spectra (innovations
    by scale) or ensembles; without it maps are drawn if a time, run, variable or layer is given, and otherwise all
    kinds but increments. Maps that are not selected further are those of the report: all runs; the first and last image
    of the assimilation window, and the last image of all. All maps have the bands of differences and increments that
    fit the report's. Format and letters that are not given are those of output.figure_style.

    Without them, if the campaign was verified (landda score), or its configuration names references or stations, the
    tables and figures in DIR/verification are also made again, with the last settings (verify.yaml in that folder).
    Exit code 5: the files were written, but some of the named data could not be used; verification.md and the screen
    list them.
    """
    from landda_hpc.campaign.chosen_maps import MapChoice
    from landda_hpc.config import read_resolved
    from landda_hpc.io.experiment_label import labelled
    from landda_hpc.storage.campaign_folder import CampaignFolder

    campaign = CampaignFolder.open(folder)
    config = read_resolved(campaign.config_file)
    of_maps = {"--time": time, "--run": run, "--variable": variable, "--layer": layer}
    asked = (*of_maps.values(), kind, formats, output, dpi, font, font_size)
    if not (is_list or any(asked) or borders is not None):
        _report(campaign, accept_gaps=accept_gaps)
        return
    if is_list:
        _list(campaign, layer)
        return
    kinds: Sequence[str] = kind if kind else ("maps",) if any(of_maps.values()) else ("maps", "regions", *SERIES_KINDS)
    given = [name for name, value in of_maps.items() if value]
    series = [one for one in SERIES_KINDS if one in kinds]
    if given and series:
        raise ConfigError(
            f"{', '.join(given)}: selects maps, but figures of kind {', '.join(series)} show all runs and times. Give "
            f"--kind {', '.join(MAP_KINDS)} with it, or leave it out."
        )
    own = FigureStyle.of(config.output.figure_style)
    style = replace(
        own,
        formats=tuple(dict.fromkeys(str(one) for one in formats or [Format.png])),
        dpi=dpi or own.dpi,
        font=_known_font(font) or own.font,
        font_size=font_size or own.font_size,
        borders=own.borders if borders is None else borders,
    )
    choice = MapChoice(run or (), time or (), variable or (), layer)
    with labelled(config.output.label), styled(style):
        n_drawn = 0
        for path in _draw(campaign, kinds, choice, output or campaign.figures):
            n_drawn += 1
            for suffix in style.formats:
                typer.echo(path.with_suffix(f".{suffix}"))
    if not n_drawn:
        raise DataError(f"campaign '{folder}' has no data for figures of kind {', '.join(kinds)}.")


def _draw(campaign: CampaignFolder, kinds: Sequence[str], choice: MapChoice, output: Path) -> Iterator[Path]:
    """Draw the figures of each kind; those without data are left out."""
    from landda_hpc.campaign.chosen_maps import draw_chosen
    from landda_hpc.campaign.final_report import ChosenFigures, make_report, map_frame
    from landda_hpc.config import read_resolved
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.regions import named_regions

    config = read_resolved(campaign.config_file)
    maps = [one for one in MAP_KINDS if one in kinds]
    if maps:
        stored = _stored(campaign, choice.layer)
        regions = named_regions(config.verification.regions, config.data_root)
        frame = map_frame(make_domain(config, n_ranks=1), config.observations.depth_m, regions)
        for one in maps:
            yield from draw_chosen(stored, choice, config.analysed_window, frame, output, one)
    series = [one for one in SERIES_KINDS if one in kinds]
    if series:
        drawn = config.model_copy(update={"output": config.output.model_copy(update={"figures": True})})
        for made in make_report(campaign, drawn, chosen=ChosenFigures(series, output)):
            if made.caption is not None:
                yield Path(made.name)


def _list(campaign: CampaignFolder, layer: str) -> None:
    """Print what can be drawn."""
    from landda_hpc.campaign.chosen_maps import listed

    typer.echo(f"kinds: {', '.join((*MAP_KINDS, *SERIES_KINDS))}")
    for line in listed(_stored(campaign, layer)):
        typer.echo(line)


def _stored(campaign: CampaignFolder, layer: str) -> StoredImages:
    from landda_hpc.campaign.chosen_maps import stored_images
    from landda_hpc.config import read_resolved

    config = read_resolved(campaign.config_file)
    return stored_images(campaign, config.runs, config.observations.depth_m, config.verification.depths_m, layer)


def _known_font(font: str) -> str:
    """Return the name of a font that matplotlib finds; raise ConfigError otherwise."""
    if font:
        from landda_hpc.verification.figures.appearance import require_font

        require_font(font, "--font")
    return font


def _report(campaign: CampaignFolder, *, accept_gaps: bool) -> None:
    """Draw every figure again."""
    from landda_hpc.campaign.final_report import make_report
    from landda_hpc.campaign.record_check import require_records
    from landda_hpc.commands.console.gap_report import print_gaps
    from landda_hpc.config import read_resolved
    from landda_hpc.evaluation import settings
    from landda_hpc.evaluation.evaluation_report import is_asked, verify_campaign
    from landda_hpc.instances.domain import make_domain

    config = read_resolved(campaign.config_file)
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
