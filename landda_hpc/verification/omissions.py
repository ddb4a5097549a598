"""Parts that a page or a table omits, with reasons: a failing optional part does not affect the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from landda_hpc.errors import LandDAError

logger = logging.getLogger(__name__)

EXIT_CODE: Final = 5
"""Of a command that wrote its page, with gaps because of faults in what the configuration names."""

T = TypeVar("T")


@dataclass(frozen=True)
class Gap:
    """Something that is not shown.

    Attributes
    ----------
    what : for example "rain", "stations 'cma'", "Fig. 12".
    why : a sentence without its full stop, or several sentences.
    is_fault : whether something that the configuration names could not be used; else there was too little of it, or it
        was never asked for.
    """

    what: str
    why: str
    is_fault: bool

    def __str__(self) -> str:
        why = self.why.strip()
        return f"{self.what}: not shown, because {why}{'' if why.endswith('.') else '.'}"


class Gaps:
    """Collects gaps; each is logged once, faults as warnings."""

    def __init__(self) -> None:
        self._found: dict[Gap, None] = {}

    def add(self, what: str, why: str, *, is_fault: bool) -> Gap:
        """Note a gap."""
        gap = Gap(what, why, is_fault)
        if gap not in self._found:
            self._found[gap] = None
            logger.log(logging.WARNING if is_fault else logging.INFO, "%s", gap)
        return gap

    def attempt(self, what: str, make: Callable[[], T], otherwise: T) -> T:
        """Make an optional part; if that fails, note it and return the substitute."""
        try:
            return make()
        except (LandDAError, OSError) as error:
            self.add(what, str(error), is_fault=True)
            return otherwise

    def extend(self, gaps: Iterable[Gap]) -> None:
        """Note gaps that were logged before."""
        self._found |= dict.fromkeys(gaps)

    def list(self) -> list[Gap]:
        """All of them, in order."""
        return list(self._found)


def gap_lines(gaps: Sequence[Gap]) -> list[str]:
    """The gaps as lines of a Markdown list, with a heading; empty without any."""
    if not gaps:
        return []
    return ["## Not shown", "", *(f"- {_one_line(str(gap))}" for gap in gaps), ""]


def gap_summary(gaps: Sequence[Gap]) -> list[str]:
    """The same for the screen: one line each, the faults first."""
    ordered = [*(gap for gap in gaps if gap.is_fault), *(gap for gap in gaps if not gap.is_fault)]
    return [_one_line(str(gap)) for gap in ordered]


def exit_code(gaps: Iterable[Gap]) -> int:
    """0 if all data that the configuration names could be used."""
    return EXIT_CODE if any(gap.is_fault for gap in gaps) else 0


def _one_line(text: str) -> str:
    return " ".join(text.split())
