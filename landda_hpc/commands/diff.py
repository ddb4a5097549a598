"""``landda diff``: differences of two campaigns."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import TIME_FORMATS

if TYPE_CHECKING:
    from landda_hpc.studies.campaign_difference import Difference, ScoreDifference, StateDifference

_LONGEST = 60
"""Characters of a value that are shown."""


def command(
    first: Annotated[Path, typer.Argument(metavar="A", help="Output folder of a campaign.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Output folder of another campaign.")],
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at",
            metavar="TIME",
            formats=TIME_FORMATS,
            help="Compare the checkpoints of this time, UTC. Default: the newest time at which both have one.",
        ),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with code 1 if scores or states differ (for scripts).")
    ] = False,
) -> None:
    """Compare two campaigns: configuration, software and machine, scores, states.

    Scores are compared at common times. States are compared value by value, bit by bit: for each variable the number of
    different values, the largest difference and where it is. Tiles and layers are counted from 0. Nothing is written.
    Equal campaigns print 'identical' four times:

      landda diff runs/twin runs/twin_seed2
      landda diff runs/a runs/b --at 2022-06-10T00:00 --exit-code
    """
    from landda_hpc.config import read_resolved
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.storage.retention import checkpoint_at
    from landda_hpc.studies import campaign_difference as difference
    from landda_hpc.verification.tables.score_records import read_json_lines

    a, b = CampaignFolder.open(first), CampaignFolder.open(second)
    configurations = [read_resolved(campaign.config_file).model_dump(mode="json") for campaign in (a, b)]
    _print_differences("configuration", difference.configuration_differences(*configurations))
    _print_differences("software and machine of the last job", difference.software_differences(first, second))
    files = [campaign.records_file("scores") for campaign in (a, b)]
    records = [read_json_lines(file) if file.is_file() else [] for file in files]
    scores = difference.score_differences(*records)
    _print_scores(scores, (len(records[0]), len(records[1])))
    time = difference.common_time(a.checkpoints, b.checkpoints, at)
    states, apart = difference.state_differences(checkpoint_at(a.checkpoints, time), checkpoint_at(b.checkpoints, time))
    _print_states(time, states, apart)
    differs = any(score.n_different for score in scores) or any(state.n_different for state in states) or bool(apart)
    if exit_code and differs:
        raise typer.Exit(1)


def _print_differences(what: str, found: list[Difference]) -> None:
    if not found:
        typer.echo(f"{what}: identical")
        return
    table = Table(title=f"{what}: {len(found)} differences")
    for heading in ("key", "A", "B"):
        table.add_column(heading, justify="left", overflow="fold")
    for key, *values in found:
        table.add_row(key, *(v if len(v) <= _LONGEST else f"{v[:_LONGEST]}..." for v in values))
    Console().print(table)


def _print_scores(scores: list[ScoreDifference], n_records: tuple[int, int]) -> None:
    different = [score for score in scores if score.n_different]
    common = sum(score.n_times for score in scores)
    counts = f"{common} common records of {n_records[0]} in A and {n_records[1]} in B"
    if not different:
        typer.echo(f"scores: {'identical' if common else 'nothing in common'} ({counts})")
        return
    table = Table(title=f"scores: {counts}")
    for heading in ("run", "reference", "layer", "stage"):
        table.add_column(heading)
    for heading in ("times", "differ", "ubRMSE A", "ubRMSE B", "largest |B - A|"):
        table.add_column(heading, justify="right")
    for score in different:
        numbers = (*(f"{value:.5f}" for value in score.ubrmse), f"{score.largest:.2e}")
        table.add_row(*score.label, str(score.n_times), str(score.n_different), *numbers)
    Console().print(table)


def _print_states(time: datetime, states: list[StateDifference], apart: list[str]) -> None:
    if apart:
        typer.echo(f"only one of the campaigns has the instances {', '.join(apart)}")
    different = [state for state in states if state.n_different]
    if not different:
        typer.echo(f"states at {time.isoformat()}: identical ({sum(state.n_values for state in states)} values)")
        return
    table = Table(title=f"states at {time.isoformat()}: {len(different)} of {len(states)} variables differ")
    for heading in ("variable", "units", "instance"):
        table.add_column(heading)
    for heading in ("differ", "of", "largest B - A", "RMS", "tile", "layer", "A", "B"):
        table.add_column(heading, justify="right")
    for state in different:
        layer = "" if state.layer < 0 else str(state.layer)
        values = (f"{value:.6g}" for value in state.values)
        size = f"{state.largest:.3e}", f"{state.rms:.3e}"
        counts = str(state.n_different), str(state.n_values)
        table.add_row(state.variable, state.units, state.instance, *counts, *size, str(state.tile), layer, *values)
    Console().print(table)
