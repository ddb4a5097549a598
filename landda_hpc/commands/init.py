"""``landda init``: a first configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    from_colm: Annotated[
        Path | None,
        typer.Option(
            "--from-colm",
            metavar="NAMELIST",
            help="Namelist (case.nml) of an existing CoLM202X case; without it, the file is a twin experiment with "
            "the embedded land model.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="YAML file to write; it must not exist yet.")
    ] = Path("campaign.yaml"),
    executable: Annotated[
        Path | None, typer.Option("--exe", metavar="FILE", help="The model's program (colm.x).")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="The case's folder, if not DEF_dir_output/DEF_CASE_NAME."),
    ] = None,
) -> None:
    """Write the configuration of a first campaign, with comments.

    Without options this is a small twin experiment with the embedded land model, which takes less than a minute on one
    process. With --from-colm it is a first assimilation into an existing case: grid, land, patches and start come from
    the case. Change the period, observations and methods as you need.
    """
    from landda_hpc.campaign.first_config import FIRST_CONFIG
    from landda_hpc.errors import ConfigError
    from landda_hpc.instances.case_config import starter_config
    from landda_hpc.io.atomic import write_text

    if output.exists():
        raise ConfigError(f"'{output}' exists; choose another file with --output.")
    if from_colm is None and (executable, folder) != (None, None):
        raise ConfigError("--exe and --folder belong to a CoLM case. Give its namelist with --from-colm.")
    write_text(output, FIRST_CONFIG if from_colm is None else starter_config(from_colm, executable, folder))
    typer.echo(f"Written: {output}. Next: 'landda check {output}', then 'landda run {output}'")
