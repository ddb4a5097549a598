"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from landda_hpc.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; after the block the file there takes its place.

    The folder is made if it is missing. If the block raises, ``path`` is as it was and the temporary file is
    gone. The temporary name keeps the suffix, by which writers choose a format.

    Raises
    ------
    StorageError : the folder or the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write '{path}': {error}. Check the folder, its permissions and free space."
        ) from error
    finally:
        with suppress(OSError):  # gone after success; after a failure the first error is the one to tell
            temporary.unlink()
