"""A first configuration for an existing CoLM case: values of the case are filled in, the others are explained."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from landda_hpc.config import CaseConfig, parse_config, parse_yaml
from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.instances.case_checks import time_step, unsupported
from landda_hpc.instances.case_checks_2014 import time_step_2014, unsupported_2014
from landda_hpc.instances.colm_case import CaseDomain, open_case
from landda_hpc.model.colm.colm2014 import Colm2014, namelist_time
from landda_hpc.model.colm.forcing_files import stated_problems
from landda_hpc.state import PatchType

_FIRST_DAYS: Final = timedelta(days=5)
"""Length of the first assimilation: long enough to see an effect, short enough for a test."""


@dataclass(frozen=True)
class _Kind:
    """Texts of the configuration that depend on the model's version."""

    kind: str
    option: str
    program: str
    launch: str
    remarks: tuple[str, ...] = ()


_COLM202X: Final = _Kind(
    "colm",
    "--from-colm",
    "colm.x",
    '"{exe} {namelist}"              # under MPI e.g. "mpirun -n 8 {exe} {namelist}"',
)
_COLM2014: Final = _Kind(
    "colm2014",
    "--from-colm2014",
    "clm.x",
    '"{exe}"                         # the program reads the namelist from standard input',
    (
        "The program must write a restart at every time step (compiled with WR_HOURLY in include/define.h). The number",
        "of its threads is that of OPENMP in define.h; environment: {OMP_THREAD_LIMIT: 4} limits it.",
    ),
)


def starter_config(
    namelist: Path, executable: Path | None = None, folder: Path | None = None, *, is_2014: bool = False
) -> str:
    """YAML of a campaign for a case, with comments; it passes the configuration's checks. Local.

    Parameters
    ----------
    namelist : of the case.
    executable : the model's program; left to fill in if None.
    folder : of the case (CoLM2014: of its restarts), if it differs from that in the namelist.
    is_2014 : the namelist should be that of CoLM2014 (timeloop.stdin), not of CoLM202X (case.nml).

    Raises
    ------
    MissingFileError, DataError, ConfigError : the case is incomplete, of a kind that cannot be assimilated into, or has
        no restart for the start.
    """
    namelist = namelist.absolute()
    place = CaseConfig(namelist=namelist, folder=None if folder is None else folder.absolute())
    domain = open_case(place, Path())
    kind = _COLM2014 if isinstance(domain.files, Colm2014) else _COLM202X
    if is_2014 != (kind is _COLM2014):
        raise ConfigError(
            f"namelist '{namelist}' has the group &{domain.namelist.group} of {domain.files.version}: use {kind.option}"
        )
    problems = unsupported_2014(domain, executable) if is_2014 else unsupported(domain, executable)
    if problems:
        raise ConfigError(problems)
    name, restart, times = domain.files.name, domain.files.restart, domain.files.times()
    if not times:
        raise ConfigError(f"case {name} has no restart in {restart}; make its initial state, or run the model.")
    start = _start(domain, times)
    if start is None:
        raise ConfigError(f"case {name} has no restart of a whole hour in {restart}.")
    text = _text(domain, kind, place, executable, start, times)
    parse_config(parse_yaml(text, "the first configuration"))
    return text


def _start(domain: CaseDomain, times: list[datetime]) -> datetime | None:
    """The newest restart from which a campaign can start; None if there is none at a whole hour.

    The model may have written restarts at other times, and at the end of its forcing. The forcing of CoLM2014 is not
    known; the period of the namelist counts instead.
    """
    whole = [t for t in reversed(times) if not t.minute and not t.second]
    try:
        forcing = domain.forcing()
        if forcing is None:
            end = namelist_time(domain.namelist, "e")
            covered = [t for t in whole if end is not None and t + _FIRST_DAYS <= end]
        else:
            covered = [t for t in whole if not stated_problems(forcing.namelist, t, t + _FIRST_DAYS)]
    except LandDAError:
        covered = []  # 'landda check' reports problems of the forcing
    return next(iter(covered or whole), None)


def _text(
    domain: CaseDomain, kind: _Kind, place: CaseConfig, executable: Path | None, start: datetime, times: list[datetime]
) -> str:
    tiles, files = domain.tiles.tiles, domain.files
    soil = int((tiles.patchtype == PatchType.SOIL).sum())
    cells = len(set(tiles.cell.tolist()))
    name = re.sub(r"[^A-Za-z0-9_-]", "-", files.name).strip("-_")[:40] or "case"
    program = f"{kind.program}   # <- name the model's program"
    if executable is not None:
        program = _quoted(executable.absolute())
    end = start + _FIRST_DAYS
    folder = "" if place.folder is None else f", folder: {_quoted(place.folder)}"
    step = time_step_2014(domain.namelist) if kind is _COLM2014 else time_step(domain.namelist)
    remarks = "".join(f"# {line}\n" for line in kind.remarks)
    return f"""# A first assimilation into the {files.version} case {files.name}, written by: landda init {kind.option}
#   {place.namelist}
# Every key with its meaning: landda schema.   Problems and requirements: landda check THIS_FILE
#
# The case: {len(tiles)} patches ({soil} of soil) in {cells} cells, {len(files.blocks)} blocks, time step {step:g} s,
# soil water scheme {domain.scheme.value}, grid {domain.tiles.grid.describe()}.
# Restarts for the start: {times[0].isoformat()} to {times[-1].isoformat()} ({len(times)}).
name: {name}
time:
  start: {start.isoformat()}              # the case must have a restart of this time (UTC)
  assimilation_end: {end.isoformat()}   # then the forecast is free
  end: {end.isoformat()}
  cycle_hours: 6                          # length of the model's windows
grid: {{kind: case}}                        # mesh, land, patches and soil come from the case
case: {{namelist: {_quoted(place.namelist)}{folder}}}
{remarks}model:
  kind: {kind.kind}
  executable: {program}
  launch: {kind.launch}
  side_by_side: 1                         # runs computed at a time; the computer must have room for them
  timeout_minutes: 60                     # a window that takes longer is ended and tried once more
# A twin experiment needs no data: the truth is a run of the same model from another initial state. For real images:
# observations: {{kind: gldas, path: "GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"}}, data_root: their folder, and no twin.
twin: {{wetness_sigma: 0.1}}
observations: {{kind: twin, error_std: 0.05}}
runs:
  - {{method: control}}                     # the free run, to compare with
  - {{method: pointwise, gain: 0.2}}        # each cell separately; the right gain is seldom known
  - {{method: enkf_like, background_errors: {{kind: learned}}, observation_errors: {{kind: learned}}}}
  - {{method: learned}}                     # the image, with errors that the run learns
checkpoint: {{every_hours: 24, restarts: true}}   # restarts: analysed copies in restart/, for forecasts of your own
"""


def _quoted(path: Path) -> str:
    """A path as YAML text."""
    return yaml.safe_dump(str(path), default_style="'", width=10**6).strip()
