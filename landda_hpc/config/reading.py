"""Reading and writing configurations."""

from __future__ import annotations

import copy
import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from landda_hpc.config.campaign import CampaignConfig
from landda_hpc.config.deprecated import current, current_key
from landda_hpc.config.problems import problems_of
from landda_hpc.errors import ConfigError, MissingFileError


def load_config(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read, override, validate a YAML configuration.

    Parameters
    ----------
    path : YAML file. ``data_root`` is resolved against its folder.
    overrides : dotted keys and values, e.g. ``{"time.cycle_hours": 12, "runs.0.gain": 0.3}``.

    Raises
    ------
    MissingFileError : no such file.
    ConfigError : with every problem found, each naming its key.
    """
    if not path.is_file():
        raise MissingFileError(f"configuration '{path}' does not exist; ready ones are in experiments/.")
    raw = current(_read_yaml(path))
    raw = apply_overrides(raw, overrides or {})
    raw["data_root"] = str((path.parent / Path(str(raw.get("data_root", ".")))).resolve())
    return parse_config(raw)


def read_resolved(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read the resolved configuration of a campaign folder; its paths are absolute already.

    Raises
    ------
    MissingFileError, ConfigError : as ``load_config``.
    """
    if not path.is_file():
        raise MissingFileError(f"'{path}' does not exist; a campaign's folder has one.")
    return parse_config(apply_overrides(current(_read_yaml(path), warn=False), overrides or {}))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration '{path}' is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"configuration '{path}' holds {type(raw).__name__}; expected keys and values.")
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
        _override(changed, current_key(key, within), value)
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
    try:
        for part in parents:
            node = node[_place(node, part, dotted)] if isinstance(node, list) else node.setdefault(part, {})
        node[_place(node, last, dotted) if isinstance(node, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"--set {dotted}: the configuration does not have such a place") from error


def _place(sections: list[Any], part: str, dotted: str) -> int:
    """Index in a list of sections, by number or by name: a run's ``name``, its method where it has none."""
    if part.lstrip("-").isdigit():
        return int(part)
    names = [str(s.get("name", s.get("method", s.get("entry", "")))) if isinstance(s, dict) else "" for s in sections]
    if names.count(part) == 1:
        return names.index(part)
    if part in names:
        raise ConfigError(f"--set {dotted}: {names.count(part)} sections are named '{part}'; use their number, from 0.")
    close = difflib.get_close_matches(part, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise ConfigError(f"--set {dotted}: '{part}' is not one of {', '.join(filter(None, names)) or 'any'}.{hint}")
