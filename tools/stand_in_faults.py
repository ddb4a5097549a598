"""Faults of the stand-ins for CoLM's programs, chosen by environment variables (see tools/colm_stand_in)."""

from __future__ import annotations

import os
from pathlib import Path


def fault_of(label: str) -> str:
    """What shall go wrong in the window that starts at a time, YYYY-DDD-SSSSS; empty if nothing."""
    here, environment = Path.cwd(), os.environ
    if environment.get("LANDDA_STAND_IN_AT", label) != label:
        return ""
    if environment.get("LANDDA_STAND_IN_RUN", "") not in ("", *here.parts):
        return ""
    limit, attempt = environment.get("LANDDA_STAND_IN_TRY"), here.name.removeprefix("try")
    if limit is not None and attempt.isdigit() and int(attempt) > int(limit):
        return ""
    return environment.get("LANDDA_STAND_IN_FAULT", "")
