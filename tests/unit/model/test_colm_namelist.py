"""Namelists: values are read and replaced, everything else stays as its user wrote it."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.model.colm.namelist import Namelist, Value, fortran

TEXT = """! a comment with DEF_CASE_NAME = 'no'
&nl_colm
   DEF_CASE_NAME = 'it''s / here'   ! not the end: /
   def_simulation_time%Start_year = 2010 , DEF_simulation_time%start_sec=0
   DEF_logical = .TRUE.
   DEF_real = 1.5d-3
   DEF_list = 3*0 'a' "b!c"
              4  ! goes on
   DEF_forcing%fprefix(4) = 'Precip/f.'
/
&other
   DEF_CASE_NAME = 'other'
/
"""


def test_values_are_fortran_constants() -> None:
    namelist = Namelist(TEXT)
    assert namelist.text_value("def_case_name") == "it's / here"
    assert namelist.number("DEF_simulation_time%start_year") == 2010
    assert namelist.number("DEF_simulation_time%start_sec") == 0
    assert namelist.logical("DEF_LOGICAL") is True
    assert namelist.number("DEF_real") == pytest.approx(1.5e-3)
    assert namelist.values("DEF_list") == (0, 0, 0, "a", "b!c", 4)
    assert namelist.text_value("DEF_forcing%fprefix( 4 )") == "Precip/f."
    assert namelist.values("DEF_absent") == () and namelist.number("DEF_absent") is None
    assert Namelist(TEXT, "OTHER").text_value("DEF_CASE_NAME") == "other"


def test_only_the_lines_that_change_change() -> None:
    changed = Namelist(TEXT).with_values({"DEF_simulation_time%START_SEC": 21600, "DEF_new%key": True})
    lines = list(difflib.ndiff(TEXT.splitlines(), changed.text.splitlines()))
    assert [line for line in lines if line[0] == "+"] == [
        "+    def_simulation_time%Start_year = 2010 , DEF_simulation_time%start_sec=21600",
        "+    DEF_new%key = .true.",
    ]
    assert changed.logical("def_new%key") is True and changed.number("DEF_real") == pytest.approx(1.5e-3)


def test_the_later_of_two_counts_as_in_fortran() -> None:
    namelist = Namelist("&nl_colm a = 1\n a = 2 /")
    assert namelist.number("a") == 2
    assert namelist.with_values({"a": 3, "b": "x"}).text == "&nl_colm a = 1\n a = 3 \n   b = 'x'\n/"


constants = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=20),
)


@given(value=constants, key=st.sampled_from(["DEF_CASE_NAME", "DEF_real", "DEF_list", "DEF_brand_new", "def_x%y(3)"]))
def test_what_is_set_is_read_back_and_nothing_else_changes(value: Value, key: str) -> None:
    before = Namelist(TEXT)
    after = before.with_values({key: value})
    assert after.values(key) == (value,)
    for other in ("DEF_simulation_time%start_year", "DEF_logical", "DEF_forcing%fprefix(4)"):
        assert after.values(other) == before.values(other)
    assert Namelist(after.text, "other").text_value("DEF_CASE_NAME") == "other"
    assert fortran(value) in after.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no namelist group"),
        ("&nl_colm\n a = 1", "does not end"),
        ("&nl_colm_forcing a = 1 /", "no namelist group"),
    ],
)
def test_what_is_no_namelist_is_told(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Namelist(text)


@pytest.mark.parametrize(
    "text", ["a % " * 20_000, "a ( " * 20_000, "a = " + "9" * 5000, "a = 1000000000*0", "a = " + "9" * 5000 + "*0"]
)
def test_hostile_namelists_end_soon(text: str) -> None:
    try:
        assert Namelist(f"&nl_colm\n{text}\n/\n").values("a") == ()
    except DataError as error:
        assert len(str(error)) < 200


def test_wrong_kinds_and_whole_structures_are_told() -> None:
    namelist = Namelist("&nl_colm a = 'x' t = 1, 2, 3\n l = 5 bad = what /")
    for call in (lambda: namelist.number("a"), lambda: namelist.logical("l"), lambda: namelist.text_value("l")):
        with pytest.raises(DataError, match="expected"):
            call()
    with pytest.raises(DataError, match="as a whole"):
        namelist.with_values({"t%start": 4})
    with pytest.raises(DataError, match="not a Fortran constant"):
        namelist.values("bad")


def test_arrays_are_found_element_by_element_whatever_their_form() -> None:
    text = "&nl_colm a = 'x', 'y' 'z'\n b(2)='two' b( 3 : 4 ) = 2*'t' c = 'old' 'old'\n c(2) = 'new' d = 5 /"
    namelist = Namelist(text)
    assert [namelist.element("a", n) for n in (1, 2, 3, 4)] == ["x", "y", "z", None]
    assert [namelist.element("B", n) for n in (1, 2, 3, 4)] == [None, "two", "t", "t"]
    assert [namelist.element("c", n) for n in (1, 2)] == ["old", "new"]
    assert namelist.element("d", 1) == 5 and namelist.element("e", 1) is None


def test_texts_may_go_on_in_the_next_line() -> None:
    namelist = Namelist("&nl_colm a = 'one/\ntwo' ! 'not'\r\n b = \"x\r\ny!z\" c = 1 /")
    assert namelist.text_value("a") == "one/two" and namelist.text_value("b") == "xy!z"
    assert namelist.with_values({"a": "new"}).text_value("b") == "xy!z"


def test_files_keep_every_byte_but_their_values(tmp_path: Path) -> None:
    """A byte order mark, comments in another encoding, ends of lines: what Windows editors and old scripts leave."""
    path = tmp_path / "case.nml"
    path.write_bytes(b"\xef\xbb\xbf&nl_colm\r\n a = 1 ! \xb2\xe2\xca\xd4\r\n/\r\n")
    namelist = Namelist.from_file(path)
    assert namelist.number("a") == 1 and namelist.content == path.read_bytes()
    assert namelist.with_values({"a": 22}).content == path.read_bytes().replace(b"a = 1", b"a = 22")
    with pytest.raises(MissingFileError):
        Namelist.from_file(tmp_path / "other.nml")


def test_an_empty_group_takes_values() -> None:
    assert Namelist("&nl_colm /").with_values({"a": 1}).number("a") == 1


def test_the_real_namelists(shared: Path) -> None:
    folder = shared / "data" / "colm" / "restart" / "namelists"
    for path in sorted(folder.glob("*case.nml")):
        namelist = Namelist(path.read_text(encoding="utf-8"), source=path.name)
        assert namelist.text_value("DEF_CASE_NAME") in ("synthNC", "CN-Cng")
        assert namelist.number("DEF_simulation_time%timestep") == 1800.0
        changed = namelist.with_values({"DEF_dir_output": "./", "DEF_simulation_time%end_sec": 21600})
        assert changed.text_value("DEF_dir_output") == "./"
        assert len(changed.text.splitlines()) == len(namelist.text.splitlines())
    forcing = Namelist((folder / "grid_forcing.nml").read_text(encoding="utf-8"), "nl_colm_forcing")
    assert forcing.values("DEF_forcing%vname")[3] == "PRECTmms"
    assert forcing.values("DEF_forcing%dtime") == (3600, 3600, 3600, 3600, 0, 3600, 3600, 3600)
