"""The command ``landda``: hold back stop requests, then load the application and run it."""

from __future__ import annotations

import signal
import sys
from typing import Final

_STOPPABLE: Final = ("run", "resume", "compare", "reproduce", "spinup")
"""Commands that end with a complete checkpoint when SIGUSR1 asks them to."""


def main() -> None:
    """Entry point of the console script; turns the project's errors into messages and exit codes."""
    if set(sys.argv[1:3]) & set(_STOPPABLE):
        # Loading takes a second or more, in which SIGUSR1 would end the process: it waits until StopRequest listens.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    from landda_hpc.commands.application import app
    from landda_hpc.commands.console import exit_codes as errors

    try:
        app()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - the last frame of the program: every error gets its message here
        code = errors.report(error)
    errors.leave(code)
