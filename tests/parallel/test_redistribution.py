"""Land cells that are distributed again during a campaign change no bit, also if it is stopped and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from landda_hpc.campaign.start import resume_campaign, start_campaign
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.storage.checkpoint import digest
from landda_hpc.storage.cost_file import NAME
from landda_hpc.storage.retention import latest_valid
from tests.spinup_case import StopAfter

pytestmark = [pytest.mark.mpi, pytest.mark.verify]

CONFIG: CampaignConfig = parse_config(
    {
        "name": "small", "seed": 7,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-04T12:00", "end": "2022-06-04T12:00",
                 "cycle_hours": 12},
        "grid": {"n_lat": 17, "n_lon": 20, "south": 20.0, "north": 70.0, "west": 60.0, "east": 120.0},
        "model": {"physics": "land_surface", "initial": "spun_up", "spinup_days": 0},
        "twin": {"sand_sigma": 20.0},
        "observations": {"kind": "twin"},
        "runs": [{"method": "adaptive_pointwise", "drift": {"settle_days": 0.0}}],
        "checkpoint": {"every_hours": 12, "keep_last": 9},
        "output": {"figures": False},
        "parallel": {"rebalance": "always"},
    }
)  # fmt: skip


def test_a_new_distribution_changes_no_bit(mpi_tmp_path: Path) -> None:
    world = launch()

    def run(
        folder: str, ranks: Communicator, stop: StopRequest | None = None, *, begins: bool = True
    ) -> tuple[list[int], list[int]]:
        """Start or resume; first cells of the ranks before and after."""
        path = mpi_tmp_path / folder
        campaign = start_campaign(CONFIG, ranks, path) if begins else resume_campaign(path, ranks)
        before = campaign.domain.layout
        campaign.run(stop=stop)
        campaign.folder.unlock()
        return before.cell_bounds[0].tolist(), campaign.domain.layout.cell_bounds[0].tolist()

    if world.rank == 0:
        run("alone", SerialCommunicator())
    world.barrier()
    first, second = run("stopped", world, StopAfter(5))  # after cycle 4 of 5; distributed again after cycle 3
    assert first != second
    assert run("stopped", world, begins=False)[0] != first, "a resume begins with the measured costs"
    world.barrier()
    folders = [mpi_tmp_path / name for name in ("alone", "stopped")]
    found = [latest_valid(folder / "checkpoints") for folder in folders]
    assert None not in found and len({digest(path) for path in found if path is not None}) == 1
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1, name
    assert [(folder / NAME).is_file() for folder in folders] == [False, True]
