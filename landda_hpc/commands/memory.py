"""``landda land memory``: depth and duration of the soil's memory of a surface anomaly."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides


def command(
    file: ConfigFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the figure and the table of numbers.")
    ],
    anomaly: Annotated[float, typer.Option(help="Imposed anomaly of the surface, m3 m-3.")] = 0.06,
    held_days: Annotated[int, typer.Option(min=1, help="Number of days with the imposed anomaly.")] = 30,
    free_days: Annotated[int, typer.Option(min=1, help="Number of days simulated afterwards.")] = 90,
    overrides: SetOption = None,
) -> None:
    """Keep the upper 10 cm moister than a control for some time, then follow the anomaly, for four vegetation types.

    The command prints the time at which the anomaly reaches 12 cm (the first free layer), 50 cm and 1 m, and the time
    for which the upper metre retains it. It also draws time-depth sections. Grid, weather and initial state come from
    the configuration (model.physics must be land_surface; with model.initial: spun_up the subsoil is in equilibrium).
    The forced period begins at time.start, after a year of adjustment. Each place has the vegetation under study
    instead of that of the map. The command runs on one process.
    """
    from landda_hpc.config import load_config
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.instances.embedded_models import EmbeddedSetup
    from landda_hpc.io.atomic import atomic_replacement
    from landda_hpc.land_experiments.land_memory import DEPTHS_M, land_memory
    from landda_hpc.land_experiments.memory_figures import draw_memory
    from landda_hpc.storage.output_folder import claim_folder

    config = load_config(file, parse_overrides(overrides))
    claim_folder(output, "memory", ("memory.png", "memory.json"))
    setup = EmbeddedSetup.of(config, make_domain(config, 1))
    found = land_memory(setup, anomaly=anomaly, held_days=held_days, free_days=free_days)
    names = [site.name for site in found.sites]
    draw_memory(output / "memory.png", names, found.days, found.anomaly, found.held_days)
    table = Table(title="Days until the anomaly arrives, and e-folding time of the upper metre", title_justify="left")
    for heading in ("vegetation", *(f"{d:g} m" for d in DEPTHS_M), "memory"):
        table.add_column(heading, justify="left" if heading == "vegetation" else "right")
    for name, arrival, memory in zip(names, found.arrival, found.memory, strict=True):
        cells = [f"{x:g}" if math.isfinite(x) else "never" for x in arrival]
        table.add_row(name, *cells, f"{memory:g}" if math.isfinite(memory) else f"> {free_days}")
    Console().print(table)
    content = {
        name: {"arrival_days": dict(zip(map(str, DEPTHS_M), row.tolist(), strict=True)), "memory_days": float(memory)}
        for name, row, memory in zip(names, found.arrival, found.memory, strict=True)
    }
    with atomic_replacement(output / "memory.json", make_folder=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    Console().print(f"Written: {output / 'memory.png'}, {output / 'memory.json'}", highlight=False)
