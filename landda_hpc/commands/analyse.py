"""``landda analyse``: one image analysis on netCDF files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand, TyperOption

from landda_hpc.commands.console.options import Regrid, parse_overrides
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.config import Run

_OPTION_OF = {
    "frame.boundary": "--boundary",
    "frame.finest": "--finest",
    "estimator": "--exact",
    "background_std": "--background-std",
    "observation_std": "--observation-std",
    "gain": "--gain",
    "members": "--members",
}
"""Options for frequently used keys of the run's section."""


class MethodsCommand(TyperCommand):
    """A command whose help lists the methods, also of installed packages: they are loaded when help is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in self.params:
            if parameter.name == "method" and isinstance(parameter, TyperOption):
                parameter.help = f"Analysis method, as in a campaign's runs: {', '.join(_methods())}."
        super().format_help(ctx, formatter)


def _methods() -> list[str]:
    from landda_hpc.config import METHODS

    return [name for name in METHODS if not METHODS[name].needs_ensemble]


def command(
    background: Annotated[Path, typer.Argument(metavar="BACKGROUND", help="netCDF image of soil moisture, m3 m-3.")],
    observation: Annotated[Path, typer.Argument(metavar="OBS", help="netCDF image of observed soil moisture, m3 m-3.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("analysis.nc"),
    method: Annotated[
        str, typer.Option(help="Analysis method, as in a campaign's runs.", autocompletion=lambda: _methods())
    ] = "enkf_like",
    background_variable: Annotated[
        str | None, typer.Option(help="Variable of BACKGROUND; default: its only image.")
    ] = None,
    observation_variable: Annotated[str | None, typer.Option(help="Variable of OBS; default: its only image.")] = None,
    background_std: Annotated[float | None, typer.Option(help="Background error, m3 m-3.")] = None,
    observation_std: Annotated[float | None, typer.Option(help="Observation error, m3 m-3.")] = None,
    gain: Annotated[float | None, typer.Option(help="Constant gain K of the pointwise method.")] = None,
    members: Annotated[int | None, typer.Option(help="Number of perturbed images.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compute variances in closed form instead of from members.")
    ] = False,
    boundary: Annotated[str | None, typer.Option(help="none, reflect or double_fourier_sphere.")] = None,
    finest: Annotated[str | None, typer.Option(help="Finest scale: curvelets or wavelets.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any other key of the method's section (see 'landda schema'): --set keep_fraction=0.3 "
            "--set background_errors.kind=white. Paths are relative to this folder. May be given several times.",
        ),
    ] = None,
    regrid: Annotated[
        Regrid, typer.Option(help="Regrid OBS to the background's grid if the grids differ.")
    ] = Regrid.no,
    figure: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw cost and gradient norm of a 3D-Var against iterations.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the perturbations.")] = 1,
) -> None:
    """Analyse one image: from background and observation to analysis and increment, without a model or cycling.

    Cells without background (ocean) stay empty. A cell without observation changes only by the increment that an image
    analysis spreads into it. Values outside the range of soil moisture are refused. A method has the same defaults as
    in the run of a campaign. A 3D-Var method prints its cost function at each iteration.
    """
    from landda_hpc.studies.single_image import ImageFile, analyse_files, draw_single_minimisation

    given = {
        "background_std": background_std,
        "observation_std": observation_std,
        "gain": gain,
        "members": members,
        "estimator": "exact" if exact else None,
        "frame.boundary": boundary,
        "frame.finest": finest,
    }
    run = _run(method, {k: v for k, v in given.items() if v is not None} | parse_overrides(overrides))
    if figure is not None and not run.method.startswith("var3d_"):
        raise ConfigError(f"--figure draws the minimisation of a 3D-Var; method {run.method} does not minimise.")
    result = analyse_files(
        ImageFile(background, background_variable),
        ImageFile(observation, observation_variable),
        run,
        output,
        regrid.method,
        seed,
    )
    console = Console()
    costs = result.diagnostics.get("cost")
    if isinstance(costs, list):
        console.print(_iterations(result.diagnostics))
    table = Table(title="m3 m-3", title_justify="left")
    for heading in ("", "cells", "mean", "standard deviation"):
        table.add_column(heading, justify="right")
    for name, (mean, std) in (("background", result.innovation), ("analysis", result.residual)):
        table.add_row(f"observation minus {name}", str(result.n_cells), f"{mean:.4f}", f"{std:.4f}")
    console.print(table)
    mean_gain, std_gain = (_number(result.diagnostics.get(key)) for key in ("gain_mean", "gain_std"))
    text = "" if math.isnan(mean_gain) else f"gain K {mean_gain:.4f}, standard deviation {std_gain:.4f}. "
    console.print(f"{text}Written: {output}", highlight=False)
    if figure is not None:
        draw_single_minimisation(run, result, figure)
        console.print(f"Written: {figure}", highlight=False)


def _iterations(diagnostics: dict[str, float | list[float]]) -> Table:
    """Cost function and the norm of its gradient, at the start and after each iteration."""
    columns = {"J": "cost", "J_B": "cost_background", "J_O": "cost_observation", "J_I": "cost_image"}
    series = {heading: values for heading, key in columns.items() if isinstance(values := diagnostics.get(key), list)}
    shown = {heading: values for heading, values in series.items() if any(values)}
    norms = diagnostics["gradient_norm"]
    assert isinstance(norms, list), "recorded with the cost"
    table = Table(title="Minimisation of the cost function", title_justify="left")
    for heading in ("iteration", *shown, "norm of gradient"):
        table.add_column(heading, justify="right")
    for i, norm in enumerate(norms):
        table.add_row(str(i), *(f"{values[i]:.6g}" for values in shown.values()), f"{norm:.3e}")
    return table


def _number(value: float | list[float] | None) -> float:
    return value if isinstance(value, float) else math.nan


def _run(method: str, options: dict[str, Any]) -> Run:
    """Run section with these keys; a ConfigError names the option of each problem."""
    from pydantic import ValidationError

    from landda_hpc.config import METHODS, apply_overrides, current, problems_of

    section = METHODS[method]
    try:
        plain = apply_overrides({"method": method}, options, within="runs.*")
        run = section.model_validate(current(plain, within="runs.*"))
    except ValidationError as error:
        raise ConfigError([_with_option(problem) for problem in problems_of(error, section)]) from error
    if not run.assimilates:
        raise ConfigError(f"--method {method} does not analyse; name another method.")
    return run


def _with_option(problem: str) -> str:
    key, separator, rest = problem.partition(": ")
    if key == "configuration":
        return f"--method: {rest}"
    return f"{_OPTION_OF.get(key, f'--set {key}')}{separator}{rest}"
