"""``landda init``: a first configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Paper(StrEnum):
    """Papers whose experiments can be prepared."""

    bai2026 = "bai2026"
    shen2024 = "shen2024"


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
    from_colm2014: Annotated[
        Path | None,
        typer.Option(
            "--from-colm2014",
            metavar="NAMELIST",
            help="The same for CoLM2014: the namelist that its program reads from standard input (timeloop.stdin, "
            "with the lines of clmini.infolist).",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="YAML file to write; it must not exist yet.")
    ] = Path("campaign.yaml"),
    executable: Annotated[
        Path | None, typer.Option("--exe", metavar="FILE", help="The model's program (colm.x, or clm.x of CoLM2014).")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="The case's folder, if not DEF_dir_output/DEF_CASE_NAME; of CoLM2014 that of its restarts, if not "
            "dir_restart_hist.",
        ),
    ] = None,
    paper: Annotated[
        Paper | None, typer.Option("--paper", help="Prepare the experiment of a paper for the data in --data.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with GLDAS, ERA5, ERA5-Land, ISMN, CMA or CLDAS as their providers deliver them, in any "
            "subfolders.",
        ),
    ] = None,
) -> None:
    """Write the configuration of a first campaign, with comments.

    Without options this is a small twin experiment with the embedded land model, which takes less than a minute on one
    process. With --from-colm or --from-colm2014 it is a first assimilation into an existing case: grid, land, patches
    and start come from the case. Change the period, observations and methods as you need.

    With --paper and --data it is the experiment of a paper for the data that a folder holds. The command looks through
    the folder, prints what it found and what is missing, with the providers' names of the products, and downloads
    nothing. With --from-colm or --from-colm2014, too, the model is CoLM instead of the embedded one.
    """
    from landda_hpc.campaign.first_config import FIRST_CONFIG
    from landda_hpc.errors import ConfigError
    from landda_hpc.instances.case_config import starter_config
    from landda_hpc.io.atomic import write_text

    if output.exists():
        raise ConfigError(f"'{output}' exists; choose another file with --output.")
    if from_colm is not None and from_colm2014 is not None:
        raise ConfigError("give either --from-colm or --from-colm2014; a campaign has one case.")
    namelist = from_colm or from_colm2014
    if namelist is None and (executable, folder) != (None, None):
        raise ConfigError(
            "--exe and --folder belong to a CoLM case. Give its namelist with --from-colm or --from-colm2014."
        )
    if (paper is None) != (data is None):
        raise ConfigError("--paper and --data belong together: give the paper and the folder with the data.")
    text = FIRST_CONFIG
    if namelist is not None:
        text = starter_config(namelist, executable, folder, is_2014=from_colm2014 is not None)
    if paper is not None and data is not None:
        text = _for_paper(paper, data, None if namelist is None else text)
    write_text(output, text)
    run = f"landda run {output}" if paper is None else f"landda study reproduce {paper.value} --config {output}"
    typer.echo(f"Written: {output}. Next: 'landda check {output}', then '{run}'")


def _for_paper(paper: Paper, data: Path, case: str | None) -> str:
    """The configuration of a paper's experiment; prints what was found. ``case``: that of a CoLM case."""
    import yaml

    from landda_hpc.studies.reproduction.data_folder import look_through
    from landda_hpc.studies.reproduction.ready_config import ready_config

    root = data.absolute()
    own = {} if case is None else yaml.safe_load(case)
    sections = {name: own[name] for name in ("grid", "case", "model") if name in own}
    ready = ready_config(paper.value, root, look_through(root), sections or None)
    for title, sentences in (("Found", ready.found), ("Missing", ready.missing), ("Note", ready.notes)):
        for sentence in sentences:
            typer.echo(f"{title}: {sentence}")
    return ready.text
