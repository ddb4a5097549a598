"""CPU seconds of a resume and of `landda status` for records of two lengths."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import pytest

from landda_hpc.campaign.monitoring import outlook
from landda_hpc.campaign.record_check import restore_records
from landda_hpc.config import parse_config
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
from landda_hpc.storage.checkpoint import CheckpointHeader
from landda_hpc.storage.record_inventory import KEY, Inventory, RecordCheck
from tests.campaign.conftest import CONFIG

pytestmark = pytest.mark.bench

VALUES = {"run": "enkf_like", "values": [0.123456789] * 140}
STEPS = {"forecast": {"max": 1.0}}


def write(folder: CampaignFolder, cycles: range, inventory: Inventory | None) -> None:
    """Nine lines of 1.9 kB per cycle."""
    for cycle in cycles:
        for name, n_lines in (("cycles", 4), ("scores", 4), ("seconds", 1)):
            record: dict[str, Any] = {"cycle": cycle, "seconds": STEPS, "bytes_kept": cycle, **VALUES}
            lines = folder.append_records(name, [record] * n_lines)
            if inventory is not None:
                inventory.appended(name, cycle, lines)


@pytest.mark.parametrize("n_cycles", [100, 4000])
def test_records(tmp_path: Path, n_cycles: int) -> None:
    times = {**CONFIG["time"], "assimilation_end": "2027-06-02", "end": "2027-06-02"}
    config = parse_config({**CONFIG, "time": times})
    with CampaignFolder.create(tmp_path / "out", "") as folder:
        inventory = Inventory(folder.path)
        write(folder, range(1, n_cycles + 1), inventory)
        valid = config.time.valid_time(n_cycles)
        header = CheckpointHeader(
            "bench", n_cycles, valid.isoformat(), "", n_tiles=1, instances=("control",), software_version="",
            records={KEY: inventory.to_plain(valid)},
        )  # fmt: skip
        write(folder, range(n_cycles + 1, n_cycles + 3), None)
        status = Status(
            "running", n_cycles, config.time.n_cycles, valid.isoformat(), 1, written="2026-01-01T00:00+00:00"
        )
        size = sum(path.stat().st_size for path in folder.path.glob("*.jsonl"))
        importlib.import_module("landda_hpc.campaign.estimate")  # which the outlook loads
        begin = time.process_time()
        outlook(folder, config.time, config.checkpoint, status, runs=True)
        seen = time.process_time()
        assert not RecordCheck(folder.path).lacking(header.records[KEY], valid)
        checked = time.process_time()
        restore_records(folder, config.time, header)
        print(
            f"\n{size / 1e6:.1f} MB of records, CPU s: status {seen - begin:.3f}, check {checked - seen:.3f}, "
            f"cut {time.process_time() - checked:.3f}"
        )
