"""Keeping the state: checkpoints with records and memory, retention, restart sets; on one rank and on two."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.saving import CheckpointKeeper, lacks_restarts, retain
from landda_hpc.config import CheckpointConfig, OutputConfig, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.instance import Instance
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.state import TileState
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, digest, read_header, read_instance
from landda_hpc.storage.method_memory import decode_memory
from landda_hpc.storage.record_inventory import KEY, Inventory
from landda_hpc.storage.retention import list_checkpoints, times_of_sets
from landda_hpc.variables import STATE_OF_PHYSICS
from tests.unit.campaign.fakes import HOUR, START, on_ranks
from tests.unit.campaign.test_increments import RAW

NAMES = STATE_OF_PHYSICS["soil_water"]


@pytest.fixture(scope="module")
def domains() -> dict[int, Domain]:
    return {size: make_domain(parse_config(RAW), size) for size in (1, 2)}


class Models:
    """Names a file of the model at every checkpoint; remembers what is asked of it."""

    def __init__(self) -> None:
        self.restarts: list[datetime] = []
        self.released: list[set[datetime]] = []

    def files(self, instances: list[Instance], time: datetime) -> dict[str, Any]:
        return {"pointwise": {"file": f"{time:%d-%H}"}}

    def write_restarts(self, instances: list[Instance], time: datetime) -> None:
        self.restarts.append(time)

    def release(self, kept: Collection[datetime]) -> None:
        self.released.append(set(kept))


class Memory:
    def __init__(self, *shape: int) -> None:
        self.mean: FloatArray = np.zeros(shape)

    def state(self) -> dict[str, FloatArray]:
        return {"mean": self.mean.copy()}

    def restore(self, arrays: Any) -> None:
        if arrays["mean"].shape != self.mean.shape:
            raise ShapeError("of another grid")
        self.mean = arrays["mean"]


def state_of(domain: Domain, seed: int) -> TileState:
    generator = np.random.default_rng(seed)
    state = TileState.filled(len(domain.tiles), NAMES)
    for name in NAMES:
        state[name][:] += generator.uniform(0.0, 1.0, state[name].shape)
    return state


def keeper_of(
    folder: CampaignFolder, domain: Domain, world: Communicator, memories: dict[str, Any], **settings: Any
) -> tuple[CheckpointKeeper, list[Instance]]:
    n_tiles, names = len(domain.tiles), ("nature", "pointwise")
    header = CheckpointHeader("small", 0, START.isoformat(), "0" * 32, n_tiles, names, "0", variables=NAMES)
    keeper = CheckpointKeeper(
        CheckpointConfig(**settings),
        OutputConfig(),
        6,
        header,
        domain,
        world,
        folder,
        Models(),
        Inventory(folder.path),
        memories,
    )
    mine = domain.layout.tiles_of(world.rank)
    instances = [Instance("nature", 0, None), Instance("pointwise", 1, parse_config(RAW).runs[0])]
    for seed, instance in enumerate(instances):
        instance.state = state_of(domain, seed).take(mine)
    return keeper, instances


def test_a_checkpoint_holds_state_memory_inventory_and_files(domains: dict[int, Domain], tmp_path: Path) -> None:
    with CampaignFolder.create(tmp_path / "out", "name: small\n") as folder:
        memory = Memory(2, 3)
        memory.mean[:] = np.random.default_rng(0).normal(size=(2, 3))
        keeper, instances = keeper_of(folder, domains[1], SerialCommunicator(), {"pointwise": memory})
        lines = folder.append_records("cycles", [{"cycle": 1}])
        keeper.inventory.appended("cycles", 1, lines)
        name = keeper.save(instances, 4, START + 24 * HOUR)
        path = folder.checkpoints / name
        header = read_header(path)
    assert (header.cycle, header.valid_time, header.campaign) == (4, "2022-06-03T00:00:00", "small")
    assert header.config_hash == "0" * 32 and header.instances == ("nature", "pointwise")
    assert header.records[KEY]["lines"]["cycles"]["bytes"] == len(lines)
    for instance in instances:
        found = read_instance(path, instance.name, slice(0, len(domains[1].tiles)))
        assert all(found[n].tobytes() == instance.state[n].tobytes() for n in NAMES)
    other = Memory(2, 3)
    resumed, _ = keeper_of(folder, domains[1], SerialCommunicator(), {"pointwise": other})
    resumed.restore_memory(decode_memory(header.records))
    assert other.mean.tobytes() == memory.mean.tobytes(), "to the last bit"


def test_a_method_that_finds_no_memory_stops_the_resume(domains: dict[int, Domain], tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path)
    keeper, _ = keeper_of(folder, domains[1], SerialCommunicator(), {"pointwise": Memory(2)})
    with pytest.raises(StorageError, match="no memory of run 'pointwise'"):
        keeper.restore_memory({"another": {"mean": np.zeros(2)}})
    with pytest.raises(ShapeError):
        keeper.restore_memory({"pointwise": {"mean": np.zeros(3)}})
    keeper, _ = keeper_of(folder, domains[1], SerialCommunicator(), {})
    keeper.restore_memory({"pointwise": {"mean": np.zeros(3)}})  # of a method that learns no more: left alone


def test_retention_keeps_the_newest_and_every_nth(domains: dict[int, Domain], tmp_path: Path) -> None:
    with CampaignFolder.create(tmp_path / "out", "name: small\n") as folder:
        keeper, instances = keeper_of(
            folder, domains[1], SerialCommunicator(), {}, every_hours=6, keep_last=2, keep_every=3, restarts=True
        )
        for cycle in range(8):
            keeper.save(instances, cycle, START + 6 * cycle * HOUR)
        assert [cycle for cycle, _ in list_checkpoints(folder.checkpoints)] == [0, 3, 6, 7]
        assert keeper.models.restarts == [START + 6 * cycle * HOUR for cycle in range(8)]
        assert keeper.models.released[-1] == {START + 6 * cycle * HOUR for cycle in (0, 3, 6, 7)}
        # A checkpoint of a later cycle, which a resume skipped, ends with the next one that is written.
        keeper.save(instances, 5, START + 30 * HOUR)
        assert [cycle for cycle, _ in list_checkpoints(folder.checkpoints)] == [0, 3, 5]
        models = Models()
        retain(CheckpointConfig(keep_last=1), 6, folder, models, 5)
        assert [cycle for cycle, _ in list_checkpoints(folder.checkpoints)] == [5]
        assert models.released == [{START + 30 * HOUR}]


def test_restart_sets_are_missing_until_every_instance_has_one(tmp_path: Path) -> None:
    folder, names = CampaignFolder(tmp_path), ("nature", "pointwise")
    assert CheckpointConfig(restarts=True).restarts_at(6) and not CheckpointConfig().restarts_at(6)
    assert lacks_restarts(names, folder, START)
    for name in names:
        assert lacks_restarts(names, folder, START)
        (folder.restart / time_label(START) / name).mkdir(parents=True)
        (folder.restart / time_label(START) / name / MANIFEST).touch()
    assert not lacks_restarts(names, folder, START)


def test_restart_sets_of_their_own_cadence(domains: dict[int, Domain], tmp_path: Path) -> None:
    """Between checkpoints, too; each with its own retention."""
    with CampaignFolder.create(tmp_path / "out", "name: small\n") as folder:
        own = {"every_hours": 12, "keep_last": 2, "keep_monthly": True}
        keeper, instances = keeper_of(
            folder, domains[1], SerialCommunicator(), {}, every_hours=24, keep_last=1, restarts=own
        )
        models = keeper.models
        start, month = datetime(2022, 6, 29), datetime(2022, 7, 1)
        for cycle in range(17):
            time, before = start + 6 * cycle * HOUR, len(models.restarts)
            save = keeper.save if cycle % 4 == 0 else keeper.write_restarts
            save(instances, cycle, time)
            assert len(models.restarts) - before == (cycle % 2 == 0)
            if cycle % 2 == 0:
                (folder.restart / time_label(time) / "control").mkdir(parents=True)
        retain(keeper.settings, 6, folder, models, 16)
        kept = {month, start + 84 * HOUR, start + 96 * HOUR}
        assert times_of_sets(folder.restart) == kept
        assert [cycle for cycle, _ in list_checkpoints(folder.checkpoints)] == [16]
        # A set of a later time, which a resume writes again, stays.
        (folder.restart / time_label(start + 108 * HOUR) / "control").mkdir(parents=True)
        retain(keeper.settings, 6, folder, models, 16)
        assert times_of_sets(folder.restart) == kept | {start + 108 * HOUR}


def test_two_ranks_write_the_file_of_one(domains: dict[int, Domain], tmp_path: Path) -> None:
    digests = []
    for size in (1, 2):
        with CampaignFolder.create(tmp_path / str(size), "name: small\n") as folder:

            def save(world: Communicator, folder: CampaignFolder = folder, size: int = size) -> tuple[str, int]:
                # Only rank 0 has the folder's lock and the memory; others must not need them.
                mine = folder if world.rank == 0 else CampaignFolder(folder.path)
                memories = {"pointwise": Memory(2)} if world.rank == 0 else {"pointwise": None}
                keeper, instances = keeper_of(mine, domains[size], world, memories, keep_last=1)
                keeper.save(instances, 0, START)
                return keeper.save(instances, 1, START + 6 * HOUR), len(keeper.models.released)

            results = on_ranks(size, save)
            assert not [one for one in results if isinstance(one, BaseException)], results
            assert [released for _, released in results] == [2] + [0] * (size - 1), "rank 0 alone removes"
            assert [cycle for cycle, _ in list_checkpoints(folder.checkpoints)] == [1]
            digests.append(digest(folder.checkpoints / results[0][0]))
    assert digests[0] == digests[1]


def test_a_full_disk_on_rank_0_is_known_to_all(
    domains: dict[int, Domain], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("the disk is full")

    with CampaignFolder.create(tmp_path / "out", "name: small\n") as folder:

        def save(world: Communicator) -> str:
            keeper, instances = keeper_of(folder, domains[2], world, {})
            return keeper.save(instances, 0, START)

        monkeypatch.setattr("landda_hpc.campaign.saving.remove_later", full)
        results = on_ranks(2, save)
        assert all(isinstance(one, StorageError) and "disk is full" in str(one) for one in results)
