"""The one builder of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from landda_hpc.io.experiment_label import current_label


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


class MarkdownPage:
    """Title with the label of the experiment, sections, paragraphs, tables and pictures, in the order of the page.

    Attributes
    ----------
    lines : of the page so far; each part ends with an empty one.
    """

    def __init__(self, title: str) -> None:
        label = current_label()
        self.lines = [f"# {title} ({label})" if label else f"# {title}", ""]

    def section(self, title: str, *paragraphs: str) -> None:
        """Begin a section."""
        self.lines += [f"## {title}", ""]
        self.text(*paragraphs)

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs, or parts that are Markdown already; empty ones are left out."""
        for paragraph in paragraphs:
            self.lines += [paragraph.rstrip("\n"), ""] if paragraph else []

    def items(self, texts: Iterable[str]) -> None:
        """Add a list."""
        self.lines += [*(f"- {text}" for text in texts), ""]

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]], n_texts: int = 1) -> None:
        """Add a table; see ``table_lines``."""
        self.lines += [*table_lines(headings, rows, n_texts), ""]

    def picture(self, link: str, name: str, caption: str = "") -> None:
        """Add a picture.

        Parameters
        ----------
        link : path relative to the page.
        name : for readers who do not see it.
        caption : below it; none if empty.
        """
        self.lines += [f"![{name}]({link})", ""]
        self.text(caption)

    def content(self, ending: Iterable[str] = ()) -> str:
        """Return the page, with more lines at its end."""
        return "\n".join([*self.lines, *ending])
