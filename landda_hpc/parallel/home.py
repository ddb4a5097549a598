"""A home directory for MPI libraries if the user has none."""

from __future__ import annotations

import os
import pwd
from typing import Final

_NOWHERE: Final = "/nonexistent"
"""Debian's home directory for users without one. It does not exist, so nobody can plant files there."""


def name_a_home() -> None:
    """Set HOME to a folder that does not exist if HOME is not set and this user id has no entry.

    Containers run under such ids (OpenShift, ``docker --user``). Open MPI 4 and 5 look for their settings in the home
    directory and end in a segmentation fault if they cannot determine its name: in this process, and in an mpirun that
    starts the land model.
    """
    if "HOME" in os.environ:
        return
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        os.environ["HOME"] = _NOWHERE
