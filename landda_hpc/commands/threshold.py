"""``landda study threshold``: how well the largest curvelet coefficients represent an image."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import parse_frame
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.regions import Region


class Product(StrEnum):
    """Products that are read in the format of their providers."""

    gldas = "gldas"


class Regrid(StrEnum):
    """How images are regridded to another spacing."""

    bilinear = "bilinear"
    conservative = "conservative"


def command(
    series: Annotated[
        list[Path],
        typer.Argument(
            metavar="SERIES...", help="netCDF files or folders of them: one file with a time dimension, or many files."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for tables and figures.")],
    variable: Annotated[str | None, typer.Option(help="Variable; by default the only field in m3 m-3.")] = None,
    product: Annotated[Product | None, typer.Option(help="Read files of this product instead of CF images.")] = None,
    depth: Annotated[
        tuple[float, float], typer.Option(help="With --product: top and bottom of the layer, m, as TOP-BOTTOM.")
    ] = (
        0.0,
        0.1,
    ),
    region: Annotated[
        str, typer.Option(help="globe, shen2024 (73-117E, 23-68N), china, us, or WEST,EAST,SOUTH,NORTH in degrees.")
    ] = "globe",
    spacing: Annotated[
        float | None, typer.Option(help="Regrid the images to a global grid of this spacing, degrees; [S24]: 1.40625.")
    ] = None,
    regrid: Annotated[Regrid, typer.Option(help="Regridding method, with --spacing.")] = Regrid.bilinear,
    first: Annotated[datetime | None, typer.Option(help="First time of the series, UTC.")] = None,
    last: Annotated[datetime | None, typer.Option(help="Last time of the series, UTC.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Use every n-th image.")] = 1,
    fractions: Annotated[
        str, typer.Option(help="Thresholds sigma to compare: fractions of coefficients kept, largest first.")
    ] = "0.4,0.5,0.6,0.7,0.8",
    maps: Annotated[str, typer.Option(help="Thresholds to draw as maps.")] = "0.1,0.5",
    distances: Annotated[
        bool, typer.Option(help="Compute correlations between cells as a function of distance (Fig. 4).")
    ] = True,
    min_scc: Annotated[float, typer.Option(min=0.0, max=1.0, help="Minimum SCC for the recommended threshold.")] = 0.99,
    frame: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Frame, e.g. --set boundary=reflect")
    ] = None,
) -> None:
    """Study how a hard threshold on curvelet coefficients approximates a series of images (Figs 3 to 5 of [S24]).

    The results are maps of reconstructions and errors, the density of errors with skewness and kurtosis, correlation
    against distance for bands of coefficients and for all coefficients above a threshold, and a recommended threshold
    with the reason.
    """
    from landda_hpc.formats.products.gldas import read_gldas
    from landda_hpc.formats.products.image_series import open_image_series, open_product_series
    from landda_hpc.storage.output_folder import require_own
    from landda_hpc.studies.distance_correlation import BAND_LIMITS
    from landda_hpc.studies.threshold_study import FILES, ThresholdSettings, distance_warnings, study_thresholds

    settings = ThresholdSettings(
        region=_region(region),
        spacing=_spacing(spacing),
        regrid="bilinear" if regrid is Regrid.bilinear else "conservative",
        frame=parse_frame(frame),
        fractions=_fractions("--fractions", fractions),
        map_fractions=_fractions("--maps", maps),
        limits=BAND_LIMITS if distances else (),
        min_scc=min_scc,
    )
    require_own(output, "threshold", FILES)
    opened = open_product_series(series, read_gldas, depth) if product else open_image_series(series, variable)
    with opened:
        report = study_thresholds(opened.between(first, last)[::every], output, settings)
    table = Table(title=f"{report.study.n_images} images, {report.grid.describe()}", title_justify="left")
    for heading in ("sigma", "SCC", "st. dev.", "skewness", "ex. kurtosis", "within 0.02", "neighbours"):
        table.add_column(heading, justify="right")
    for e in report.study.errors:
        numbers = (f"{e.fraction:g}", f"{e.scc:.4f}", f"{e.std:.4f}", f"{e.skewness:.2f}", f"{e.kurtosis:.2f}")
        row = (*numbers, f"{100.0 * e.share_small:.1f} %", f"{e.neighbour_correlation:.2f}")
        table.add_row(*row, style="bold" if e.fraction == report.recommendation.fraction else None)
    console = Console()
    console.print(table)
    console.print(f"Recommended: {report.recommendation.reason}", highlight=False)
    for warning in distance_warnings(report.study.n_images) if report.distances is not None else ():
        console.print(f"Warning: {warning}", highlight=False)
    for path in report.files:
        console.print(f"Written: {path}", highlight=False)


def _region(text: str) -> Region:
    from landda_hpc.regions import GLOBE, Region, named_regions
    from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
    from landda_hpc.studies.threshold_study import SHEN2024

    china, united_states = named_regions(BAI2026_REGIONS, Path())
    known = {"globe": GLOBE, "shen2024": SHEN2024, "china": china, "us": united_states}
    if text.lower() in known:
        return known[text.lower()]
    try:
        west, east, south, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"--region {text}: expected {', '.join(known)}, or WEST,EAST,SOUTH,NORTH in degrees."
        ) from error
    return Region(text, south, north, west, east)


def _spacing(value: float | None) -> float | None:
    if value is not None and not (0.0 < value <= 10.0 and abs(180.0 / value - round(180.0 / value)) < 1e-6):
        raise ConfigError(f"--spacing {value:g}: expected degrees that divide 180, up to 10, e.g. 1.40625 or 0.25.")
    return value


def _fractions(option: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError as error:
        raise ConfigError(f"{option} {text}: expected numbers separated by commas.") from error
    if not all(0.0 < value <= 1.0 for value in values):
        raise ConfigError(f"{option} {text}: expected fractions above 0 and up to 1.")
    return values
