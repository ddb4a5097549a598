"""The HTML page of a report: one file with texts, pictures, styles and script, from one template."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from landda_hpc import __version__
from landda_hpc.io.atomic import write_text

REPORT: Final = "report.html"
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Card:
    """A score in a box.

    Attributes
    ----------
    title, value, unit : what is shown large.
    lines : smaller texts below.
    colour : of the run's curves; empty for none.
    is_best : whether the card is marked as the best.
    """

    title: str
    value: str
    unit: str
    lines: Sequence[str]
    colour: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page: heading, and content in HTML that is already escaped."""

    title: str
    html: str

    @property
    def key(self) -> str:
        """Name of the section's anchor."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class ReportPage:
    """Content of a page; texts are plain and escaped by the template.

    Attributes
    ----------
    title : name of the campaign or study.
    kind : "Campaign", "Comparison" ..., above the title.
    headline : sentences, the most important first.
    notes : sentences that must be read before the numbers.
    facts : terms and descriptions of the experiment.
    cards, sections : in the order of the page; sections without content are omitted.
    data : of the script, for example the maps; None: no script.
    """

    title: str
    kind: str
    headline: Sequence[str]
    notes: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    cards: Sequence[Card] = ()
    sections: Sequence[Section] = ()
    data: dict[str, Any] | None = field(default=None)


def render_page(page: ReportPage) -> str:
    """Return the page as HTML."""
    import jinja2  # only here: most commands do not need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=True,
    )  # fmt: skip
    # "<" ends a script element in "</script>", whatever the JSON around it says.
    data = None if page.data is None else json.dumps(page.data, separators=(",", ":")).replace("<", "\\u003c")
    return environment.get_template("report.html.j2").render(
        page=page,
        sections=[section for section in page.sections if section.html],
        data=data,
        css=(_HERE / "report.css").read_text(encoding="utf-8"),
        script=(_HERE / "report.js").read_text(encoding="utf-8"),
        version=__version__,
    )


def write_report_page(path: Path, page: ReportPage) -> None:
    """Write the page atomically; StorageError if that fails."""
    write_text(path, render_page(page), make_folder=True)
