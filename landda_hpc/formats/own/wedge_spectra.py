"""Error variances per wedge of a curvelet frame in a CSV file with the columns scale, wedge, variance.

Lines that begin with # are notes. ``NOTE`` says that the variances are those of the errors themselves. Files of
``landda study archive`` without it hold ratios of the energy to that of white noise, which depend on the archive's
mask.
"""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.io.csv_table import write_csv

logger = logging.getLogger(__name__)

NOTE: Final = "# variances of the errors themselves: the mixing of wedges by the archive's masks is taken out"
"""First line of files written by ``write_wedge_spectrum``."""

COLUMNS: Final = ("scale", "wedge", "variance_m6_m-6")
"""Header of the file."""


def read_wedge_spectrum(path: Path) -> tuple[IntArray, IntArray, FloatArray]:
    """Read scale, wedge and variance (m6 m-6) of each wedge, (n_wedges,) each, in the file's order.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : an unexpected header; a line other than two integers and a finite number of at least 0; no lines.

    Notes
    -----
    A warning is logged if the file lacks ``NOTE``.
    """
    if not path.is_file():
        raise MissingFileError(f"wedge spectrum '{path}' does not exist.")
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read().splitlines()
    notes = [line for line in text if line.startswith("#")]
    lines = [(number, row) for number, row in enumerate(csv.reader(text), start=1) if not row or row[0][:1] != "#"]
    if not lines or tuple(lines[0][1]) != COLUMNS:
        raise DataError(
            f"'{path}' begins with {','.join(lines[0][1]) if lines else 'nothing'}; expected {','.join(COLUMNS)}."
        )
    if NOTE not in notes:
        logger.warning(
            "%s does not say that its variances are of the errors themselves, without the mixing of wedges by a mask. "
            "Those of older versions of 'landda study archive' are not: create it again. If they are, start the file "
            "with: %s",
            path, NOTE,
        )  # fmt: skip
    scale, wedge, variance = [], [], []
    for number, line in lines[1:]:
        try:
            a, b, value = int(line[0]), int(line[1]), float(line[2])
            if len(line) != len(COLUMNS) or not 0.0 <= value < np.inf:
                raise ValueError
        except (ValueError, IndexError) as error:
            raise DataError(f"'{path}', line {number}: {','.join(line)!r}; expected {','.join(COLUMNS)}.") from error
        scale.append(a)
        wedge.append(b)
        variance.append(value)
    if not scale:
        raise DataError(f"'{path}' has no wedges below its header.")
    return np.array(scale, dtype=np.int64), np.array(wedge, dtype=np.int64), np.array(variance)


def write_wedge_spectrum(path: Path, scale: IntArray, wedge: IntArray, variance: FloatArray) -> None:
    """Write the table; all numbers can be read back exactly."""
    rows = zip(scale.tolist(), wedge.tolist(), variance.tolist(), strict=True)
    write_csv(path, COLUMNS, rows, comment=NOTE)
