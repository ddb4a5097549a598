"""Records that are read and cut from their end, compared with reading the whole file."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.campaign.record_check import restore_records
from landda_hpc.config import parse_config
from landda_hpc.errors import StorageError
from landda_hpc.storage import campaign_folder
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader
from landda_hpc.storage.record_inventory import KEY, Inventory, RecordCheck
from tests.campaign.conftest import CONFIG

CYCLES = st.lists(st.integers(1, 20), max_size=30).map(sorted)


@given(cycles=CYCLES, n_cycles=st.integers(1, 25), block=st.integers(1, 60))
def test_the_last_records_are_those_at_the_end(cycles: list[int], n_cycles: int, block: int) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as tmp,
        CampaignFolder.create(Path(tmp) / "twin", "") as folder,
    ):
        folder.append_records("cycles", ({"cycle": cycle, "n": n} for n, cycle in enumerate(cycles)))
        records = folder.read_records("cycles")
        with folder.records_file("cycles").open("ab") as file:
            file.write(b'{"cycle": 21' * bool(cycles))  # it is being written
        patch.setattr("landda_hpc.storage.record_lines._BLOCK", block)
        first = cycles[-1] - n_cycles + 1 if cycles else 0
        assert folder.last_records("cycles", n_cycles) == [r for r in records if r["cycle"] >= first]


def test_a_damaged_last_line_is_reported(tmp_path: Path) -> None:
    with CampaignFolder.create(tmp_path / "twin", "") as folder:
        folder.append_records("cycles", [{"cycle": 1}, {"cycle": 2}])
        file = folder.records_file("cycles")
        file.write_bytes(file.read_bytes().replace(b'"cycle": 2', b'"cyc\x00e": 2'))
        with pytest.raises(StorageError, match=r"cycles\.jsonl: .*damaged line"):
            folder.last_records("cycles", 2)


@pytest.mark.parametrize("n_cycles", [10, 1000])
def test_a_resume_parses_as_many_lines_of_long_records_as_of_short_ones(
    tmp_path: Path, n_cycles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config({**CONFIG, "time": {**CONFIG["time"], "assimilation_end": "2023-06-02", "end": "2023-06-02"}})
    with CampaignFolder.create(tmp_path / "twin", "") as folder:
        inventory = Inventory(folder.path)
        for cycle in range(1, n_cycles + 1):
            for name in ("scores", "cycles"):
                inventory.appended(name, cycle, folder.append_records(name, [{"cycle": cycle}] * 5))
            if cycle < n_cycles:
                inventory.appended("seconds", cycle, folder.append_records("seconds", [{"cycle": cycle}]))
        time = config.time.valid_time(n_cycles)
        known = {KEY: inventory.to_plain(time)}
        for cycle in (n_cycles, n_cycles + 1):  # the first comes after the checkpoint, the second after that
            inventory.appended("seconds", cycle, folder.append_records("seconds", [{"cycle": cycle}]))
        folder.append_records("scores", [{"cycle": n_cycles + 1}] * 5)
        header = CheckpointHeader(
            "tiny",
            n_cycles,
            time.isoformat(),
            "",
            n_tiles=1,
            instances=("control",),
            software_version="",
            records=known,
        )
        parsed: list[Any] = []

        def counted(line: bytes) -> Any:
            parsed.append(line)
            return json.loads(line)

        for module in ("record_lines", "record_inventory"):
            monkeypatch.setattr(f"landda_hpc.storage.{module}.parse_json", counted)
        monkeypatch.setattr(campaign_folder, "parse_json", counted)
        restored = restore_records(folder, config.time, header)
        assert len(parsed) == 3  # the two lines of timings at the end, and the one that the checkpoint lacks
        assert restored.lines["seconds"].counts == [1] * n_cycles
        assert {name: folder.records_file(name).stat().st_size for name in ("scores", "cycles", "seconds")} == {
            name: lines.n_bytes for name, lines in restored.lines.items()
        }
        assert restored.to_plain(time)["lines"]["scores"] == known[KEY]["lines"]["scores"]


@pytest.mark.parametrize(
    ("name", "content", "n_hashed", "is_found"),
    [
        ("images/a.nc", b"012346", None, True),
        ("images/a.nc", b"012346", 1, False),  # of the same size, and not among the latest files
        ("images/a.nc", b"01234", 1, True),
        ("images/b.nc", b"012346", 1, True),
    ],
)
def test_which_files_are_read(tmp_path: Path, name: str, content: bytes, n_hashed: int | None, is_found: bool) -> None:
    (tmp_path / "images").mkdir()
    inventory = Inventory(tmp_path)
    for cycle, file in enumerate(("images/a.nc", "images/b.nc"), start=1):
        (tmp_path / file).write_bytes(b"012345")
        inventory.wrote(tmp_path / file, cycle)
    now = datetime(2022, 1, 1)
    assert not RecordCheck(tmp_path, n_hashed).lacking(inventory.to_plain(now), now)
    (tmp_path / name).write_bytes(content)
    assert bool(RecordCheck(tmp_path, n_hashed).lacking(inventory.to_plain(now), now)) == is_found
