"""Parts that a page or a table omits, with reasons: a failing optional part does not affect the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from landda_hpc.errors import LandDAError

logger = logging.getLogger(__name__)

EXIT_CODE: Final = 5
"""Exit code of a command whose page has gaps because configured data could not be used."""

T = TypeVar("T")


@dataclass(frozen=True)
class Gap:
    """A part that is not shown.

    Attributes
    ----------
    what : name of the part, for example "rain", "stations 'cma'", "Fig. 12".
    why : reason, a sentence without its full stop, or several sentences.
    is_fault : whether configured data could not be used; otherwise there were too few data, or none were configured.
    """

    what: str
    why: str
    is_fault: bool

    def __str__(self) -> str:
        why = self.why.strip()
        return f"{self.what}: not shown, because {why}{'' if why.endswith(('.', '?')) else '.'}"


class Gaps:
    """Collection of gaps; each is logged once, faults as warnings."""

    def __init__(self) -> None:
        self._found: dict[Gap, None] = {}

    def add(self, what: str, why: str, *, is_fault: bool) -> Gap:
        """Add and return a gap."""
        gap = Gap(what, why, is_fault)
        if gap not in self._found:
            self._found[gap] = None
            logger.log(logging.WARNING if is_fault else logging.INFO, "%s", gap)
        return gap

    def attempt(self, what: str, make: Callable[[], T], otherwise: T) -> T:
        """Make an optional part; if that fails, add a gap and return the substitute."""
        try:
            return make()
        except (LandDAError, OSError) as error:
            self.add(what, str(error), is_fault=True)
            return otherwise

    def extend(self, gaps: Iterable[Gap]) -> None:
        """Add gaps that were logged before."""
        self._found |= dict.fromkeys(gaps)

    def list(self) -> list[Gap]:
        """Return all gaps, in order."""
        return list(self._found)


def gap_lines(gaps: Sequence[Gap]) -> list[str]:
    """Return the gaps as lines of a Markdown list, with a heading; empty without gaps."""
    if not gaps:
        return []
    return ["## Not shown", "", *(f"- {_one_line(str(gap))}" for gap in gaps), ""]


def gap_summary(gaps: Sequence[Gap]) -> list[str]:
    """Return the gaps for the screen: one line each, the faults first."""
    ordered = [*(gap for gap in gaps if gap.is_fault), *(gap for gap in gaps if not gap.is_fault)]
    return [_one_line(str(gap)) for gap in ordered]


def exit_code(gaps: Iterable[Gap]) -> int:
    """Return ``EXIT_CODE`` if a gap is a fault, 0 otherwise."""
    return EXIT_CODE if any(gap.is_fault for gap in gaps) else 0


def _one_line(text: str) -> str:
    return " ".join(text.split())
