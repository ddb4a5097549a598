"""The one writer of CSV tables: one header line, atomically.

Tables are read with pandas (``open_campaign``) and not written with it: its import would delay every process, and
``DataFrame.to_csv`` does not format numbers of columns that also hold texts.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from landda_hpc.io.atomic import write_text


def write_csv(
    path: Path,
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    digits: int | None = None,
    missing: str = "",
    comment: str = "",
) -> None:
    """Write a table atomically; makes the folder. Local.

    Parameters
    ----------
    path, names, rows : the file, its columns, and a value of each in every row.
    digits : significant digits of floating-point numbers; None keeps every bit.
    missing : text of NaN.
    comment : first line, before the header.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    write_text(path, csv_text(names, rows, digits=digits, missing=missing, comment=comment), make_folder=True)


def csv_text(
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    digits: int | None = None,
    missing: str = "",
    comment: str = "",
) -> str:
    """Return the text that ``write_csv`` writes."""
    text = io.StringIO()
    if comment:
        text.write(comment + "\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_plain(value, digits, missing) for value in row])
    return text.getvalue()


def _plain(value: object, digits: int | None, missing: str) -> object:
    if not isinstance(value, float | np.floating):
        return value
    if math.isnan(value):
        return missing
    return float(value) if digits is None else f"{float(value):.{digits}g}"
