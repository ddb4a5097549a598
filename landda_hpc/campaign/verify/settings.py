"""What a campaign is verified against, as a small YAML file beside the configuration: read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from landda_hpc.config import CampaignConfig
from landda_hpc.errors import ConfigError, MissingFileError
from landda_hpc.formats.atomic import write_text

SECTIONS: Final = ("verification", "catalogue", "data_root")
"""What such a file may hold: what decides no result of the campaign."""

NAME: Final = "verify.yaml"
"""The file in the folder of a verification; ``landda score --with`` takes it, ``landda plot`` looks for it."""


def read_settings(file: Path) -> dict[str, Any]:
    """Read a file of settings as changes to a configuration, by dotted keys; ``data_root`` becomes absolute.

    Raises
    ------
    MissingFileError : no such file.
    ConfigError : not YAML, or other sections than ``SECTIONS``.
    """
    if not file.is_file():
        raise MissingFileError(f"'{file}', which says what to verify against, does not exist.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{file}' is not valid YAML: {error}") from error
    if not isinstance(content, dict) or set(content) - set(SECTIONS):
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise ConfigError(f"'{file}' has {found}; expected sections {', '.join(SECTIONS)}.")
    changes: dict[str, Any] = {
        f"verification.{key}": value for key, value in (content.pop("verification", None) or {}).items()
    }
    changes |= content
    if "data_root" in content:
        changes["data_root"] = str((file.parent / str(content["data_root"])).resolve())
    return changes


def write_settings(config: CampaignConfig, folder: Path) -> Path:
    """Write what a campaign was verified against; returns the file.

    Raises
    ------
    StorageError : it cannot be written.
    """
    content = config.model_dump(mode="json", include=set(SECTIONS))
    path = folder / NAME
    write_text(path, yaml.safe_dump({name: content[name] for name in SECTIONS}, sort_keys=False), make_folder=True)
    return path
