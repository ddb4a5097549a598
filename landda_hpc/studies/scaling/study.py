"""A scaling study: runs, fit, layouts, and the files with their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from landda_hpc.campaign.timing import STEPS
from landda_hpc.errors import ConfigError
from landda_hpc.io.atomic import write_text
from landda_hpc.io.csv_table import write_csv
from landda_hpc.io.markdown import table_lines
from landda_hpc.studies.scaling import figures
from landda_hpc.studies.scaling.exchange_cost import cost_per_partner
from landda_hpc.studies.scaling.layouts import Distribution, LayoutNumbers, Layouts
from landda_hpc.studies.scaling.model import Machine, Model, Prediction, fit, held_back, predict
from landda_hpc.studies.scaling.results import (
    BAR_RANKS,
    Bar,
    Comparison,
    Plan,
    Recommendation,
    bars,
    plan,
    recommend,
)
from landda_hpc.studies.scaling.runs import Launcher, ShortRun, measure_machine

LAYOUT_RANKS: Final = (1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096, 10000)
"""Numbers of ranks for which layouts are computed."""

_SHOWN: Final = (
    "CPU time outside of communication, bytes, messages and the balance of the ranks do not depend on the number of "
    "cores: they are also right where ranks share cores."
)
_NOT_SHOWN: Final = (
    "Wall times, waiting, the network between nodes, memory bandwidth of full nodes and parallel file systems can be "
    "measured only where every rank has a core. Times of a cycle are from the model; its constants are those of the "
    "machine on which 'landda bench machine' ran."
)
_COLUMNS: Final = (
    "CPU: outside of communication, sum over the steps of the busiest rank. Model: fitted to the numbers of ranks "
    "without a star."
)
_FLOOR: Final = (
    "Counted from the partition, without a run. MB of states: on the fullest rank. The floor is what every rank holds "
    "of grid, tiles and cells, whatever the number of ranks."
)
_MEASURED: Final = (
    "Imbalance of the measured cost of the land cells in the run with most ranks, by computation: with a distribution "
    "by the kinds of tiles, and by that cost itself, which leaves what the size of the cells leaves."
)
LIMITS: Final = (_SHOWN, _NOT_SHOWN)
"""What runs on few cores show, and what they do not."""


@dataclass(frozen=True)
class Request:
    """What a study does.

    Attributes
    ----------
    file, overrides : configuration of the campaign.
    ranks : numbers of ranks to run.
    held : those that the fit does not use; None: ``held_back``.
    cycles : of each run on a distribution of the land cells; the first is not counted.
    weak : whether the grid grows with the number of ranks.
    machine_ranks : ranks of the benchmark of the machine.
    grids : (n_lat, n_lon) of grids whose layouts are computed; the last but one of several is that of the bar on bytes.
    allocation : (nodes, cores per node), or None.
    planned : (n_lat, n_lon, members, ranks) of plans.
    folder : of the output.
    """

    file: Path
    overrides: Mapping[str, Any]
    ranks: Sequence[int]
    held: Sequence[int] | None
    cycles: int
    weak: bool
    machine_ranks: int
    grids: Sequence[tuple[int, int]]
    allocation: tuple[int, int] | None
    planned: Sequence[tuple[int, int, int, int]]
    folder: Path


@dataclass(frozen=True, eq=False)
class Study:
    """Results of a study; see the parts."""

    request: Request
    machine: Mapping[str, Any]
    model: Model
    compared: Sequence[Comparison]
    curve: Sequence[Prediction]
    layouts: Mapping[str, Sequence[LayoutNumbers]]
    floors: Mapping[str, tuple[int, int, float]]
    distributions: Sequence[Distribution]
    bars: Sequence[Bar]
    recommendation: Recommendation | None
    plans: Sequence[Plan]
    is_distributed: bool


def run_study(request: Request, launcher: Launcher, say: Callable[[str], None]) -> Study:
    """Run or resume the campaigns, fit the model, and judge the bars. Local: starts jobs.

    Raises
    ------
    ConfigError, ParallelError, DataError : a run, the configuration or a grid fails.
    """
    request.folder.mkdir(parents=True, exist_ok=True)
    runs = [
        ShortRun.of(
            request.file, request.overrides, n, request.cycles, request.folder,
            n / min(request.ranks) if request.weak else 1.0,
        )
        for n in request.ranks
    ]  # fmt: skip
    for run in runs:
        grid = run.short.grid
        say(f"{run.ranks} rank{'' if run.ranks == 1 else 's'}, {grid.n_lat} x {grid.n_lon}: {run.folder}")
        run.run(launcher)
    say(f"constants of the machine on {request.machine_ranks} ranks")
    constants = measure_machine(request.machine_ranks, request.folder, launcher)
    own = {run.ranks: Layouts(request.file, request.overrides, _shape(run)) for run in runs}
    held = held_back(request.ranks) if request.held is None else request.held
    samples = [(own[run.ranks].units(run.ranks), run.measure()) for run in runs]
    used = [sample for sample in samples if sample[1].ranks not in held]
    if not used:
        raise ConfigError("every number of ranks is held back; leave at least one for the fit.")
    model = fit(used, Machine.of(constants), cost_per_partner(), own[min(request.ranks)].weather_cost())
    compared = [
        Comparison(measured, predict(model, units, own[measured.ranks].pixels), measured.ranks in held)
        for units, measured in samples
    ]
    say("layouts")
    campaign = own[min(request.ranks)]
    by_grid = {shape: Layouts(request.file, request.overrides, shape) for shape in request.grids}
    of_layouts = {
        _name(shape): [layouts.numbers(layouts.units(n)) for n in LAYOUT_RANKS] for shape, layouts in by_grid.items()
    }
    floors = {_name(s): (found.n_land, found.n_tiles, float(found.floor_bytes)) for s, found in by_grid.items()}
    curve = [predict(model, campaign.units(n), campaign.pixels) for n in LAYOUT_RANKS]
    serial = next(one for one in curve if one.ranks == BAR_RANKS)
    fine = _name(request.grids[-2] if len(request.grids) > 1 else request.grids[-1])
    plans = []
    for n_lat, n_lon, members, n in request.planned:
        shape = (n_lat, n_lon)
        layouts = by_grid.get(shape) or Layouts(request.file, request.overrides, shape)
        plans.append(plan(model, layouts, members, n))
    allocation = request.allocation
    return Study(
        request=request,
        machine=constants,
        model=model,
        compared=compared,
        curve=curve,
        layouts=of_layouts,
        floors=floors,
        distributions=own[runs[-1].ranks].distributions(runs[-1].folder, [n for n in LAYOUT_RANKS if n <= BAR_RANKS]),
        bars=bars(compared, of_layouts, serial, fine),
        recommendation=None if allocation is None else recommend(model, campaign, *allocation),
        plans=plans,
        is_distributed=all(run.is_distributed for run in runs),
    )


def write_study(study: Study) -> tuple[Path, ...]:
    """Write scaling.json, scaling.csv, scaling.md and two figures. Local.

    Raises
    ------
    StorageError : a file cannot be written.
    """
    folder = study.request.folder
    paths = tuple(folder / name for name in ("scaling.json", "scaling.csv", "scaling.md", "scaling.png", "cycle.png"))
    write_text(paths[0], json.dumps(_content(study), indent=1) + "\n")
    write_csv(paths[1], *_table(study), digits=6)
    write_text(paths[2], "\n".join(page(study)) + "\n")
    figures.draw_scaling(study.compared, study.curve, study.layouts, study.floors, paths[3])
    figures.draw_cycle(study.curve, paths[4])
    return paths


def page(study: Study) -> list[str]:
    """Lines of the Markdown page."""
    request, machine = study.request, study.machine
    counted = max(1, request.cycles - 1)
    how = (
        "after as many by whose measured cost the land cells are distributed"
        if study.is_distributed
        else "with the land cells distributed by the kinds of their tiles, because less than a day was measured before "
        "(`--cycles`)"
    )
    lines = [
        f"# Scaling of {request.file.name}", "",
        f"Means of {counted} steady cycles, {how}. {_COLUMNS}", "",
        *(line for text in LIMITS for line in (text, "")), "## Runs", "",
    ]  # fmt: skip
    headings = [
        "ranks", "grid", "CPU s/cycle", "model", "error", "kB sent, busiest", "error", "kB, mean", "error", "messages",
        "GB per rank", "imbalance of forecast",
    ]  # fmt: skip
    rows = []
    for one in study.compared:
        found, errors = one.measured, one.errors()
        rows.append([
            f"{found.ranks}{'*' if one.is_held_back else ''}", _name(found.grid), f"{one.compute:.4f}",
            f"{one.predicted.compute:.4f}", percent(errors["compute"]), f"{one.bytes_max / 1e3:.0f}",
            percent(errors["bytes_max"]), f"{one.bytes_mean / 1e3:.0f}", percent(errors["bytes_mean"]),
            f"{found.n_messages.sum(axis=0).max():.0f}", f"{found.peak.max() / 1e9:.2f}",
            f"{100 * found.imbalance('forecast'):.1f} %",
        ])  # fmt: skip
    lines += [*table_lines(headings, rows), "", "## CPU seconds per cycle on the busiest rank, by step", ""]
    of_steps = [
        [str(one.measured.ranks), *(f"{one.measured.busiest(step):.4f}" for step in STEPS)] for one in study.compared
    ]
    lines += [*table_lines(["ranks", *STEPS], of_steps), "", "## Model of a cycle", ""]
    modelled = [
        [
            str(p.ranks), f"{p.seconds:.4g}", f"{p.compute:.4g}", f"{p.weather:.3g}", f"{p.network:.3g}",
            f"{p.files:.3g}",
            f"{100 * p.serial_share:.0f} %", f"{100 * study.curve[0].seconds / (p.ranks * p.seconds):.0f} %",
        ]
        for p in study.curve
    ]  # fmt: skip
    headings = ["ranks", "s/cycle", "computing", "weather", "network", "files", "serial share", "efficiency"]
    lines += [*table_lines(headings, modelled), "", "## Layouts", "", _FLOOR, ""]
    for grid, numbers in study.layouts.items():
        n_land, n_tiles, floor = study.floors[grid]
        lines += [
            f"{grid}: {n_land} land cells, {n_tiles} tiles; floor of the arrays: {floor / 1e6:.1f} MB.", "",
        ]  # fmt: skip
        of_layout = [[str(n.ranks), f"{100 * n.imbalance:.2f} %", f"{n.state_bytes / 1e6:.3g}"] for n in numbers]
        lines += [*table_lines(["ranks", "imbalance of tiles' cost", "MB of states"], of_layout), ""]
    if study.distributions:
        of_cells = [[str(d.ranks), *(f"{100 * x:.1f} %" for x in (d.by_rule, d.by_cost))] for d in study.distributions]
        lines += ["## Distribution of the land cells", "", _MEASURED, ""]
        lines += [*table_lines(["ranks", "by the kinds of tiles", "by measured cost"], of_cells), ""]
    lines += ["## Machine", "", *(f"- {name}: {value:.4g}" for name, value in machine.items()), ""]
    lines += ["## Bars", "", *(f"- {bar.describe()}" for bar in study.bars), ""]
    if study.recommendation is not None:
        lines += ["## Recommendation", "", study.recommendation.describe(), ""]
    for planned in study.plans:
        lines += ["## Plan", "", *(line for text in planned.describe() for line in (text, ""))]
    return lines


def _content(study: Study) -> dict[str, Any]:
    """What scaling.json holds."""
    names, rows = _table(study)
    return {
        "file": str(study.request.file),
        "limits": list(LIMITS),
        "machine": dict(study.machine),
        "runs": [dict(zip(names, row, strict=True)) for row in rows],
        "model": asdict(study.model),
        "curve": [asdict(one) | {"seconds": one.seconds} for one in study.curve],
        "layouts": {grid: [asdict(n) for n in numbers] for grid, numbers in study.layouts.items()},
        "floors": {g: {"land_cells": f[0], "tiles": f[1], "bytes": f[2]} for g, f in study.floors.items()},
        "distributions": [asdict(one) for one in study.distributions],
        "bars": [asdict(bar) | {"is_met": bar.is_met} for bar in study.bars],
        "recommendation": None if study.recommendation is None else study.recommendation.describe(),
        "plans": [asdict(one) for one in study.plans],
    }


def _table(study: Study) -> tuple[list[str], list[list[Any]]]:
    """One row per number of ranks."""
    names = ["ranks", "n_lat", "n_lon", "held_back"]
    for step in STEPS:
        names += [f"{step}_cpu_max", f"{step}_cpu_mean", f"{step}_wall_max"]
    names += ["compute", "compute_model", "bytes_max", "bytes_max_model", "bytes_mean", "bytes_mean_model"]
    names += ["messages_max", "messages_model", "calls", "peak_bytes", "peak_model", "written_bytes"]
    names += ["checkpoint_bytes", "forecast_imbalance"]
    rows: list[list[Any]] = []
    for one in study.compared:
        m, p = one.measured, one.predicted
        row: list[Any] = [m.ranks, *m.grid, int(one.is_held_back)]
        for i in range(len(STEPS)):
            row += [float(m.compute[i].max()), float(m.compute[i].mean()), float(m.wall[i].max())]
        row += [one.compute, p.compute, one.bytes_max, p.bytes_max, one.bytes_mean, p.bytes_mean]
        row += [float(m.n_messages.sum(axis=0).max()), p.messages_max, float(m.n_calls.sum(axis=0).max())]
        row += [float(m.peak.max()), p.peak, m.written, m.checkpoint, m.imbalance("forecast")]
        rows.append(row)
    return names, rows


def _shape(run: ShortRun) -> tuple[int, int] | None:
    return None if run.whole.case is not None else (run.short.grid.n_lat, run.short.grid.n_lon)


def _name(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def percent(value: float) -> str:
    """A relative error in per cent, '-' if there is none."""
    return "-" if value != value else f"{100 * value:+.1f} %"
