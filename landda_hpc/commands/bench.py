"""``landda bench``: measure parts of the system on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from landda_hpc.curvelet.bench_bars import Bar

app = typer.Typer(no_args_is_help=True, help="Measure parts of the system on this machine.")


@app.callback()
def _group() -> None:
    """Measure parts of the system on this machine."""


@app.command()
def curvelet(
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every figure there.")] = None,
    batch: Annotated[int, typer.Option(min=2, help="Images of 128 x 256 in a batch, and members of an analysis.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; figures are medians.")] = 15,
    large: Annotated[bool, typer.Option(help="Also growth and memory at 1800 x 3600 (20 s, 1 GB).")] = True,
    start_up: Annotated[bool, typer.Option(help="Also the first use in a fresh process (20 s).")] = True,
) -> None:
    """Time the curvelet transform beside other packages, in one run, one thread.

    Others take part where they are installed: 'curvelets' (pip install 'landda-hpc[curvelets]') and curvelops.
    """
    from landda_hpc.curvelet import bench, bench_bars
    from landda_hpc.formats.atomic import atomic_replacement

    result = bench.measure(batch=batch, rounds=rounds, large=(1800, 3600) if large else None, start_up=start_up)
    console = Console()
    print_result(result, bench_bars.bars(result), console)
    if output is not None:
        with atomic_replacement(output, make_folder=True) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        console.print(f"Written: {output}", highlight=False)


def print_result(result: dict[str, Any], found: list[Bar], console: Console) -> None:
    """Print the times, and the figures beside their bars."""
    n1, n2 = result["shape"]
    kinds = [result[k]["ms_per_field"] for k in ("curvelets", "wavelets")]
    times = Table(
        title=f"milliseconds per {n1} x {n2} image, float64, batch of {result['batch']}", title_justify="left"
    )
    times.add_column("")
    for heading in ("curvelets finest", "wavelets finest"):
        times.add_column(heading, justify="right")
    for key in kinds[0]:
        times.add_row(key.replace("_", " "), *(f"{kind[key]:.3f}" for kind in kinds))
    console.print(times)
    table = Table(title="figures and bars", title_justify="left")
    table.add_column("")
    for heading in ("measured", "bar", "aim"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for bar in found:
        sign = "≥" if bar.at_least else "≤"
        table.add_row(
            bar.name,
            f"{bar.measured:.3g} {bar.unit}".strip() if bar.measured is not None else bar.why,
            f"{sign} {bar.limit:g}" if bar.limit is not None else "",
            f"{sign} {bar.aim:g}" if bar.aim is not None else "",
            {True: "met", False: "missed", None: ""}[bar.is_met],
        )
    console.print(table)
    machine = result["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, load {result['load_before']:.1f} before and "
        f"{result['load_after']:.1f} after; " + ", ".join(f"{k} {v}" for k, v in result["versions"].items()),
        highlight=False,
    )
