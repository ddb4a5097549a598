"""Times in the names of every kind of file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from landda_hpc.storage.record_times import files_after, time_of

NAMES = {
    "checkpoints/checkpoint_000012_20220605T0600.h5": datetime(2022, 6, 5, 6),
    "restart/2022-156-21600/control/manifest.json": datetime(2022, 6, 5, 6),
    "restart/2022-156-21600/control/twin_restart_2022-156-21600_00001of00001.nc": datetime(2022, 6, 5, 6),
    "images/enkf_like_20220605T06.nc": datetime(2022, 6, 5, 6),
    "images/0-10cm/enkf_like_20220605T06.nc": datetime(2022, 6, 5, 6),
    "feedback/20220605T0600.nc": datetime(2022, 6, 5, 6),
    "series/enkf_like_20220606.nc": datetime(2022, 6, 6),
    "models/control/restart/2022-156-21600/x_restart_2022-156-21600_lc2005.nc": datetime(2022, 6, 5, 6),
    "models/control/logs/2022-156-21600.try1.log": datetime(2022, 6, 5, 6),
}
WITHOUT = (
    "config.yaml", "scores.jsonl", "means/control_daily_202206.nc", "figures/map_control_20220605T06.png",
    "models/control/work/2022-156-21600.nc", "rewound/20220101T000000.000000/images/control_20220605T06.nc",
    "series/control_20229999.nc", "restart/2022-999-00000/control/manifest.json",
)  # fmt: skip


@pytest.mark.parametrize(("name", "time"), NAMES.items())
def test_times_of_names(name: str, time: datetime) -> None:
    assert time_of(name) == time


@pytest.mark.parametrize("name", WITHOUT)
def test_names_without_a_time(name: str) -> None:
    assert time_of(name) is None


def test_later_files_of_a_folder(tmp_path: Path) -> None:
    for name in (*NAMES, *WITHOUT, "checkpoints/checkpoint_000013_20220605T1200.h5", "images/notes_20220605T06.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    later = files_after(tmp_path, datetime(2022, 6, 5))
    assert set(later) == {*NAMES, "checkpoints/checkpoint_000013_20220605T1200.h5"}
    assert later[:2] == (
        "checkpoints/checkpoint_000013_20220605T1200.h5", "checkpoints/checkpoint_000012_20220605T0600.h5",
    )  # fmt: skip
    assert files_after(tmp_path, datetime(2022, 6, 5, 6)) == (
        "checkpoints/checkpoint_000013_20220605T1200.h5", "series/enkf_like_20220606.nc",
    )  # fmt: skip
