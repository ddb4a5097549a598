"""Read plain data from untrusted YAML and JSON texts: every size is bounded, and ambiguous values are refused.

YAML 1.1, which PyYAML reads, has surprises: ``no`` is false, ``12:30`` is 750, ``010`` is 8, the last
of repeated keys counts, and a few nested aliases fill the memory. Here ``yes``, ``no``, ``on`` and ``off`` are
texts, as in YAML 1.2 (a field that is true or false takes them), and so is ``12:30``; ``010`` and repeated keys are
errors.
"""

from __future__ import annotations

import copy
import json
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from landda_hpc.errors import ConfigError, MissingFileError

MAX_BYTES: Final = 4 * 2**20
"""Largest file, bytes; a resolved configuration with a thousand runs has 1.5 MB."""
MAX_VALUES: Final = 200_000
"""Largest number of keys and values of a document, with aliases expanded."""
MAX_DEPTH: Final = 40
MAX_TEXT: Final = 65_536
MAX_KEY: Final = 256
MAX_DIGITS: Final = 30
MAX_PROBLEMS: Final = 50

_PLAIN_TAGS: Final = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9_]+")
_CONTROL: Final = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Final[Any] = yaml.resolver.Resolver()
_CONSTRUCTOR: Final[Any] = yaml.constructor.SafeConstructor()


def read_document(path: Path, what: str) -> Any:
    """Read a YAML file as plain data.

    Parameters
    ----------
    what : name in messages, e.g. "configuration".

    Raises
    ------
    MissingFileError : no such file.
    ConfigError : it cannot be read, is not a regular file, or ``parse_yaml`` rejects it.
    """
    return parse_yaml(read_text(path, what), f"{what} '{path}'")


def read_text(path: Path, what: str) -> str:
    """Read a regular file of UTF-8 text of at most ``MAX_BYTES``; raises as ``read_document``."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError(f"{what} '{path}' is a folder; name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{what} '{path}' is a device, a pipe or a socket; expected a regular file.")
        if status.st_size > MAX_BYTES:
            raise ConfigError(
                f"{what} '{path}' has {status.st_size / 2**20:.1f} MB; expected at most {MAX_BYTES // 2**20} MB."
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"{what} '{path}' does not exist.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{what} '{shorten(str(path))}' cannot be read: {reason}.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        found = "it begins with the mark of UTF-16" if utf16 else f"byte {error.start} is 0x{content[error.start]:02x}"
        raise ConfigError(f"{what} '{path}' is not UTF-8 text: {found}. Save it as UTF-8.") from error


def parse_yaml(text: str, where: str) -> Any:
    """Turn a YAML text into dicts with text keys, lists, texts, numbers, truth values, dates, times and None.

    Parameters
    ----------
    where : beginning of messages, e.g. the file.

    Returns
    -------
    None for an empty text. Aliases are independent copies.

    Raises
    ------
    ConfigError : not YAML, too large, or with values other than plain data; each problem names its line and key.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{where} has {len(text)} characters; expected at most {MAX_BYTES}.")
    builder = _Builder(where)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {_syntax_problem(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"{where} is nested too deeply; expected at most {MAX_DEPTH} levels.") from error
    if builder.problems:
        raise ConfigError(_first(builder.problems))
    return builder.result


def parse_json(content: str | bytes) -> Any:
    """Parse a JSON text written by this package; ValueError if it is damaged, too deep or has a repeated key."""
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_int=_bounded_int)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def shorten(text: str, length: int = 80) -> str:
    """The text, or its beginning and its length; invisible characters are escaped."""
    seen = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text[:length])
    return seen if len(text) <= length else f"{seen}... ({len(text)} characters)"


def _first(problems: list[str]) -> list[str]:
    more = len(problems) - MAX_PROBLEMS
    return problems if more <= 0 else [*problems[:MAX_PROBLEMS], f"and {more} more"]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _syntax_problem(error: yaml.YAMLError) -> str:
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        parts = (getattr(error, "context", None), getattr(error, "problem", None))
        return f"line {mark.line + 1}, column {mark.column + 1}: {shorten(', '.join(p for p in parts if p), 200)}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position} (U+{int(error.character):04X}) is not allowed"
    return shorten(" ".join(str(error).split()), 200)


@dataclass
class _Open:
    """A sequence or mapping that has not ended yet."""

    value: list[Any] | dict[str, Any]
    path: str
    line: int
    anchor: str | None
    begun: int  # values before it
    key: str | None = None
    lines: dict[str, int] = field(default_factory=dict)  # of keys
    merged: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    """Builds plain data from the events of a YAML parser, in one pass and without recursion."""

    def __init__(self, where: str) -> None:
        self.result: Any = None
        self.problems: list[str] = []
        self._where = where
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # value and its size; None while it is open
        self._count = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        mark: Any = event.start_mark
        line = mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ConfigError(f"{self._where}, line {line}: a second document begins (---); expected one.")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event, line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        path = self._path()
        if len(self._open) >= MAX_DEPTH:
            raise ConfigError(f"{self._where}, line {line}: nested too deeply; expected at most {MAX_DEPTH} levels.")
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            self._object(line, path, f"tag {_tag_name(event.tag)}; expected plain keys and values")
        if self._awaits_key():
            # Nothing below it has a name.
            raise ConfigError(
                f"{self._where}, line {line}: {path or 'it'} has a list or section as a key; expected a text."
            )
        self._counted(1, line)
        value: list[Any] | dict[str, Any] = {} if is_mapping else []
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(value, path, line, event.anchor, self._count))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.value, dict):
            own = dict(done.value)
            done.value.clear()
            for merged in reversed(done.merged):  # the first wins
                done.value.update(copy.deepcopy(merged))
            done.value.update(own)
        if done.anchor is not None:
            self._anchors[done.anchor] = done.value, self._count - done.begun + 1
        self._put(done.value, done.line)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        name = shorten(str(event.anchor))
        if event.anchor not in self._anchors:
            raise ConfigError(f"{self._where}, line {line}: alias *{name} has no anchor &{name} before it.")
        found = self._anchors[event.anchor]
        if found is None:
            raise ConfigError(f"{self._where}, line {line}: alias *{name} contains itself.")
        value, size = found
        self._counted(size, line)
        if self._awaits_key():
            self._key(value, line)
        else:
            self._put(copy.deepcopy(value), line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._counted(1, line)
        path = self._path()
        value, problem = _scalar_value(event)
        if problem:
            self._object(line, path, problem)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, 1
        if self._awaits_key():
            is_merge = event.value == "<<" and event.implicit[0]
            self._key(_MERGE if is_merge else value, line)
        else:
            self._put(value, line)

    def _key(self, key: Any, line: int) -> None:
        section = self._open[-1]
        if key is not _MERGE and not isinstance(key, str):
            self._object(line, section.path, f"the key {key!r} is not a text; put it in quotes")
            key = repr(key)
        if len(key) > MAX_KEY:
            self._object(line, section.path, f"a key of {len(key)} characters; expected at most {MAX_KEY}")
            key = key[:MAX_KEY]
        if key in section.lines:
            shown = "<<" if key is _MERGE else key
            name = f"{section.path}.{shown}" if section.path else shown
            self._object(line, name, f"the key is given twice, first in line {section.lines[key]}")
        section.lines[key] = line
        section.key = key

    def _put(self, value: Any, line: int) -> None:
        if not self._open:
            self.result = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is _MERGE:
            parts = value if isinstance(value, list) else [value]
            if all(isinstance(part, dict) for part in parts):
                parent.merged += parts
            else:
                self._object(line, parent.path, "<< merges sections; expected an alias of one, or a list of them")
            parent.key = None
        elif parent.key is not None:
            parent.value[parent.key] = value
            parent.key = None

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _path(self) -> str:
        """Dotted key of the next value."""
        if not self._open:
            return ""
        parent = self._open[-1]
        name = str(len(parent.value)) if isinstance(parent.value, list) else parent.key
        return ".".join(part for part in (parent.path, name) if part)

    def _counted(self, size: int, line: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise ConfigError(
                f"{self._where}, line {line}: more than {MAX_VALUES} values with aliases expanded. Shorten the "
                f"document."
            )

    def _object(self, line: int, path: str, problem: str) -> None:
        self.problems.append(f"{self._where}, line {line}: {shorten(path, 200) + ': ' if path else ''}{problem}")


_MERGE: Final = "\0<<"
"""Represents the merge key; no text of a document has this character."""


def _tag_name(tag: str) -> str:
    return shorten(tag.replace("tag:yaml.org,2002:", "!!"))


def _scalar_value(event: yaml.ScalarEvent) -> tuple[Any, str]:
    """Value of a scalar, and its problem."""
    text = event.value
    if len(text) > MAX_TEXT:
        return "", f"a text of {len(text)} characters; expected at most {MAX_TEXT}"
    if strange := _CONTROL.search(text):
        return "", f"character U+{ord(strange[0]):04X} is not allowed in a text"
    if event.tag is not None and event.tag != "!" and event.tag not in _PLAIN_TAGS:
        return "", f"tag {_tag_name(event.tag)}; expected plain keys and values"
    if event.tag is None or event.tag == "!":
        is_plain = event.tag is None and event.implicit[0]
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) if is_plain else "tag:yaml.org,2002:str"
    else:
        tag = event.tag
    try:
        return _converted(text, tag.rpartition(":")[2])
    except (ValueError, KeyError):
        return "", f"'{shorten(text)}' is not of the type !!{tag.rpartition(':')[2]}"


def _converted(text: str, kind: str) -> tuple[Any, str]:
    """Value of a text of a YAML 1.1 type; ValueError or KeyError if it is not valid."""
    if kind in ("int", "float") and _SEXAGESIMAL.fullmatch(text):
        return text, ""
    if kind == "int":
        if _LEADING_ZERO.fullmatch(text):
            return 0, f"'{shorten(text)}' begins with 0, which YAML reads as octal; write it without, or in quotes"
        if len(text) > MAX_DIGITS:
            return 0, f"an integer of {len(text)} digits; expected at most {MAX_DIGITS}"
        return int(text.replace("_", ""), 0), ""
    if kind == "float":
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan")), ""
    if kind == "bool":
        known = {"true": True, "false": False, **dict.fromkeys(("yes", "no", "on", "off"), text)}
        return known[text.lower()], ""
    if kind == "null":
        return None, ""
    if kind == "timestamp":
        try:
            return _CONSTRUCTOR.construct_yaml_timestamp(yaml.ScalarNode("", text)), ""
        except (ValueError, OverflowError):
            return text, ""  # no such day: the field that takes it says so
    return text, ""
