"""``landda bench``: measure parts of the system on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.curvelet.bench_bars import Bar
    from landda_hpc.studies.analysis_bench import Part

app = typer.Typer(no_args_is_help=True, help="Measure parts of the system on this machine.")


@app.callback()
def _group() -> None:
    """Measure parts of the system on this machine."""


@app.command()
def curvelet(
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers to this file.")
    ] = None,
    batch: Annotated[
        int, typer.Option(min=2, help="Number of 128 x 256 images in a batch, and of members of an analysis.")
    ] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; the results are medians.")] = 15,
    large: Annotated[bool, typer.Option(help="Also measure scaling and memory at 1800 x 3600 (20 s, 1 GB).")] = True,
    start_up: Annotated[bool, typer.Option(help="Also measure the first use in a new process (20 s).")] = True,
) -> None:
    """Time the curvelet transform and other packages in one run, on one thread.

    Other packages are timed if they are installed: 'curvelets' (our extra of that name) and curvelops.
    """
    from landda_hpc.curvelet import bench, bench_bars
    from landda_hpc.io.atomic import atomic_replacement

    result = bench.measure(batch=batch, rounds=rounds, large=(1800, 3600) if large else None, start_up=start_up)
    console = Console()
    print_result(result, bench_bars.bars(result), console)
    if output is not None:
        with atomic_replacement(output, make_folder=True) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        console.print(f"Written: {output}", highlight=False)


@app.command()
def column(
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers to this file.")
    ] = None,
    n_lat: Annotated[int, typer.Option(min=17, help="Rows of the global grid, which has twice as many columns.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="Simulated days per result; the results are medians.")] = 7,
    work: Annotated[
        bool, typer.Option("--work", help="Instead: the weights with which a rank counts the work of its tiles (20 s).")
    ] = False,
) -> None:
    """Time the land model per tile and step, by kind of tile and part, on one core, next to a bare kernel."""
    from landda_hpc.io.atomic import atomic_replacement
    from landda_hpc.land_experiments import column_bench

    if work:
        _work_weights(n_lat, rounds, output)
        return
    result = column_bench.measure(n_lat, rounds)
    console = Console()
    table = Table(title="microseconds per tile and step of 1800 s", title_justify="left")
    for heading in ("", "tiles", "µs", "ratio"):
        table.add_column(heading, justify="left" if not heading else "right")
    first, water = result["snow_free"], result["soil_water"]
    rows = {"snow-free soil, all physics": first, "the same, half of the tiles": result["half_of_the_tiles"]}
    for name, found in (rows | result["by_kind"] | {"physics soil_water, the same soil": water}).items():
        table.add_row(name, str(found["tiles"]), f"{found['microseconds']:.2f}", f"{found['ratio']:.2f}")
    table.add_row("bare tridiagonal + power laws", str(first["tiles"]), f"{first['bare_microseconds']:.2f}", "1")
    console.print(table)
    for name, found, bar, aim in (
        ("snow-free soil", first, column_bench.BAR, f", aim {column_bench.AIM:g}"),
        ("soil_water", water, column_bench.BAR_WATER, ""),
    ):
        verdict = "met" if found["ratio"] <= bar else "missed"
        console.print(f"{name}: ratio {found['ratio']:.2f}; bar {bar:g}{aim}: {verdict}", highlight=False)
    parts = Table(title="parts of a step of snow-free soil", title_justify="left")
    for heading in ("", "µs", "%"):
        parts.add_column(heading, justify="left" if not heading else "right")
    total = first["microseconds"]
    rest = {"rest: snow, budgets, Python": total - sum(result["split"].values())}
    for name, cost in (result["split"] | rest).items():
        parts.add_row(name, f"{cost:.3f}", f"{100.0 * cost / total:.0f}")
    console.print(parts)
    console.print(
        f"per step of snow-free soil: {first['sub_steps']:.2f} energy balances, {first['leaf_iterations']:.2f} leaf "
        f"iterations, {first['solves']:.2f} soil-water solutions; load {result['load']:.1f}",
        highlight=False,
    )
    if output is not None:
        with atomic_replacement(output, make_folder=True) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        console.print(f"Written: {output}", highlight=False)


def _work_weights(n_lat: int, rounds: int, output: Path | None) -> None:
    from landda_hpc.io.atomic import write_text
    from landda_hpc.land_experiments.work_weights import measure

    result = measure(n_lat, rounds)
    console = Console()
    table = Table(title="CPU time of the land model by what a tile does, nanoseconds", title_justify="left")
    for heading in ("", "measured", "in use", "times of a tile and day"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, found in result["weights"].items():
        table.add_row(name, f"{found['measured']:.0f}", f"{found['in_use']:.0f}", f"{found['per_day']:.1f}")
    console.print(table)
    console.print(
        f"{result['tiles']} tiles, {result['days']} days: R2 of the daily sums of tiles {result['r2']:.3f}, with the "
        f"weights in use {result['r2_in_use']:.3f}. A forecast takes {result['outside']:.0f} ns per tile and step "
        "outside of the loop over tiles.",
        highlight=False,
    )
    if output is not None:
        write_text(output, json.dumps(result, indent=1) + "\n", make_folder=True)
        console.print(f"Written: {output}", highlight=False)


@app.command()
def analysis(
    methods: Annotated[str, typer.Option(help="Methods to time and compare with enkf_like.")] = "learned,per_wedge",
    sizes: Annotated[
        str, typer.Option(help="Sizes of the images, from small to large.")
    ] = "64x128,128x256,256x512,512x1024,720x1440",
    rounds: Annotated[int, typer.Option(min=1, help="Analyses per method and size; the results are medians.")] = 5,
    warm_up: Annotated[int, typer.Option(min=0, help="Analyses before them that are not counted.")] = 2,
    masks: Annotated[Literal["stays", "changes", "both"], typer.Option(help="Whether the mask changes.")] = "both",
    by_function: Annotated[
        bool, typer.Option("--parts", help="Instead: CPU time of the functions in an analysis, on the first rank.")
    ] = False,
) -> None:
    """Time one analysis of each method, with a constant mask and with a mask that changes in every analysis.

    Under mpirun the ranks share each analysis, as the roots of a campaign do. One analysis of 0.1 degrees:
    mpirun -n 2 python -m mpi4py .venv/bin/landda bench analysis --methods "" --sizes 1800x3600 --rounds 1 --warm-up 0
    --masks stays
    """
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.studies.analysis_bench import REFERENCE, growth, measure, parts

    shapes = [_shape(text) for text in sizes.split(",")]
    names = [name.strip() for name in methods.split(",") if name.strip()]
    world = launch()
    changes = {"stays": (False,), "changes": (True,), "both": (False, True)}[masks]
    if by_function:
        _print_parts(parts(shapes, names, rounds, warm_up, changes, world), world.rank)
        return
    timings = measure(shapes, names, rounds, warm_up, changes, world)
    if world.rank:
        return
    title = (
        f"one analysis, {world.size} rank(s); ratio to {REFERENCE} with 50 members; CPU and memory: largest of a rank"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("image", "mask", "method", "s", "CPU s", "ratio", "peak GB"):
        table.add_column(heading, justify="left" if heading in ("image", "mask", "method") else "right")
    for t in timings:
        mask = "changes" if t.mask_changes else "stays"
        numbers = f"{t.seconds:.4f}", f"{t.cpu_seconds:.4f}", f"{t.ratio:.2f}", f"{t.peak_bytes / 1e9:.2f}"
        table.add_row("{} x {}".format(*t.shape), mask, t.method, *numbers)
    console = Console()
    console.print(table)
    if len(shapes) > 1:
        said = {False: "", True: " where the mask changes"}
        grown = [
            f"{name} {growth(timings, name, change):.2f}{said[change]}"
            for name in dict.fromkeys(t.method for t in timings)
            for change in changes
        ]
        console.print(f"growth of the time from first to last, relative to N log N: {', '.join(grown)}")


def _print_parts(found: Sequence[Part], rank: int) -> None:
    if rank:
        return
    title = "CPU milliseconds of functions in one analysis, with the functions that they call"
    table = Table(title=title, title_justify="left")
    for heading in ("image", "mask", "method", "function", "calls", "CPU ms"):
        table.add_column(heading, justify="right" if heading in ("calls", "CPU ms") else "left", overflow="fold")
    for p in found:
        mask, numbers = "changes" if p.mask_changes else "stays", (f"{p.calls:.0f}", f"{1e3 * p.cpu_seconds:.1f}")
        table.add_row("{} x {}".format(*p.shape), mask, p.method, p.function, *numbers)
    Console().print(table)


@app.command()
def checkpoint(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Existing folder on the file system to measure; its files stay.")
    ],
    tiles: Annotated[int, typer.Option(min=1, help="Number of tiles; about 21000 on the 1.4-degree grid.")] = 21000,
    instances: Annotated[int, typer.Option(min=1, help="Number of instances.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Checkpoints; the results are medians.")] = 7,
    mode: Annotated[Literal["auto", "parallel", "serial"], typer.Option(help="As checkpoint.mode.")] = "auto",
) -> None:
    """Time a checkpoint next to a plain parallel write of the same bytes with fsync; on all ranks under mpirun."""
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.storage.checkpoint_bench import BAR, measure

    world = launch()
    found = measure(folder, world, tiles, instances, rounds, mode)
    if world.rank == 0:
        console, verdict = Console(), "met" if found.ratio >= BAR else "missed"
        console.print(f"{found.n_bytes / 1e6:.1f} MB, {world.size} ranks, median of {rounds}", highlight=False)
        for name, seconds in (
            ("plain write and fsync", found.plain_s),
            ("checkpoint before the read-back", found.filled_s),
            ("complete checkpoint", found.complete_s),
        ):
            console.print(f"{name}: {seconds:.3f} s, {found.n_bytes / 1e6 / seconds:.0f} MB/s", highlight=False)
        text = f"throughput before the read-back: {found.ratio:.2f} of plain; bar {BAR:g}: {verdict}"
        console.print(text, highlight=False)


@app.command()
def machine(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Existing folder on the file system to measure; its files stay.")
    ],
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers to this file.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=5, help="Messages of each kind; the results are medians.")] = 200,
) -> None:
    """Measure network, memory and file system between ranks, in seconds: mpirun -n 2 landda bench machine DIR.

    Messages go between the first and the last rank: place these on two nodes to measure the network between nodes.
    Also printed: what the first of 10 roots spends on preparing an exchange with 64, 1000 and 10,000 ranks, by
    computation without these ranks.
    """
    from dataclasses import asdict

    from landda_hpc.io.atomic import write_text
    from landda_hpc.parallel.mpi import launch
    from landda_hpc.parallel.network_bench import measure_network
    from landda_hpc.storage.checkpoint_bench import measure
    from landda_hpc.studies.scaling.exchange_cost import collect_cost_of

    world = launch()
    network = measure_network(world, rounds)
    files = measure(folder, world, 8000, 2, 3)
    if world.rank == 0:
        written = {
            "write_bytes_per_s": files.n_bytes / files.plain_s,
            "checkpoint_bytes_per_s": files.n_bytes / files.complete_s,
        }
        found = asdict(network) | written

        def of_exchange(seconds: float, cpu: float) -> str:
            return f"{1e6 * seconds:.1f} us, {1e6 * cpu:.1f} us of CPU"

        prepared = [(ranks, groups, *collect_cost_of(ranks, groups)) for ranks, groups in _LAYOUTS]
        for text in (
            f"message of 8 bytes: {1e6 * network.latency_s:.2f} us; 4 MiB: {network.bytes_per_s / 1e9:.2f} GB/s",
            f"sum of 8 bytes over {network.ranks} ranks: {1e6 * network.allreduce_s:.2f} us",
            f"exchange of 64 bytes with the next rank: {of_exchange(network.exchange_s, network.exchange_cpu_s)}",
            f"the same with counts for all {network.ranks} ranks: {of_exchange(network.dense_s, network.dense_cpu_s)}",
            *(
                f"{ranks} ranks, {groups} member groups: a root prepares an exchange with {named} of them in "
                f"{1e6 * seconds:.1f} us of CPU"
                for ranks, groups, seconds, named in prepared
            ),
            f"copying in memory: {network.memory_bytes_per_s / 1e9:.2f} GB/s per rank, all at once",
            f"{files.n_bytes / 1e6:.0f} MB to a file with fsync: {found['write_bytes_per_s'] / 1e6:.0f} MB/s",
            f"a checkpoint with read-back: {found['checkpoint_bytes_per_s'] / 1e6:.0f} MB/s",
        ):
            typer.echo(text)
        if output is not None:
            write_text(output, json.dumps(found, indent=1) + "\n", make_folder=True)
            typer.echo(f"Written: {output}")


_LAYOUTS = ((64, 1), (1000, 5), (10000, 50))
"""Numbers of ranks and member groups for which a root prepares an exchange."""


def _shape(text: str) -> tuple[int, int]:
    rows, separator, columns = text.strip().partition("x")
    if not (separator and rows.isdigit() and columns.isdigit()):
        raise ConfigError(f"--sizes {text}: expected rows x columns, e.g. 128x256")
    return int(rows), int(columns)


def print_result(result: dict[str, Any], found: list[Bar], console: Console) -> None:
    """Print the times, and the results with their bars."""
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
    table = Table(title="results and bars", title_justify="left")
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
