"""Hash of the contents of a restart file; equal states have equal hashes, regardless of when they were written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.errors import MissingFileError
from landda_hpc.formats.colm.netcdf import open_colm_file

_NETCDF: Final = (b"\x89HDF", b"CDF")
"""First bytes of netCDF files."""


def fingerprint(path: Path) -> str:
    """Hexadecimal BLAKE2b hash of names, dimensions, types and values of all variables of a netCDF file. Local.

    Attributes are excluded, because CoLM writes the time of day into one of them. For a file that is not netCDF, all
    bytes are hashed.

    Raises
    ------
    MissingFileError, DataError : the file is missing or damaged.
    """
    state = hashlib.blake2b(digest_size=32)

    def add(part: bytes) -> None:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)

    if path.suffix != ".nc":
        content = _bytes(path)
        if not content.startswith(_NETCDF):
            add(content)
            return state.hexdigest()
    with open_colm_file(path) as file:
        for name in sorted(file.variables):
            variable = file.variables[name]
            values = np.asarray(variable[...])
            add(f"{name} {variable.dimensions} {values.shape} {values.dtype.str}".encode())
            add(np.ascontiguousarray(values).tobytes())
    return state.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingFileError(f"{path}: cannot be read ({error.strerror or error}).") from error
