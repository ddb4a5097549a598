"""Which images, series and checkpoints are kept: the newest, and the first of each month and year."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.config import KeepConfig, OutputConfig, SeriesConfig
from landda_hpc.storage.record_inventory import Inventory, RecordCheck
from landda_hpc.storage.record_retention import is_first, not_kept, prune_records, read_released
from landda_hpc.storage.retention import apply_retention, checkpoint_name, checkpoint_times

START = datetime(2021, 11, 29)
DAY = timedelta(days=1)


@given(n=st.integers(1, 900), last=st.integers(1, 50), monthly=st.booleans(), yearly=st.booleans())
def test_the_rule_keeps_the_newest_and_the_first_of_each_period(n: int, last: int, monthly: bool, yearly: bool) -> None:
    times = [START + k * DAY for k in range(n)]
    kept = set(times) - not_kept(times, KeepConfig(last=last, monthly=monthly, yearly=yearly), DAY)
    expected = set(times[-last:])
    expected |= {t for t in times if monthly and t.day == 1} | {
        t for t in times if yearly and (t.month, t.day) == (1, 1)
    }
    assert kept == expected


@given(days=st.sets(st.integers(0, 500), min_size=1, max_size=60), last=st.integers(1, 9), removals=st.integers(1, 4))
def test_of_irregular_times_the_first_of_each_month_stays(days: set[int], last: int, removals: int) -> None:
    """Also if the rule is applied again and again while times are added."""
    rule, every = KeepConfig(last=last, monthly=True), sorted(START + day * DAY for day in days)
    present: set[datetime] = set()
    for part in range(removals):
        present |= set(every[part * len(every) // removals : (part + 1) * len(every) // removals])
        present -= not_kept(present, rule)
    firsts = {min(t for t in every if (t.year, t.month) == month) for month in {(t.year, t.month) for t in every}}
    assert present == firsts | set(every[-last:])


def test_a_longer_step_has_its_first_time_later() -> None:
    times = [datetime(2021, 12, 30) + k * 5 * DAY for k in range(8)]
    firsts = [t for t in times if is_first(t, 5 * DAY, monthly=True, yearly=False)]
    assert firsts == [datetime(2022, 1, 4), datetime(2022, 2, 3)]


def test_checkpoints_of_months_and_years_stay(tmp_path: Path) -> None:
    for day in range(70):
        (tmp_path / checkpoint_name(4 * day, START + day * DAY)).touch()
    (tmp_path / checkpoint_name(9, START + timedelta(hours=54))).touch()  # of a stop, not by cadence
    removed = apply_retention(tmp_path, 2, cadence=4, is_kept=lambda t: is_first(t, DAY, monthly=True, yearly=False))
    kept = [datetime(2021, 12, 1), datetime(2022, 1, 1), datetime(2022, 2, 1), START + 68 * DAY, START + 69 * DAY]
    assert checkpoint_times(tmp_path) == kept and len(removed) == 71 - len(kept)


def test_removed_files_are_not_missing(tmp_path: Path) -> None:
    """Also at an earlier checkpoint, whose inventory lists them; files that were lost are."""
    inventory = Inventory(tmp_path)
    for folder in ("images", "images/0-10cm", "series", "feedback"):
        (tmp_path / folder).mkdir()
    for day in range(6):
        time = START + day * DAY
        stamp = f"{time:%Y%m%dT%H}"
        for name in (f"images/control_{stamp}.nc", f"images/0-10cm/control_{stamp}.nc", f"feedback/{stamp}00.nc"):
            (tmp_path / name).write_text(name)
            inventory.wrote(tmp_path / name, day + 1)
        (tmp_path / f"series/control_{time:%Y%m%d}.nc").write_text("series")
        inventory.wrote(tmp_path / f"series/control_{time:%Y%m%d}.nc", day + 1)
    now = START + 5 * DAY
    before = inventory.to_plain(now)
    keep = KeepConfig(last=1, monthly=True)
    output = OutputConfig(keep_images=keep, keep_feedback=keep, series=SeriesConfig(keep=keep), times=(START,))
    removed = prune_records(tmp_path, output, now, [START + DAY, now])
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nc"))
    stamps = (START, datetime(2021, 12, 1), now)
    expected = [f"images/{sub}control_{t:%Y%m%dT%H}.nc" for sub in ("", "0-10cm/") for t in stamps]
    # The first feedback file of each month.
    expected += [f"feedback/{t:%Y%m%dT%H}00.nc" for t in stamps]
    # The days of both checkpoints, the day before the newest one, and the first of the month.
    days = (START + DAY, START + 2 * DAY, START + 4 * DAY, now)
    assert left == sorted([*expected, *(f"series/control_{t:%Y%m%d}.nc" for t in days)])
    assert set(removed) == read_released(tmp_path) - {""}
    assert not RecordCheck(tmp_path).lacking(before, now)
    inventory.release(removed)
    assert set(inventory.to_plain(now)["files"]) == set(left)
    assert set(Inventory.from_plain(tmp_path, before).to_plain(now)["files"]) == set(left)
    (tmp_path / left[0]).unlink()
    (lack,) = RecordCheck(tmp_path).lacking(before, now)
    assert "1 is missing" in str(lack)
