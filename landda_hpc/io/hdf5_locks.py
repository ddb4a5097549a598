"""Whether HDF5 failed because it could not lock a file, which its own messages hide or do not say."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO, Final

VARIABLE: Final = "HDF5_USE_FILE_LOCKING"
"""Environment variable of the HDF5 library; FALSE switches its locks off."""

NO_LOCKS: Final = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What flock raises on file systems without locks (Lustre with noflock, NFS with nolock)."""

_SUSPECT: Final = (-101, errno.EACCES)
"""Numbers that netCDF gives to a failed lock: at opening (NC_EHDFERR) and at creating a file."""


def locking_fault(path: Path, error: BaseException) -> str | None:
    """Say that HDF5 could not lock a file, and what to do; None where the error has another cause. Local.

    Parameters
    ----------
    path : file that was to be opened or created.
    error : what h5py or netCDF4 raised. h5py names the lock; netCDF hides it behind numbers that have other causes
        too, so then a lock is tried here.

    Returns
    -------
    Words that continue "file '...' ".
    """
    number = getattr(error, "errno", None)
    named = "unable to lock file" in str(error)
    if not named and (number not in _SUSPECT or os.environ.get(VARIABLE, "").upper() in ("FALSE", "0")):
        return None
    refused = number if named else _refusal(path)
    if refused in NO_LOCKS:
        return (
            f"cannot be locked by HDF5: its file system has no file locks ({os.strerror(refused)}; Lustre noflock, "
            f"NFS with nolock). Set {VARIABLE}=FALSE in the environment of the job and start again."
        )
    if named or refused in (errno.EAGAIN, errno.EACCES):
        return (
            "is locked: another process has it open for writing. Wait until it is closed; if no process writes to it, "
            f"set {VARIABLE}=FALSE."
        )
    return None


def _refusal(path: Path) -> int | None:
    """Error number of a lock on the file, or on a new one in its folder; None where granted or not to be tried."""
    try:
        with _to_try(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as error:
                return error.errno
    except OSError:
        return None
    return None


def _to_try(path: Path) -> IO[bytes]:
    return path.open("rb") if path.is_file() else tempfile.TemporaryFile(dir=path.parent)
