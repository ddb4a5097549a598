"""``landda status``: the state of a campaign."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import CampaignDir

if TYPE_CHECKING:
    from landda_hpc.campaign.monitoring import Outlook
    from landda_hpc.campaign.timetable import Timetable
    from landda_hpc.storage.report_state import ReportState
    from landda_hpc.storage.status import Standing

_WIDTH: Final = 160
"""Columns of the table in a file or pipe."""
_SHOWN: Final = 5
"""Number of warnings that are shown."""
_TIMED: Final = 400
"""Cycles from which computing times are averaged."""


def command(
    folder: CampaignDir,
    state_only: Annotated[
        bool,
        typer.Option(
            "--state",
            help="Print the state in one word or two, for scripts; each such option prints a line: not begun, "
            "branched, running, stopped, finished, failed (killed) or unknown.",
        ),
    ] = False,
    report_only: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Print the state of the report in one word: none (cycles are left), pending, running, interrupted, "
            "failed or "
            "complete (for scripts).",
        ),
    ] = False,
    saved_only: Annotated[
        bool,
        typer.Option("--saved", help="Print what a resume would find, in a few words, which change if more is saved."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as one JSON object; times are UTC, sizes bytes.")
    ] = False,
    with_seconds: Annotated[
        bool,
        typer.Option("--seconds", help="Also print computing time by step, communication and memory."),
    ] = False,
) -> None:
    """Show the state of a campaign, its speed and expected end, disk space, innovations, warnings; how to resume it.

    Nothing is written, and a running job is not disturbed. The command works on every machine that sees the folder, and
    its time does not depend on the length of the campaign. 'Not begun' means that there is no checkpoint yet;
    'branched', that a resume begins the branch.
    'Unknown' means that the job runs on another machine, and that its last heartbeat is neither recent nor old enough
    to decide whether it is alive.
    """
    from landda_hpc.campaign.monitoring import outlook, saved_so_far
    from landda_hpc.campaign.timetable import timetable
    from landda_hpc.config import read_resolved
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.storage.report_state import read_report_state, report_step
    from landda_hpc.storage.retention import list_checkpoints

    campaign = CampaignFolder.open(folder)
    state = campaign.standing()
    report = report_step(campaign.path, is_held=campaign.is_locked) if state == "finished" else "none"
    words = [word for word, wanted in ((str(state), state_only), (report, report_only)) if wanted]
    words += [saved_so_far(campaign)] * saved_only
    if words:
        typer.echo("\n".join(words))
        return
    if not campaign.config_file.is_file():
        typer.echo(f"{folder}: not begun; a start was interrupted. Start again with: landda resume {folder}")
        return
    config = read_resolved(campaign.config_file)
    status = campaign.read_status()
    seen = outlook(campaign, config.time, config.checkpoint, status, runs=state == "running")
    if as_json:
        known = {"state": state, "report": report, "saved": saved_so_far(campaign), "owner": campaign.owner()}
        facts: dict[str, Any] = {**({} if status is None else asdict(status)), **known, **asdict(seen)}
        typer.echo(json.dumps(facts, default=datetime.isoformat, indent=1))
        return
    table = Table(show_header=False, title=f"campaign {config.name}")
    table.add_row("state", _describe(state, campaign.owner()))
    if status is not None:
        table.add_row("cycle", f"{status.cycle} of {status.n_cycles}")
        table.add_row("time", status.time)
        table.add_row("ranks", str(status.ranks))
        table.add_row("written", f"{status.written} by process {status.pid} on {status.host}")
        if status.message:
            table.add_row("reason", status.message)
    if state == "finished":
        table.add_row("report", _describe_report(report, read_report_state(campaign.path)))
    table.add_row("checkpoints", ", ".join(path.name for _, path in list_checkpoints(campaign.checkpoints)) or "none")
    for key, value in _outlook_rows(seen):
        table.add_row(key, value)
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_WIDTH)
    console.print(table)
    if seen.warnings:
        typer.echo(f"Warnings, the last {min(_SHOWN, len(seen.warnings))} of {campaign.log_file}:")
    for warning in seen.warnings[-_SHOWN:]:
        typer.echo(f"  {warning}")
    if with_seconds:
        _print_seconds(timetable(campaign.last_records("seconds", _TIMED), config.time.cycle_hours))
    if state == "branched":
        typer.echo(f"Begin it with: landda resume {folder}")
    if state in ("stopped", "failed", "not begun") or report in ("pending", "interrupted", "failed"):
        typer.echo(f"Resume with: landda resume {folder}")


def _outlook_rows(seen: Outlook) -> list[tuple[str, str]]:
    """Rows of the table; what is unknown has none."""
    from landda_hpc.campaign.monitoring import byte_size, duration

    rows = []
    if seen.days_per_hour is not None:
        rows.append(("speed", f"{seen.days_per_hour:.3g} simulated days per hour"))
    if seen.left_s:
        ends = f", until {seen.ends:%Y-%m-%d %H:%M} UTC" if seen.ends else ""
        rows.append(("cycles left", f"{duration(seen.left_s)} of computing{ends}"))
    if seen.job_left_s is not None:
        rows.append(("wall time left", duration(max(0.0, seen.job_left_s))))
    needed = "" if not seen.disk_needed else f"; about {byte_size(seen.disk_needed)} needed to the end"
    lacks = " (too little)" if seen.disk_needed is not None and seen.disk_needed > seen.disk_free else ""
    rows.append(("disk", f"{byte_size(seen.disk_free)} free{needed}{lacks}"))
    for last in seen.innovations:
        values = ((last.innovation_mean, "O-B mean", "+.4f"), (last.innovation_std, "std", ".4f"))
        text = ", ".join(f"{name} {value:{form}}" for value, name, form in values if value is not None)
        after = "" if last.residual_std is None else f", O-A std {last.residual_std:.4f}"
        rows.append(
            (f"O-B of {last.run}", f"{last.time[:16]}: {last.n_observations} observations, {text}{after} m3 m-3")
        )
    return rows


def _describe(state: Standing, owner: str) -> str:
    """The state in words; the owner is the job that holds the folder, or held it last."""
    if state == "running":
        return f"running: {owner}" if owner else state
    if state == "failed":
        return f"failed: killed, no job is running ({owner})" if owner else "failed: killed, no job is running"
    if state == "unknown":
        return f"unknown: {owner}; that machine may have stopped, or its file system"
    if state == "branched":
        return "not begun: a branch of another campaign; 'landda resume' begins it"
    if state == "not begun":
        return "not begun: a start was interrupted before the first checkpoint"
    return state


def _describe_report(report: str, details: ReportState | None) -> str:
    """The state of the report, with the number of its parts until it is complete."""
    if details is None or report == "complete":
        return report
    parts = f" ({len(details.parts)} of {details.n_parts} parts)" if details.n_parts else ""
    return f"{report}{parts}{f': {details.message}' if report == 'failed' else ''}"


def _print_seconds(times: Timetable | None) -> None:
    if times is None:
        typer.echo("No cycle has been timed yet.")
        return
    table = Table(title=f"seconds per simulated day, mean of {times.days:g} days")
    for heading in ("step", "slowest rank", "mean rank", "CPU, mean rank", "balance"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for step, (slowest, mean, cpu) in times.seconds.items():
        table.add_row(step, f"{slowest:.3f}", f"{mean:.3f}", f"{cpu:.3f}", f"{times.balance[step]:.2f}")
    total = [sum(row[i] for row in times.seconds.values()) for i in range(3)]
    table.add_row("all", *(f"{value:.3f}" for value in total), "")
    Console().print(table)
    typer.echo(
        f"The busiest rank sends {times.megabytes_sent:.2f} MB per simulated day; peak memory is "
        f"{times.peak_memory_mb:.0f} MB per rank."
    )
