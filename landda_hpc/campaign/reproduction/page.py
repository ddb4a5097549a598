"""The page of a reproduction: one Markdown file with its figures beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from landda_hpc.formats.atomic import write_text


def stamp(time: datetime) -> str:
    """For example "2 June 2022, 06:00 UTC"."""
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


class Page:
    """Text and figures in the order in which they are told.

    Attributes
    ----------
    folder : gets reproduction.md and figures/.
    shown, missing : the paper's figures that the page has, and those it has not.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        self.shown: list[str] = []
        self.missing: list[str] = []
        self._lines = [f"# {title}", ""]
        self._files: list[Path] = []

    def section(self, title: str) -> None:
        """Begin a section."""
        self._lines += [f"## {title}", ""]

    def text(self, *paragraphs: str) -> None:
        """Add paragraphs, or tables."""
        for paragraph in paragraphs:
            self._lines += [paragraph.rstrip("\n"), ""]

    def figure_file(self, name: str) -> Path:
        """Where a figure of this name belongs."""
        return self.folder / "figures" / f"{name}.png"

    def figure(self, number: str, name: str, caption: str) -> None:
        """Show a figure that was written to ``figure_file(name)``."""
        self.show(number, self.figure_file(name), caption)

    def show(self, number: str, path: Path, caption: str) -> None:
        """Show a picture from anywhere below the page's folder."""
        self._files.append(path)
        if number not in self.shown:
            self.shown.append(number)
        self._lines += [f"![{number}: {caption}]({path.relative_to(self.folder).as_posix()})", ""]
        self._lines += [f"**{number}.** {caption}", ""]

    def lacks(self, number: str, what: str, why: str) -> None:
        """Say that a figure of the paper is not here, and why."""
        self.missing.append(number)
        self._lines += [f"**{number}** ({what}): not here. {why}", ""]

    def write(self) -> list[Path]:
        """Write the page; returns its files, the page first.

        Raises
        ------
        StorageError : it cannot be written.
        """
        summary = f"Figures of the paper on this page: {', '.join(self.shown) or 'none'}."
        summary += f" Not possible here: {', '.join(self.missing)}." if self.missing else ""
        lines = [*self._lines[:2], summary, "", *self._lines[2:]]
        path = self.folder / "reproduction.md"
        write_text(path, "\n".join(lines), make_folder=True)
        return [path, *self._files]
