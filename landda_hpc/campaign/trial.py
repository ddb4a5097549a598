"""A short run of a campaign on this machine, in a separate process, to measure its requirements.

The trial runs the campaign's own code for three cycles, two of them with an analysis, in a temporary folder. On a
large grid it runs on two coarser ones over the same area, and every quantity is extrapolated linearly in the number
of cells.
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from landda_hpc.compiled_code import n_compiled
from landda_hpc.config import CampaignConfig, GridConfig, TimeConfig, parse_config
from landda_hpc.errors import LandDAError
from landda_hpc.parallel.job_environment import own_environment
from landda_hpc.process_memory import peak_bytes, resident_bytes
from landda_hpc.storage.campaign_folder import RECORD_NAMES

logger = logging.getLogger(__name__)

CELLS_AT_ONCE: Final = 40_000
"""Largest grid, in cells, on which a trial runs unchanged; 128 x 256, the 1.4-degree grid, is smaller."""

_STEPS: Final = ("forecast", "aggregate", "observe", "analyse", "distribute", "checkpoint", "diagnostics")
_ANALYSES, _CYCLES = 2, 3
_SMALL: Final = 648
"""Cells of the grid on which loops are compiled: their machine code does not depend on it."""


@dataclass(frozen=True)
class Trial:
    """Requirements of one process. Times are CPU seconds, sizes bytes.

    Attributes
    ----------
    start : time until the first cycle, without spin-up, including loading of libraries.
    forecast, analysis, rest : of a cycle: the models' forecasts; the analyses of all runs; everything else.
    libraries : memory before the campaign is built.
    domain : memory that every rank needs for grid, tiles and static fields.
    peak : the largest memory of the whole run.
    checkpoint, restarts : size of one checkpoint, and of its restart files.
    images, forecast_images : size of the image files of one output time with, and without analysis.
    records, series, feedback : size of the records of a cycle; of a day of series; of the feedback of an analysis.
    warnings : sentences about assumed errors that its innovations do not fit.
    """

    start: float
    forecast: float
    analysis: float
    rest: float
    libraries: float
    domain: float
    peak: float
    checkpoint: float
    restarts: float
    images: float
    forecast_images: float
    records: float
    series: float
    feedback: float
    warnings: Sequence[str] = ()


class TrialError(Exception):
    """The trial could not be run; the message gives the reason.

    Attributes
    ----------
    of_campaign : whether the campaign itself would fail in the same way, because the trial ran on its grid.
    """

    def __init__(self, why: str, *, of_campaign: bool = False) -> None:
        super().__init__(why)
        self.of_campaign = of_campaign


def run_trial(config: CampaignConfig, timeout_s: float = 300.0) -> Trial:
    """Measure a campaign. Local: starts a process of one rank.

    Parameters
    ----------
    config : of the complete campaign, whose model computes in its processes.
    timeout_s : longest time that the process may take.

    Raises
    ------
    TrialError : the model is the user's CoLM, the process failed, or it took too long.
    """
    if not config.model.runs_here:
        raise TrialError("the model is an external program, which a check does not start")
    cells = config.grid.n_lat * config.grid.n_lon
    short = _for_trial(config.model_dump(mode="json"), config.time)
    if config.case is not None or cells <= CELLS_AT_ONCE:
        return _measured(short, timeout_s, of_campaign=True)
    coarser = [_coarser(config.grid, cells, share) for share in (0.25, 1.0)]
    found = [
        _measured({**short, "grid": {**short["grid"], **shape}}, timeout_s, of_campaign=False) for shape in coarser
    ]
    sizes = [shape["n_lat"] * shape["n_lon"] for shape in coarser]
    values: dict[str, float] = {}
    for f in fields(Trial):
        if f.name == "warnings":
            continue
        first, second = (getattr(trial, f.name) for trial in found)
        slope = (second - first) / (sizes[1] - sizes[0])
        values[f.name] = max(second, second + slope * (cells - sizes[1]))
    return Trial(**values, warnings=found[1].warnings)


def compile_loops(
    campaigns: Sequence[tuple[dict[str, Any], TimeConfig, GridConfig | None]], timeout_s: float = 900.0
) -> int:
    """Compile the loops of campaigns that have no machine code yet, and keep the code. Local: starts one process.

    Three cycles of each campaign run on one rank, and all their files are removed.

    Parameters
    ----------
    campaigns : of each campaign the configuration as plain data, which is changed; its times; and its grid, of which a
        coarser one over the same area is used (None: the grid is kept). Its model computes in its processes.
    timeout_s : longest time that the process may take.

    Returns
    -------
    Number of loops that were compiled; 0 if machine code of all of them exists.

    Raises
    ------
    TrialError : the process failed, or it took too long.
    """
    short = [_for_trial(plain, clock) for plain, clock, _ in campaigns]
    for plain, (_, _, grid) in zip(short, campaigns, strict=True):
        cells = 0 if grid is None else grid.n_lat * grid.n_lon
        if grid is not None and cells > _SMALL:
            plain["grid"] |= _coarser(grid, cells, _SMALL / CELLS_AT_ONCE)
    return int(_run(short, timeout_s, of_campaign=True)["compiled"])


def _coarser(grid: GridConfig, cells: int, share: float) -> dict[str, int]:
    """Shape of a coarser grid over the same area, with at most a fraction of the cells of a trial."""
    step = math.sqrt(cells / (share * CELLS_AT_ONCE))
    return {name: max(18, 2 * round(getattr(grid, name) / step / 2)) for name in ("n_lat", "n_lon")}


def _measured(plain: Mapping[str, Any], timeout_s: float, *, of_campaign: bool) -> Trial:
    found = _run([plain], timeout_s, of_campaign=of_campaign)
    if found["compiled"]:  # compiling takes more memory and time than the cycles
        found = _run([plain], timeout_s, of_campaign=of_campaign)
    return Trial(**found["trial"])


def _run(plain: Sequence[Mapping[str, Any]], timeout_s: float, *, of_campaign: bool) -> dict[str, Any]:
    """Run short campaigns in one process; what ``main`` prints after the last one."""
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and module
            [sys.executable, "-m", __name__],
            input="\n".join(json.dumps(one) for one in plain),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            # It must not join an MPI job of this process.
            env=own_environment(os.environ, {}),
        )
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"three cycles took longer than {timeout_s:g} s") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise TrialError(f"a trial of three cycles ended with: {last[0]}", of_campaign=of_campaign)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def shortened(plain: dict[str, Any], clock: TimeConfig, analyses: int, cycles: int) -> dict[str, Any]:
    """Change a plain configuration to its first cycles, without spin-up and figures, with a checkpoint at the end."""
    plain["time"] |= {
        "assimilation_end": (clock.start + analyses * clock.cycle).isoformat(),
        "end": (clock.start + cycles * clock.cycle).isoformat(),
    }
    if "spinup_days" in plain["model"]:
        plain["model"]["spinup_days"] = 0
    plain["checkpoint"] |= {"every_hours": cycles * clock.cycle_hours, "keep_every": None}
    plain["checkpoint"]["restarts"] = bool(plain["checkpoint"]["restarts"])
    plain["output"] |= {"times": [], "figures": False, "keep_images": None, "keep_feedback": None}
    if plain["output"].get("series") is not None:
        plain["output"]["series"] |= {"keep": None}
    plain["verification"] |= {"discard_days": 0.0}
    withheld = plain["observations"].get("withheld")
    if withheld is not None:
        withheld["times"] = []
    return plain


def _for_trial(plain: dict[str, Any], clock: TimeConfig) -> dict[str, Any]:
    """Plain configuration of three cycles of the campaign with every kind of file, for one rank."""
    short = shortened(plain, clock, _ANALYSES, _CYCLES)
    short["output"] |= {"every_hours": clock.cycle_hours}
    short["parallel"] |= {"member_groups": 1, "roots": None, "writer_process": False}
    return short


def main() -> None:
    """Run the configurations in the lines of standard input; main program of a trial.

    After each it prints a line of JSON: its requirements and the number of loops compiled so far. The requirements are
    those of the campaign only if it is the first.
    """
    for line in sys.stdin:
        found = _measure(json.loads(line))
        sys.stdout.write(json.dumps({"trial": asdict(found), "compiled": n_compiled()}) + "\n")


def _measure(plain: dict[str, Any]) -> Trial:
    """Run a short campaign in this process, which is new."""
    from landda_hpc.campaign.start import start_campaign
    from landda_hpc.evaluation.innovations_by_scale import implausible_errors
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.methods.base.context import MethodContext
    from landda_hpc.parallel.communicator import SerialCommunicator

    config = parse_config(plain)
    libraries, loaded = resident_bytes(), time.process_time()
    domain = make_domain(config, 1)
    _ = domain.climatology
    after_domain, twice = resident_bytes(), time.process_time() - loaded
    del domain
    with tempfile.TemporaryDirectory(prefix="landda_trial_") as folder:
        output = Path(folder) / "trial"
        campaign = start_campaign(config, SerialCommunicator(), output)
        start = time.process_time() - twice
        try:
            campaign.run()
        finally:
            campaign.folder.unlock()
        cycles = campaign.folder.read_records("seconds")
        domain = campaign.domain
        context = MethodContext(domain.grid, SerialCommunicator(), config.seed, config.data_root)
        warnings = implausible_errors(campaign.folder.read_records("cycles"), config.runs, context, domain.is_soil)
        sizes = _sizes(output, config.time)
    # The first cycle loads compiled code; the second has an analysis too.
    cpu: Mapping[str, float] = {step: cycles[1]["seconds"][step]["cpu_max"] for step in _STEPS}
    return Trial(
        start=start,
        forecast=cpu["forecast"],
        analysis=cpu["analyse"],
        rest=sum(cpu.values()) - cpu["forecast"] - cpu["analyse"],
        libraries=libraries,
        domain=max(0.0, after_domain - libraries),
        peak=peak_bytes(),
        warnings=warnings,
        **sizes,
    )


def _sizes(output: Path, clock: TimeConfig) -> dict[str, float]:
    """Bytes of the files of the trial, by kind."""
    analysed = {clock.valid_time(n).strftime("%Y%m%dT%H") for n in range(1, _ANALYSES + 1)}
    images = list((output / "images").rglob("*.nc"))
    with_analysis = sum(p.stat().st_size for p in images if any(stamp in p.name for stamp in analysed))
    checkpoints = list((output / "checkpoints").glob("*.h5"))
    days = max(1.0, _CYCLES * clock.cycle_hours / 24.0)
    return {
        "checkpoint": max((path.stat().st_size for path in checkpoints), default=0),
        "restarts": _bytes_below(output / "restart") / max(1, len(checkpoints)),
        "images": with_analysis / _ANALYSES,
        "forecast_images": (sum(p.stat().st_size for p in images) - with_analysis) / (_CYCLES - _ANALYSES),
        "records": sum(p.stat().st_size for n in RECORD_NAMES if (p := output / f"{n}.jsonl").is_file()) / _CYCLES,
        "series": _bytes_below(output / "series") * (24.0 / clock.cycle_hours / _CYCLES if days <= 1.0 else 1.0 / days),
        "feedback": _bytes_below(output / "feedback") / _ANALYSES,
    }


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


if __name__ == "__main__":
    try:
        main()
    except LandDAError as error:
        sys.exit(" ".join(str(error).split()))
