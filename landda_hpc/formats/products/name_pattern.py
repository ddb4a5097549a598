"""Parse times in file names with a pattern of strftime codes."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from landda_hpc.errors import DataError

Level = Literal["year", "month", "day", "hour", "minute", "second"]

LEVELS: Final[tuple[Level, ...]] = ("year", "month", "day", "hour", "minute", "second")
"""Possible resolutions of the time in a name, from coarse to fine."""

_DIGITS: Final = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
_COMPOSED: Final = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y"}
_MONTHS: Final = {"b": calendar.month_abbr, "h": calendar.month_abbr, "B": calendar.month_name}
_FIELD: Final = {"y": "Y", "b": "m", "h": "m", "B": "m"}
"""Codes that stand for the same field as another code."""
_CODE: Final = re.compile(r"%(-?)([A-Za-z%])|(\*)")

_FIXED: Final = {
    "d": re.compile(r"T?(\d{2})(\d{2})?(\d{2})?(?!\d)"),
    "j": re.compile(r"T?(\d{2})(\d{2})?(\d{2})?(?!\d)"),
    "H": re.compile(r"(\d{2})(\d{2})?(?!\d)"),
    "M": re.compile(r"(\d{2})(?!\d)"),
}
"""Digits directly after a code in a pattern are the next finer parts of the time: ``%Y%m%d120000``, ``%H00``."""
_NEXT: Final = {"d": "HMS", "j": "HMS", "H": "MS", "M": "S"}

_HINT: Final = "?"
"""Field for digits under a wildcard that look like a finer part of the time."""

_KEPT: Final = 100_000
"""Number of names whose times are cached."""

_Fields = frozenset[tuple[str, int]]


@dataclass(frozen=True, order=True)
class NamedPeriod:
    """Period given by the time in a name.

    Attributes
    ----------
    begin, end : period [begin, end), UTC.
    level : resolution of the time in the name.
    """

    begin: datetime
    end: datetime
    level: Level = field(compare=False)

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether [start, end], both included, overlaps the period."""
        return self.begin <= end and self.end > start


@dataclass(frozen=True)
class _Token:
    """A piece of a pattern: text, a code with its number of digits (0: the name of a month), or a wildcard."""

    kind: Literal["text", "code", "any"]
    text: str
    n_digits: tuple[int, int] = (0, 0)
    states: _Fields = frozenset()


class NamePattern:
    """File names with strftime codes for the time and ``*`` for unknown parts.

    Parameters
    ----------
    text : pattern relative to a folder, e.g. ``%Y/%j/X.A%Y%m%d.%H00.*.nc``. Digits right after ``%d``, ``%j``, ``%H``
        or ``%M`` are hours, minutes and seconds.

    Notes
    -----
    Parts of the time may occur in folder names and may be repeated. Codes other than those of year, month, day, day of
    the year, hour, minute and second are ignored when a name is parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = _tokens(text)
        stated = {_FIELD.get(token.text, token.text) for token in self._tokens if token.kind == "code"}
        stated |= {name for token in self._tokens for name, _ in token.states}
        self.level: Level | None = None
        """Resolution of the time in the pattern; None if the pattern has no time."""
        for level, name in zip(LEVELS, "YmdHMS", strict=True):
            if name in stated or (level == "day" and "j" in stated):
                self.level = level
        self._parts = PurePosixPath(text).parts
        self._prefixes: tuple[NamePattern, ...] | None = None
        self._read: dict[str, list[NamedPeriod] | DataError] = {}

    def periods(self, name: str) -> list[NamedPeriod]:
        """Return the possible periods of a name, in order; only one if the name is unambiguous.

        Raises
        ------
        DataError : the parts of the name contradict each other, or are not a valid time.
        """
        known = self._read.get(name)
        if known is None:
            if len(self._read) >= _KEPT:
                self._read.clear()
            try:
                known = self._periods(name)
            except DataError as error:
                known = error
            self._read[name] = known
        if isinstance(known, DataError):
            raise known
        return known

    def _periods(self, name: str) -> list[NamedPeriod]:
        ways = _ways(self._tokens, name, whole=True) or _ways(self._tokens, name, whole=False)
        found = {period for fields in ways if (period := _period(fields)) is not None}
        if not found and ways and any(_has_year(fields) for fields in ways):
            raise DataError(
                f"the name '{name}' contradicts itself by the pattern '{self.text}': it states "
                f"{_describe(min(ways, key=sorted))}. Rename the file, or correct the pattern."
            )
        return sorted(found)

    def time_of(self, name: str, step: timedelta) -> datetime:
        """Return the time in the name of a file without a time axis.

        Parameters
        ----------
        name : path relative to the folder of the pattern.
        step : interval between two images. If it is a day or more, a name without an hour means 00 UTC.

        Raises
        ------
        DataError : the name has no day, or no hour although the step is shorter than a day; it has several times, or
            its parts contradict each other.
        """
        ways = _ways(self._tokens, name, whole=False)
        if not ways:
            raise DataError(f"the name '{name}' does not match the pattern '{self.text}', so its time is unknown.")
        found = self.periods(name)
        if not found or found[0].level in ("year", "month"):
            raise DataError(
                f"file '{name}' has no time axis, and the pattern '{self.text}' states no day of it. Write the codes "
                "of its time where they are in the name, e.g. %Y%m%d%H."
            )
        if len(found) > 1:
            raise DataError(
                f"file '{name}' has no time axis, and by the pattern '{self.text}' its name may state "
                f"{' or '.join(period.begin.isoformat() for period in found)}. Make the pattern more specific."
            )
        if all(_HINT in dict(fields) for fields in ways):
            raise DataError(
                f"file '{name}' has no time axis, and its name continues with digits where the pattern '{self.text}' "
                "has a wildcard right after the time. Write the codes of the hour (and the minute) there, e.g. %H."
            )
        if found[0].level == "day" and step < timedelta(days=1):
            raise DataError(
                f"file '{name}' has no time axis, and the pattern '{self.text}' states no hour, while images are "
                f"{step / timedelta(hours=1):g} h apart. Write %H where the hour is in the name; of daily images set "
                "step_hours: 24, and they are valid at 00 UTC."
            )
        return found[0].begin

    def find(
        self,
        root: Path,
        listed: Callable[[Path], list[str]],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[tuple[Path, NamedPeriod | None]]:
        """Find files that match the pattern, of any time or from ``start`` to ``end``.

        Parameters
        ----------
        root : the folder to which the pattern is relative.
        listed : returns the names in a folder, sorted.

        Yields
        ------
        Files in order of name, and the first possible period of the name. The period is None if the name has no time,
        or contradicts itself; such files are omitted if ``start`` and ``end`` are given.
        """
        folders = [("", root)]
        if self._prefixes is None:
            self._prefixes = tuple(NamePattern("/".join(self._parts[: i + 1])) for i in range(len(self._parts)))
        for i, (part, prefix) in enumerate(zip(self._parts, self._prefixes, strict=True)):
            is_last = i == len(self._parts) - 1
            below: list[tuple[str, Path]] = []
            for relative, folder in folders:
                for name in _names(part, folder, listed):
                    path = f"{relative}/{name}" if relative else name
                    matches, period = prefix._look(path, start, end)
                    if matches and is_last and (folder / name).is_file():
                        yield folder / name, period
                    elif matches and not is_last:
                        below.append((path, folder / name))
            folders = below

    def _look(self, name: str, start: datetime | None, end: datetime | None) -> tuple[bool, NamedPeriod | None]:
        """Whether a name matches and may have a time from start to end, and its period."""
        try:
            found = self.periods(name)
        except DataError:
            return start is None, None
        if not found:
            matches = bool(_ways(self._tokens, name, whole=False))
            return matches and (start is None or self.level is None), None
        if start is not None and end is not None:
            found = [period for period in found if period.overlaps(start, end)]
        return bool(found), found[0] if found else None


def _names(part: str, folder: Path, listed: Callable[[Path], list[str]]) -> list[str]:
    """Names in a folder that may match a part of a pattern."""
    return listed(folder) if _CODE.search(part) else [part]


def _tokens(text: str) -> tuple[_Token, ...]:
    for code, composed in _COMPOSED.items():
        text = text.replace(f"%{code}", composed)
    tokens: list[_Token] = []
    place = 0
    for match in _CODE.finditer(text):
        _add_text(tokens, text[place : match.start()], text[match.start() :])
        place = match.end()
        short, code, star = match.groups()
        if star:
            tokens.append(_Token("any", "*"))
        elif code == "%":
            tokens.append(_Token("text", "%"))
        elif code in _DIGITS:
            tokens.append(_Token("code", code, (1 if short else _DIGITS[code], _DIGITS[code])))
        elif code in _MONTHS:
            tokens.append(_Token("code", code))
        else:
            tokens.append(_Token("any", code))
    _add_text(tokens, text[place:], "")
    return tuple(tokens)


def _add_text(tokens: list[_Token], text: str, rest: str) -> None:
    """Add text; digits at its beginning may be hours, minutes and seconds."""
    if not text:
        return
    before = tokens[-1].text if tokens and tokens[-1].kind == "code" else ""
    match = _FIXED[before].match(text) if before in _FIXED else None
    if match is not None and not (match.end() == len(text) and rest.startswith("%")):
        states = frozenset((name, int(d)) for name, d in zip(_NEXT[before], match.groups(), strict=True) if d)
        tokens.append(_Token("text", match.group(0), states=states))
        text = text[match.end() :]
    if text:
        tokens.append(_Token("text", text))


def _ways(tokens: tuple[_Token, ...], name: str, *, whole: bool) -> set[_Fields]:
    """Return the fields of the time from all ways to parse a name.

    Parameters
    ----------
    whole : a code after a wildcard must not begin within a number.
    """
    states: dict[int, set[_Fields]] = {0: {frozenset()}}
    previous: _Token | None = None
    for token in tokens:
        following: dict[int, set[_Fields]] = {}
        for place, known in states.items():
            cuts = place > 0 and name[place - 1 : place].isdigit() and name[place : place + 1].isdigit()
            if whole and cuts and previous is not None and previous.kind == "any" and token.kind == "code":
                continue
            hint = _hint(previous, name[place:]) if token.kind == "any" else frozenset()
            for end, states_also in _steps(token, name, place):
                also = states_also if end == place else states_also | hint
                following.setdefault(end, set()).update(fields | also for fields in known)
        states, previous = following, token
    return states.get(len(name), set())


def _hint(previous: _Token | None, rest: str) -> _Fields:
    """Meaning that digits directly after a code would have if the pattern had a code instead of the wildcard."""
    code = previous.text if previous is not None and previous.kind == "code" else ""
    match = _FIXED[code].match(rest) if code in _FIXED else None
    if match is None or not any(int(digits) for digits in match.groups() if digits):
        return frozenset()
    return frozenset({(_HINT, int(match.group(1)))})


def _steps(token: _Token, name: str, place: int) -> Iterator[tuple[int, _Fields]]:
    """Possible ends of a token that begins at a position in a name, with the fields that it gives."""
    if token.kind == "text":
        if name.startswith(token.text, place):
            yield place + len(token.text), token.states
    elif token.kind == "any":
        for end in range(place, len(name) + 1):
            yield end, frozenset()
            if end < len(name) and name[end] == "/":
                return
    elif token.text in _MONTHS:
        for number, word in enumerate(_MONTHS[token.text]):
            if number and name[place : place + len(word)].lower() == word.lower():
                yield place + len(word), frozenset({("m", number)})
    else:
        least, most = token.n_digits
        for length in range(least, most + 1):
            digits = name[place : place + length]
            if len(digits) == length and digits.isascii() and digits.isdigit():
                number = int(digits)
                if token.text == "y":
                    yield place + length, frozenset({("Y", number + (1900 if number >= 69 else 2000))})
                else:
                    yield place + length, frozenset({(token.text, number)})


def _has_year(fields: _Fields) -> bool:
    return any(name == "Y" for name, _ in fields)


def _period(fields: _Fields) -> NamedPeriod | None:
    """Period given by the fields; None without a year, for an invalid date or for two dates."""
    found = dict(fields)
    hinted = found.pop(_HINT, None) is not None
    if len(found) + hinted < len(fields) or "Y" not in found or not 1 <= found["Y"] <= 9998:
        return None
    year = found["Y"]
    try:
        if "j" in found:
            date = datetime(year, 1, 1) + timedelta(days=found["j"] - 1)
            if date.year != year or found.get("m", date.month) != date.month or found.get("d", date.day) != date.day:
                return None
            found.update(m=date.month, d=date.day)
        if "m" not in found:
            return NamedPeriod(datetime(year, 1, 1), datetime(year + 1, 1, 1), "year")
        begin = datetime(year, found["m"], 1)
        if "d" not in found:
            return NamedPeriod(begin, (begin + timedelta(days=31)).replace(day=1), "month")
        begin = datetime(year, found["m"], found["d"])
        length, level = timedelta(days=1), LEVELS[2]
        for name, finer, part in (
            ("H", LEVELS[3], timedelta(hours=1)),
            ("M", LEVELS[4], timedelta(minutes=1)),
            ("S", LEVELS[5], timedelta(seconds=1)),
        ):
            if name not in found:
                break
            if not 0 <= found[name] < round(length / part):
                return None
            begin, length, level = begin + found[name] * part, part, finer
    except ValueError:
        return None
    return NamedPeriod(begin, begin + length, level)


def _describe(fields: _Fields) -> str:
    words = {"Y": "year", "m": "month", "d": "day", "j": "day of the year", "H": "hour", "M": "minute", "S": "second"}
    ordered = sorted(
        (pair for pair in fields if pair[0] != _HINT), key=lambda pair: ("YmdjHMS".index(pair[0]), pair[1])
    )
    return ", ".join(f"{words[name]} {number}" for name, number in ordered)
