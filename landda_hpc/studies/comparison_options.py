"""Depth and drift as options for all methods of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from landda_hpc.errors import ConfigError

PLAIN: Final = "plain"
OPTIONS: Final = ("depth", "drift")
"""Options for increments after the analysis: regression to deeper layers, estimation of the model's drift."""

OptionSet = tuple[str, ...]


def parse_option_sets(text: str) -> tuple[OptionSet, ...]:
    """``plain,depth,depth+drift`` -> ((), ("depth",), ("depth", "drift")).

    Raises
    ------
    ConfigError : an unknown option, or a set given twice.
    """
    found: list[OptionSet] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        names = [name.strip() for name in part.split("+")]
        unknown = [name for name in names if name not in OPTIONS]
        if part != PLAIN and (unknown or len(set(names)) < len(names)):
            raise ConfigError(
                f"--options {part}: expected {PLAIN}, {', '.join(OPTIONS)} or {'+'.join(OPTIONS)}, with commas between "
                "sets"
            )
        found.append(() if part == PLAIN else tuple(name for name in OPTIONS if name in names))
    if len(set(found)) < len(found):
        raise ConfigError(f"--options {text}: a set is given twice")
    return tuple(found)


def with_options(
    runs: Sequence[Mapping[str, Any]], sets: Sequence[OptionSet], slopes: Path | None = None
) -> list[dict[str, Any]]:
    """Each assimilating run once per set of options, with its own name; other runs once.

    Parameters
    ----------
    runs : of the comparison, as plain data.
    sets : from ``parse_option_sets``; none: the runs are unchanged.
    slopes : file of the vertical regression, under ``data_root``; None: that of the run, or the built-in profile.

    Notes
    -----
    A set applies to all runs: ``plain`` removes the options that the file sets for a run; ``depth`` or ``drift``
    keep the run's settings, and the others get the defaults. The run's part of names longer than 40 letters is
    truncated.
    """
    if not sets:
        return [dict(run) for run in runs]
    varied: list[dict[str, Any]] = []
    for run in runs:
        if run["method"] == "control":
            varied.append(dict(run))
            continue
        varied += [_with_set(run, options, slopes) for options in sets]
    return varied


def name_with(name: str, options: OptionSet) -> str:
    """Name of a run under a set of options: 'pointwise_depth_drift'."""
    suffix = "".join(f"_{option}" for option in options)
    return name[: 40 - len(suffix)] + suffix


def _with_set(run: Mapping[str, Any], options: OptionSet, slopes: Path | None) -> dict[str, Any]:
    depth: dict[str, Any] = {"kind": "overlap"}
    if "depth" in options:
        own = run.get("depth") or {}
        depth = dict(own) if own.get("kind") == "regression" else {"kind": "regression"}
        if slopes is not None:
            depth["file"] = str(slopes)
    drift = (run.get("drift") or {}) if "drift" in options else None
    return {**run, "name": name_with(str(run["name"]), options), "depth": depth, "drift": drift}
