"""Constant objects that the processes of a node hold once, in shared memory.

Every process of a campaign needs the grid, the tiles and the land cells of the whole domain. They are gigabytes at 0.1
degrees, and a node has up to a hundred processes. One process of every node therefore makes them, which also reads the
files once per node.
"""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from landda_hpc.errors import ParallelError
from landda_hpc.parallel.together import together

if TYPE_CHECKING:
    from landda_hpc.parallel.communicator import Communicator

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ALIGNMENT: Final = 64
"""Arrays begin at multiples of so many bytes, as numpy's own arrays do in practice."""


def once_per_node(world: Communicator, make: Callable[[], T], doing: str) -> T:
    """Make an object on one process of every node; its arrays are shared by all processes of the node. Collective.

    Parameters
    ----------
    world : communicator.
    make : makes the object without communication; every process would make the same.
    doing : description, for messages.

    Returns
    -------
    On every process a separate object of equal content. Where the node has several processes, they share the memory of
    its arrays, which are read-only and stay until the end of the job.

    Raises
    ------
    The error of ``make``, on every process.

    Notes
    -----
    Arrays keep their order in memory, and those that repeat a column (``np.broadcast_to``) stay as small as they are.
    Numbers computed from them have the same bits. If the node has no room for shared memory, every process of it
    makes the object for itself, and the log says so.
    """
    node = world.of_node()
    made: list[T] = []
    with together(world, doing):
        if node.rank == 0:
            made.append(make())
    if node.size == 1:
        return made[0]
    stream, buffers = _packed(made[0]) if made else (b"", [])
    ends = node.broadcast(np.cumsum([_padded(one.nbytes) for one in buffers], dtype=np.int64))
    sizes = node.broadcast([one.nbytes for one in buffers])
    total = int(ends[-1]) if ends.size else 0
    try:
        memory: memoryview | None = node.shared_bytes(total)
    except ParallelError as error:
        memory, reason = None, str(error)
        logger.warning(
            "%s: no shared memory of %.1f MB (%s); this process has its own copy.", doing, total / 1e6, reason
        )
    if not all(node.all_gather(memory is not None)):
        with together(node, doing):
            made = made or [make()]
        return made[0]
    assert memory is not None, "checked above"
    views = [memory[int(end) - _padded(size) :][:size] for end, size in zip(ends, sizes, strict=True)]
    for view, one in zip(views, buffers, strict=bool(made)):
        view[:] = one
    stream = node.broadcast(stream)
    node.barrier()  # the arrays are complete
    made.clear()
    if world.rank == 0:
        logger.info("%s: %.1f MB for the %d ranks of a node together", doing, total / 1e6, node.size)
    shared: T = pickle.loads(stream, buffers=[view.toreadonly() for view in views])  # noqa: S301 - of this job
    return shared


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // _ALIGNMENT) * _ALIGNMENT


def _packed(value: object) -> tuple[bytes, list[memoryview]]:
    """Serialise an object; its arrays stay where they are."""
    stream, buffers = io.BytesIO(), list[memoryview]()

    def keep(buffer: pickle.PickleBuffer) -> None:
        buffers.append(buffer.raw())

    _Pickler(stream, protocol=5, buffer_callback=keep).dump(value)
    return stream.getvalue(), buffers


class _Pickler(pickle.Pickler):
    """Serialises arrays that repeat values by what they repeat."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.size == 0:
            return NotImplemented
        repeats = [stride == 0 and n > 1 for n, stride in zip(value.shape, value.strides, strict=True)]
        if not any(repeats):
            return NotImplemented
        once = value[tuple(slice(0, 1) if repeated else slice(None) for repeated in repeats)]
        return _repeat, (once, value.shape)


def _repeat(once: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    repeated: np.ndarray[Any, Any] = np.broadcast_to(once, shape)
    return repeated
