"""``landda study regress``: climatological vertical regression of the increments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.config import CampaignConfig


def command(
    file: ConfigFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="netCDF file of slopes to write.")],
    pairs: Annotated[int, typer.Option("--pairs", "-n", min=1, help="Number of pairs of model runs.")] = 8,
    first_seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the first pair; default: the campaign's seed plus 1000003.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Use the background errors of this assimilating run; default: the errors of free runs."),
    ] = None,
    prior_pairs: Annotated[
        float,
        typer.Option(min=1e-6, help="Weight, in each cell, of the slope of all cells together, as a number of pairs."),
    ] = 4.0,
    limits: Annotated[tuple[float, float], typer.Option(help="Smallest and largest slope.")] = (0.0, 1.0),
    overrides: SetOption = None,
) -> None:
    """Estimate the slopes for 'depth: {kind: regression, file: ...}' of a run from the configured errors of a twin.

    The two model runs of a pair differ as model and truth do. Each pair has its own seed for weather and errors, never
    that of the campaign, so that the campaign's truth is not used. The slope of layer k is the regression of its
    differences on those of the observed depth. On several processes: mpirun -n 4 landda study regress FILE -o OUT.
    """
    from landda_hpc.commands.console import logs
    from landda_hpc.config import load_config
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.together import together
    from landda_hpc.studies.regression import make_regression

    if not limits[0] <= limits[1]:
        raise ConfigError(f"--limits {limits[0]:g} {limits[1]:g}: expected the smaller value first.")
    world = launch()
    logs.configure(world.rank, world.size)
    config: CampaignConfig | None = None
    with together(world, f"reading {file}"):
        if world.rank == 0:
            config = load_config(file, parse_overrides(overrides))
    regression = make_regression(
        world.broadcast(config), world, output, n_pairs=pairs, first_seed=first_seed, run=run, prior_pairs=prior_pairs,
        limits=limits,
    )  # fmt: skip
    if world.rank != 0:
        return
    import numpy as np

    from landda_hpc.constants import SOIL_Z
    from landda_hpc.verification.statistics.sample_size import pair_warnings

    table = Table(title="Slopes relative to the observed depth (dimensionless)", title_justify="left")
    for heading in ("layer", "depth, m", "pooled", "mean", "5 %", "95 %"):
        table.add_column(heading, justify="right")
    for k, slopes in enumerate(regression.slopes):
        known = slopes[np.isfinite(slopes)]
        numbers = (regression.pooled[k], known.mean(), *np.percentile(known, [5, 95]))
        table.add_row(str(k + 1), f"{SOIL_Z[k]:.3f}", *(f"{x:.3f}" for x in numbers))
    if warnings := pair_warnings(pairs):
        table.caption, table.caption_justify = "\n".join(f"Warning: {text}" for text in warnings), "left"
    Console().print(table)
    Console().print(f"Written: {output}", highlight=False)
