"""A first configuration for an existing CoLM case: values of the case are filled in, the others are explained."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from landda_hpc.config import CaseConfig, parse_config, parse_yaml
from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.instances.case_checks import time_step, unsupported
from landda_hpc.instances.colm_case import CaseDomain, open_case, read_forcing
from landda_hpc.model.colm.forcing_files import stated_problems
from landda_hpc.state import PatchType

_FIRST_DAYS: Final = timedelta(days=5)
"""Length of the first assimilation: long enough to see an effect, short enough for a test."""


def starter_config(namelist: Path, executable: Path | None = None, folder: Path | None = None) -> str:
    """YAML of a campaign for a case, with comments; it passes the configuration's checks. Local.

    Parameters
    ----------
    namelist : of the case.
    executable : the model's program; left to fill in if None.
    folder : of the case, if it differs from that in the namelist.

    Raises
    ------
    MissingFileError, DataError, ConfigError : the case is incomplete, of a kind that cannot be assimilated into, or has
        no restart for the start.
    """
    namelist = namelist.absolute()
    place = CaseConfig(namelist=namelist, folder=None if folder is None else folder.absolute())
    domain = open_case(place, Path())
    problems = unsupported(domain, executable)
    if problems:
        raise ConfigError(problems)
    times = domain.case.times()
    if not times:
        raise ConfigError(
            f"case {domain.case.name} has no restart in {domain.case.restart}; run mkinidata.x or the model."
        )
    start = _start(domain, times)
    if start is None:
        raise ConfigError(f"case {domain.case.name} has no restart of a whole hour in {domain.case.restart}.")
    text = _text(domain, place, executable, start, times)
    parse_config(parse_yaml(text, "the first configuration"))
    return text


def _start(domain: CaseDomain, times: list[datetime]) -> datetime | None:
    """The newest restart from which a campaign can start; None if there is none at a whole hour.

    The model may have written restarts at other times, and at the end of its forcing.
    """
    whole = [t for t in reversed(times) if not t.minute and not t.second]
    try:
        forcing = read_forcing(domain.namelist).namelist
    except LandDAError:
        return next(iter(whole), None)  # 'landda check' reports problems of the forcing
    covered = (t for t in whole if not stated_problems(forcing, t, t + _FIRST_DAYS))
    return next(covered, next(iter(whole), None))


def _text(
    domain: CaseDomain, place: CaseConfig, executable: Path | None, start: datetime, times: list[datetime]
) -> str:
    tiles, case = domain.tiles.tiles, domain.case
    soil = int((tiles.patchtype == PatchType.SOIL).sum())
    cells = len(set(tiles.cell.tolist()))
    name = re.sub(r"[^A-Za-z0-9_-]", "-", case.name).strip("-_")[:40] or "case"
    program = "colm.x   # <- name the model's program" if executable is None else _quoted(executable.absolute())
    end = start + _FIRST_DAYS
    folder = "" if place.folder is None else f", folder: {_quoted(place.folder)}"
    step = time_step(domain.namelist)
    return f"""# A first assimilation into the CoLM case {case.name}, written by: landda init --from-colm
#   {place.namelist}
# Every key with its meaning: landda schema.   Problems and requirements: landda check THIS_FILE
#
# The case: {len(tiles)} patches ({soil} of soil) in {cells} cells, {len(case.blocks)} blocks, time step {step:g} s,
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
model:
  kind: colm
  executable: {program}
  launch: "{{exe}} {{namelist}}"              # under MPI e.g. "mpirun -n 8 {{exe}} {{namelist}}"
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
