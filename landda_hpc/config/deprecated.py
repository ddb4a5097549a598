"""Former names of configuration keys and values, which are accepted for one release.

``current`` translates plain data before validation and logs one warning for each former name that it finds. To rename
a key or a value, add a line to ``RENAMED_KEYS`` or ``RENAMED_VALUES``. Remove the line in the release after the next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from landda_hpc.errors import ConfigError

log = logging.getLogger(__name__)

RENAMED_KEYS: Final[Mapping[str, str]] = {
    "runs.*.told_errors": "reported_errors",
    "observations.withheld.anew": "redraw",
    "observations.error_std_china": "error_std_regions",
    "runs.*.observation_std_china": "observation_std_regions",
}
"""Dotted place of a former key -> its present name. ``*`` stands for any item of a list or any key."""


def _std_in_china(std: Any) -> Any:
    """The errors of observations inside China, as those of a region."""
    return [] if std is None else [{"name": "China", "file": "package:papers/china.geojson", "std": std}]


CHANGED_VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "observations.error_std_regions": _std_in_china,
    "runs.*.observation_std_regions": _std_in_china,
}
"""Dotted place of a present key -> its value from that of the former key, where the form of the value has changed."""

RENAMED_VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "runs.*.observation_errors.kind": {"told": "reported"},
}
"""Dotted place of a key -> its former values, each with its present name."""

_MOST_WARNINGS: Final = 50


def current(raw: Mapping[str, Any], within: str = "", *, warn: bool = True) -> dict[str, Any]:
    """Return plain configuration data with present names in place of former ones. Local.

    Parameters
    ----------
    raw : keys and values as read from a file; it is not changed.
    within : dotted place of ``raw`` in a campaign's configuration, e.g. ``runs.*``; empty for the whole.
    warn : whether each former name is logged as a warning. False for files that this package wrote itself.

    Raises
    ------
    ConfigError : a section holds a former key and also its present name.
    """
    found: list[str] = []
    translated: dict[str, Any] = _translate(raw, tuple(filter(None, within.split("."))), (), found)
    if warn:
        for use in found[:_MOST_WARNINGS]:
            log.warning("configuration: %s. The former name is accepted in this release only.", use)
    return translated


def current_override(dotted: str, value: Any, within: str = "") -> tuple[str, Any]:
    """Return a dotted key with its last part under its present name, and its value; logs a warning where they differ.

    Parameters
    ----------
    dotted : key of an override, e.g. ``runs.var3d_point.told_errors``.
    value : of the key.
    within : as in ``current``.
    """
    *parents, last = dotted.split(".")
    place = (*filter(None, within.split(".")), *parents)
    name = _present_name((*place, last))
    if name is None:
        return dotted, value
    log.warning("configuration: %s is now named %s. The former name is accepted in this release only.", dotted, name)
    return ".".join((*parents, name)), _present_form((*place, name), value)


def _translate(node: Any, place: tuple[str, ...], shown: tuple[str, ...], found: list[str]) -> Any:
    """Translate a node of plain data; ``place`` counts from the campaign, ``shown`` from the data given."""
    if isinstance(node, list | tuple):
        return [_translate(item, (*place, str(k)), (*shown, str(k)), found) for k, item in enumerate(node)]
    if not isinstance(node, Mapping):
        return _present_value(node, place, shown, found)
    section: dict[str, Any] = {}
    for key, value in node.items():
        below, name = (*place, str(key)), _present_name((*place, str(key)))
        if name is not None:
            where = ".".join((*shown, str(key)))
            if name in node:
                raise ConfigError(f"{where} is now named {name}, and both are given. Remove {key}.")
            found.append(f"{where} is now named {name}")
            below = (*place, name)
            value = _present_form(below, value)
        section[key if name is None else name] = _translate(value, below, (*shown, str(key)), found)
    return section


def _present_name(place: tuple[str, ...]) -> str | None:
    """Present name of the last key of a place; None where the key has not been renamed."""
    return next((name for pattern, name in RENAMED_KEYS.items() if _matches(place, pattern)), None)


def _present_form(place: tuple[str, ...], value: Any) -> Any:
    """Value of a key from that of its former name."""
    return next((form(value) for pattern, form in CHANGED_VALUES.items() if _matches(place, pattern)), value)


def _present_value(value: Any, place: tuple[str, ...], shown: tuple[str, ...], found: list[str]) -> Any:
    for pattern, values in RENAMED_VALUES.items():
        if isinstance(value, str) and value in values and _matches(place, pattern):
            found.append(f"{'.'.join(shown)}: {value} is now {values[value]}")
            return values[value]
    return value


def _matches(place: tuple[str, ...], pattern: str) -> bool:
    parts = pattern.split(".")
    return len(parts) == len(place) and all(p in ("*", q) for p, q in zip(parts, place, strict=True))
