"""Classes of keys: those that determine the trajectory of a campaign, its records, or only its presentation.

The *trajectory* is every state of every instance, bit by bit. Its keys must not change during a campaign: a hash
of them is in every checkpoint. *Records* (scores.jsonl, series/, images/ ...) are written as a campaign runs: a change
of their keys would mix records of two kinds. Therefore ``verification.depths_m``, ``.min_soil_fraction`` and
``.unobserved`` are constant, while ``output.*`` may change for later cycles. Everything else is *presentation*,
and may change at any time: references of verification, times that count in means, figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from landda_hpc.config import MODELS, CampaignConfig, ColmProgramConfig, VerificationConfig, read_plain, read_resolved
from landda_hpc.errors import ConfigError
from landda_hpc.storage.provenance_log import IDENTITIES, read_events

RECORD_KEYS: Final = ("depths_m", "min_soil_fraction", "unobserved")
"""Keys of ``verification`` that define the scores of every cycle. They do not affect the trajectory."""

APART: Final = ("name", "description", "data_root", "parallel", "checkpoint", "output", "verification")
"""Sections that do not affect the trajectory."""

FREE: Final = (
    "parallel.*, checkpoint.*, output.*, data_root, name, description, verification.* except depths_m, "
    "min_soil_fraction and unobserved, entries of the catalogue that are not assimilated, and how CoLM is run "
    f"(model.{', '.join(sorted(ColmProgramConfig.OPERATION))})"
)
"""Keys that a resume may change, for messages."""


def trajectory_of(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that determines the trajectory.

    Parameters
    ----------
    plain : a resolved configuration as plain data, as ``config.yaml`` holds it.
    """
    kept = {name: value for name, value in plain.items() if name not in APART}
    observations = dict(kept.get("observations") or {})
    catalogue = kept.pop("catalogue", None) or {}
    others = ("referee", "stations")
    products = kept.get("products") or {}
    sections = observations, *(kept.get(name) or {} for name in others), *products.values()
    used = {section.get("entry") for section in sections} - {None}
    if used:
        kept["catalogue"] = {name: entry for name, entry in catalogue.items() if name in used}
    for name in (*others, "products"):
        if not kept.get(name):
            kept.pop(name, None)
    observations.pop("feedback", None)  # writes files, changes nothing
    kept["observations"] = observations
    model = kept.get("model")
    if isinstance(model, Mapping) and str(model.get("kind")) in MODELS:
        operation = MODELS[str(model["kind"])].OPERATION
        kept["model"] = {name: value for name, value in model.items() if name not in operation}
    return kept


def config_hash(config: CampaignConfig) -> str:
    """Hash of the trajectory of a configuration, 32 hexadecimal digits."""
    return _hash_of_now(config.model_dump(mode="json"))


def identity(config_file: Path) -> str:
    """Hash of the trajectory of a campaign that has begun, from its ``config.yaml``. Local.

    A later version of the program may know more keys. The file, which holds the keys at the campaign's start, has the
    same hash in all versions.

    Raises
    ------
    MissingFileError, ConfigError : no such file, or not readable.
    """
    return _hash_of_now(read_plain(config_file))


def accepted_identities(config_file: Path) -> tuple[str, ...]:
    """Hashes that a checkpoint of the campaign of ``config.yaml`` may have. Local.

    The hash of the file, that of its content as this version reads it (the same values may be written in another way),
    both as computed by version 0.1.0, and those with the calendars that the campaign had before it was extended.
    """
    plain, meant = read_plain(config_file), read_resolved(config_file).model_dump(mode="json")
    found = [hash_of(data) for data in (plain, meant) for hash_of in (_hash_of_now, _hash_of_0_1_0)]
    found += [name for event in read_events(config_file.parent) for name in event.get(IDENTITIES, ())]
    return tuple(dict.fromkeys(found))


def require_same_trajectory(before: CampaignConfig, after: CampaignConfig, what: str) -> None:
    """Raise ConfigError, naming the keys, if the trajectories of two configurations differ.

    Parameters
    ----------
    what : attempted the change, for the message.
    """
    changed = changed_trajectory(before, after)
    if changed:
        raise ConfigError(
            f"{what}: {listed(changed)} would change the trajectory, which has begun. Only these keys may change: "
            f"{FREE}. For other changes start another campaign."
        )


def require_same_records(before: VerificationConfig, after: VerificationConfig, what: str) -> None:
    """Raise ConfigError if two campaigns define the scores of every cycle differently."""
    changed = changed_records(before, after)
    if changed:
        raise ConfigError(
            f"{what}: {listed(changed)} would change the definition of the scores of every cycle, so scores.jsonl "
            f"would hold two kinds. The state does not depend on these keys: 'landda score DIR --set ...' verifies "
            f"a campaign with recorded output.series at other layers. For other scores start another campaign."
        )


def changed_trajectory(before: CampaignConfig, after: CampaignConfig) -> list[str]:
    """Dotted keys in which two trajectories differ."""
    one, other = (trajectory_of(config.model_dump(mode="json")) for config in (before, after))
    return list(_differences(one, other))


def changed_records(before: VerificationConfig, after: VerificationConfig) -> list[str]:
    """Dotted keys of ``RECORD_KEYS`` in which two campaigns differ."""
    return [f"verification.{name}" for name in RECORD_KEYS if getattr(before, name) != getattr(after, name)]


def listed(keys: Sequence[str], most: int = 6) -> str:
    """List keys for a message, the first few of many."""
    more = f" and {len(keys) - most} more keys" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def presented(campaign: CampaignConfig, asked: CampaignConfig) -> CampaignConfig:
    """A campaign's configuration with the presentation of another one.

    Parameters
    ----------
    campaign : of its folder.
    asked : of the same trajectory; gives description, data_root, catalogue, ``output.figures``, ``output.figure_style``
        and ``verification`` without ``RECORD_KEYS``.
    """
    recorded = {name: getattr(campaign.verification, name) for name in RECORD_KEYS}
    catalogue = dict(asked.catalogue)
    for section in campaign.observed_sections.values():
        if section.catalogue_entry is not None:
            catalogue[section.catalogue_entry] = campaign.catalogue[section.catalogue_entry]
    return campaign.model_copy(
        update={
            "description": asked.description,
            "data_root": asked.data_root,
            "catalogue": catalogue,
            "verification": asked.verification.model_copy(update=recorded),
            "output": campaign.output.model_copy(
                update={"figures": asked.output.figures, "figure_style": asked.output.figure_style}
            ),
        }
    )


def _hash_of_now(plain: Mapping[str, Any]) -> str:
    return _hash(yaml.safe_dump(trajectory_of(plain), sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _differences(before: Any, after: Any, place: str = "") -> Iterable[str]:
    """Dotted keys in which two trees of plain data differ, the innermost common ones."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            dotted = f"{place}.{name}" if place else str(name)
            if name not in before or name not in after:
                yield dotted
            else:
                yield from _differences(before[name], after[name], dotted)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _differences(*pair, f"{place}.{number}")
    elif before != after:
        yield place


_DEFAULTS_OF_0_1_0: Final[dict[str, Any]] = {
    "parallel": {"member_groups": 1, "roots": None},
    "checkpoint": {"every_hours": 24, "keep_last": 2, "keep_every": None, "mode": "auto", "restarts": False},
    "output": {
        "fields": ["background", "analysis", "increment", "innovation"],
        "every_hours": 24,
        "times": [],
        "layers": False,
        "profiles": [],
        "figures": True,
        "series": None,
    },
    "description": "",
    "data_root": ".",
}
_VERIFICATION_OF_0_1_0: Final[dict[str, Any]] = {
    "unobserved": False,
    "references": [],
    "stations": [],
    "twin_stations": None,
    "precipitation": None,
    "place": "nearest",
    "tolerance_minutes": 30.0,
    "anomaly": {"kind": "moving_window", "window_days": 35.0},
    "min_pairs": 20,
    "replicates": 500,
    "days": [],
    "drawn_stations": [],
}
_OPERATION_OF_0_1_0: Final[dict[str, Any]] = {
    "launch": "{exe} {namelist}",
    "side_by_side": 1,
    "nodes": [],
    "timeout_minutes": 60.0,
    "tries": 2,
    "environment": {},
    "keep_restarts": 2,
    "keep_history": False,
}


def _hash_of_0_1_0(plain: Mapping[str, Any]) -> str:
    """The hash that version 0.1.0 wrote to checkpoints: of the whole file, with defaults for keys without effect."""
    kept = {name: _DEFAULTS_OF_0_1_0.get(name, value) for name, value in plain.items()}
    kept["verification"] = {
        name: _VERIFICATION_OF_0_1_0.get(name, value) for name, value in (plain.get("verification") or {}).items()
    }
    model = kept.get("model")
    if isinstance(model, Mapping) and model.get("kind") == "colm":
        kept["model"] = {name: _OPERATION_OF_0_1_0.get(name, value) for name, value in model.items()}
    return _hash(yaml.safe_dump(kept, sort_keys=False))
