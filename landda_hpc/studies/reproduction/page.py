"""The page of a reproduction: one Markdown file with its figures next to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from landda_hpc.errors import LandDAError
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.verification.omissions import Gap, Gaps, gap_lines


def stamp(time: datetime) -> str:
    """Return a time in words, for example "2 June 2022, 06:00 UTC"."""
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


@dataclass(frozen=True)
class WrittenPage:
    """The written page.

    Attributes
    ----------
    path : path of reproduction.md.
    figures : files of the figures on the page.
    gaps : missing parts with reasons, including missing figures of the paper.
    """

    path: Path
    figures: tuple[Path, ...]
    gaps: tuple[Gap, ...]


class Page(MarkdownPage):
    """Text and figures in the order of the page.

    Attributes
    ----------
    folder : folder of reproduction.md and figures/.
    shown, missing : figures of the paper that are on the page, and those that are missing.
    gaps : missing parts, with reasons.
    """

    def __init__(self, folder: Path, title: str) -> None:
        super().__init__(title)
        self.folder = folder
        self.shown: list[str] = []
        self.missing: list[str] = []
        self.gaps = Gaps()
        self._files: list[Path] = []

    def attempt(self, what: str, numbers: Sequence[str], write: Callable[[], None]) -> None:
        """Write an optional part of the page; if this fails, report it there and continue.

        Parameters
        ----------
        what : name of the part in the list of missing parts.
        numbers : figures of the paper that belong to it.
        write : function that adds the part to this page.
        """
        try:
            write()
        except (LandDAError, OSError) as error:
            lost = [number for number in numbers if number not in self.shown and number not in self.missing]
            for number in lost:
                self.lacks(number, what, str(error), is_fault=True)
            if not lost:
                self.gaps.add(what, str(error), is_fault=True)
                self.text(f"**{what}**: not shown. {error}")

    def figure_file(self, name: str) -> Path:
        """Return the path of a figure with this name."""
        return self.folder / "figures" / f"{name}.png"

    def figure(self, number: str, name: str, caption: str) -> None:
        """Show a figure that was written to ``figure_file(name)``."""
        self.show(number, self.figure_file(name), caption)

    def show(self, number: str, path: Path, caption: str) -> None:
        """Show a figure from any place below the page's folder."""
        self._files.append(path)
        if number not in self.shown:
            self.shown.append(number)
        link = path.relative_to(self.folder).as_posix()
        self.picture(link, f"{number}: {caption}", f"**{number}.** {caption}")

    def lacks(self, number: str, what: str, why: str, *, is_fault: bool = False) -> None:
        """Report that a figure of the paper is missing, with the reason.

        Parameters
        ----------
        why : reason, a clause that can follow "because".
        is_fault : whether required data of the campaign could not be used.
        """
        self.missing.append(number)
        self.gaps.add(f"{number} ({what})", why, is_fault=is_fault)
        reason = why[:1].upper() + why[1:]
        self.lines += [f"**{number}** ({what}): not here. {reason}{'' if reason.endswith(('.', '?')) else '.'}", ""]

    def write(self) -> WrittenPage:
        """Write the page.

        Raises
        ------
        StorageError : the page cannot be written.
        """
        missing = [number for number in self.missing if number not in self.shown]
        summary = f"Figures of the paper on this page: {', '.join(self.shown) or 'none'}."
        summary += f" Not on it: {', '.join(dict.fromkeys(missing))}; see the end of the page." if missing else ""
        gaps = self.gaps.list()
        lines = [*self.lines[:2], summary, "", *self.lines[2:], *gap_lines(gaps)]
        path = self.folder / "reproduction.md"
        write_text(path, "\n".join(lines), make_folder=True)
        return WrittenPage(path, tuple(self._files), tuple(gaps))
