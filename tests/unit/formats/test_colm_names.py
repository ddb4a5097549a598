"""Names of CoLM's files: time labels, blocks, folders."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.case import find_case
from landda_hpc.formats.colm.names import parse_const_name, parse_label, parse_state_file, time_label


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0)))
def test_labels_go_there_and_back(time: datetime) -> None:
    assert parse_label(time_label(time)) == time


def test_the_last_second_of_a_day_is_the_next_day() -> None:
    assert parse_label("2012-366-86400") == datetime(2013, 1, 1)
    assert time_label(datetime(2010, 6, 2)) == "2010-153-00000"  # docs/colm.md: the end of 1 June 2010


@pytest.mark.parametrize("label", ["2010-153", "2010-366-00000", "2010-000-00000", "2010-001-90000", "2010-1-0"])
def test_what_is_no_time_is_refused(label: str) -> None:
    with pytest.raises(DataError):
        parse_label(label)


def test_fractions_of_seconds_have_no_label() -> None:
    with pytest.raises(DataError):
        time_label(datetime(2010, 1, 1) + timedelta(microseconds=1))


def test_names_of_files() -> None:
    parsed = parse_state_file("my_case_restart_2010-153-00000_lc2005_w180_s90.nc")
    assert parsed is not None
    assert (parsed.case, parsed.label, parsed.lc_year, parsed.block) == ("my_case", "2010-153-00000", 2005, "w180_s90")
    assert parse_state_file("my_case_restart_const_lc2005_e110_n35.nc") is None
    assert parse_const_name("my_case_restart_const_lc2005.nc") is None
    parsed = parse_const_name("a_restart_const_lc2005_e110_n35.nc")
    assert parsed is not None
    assert parsed.block == "e110_n35"


def test_a_case_is_found(tmp_path: Path, colm_case: ModuleType) -> None:
    colm_case.write_case(tmp_path / "small")
    case = find_case(tmp_path / "small")
    assert (case.name, case.lc_year, case.blocks) == ("small", 2005, colm_case.BLOCKS)
    assert case.times() == [colm_case.START]
    assert case.state_file(colm_case.START, "e110_n35").is_file()
    assert not case.is_single_point
    member = case.with_restart(tmp_path / "elsewhere")
    assert member.times() == []
    assert member.const_file(None).is_file()


def test_what_is_missing_is_named(tmp_path: Path, colm_case: ModuleType) -> None:
    with pytest.raises(MissingFileError, match="restart/const"):
        find_case(tmp_path)
    (tmp_path / "restart" / "const").mkdir(parents=True)
    with pytest.raises(MissingFileError, match="no block of a constant restart"):
        find_case(tmp_path)
    (tmp_path / "restart" / "const" / "x_restart_const_lc2005.nc").touch()
    with pytest.raises(MissingFileError, match="VectorInOneFile"):
        find_case(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "restart" / "const" / f"{name}_restart_const_lc2005_e110_n35.nc").touch()
    with pytest.raises(DataError, match="several cases"):
        find_case(tmp_path)
    assert find_case(tmp_path, name="b").name == "b"
    with pytest.raises(MissingFileError):
        find_case(tmp_path, name="b", landdata=tmp_path / "nowhere")
