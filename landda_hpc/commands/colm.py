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

_Case = Annotated[
    Path,
    typer.Argument(
        metavar="CASE",
        help="Folder of the case, <DEF_dir_output>/<DEF_CASE_NAME>; of CoLM2014 the folder of restarts, "
        "dir_restart_hist.",
    ),
]


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
    name: Annotated[str | None, typer.Option(help="DEF_CASE_NAME (CoLM2014: site), if a folder holds several.")] = None,
    lc_year: Annotated[int | None, typer.Option(help="DEF_LC_YEAR, if a folder holds several.")] = None,
    times: Annotated[bool, typer.Option("--times", help="Also print one line for each time.")] = False,
) -> None:
    """Compare cell means of a case's restarts with the model's own history; print the largest difference.

    Nothing is written. Every restart must be complete: all blocks, and all kinds of files (plant functional types,
    urban tiles ...) that the constant restart has. CASE may also be a set of restart files that a campaign wrote
    (restart/<time>/<run>); its files are then compared with its list. The comparison with the history needs a run that
    wrote both at the same times: a few steps with DEF_HIST_FREQ = 'TIMESTEP' and DEF_WRST_FREQ = 'TIMESTEP'. The
    command fails if a relative difference exceeds 1e-12. Of CoLM2014, every restart in the folder is checked: its
    records, time, number of patches and finite state; with --history DIR (dir_output of the namelist) also the means
    of soil layers, which needs a program with WR_HOURLY and WO_HOURLY.
    """
    from landda_hpc.formats.colm.case import find_case
    from landda_hpc.formats.colm.restart2014 import is_folder_of_2014
    from landda_hpc.model.colm.verify import verify_case
    from landda_hpc.storage.colm_restart_set import is_colm_set

    if is_colm_set(case):
        _verify_set(case)
        return
    if is_folder_of_2014(case):
        _verify_2014(case, name, history, times)
        return
    found = find_case(
        case, name=name, lc_year=lc_year, restart=restart, const=const, landdata=landdata, history=history
    )
    _show(found.name, list(verify_case(found)), times)


def _show(case: str, comparisons: list[Comparison], times: bool) -> None:
    """Print a table of the largest differences; DataError if they are too large."""
    from rich.console import Console
    from rich.table import Table

    from landda_hpc.model.colm.verify import TOLERANCE

    table = Table(title=f"case {case}: restart against history, largest differences", title_justify="left")
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
            f"than {TOLERANCE:g}. Do restart, surface data and history belong to one run?"
        )


def _verify_set(folder: Path) -> None:
    """Compare a campaign's set of restart files with its list, and the list with the case's constant restart."""
    from datetime import datetime

    from landda_hpc.formats.colm.case import find_case
    from landda_hpc.formats.colm.case_files import CaseFiles
    from landda_hpc.formats.colm.files202x import Files202X
    from landda_hpc.formats.colm.files2014 import VERSION, Files2014
    from landda_hpc.formats.colm.restart2014 import check_case_2014, find_case_2014
    from landda_hpc.storage.colm_restart_set import read_colm_set, require_files

    listed = read_colm_set(folder)
    const, time = Path(listed.const), datetime.fromisoformat(listed.time)
    files: CaseFiles
    if listed.version == VERSION:
        case = find_case_2014(const, listed.case)
        check_case_2014(case, [time], folder)
        files = Files2014(case)
    else:
        files = Files202X(
            find_case(folder, name=listed.case, lc_year=listed.lc_year, restart=folder.parent, const=const)
        )
    require_files(folder, files, time)
    typer.echo(
        f"{folder}: complete, {len(listed.files)} files of {listed.time} as written; their constant restart is {const}"
    )


def _verify_2014(folder: Path, site: str | None, fluxes: Path | None, each_time: bool) -> None:
    """Check every restart of a CoLM2014 case, and compare them with its fluxes, if their folder is given."""
    from landda_hpc.formats.colm.restart2014 import check_case_2014, find_case_2014
    from landda_hpc.model.colm.verify2014 import verify_case_2014

    case = find_case_2014(folder, site)
    times = case.times()
    if not times:
        raise DataError(f"{folder}: no time-varying restart of {case.site}.")
    n_patch, shape = check_case_2014(case, times)
    typer.echo(
        f"{folder}: {len(times)} restarts of {case.site}, {times[0].isoformat()} to {times[-1].isoformat()}, complete "
        f"and finite; {n_patch} patches on {shape[0]} x {shape[1]} cells"
    )
    if fluxes is not None:
        _show(case.site, list(verify_case_2014(case, fluxes)), each_time)


def _grouped(comparisons: list[Comparison], each_time: bool) -> list[tuple[str, list[Comparison]]]:
    if each_time:
        return [(f"{row.time}", [row]) for row in comparisons]
    names = dict.fromkeys(row.variable for row in comparisons)
    groups = [[row for row in comparisons if row.variable == name] for name in names]
    return [(str(len(rows)), rows) for rows in groups]
