"""The configured pattern states the time of a file: its hour, its folders, creation stamps, contradictions."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.errors import DataError
from landda_hpc.formats.products.cf_layers import open_cf_layers
from landda_hpc.formats.products.name_pattern import NamePattern
from tests.unit.formats.images_of_time import DAY, cf_files, write_image

HOURS = [DAY + timedelta(hours=h) for h in (0, 6, 12, 18)]
SIX, DAILY = timedelta(hours=6), timedelta(days=1)

FORMS = (
    "SM_%Y%m%d%H.nc",
    "X.A%Y%m%d.%H00.021.nc",
    "X.A%Y%m%d.%H%M.*.nc",
    "SM_%Y%m%dT%H.nc",
    "%Y%m/LIS_HIST_%Y%m%d%H%M.d01.nc",
    "%Y/%j/SM_%H.nc",
    "%Y/%j/A%Y%j%H%M%S.nc",
    "SM_c20240315_%Y%m%d%H.nc",
    "SM_c*_%Y-%m-%d_%H.nc",
    "SM_%d%b%Y_%-H.nc",
    "SM_%y%m%d%H_*.nc",
)


@pytest.mark.parametrize("form", FORMS)
def test_the_hour_of_files_without_a_time_axis_is_that_of_the_pattern(tmp_path: Path, form: str) -> None:
    for k, time in enumerate(HOURS):
        write_image(tmp_path / time.strftime(form).replace("*", "20240315T1200"), 0.1 + 0.01 * k)
    dataset = cf_files(tmp_path, form)
    with dataset.listing():
        assert dataset.times_between(DAY, DAY + timedelta(days=1)) == HOURS
    assert dataset.times_between(HOURS[2], HOURS[2]) == [HOURS[2]]
    for k, time in enumerate(HOURS):
        profile = dataset.read(time, (0.0, 0.1))
        assert profile is not None
        assert profile.time == time
        np.testing.assert_allclose(profile.values, 0.1 + 0.01 * k, rtol=1e-6)
    assert dataset.read(DAY + timedelta(hours=3)) is None
    dataset.close()


def test_listing_folders_finds_what_making_names_finds(tmp_path: Path) -> None:
    """A window of many minutes is looked for in the folders, a short one name by name."""
    times = [DAY + timedelta(minutes=m) for m in (7, 90, 1439, 1500)]
    for time in times:
        write_image(tmp_path / time.strftime("%Y/%m%d/SM_%H%M.nc"), 0.2)
    (tmp_path / "2010/0601/SM_2460.nc").touch()
    (tmp_path / "2010/0601/readme").touch()
    dataset = cf_files(tmp_path, "%Y/%m%d/SM_%H%M.nc", 0.5)
    assert dataset.times_between(DAY, DAY + timedelta(days=1)) == times[:3]
    assert dataset.times_between(times[1], times[1] + timedelta(minutes=5)) == times[1:2]
    assert dataset.times_between(DAY - timedelta(days=400), DAY + timedelta(days=400)) == times


@pytest.mark.parametrize(
    ("pattern", "name", "step", "stated"),
    [
        ("SM_%Y%m%d.nc", "SM_20100601.nc", DAILY, DAY),
        ("SM_%Y%m%d120000-*.nc", "SM_20100601120000-fv08.1.nc", DAILY, DAY + timedelta(hours=12)),
        ("SM_%Y%m%d*.nc", "SM_20100601000000-fv08.1.nc", DAILY, DAY),
        ("%F/SM_%T.nc", "2010-06-01/SM_06:30:10.nc", SIX, datetime(2010, 6, 1, 6, 30, 10)),
        ("SM_*%Y%m%d%H*.nc", "SM_v2_2010060118_r20240101.nc", SIX, DAY + timedelta(hours=18)),
        ("SM_%Y%m%d%H%a.nc", "SM_2010060106Tue.nc", SIX, DAY + timedelta(hours=6)),
    ],
)
def test_names_that_are_clear(pattern: str, name: str, step: timedelta, stated: datetime) -> None:
    assert NamePattern(pattern).time_of(name, step) == stated


@pytest.mark.parametrize(
    ("pattern", "name", "step", "message"),
    [
        ("SM_%Y%m%d.nc", "SM_20100601.nc", SIX, r"states no hour, while images are 6 h apart. Write %H"),
        ("SM_%Y%m%d*.nc", "SM_2010060118.nc", DAILY, "continues with digits where .* has a wildcard"),
        ("SM_%Y%m%dT%H*.nc", "SM_20100601T1830.nc", SIX, "continues with digits"),
        ("%Y/%j/SM_%Y%m%d%H.nc", "2010/153/SM_2010060106.nc", SIX, "contradicts itself .* day 1, day of the year 153"),
        ("%Y/SM_%Y%m%d%H.nc", "2011/SM_2010060106.nc", SIX, "contradicts itself .* year 2010, year 2011"),
        ("SM_%Y%m%d%H.nc", "SM_2010063106.nc", SIX, "contradicts itself .* month 6, day 31"),
        ("SM_*%Y%m%d*.nc", "SM_20240315_20100601.nc", DAILY, "may state 2010-06-01T00:00:00 or 2024-03-15T00:00:00"),
        ("SM_%Y%m.nc", "SM_201006.nc", DAILY, "states no day"),
        ("SM_%m%d%H.nc", "SM_060106.nc", SIX, "states no day"),
        ("SM_%Y%m%d.nc", "other.nc", DAILY, "does not match the pattern"),
    ],
)
def test_names_that_state_no_single_time(pattern: str, name: str, step: timedelta, message: str) -> None:
    with pytest.raises(DataError, match=message):
        NamePattern(pattern).time_of(name, step)


def test_without_an_hour_in_the_pattern_four_files_a_day_are_refused(tmp_path: Path) -> None:
    for time in HOURS:
        write_image(tmp_path / time.strftime("SM_%Y%m%d%H.nc"), 0.2)
    for hours in (6.0, 24.0):
        with pytest.raises(DataError, match="has no time axis"):
            cf_files(tmp_path, "SM_%Y%m%d*.nc", hours).times_between(DAY, DAY + timedelta(days=1))


def test_what_is_found_instead_of_a_missing_file(tmp_path: Path) -> None:
    for time in HOURS:
        write_image(tmp_path / "a" / time.strftime("SM_%Y%m%d%H.nc"), 0.2)
    write_image(tmp_path / "b/SM_20100601.nc", [0.1, 0.2], HOURS[:2])
    (tmp_path / "c").mkdir()
    why = {
        pattern: cf_files(tmp_path, pattern).why_missing(DAY + timedelta(hours=9))
        for pattern in ("a/SM_%Y%m%d%H.nc", "a/SM.%Y%m%d.nc", "b/SM_%Y%m%d.nc", "c/SM_%Y.nc", "d/%Y/SM_%Y.nc")
    }
    assert (
        "SM_2010060109.nc' does not exist; of the files that match the pattern the nearest is"
        in why["a/SM_%Y%m%d%H.nc"]
    )
    assert "SM_2010060106.nc', of 2010-06-01T06" in why["a/SM_%Y%m%d%H.nc"]
    assert "no file matches the pattern; " in why["a/SM.%Y%m%d.nc"]
    assert "'SM_2010060100.nc', 'SM_2010060106.nc', 'SM_2010060112.nc' and others" in why["a/SM.%Y%m%d.nc"]
    assert "b/SM_20100601.nc' has no image of 2010-06-01T09:00:00; it has 2, from" in why["b/SM_%Y%m%d.nc"]
    assert "does not exist: the folder" in why["c/SM_%Y.nc"]
    assert "is empty" in why["c/SM_%Y.nc"]
    assert "d/2010/SM_2010.nc' does not exist, nor does the folder" in why["d/%Y/SM_%Y.nc"]


def test_a_time_axis_counts_and_may_not_contradict_the_name(tmp_path: Path) -> None:
    write_image(tmp_path / "SM_2010060106.nc", 0.2, [HOURS[1]])
    write_image(tmp_path / "SM_2010060112.nc", 0.3, [HOURS[0]])
    dataset = cf_files(tmp_path, "SM_%Y%m%d%H.nc")
    assert dataset.times_between(HOURS[1], HOURS[1]) == [HOURS[1]]
    for look in (lambda: dataset.times_between(HOURS[2], HOURS[2]), lambda: dataset.read(HOURS[2])):
        with pytest.raises(DataError, match=r"holds 1 time.* from 2010-06-01T00:00:00 .* name states 2010-06-01T12"):
            look()
    free = cf_files(tmp_path, "SM_%Y%m%d*.nc")
    assert free.times_between(DAY, HOURS[3]) == HOURS[:2]
    profile = free.read(HOURS[0])
    assert profile is not None
    np.testing.assert_allclose(profile.values, 0.3, rtol=1e-6)


def test_times_in_the_file_before(tmp_path: Path) -> None:
    """A day's file may end at 24 UTC; a file that is named by its first hour holds the following ones."""
    for k, form in enumerate(("a/SM_%Y%m%d.nc", "b/SM_%Y%m%d%H.nc", "c/SM_%Y%m%d%H%M.nc")):
        start = DAY + timedelta(hours=6)
        times = [start + timedelta(hours=h) for h in (0, 6, 12, 18)]
        write_image(tmp_path / start.strftime(form), [0.1, 0.2, 0.3, 0.4], times)
        dataset = cf_files(tmp_path, form)
        assert dataset.times_between(times[0], times[-1]) == times, k
        assert dataset.times_between(times[-1], times[-1]) == times[-1:]
        profile = dataset.read(times[-1])
        assert profile is not None
        np.testing.assert_allclose(profile.values, 0.4, rtol=1e-6)


def test_a_name_that_is_read_without_a_pattern(tmp_path: Path) -> None:
    depths = {"sm": (0.0, 0.1)}
    with open_cf_layers(write_image(tmp_path / "SM_2010060118.nc", 0.2), depths) as file:
        assert file.times == (HOURS[3],)
    with open_cf_layers(write_image(tmp_path / "SM_20100601T000000_20100601T235959_1.nc", 0.2), depths) as file:
        assert file.times == (DAY,)
    for name, message in (("SM_20240315_20100601.nc", "2024-03-15T00:00:00 and 2010-06-01"), ("SM.nc", "no time")):
        with pytest.raises(DataError, match=message):
            open_cf_layers(write_image(tmp_path / name, 0.2), depths)
