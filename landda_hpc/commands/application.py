"""The application behind ``landda``: one module per command.

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
    colm,
    compare,
    curvelet,
    digest,
    init,
    memory,
    observations,
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
    init,
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
app.add_typer(colm.app, name="colm")
app.add_typer(curvelet.app, name="curvelet")
app.add_typer(bench.app, name="bench")
app.add_typer(observations.app, name="observations")


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
