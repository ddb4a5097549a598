"""The command ``landda``: one module per command in ``landda_hpc.commands``.

Commands import what they need when they are called, so that ``--help`` and ``status`` answer at once, start no MPI and
compile nothing.
"""

from __future__ import annotations

import typer

from landda_hpc import __version__
from landda_hpc.commands import (
    analyse,
    archive,
    bench,
    check,
    climate,
    compare,
    curvelet,
    digest,
    memory,
    plot,
    regress,
    reproduce,
    resume,
    run,
    schema,
    score,
    site,
    spinup,
    status,
    threshold,
)
from landda_hpc.commands.console import errors

app = typer.Typer(
    name="landda",
    help=(
        "Assimilate images of soil moisture into the Common Land Model.\n\n"
        "A campaign is one YAML file: 'landda check FILE' tells whether it can run and what it takes, "
        "'landda run FILE' runs it, on one process or under mpirun/srun; 'landda resume DIR' goes on after a stop "
        "of any kind. Start with: landda run experiments/smoke.yaml"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for module in (
    check,
    run,
    resume,
    status,
    score,
    compare,
    reproduce,
    plot,
    digest,
    analyse,
    threshold,
    archive,
    regress,
    spinup,
    climate,
    memory,
    site,
    schema,
):
    app.command(name=module.__name__.rsplit(".", 1)[-1])(module.command)
app.add_typer(curvelet.app, name="curvelet")
app.add_typer(bench.app, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"landda {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Entry point of the console script; turns the project's errors into messages and exit codes."""
    try:
        app()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - the last frame of the program: every error gets its message here
        code = errors.report(error)
    errors.leave(code)
