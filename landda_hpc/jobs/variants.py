"""Campaigns of a job array: seeds and values of keys, each combination in its own folder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landda_hpc.config import parse_yaml
from landda_hpc.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """One campaign of a job.

    Attributes
    ----------
    output : its folder.
    settings : options of ``landda run``, as ``KEY=VALUE`` of ``--set``.
    overrides : the same as values by dotted key.
    """

    output: Path
    settings: tuple[str, ...]
    overrides: dict[str, Any]


def make_variants(output: Path, common: Sequence[str], varied: Sequence[str]) -> list[Variant]:
    """Every combination of the varied keys; one campaign in ``output`` itself if no key is varied. Local.

    Parameters
    ----------
    output : folder of the campaign, or of the folders of several campaigns.
    common : ``KEY=VALUE`` for all campaigns.
    varied : ``KEY=VALUE1,VALUE2,...``; values are YAML.

    Raises
    ------
    ConfigError : a text without '=' or without values, or two campaigns with the same folder.
    """
    axes = [_axis(text) for text in varied]
    found = []
    for chosen in itertools.product(*axes):
        settings = (*common, *(f"{key}={_as_text(value)}" for key, value in chosen))
        label = "-".join(f"{key.rpartition('.')[2]}_{_in_a_name(value)}" for key, value in chosen)
        found.append(Variant(output / label if label else output, settings, dict(chosen)))
    folders = [str(variant.output) for variant in found]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        raise ConfigError(f"several campaigns of the array have the folder {', '.join(twice)}. Give different values.")
    return found


def _axis(text: str) -> list[tuple[str, Any]]:
    key, separator, values = text.partition("=")
    parsed = parse_yaml(f"[{values}]", f"--vary {text}: the values")
    if not separator or not key or not isinstance(parsed, list) or not parsed:
        raise ConfigError(f"--vary {text}: expected KEY=VALUE1,VALUE2, e.g. --vary runs.enkf_like.members=20,50")
    return [(key, value) for value in parsed]


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _in_a_name(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", _as_text(value)).strip("_")
