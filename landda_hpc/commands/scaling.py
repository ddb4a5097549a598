"""``landda scaling``: a campaign on several numbers of ranks, and a model of its time."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.errors import ConfigError

_GRIDS = "64x128,128x256,720x1440,1800x3600"


def command(
    file: ConfigFile,
    ranks: Annotated[str, typer.Option(metavar="N1,N2,...", help="Numbers of ranks to run.")] = "1,2,4,8",
    held: Annotated[
        str,
        typer.Option(
            "--hold-back",
            metavar="N1,N2,...",
            help="Numbers of ranks that the fit does not use and the model predicts; default: the largest of three, "
            "the third of four, the middle one and the largest of more.",
        ),
    ] = "",
    weak: Annotated[
        bool, typer.Option("--weak", help="Weak scaling: the grid has as many times the cells as there are ranks.")
    ] = False,
    cycles: Annotated[
        int,
        typer.Option(
            min=2,
            help="Cycles that are measured on each number of ranks, without the first of them, after as many by whose "
            "cost the land cells are distributed (a day at least).",
        ),
    ] = 5,
    launcher: Annotated[
        str,
        typer.Option(
            envvar="MPIRUN",
            help="Command that starts the ranks; {ranks} is replaced by their number, or -n N is appended: 'srun "
            "--mpi=pmix -n {ranks}' in an allocation. Default: that of env/mpi.sh, or mpirun.",
        ),
    ] = "mpirun",
    nodes: Annotated[
        int | None, typer.Option("--nodes", "-N", min=1, help="Nodes of an allocation: recommend a number of ranks.")
    ] = None,
    cores_per_node: Annotated[
        int | None, typer.Option(min=1, help="Cores of a node; default: those of this machine.")
    ] = None,
    machine_ranks: Annotated[
        int | None,
        typer.Option(
            min=2, help="Ranks of the benchmark of network, memory and files; default: 2, or more if there are cores."
        ),
    ] = None,
    grids: Annotated[
        str,
        typer.Option(
            metavar="ROWSxCOLUMNS,...",
            help="Grids whose layouts are computed, without a run, for up to 10,000 ranks, from coarse to fine. The "
            "bar on bytes is judged on the last but one.",
        ),
    ] = _GRIDS,
    planned: Annotated[
        list[str] | None,
        typer.Option(
            "--plan",
            metavar="ROWSxCOLUMNS,MEMBERS,RANKS",
            help="Predict an ensemble on another grid, and its first bottleneck: 1800x3600,50,10000. May be given "
            "several times.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Output folder; default: runs/scaling_<name of FILE>."),
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Measure how a campaign scales with the number of ranks, model it, and recommend a number.

    It runs the first cycles of FILE on each number of ranks, in DIR/ranks_<n>; runs that are finished stay, so numbers
    can be added later. It reads CPU time, bytes, messages and memory of every rank, measures the machine ('landda bench
    machine'), fits a model of the time of a cycle, and compares it with the numbers of ranks that were held back.

    Written: scaling.md (tables, bars, recommendation), scaling.csv, scaling.json, scaling.png, cycle.png. Where ranks
    share cores (source env/mpi.sh allows it), CPU times, bytes and balance are right, wall times are not
    (docs/scaling.md).

    Example: landda scaling experiments/twin.yaml --ranks 1,2,4,8 -N 2 --cores-per-node 64 --plan 1800x3600,50,10000
    """
    from landda_hpc.commands.console.logs import configure
    from landda_hpc.studies.scaling.runs import Launcher
    from landda_hpc.studies.scaling.study import Request, percent, run_study, write_study

    configure(0, 1)
    numbers = _numbers("--ranks", ranks)
    cores = os.cpu_count() or 1
    folder = output or Path("runs") / f"scaling_{file.stem}"
    request = Request(
        file=file,
        overrides=parse_overrides(overrides),
        ranks=numbers,
        held=_numbers("--hold-back", held) if held else None,
        cycles=cycles,
        weak=weak,
        machine_ranks=machine_ranks or max(2, min(cores, max(numbers))),
        grids=[_shape("--grids", text) for text in grids.split(",")],
        allocation=None if nodes is None else (nodes, cores_per_node or cores),
        planned=[_plan(text) for text in planned or ()],
        folder=folder.absolute(),
    )
    study = run_study(request, Launcher(launcher), lambda text: typer.echo(text, err=True))
    paths = write_study(study)
    for one in study.compared:
        errors, held_mark = one.errors(), " (held back)" if one.is_held_back else ""
        typer.echo(
            f"{one.measured.ranks} ranks{held_mark}: {one.compute:.4f} CPU s per cycle on the busiest rank, model "
            f"{percent(errors['compute'])}; {one.bytes_max / 1e6:.2f} MB sent, model {percent(errors['bytes_max'])}"
        )
    for bar in study.bars:
        typer.echo(bar.describe())
    if study.recommendation is not None:
        typer.echo(study.recommendation.describe())
    for plan in study.plans:
        typer.echo("\n".join(plan.describe()))
    typer.echo(f"Written: {', '.join(str(path) for path in paths)}")


def _numbers(option: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"{option} {text}: expected numbers of ranks separated by commas, e.g. 1,2,4")
    return tuple(sorted({int(part) for part in parts}))


def _shape(option: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d+)x(\d+)\s*", text)
    if found is None:
        raise ConfigError(f"{option} {text}: expected rows x columns, e.g. 128x256")
    return int(found[1]), int(found[2])


def _plan(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts[1:]):
        raise ConfigError(f"--plan {text}: expected ROWSxCOLUMNS,MEMBERS,RANKS, e.g. 1800x3600,50,10000")
    return (*_shape("--plan", parts[0]), int(parts[1]), int(parts[2]))
