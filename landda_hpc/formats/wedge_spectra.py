"""Error variances per wedge of a curvelet frame, as a small table in a CSV file: scale, wedge, variance."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError, MissingFileError

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.constants import FloatArray, IntArray

COLUMNS: Final = ("scale", "wedge", "variance_m6_m-6")
"""The header of the file."""


def read_wedge_spectrum(path: Path) -> tuple[IntArray, IntArray, FloatArray]:
    """Read scale, wedge and variance (m6 m-6) of each wedge, (n_wedges,) each, in the file's order.

    Raises
    ------
    MissingFileError : no such file.
    DataError : another header, a line that is not two whole numbers and a finite number of at least 0, or none.
    """
    if not path.is_file():
        raise MissingFileError(f"wedge spectrum '{path}' does not exist.")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise DataError(
            f"'{path}' begins with {','.join(lines[0]) if lines else 'nothing'}; expected {','.join(COLUMNS)}."
        )
    scale, wedge, variance = [], [], []
    for number, line in enumerate(lines[1:], start=2):
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
    """Write the table; every number is read back to the bit."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for a, b, value in zip(scale.tolist(), wedge.tolist(), variance.tolist(), strict=True):
            writer.writerow([a, b, repr(value)])
