"""A home directory for MPI libraries where the user has none."""

from __future__ import annotations

import os
import pwd
from typing import Final

_NOWHERE: Final = "/nonexistent"
"""What Debian calls the home directory of users without one: nothing is found there, and nothing can be planted."""


def name_a_home() -> None:
    """Set HOME to a folder that does not exist, where there is no HOME and no entry for this user id.

    Containers run under such ids (OpenShift, ``docker --user``). Open MPI 4 and 5 look for their settings in the home
    directory and end in a segmentation fault where they cannot learn its name: in this process, and in an mpirun that
    starts the land model.
    """
    if "HOME" in os.environ:
        return
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        os.environ["HOME"] = _NOWHERE
