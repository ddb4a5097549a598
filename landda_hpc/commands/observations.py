"""``landda observations``: use and rejection of observations, climatologies for their bias treatment."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import (
    FirstTime,
    LastTime,
    ModelImages,
    Regrid,
    SeasonDivision,
    SetOption,
    parse_overrides,
    require_one_source,
)
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from landda_hpc.campaign.observation_report import ObservationReport
    from landda_hpc.studies.climatologies import TrainingArchive

app = typer.Typer(
    no_args_is_help=True,
    help="Observations: report their use and the reasons for rejection; make climatologies for the bias treatment.",
)


@app.command()
def report(
    path: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="Configuration or output folder of a campaign.")],
    overrides: SetOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write with all numbers.")] = None,
) -> None:
    """Report the use of a campaign's observations: cells used or rejected, and the effect of the bias treatment.

    For a folder, the report contains the counts of quality control over all cycles so far. For a configuration, every
    file of the analysis times is read, regridded and treated as in the campaign, without running the model.
    """
    plain = _report_folder(path, overrides) if path.is_dir() else _report_files(path, overrides)
    if output is not None:
        from landda_hpc.io.atomic import write_text

        write_text(output, json.dumps(plain, indent=1) + "\n", make_folder=True)
        Console().print(f"Written: {output}", highlight=False)


@app.command()
def climatology(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="netCDF file to write, for observations.bias.file.")],
    campaign: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use backgrounds and observations of a run of this campaign.")
    ] = None,
    run: Annotated[str, typer.Option(help="With --campaign: the run; it must not assimilate.")] = "control",
    model: ModelImages = None,
    observation: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Product images: files or folders. May be given several times."),
    ] = None,
    model_variable: Annotated[str | None, typer.Option(help="Variable in the model images.")] = None,
    observation_variable: Annotated[str | None, typer.Option(help="Variable in the product images.")] = None,
    depth: Annotated[
        str, typer.Option(metavar="TOP-BOTTOM", help="With --model: top and bottom of the layer in both series, m.")
    ] = "0-0.1",
    regrid: Annotated[Regrid, typer.Option(help="Regrid the product to the model's grid.")] = Regrid.no,
    seasons: Annotated[
        SeasonDivision,
        typer.Option(
            help="Add climatologies of parts of the year, for the treatments seasonal_cdf and anomalies: of the four "
            "seasons, of the months, or of windows of three months around each month."
        ),
    ] = SeasonDivision.year,
    first: FirstTime = None,
    last: LastTime = None,
) -> None:
    """Make climatologies of model and product for the bias treatment, cell by cell, from their common times.

    The images come from a campaign (--campaign DIR, with background and observation among its output.fields), or from
    two series (--model and --observation). Choose a period that is not assimilated; with --seasons,
    one of several years.
    """
    import numpy as np

    from landda_hpc.observation.seasons import Seasons
    from landda_hpc.studies.climatologies import build_climatologies, campaign_archive, seasonal_warnings

    require_one_source(campaign, model, observation)
    if campaign is not None:
        archive = campaign_archive(campaign, run, first, last)
    else:
        variables = (model_variable, observation_variable)
        archive = _from_series(model or [], observation or [], variables, depth, regrid, (first, last))
    try:
        found = build_climatologies(archive, output, Seasons(seasons.value))
    finally:
        archive.close()
    table = Table(title=f"{archive.source}: {len(archive.times)} times, m3 m-3", title_justify="left")
    for heading in ("", "cells", "times, median", "mean", "standard deviation, mean"):
        table.add_column(heading, justify="right")
    named = (("", found.annual), *zip(found.seasons.names, found.by_season, strict=True))
    for name, pair in named:
        seen = pair.count > 0
        for side, one in (("model", pair.model), ("product", pair.product)):
            numbers = [f"{np.mean(x[seen]):.4f}" if seen.any() else "-" for x in (one.mean, one.std)]
            times = f"{np.median(pair.count[seen]):.0f}" if seen.any() else "0"
            table.add_row(f"{side} {name}".strip(), str(int(np.count_nonzero(seen))), times, *numbers)
    if warnings := seasonal_warnings(found):
        table.caption, table.caption_justify = "\n".join(f"Warning: {text}" for text in warnings), "left"
    Console().print(table)
    Console().print(f"Written: {output}", highlight=False)


def _report_folder(path: Path, overrides: list[str] | None) -> dict[str, object]:
    from landda_hpc.campaign.observation_report import counts_of_records, products_of_records
    from landda_hpc.storage.campaign_folder import CampaignFolder

    if overrides:
        raise ConfigError("--set changes a configuration; the counts of a campaign's folder cannot be changed.")
    records = CampaignFolder.open(path).read_records("cycles")
    found: dict[str, object] = {}
    for product in (None, *products_of_records(records)):
        n_times, counts = counts_of_records(records, product)
        name = f"{path}" if product is None else f"{path}, product {product}"
        _print_counts(f"{name}: times with observations {n_times}", n_times, counts)
        if product is None:
            found |= {"n_times": n_times, "counts": counts}
        else:
            found[f"product {product}"] = {"n_times": n_times, "counts": counts}
    return found


def _report_files(path: Path, overrides: list[str] | None) -> dict[str, object]:
    from landda_hpc.campaign.observation_report import report_observations
    from landda_hpc.campaign.preflight import open_products
    from landda_hpc.config import load_config
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.observation.catalogue import Catalogue

    config = load_config(path, parse_overrides(overrides))
    domain, catalogue = make_domain(config, 1), Catalogue(config.catalogue, config.data_root)
    plain: dict[str, object] = {}
    products = config.compared_products
    for section, source in open_products(products, catalogue, config.time, config.seed, domain).items():
        product = products[section]
        found = report_observations(product, config.time, domain, source, config.data_root, config.seed)
        _print_report(str(path) if product.name is None else f"{path}, product {product.name}", found)
        plain |= found.to_plain() if section == "observations" else {f"product {product.name}": found.to_plain()}
    return plain


def _print_report(title: str, found: ObservationReport) -> None:
    title = f"{title}: times with observations {len(found.times)}, without {len(found.missing)}"
    _print_counts(title, len(found.times), found.counts)
    console = Console()
    if found.left_out:
        console.print(
            f"Not checked here, because these checks need the running model: {', '.join(found.left_out)}.",
            highlight=False,
        )
    if found.statistics:
        console.print(
            "Used values, m3 m-3: mean {mean:.4f}, standard deviation {std:.4f}; standard deviation of their errors "
            "{error_std:.4f}.".format(**found.statistics),
            highlight=False,
        )
    _print_effect(found)


def _print_counts(title: str, n_times: int, counts: Mapping[str, int]) -> None:
    from landda_hpc.campaign.observation_report import counts_table

    table = Table(title=title, title_justify="left")
    for heading in ("reason", "cells", "fraction of the values on soil"):
        table.add_column(heading, justify="left" if heading == "reason" else "right")
    for row in counts_table(n_times, counts):
        table.add_row(*row)
    Console().print(table)


def _print_effect(found: ObservationReport) -> None:
    if found.bias_by_season:
        cells = Table(title=f"Bias treatment {found.bias}: soil cells by climatology", title_justify="left")
        cells.add_column("season")
        for heading in next(iter(found.bias_by_season.values())):
            cells.add_column(heading, justify="right")
        for season, counts in found.bias_by_season.items():
            cells.add_row(season, *map(str, counts.values()))
        Console().print(cells)
    effect = found.effect
    if effect is None:
        Console().print(f"Bias treatment: {found.bias}.", highlight=False)
        return
    table = Table(title=f"Bias treatment {found.bias}: means over {effect.n_images} images", title_justify="left")
    for heading in ("", "before", "after", "after / before"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = [
        ("SCC with the untreated image", 1.0, effect.scc, ".3f"),
        ("SCC with the model's climatological mean", effect.scc_model_before, effect.scc_model_after, ".3f"),
        ("spatial standard deviation, m3 m-3", effect.std_before, effect.std_after, ".4f"),
        *(
            (f"energy of curvelet {name}, m6 m-6", before, effect.energy_after[name], ".4g")
            for name, before in effect.energy_before.items()
            if "wedge" not in name
        ),
    ]
    for name, before, after, form in rows:
        table.add_row(name, f"{before:{form}}", f"{after:{form}}", f"{after / before:.3f}" if before else "")
    table.add_row("mean change, m3 m-3", "", f"{effect.mean_change:+.4f}", "")
    Console().print(table)


def _from_series(
    model: list[Path],
    product: list[Path],
    variables: tuple[str | None, str | None],
    depth: str,
    regrid: Regrid,
    period: tuple[datetime | None, datetime | None],
) -> TrainingArchive:
    from landda_hpc.formats.products.image_series import open_image_series
    from landda_hpc.studies.climatologies import series_archive

    try:
        top, bottom = (float(part) for part in depth.split("-"))
    except ValueError as error:
        raise ConfigError(f"--depth {depth}: expected TOP-BOTTOM in m, e.g. 0-0.1.") from error
    one, other = (
        open_image_series(paths, name).between(*period) for paths, name in zip((model, product), variables, strict=True)
    )
    return series_archive(one, other, (top, bottom), regrid.method)
