"""No analysis: the model runs freely."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from landda_hpc.config.runs import AnyRun


class ControlRun(AnyRun):
    """Free model run without assimilation."""

    method: Literal["control"] = "control"
    name: str = Field("control", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
