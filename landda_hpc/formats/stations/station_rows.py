"""Split station tables into header and rows: separators, quotes, comments, repeated headers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from landda_hpc.formats.stations.text import decode_text

SEPARATORS: Final = ",\t;|"

_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""Line that spreadsheet programs write before the header."""


class Rows:
    """Header and rows of a table.

    Attributes
    ----------
    header : names of the columns as in the file, without surrounding blanks.

    Raises
    ------
    DataError : the content is not text (``formats.stations.text.decode_text``).

    Notes
    -----
    The separator is the most frequent of comma, tab, semicolon and bar in the header, else blanks; a line ``sep=;``
    before the header overrides it. Empty lines, and comments (#) before the header, are skipped.
    """

    def __init__(self, content: bytes, source: str) -> None:
        lines = decode_text(content, source).split("\n")
        first, separator = 0, ""
        while first < len(lines) and (not lines[first].strip() or lines[first].lstrip().startswith("#")):
            first += 1
        if first < len(lines) and (match := _SEPARATOR_LINE.fullmatch(lines[first].strip(" "))):
            first, separator = first + 1, match[1]
        names = lines[first] if first < len(lines) else ""
        separator = separator or max(SEPARATORS, key=names.count)
        self._first = first
        self._reader = csv.reader(
            io.StringIO("\n".join(lines[first:])),
            delimiter=separator if separator in names else " ",
            skipinitialspace=True,
            strict=True,
        )
        self.header: list[str] = []
        self.header = self._next() or []

    @property
    def number(self) -> int:
        """Number of the line that was read last, from 1."""
        return self._first + self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        """Iterate over the rows after the header, without repeated headers (concatenated tables).

        Raises
        ------
        ValueError : a row with more cells than the header; a cell over several lines.
        csv.Error : an unclosed quote.
        """
        width = len(self.header)
        while (row := self._next()) is not None:
            if not any(row) or row == self.header:
                continue
            if any(row[width:]):
                raise ValueError(f"{len(row)} cells, the header has {width}")
            yield row

    def _next(self) -> list[str] | None:
        row = next(self._reader, None)
        if row is None:
            return None
        if any("\n" in cell for cell in row):
            raise ValueError("a quoted cell spans several lines; is a quote missing?")
        return [cell.strip() for cell in row]
