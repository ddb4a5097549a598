"""Jobs that die while they write a checkpoint. Started from one process: each test runs its own MPI job."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import remove_temporaries
from landda_hpc.storage.checkpoint import read_header, read_instance
from landda_hpc.storage.retention import latest_valid

N_RANKS, N_TILES = 3, 6000

JOB = """
import os, resource, sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
import landda_hpc.storage.checkpoint as checkpoint
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.partition import even_partition
from landda_hpc.state import TileState
from landda_hpc.storage.retention import checkpoint_name

folder, mode, faulty_rank, n_tiles = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
world = launch()
bounds = even_partition(n_tiles, world.size)
mine = slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))
state = TileState.filled(mine.stop - mine.start)
header = checkpoint.CheckpointHeader("twin", 0, "2022-06-03T00:00:00", "c0ffee", n_tiles, ("control",), "0.1.0")
write_parallel = checkpoint.write_parallel

def limited(*args):  # the rank may write no further than 300 kB into any file, though the space was reserved
    if world.rank == faulty_rank:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    write_parallel(*args)

for cycle in range(1, 10000):
    if cycle == 2 and faulty_rank >= 0:
        checkpoint.write_parallel = limited
    state["zwt"][:] = cycle
    path = folder / checkpoint_name(cycle, datetime(2022, 6, 3))
    parts = {"control": checkpoint.LocalPart(state, mine)}
    checkpoint.write_checkpoint(path, world, replace(header, cycle=cycle), parts, mode)
    if world.rank == 0:
        os.write(1, f"done {cycle}\\n".encode())  # one write a line: ranks share the pipe
    if cycle == 1 and world.rank == world.size - 1:
        os.write(1, f"pid {os.getpid()}\\n".encode())
"""


def start(folder: Path, mode: str, faulty_rank: int) -> subprocess.Popen[str]:
    mpirun = os.environ.get("MPIRUN") or shutil.which("mpirun")
    if not mpirun:
        pytest.skip("needs mpirun")
    if mode == "parallel" and not h5py.get_config().mpi:
        pytest.skip("serial HDF5: no parallel mode")
    # What an MPI library that was initialised in this process has set would confuse the launcher.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PMIX_", "OMPI_COMM_", "OMPI_UNIVERSE", "OMPI_MCA_orte", "OMPI_MCA_ess"))
    }
    for key in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"):
        environment.setdefault(key, "1")
    environment["OMPI_MCA_io"] = "^ompio"  # which reports no error: ROMIO, whatever its version
    return subprocess.Popen(
        [
            mpirun,
            "-n",
            str(N_RANKS),
            sys.executable,
            "-m",
            "mpi4py",
            "-c",
            JOB,
            str(folder),
            mode,
            str(faulty_rank),
            str(N_TILES),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def last_whole_cycle(folder: Path) -> int:
    path = latest_valid(folder)
    assert path is not None
    cycle = read_header(path).cycle
    assert np.all(read_instance(path, "control", slice(0, N_TILES))["zwt"] == cycle)
    return cycle


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["serial", "parallel"])
def test_kill_9_of_one_rank(tmp_path: Path, mode: str) -> None:
    job = start(tmp_path, mode, -1)
    assert job.stdout is not None
    try:
        reported = [0]
        for line in job.stdout:
            word, number = line.split()
            if word == "pid":
                time.sleep(0.37)
                os.kill(int(number), signal.SIGKILL)
            else:
                reported.append(int(number))
        assert job.wait(timeout=60) != 0  # the launcher ends the other ranks: no hang
    finally:
        job.kill()
    assert last_whole_cycle(tmp_path) >= reported[-1] > 0
    remove_temporaries(tmp_path)
    assert all(entry.suffix == ".h5" for entry in tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("faulty_rank", [0, 2])
def test_a_rank_that_fails_inside_a_collective_write_ends_the_job(tmp_path: Path, faulty_rank: int) -> None:
    job = start(tmp_path, "parallel", faulty_rank)
    try:
        out, err = job.communicate(timeout=60)
    finally:
        job.kill()
    assert job.returncode == StorageError.exit_code, err
    assert "done 1" in out
    assert "done 2" not in out
    assert f"rank {faulty_rank} of {N_RANKS}" in err
    assert "resume from it" in err
    assert last_whole_cycle(tmp_path) == 1
