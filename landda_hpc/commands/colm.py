"""``landda colm``: examine a case of the Common Land Model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landda_hpc.errors import DataError

if TYPE_CHECKING:
    from landda_hpc.model.colm.verify import Comparison

app = typer.Typer(
    no_args_is_help=True, help="The Common Land Model: check that a case or a set of restart files is read correctly."
)

_Case = Annotated[Path, typer.Argument(metavar="CASE", help="Folder of the case, <DEF_dir_output>/<DEF_CASE_NAME>.")]


@app.callback()
def _group() -> None:
    """Commands on cases of the Common Land Model."""


@app.command()
def verify(
    case: _Case,
    restart: Annotated[Path | None, typer.Option(help="Folder of time-varying restarts, if not CASE/restart.")] = None,
    const: Annotated[
        Path | None, typer.Option(help="Folder of the constant restart, if not const next to them.")
    ] = None,
    landdata: Annotated[Path | None, typer.Option(help="Folder of mapping files, if not CASE/landdata.")] = None,
    history: Annotated[Path | None, typer.Option(help="Folder of history files, if not CASE/history.")] = None,
    name: Annotated[str | None, typer.Option(help="DEF_CASE_NAME, if a folder holds several.")] = None,
    lc_year: Annotated[int | None, typer.Option(help="DEF_LC_YEAR, if a folder holds several.")] = None,
    times: Annotated[bool, typer.Option("--times", help="Also print one line for each time.")] = False,
) -> None:
    """Compare cell means of a case's restarts with the model's own history; print the largest difference.

    Nothing is written. Every restart must be complete: all blocks, and all kinds of files (plant functional types,
    urban tiles ...) that the constant restart has. CASE may also be a set of restart files that a campaign wrote
    (restart/<time>/<run>); its files are then compared with its list. The comparison with the history needs a run that
    wrote both at the same times: a few steps with DEF_HIST_FREQ = 'TIMESTEP' and DEF_WRST_FREQ = 'TIMESTEP'. The
    command fails if a relative difference exceeds 1e-12.
    """
    from rich.console import Console
    from rich.table import Table

    from landda_hpc.formats.colm.case import find_case
    from landda_hpc.model.colm.verify import TOLERANCE, verify_case
    from landda_hpc.storage.colm_restart_set import is_colm_set

    if is_colm_set(case):
        _verify_set(case)
        return
    found = find_case(
        case, name=name, lc_year=lc_year, restart=restart, const=const, landdata=landdata, history=history
    )
    comparisons = list(verify_case(found))
    table = Table(title=f"case {found.name}: restart against history, largest differences", title_justify="left")
    for heading in ("variable", "time" if times else "times", "values", "absolute", "relative", ""):
        table.add_column(heading, justify="left" if heading in ("variable", "time", "") else "right")
    for label, rows in _grouped(comparisons, times):
        table.add_row(
            rows[0].variable,
            label,
            str(sum(row.n_values for row in rows)),
            f"{max(row.largest_difference for row in rows):.1e}",
            f"{max(row.largest_relative for row in rows):.1e}",
            "" if all(row.agrees for row in rows) else "DIFFERS",
        )
    Console().print(table)
    worst = max(comparisons, key=lambda row: row.largest_relative)
    typer.echo(f"largest relative difference: {worst.largest_relative:.1e} ({worst.variable}, {worst.time})")
    if not worst.agrees:
        raise DataError(
            f"{case}: cell means of {worst.variable} differ by {worst.largest_relative:.1e} from the history, more "
            f"than {TOLERANCE:g}. Do restart, landdata and history belong to one run?"
        )


def _verify_set(folder: Path) -> None:
    """Compare a campaign's set of restart files with its list, and the list with the case's constant restart."""
    from datetime import datetime

    from landda_hpc.formats.colm.case import find_case
    from landda_hpc.storage.colm_restart_set import read_colm_set, require_files

    listed = read_colm_set(folder)
    const = Path(listed.const)
    case = find_case(folder, name=listed.case, lc_year=listed.lc_year, restart=folder.parent, const=const)
    require_files(folder, case, datetime.fromisoformat(listed.time))
    typer.echo(
        f"{folder}: complete, {len(listed.files)} files of {listed.time} as written; their constant restart is {const}"
    )


def _grouped(comparisons: list[Comparison], each_time: bool) -> list[tuple[str, list[Comparison]]]:
    if each_time:
        return [(f"{row.time}", [row]) for row in comparisons]
    names = dict.fromkeys(row.variable for row in comparisons)
    groups = [[row for row in comparisons if row.variable == name] for name in names]
    return [(str(len(rows)), rows) for rows in groups]
