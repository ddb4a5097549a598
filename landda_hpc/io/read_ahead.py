"""Reading of files before they are needed, in a thread, so that a slow file system does not keep a rank waiting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

LARGEST: Final = 1 << 28
"""Files with more bytes are left to their reader, which needs only a part of them."""

_PIECE: Final = 1 << 20


class ReadAhead:
    """Reads bytes of files for the operating system, which then holds them.

    Nothing is kept or checked here, and no library is called: the reader opens each file at its time, meets its errors
    there, and gets its content of then.

    Attributes
    ----------
    n_bytes : read so far.
    """

    def __init__(self) -> None:
        self.n_bytes = 0
        self._thread: threading.Thread | None = None

    def begin(self, paths: Sequence[Path]) -> None:
        """Begin to read files; does nothing while earlier ones are being read. Local."""
        if paths and (self._thread is None or not self._thread.is_alive()):
            # A daemon: the end of the program must not wait for a file system that hangs.
            self._thread = threading.Thread(target=self._read, args=(paths,), name="reading ahead", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the files that are being read; whether all have been."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _read(self, paths: Sequence[Path]) -> None:
        piece = bytearray(_PIECE)
        for path in paths:
            with suppress(OSError):
                if path.stat().st_size <= LARGEST:
                    with path.open("rb", buffering=0) as file:
                        while n := file.readinto(piece):
                            self.n_bytes += n
