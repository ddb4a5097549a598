"""Verification settings, a small YAML file, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from landda_hpc.config import VerificationConfig, absolute_root, read_document, shorten
from landda_hpc.errors import ConfigError
from landda_hpc.io.atomic import write_text
from landda_hpc.observation.catalogue import Catalogue

SECTIONS: Final = ("verification", "catalogue", "data_root")
"""Sections allowed in such a file; they do not affect results of the campaign."""

NAME: Final = "verify.yaml"
"""Name of the file in the folder of a verification; ``landda score --with`` and ``landda plot`` read it."""


def read_settings(file: Path) -> dict[str, Any]:
    """Read a file of settings as changes to a configuration, by dotted keys; ``data_root`` becomes absolute.

    Raises
    ------
    MissingFileError : the file does not exist.
    ConfigError : the file is not YAML, or has other sections than ``SECTIONS``.
    """
    content = read_document(file, "settings of a verification")
    if not isinstance(content, dict) or set(content) - set(SECTIONS):
        found = shorten(", ".join(content), 200) if isinstance(content, dict) else type(content).__name__
        raise ConfigError(f"'{file}' has {found}; expected sections {', '.join(SECTIONS)}.")
    wanted = content.pop("verification", None) or {}
    if not isinstance(wanted, dict):
        raise ConfigError(f"'{file}': verification is {type(wanted).__name__}; expected keys and values.")
    changes: dict[str, Any] = {f"verification.{key}": value for key, value in wanted.items()}
    changes |= content
    if "data_root" in content:
        changes["data_root"] = absolute_root(file.parent, content["data_root"])
    return changes


def write_settings(asked: VerificationConfig, catalogue: Catalogue, folder: Path) -> Path:
    """Write the settings of a verification, and return the path of the file.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    content = (
        asked.model_dump(mode="json"),
        {name: entry.model_dump(mode="json") for name, entry in catalogue.entries.items()},
        str(catalogue.data_root),
    )
    path = folder / NAME
    text = yaml.safe_dump(dict(zip(SECTIONS, content, strict=True)), sort_keys=False)
    write_text(path, text, make_folder=True)
    return path
