"""The one builder of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]], n_texts: int = 1) -> list[str]:
    """Return the lines of a table.

    Parameters
    ----------
    headings, rows : texts of the cells, one per column.
    n_texts : the first columns hold texts, aligned left; the others hold numbers, aligned right.
    """
    rule = "|" + "---|" * n_texts + "---:|" * (len(headings) - n_texts)
    return [_line(headings), rule, *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)
