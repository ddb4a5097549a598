"""The years of weather that a spin-up repeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from landda_hpc.config.domain import LAST_YEAR
from landda_hpc.errors import ConfigError
from landda_hpc.formats.own.spun_up import YEAR_DAYS


@dataclass(frozen=True)
class ForcingPeriod:
    """Whole years of weather from a date to the same date, in the standard calendar.

    A single year has 365 days: if it contains a 29 February, it ends a day before the same date. A period of several
    years that begins on 29 February ends on 1 March if the last year has no such day.

    Attributes
    ----------
    start : beginning, UTC.
    years : number of years.
    """

    start: datetime
    years: int = 1

    def __post_init__(self) -> None:
        if self.years < 1 or self.start.year + self.years > LAST_YEAR:
            raise ConfigError(
                f"--period-years {self.years} from {self.start:%Y-%m-%d}: expected at least 1 year, and an end before "
                f"{LAST_YEAR}."
            )

    @property
    def end(self) -> datetime:
        """End of the period; the weather at its start follows."""
        return self.begin_of(self.years)

    @property
    def seconds(self) -> float:
        """Length, s."""
        return (self.end - self.start).total_seconds()

    def begin_of(self, year: int) -> datetime:
        """Beginning of a year, numbered from 0; the end of the period for the number after the last."""
        if self.years == 1:
            return self.start + timedelta(days=year * YEAR_DAYS)
        date = self.start.year + year
        try:
            return self.start.replace(year=date)
        except ValueError:
            return self.start.replace(year=date, month=3, day=1)

    def months(self, year: int) -> list[tuple[datetime, datetime]]:
        """Beginnings and ends of twelve parts, of whole days, of a year numbered from 0."""
        begin = self.begin_of(year)
        days = (self.begin_of(year + 1) - begin).days
        return list(pairwise(begin + timedelta(days=days * k // 12) for k in range(13)))

    def describe(self) -> str:
        """Describe the period in a few words."""
        years = "1 year" if self.years == 1 else f"{self.years} years"
        return f"{years} from {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
