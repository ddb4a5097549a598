"""Read and replace values of a Fortran namelist; every other character stays as the user wrote it.

A parser that rewrites the namelist would lose the user's comments and order. This module replaces, in place, only the
values that a forecast window needs. Missing keys are added before the end of the group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landda_hpc.errors import DataError, MissingFileError

Value = bool | int | float | str

_NAME: Final = r"[A-Za-z_]\w*(?:\s*\([^()=]*\))?(?:\s*%\s*[A-Za-z_]\w*(?:\s*\([^()=]*\))?){0,8}"
_ASSIGNMENT: Final = re.compile(rf"(?<![\w%)])({_NAME})\s*=")
_LOGICAL: Final = re.compile(r"\.?([tf])\w*\.?", re.IGNORECASE)
_LARGEST_FILE: Final = 4 * 2**20
_MOST_VALUES: Final = 100_000
_LONGEST_NUMBER: Final = 60
_REPEAT: Final = re.compile(r"(\d+)\*(.+)", re.DOTALL)


@dataclass(frozen=True)
class _Assignment:
    """One ``name = value`` of the group: the key in canonical form, and the position of the value in the text."""

    key: str
    start: int
    stop: int


class Namelist:
    """One group of a namelist file.

    Parameters
    ----------
    text : the whole file.
    group : name of the group, e.g. ``nl_colm``. Upper and lower case are equivalent, here and in keys.
    source : the file, for messages.

    Raises
    ------
    DataError : the group is missing or not terminated.

    Attributes
    ----------
    text, group, source : as given.

    Notes
    -----
    Keys are written as in the file: ``DEF_CASE_NAME``, ``DEF_simulation_time%start_year``, ``DEF_forcing%fprefix(4)``.
    If a key occurs twice, the later one counts, as in Fortran.
    """

    def __init__(self, text: str, group: str = "nl_colm", source: str = "namelist") -> None:
        self.text, self.group, self.source = text, group, source
        masked = _mask(text)
        begin = _begin(masked, group)
        if begin is None:
            raise DataError(f"{source} has no namelist group &{group}. Is it CoLM's namelist?")
        end = re.compile(r"/|[&$]end\b", re.IGNORECASE).search(masked, begin.end())
        if end is None:
            raise DataError(f"{source}: the group &{group} does not end; put a line with / after its last key.")
        self._end = end.start()
        found = list(_ASSIGNMENT.finditer(masked, begin.end(), self._end))
        stops = [m.start() for m in found[1:]] + [self._end] * bool(found)
        self._assignments: dict[str, _Assignment] = {}
        for match, stop in zip(found, stops, strict=True):
            value = masked[match.end() : stop]
            length = len(value.rstrip(" \t\r\n,"))
            start = match.end() + len(value) - len(value.lstrip())
            key = _canonical(match.group(1))
            self._assignments[key] = _Assignment(key, start, max(start, match.end() + length))

    @classmethod
    def from_file(cls, path: Path, *groups: str) -> Namelist:
        """Read the namelist in a file; bytes that are not UTF-8 (comments in another encoding) are kept.

        Parameters
        ----------
        groups : the first of these groups that the file has is read; default ``nl_colm``.

        Raises
        ------
        MissingFileError, DataError : the file does not exist, or has none of these groups.
        """
        if not path.is_file():
            raise MissingFileError(f"namelist '{path}' does not exist.")
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except OSError as error:
            raise DataError(f"namelist '{path}' cannot be read: {error.strerror}.") from error
        if len(content) > _LARGEST_FILE:
            raise DataError(f"namelist '{path}' is larger than {_LARGEST_FILE // 2**20} MB. Is it CoLM's namelist?")
        text = content.decode("utf-8", "surrogateescape")
        wanted, masked = groups or ("nl_colm",), _mask(text)
        found = [group for group in wanted if _begin(masked, group) is not None]
        if not found:
            names = " or ".join(f"&{group}" for group in wanted)
            raise DataError(f"{path} has no namelist group {names}. Is it CoLM's namelist?")
        return cls(text, found[0], str(path))

    @property
    def content(self) -> bytes:
        """The text as bytes; equal to those that ``from_file`` read, except for replaced values."""
        return self.text.encode("utf-8", "surrogateescape")

    def __contains__(self, key: str) -> bool:
        return _canonical(key) in self._assignments

    def values(self, key: str) -> tuple[Value, ...]:
        """All values of a key, those of an array in order; empty if the key is missing.

        Raises
        ------
        DataError : a value is not a Fortran constant.
        """
        place = self._assignments.get(_canonical(key))
        if place is None:
            return ()
        return tuple(_values(self.text[place.start : place.stop], f"{self.source}: {key}"))

    def element(self, key: str, number: int) -> Value | None:
        """Element (counted from 1) of an array that the file sets as a whole, by sections or by element; None if unset.

        ``a = x, y``, ``a(1:2) = x, y`` and ``a(1) = x  a(2) = y`` are equivalent. If an element is set more than once,
        the last value counts, as in Fortran.
        """
        wanted, found, at = _canonical(key), None, -1
        for place in self._assignments.values():
            array = re.fullmatch(rf"{re.escape(wanted)}(?:\((\d+)(?::\d*)?\))?", place.key)
            values = self.values(place.key) if array and place.start > at else ()
            index = number - int(array[1] or 1) if array else -1
            if 0 <= index < len(values):
                found, at = values[index], place.start
        return found

    def text_value(self, key: str) -> str | None:
        """A key's text without surrounding blanks; None if the key is missing. DataError if it is not a text."""
        found = self._one(key)
        if found is not None and not isinstance(found, str):
            raise DataError(f"{self.source}: {key} is {found}; expected a text in quotes.")
        return None if found is None else found.strip()

    def number(self, key: str) -> float | None:
        """A key's number; None if the key is missing. DataError if it is not a number."""
        found = self._one(key)
        if isinstance(found, bool | str):
            raise DataError(f"{self.source}: {key} is {found!r}; expected a number.")
        return found

    def logical(self, key: str) -> bool | None:
        """A key's logical value; None if the key is missing. DataError if it is not a logical."""
        found = self._one(key)
        if found is not None and not isinstance(found, bool):
            raise DataError(f"{self.source}: {key} is {found!r}; expected .true. or .false.")
        return found

    def with_values(self, values: Mapping[str, Value]) -> Namelist:
        """Return the namelist with new values; missing keys are added before the end of the group.

        Raises
        ------
        DataError : a component must change whose structure the file assigns as a whole; which one counts is unknown.
        """
        edits: list[tuple[int, int, str]] = []
        new: list[str] = []
        for key, value in values.items():
            place = self._assignments.get(_canonical(key))
            parent = _canonical(key).partition("%")[0]
            if "%" in key and parent in self._assignments:
                raise DataError(
                    f"{self.source} assigns the structure {parent} as a whole; write its components one by one "
                    f"({key} = ...), so that they can be replaced."
                )
            if place is None:
                new.append(f"   {key} = {fortran(value)}\n")
            else:
                edits.append((place.start, place.stop, fortran(value)))
        if new:
            line_start = self.text.rfind("\n", 0, self._end) + 1
            alone = not self.text[line_start : self._end].strip()
            position = line_start if alone else self._end
            edits.append((position, position, ("" if alone else "\n") + "".join(new)))
        text = self.text
        for start, stop, value_text in sorted(edits, reverse=True):
            text = text[:start] + value_text + text[stop:]
        return Namelist(text, self.group, self.source)

    def texts(self) -> dict[str, str]:
        """Text of each key that has a single text as its value; keys in lower case."""
        found = {key: self.values(key) for key in self._assignments}
        return {key: value[0].strip() for key, value in found.items() if len(value) == 1 and isinstance(value[0], str)}

    def _one(self, key: str) -> Value | None:
        values = self.values(key)
        if len(values) > 1:
            raise DataError(f"{self.source}: {key} has {len(values)} values; expected one.")
        return values[0] if values else None


def fortran(value: Value) -> str:
    """Format a value as a Fortran constant."""
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _begin(masked: str, group: str) -> re.Match[str] | None:
    return re.search(rf"(?m)^[\ufeff \t]*[&$]{re.escape(group)}\b", masked, re.IGNORECASE)


def _canonical(name: str) -> str:
    return re.sub(r"\s+", "", name).lower()


def _mask(text: str) -> str:
    """Blank out comments and the contents of quotes; length and line ends stay the same."""
    masked: list[str] = []
    quote, comment = "", False
    for character in text:
        if character == "\n":
            comment = False
            masked.append(character)
        elif comment:
            masked.append(" ")
        elif quote:
            masked.append(character if character == quote else "_")
            quote = "" if character == quote else quote
        elif character == "!":
            comment = True
            masked.append(" ")
        else:
            quote = character if character in "'\"" else ""
            masked.append(character)
    return "".join(masked)


def _values(text: str, where: str) -> list[Value]:
    """Parse the constants in the text of a value; skip comments."""
    masked = _mask(text)
    tokens = [
        text[m.start() : m.end()] for m in re.finditer(r"(?:\d+\*)?(?:'[_\r\n]*'|\"[_\r\n]*\")+|[^\s,'\"]+", masked)
    ]
    found: list[Value] = []
    for token in tokens:
        repeat = _REPEAT.fullmatch(token)
        count, body = (int(repeat[1][:10]), repeat[2]) if repeat else (1, token)
        if len(found) + count > _MOST_VALUES:
            raise DataError(f"{where} has more than {_MOST_VALUES} values; CoLM's longest list is far shorter.")
        found += [_constant(body, where)] * count
    return found


def _constant(token: str, where: str) -> Value:
    if token[0] in "'\"":
        # A text may continue on the next line; the line end does not belong to it.
        return re.sub(r"\r?\n", "", token[1:-1]).replace(token[0] * 2, token[0])
    if _LOGICAL.fullmatch(token):
        return token.lstrip(".")[0] in "tT"
    if len(token) > _LONGEST_NUMBER:
        raise DataError(f"{where}: a number has {len(token)} characters; expected at most {_LONGEST_NUMBER}.")
    for kind in (int, lambda t: float(re.sub("[dDqQ]", "e", t))):
        try:
            return kind(token)
        except ValueError:
            continue
    raise DataError(f"{where}: '{token}' is not a Fortran constant.")
