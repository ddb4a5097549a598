"""``landda init``: a first configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    from_colm: Annotated[
        Path, typer.Option("--from-colm", metavar="NAMELIST", help="Namelist (case.nml) of an existing CoLM202X case.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="YAML file to write; it must not exist.")
    ] = Path("campaign.yaml"),
    executable: Annotated[
        Path | None, typer.Option("--exe", metavar="FILE", help="The model's program (colm.x).")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="The case's folder, if not DEF_dir_output/DEF_CASE_NAME."),
    ] = None,
) -> None:
    """Write the configuration of a first assimilation into an existing CoLM case, with comments.

    Grid, land, patches and start come from the case; period, observations and methods are a beginning to change.
    """
    from landda_hpc.campaign.case_config import starter_config
    from landda_hpc.errors import ConfigError
    from landda_hpc.formats.atomic import write_text

    if output.exists():
        raise ConfigError(f"'{output}' exists; choose another file with --output.")
    write_text(output, starter_config(from_colm, executable, folder))
    typer.echo(f"{output}: now 'landda check {output}', then 'landda run {output}'")
