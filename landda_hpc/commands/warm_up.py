"""``landda warm-up``: compile all loops once, before the ranks of a job would do it at the same time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from landda_hpc.commands.console.options import SetOption, parse_overrides
from landda_hpc.errors import ConfigError

_TWIN: Final[dict[str, Any]] = {
    "name": "warm_up",
    "time": {"start": "2022-01-01T00:00", "assimilation_end": "2022-01-02T00:00", "end": "2022-01-02T00:00"},
    "grid": {"n_lat": 18, "n_lon": 36},
    "twin": {},
    "observations": {"kind": "twin", "missing_fraction": 0.1},
    "runs": [{"method": name} for name in ("control", "pointwise", "enkf_like", "learned")],
}


def command(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Campaign configuration (YAML). Default: twins with either physics."),
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Compile the loops of a campaign and keep their machine code, for all later processes on machines of this kind.

    Run it once after the installation or a change of version, on a machine with the CPU of the compute nodes. Without
    it, every rank of the first job compiles the same loops. Three cycles run in a temporary folder. The machine code
    lies in __pycache__ of the package, or in the user's cache folder; set NUMBA_CACHE_DIR to choose another one.
    """
    from landda_hpc.campaign.trial import TrialError, compile_loops
    from landda_hpc.commands.console.logs import waiting
    from landda_hpc.config import load_config, parse_config

    if file is None and overrides:
        raise ConfigError("--set changes keys of a configuration: give its FILE.")
    if file is None:
        physics = ("soil_water", "land_surface")
        configs = [parse_config({**_TWIN, "model": {"physics": name}}) for name in physics]
    else:
        configs = [load_config(file, parse_overrides(overrides))]
    if not configs[0].model.runs_here:
        raise ConfigError(f"{file}: its model is an external program, which has no loops to compile.")
    begin = time.perf_counter()
    console = Console()
    try:
        with waiting("compiling loops"):
            number = compile_loops(
                [(c.model_dump(mode="json"), c.time, c.grid if c.case is None else None) for c in configs]
            )
    except TrialError as error:
        raise ConfigError(str(error)) from error
    took = f"{number} compiled" if number else "all are compiled"
    console.print(
        f"{file or 'twins with either physics'}: {took}, {time.perf_counter() - begin:.0f} s", highlight=False
    )
