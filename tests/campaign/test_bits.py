"""The same bits on any number of ranks, in any layout, from any mode of checkpoint, even a damaged one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from tests.campaign.conftest import Landda, assert_same

LAYOUTS = [(2, 2, 2, "auto")]
MORE = [
    (3, 2, 3, "auto"), (2, 1, 2, "auto"), (3, 3, 2, "auto"), (4, 2, 3, "auto"),
    (2, 1, None, "serial"), (2, 2, 2, "serial"), (2, 1, 1, "auto"), (3, 1, 2, "auto"), (4, 1, None, "auto"),
    (4, 3, 1, "auto"), (7, 2, 4, "auto"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ranks", "groups", "roots", "mode"),
    [*LAYOUTS, *(pytest.param(*m, marks=pytest.mark.verify) for m in MORE)],
)
def test_ranks_layouts_and_checkpoint_modes_change_no_bit(
    landda: Landda, reference: Mapping[str, Any], ranks: int, groups: int, roots: int | None, mode: str
) -> None:
    """Nor of any checkpoint: 'auto' is parallel where h5py can, the reference's on one rank is serial."""
    checkpoint = {"every_hours": 6, "keep_last": 3, "mode": mode}
    file = landda.write(parallel={"member_groups": groups, "roots": roots}, checkpoint=checkpoint)
    done = landda(ranks, "run", file, "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference, landda)
    assert landda.digests("out") == reference["all"]


@pytest.mark.verify
def test_the_parallel_checkpoint_by_name(landda: Landda, reference: Mapping[str, Any]) -> None:
    done = landda(
        2, "run", landda.write(checkpoint={"every_hours": 6, "keep_last": 3, "mode": "parallel"}), "-o", "out"
    )
    if "needs h5py with MPI" in done.stderr:
        pytest.skip("h5py here is serial: the parallel mode cannot run, and says so")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digests("out") == reference["all"]


@pytest.mark.verify
def test_a_damaged_newest_checkpoint_is_skipped(landda: Landda, reference: Mapping[str, Any]) -> None:
    output = landda.folder / "out"
    shutil.copytree(reference["path"], output)
    newest = sorted((output / "checkpoints").glob("checkpoint_*.h5"))[-1]
    with newest.open("r+b") as file:
        file.seek(newest.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipping a checkpoint" in done.stderr
    assert_same(output, reference, landda)
