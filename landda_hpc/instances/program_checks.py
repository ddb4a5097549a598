"""Problems of a model's program and of the restart at a campaign's start, the same for both versions of CoLM."""

from __future__ import annotations

import os
import shlex
import shutil
from datetime import datetime
from pathlib import Path

from landda_hpc.config import ColmProgramConfig
from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.formats.colm.case_files import CaseFiles
from landda_hpc.formats.colm.names import time_label
from landda_hpc.instances.colm_case import CaseDomain
from landda_hpc.model.colm.process import launch_command
from landda_hpc.model.colm.version import NAMELIST_NAME


def program_problems(model: ColmProgramConfig, program: Path) -> list[str]:
    """Problems of the program and of the command that starts it, one line each. Local."""
    problems = []
    if program.is_file() and not os.access(program, os.X_OK):
        problems.append(f"model.executable: '{program}' is not executable (chmod +x).")
    try:
        words = launch_command(model.launch, program, NAMELIST_NAME, "", 0)
    except ConfigError as error:
        return [*problems, *error.problems]
    search = model.environment.get("PATH", os.environ.get("PATH"))
    if words and Path(words[0]) != program and shutil.which(words[0], path=search) is None:
        problems.append(
            f"model.launch = '{model.launch}': there is no program '{words[0]}' on this machine. Name the launcher "
            f"with its path; the command is: {shlex.join(words)}."
        )
    return problems


def version_problem(model: ColmProgramConfig, case: CaseDomain) -> str:
    """Message for a case of another version of CoLM than the model's section."""
    other = "colm2014" if model.kind == "colm" else "colm"
    return (
        f"model.kind = {model.kind}, but namelist '{case.namelist.source}' has the group &{case.namelist.group} of "
        f"{case.files.version}. Set model.kind: {other}, or name another case."
    )


def start_problems(start: datetime, files: CaseFiles) -> list[str]:
    """Problems of the case's restart at the campaign's start. Local."""
    times = files.times()
    if start not in times:
        known = ", ".join(time_label(time) for time in times) or "none"
        return [
            f"time.start: case {files.name} has no restart of {start.isoformat()} in {files.restart}; it has {known}."
        ]
    try:
        files.require_complete(files.own_folder(start), start)
    except LandDAError as error:
        return [f"time.start: {error}"]
    return []


def runs_on_disk(
    model: ColmProgramConfig, files: CaseFiles, runs: int, start: datetime, kept: int, in_window: int = 1
) -> str:
    """Disk space of the model's runs, from the size of the case's restart, in words. Local.

    Parameters
    ----------
    runs, kept : instances of the campaign, and checkpoints that it keeps.
    in_window : restarts that the model holds on disk at a time while it runs.
    """
    times = files.times()
    time = start if start in times else max(times, default=None)
    if time is None:
        return f"{runs} runs, {model.side_by_side} at a time; the case has no restart, of which the size would be known"
    folder = files.own_folder(time)
    size = sum((folder / file.path).stat().st_size for file in files.files(folder, time))
    # In addition to those that are kept: a window's start, its copy, and those of the running model.
    disk = runs * size * (max(model.keep_restarts, kept) + 2 + in_window)
    return (
        f"{runs} runs, {model.side_by_side} at a time; a restart has {size / 1e6:.1f} MB, "
        f"all that are kept about {disk / 1e9:.2f} GB"
    )
