"""Parts of the year that have a climatology each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

SeasonKind = Literal["year", "season", "month", "month_window"]

SEASON_KINDS: Final[tuple[SeasonKind, ...]] = get_args(SeasonKind)

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Seasons:
    """Division of the year into seasons.

    Attributes
    ----------
    kind : ``year``: no division; ``season``: December to February, March to May, and so on; ``month``: calendar months;
        ``month_window``: calendar months whose climatologies also use the month before and the month after.
    """

    kind: SeasonKind = "year"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the seasons in order; empty without a division."""
        match self.kind:
            case "year":
                return ()
            case "season":
                return ("DJF", "MAM", "JJA", "SON")
            case "month" | "month_window":
                return _MONTHS

    def index(self, time: datetime) -> int:
        """Number of the season that contains a time.

        Raises
        ------
        ValueError : the year is not divided.
        """
        if self.kind == "year":
            raise ValueError("the year is not divided into seasons.")
        return time.month % 12 // 3 if self.kind == "season" else time.month - 1

    def trains(self, number: int, time: datetime) -> bool:
        """Whether the values of a time enter the climatology of a season."""
        distance = abs(self.index(time) - number)
        return min(distance, len(self.names) - distance) <= (self.kind == "month_window")


WHOLE_YEAR: Final = Seasons()
"""No division of the year."""
