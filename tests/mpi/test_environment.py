"""The MPI and HDF5 that parallel runs stand on, before any code of the package."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from mpi4py import MPI


def write_nothing(data: h5py.Dataset) -> None:
    """Take part in a collective write with no elements.

    `data[0:0] = ...` would not: h5py returns before HDF5 is called, and the other ranks wait for this one
    forever.
    """
    collective = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    collective.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
    in_file, in_memory = data.id.get_space(), h5py.h5s.create_simple((1,))
    in_file.select_none()
    in_memory.select_none()
    data.id.write(in_memory, in_file, np.empty(1), dxpl=collective)


@pytest.mark.mpi(min_size=2)
def test_ranks_belong_to_one_job() -> None:
    """A launcher of another MPI library would start n jobs of one rank each."""
    comm = MPI.COMM_WORLD
    assert comm.size >= 2
    ranks = np.empty(comm.size, dtype=np.int64)
    comm.Allgather(np.array([comm.rank], dtype=np.int64), ranks)
    assert ranks.tolist() == list(range(comm.size))


@pytest.mark.mpi(min_size=2)
@pytest.mark.skipif(not h5py.get_config().mpi, reason="serial HDF5 (wheels mode): no collective files")
def test_collective_compressed_write_is_read_back_whole(mpi_tmp_path: Path) -> None:
    """Uneven slabs, one empty, through a filter: what the checkpoint asks of parallel HDF5."""
    comm = MPI.COMM_WORLD
    counts = [1000 * rank for rank in range(comm.size)]  # rank 0 has none
    starts = np.concatenate([[0], np.cumsum(counts)])
    expected = np.random.default_rng(5).normal(size=int(starts[-1]))
    mine = slice(int(starts[comm.rank]), int(starts[comm.rank + 1]))
    path = mpi_tmp_path / "slabs.h5"
    with h5py.File(path, "w", driver="mpio", comm=comm) as file:
        data = file.create_dataset("x", shape=expected.shape, dtype="f8", chunks=(300,), compression="gzip")
        if counts[comm.rank]:
            with data.collective:
                data[mine] = expected[mine]
        else:
            write_nothing(data)
    with h5py.File(path, "r") as file:  # every rank, serially
        np.testing.assert_array_equal(file["x"][:], expected)
