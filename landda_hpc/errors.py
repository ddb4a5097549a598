"""Exceptions of the project: one base, each also the matching built-in.

A message says what was found, what was expected, where, and what to do.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable


class LandDAError(Exception):
    """Base of all errors that the user can correct."""

    exit_code = 2
    agreed = False
    """Set where every process raises the error together, so that the job can end without an abort."""


class ConfigError(LandDAError, ValueError):
    """The configuration cannot be run as written; carries every problem found at once."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ShapeError(LandDAError, ValueError):
    """The shape, grid or dtype of an array is not the one that the operation needs."""


class DataError(LandDAError, ValueError):
    """A data file or its content is not usable."""


class MissingFileError(DataError, FileNotFoundError):
    """A file that the configuration names does not exist."""


class MissingLayerError(DataError):
    """An intact file lacks the variable of a soil layer."""


class UnfitFileError(DataError):
    """An intact file, perhaps matched by a wildcard, does not hold images of the product."""


class AverageError(UnfitFileError):
    """A file holds averages over a longer time than the images of its product."""


class ModelError(LandDAError, RuntimeError):
    """The land model failed or left its physical range."""


class StorageError(LandDAError, OSError):
    """A restart, checkpoint or output file could not be written or read back intact."""

    exit_code = 3


class StoppedError(LandDAError, RuntimeError):
    """A stop request came before the first cycle; all ranks raise it together.

    Parameters
    ----------
    received : number of the signal.
    is_saved : whether anything new was saved, so that the next leg begins farther on. The exit code is then 0 after
        SIGUSR1, else 75. After other signals it is 128 and their number, as shells have it.
    """

    agreed = True

    def __init__(self, message: str, received: int = signal.SIGUSR1, *, is_saved: bool = False) -> None:
        super().__init__(message)
        is_asked = received == signal.SIGUSR1
        self.exit_code = (0 if is_saved else 75) if is_asked else 128 + received


class ParallelError(LandDAError, RuntimeError):
    """Ranks disagree, or another rank failed."""

    exit_code = 4
