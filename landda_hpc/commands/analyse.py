"""``landda analyse``: one image analysis on netCDF files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.campaign.assembly import make_method
from landda_hpc.config import EnkfLikeRun, FrameConfig, PointwiseRun, Run, problems_of
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.fields.regrid import Method as RegridMethod
from landda_hpc.fields.regrid import Regridder
from landda_hpc.formats.images import OutputField, SoilMoistureImage, read_image, write_image
from landda_hpc.parallel.communicator import SerialCommunicator


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
    members: Annotated[int, typer.Option(help="Perturbed images.")] = 50,
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
    first = read_image(background, background_variable)
    second = _on_grid(read_image(observation, observation_variable), first, observation, background, regrid)
    run = _run(method, background_std, observation_std, gain, members, exact, boundary, finest)
    domain = np.isfinite(first.values)
    pair = ImagePair(first.values, second, domain, time_key=first.time.isoformat() if first.time else "no time")
    if not pair.observed.any():
        raise DataError(f"'{observation}' and '{background}' have no cell in common that has a value in both.")
    analysis_method = make_method(run, first.grid, SerialCommunicator(), seed)
    assert analysis_method is not None, "both methods of this command analyse"
    result = analysis_method.analyse(pair)
    analysis = first.values + result.increment
    innovation = np.where(pair.observed, pair.innovation, np.nan)
    write_image(
        output,
        first.grid,
        {
            "analysis": _field(analysis, "analysis of volumetric soil moisture"),
            "background": _field(first.values, "background of volumetric soil moisture"),
            "increment": _field(np.where(domain, result.increment, np.nan), "analysis minus background"),
            "innovation": _field(innovation, "observation minus background"),
        },
        first.time,
        {"source": f"landda analyse, method {run.method}", "seed": str(seed)},
    )
    _print(pair, analysis, result.diagnostics, output)


_METHODS: Final[dict[Regrid, RegridMethod]] = {Regrid.bilinear: "bilinear", Regrid.conservative: "conservative"}


def _on_grid(
    image: SoilMoistureImage, target: SoilMoistureImage, path: Path, target_path: Path, regrid: Regrid
) -> FloatArray:
    if image.grid.same_points(target.grid):
        return image.values
    if regrid is Regrid.no:
        raise ShapeError(
            f"'{path}' is on {image.grid.describe()}; '{target_path}' is on {target.grid.describe()}. "
            "Give both on one grid, or add --regrid bilinear."
        )
    return Regridder(image.grid, target.grid, _METHODS[regrid])(image.values)


def _run(
    method: Method, background_std: float, observation_std: float, gain: float, members: int, exact: bool, boundary: str,
    finest: str,
) -> Run:  # fmt: skip
    try:
        if method is Method.pointwise:
            return PointwiseRun(gain=gain)
        return EnkfLikeRun(
            members=members,
            background_std=background_std,
            observation_std=observation_std,
            estimator="exact" if exact else "sampled",
            frame=FrameConfig.model_validate({"boundary": boundary, "finest": finest}),
        )
    except ValidationError as error:
        raise ConfigError([f"--{p.replace('_', '-')}" for p in problems_of(error)]) from error


def _field(values: FloatArray, long_name: str) -> OutputField:
    return OutputField(values, {"units": "m3 m-3", "long_name": long_name})


def _print(pair: ImagePair, analysis: FloatArray, diagnostics: dict[str, float | list[float]], output: Path) -> None:
    before, after = pair.innovation[pair.observed], (pair.observation - analysis)[pair.observed]
    table = Table(title="m3 m-3", title_justify="left")
    for heading in ("", "cells", "mean", "standard deviation"):
        table.add_column(heading, justify="right")
    table.add_row("observation minus background", str(before.size), f"{before.mean():.4f}", f"{before.std():.4f}")
    table.add_row("observation minus analysis", str(after.size), f"{after.mean():.4f}", f"{after.std():.4f}")
    console = Console()
    console.print(table)
    console.print(
        f"gain K {diagnostics['gain_mean']:.4f} (standard deviation over coefficients {diagnostics['gain_std']:.4f}). "
        f"Written: {output}",
        highlight=False,
    )
