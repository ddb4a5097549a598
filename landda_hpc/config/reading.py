"""Reading and writing configurations."""

from __future__ import annotations

import copy
import difflib
import logging
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from landda_hpc.config.campaign import CampaignConfig
from landda_hpc.config.deprecated import current, current_override
from landda_hpc.config.documents import MAX_DEPTH, read_document, shorten
from landda_hpc.config.problems import problems_of
from landda_hpc.data import experiment_file, experiment_names
from landda_hpc.errors import ConfigError, MissingFileError

log = logging.getLogger(__name__)


def load_config(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read a YAML configuration, apply overrides, and validate it.

    Parameters
    ----------
    path : YAML file, or an experiment that ships with the package (``data.experiment_file``). ``data_root`` is
        resolved against its folder.
    overrides : dotted keys and values, e.g. ``{"time.cycle_hours": 12, "runs.0.gain": 0.3}``.

    Raises
    ------
    MissingFileError : no such file.
    ConfigError : with every problem found, each naming its key.
    """
    file = experiment_file(path)
    if file != path:
        log.info("configuration '%s' is the experiment that ships with landda_hpc, %s", path, file)
    try:
        raw = apply_overrides(current(_read_yaml(file)), overrides or {})
    except MissingFileError as error:
        names = ", ".join(name.removesuffix(".yaml") for name in experiment_names())
        raise MissingFileError(
            f"{error} 'landda init' writes one, and these ship with the package as experiments/NAME.yaml: {names}."
        ) from error
    raw["data_root"] = absolute_root(file.parent, raw.get("data_root", "."))
    return parse_config(raw)


def read_resolved(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read the resolved configuration of a campaign folder; its paths are absolute already.

    Raises
    ------
    MissingFileError, ConfigError : as ``load_config``.
    """
    return parse_config(apply_overrides(current(read_plain(path), warn=False), overrides or {}))


def absolute_root(folder: Path, data_root: Any) -> Any:
    """``data_root`` of a file in a folder as an absolute path; other values are kept for the schema to report.

    Raises
    ------
    ConfigError : the system cannot resolve the path.
    """
    if not isinstance(data_root, str | Path):
        return data_root
    try:
        return str((folder / data_root).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"data_root: '{shorten(str(data_root))}' cannot be resolved: {reason}") from error


def read_plain(path: Path) -> dict[str, Any]:
    """Plain data of a configuration file, not validated.

    Raises
    ------
    MissingFileError, ConfigError : the file does not exist, or is not YAML of keys and values.
    """
    return _read_yaml(path)


def _read_yaml(path: Path) -> dict[str, Any]:
    raw = read_document(path, "configuration")
    if not isinstance(raw, dict):
        found = "is empty" if raw is None else f"holds {type(raw).__name__}"
        raise ConfigError(f"configuration '{path}' {found}; expected keys and values.")
    return raw


def apply_overrides(raw: dict[str, Any], overrides: dict[str, Any], within: str = "") -> dict[str, Any]:
    """Return a copy of plain configuration data with the values of dotted keys replaced.

    Parameters
    ----------
    raw : keys and values; former names are translated already (``deprecated.current``).
    overrides : dotted keys and values; former names of keys are accepted.
    within : dotted place of ``raw`` in a campaign's configuration, e.g. ``runs.*``; empty for the whole.

    Raises
    ------
    ConfigError : a dotted key leads to a place that does not exist.
    """
    changed = copy.deepcopy(raw)
    for key, value in overrides.items():
        _override(changed, *current_override(key, value, within))
    return changed


def parse_config(raw: dict[str, Any]) -> CampaignConfig:
    """Validate a configuration given as plain data; former names are accepted (``deprecated``).

    Raises
    ------
    ConfigError : with every problem found.
    """
    try:
        return CampaignConfig.model_validate(current(raw))
    except ValidationError as error:
        raise ConfigError(problems_of(error, CampaignConfig)) from error


def dump_config(config: CampaignConfig) -> str:
    """The resolved configuration as YAML; ``parse_config`` of it gives the same object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _override(raw: dict[str, Any], dotted: str, value: Any) -> None:
    node: Any = raw
    *parents, last = dotted.split(".")
    dotted = shorten(dotted)
    if len(parents) >= MAX_DEPTH:
        raise ConfigError(f"--set {dotted}: {len(parents) + 1} levels; expected at most {MAX_DEPTH}")
    try:
        for part in parents:
            node = node[_place(node, part, dotted)] if isinstance(node, list) else node.setdefault(part, {})
        node[_place(node, last, dotted) if isinstance(node, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"--set {dotted}: the configuration has no such key") from error


def _place(sections: list[Any], part: str, dotted: str) -> int:
    """Index in a list of sections, by number or by name (a run's ``name``, or its method if it has no name)."""
    if part.lstrip("-").isdigit():
        return int(part)
    names = [str(s.get("name", s.get("method", s.get("entry", "")))) if isinstance(s, dict) else "" for s in sections]
    if names.count(part) == 1:
        return names.index(part)
    if part in names:
        raise ConfigError(
            f"--set {dotted}: {names.count(part)} sections are named '{part}'; give the number of one "
            f"instead, counted from 0."
        )
    close = difflib.get_close_matches(part, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    known = shorten(", ".join(filter(None, names)), 400) or "any"
    raise ConfigError(f"--set {dotted}: '{shorten(part)}' is not one of {known}.{hint}")
