"""``landda regress``: climatological vertical regression of the increments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.constants import SOIL_Z
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.config import CampaignConfig


def command(
    file: ConfigFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="netCDF file of slopes to write.")],
    pairs: Annotated[int, typer.Option("--pairs", "-n", min=1, help="Pairs of model runs.")] = 8,
    first_seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the first pair; default the campaign's plus 1000003.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Errors of the backgrounds of this run in its cycle; default those of free runs.")
    ] = None,
    prior_pairs: Annotated[
        float, typer.Option(min=1e-6, help="Pairs that the slope of all cells together counts for in each cell.")
    ] = 4.0,
    limits: Annotated[tuple[float, float], typer.Option(help="Least and greatest slope.")] = (0.0, 1.0),
    overrides: SetOption = None,
) -> None:
    """Make the slopes that 'depth: {kind: regression, file: ...}' of a run takes, from a twin's configured errors.

    Pairs of model runs, each pair with weather and errors of its own seed (never the campaign's, so that its truth is
    not used), differ as model and truth do; layer k's slope is the regression of its differences on those of the
    observed depth. One process or many: mpirun -n 4 landda regress FILE -o OUT.
    """
    from landda_hpc.campaign.regression import make_regression
    from landda_hpc.commands.console import logs
    from landda_hpc.config import load_config
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.together import together

    if not limits[0] <= limits[1]:
        raise ConfigError(f"--limits {limits[0]:g} {limits[1]:g}: expected the least first.")
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

    from landda_hpc.verification.sample_size import pair_warnings

    table = Table(title="Slopes on the observed depth, 1", title_justify="left")
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
