"""An error on one process becomes an error on all, never a hang."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from landda_hpc import errors
from landda_hpc.errors import LandDAError, ParallelError
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.watchdog import watched


@contextmanager
def together(comm: Communicator, doing: str, *, asleep: bool = False, extra_s: float = 0.0) -> Iterator[None]:
    """Run a block without communication; raise on every process if it failed on any. Collective.

    Parameters
    ----------
    comm : processes that all enter the block.
    doing : description of the block, for the message on the processes that succeeded.
    asleep : processes that have finished wait without using their cores, for blocks in which a few of them wait long
        for other programs.
    extra_s : seconds that the block may take in addition to the limit of the watchdog.

    Raises
    ------
    On a failed process the block's own exception. On the others the same class of the project's errors (so that exit
    codes agree), or ParallelError, with a message that names the first failed process.

    Notes
    -----
    The block must not communicate: a failed process would leave the others waiting inside it.
    """
    failure: Exception | None = None
    with watched(doing, extra_s):
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the other processes must hear of it
            failure = error
        if asleep:
            comm.wait_asleep()
        verdicts = comm.all_gather(None if failure is None else (type(failure).__name__, str(failure)))
    if failure is not None:
        if isinstance(failure, LandDAError):
            failure.agreed = True
        raise failure
    for rank, verdict in enumerate(verdicts):
        if verdict is not None:
            echo = _same_class(verdict[0])(f"{doing}: rank {rank} failed with {verdict[0]}: {verdict[1]}")
            echo.agreed = True
            raise echo


def _same_class(name: str) -> type[LandDAError]:
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, LandDAError) else ParallelError
