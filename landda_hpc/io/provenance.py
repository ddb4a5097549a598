"""What every file of results says about how it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from landda_hpc import __version__, fourier

CONVENTIONS: Final = "CF-1.11, ACDD-1.3"
"""Versions of the conventions that our netCDF files follow: CF, and Attribute Convention for Data Discovery."""


def software() -> str:
    """Return this program and the library of its Fourier transforms, with versions: both decide the bits."""
    return f"landda_hpc {__version__}, Fourier transforms by {fourier.version(fourier.chosen())}"


def history() -> str:
    """Return the present time and this program: a line of the attribute ``history``."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} landda_hpc {__version__}"
