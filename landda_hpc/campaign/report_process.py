"""The report in a separate process, which frees its memory at its end and can be terminated at any time.

``ReportProcess`` starts the process ``python -m landda_hpc.campaign.report_process`` and reads its messages. The
process reads one JSON object from its standard input, which then stays open; it ends when the other end closes,
i.e. with its parent. It writes JSON lines to its standard output, and changes no files except those of the report.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from landda_hpc import errors
from landda_hpc.campaign.final_report import Made, make_report
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.model.colm.process import own_environment

logger = logging.getLogger(__name__)

_GRACE_S: Final = 2.0
"""Seconds between SIGTERM and SIGKILL. The process has nothing to save."""

_TICK_S: Final = 0.2
"""Seconds between checks of the parent for a stop request."""

_LOOK_EVERY_S: Final = 0.05


class ReportProcess:
    """Handle of the process of a report, for its parent. Local: rank 0.

    Parameters
    ----------
    folder, config, done, notes : as ``report.make_report``.

    Raises
    ------
    StorageError : the process cannot be started.
    """

    def __init__(
        self, folder: Path, config: CampaignConfig, done: Mapping[str, str | None], notes: Sequence[str]
    ) -> None:
        request = {
            "folder": str(folder.absolute()),
            "config": config.model_dump(mode="json"),
            "done": dict(done),
            "notes": list(notes),
        }
        command = [sys.executable, "-m", __name__]
        try:
            # A separate session, because we handle signals to our process group. Without the variables of the MPI
            # job, to which the process does not belong.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own_environment(os.environ, {}),
                start_new_session=True,
            )  # fmt: skip
            assert self._process.stdin is not None and self._process.stdout is not None, "both are pipes"
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise StorageError(f"the process of the report cannot be started: {error}") from error
        os.set_blocking(self._process.stdout.fileno(), False)
        self._unread = b""

    def advance(self) -> tuple[list[Made], bool]:
        """Parts made since the last call, and whether the report is complete; waits for either, at most a tick.

        Raises
        ------
        The error of the process if it failed; StorageError if it was terminated.
        """
        until = time.monotonic() + _TICK_S
        while True:
            code = self._process.poll()
            made = [Made(**message["part"]) for message in self._messages() if "part" in message]
            if code == 0:
                return made, True
            if code is not None:
                raise StorageError(f"the process of the report {_ending(code)}; resume to complete the report.")
            if made or time.monotonic() >= until:
                return made, False
            time.sleep(_LOOK_EVERY_S)

    def end(self) -> None:
        """Terminate it with SIGTERM, then SIGKILL, unless it has ended. Incomplete files do not appear."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Its messages; log records are passed on, errors are raised."""
        assert self._process.stdout is not None
        self._unread += self._process.stdout.read() or b""
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            message: dict[str, Any] = json.loads(line)
            if "log" in message:
                name, level, text = message["log"]
                logging.getLogger(name).log(level, "%s", text)
            elif "error" in message:
                kind, text = message["error"]
                raise getattr(errors, kind)(text)
            elif "bug" in message:
                raise RuntimeError(f"the process of the report failed:\n{message['bug']}")
            else:
                yield message


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return f"was ended by {name}" + (" (is there too little memory?)" if name == "SIGKILL" else "")


# ---------------------------------------------------------------------- the process


class _Forward(logging.Handler):
    """Passes log records on to the parent."""

    def emit(self, record: logging.LogRecord) -> None:
        _send({"log": [record.name, record.levelno, record.getMessage()]})


def _send(message: Mapping[str, Any]) -> None:
    _OUT.write(json.dumps(message) + "\n")
    _OUT.flush()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Make the report requested on the standard input."""
    gc.disable()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.captureWarnings(True)
    for name in ("landda_hpc", "py.warnings"):
        logging.getLogger(name).addHandler(_Forward())
        logging.getLogger(name).propagate = False
    logging.getLogger("landda_hpc").setLevel(logging.INFO)
    try:
        from landda_hpc.storage.campaign_folder import CampaignFolder

        folder, config = CampaignFolder(Path(request["folder"])), parse_config(request["config"])
        for made in make_report(folder, config, request["done"], request["notes"]):
            _send({"part": {**vars(made)}})
            # It collects what a figure leaves behind. No other collection is needed, and none of what then remains,
            # mostly objects of the libraries: together they would take a quarter of the time.
            gc.freeze()
    except LandDAError as error:
        _send({"error": [type(error).__name__, str(error)]})
    except Exception:  # noqa: BLE001 - the parent reports it
        _send({"bug": traceback.format_exc()})


if __name__ == "__main__":
    # Output of libraries must not mix with the messages.
    _OUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    main()
    # Not by the interpreter's normal exit, which would wait for the thread that reads the standard input.
    os._exit(0)
