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
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np

from landda_hpc.errors import ParallelError
from landda_hpc.parallel.together import together

if TYPE_CHECKING:
    from landda_hpc.parallel.communicator import Communicator, SharedMemory

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ALIGNMENT: Final = 64
"""Arrays begin at multiples of so many bytes, as numpy's own arrays do in practice."""


class OfNode(Generic[T]):
    """An object that every process of a node has, and whose arrays they share.

    Parameters
    ----------
    value : the object.
    doing : description of its making, for messages.
    node : processes that share its arrays; None: they are of this process alone.
    memory : of its arrays.
    """

    def __init__(
        self, value: T, doing: str, node: Communicator | None = None, memory: SharedMemory | None = None
    ) -> None:
        self._value: T | None = value
        self._doing, self._node, self._memory = doing, node, memory

    @property
    def value(self) -> T:
        """The object, until it is released."""
        assert self._value is not None, "released"
        return self._value

    def release(self) -> bool:
        """Release the object, and free the memory of its arrays if no process of the node uses it. Collective.

        Returns
        -------
        Whether the memory is free. Otherwise it stays until the end of the job, with a warning on the ranks that use
        it: a view of an array of the object, such as a slice, exists there.
        """
        self._value, node, memory = None, self._node, self._memory
        self._node = self._memory = None
        if node is None or memory is None:
            return True
        is_used = memory.is_used()
        if is_used:
            logger.warning(
                "%s: an array of this process is a view of shared memory, which therefore stays until the end of the "
                "job. Copy what is needed.", self._doing
            )  # fmt: skip
        if any(node.all_gather(is_used)):
            return False
        memory.free()
        if node.rank == 0:
            logger.info("%s: freed %.1f MB of the node", self._doing, memory.n_bytes / 1e6)
        return True


def once_per_node(world: Communicator, make: Callable[[], T], doing: str) -> OfNode[T]:
    """Make an object on one process of every node; its arrays are shared by all processes of the node. Collective.

    Parameters
    ----------
    world : communicator.
    make : makes the object without communication; every process would make the same.
    doing : description, for messages.

    Returns
    -------
    On every process a separate object of equal content. Where the node has several processes, they share the memory of
    its arrays, which are read-only and stay until the object is released.

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
        return OfNode(made[0], doing)
    stream, buffers = _packed(made[0]) if made else (b"", [])
    ends = node.broadcast(np.cumsum([_padded(one.nbytes) for one in buffers], dtype=np.int64))
    sizes = node.broadcast([one.nbytes for one in buffers])
    total = int(ends[-1]) if ends.size else 0
    shared: tuple[memoryview, SharedMemory] | None = None
    try:
        shared = node.shared_bytes(max(total, 1))
    except ParallelError as error:
        logger.warning(
            "%s: no shared memory of %.1f MB (%s); this process has its own copy.", doing, total / 1e6, error
        )
    if not all(node.all_gather(shared is not None)):
        with together(node, doing):
            made = made or [make()]
        return OfNode(made[0], doing)
    assert shared is not None, "checked above"
    memory, holder = shared
    views = [memory[int(end) - _padded(size) :][:size] for end, size in zip(ends, sizes, strict=True)]
    for view, one in zip(views, buffers, strict=bool(made)):
        view[:] = one
    stream = node.broadcast(stream)
    node.barrier()  # the arrays are complete
    made.clear()
    if world.rank == 0:
        logger.info("%s: %.1f MB for the %d ranks of a node together", doing, total / 1e6, node.size)
    value: T = pickle.loads(stream, buffers=[view.toreadonly() for view in views])  # noqa: S301 - of this job
    return OfNode(value, doing, node, holder)


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
