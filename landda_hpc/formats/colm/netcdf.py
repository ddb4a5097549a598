"""Read variables of CoLM's netCDF files and check their dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import CoLM_MISSING, FloatArray
from landda_hpc.errors import DataError, LandDAError, MissingFileError, ShapeError
from landda_hpc.formats.cf.decoding import decoder_of
from landda_hpc.io.hdf5_locks import locking_fault


@contextmanager
def open_colm_file(path: Path) -> Iterator[netCDF4.Dataset]:
    """Open a netCDF file of CoLM for reading, without masking and unpacking of values. Local.

    Raises
    ------
    MissingFileError : the file does not exist. DataError : the file is damaged.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: the file does not exist. Is the output of CoLM complete?")
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            yield file
    except LandDAError:
        raise
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        locked = locking_fault(path, error)
        if locked is not None:
            raise DataError(f"file '{path}' {locked} ({error})") from error
        raise DataError(
            f"{path}: cannot be read ({error}). Is the file truncated or damaged? Write it again."
        ) from error


def read_array(
    file: netCDF4.Dataset, path: Path, name: str, shape: Sequence[int | None] | None = None
) -> npt.NDArray[Any]:
    """Read a variable in the layout of the file.

    Parameters
    ----------
    file, path : an open file and its path.
    name : name of the variable.
    shape : expected lengths, None for any length; None: not checked.

    Raises
    ------
    DataError : the variable is missing. ShapeError : its shape is not the expected one.
    """
    if name not in file.variables:
        raise DataError(f"{path}: has no variable '{name}'. Is it from another version or build of CoLM?")
    variable = file.variables[name]
    if shape is not None and (
        len(shape) != len(variable.shape)
        or any(e is not None and e != f for e, f in zip(shape, variable.shape, strict=True))
    ):
        expected = ", ".join("any" if e is None else str(e) for e in shape)
        raise ShapeError(
            f"{path}: '{name}' has shape {tuple(variable.shape)} {variable.dimensions}, expected ({expected}). "
            "Do the files belong to the same case?"
        )
    return np.asarray(variable[...])


def read_values(file: netCDF4.Dataset, path: Path, name: str, record: int) -> FloatArray:
    """Read one record of a history variable as float64, unpacked; NaN where missing.

    Parameters
    ----------
    file, path : an open file and its path.
    name : name of the variable.
    record : index along its first dimension.

    Raises
    ------
    DataError : the variable is missing, or its attributes cannot be decoded.
    """
    if name not in file.variables:
        raise DataError(f"{path}: has no variable '{name}'. Is it from another version or build of CoLM?")
    decoder = decoder_of(file.variables[name], f"variable '{name}' in '{path}'", missing_value=CoLM_MISSING)
    return decoder.decode(np.asarray(file.variables[name][record])).values
