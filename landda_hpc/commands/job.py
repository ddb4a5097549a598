"""``landda job``: a script that runs a campaign under a batch system."""

from __future__ import annotations

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.errors import ConfigError


class _Scheduler(StrEnum):
    slurm = "slurm"
    pbs = "pbs"


class _Chain(StrEnum):
    requeue = "requeue"
    dependency = "dependency"


def command(
    file: ConfigFile,
    scheduler: Annotated[_Scheduler, typer.Option(help="Batch system.")],
    nodes: Annotated[int, typer.Option("--nodes", "-N", min=1, help="Number of nodes.")],
    walltime: Annotated[
        str, typer.Option("--walltime", "-t", metavar="TIME", help="Wall time of a leg: HH:MM:SS or D-HH:MM:SS.")
    ],
    ranks_per_node: Annotated[
        int | None,
        typer.Option("--ranks-per-node", min=1, help="Ranks on a node; default: the number of cores of this machine."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Output folder of 'landda run'; default: runs/<name>."),
    ] = None,
    overrides: SetOption = None,
    seeds: Annotated[
        str, typer.Option(metavar="S1,S2,...", help="Seeds: a job array with a campaign for each, in DIR/seed_<n>.")
    ] = "",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=V1,V2,...",
            help="Values of a key: a job array with a campaign for each, or for each combination if given several "
            "times.",
        ),
    ] = None,
    chain: Annotated[
        _Chain | None,
        typer.Option(
            help="How the next leg is queued: the job requeues itself (default with Slurm), or a second job waits "
            "for its end (the only way with PBS)."
        ),
    ] = None,
    margin: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Time before the wall time at which the campaign is asked to stop. It must be longer than a cycle "
            "and a checkpoint together.",
        ),
    ] = 300,
    setup: Annotated[
        list[str] | None,
        typer.Option("--setup", metavar="LINE", help="Line of shell at the beginning: 'module load openmpi'."),
    ] = None,
    directive: Annotated[
        list[str] | None,
        typer.Option("--directive", metavar="OPTION", help="Further option of sbatch or qsub: '--account=soil'."),
    ] = None,
    launcher: Annotated[
        str, typer.Option(help="Command that starts the ranks; default: srun with Slurm, mpirun with PBS.")
    ] = "",
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Script to write; default: <name>.slurm or <name>.pbs.")
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Also submit it, with PSI/J (pip install 'landda-hpc[psij]').")
    ] = False,
) -> None:
    """Write a job script that runs a campaign in legs, until its report is complete.

    Before the wall time the campaign is asked to stop; it writes a checkpoint, and the next leg follows. The chain
    ends with a reason after an error in configuration or data, and after two legs that saved nothing new. Results do
    not depend on the number of legs and ranks. The script is yours to read and change (docs/cluster.md).
    """
    from landda_hpc.config import load_config
    from landda_hpc.data import experiment_file
    from landda_hpc.io.atomic import write_text
    from landda_hpc.jobs.script import Job, parse_walltime, render
    from landda_hpc.jobs.variants import make_variants

    file = experiment_file(file).absolute()
    config = load_config(file, parse_overrides(overrides))
    varied = ([f"seed={seeds}"] if seeds else []) + (vary or [])
    folder = (output or Path("runs") / config.name).absolute()
    variants = make_variants(folder, overrides or [], varied)
    for variant in variants:
        load_config(file, parse_overrides(overrides) | variant.overrides)
    path = (script or Path(f"{config.name}.{scheduler.value}")).absolute()
    job = Job(
        name=config.name,
        config=file,
        script=path,
        python=Path(sys.executable),
        variants=variants,
        scheduler=scheduler.value,
        chain=(chain or (_Chain.requeue if scheduler is _Scheduler.slurm else _Chain.dependency)).value,
        nodes=nodes,
        ranks_per_node=ranks_per_node or os.cpu_count() or 1,
        walltime_s=parse_walltime(walltime),
        margin_s=margin,
        launcher=launcher,
        setup=setup or (),
        directives=directive or (),
        command=shlex.join(["landda", *sys.argv[1:]]),
    )
    if path.exists() and "# Written by landda_hpc " not in path.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(f"{path} exists and is not a script of 'landda job'. Choose another file with --script.")
    write_text(path, render(job))
    path.chmod(0o755)
    n = f"{len(variants)} campaigns, " if len(variants) > 1 else ""
    typer.echo(f"Written: {path} ({n}{nodes} x {job.ranks_per_node} ranks; logs and legs next to the output folder)")
    typer.echo(
        "Compile the loops once, on a machine with the CPU of the nodes: landda warm-up " + shlex.quote(str(file))
    )
    if submit:
        from landda_hpc.jobs.submission import submit_job

        typer.echo(f"Submitted: {', '.join(submit_job(job))}")
    else:
        typer.echo(f"Submit it with: {job.submission}")
