"""Forcing files that CoLM opens in a period: by the rules of its own reader, written out for single cases."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.model.colm.forcing_files import file_problems, stated_problems
from landda_hpc.model.colm.namelist import Namelist

STEP = timedelta(minutes=30)


def forcing(root: Path, *lines: str, dataset: str = "GSWP3", offset: int = 0, groupby: str = "month") -> Namelist:
    text = "\n".join(
        (
            "&nl_colm_forcing",
            f"DEF_dir_forcing = '{root}'",
            f"DEF_forcing%dataset = '{dataset}'",
            f"DEF_forcing%groupby = '{groupby}'",
            "DEF_forcing%dtime = 3*10800, 10800 0 3*10800",
            f"DEF_forcing%offset = 8*{offset}",
            "DEF_forcing%fprefix(1:3) = 'T/t.', 'T/t.', 'T/t.'  DEF_forcing%fprefix(4) = 'P/p.'",
            "DEF_forcing%fprefix(5) = 'NULL' DEF_forcing%fprefix(6:8) = 3*'T/t.'",
            "DEF_forcing%vname = 'TBOT' 'QBOT' 'PSRF' 'PRECTmms' 'NULL' 'WIND' 'FSDS' 'FLDS'",
            *lines,
            "/",
        )
    )
    return Namelist(text, "nl_colm_forcing", "forcing.nml")


def files_of(root: Path, *months: str) -> None:
    for month in months:
        for name in (f"T/t.{month}.nc", f"P/p.{month}.nc"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).touch()


@pytest.mark.parametrize(
    ("begin", "end", "offset", "months"),
    [
        # Inside a month: records before the first and after the last step lie in it.
        ("2010-06-02T00:00", "2010-06-20T00:00", 0, "2010-06"),
        # To the end of a month: the record after the last step is the first one of the next.
        ("2010-06-02T00:00", "2010-07-01T00:00", 0, "2010-06 2010-07"),
        ("2010-06-02T00:00", "2010-06-30T21:00", 0, "2010-06"),
        # From the first of a month with records in the middle of intervals: the last one of the month before.
        ("2010-06-01T00:00", "2010-06-20T00:00", 0, "2010-06"),
        ("2010-06-01T00:00", "2010-06-20T00:00", 5400, "2010-05 2010-06"),
        ("2010-12-30T00:00", "2011-01-02T00:00", 5400, "2010-12 2011-01"),
        # A record at midnight counts as the end of a day where records have an offset.
        ("2010-06-02T00:00", "2010-06-30T22:00", 10800, "2010-06"),
    ],
)
def test_months_that_are_opened(tmp_path: Path, begin: str, end: str, offset: int, months: str) -> None:
    needed, period = months.split(), (datetime.fromisoformat(begin), datetime.fromisoformat(end))
    files_of(tmp_path, *needed)
    assert file_problems(forcing(tmp_path, offset=offset), *period, STEP) == []
    for month in needed:
        (tmp_path / f"P/p.{month}.nc").unlink()
        (problem,) = file_problems(forcing(tmp_path, offset=offset), *period, STEP)
        assert "1 file that the model opens" in problem and f"P/p.{month}.nc" in problem
        files_of(tmp_path, month)


def test_the_first_record_serves_where_the_forcing_begins(tmp_path: Path) -> None:
    files_of(tmp_path, "2010-06")
    period = datetime(2010, 6, 1), datetime(2010, 6, 5)
    begins = ("DEF_forcing%startyr = 2010", "DEF_forcing%startmo = 6")
    assert file_problems(forcing(tmp_path, *begins, offset=5400), *period, STEP) == []
    assert "2010-05" in file_problems(forcing(tmp_path, offset=5400), *period, STEP)[0]


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("PRINCETON", "T/t.2010-2010.nc"), ("ERA5LAND", "T/t._2010_06_2m_temperature.nc"),
        ("ERA5", "T/t._2010_06_2m_temperature.nc4"), ("MSWX", "T/t._2010_06.nc"), ("WFDE5", "T/t.201006_v2.1.nc"),
        ("CRUJRA", "T/t.2010.365d.noc.nc"), ("CMFD", "T/t.201006.nc4"), ("CLDAS", "T/t.-201006.nc"),
        ("CRA40", "T/t._2010.nc"),
    ],
)  # fmt: skip
def test_names_of_data_sets(tmp_path: Path, dataset: str, name: str) -> None:
    (problem,) = file_problems(forcing(tmp_path, dataset=dataset), datetime(2010, 6, 2), datetime(2010, 6, 5), STEP)
    assert f"the first is {name}" in problem


def test_what_the_namelist_does_not_say_is_as_the_model_has_it(tmp_path: Path) -> None:
    """Records every six hours, three hours after full ones: the first step of a month reads the month before."""
    text = f"&nl_colm_forcing DEF_dir_forcing='{tmp_path}' DEF_forcing%dataset='GSWP3' DEF_forcing%fprefix(4)='P/p.'"
    namelist = Namelist(text + " DEF_forcing%vname(4) = 'PRECTmms' /", "nl_colm_forcing")
    files_of(tmp_path, "2010-06")
    assert "P/p.2010-05" in file_problems(namelist, datetime(2010, 6, 1), datetime(2010, 6, 5), STEP)[0]
    assert file_problems(namelist, datetime(2010, 6, 2), datetime(2010, 6, 5), STEP) == []
    missing = Namelist(text.replace(str(tmp_path), "/no/such") + " /", "nl_colm_forcing")
    assert file_problems(missing, datetime(2010, 6, 2), datetime(2010, 6, 5), STEP)[0].endswith("does not exist.")


def test_an_unknown_data_set_cannot_be_told(tmp_path: Path) -> None:
    period = datetime(2010, 6, 2), datetime(2010, 6, 5)
    assert file_problems(forcing(tmp_path, dataset="NEWSET"), *period, STEP) == []
    assert file_problems(Namelist("&nl_colm_forcing /", "nl_colm_forcing"), *period, STEP) == []


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        ("2009-12-31T18:00", "2010-02-01T00:00", "begins in 2010-01"),
        ("2010-01-01T00:00", "2010-07-01T00:00", ""),
        ("2010-01-01T00:00", "2010-07-01T06:00", "ends in 2010-06"),
        ("2009-01-01T00:00", "2012-07-01T06:00", "begins in 2010-01|ends in 2010-06"),
    ],
)
def test_the_stated_years_and_months(tmp_path: Path, begin: str, end: str, words: str) -> None:
    stated = ("DEF_forcing%startyr=2010,DEF_forcing%startmo=1", "DEF_forcing%endyr=2010", "DEF_forcing%endmo = 6")
    period = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    found = stated_problems(forcing(tmp_path, *stated), *period)
    assert len(found) == len([w for w in words.split("|") if w])
    assert all(word in problem for word, problem in zip(words.split("|"), found, strict=False))
    assert stated_problems(forcing(tmp_path), *period) == []


def test_a_point_needs_the_whole_period(tmp_path: Path) -> None:
    root = f"{tmp_path}/"
    with netCDF4.Dataset(tmp_path / "t.", "w") as file:
        file.createDimension("time", 97)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time[:] = "seconds since 2010-06-01 00:00:00", 1800.0 * np.arange(97)
    names = f"&nl_colm_forcing DEF_forcing%dataset='POINT' DEF_forcing%fprefix(1)='t.' DEF_dir_forcing='{root}'"
    namelist = Namelist(names + " /", "nl_colm_forcing")
    assert file_problems(namelist, datetime(2010, 6, 1), datetime(2010, 6, 3), STEP) == []
    for period in ((datetime(2010, 5, 31), datetime(2010, 6, 2)), (datetime(2010, 6, 1), datetime(2010, 6, 3, 6))):
        (problem,) = file_problems(namelist, *period, STEP)
        assert "has records from 2010-06-01T00:00:00 to 2010-06-03T00:00:00" in problem
    # The model puts folder and name together without a slash.
    bare = Namelist(names.replace(root, str(tmp_path)) + " /", "nl_colm_forcing")
    (problem,) = file_problems(bare, datetime(2010, 6, 1), datetime(2010, 6, 3), STEP)
    assert "does not exist" in problem and "end that with '/'" in problem
    with netCDF4.Dataset(tmp_path / "t.", "r+") as file:
        file["time"].units = "hours since 2010-06-01 00:00:00"
    (problem,) = file_problems(namelist, datetime(2010, 6, 1), datetime(2010, 6, 3), STEP)
    assert "CoLM accepts only 'seconds since" in problem
