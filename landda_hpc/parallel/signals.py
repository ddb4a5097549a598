"""Stop requests from outside: SIGUSR1 (wall time is near), SIGTERM (the job is being ended), Ctrl-C.

SIGUSR1 is the one to send: Open MPI's mpirun forwards it, but answers SIGTERM and Ctrl-C by killing the ranks a second
after it has signalled them (``docs/cluster.md``).
"""

from __future__ import annotations

import signal
from types import FrameType

from landda_hpc.parallel.communicator import Communicator

_CAUGHT = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Remembers a signal until the end of the cycle, where all ranks agree on it."""

    def __init__(self) -> None:
        self._received: int | None = None

    def listen(self) -> None:
        """Install the handlers (main thread only). A second Ctrl-C ends the job at once.

        SIGUSR1 that was held back since the start of the program (``landda_hpc.cli``) is received now.
        """
        for number in _CAUGHT:
            signal.signal(number, self._remember)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number

    def agreed(self, world: Communicator) -> signal.Signals | None:
        """The signal that any rank has received, or None; the same on every rank. Collective."""
        received = [s for s in world.all_gather(self._received) if s is not None]
        return signal.Signals(max(received)) if received else None
