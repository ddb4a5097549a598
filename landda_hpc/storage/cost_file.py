"""``cell_costs.json``: what the forecasts of a campaign's land cells cost, so that a resume partitions them by that.

The partition changes no bit of the result. A file that cannot be used is therefore left out with a warning.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.config import parse_json
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.io.atomic import storage_errors, write_text
from landda_hpc.parallel.cell_costs import CellCosts
from landda_hpc.storage.hashing import hash_array

NAME: Final = "cell_costs.json"
FORMAT: Final = "landda_hpc cell costs"
VERSION: Final = 1

logger = logging.getLogger(__name__)


def write_costs(folder: Path, costs: CellCosts) -> None:
    """Replace the file in a campaign's folder atomically. Local: rank 0.

    Raises
    ------
    StorageError : it cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "cells": costs.rule.size,
        "rule": _identity(costs.rule),
        "work": _short(costs.work),
        "correction": _short(costs.correction),
    }
    write_text(folder / NAME, json.dumps(content) + "\n")


def read_costs(folder: Path, rule: IntArray) -> CellCosts:
    """Costs of a campaign's land cells; those of the rule if there is no file, or none that can be used. Local: rank 0.

    Parameters
    ----------
    rule : cost of each land cell by the kinds of its tiles, (n_cells,).
    """
    path = folder / NAME
    if not path.is_file():
        return CellCosts.of_rule(rule)
    try:
        with storage_errors(path, "reading"):
            content = path.read_bytes()
        return _costs(content, rule)
    except (LandDAError, ValueError, TypeError, KeyError, RecursionError) as error:
        logger.warning(
            "%s is left out, and land cells are distributed by the kinds of their tiles until new costs are measured: "
            "%s",
            path,
            error if isinstance(error, LandDAError) else f"it is damaged ({error!r}).",
        )
        return CellCosts.of_rule(rule)


def _costs(content: bytes, rule: IntArray) -> CellCosts:
    found: dict[str, Any] = parse_json(content)
    kind = found["format"], found["version"]
    if kind != (FORMAT, VERSION):
        raise StorageError(f"it has the format '{kind[0]}', version {kind[1]}; expected '{FORMAT}', version {VERSION}.")
    if (found["cells"], found["rule"]) != (rule.size, _identity(rule)):
        raise StorageError(
            f"it is of {found['cells']} land cells with other tiles or another rule; the campaign has {rule.size}."
        )
    work, correction = (np.array(found[name], dtype=np.float64) for name in ("work", "correction"))
    return CellCosts(rule, work, correction)


def _short(values: FloatArray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _identity(rule: IntArray) -> str:
    return hash_array(rule.astype("<i8")).hex()
