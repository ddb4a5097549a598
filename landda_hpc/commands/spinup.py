"""``landda land spinup``: repeat years of weather until the deep soil is in equilibrium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides

if TYPE_CHECKING:
    from landda_hpc.config import CampaignConfig
    from landda_hpc.land_experiments.spinup_ends import Ends
    from landda_hpc.land_experiments.spinup_files import Drift


def command(
    file: ConfigFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the state.")],
    water: Annotated[float, typer.Option(min=0.0, help="Tolerance of the deepest layer's water, m3 m-3 a-1.")] = 1.0e-3,
    temperature: Annotated[float, typer.Option(min=0.0, help="Tolerance of its temperature, K a-1.")] = 0.05,
    moving: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fraction of soil tiles that may drift by more.")
    ] = 0.01,
    period_years: Annotated[
        int, typer.Option(min=1, help="Number of years of weather, from time.start, that are repeated.")
    ] = 1,
    max_years: Annotated[int, typer.Option(min=1, help="Maximum number of years, all repetitions together.")] = 60,
    accelerate: Annotated[
        bool, typer.Option(help="Extrapolate the slow variables after every third pass (--no-accelerate: do not).")
    ] = True,
    year: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Then repeat the last year and write its states, every two months, to this compact netCDF file.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OTHER",
            help="Folder of another spin-up of the same tiles: print the difference of the final states.",
        ),
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Repeat the weather of one or several years from time.start until the deepest soil layer is in equilibrium.

    FILE must have model.physics: land_surface. The spin-up begins at time.start from model.initial (spun_up: the states
    of another spin-up, by default the included ones, else those of model.initial_file); model.spinup_days, the run-up
    of a campaign, is ignored. After a stop the same command resumes, on any number of processes. If the spin-up ended
    at --max-years, give more years.

    One pass runs through --period-years years. The state after a pass is compared with that after the pass before,
    at the same date; the change is divided by the number of years, so tolerances are per year. Files of forcing must
    cover the period, which is checked first. For example, the weather of 1979 to 2021, at most twice, for a campaign
    that begins in 2022: --set time.start=1979-01-01T00:00 --period-years 43 --max-years 86.

    A campaign starts from the states with model.initial: spun_up and model.initial_file, a path below data_root (by
    default the folder of its configuration). The file of --year fits any tiles and any time of the year; DIR/spinup.h5
    fits only the same tiles and a model start within 31 days of the day of the year of time.start; it is the state at
    the end of the period. On several processes: source env/mpi.sh && "$MPIRUN" -n 4 landda land spinup FILE -o DIR.
    """
    from landda_hpc.commands.console import logs
    from landda_hpc.config import load_config
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.land_experiments.spinup import StopRule, spin_up
    from landda_hpc.land_experiments.spinup_ends import compare_ends
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.signals import StopRequest
    from landda_hpc.parallel.together import together
    from landda_hpc.parallel.watchdog import watching

    world = launch()
    stop = StopRequest()
    stop.listen()
    logs.configure(world.rank, world.size)
    console = Console()
    config: CampaignConfig | None = None
    with together(world, f"reading {file}"):
        if world.rank == 0:
            config = load_config(file, parse_overrides(overrides))

    def show(drift: Drift) -> None:
        passes = "" if period_years == 1 else f" (pass {drift.year // period_years})"
        mean = "" if period_years == 1 else f", mean of the {period_years} years of the pass"
        console.print(
            f"year {drift.year}{passes}: {100.0 * drift.moving:.2f} % of soil tiles drift; the others by at most "
            f"{drift.water:.2e} m3 m-3 and {drift.temperature:.3f} K per year{mean}"
            + (" (extrapolated)" if drift.extrapolated else ""),
            highlight=False,
        )

    rule = StopRule(water, temperature, moving, max_years)
    config = world.broadcast(config)
    with watching(world):
        past = spin_up(
            config, world, output, rule, period_years=period_years, accelerate=accelerate, progress=show, stop=stop,
            year_file=year,
        )  # fmt: skip
    if world.rank == 0:
        still = past[-1].moving <= moving
        console.print(
            f"{'In equilibrium' if still else 'Not in equilibrium yet'} after {past[-1].year} years: "
            f"{output / 'spinup.h5'}",
            highlight=False,
        )
    if against is not None:
        with together(world, f"comparing with {against}"):
            if world.rank == 0:
                tell(compare_ends(make_domain(config, 1), output / "spinup.h5", against / "spinup.h5"), console)


def tell(ends: Ends, console: Console) -> None:
    """Print the final states of two spin-ups."""
    table = Table(
        title=f"Final states after {ends.years} years and, in the other spin-up, after {ends.other_years} years",
        title_justify="left",
    )
    for heading in ("", "median", "90 %", "most"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, values, unit in (
        ("deepest layer's water", ends.water, "m3 m-3"),
        ("0-10 cm water", ends.surface, "m3 m-3"),
        ("deepest layer's temperature", ends.temperature, "K"),
    ):
        table.add_row(f"{name}, {unit}", *(f"{value:.1e}" for value in values))
    console.print(table)
    console.print(
        f"{ends.same_table} soil tiles with the same water table: the differences above. Of the others {ends.frozen} "
        f"are frozen below; in {ends.towards} of the other {ends.moving} the other spin-up's table still moves towards "
        "this one's.",
        highlight=False,
    )
