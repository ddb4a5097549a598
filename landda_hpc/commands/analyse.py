"""``landda analyse``: one image analysis on netCDF files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from landda_hpc.config import EnkfLikeRun, PointwiseRun, problems_of
from landda_hpc.errors import ConfigError


class Method(StrEnum):
    """Analysis methods."""

    enkf_like = "enkf_like"
    pointwise = "pointwise"


class Regrid(StrEnum):
    """What is done with an observation on another grid."""

    no = "no"
    bilinear = "bilinear"
    conservative = "conservative"


def command(
    background: Annotated[Path, typer.Argument(metavar="BACKGROUND", help="netCDF image of soil moisture, m3 m-3.")],
    observation: Annotated[Path, typer.Argument(metavar="OBS", help="netCDF image of observed soil moisture, m3 m-3.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("analysis.nc"),
    method: Annotated[Method, typer.Option(help="Analysis method.")] = Method.enkf_like,
    background_variable: Annotated[
        str | None, typer.Option(help="Variable of BACKGROUND; default the only image.")
    ] = None,
    observation_variable: Annotated[str | None, typer.Option(help="Variable of OBS; default the only image.")] = None,
    background_std: Annotated[float, typer.Option(help="Background error, m3 m-3.")] = 0.15,
    observation_std: Annotated[float, typer.Option(help="Observation error, m3 m-3.")] = 0.10,
    gain: Annotated[float, typer.Option(help="Constant K of the pointwise method.")] = 9.0 / 13.0,
    members: Annotated[int, typer.Option(help="Number of perturbed images.")] = 50,
    exact: Annotated[bool, typer.Option("--exact", help="Variances in closed form instead of from members.")] = False,
    boundary: Annotated[str, typer.Option(help="none, reflect or double_fourier_sphere.")] = "none",
    finest: Annotated[str, typer.Option(help="Finest scale: curvelets or wavelets.")] = "curvelets",
    regrid: Annotated[
        Regrid, typer.Option(help="Bring OBS to the background's grid where it is on another.")
    ] = Regrid.no,
    seed: Annotated[int, typer.Option(help="Seed of the perturbations.")] = 1,
) -> None:
    """Analyse one image: background and observation in, analysis and increment out; no model, no cycling.

    Cells without background value (ocean) stay empty; cells without observation are changed only by what the image
    analysis spreads into them. Values outside the range of soil moisture are refused.
    """
    from landda_hpc.campaign.single import ImageFile, analyse_files

    result = analyse_files(
        ImageFile(background, background_variable),
        ImageFile(observation, observation_variable),
        _run(method, gain, background_std, observation_std, members, exact, {"boundary": boundary, "finest": finest}),
        output,
        None if regrid is Regrid.no else ("bilinear" if regrid is Regrid.bilinear else "conservative"),
        seed,
    )
    table = Table(title="m3 m-3", title_justify="left")
    for heading in ("", "cells", "mean", "standard deviation"):
        table.add_column(heading, justify="right")
    for name, (mean, std) in (("background", result.innovation), ("analysis", result.residual)):
        table.add_row(f"observation minus {name}", str(result.n_cells), f"{mean:.4f}", f"{std:.4f}")
    console = Console()
    console.print(table)
    console.print(
        f"gain K {result.diagnostics['gain_mean']:.4f}, standard deviation over coefficients "
        f"{result.diagnostics['gain_std']:.4f}. Written: {output}",
        highlight=False,
    )


def _run(
    method: Method,
    gain: float,
    background_std: float,
    observation_std: float,
    members: int,
    exact: bool,
    frame: dict[str, str],
) -> PointwiseRun | EnkfLikeRun:
    try:
        if method is Method.pointwise:
            return PointwiseRun(gain=gain)
        return EnkfLikeRun.model_validate(
            {
                "members": members,
                "background_std": background_std,
                "observation_std": observation_std,
                "estimator": "exact" if exact else "sampled",
                "frame": frame,
            }
        )
    except ValidationError as error:
        raise ConfigError([f"--{p.removeprefix('frame.').replace('_', '-')}" for p in problems_of(error)]) from error
