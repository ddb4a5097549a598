"""The application behind ``landda``: one module per command.

Commands import what they need when they are called, so that ``--help`` and ``status`` respond immediately, without
starting MPI or compiling.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import typer
from typer.core import TyperGroup

from landda_hpc import __version__
from landda_hpc.commands import (
    analyse,
    archive,
    bench,
    branch,
    check,
    climate,
    colm,
    compare,
    curvelet,
    diff,
    digest,
    errors,
    extend,
    init,
    job,
    memory,
    observations,
    plot,
    regress,
    report,
    reproduce,
    resume,
    rewind,
    run,
    scaling,
    schema,
    score,
    site,
    spinup,
    status,
    threshold,
    warm_up,
)


def name_of(command: ModuleType) -> str:
    """Name of a command: the name of its module, with hyphens."""
    return command.__name__.rsplit(".", 1)[-1].replace("_", "-")


class _Root(TyperGroup):
    """The commands of the groups ``study`` and ``land`` also without the group: their former names, for old scripts."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command or group, None if there is none of the name."""
        found = super().get_command(ctx, cmd_name)
        for name in ("study", "land"):
            group: Any = self.commands[name]
            found = found or group.get_command(ctx, cmd_name)
        return found


_HELP_OPTIONS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    name="landda",
    cls=_Root,
    help=(
        "Assimilate images of soil moisture into the Common Land Model.\n\n"
        "A campaign is one YAML file: 'landda check FILE' reports problems and the resources that it needs, 'landda "
        "run FILE' runs it on one process or under mpirun/srun, and 'landda resume DIR' resumes it after any stop. "
        "Start with 'landda init', or with 'landda run experiments/smoke.yaml'."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP_OPTIONS,
)
for module in (
    init,
    check,
    run,
    resume,
    extend,
    rewind,
    branch,
    status,
    job,
    score,
    plot,
    report,
    errors,
    digest,
    diff,
    schema,
    scaling,
    warm_up,
):
    app.command(name=name_of(module))(module.command)
app.command(name="analyse", cls=analyse.MethodsCommand)(analyse.command)

study = typer.Typer(
    no_args_is_help=True,
    help="Studies with several campaigns or images: comparison of methods, the papers' "
    "experiments, error archives, thresholds.",
)
for module in (compare, reproduce, threshold, archive, regress):
    study.command(name=name_of(module))(module.command)

land = typer.Typer(no_args_is_help=True, help="The embedded land model alone: spin-up, climate, memory, one site.")
for module in (spinup, climate, memory, site):
    land.command(name=name_of(module))(module.command)

app.add_typer(study, name="study")
app.add_typer(land, name="land")
app.add_typer(colm.app, name="colm")
app.add_typer(curvelet.app, name="curvelet")
app.add_typer(bench.app, name="bench")
app.add_typer(observations.app, name="observations")


def _show_version(wanted: bool) -> None:
    if wanted:
        from landda_hpc.campaign.provenance import software_now

        found = software_now()
        typer.echo(f"landda {__version__}")
        typer.echo(f"commit {found['git'] or 'unknown: not a checkout'}")
        typer.echo(f"Python {found['python']}; {', '.join(f'{name} {v}' for name, v in found['packages'].items())}")
        typer.echo(f"Fourier transforms by {found['fourier']}; {found['system']}, {found['cpu']}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_show_version,
        is_eager=True,
        help="Print the version, with the commit, packages and machine, and exit.",
    ),
) -> None:
    """Options that precede the command."""
