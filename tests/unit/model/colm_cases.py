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

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = ROOT / "tools" / "colm_stand_in"


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
