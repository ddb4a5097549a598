"""``landda land climate``: the climate of the free-running land model, by zone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides

if TYPE_CHECKING:
    from landda_hpc.config import CampaignConfig


def command(
    file: ConfigFile,
    years: Annotated[
        int, typer.Option(min=1, help="Number of years to run; the means of several years exclude the first.")
    ] = 3,
    climatology: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="netCDF file of monthly soil moisture (swl1..3) to compare with, as for model.initial: file.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers to this file.")
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Run the land model freely and print annual means by climate zone, frozen ground and budget residuals.

    Grid, tiles, weather and model come from the configuration; its physics must be land_surface. The run begins at
    time.start, without a spin-up; with model.initial: spun_up the first year is usable as well. The command runs on
    any number of processes.
    """
    from landda_hpc.config import load_config
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.instances.embedded_models import EmbeddedSetup
    from landda_hpc.io.atomic import atomic_replacement
    from landda_hpc.land_experiments.land_climate import land_climate
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.together import together

    world = launch()
    config: CampaignConfig | None = None
    with together(world, f"reading {file}"):
        if world.rank == 0:
            config = load_config(file, parse_overrides(overrides))
    config = world.broadcast(config)
    found = land_climate(EmbeddedSetup.of(config, make_domain(config, 1)), world, years, climatology)
    if world.rank != 0:
        return
    console = Console()
    table = Table(title=f"Means of {max(1, found.years - 1)} of {found.years} years", title_justify="left")
    for heading in ("zone", "P", "ET", "R/P", "base", "EF", "0-10 cm", "0-1 m"):
        table.add_column(heading, justify="left" if heading == "zone" else "right", no_wrap=heading != "zone")
    for zone in found.zones:
        table.add_row(
            zone.zone, f"{zone.precipitation:.0f}", f"{zone.evapotranspiration:.0f}", f"{zone.runoff_ratio:.2f}",
            f"{zone.baseflow_share:.2f}", f"{zone.evaporative_fraction:.2f}", f"{zone.surface:.3f}",
            f"{zone.root_zone:.3f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        "P, ET in mm a-1; R/P runoff ratio, with the share of baseflow; EF evaporative fraction; soil moisture in m3 "
        "m-3",
        highlight=False,
    )
    if not math.isnan(found.frozen_january):
        console.print(
            f"Siberia's upper soil frozen: {100 * found.frozen_january:.0f} % at the end of January (snow "
            f"{found.snow_january:.0f} kg m-2), {100 * found.frozen_july:.0f} % of July",
            highlight=False,
        )
    if found.correlation is not None:
        console.print(
            f"annual-mean surface soil moisture against the climatology: SCC {found.correlation:.3f}, on the "
            f"climatology's own grid {found.correlation_own:.3f}",
            highlight=False,
        )
    console.print(
        f"largest residual of any tile and step: {found.max_water_residual:.1e} kg m-2, "
        f"{found.max_energy_residual:.1e} W m-2",
        highlight=False,
    )
    if output is not None:
        with atomic_replacement(output, make_folder=True) as temporary:
            temporary.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
        console.print(f"Written: {output}", highlight=False)
