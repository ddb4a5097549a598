"""The one writer of netCDF files of results: atomic, with the CF conventions' version.

Checkpoints (HDF5, written by all ranks) and restarts in CoLM's layout have separate writers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import netCDF4
import numpy as np
import numpy.typing as npt

from landda_hpc.io.atomic import atomic_replacement
from landda_hpc.io.discovery import content_type, coverage_attributes, stated_attributes
from landda_hpc.io.provenance import CONVENTIONS

TIME_UNITS: Final = "hours since 1970-01-01 00:00:00"


@contextmanager
def new_netcdf(
    path: Path, n_bytes: int = 0, attributes: Mapping[str, Any] | None = None, *, make_folder: bool = True
) -> Iterator[NetcdfWriter]:
    """Write a netCDF-4 file under a temporary name and put it in place when the block succeeds. Local.

    Parameters
    ----------
    path, n_bytes, make_folder : as ``atomic_replacement``.
    attributes : of the file, after ``Conventions``; they replace those of ``discovery.stated_attributes``.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    with (
        atomic_replacement(path, n_bytes, make_folder=make_folder) as temporary,
        netCDF4.Dataset(temporary, "w", format="NETCDF4") as file,
    ):
        file.setncatts({"Conventions": CONVENTIONS, **stated_attributes(path, attributes or {})})
        yield NetcdfWriter(file)
        file.setncatts(coverage_attributes(file))


def hours_since_1970(times: Sequence[datetime]) -> npt.NDArray[np.float64]:
    """Times, UTC, in ``TIME_UNITS``."""
    return np.asarray(netCDF4.date2num(list(times), TIME_UNITS, "standard"), np.float64)


class NetcdfWriter:
    """A netCDF file that is being written."""

    def __init__(self, file: netCDF4.Dataset) -> None:
        self._file = file

    def dimensions(self, sizes: Mapping[str, int]) -> None:
        """Make dimensions that are missing."""
        for name, size in sizes.items():
            if name not in self._file.dimensions:
                self._file.createDimension(name, size)

    def create(
        self,
        name: str,
        dtype: npt.DTypeLike,
        dims: Sequence[str],
        attributes: Mapping[str, Any],
        *,
        fill: float | Literal[False] | None = None,
        level: int = 0,
        checksum: bool = False,
        chunks: Sequence[int] | None = None,
    ) -> netCDF4.Variable[Any]:
        """Make a variable and return it, without values.

        Parameters
        ----------
        fill : value of missing data, as the attribute ``_FillValue``; None: none, False: not even netCDF's own.
        level : of compression, 0 to 9.
        checksum : whether each chunk has one.
        chunks : sizes along ``dims``.
        """
        kind: np.dtype[Any] = np.dtype(dtype)
        compression: Any = "zlib" if level else None
        options: dict[str, Any] = {"chunksizes": chunks} if chunks is not None else {}
        missing: Any = fill if fill is None or fill is False else kind.type(fill)
        make: Any = self._file.createVariable  # whose overloads know no dtype that is a variable
        variable: netCDF4.Variable[Any] = make(
            name, kind, tuple(dims), fill_value=missing, compression=compression, complevel=level, fletcher32=checksum,
            **options,
        )  # fmt: skip
        variable.setncatts({**attributes, **content_type(name, tuple(dims), attributes)})
        return variable

    def write(
        self, name: str, dims: Sequence[str], values: npt.ArrayLike, attributes: Mapping[str, Any], **options: Any
    ) -> None:
        """Make a variable and write it; ``dtype`` (by default that of the values) and options as ``create``."""
        array = np.asarray(values)
        variable = self.create(name, options.pop("dtype", array.dtype), dims, attributes, **options)
        if array.size:
            variable[...] = array

    def write_texts(self, name: str, dim: str, texts: Sequence[str], attributes: Mapping[str, Any]) -> None:
        """Write a variable of texts along one dimension, which is made if it is missing."""
        self.dimensions({dim: len(texts)})
        variable = self._file.createVariable(name, str, (dim,))
        if texts:
            variable[:] = np.array(list(texts), dtype=object)
        variable.setncatts(dict(attributes))
