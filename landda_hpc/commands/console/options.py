"""Options shared by several commands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.config import FrameConfig
    from landda_hpc.regridding.regrid import Method

_FILE_HELP: Final = (
    "Campaign configuration (YAML). experiments/NAME.yaml, such as experiments/smoke.yaml, also names an experiment "
    "that ships with landda, where the working folder has no such file; package:experiments/NAME.yaml always does."
)
ConfigFile = Annotated[Path, typer.Argument(metavar="FILE", help=_FILE_HELP)]
CampaignDir = Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a campaign.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the configuration, given with dots: --set time.cycle_hours=12 --set "
        "runs.enkf_like.members=20. May be given several times.",
    ),
]

AcceptGapsOption = Annotated[
    bool,
    typer.Option(
        "--accept-gaps",
        help="Accept missing or damaged records (scores, images, series ...): tables and figures omit them, and "
        "summary.md lists them.",
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0.0,
        help="Time to wait if another job holds the folder or may hold it; 200 s are enough to find that this job "
        "has died.",
    ),
]
TakeOverOption = Annotated[
    bool,
    typer.Option(
        "--take-over",
        help="Take the folder from a job on another machine without waiting for its heartbeat. If that job is still "
        "alive, it stops.",
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print more lines of the log.")]
RankLogsOption = Annotated[
    bool,
    typer.Option("--rank-logs", help="Also write a log of every rank, with its seconds per step: landda.rank*.log."),
]
TIME_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
FirstTime = Annotated[datetime | None, typer.Option(help="First time, UTC.")]
LastTime = Annotated[datetime | None, typer.Option(help="Last time, UTC.")]
ModelImages = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Model images: files or folders. May be given several times.")
]


class SeasonDivision(StrEnum):
    """Parts of the year with separate climatologies (``observation.seasons.SeasonKind``)."""

    year = "year"
    season = "season"
    month = "month"
    month_window = "month_window"


class Regrid(StrEnum):
    """Treatment of an image on another grid."""

    no = "no"
    bilinear = "bilinear"
    conservative = "conservative"

    @property
    def method(self) -> Method | None:
        """The method; None for no regridding."""
        return None if self is Regrid.no else "bilinear" if self is Regrid.bilinear else "conservative"


def require_one_source(campaign: Path | None, model: list[Path] | None, observation: list[Path] | None) -> None:
    """Raise ConfigError unless images come either from a campaign or from two series."""
    if (campaign is None) == (not model or not observation) or (campaign and (model or observation)):
        raise ConfigError("Give either --campaign, or --model and --observation.")


def parse_overrides(items: list[str] | None) -> dict[str, Any]:
    """``["a.b=3"]`` -> ``{"a.b": 3}``; values are YAML. Raises ConfigError for text without '='."""
    from landda_hpc.config import parse_yaml, shorten

    overrides: dict[str, Any] = {}
    for item in items or []:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {shorten(item)}: expected KEY=VALUE, e.g. --set time.cycle_hours=12")
        overrides[key] = parse_yaml(value, f"--set {shorten(item)}: the value")
    return overrides


def parse_frame(items: list[str] | None) -> FrameConfig:
    """``["boundary=reflect"]`` -> frame with that option. Raises a ConfigError that names the problem."""
    from pydantic import ValidationError

    from landda_hpc.config import FrameConfig, apply_overrides, problems_of

    try:
        return FrameConfig.model_validate(apply_overrides({}, parse_overrides(items)))
    except ValidationError as error:
        raise ConfigError([f"--set {problem}" for problem in problems_of(error, FrameConfig)]) from error
