"""Where numba keeps compiled code: a folder of its own for every state of the package's sources.

Numba takes compiled code up again while the file of the function itself is as it was. It does not see that a function
which was compiled into it, from another file, has changed: after an update of one module the loops of others would go
on with the old one, without a word.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path


def use_own_folder(package: Path) -> None:
    """Have numba keep compiled code by the state of a package's sources; a NUMBA_CACHE_DIR of the user's stays.

    Parameters
    ----------
    package : folder of the sources. Where it cannot be written the user's cache folder is taken.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    near = package / "__pycache__"
    writable = os.access(near if near.is_dir() else package, os.W_OK)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landda_hpc"
    folder = str((near if writable else home) / f"compiled-{sources_key(package)}")
    os.environ["NUMBA_CACHE_DIR"] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder


def sources_key(package: Path) -> str:
    """16 hexadecimal digits that change with the name, size or time of change of any source."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        status = path.stat()
        found.update(f"{path.relative_to(package)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]
