"""``landda spinup``: repeat a year until the deep soil stands still."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides

if TYPE_CHECKING:
    from landda_hpc.campaign.spinup import Drift
    from landda_hpc.config import CampaignConfig


def command(
    file: ConfigFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the state.")],
    water: Annotated[float, typer.Option(min=0.0, help="Tolerance of the deepest layer's water, m3 m-3 a-1.")] = 1.0e-3,
    temperature: Annotated[float, typer.Option(min=0.0, help="Tolerance of its temperature, K a-1.")] = 0.05,
    moving: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of soil tiles that may drift by more.")] = 0.01,
    max_years: Annotated[int, typer.Option(min=1, help="Years after which it ends in any case.")] = 60,
    accelerate: Annotated[bool, typer.Option(help="Extrapolate the slow parts every third year.")] = True,
    overrides: SetOption = None,
) -> None:
    """Repeat the year of weather from the configuration's start until the deepest soil layer stands still.

    The same command goes on where an earlier one ended or was stopped. A campaign begins from the state with
    model.initial: spun_up and model.initial_file: DIR/spinup.h5. One process or many: mpirun -n 4 landda spinup FILE
    -o DIR.
    """
    from landda_hpc.campaign.signals import StopRequest
    from landda_hpc.campaign.spinup import StopRule, spin_up
    from landda_hpc.commands.console import logs
    from landda_hpc.config import load_config
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.together import together

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
        console.print(
            f"year {drift.year}: {100.0 * drift.moving:.2f} % of soil tiles drift; the others by at most "
            f"{drift.water:.2e} m3 m-3 and {drift.temperature:.3f} K a year"
            + (" (extrapolated)" if drift.extrapolated else ""),
            highlight=False,
        )

    rule = StopRule(water, temperature, moving, max_years)
    past = spin_up(world.broadcast(config), world, output, rule, accelerate=accelerate, progress=show, stop=stop)
    if world.rank == 0:
        still = past[-1].moving <= moving
        console.print(
            f"{'Still' if still else 'Not still yet'} after {len(past)} years: {output / 'spinup.h5'}", highlight=False
        )
