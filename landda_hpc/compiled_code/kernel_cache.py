"""The cache of the machine code of compiled functions."""

from __future__ import annotations

import functools
import hashlib
import logging
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from pickle import PickleError
from typing import Any, Final

import llvmlite
import numba
from numba.core import compiler, serialize

from landda_hpc.compiled_code.folders import Folders, find_folders, mark_as_used, remove_unused
from landda_hpc.compiled_code.sources import sources_key

_LOG: Final = logging.getLogger(__name__)
_PROGRESS_S: Final = 10.0
"""Seconds between two lines about the progress of the compilation."""
_HASH_BYTES: Final = 32
_dump: Callable[[object], bytes] = serialize.dumps
_load: Callable[[bytes], Any] = serialize.loads
_rebuild: Callable[..., Any] = compiler.CompileResult._rebuild
_UNREADABLE: Final = (
    OSError,
    EOFError,
    PickleError,
    AttributeError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)
"""Exceptions from reading a damaged file or a file of another program."""


class KernelCache:
    """Machine code of one function, a file for each combination of argument types and kind of CPU.

    It has the methods that a dispatcher of numba calls. A file begins with the hash of its content, is renamed into
    place when complete, and is named by all its dependencies: processes that compile at the same time write the same
    content, and a damaged file is compiled again.

    Parameters
    ----------
    function : the Python function. Without a module on disk, or with variables of an enclosing function, it is
        compiled in every process.
    """

    _warned = False
    _cleaned = False
    n_compiled = 0
    spoke_at: float | None = None
    """Number of loops that this process has compiled instead of loading them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__qualname__}-{function.__code__.co_firstlineno}"
        self._module = function.__module__
        self._has_closure = bool(function.__closure__)
        self._folders: Folders | None = None

    @functools.cached_property
    def _folder_name(self) -> str | None:
        """Name of the module's folder of code; None without a cache.

        Computed at the first call, for the modules whose functions are called: reading the sources takes longer than
        loading the code. Sources that have changed since this process began have no key.
        """
        key = None if self._has_closure else sources_key(self._module)
        return None if key is None else f"{self._module}-{key}"

    @property
    def cache_path(self) -> str | None:
        """Folder to which the code is written; None without a cache."""
        folders = self._find()
        return None if folders is None or folders.writable is None else str(folders.writable / str(self._folder_name))

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled code for argument types on a target, or None if there is none."""
        target.refresh()
        folders = self._find()
        if folders is None:
            return None
        key = self._key(signature, target.codegen())
        for root in folders.readable:
            folder = root / str(self._folder_name)
            try:
                payload = _read(folder / self._file_name(key), key)
                found = None if payload is None else _rebuild(target, *payload)
            except FileNotFoundError:
                continue
            except _UNREADABLE as error:
                _LOG.debug("compiled code in %s cannot be used: %s", folder, error)
                continue
            if found is not None:
                mark_as_used(folder)
                return found
        _show_progress()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Save compiled code if there is a folder for it."""
        KernelCache.n_compiled += 1
        folders = self._find()
        if folders is None or result.lifted or result.library.has_dynamic_globals:
            return
        if folders.writable is None:
            _warn_once(folders.refused)
            return
        key = self._key(signature, result.codegen)
        folder = folders.writable / str(self._folder_name)
        try:
            folder.mkdir(exist_ok=True)
            _write(folder / self._file_name(key), key, result._reduce())
        except OSError as error:
            _warn_once((f"{folder} ({error.strerror or error})",))
            return
        if not KernelCache._cleaned:
            KernelCache._cleaned = True
            remove_unused(folders.writable)

    def flush(self) -> None:
        """Discard the files of this function, as numba does before it compiles again."""
        if self.cache_path is not None:
            for file in Path(self.cache_path).glob(f"{self._name}.*.code"):
                file.unlink(missing_ok=True)

    def _find(self) -> Folders | None:
        if self._folders is None and self._folder_name is not None:
            package = sys.modules[self._module.partition(".")[0]].__file__
            self._folders = find_folders(Path(str(package)).parent)
        return self._folders

    def _key(self, signature: Any, codegen: Any) -> str:
        """All dependencies of the machine code except the sources."""
        versions = (numba.__version__, llvmlite.__version__, sys.implementation.cache_tag, getattr(sys, "abiflags", ""))
        return repr((self._module, self._name, signature, codegen.magic_tuple(), versions))

    def _file_name(self, key: str) -> str:
        return f"{self._name}.{hashlib.sha256(key.encode()).hexdigest()[:16]}.code"


def _read(path: Path, key: str) -> Any:
    """Read the payload for a key; None if the file is damaged or holds another key."""
    content = path.read_bytes()
    if hashlib.sha256(content[_HASH_BYTES:]).digest() != content[:_HASH_BYTES]:
        return None
    # Safe to unpickle: the folder is the package's own or private to this user.
    found, payload = _load(content[_HASH_BYTES:])
    return payload if found == key else None


def _write(path: Path, key: str, payload: Any) -> None:
    content = _dump((key, payload))
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}.tmp")
    try:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _show_progress() -> None:
    """Before a loop is compiled: a line in the log at first, then every few seconds."""
    now = time.monotonic()
    if KernelCache.spoke_at is None:
        _LOG.info("compiling loops, once per installation and kind of CPU ('landda warm-up' does it beforehand)")
    elif now - KernelCache.spoke_at < _PROGRESS_S:
        return
    else:
        _LOG.info("compiling loops: %d so far", KernelCache.n_compiled)
    KernelCache.spoke_at = now


def _warn_once(refused: tuple[str, ...]) -> None:
    if not KernelCache._warned:
        KernelCache._warned = True
        _LOG.warning(
            "Compiled loops are not saved, so every start compiles them again: no folder is writable. Tried %s. "
            "Set NUMBA_CACHE_DIR to a writable folder.",
            ", ".join(refused),
        )
