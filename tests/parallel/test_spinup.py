"""A spin-up over two years that is stopped within a pass and continued on another number of ranks: the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from landda_hpc.errors import StoppedError
from landda_hpc.land_experiments.spinup import StopRule, spin_up
from landda_hpc.land_experiments.spinup_files import STATES, WITHIN
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.storage.checkpoint import digest
from tests.spinup_case import StopAfter, config_of, write_years

pytestmark = pytest.mark.mpi
RULE = StopRule(0.0, 0.0, 0.0, max_years=2)


def test_any_number_of_ranks_continues_a_pass(mpi_tmp_path: Path) -> None:
    world, alone = launch(), SerialCommunicator()
    config = config_of(mpi_tmp_path)
    if world.rank == 0:
        write_years(mpi_tmp_path, range(2019, 2022))
    world.barrier()  # the files are complete

    def stopped(ranks: Communicator, folder: str) -> None:
        with pytest.raises(StoppedError):
            spin_up(config, ranks, mpi_tmp_path / folder, RULE, period_years=2, stop=StopAfter(15))
        assert (mpi_tmp_path / folder / WITHIN).is_file()

    # Stopped on all ranks, continued on one; stopped on one, continued on all.
    stopped(world, "a")
    if world.rank == 0:
        stopped(alone, "b")
        spin_up(config, alone, mpi_tmp_path / "a", RULE, period_years=2)
    world.barrier()  # the files of rank 0 are complete
    spin_up(config, world, mpi_tmp_path / "b", RULE, period_years=2)
    digests = [digest(mpi_tmp_path / folder / STATES) for folder in ("a", "b")]
    assert digests[0] == digests[1]
