"""A small case and a program that runs it: the stand-in, or the real model where LANDDA_COLM_EXE names one.

LANDDA_COLM_EXE (a serial colm.x) and LANDDA_COLM_CASE (the namelist of a case that it can run from the campaign start
LANDDA_COLM_START, ISO 8601) make the tests of the driver run on the real model. Faults are the stand-in's alone.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = ROOT / "tools" / "colm_stand_in"
STAND_IN_2014 = ROOT / "tools" / "colm2014_stand_in"


@dataclass(frozen=True)
class ModelCase:
    """A case for tests: its namelist, its first restart, its program and how it is launched."""

    namelist: Path
    start: datetime
    executable: Path
    launch: str
    is_real: bool


def make_synthetic(folder: Path, *kinds: str) -> Path:
    spec = importlib.util.spec_from_file_location("make_colm_case", ROOT / "tools" / "make_colm_case.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    namelist: Path = module.make_case(folder, kinds)
    return namelist


def model_case(folder: Path) -> ModelCase:
    """The real model where the environment names one, else the stand-in on a synthetic case made in the folder."""
    executable, namelist = os.environ.get("LANDDA_COLM_EXE"), os.environ.get("LANDDA_COLM_CASE")
    if executable and namelist:
        start = datetime.fromisoformat(os.environ.get("LANDDA_COLM_START", "2010-06-01"))
        return ModelCase(Path(namelist), start, Path(executable), "{exe} {namelist}", True)
    return stand_in_case(folder)


def stand_in_case(folder: Path, *kinds: str) -> ModelCase:
    launch = f"{sys.executable} {{exe}} {{namelist}}"
    return ModelCase(make_synthetic(folder, *kinds), datetime(2010, 6, 1), STAND_IN, launch, False)


def make_case_2014(folder: Path, colm_case: ModuleType, *, n_lat: int = 4, n_lon: int = 5) -> Path:
    """A case of CoLM2014 for its stand-in: restarts, empty surface data and forcing; returns its namelist."""
    written = colm_case.write_case_2014(folder / "restart", site="made", n_lat=n_lat, n_lon=n_lon)
    for name in ("land", "forcing", "output"):
        (folder / name).mkdir()
    for day in range(1, 367, 8):
        (folder / "land" / f"model_LAI_patches.{day:03d}.bin").touch()
    namelist = folder / "timeloop.stdin"
    namelist.write_text(
        f"""&clmexp
site = 'made'  ! a made case
dir_model_landdata = '{folder}/land/'
dir_forcing        = '{folder}/forcing/'
dir_output         = '{folder}/output/'
dir_restart_hist   = './restart/'
lon_points         = {n_lon}
lat_points         = {n_lat}
deltim             = 1800.
solarin_all_band   = .true.
e_year             = 2010
e_julian           = 182
e_seconds          = 0
p_year             = 2010
p_julian           = 1
p_seconds          = 0
 numpatch  = {written["dlat"].size}
 greenwich =       .true.
 s_year    =         2010
 s_julian  =          152
 s_seconds =            0
 /
""",
        encoding="utf-8",
    )
    return namelist


def model_case_2014(folder: Path, colm_case: ModuleType) -> ModelCase:
    """The real CoLM2014 where the environment names one, else its stand-in on a case made in the folder.

    LANDDA_COLM2014_EXE (clm.x, built with WR_HOURLY), LANDDA_COLM2014_CASE (its namelist) and LANDDA_COLM2014_START
    (ISO 8601; the case has a restart of it, and forcing of the two days after it).
    """
    executable, namelist = os.environ.get("LANDDA_COLM2014_EXE"), os.environ.get("LANDDA_COLM2014_CASE")
    if executable and namelist:
        start = datetime.fromisoformat(os.environ.get("LANDDA_COLM2014_START", "2010-06-01"))
        return ModelCase(Path(namelist), start, Path(executable), "{exe}", True)
    return stand_in_case_2014(folder, colm_case)


def stand_in_case_2014(folder: Path, colm_case: ModuleType) -> ModelCase:
    launch = f"{sys.executable} {{exe}}"
    return ModelCase(make_case_2014(folder, colm_case), datetime(2010, 6, 1), STAND_IN_2014, launch, False)
