"""``landda land site``: the embedded land model at one site, compared with CoLM and a flux tower."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.land_experiments.site import WaterBudget
    from landda_hpc.land_experiments.site_scores import FluxBar, RangeScore, SiteScore


def command(
    forcing: Annotated[
        Path, typer.Argument(metavar="FORCING", help="PLUMBER2 'Met' file with the weather of the site.")
    ],
    site: Annotated[
        Path,
        typer.Option("--site", "-s", metavar="FILE", help="Site data of CoLM: land cover, LAI, soil (srfdata.nc)."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for tables and figures.")],
    initial: Annotated[
        Path | None,
        typer.Option(
            "--initial",
            "-i",
            metavar="RESTART",
            help="Start from this time-varying restart of a one-patch CoLM case. It must belong to the time "
            "--start; its date is not checked. The soil comes from ../const. Default: a cold start.",
        ),
    ] = None,
    constants: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Constant restart, with the soil, of a Campbell build; default: that of --initial."
        ),
    ] = None,
    site_soil: Annotated[
        bool, typer.Option("--site-soil", help="Use the soil of --site, even if --initial is given.")
    ] = False,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            "-r",
            metavar="[NAME=]PATH",
            help="Hourly CoLM history: a file, or a folder of *_hist_*.nc. Give it several times for the range of "
            "several cases; the first is the main reference.",
        ),
    ] = None,
    observations: Annotated[
        Path | None, typer.Option("--observations", "-O", metavar="FILE", help="PLUMBER2 'Flux' file of the tower.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(help="First hour, local standard time; default: that of the forcing.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(help="End, local standard time; default: that of the forcing.")
    ] = None,
    spin_up: Annotated[int, typer.Option("--spin-up", min=0, help="Number of spin-up passes over the period.")] = 0,
    utc_offset: Annotated[
        float | None,
        typer.Option(min=-12.0, max=14.0, help="Local standard time minus UTC, h; default: from the longitude."),
    ] = None,
    figures: Annotated[bool, typer.Option(help="Draw figures.")] = True,
) -> None:
    """Run the embedded land model at one site and compare it with CoLM and with a flux tower, hour by hour.

    RMSE, bias and correlation of the fluxes and of every soil layer are printed and written to scores.csv, the hourly
    series to series.nc, and figures to DIR. With two or more references, ranges.csv gives the position of the embedded
    model within their range. History, restart and constants come from your own CoLM case.
    """
    from landda_hpc.commands.console import logs
    from landda_hpc.land_experiments.site import SiteJob, compare_at_site

    logs.configure(0, 1)
    result = compare_at_site(
        SiteJob(
            forcing=forcing,
            site=site,
            output=output,
            initial=initial,
            constants=constants,
            site_soil=site_soil,
            references=tuple(reference or ()),
            observations=observations,
            start=start,
            end=end,
            spin_up=spin_up,
            utc_offset_hours=utc_offset,
            figures=figures,
        )
    )
    console = Console()
    _print_budget(result.budget, console)
    _print_fluxes(result.scores, console)
    _print_soil(result.scores, result.ranges, console)
    _print_bars(result.bars, result.ranges, console)
    console.print(f"Written: {', '.join(str(p) for p in result.written)}", highlight=False, soft_wrap=True)


def _print_budget(budget: WaterBudget, console: Console) -> None:
    console.print(
        f"Water, kg m-2: precipitation {budget.precipitation:.1f}, evapotranspiration {budget.evapotranspiration:.1f}, "
        f"runoff {budget.runoff:.1f}, drainage {budget.drainage:.1f}, storage {budget.storage_change:+.1f}. "
        f"Largest residual of a step: {budget.water_residual:.1e} kg m-2, {budget.energy_residual:.1e} W m-2.",
        highlight=False,
        soft_wrap=True,
    )


def _print_fluxes(scores: Sequence[SiteScore], console: Console) -> None:
    fluxes = [s for s in scores if s.layer == 0]
    if not fluxes:
        return
    table = Table(title="Fluxes, W m-2, hourly", title_justify="left")
    for heading in ("flux", "series", "against"):
        table.add_column(heading)
    for heading in ("hours", "RMSE", "bias", "r"):
        table.add_column(heading, justify="right")
    for s in fluxes:
        table.add_row(
            s.variable.replace("_", " "), s.series, s.against, str(s.n_hour), f"{s.rmse:.1f}", f"{s.bias:+.1f}",
            f"{s.correlation:.3f}",
        )  # fmt: skip
    console.print(table)


def _print_soil(scores: Sequence[SiteScore], ranges: Sequence[RangeScore], console: Console) -> None:
    spans = {(r.variable, r.layer): r for r in ranges}
    first = next((s.against for s in scores if s.layer), "")
    for variable in dict.fromkeys(s.variable for s in scores if s.layer):
        rows = [s for s in scores if s.variable == variable and s.against == first]
        title = f"{variable.replace('_', ' ').capitalize()} against {first}, {rows[0].units}, hourly"
        table = Table(title=title, title_justify="left", caption_justify="left")
        for heading in ("layer", "depth, m", "RMSE", "bias", "r", *(("apart", "inside", "off by") if ranges else ())):
            table.add_column(heading, justify="right")
        digits = 4 if variable == "soil_moisture" else 2
        for s in rows:
            span = spans.get((s.variable, s.layer))
            table.add_row(
                str(s.layer), f"{s.depth_m:.3f}", f"{s.rmse:.{digits}f}", f"{s.bias:+.{digits}f}",
                f"{s.correlation:.3f}",
                *((f"{span.spread:.{digits}f}", f"{span.share_within:.0%}", f"{span.outside:.{digits}f}")
                  if span else ()),
            )  # fmt: skip
        console.print(table)
    if ranges:
        console.print(
            "apart: largest RMSE between two references; inside: fraction of hours within their range; off by: RMS "
            "distance to the range.",
            highlight=False,
            soft_wrap=True,
        )


def _print_bars(bars: Sequence[FluxBar], ranges: Sequence[RangeScore], console: Console) -> None:
    for variable in dict.fromkeys(r.variable for r in ranges):
        layers = [r for r in ranges if r.variable == variable]
        within = sum(r.is_within for r in layers)
        console.print(
            f"{variable.replace('_', ' ').capitalize()}: {within} of {len(layers)} layers differ from the first "
            "reference by no more than the references differ from each other.",
            highlight=False,
            soft_wrap=True,
        )
    for bar in bars:
        console.print(
            f"{bar.variable.replace('_', ' ').capitalize()}: RMSE against the tower {bar.rmse:.1f}, reference "
            f"{bar.reference_rmse:.1f} W m-2: {bar.rmse / bar.reference_rmse:.2f} times.",
            highlight=False,
        )
