"""Text that others wrote: encodings, line ends, words and numbers."""

from __future__ import annotations

import codecs
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.text import Numbers, decode_text, is_number, word_splitter

NAMES = "Åbø-Søndre, Müller, São João, Sääksjärvi, Tömörkény, Estação, Räätäläinen, Gyöngyös, créée, Avaliações"
CHINESE = "站号,纬度,海拔\n54511,39.8,31.3\n北京,密云,Lat\n"

SEPARATING = "\n\r,;\t |\"'0123456789.-+"
"""Characters that say what a table holds: they are the same bytes in every encoding but UTF-16 and UTF-32."""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_names_with_accents(encoding: str) -> None:
    text = f"{NAMES}\n" + "35.1 100.2\n" * 20
    assert decode_text(text.encode(encoding), "f") == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk", "gb2312"])
def test_names_in_chinese(encoding: str) -> None:
    text = CHINESE.replace("密云", "密雲") if encoding in ("gbk", "gb18030") else CHINESE
    assert decode_text(text.encode(encoding), "f") == text
    if encoding.startswith("gb"):
        for name in ("北京", "那曲站", "密云", *(() if encoding == "gb2312" else ("鄭州", "瀋陽市"))):
            assert decode_text(f"NET {name} 1\n".encode(encoding), "f") == f"NET {name} 1\n"
    marked = b"\x84\x31\x95\x33" + text.encode("gb18030")
    assert decode_text(marked, "f") == text


@pytest.mark.parametrize("name", NAMES.split(", "))
def test_one_name_in_latin_1_is_not_taken_for_chinese(name: str) -> None:
    assert decode_text(f"NET NET {name} 35.1\n".encode("latin-1"), "f") == f"NET NET {name} 35.1\n"


def test_only_lf_and_cr_end_lines_and_only_blanks_and_tabs_separate_words() -> None:
    strange = "a\x85b\xa0c\u2028d\u2029e\x0bf\x0cg\x1ch\x1di\x1ej\u3000k"
    text = decode_text(f"{strange} 1\r\n2\r3\n\t4\n".encode(), "f")
    assert text.split("\n") == [f"{strange} 1", "2", "3", "\t4", ""]
    words = word_splitter(text)
    assert words(f"{strange} 1 \t 2 ") == [strange, "1", "2"]
    assert word_splitter("x\x1cy z")("x\x1cy z") == ["x\x1cy", "z"]
    for encoding, byte in (("latin-1", b"\x85"), ("latin-1", b"\xa0")):
        kept = decode_text(b"NET Caf\xe9" + byte + b"X 1\n", encoding)
        assert len(word_splitter(kept)(kept)) == 3


def test_marks_of_files_that_were_put_together_go_away() -> None:
    part = codecs.BOM_UTF8 + b"a,b\r\n1,2\r\n"
    assert decode_text(part + part + b"\x1a", "f") == "a,b\n1,2\na,b\n1,2\n"


@pytest.mark.parametrize("content", [b"a\0b", b"\0" * 9, b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "])
def test_zero_bytes_are_no_text(content: bytes) -> None:
    with pytest.raises(DataError, match=r"'x\.csv' has a zero byte"):
        decode_text(content, "x.csv")


def test_a_mark_of_another_encoding_is_an_error() -> None:
    with pytest.raises(DataError, match=r"byte order mark of UTF-8, and byte 5 is not"):
        decode_text(codecs.BOM_UTF8 + b"a\xff", "x")


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_an_error(content: bytes) -> None:
    try:
        text = decode_text(content, "x")
    except DataError as error:
        assert "'x'" in str(error)
        return
    assert "\r" not in text and "\0" not in text


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\r\x1a\ufeff")))
def test_utf_8_is_read_as_written(text: str) -> None:
    assert decode_text(text.encode(), "x") == text
    assert decode_text(codecs.BOM_UTF8 + text.encode(), "x") == text
    assert decode_text(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), "x") == text


@given(
    st.lists(st.lists(st.sampled_from(["é", "Å", "ø", "北京", "海", "12.5", "-3", "x", "Z_"]), min_size=1), min_size=1),
    st.sampled_from(["utf-8", "gb18030", "latin-1", "cp1252"]),
)
def test_columns_never_move_whatever_the_encoding(cells: list[list[str]], encoding: str) -> None:
    """A wrongly guessed encoding changes letters of names, never which cell a number stands in."""
    lines = ["".join(row) for row in cells]
    content = ",".join(lines).encode(encoding, "replace")
    found = decode_text(content, "x").split(",")
    assert len(found) == len(lines)
    for line, other in zip(lines, found, strict=True):
        if line.isascii():
            assert other == line


def test_numbers_have_points_or_commas_and_not_both() -> None:
    points, commas = Numbers(), Numbers()
    assert [points.read(t) for t in ("21.5", " -3 ", "1e-3", ".5", "1,234.5", "+2.")] == [
        21.5,
        -3,
        1e-3,
        0.5,
        1234.5,
        2,
    ]
    assert [commas.read(t) for t in ("21,5", "-3", "1.234,5", "116,47")] == [21.5, -3, 1234.5, 116.47]
    for word in ("", " ", "NA", "n/a", "NaN", "null", "-", "////", "缺测"):
        assert math.isnan(points.read(word))
    with pytest.raises(ValueError, match=r"decimal points \('21.5'\) and with commas \('21,5'\)"):
        points.read("21,5")
    with pytest.raises(ValueError, match="decimal points"):
        commas.read("21.5")
    for word in ("x", "1_000", "inf", "1,2,3", "１２", "0x1", "--1", "1 2"):
        with pytest.raises(ValueError, match="is not a number"):
            Numbers().read(word)
        assert not is_number(word)


@given(st.floats(-1e6, 1e6), st.sampled_from(".,"))
def test_numbers_are_read_as_written(value: float, mark: str) -> None:
    assert Numbers().read(repr(value).replace(".", mark)) == value
