"""Read text files of unknown origin: encoding, line ends, words and numbers of a line."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable
from typing import Final

from landda_hpc.errors import DataError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
"""Byte order marks; UTF-32 precedes UTF-16, because its mark begins with that of UTF-16."""

_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"

_PAIRS: Final = re.compile(rb"(?:[\x81-\xfe][\x40-\x7e\x80-\xfe])+")
"""Consecutive two-byte characters of GB 18030."""

_FROM: Final = 0xA1
"""Smallest value of both bytes of common Chinese characters (GB 2312)."""

_WORD: Final = re.compile(r"[^ \t\n]+")

_OTHER_BLANKS: Final = "\v\f\x1c\x1d\x1e\x1f"
"""Other ASCII characters that Python treats as blanks."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

MISSING_WORDS: Final = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "-", "--", "---", "/", "//", "///", "////", "*", "缺测")
)
"""Words for a missing value, in lower case."""


def decode_text(content: bytes, source: str) -> str:
    """Decode a text file of unknown encoding.

    Returns
    -------
    The text without byte order marks, with all line ends as LF.

    Raises
    ------
    DataError : zero bytes, or bytes that are invalid in the encoding named by the byte order mark.

    Notes
    -----
    Local: no communication. Encodings are tried in this order: that of a byte order mark (UTF-8, UTF-16, UTF-32, GB
    18030); UTF-16 without a mark, if every other byte is zero; UTF-8; GB 18030, if bytes above 127 come in pairs as in
    Chinese words; Windows-1252; Latin-1. Only LF, CR LF and CR end lines: 0x85, 0x0B, 0x0C, 0x1C to 0x1E and U+2028 do
    not.
    """
    text = _decode(content, source)
    if "\0" in text:
        raise DataError(
            f"'{source}' has a zero byte (character {text.index(chr(0)) + 1} of {len(text)}); expected text. Is the "
            "file damaged, or of another kind?"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Concatenated files have marks in the middle; DOS ends a text with Ctrl-Z.
    return text.replace("\n" + _MARK, "\n").removeprefix(_MARK).removesuffix("\x1a")


def _decode(content: bytes, source: str) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"'{source}' begins with the byte order mark of {encoding.upper()}, and byte "
                    f"{error.start + len(mark) + 1} is not of that encoding; is the file complete?"
                ) from error
    if b"\0" in content:
        return _wide(content) or content.decode("latin-1")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    for encoding in ("gb18030", "cp1252") if _is_in_pairs(content) else ("cp1252",):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _wide(content: bytes) -> str:
    """Text in UTF-16 without byte order mark; empty if it is something else."""
    half = len(content) // 2
    zeros = content[0::2].count(0), content[1::2].count(0)
    for encoding, of_letters, of_zeros in (("utf-16-le", zeros[0], zeros[1]), ("utf-16-be", zeros[1], zeros[0])):
        # Digits and separators, of which tables mostly consist, have one zero byte each.
        if of_letters == 0 and 2 * of_zeros > half:
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                return ""
    return ""


def _is_in_pairs(content: bytes) -> bool:
    """Whether bytes above 127 look like Chinese: words of two or more characters, at least one of them common.

    Accented European letters occur singly or in twos among letters below 128. A single common character shows nothing.
    """
    in_words = apart = 0
    for word in _PAIRS.findall(content):
        is_common = any(min(word[i : i + 2]) >= _FROM for i in range(0, len(word), 2))
        if not is_common:
            apart += len(word) // 2
        elif len(word) > 2:
            in_words += len(word) // 2
    return in_words > apart


def word_splitter(text: str) -> Callable[[str], list[str]]:
    """Return a function that splits a line of a text into words at blanks and tabs, not at no-break spaces."""
    # str.split is faster, and equivalent if the text has no other characters that it treats as blanks.
    return str.split if text.isascii() and not any(c in text for c in _OTHER_BLANKS) else _WORD.findall


def is_number(word: str) -> bool:
    """Whether a word is a number in decimal ASCII digits; NaN and infinity are not."""
    return _NUMBER.fullmatch(word) is not None


_MOST_KNOWN: Final = 100_000
"""Largest number of texts whose value is cached; tables have few different numbers."""


class Numbers:
    """Reader of the numbers of one file, in which all decimals have points, or all have commas."""

    def __init__(self) -> None:
        self._decimal: dict[str, str] = {}
        self._known: dict[str, float] = {}

    def read(self, text: str) -> float:
        """Convert a text to a number; NaN for ``MISSING_WORDS``, one of which is the empty text.

        Raises
        ------
        ValueError : not a number; or decimal points and decimal commas in one file.
        """
        value = self._known.get(text)
        if value is None:
            value = self._read(text.strip())
            if len(self._known) < _MOST_KNOWN:
                self._known[text] = value
        return value

    def _read(self, text: str) -> float:
        if _NUMBER.fullmatch(text):
            if "." in text:
                self._remember(".", text)
            return float(text)
        if text.lower() in MISSING_WORDS:
            return math.nan
        plain = text
        if re.fullmatch(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]*", text):
            self._remember(".", text)
            plain = text.replace(",", "")
        elif re.fullmatch(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]*", text):
            self._remember(",", text)
            plain = text.replace(".", "").replace(",", ".")
        elif text.count(",") == 1 and "." not in text:
            self._remember(",", text)
            plain = text.replace(",", ".")
        if not _NUMBER.fullmatch(plain):
            raise ValueError(f"'{text[:40]}' is not a number")
        return float(plain)

    def _remember(self, mark: str, text: str) -> None:
        self._decimal.setdefault(mark, text)
        if len(self._decimal) == 2:
            raise ValueError(f"numbers with decimal points ('{self._decimal['.']}') and with commas ('{text}')")
