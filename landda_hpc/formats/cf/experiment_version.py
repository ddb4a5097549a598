"""ECMWF's version of an experiment: ERA5 takes precedence over the preliminary ERA5T, in any order in the file."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile

EXPVER: Final = "expver"
"""Coordinate of the version: 1 is ERA5, 5 is ERA5T; numbers or text, along its own dimension or along time."""

_RANKS: Final = {"1": 0, "5": 1}


def expver_rank(text: str) -> int:
    """Precedence of a version: ERA5, then ERA5T, then any other."""
    return _RANKS.get(text.strip().removesuffix(".0").lstrip("0"), 2)


def expver_ranks(file: NetcdfFile, time: str) -> list[int] | None:
    """Ranks of the records of a time axis; None if all have one version, or the versions are unknown."""
    if not file.has(EXPVER) or not file.dims(time) or file.dims(EXPVER) != file.dims(time):
        return None
    ranks = [expver_rank(text) for text in file.texts(EXPVER)]
    return ranks if len(set(ranks)) > 1 else None


def is_preliminary(file: NetcdfFile) -> bool:
    """Whether all values of a file are marked as ERA5T."""
    return file.has(EXPVER) and {expver_rank(text) for text in file.texts(EXPVER)} == {_RANKS["5"]}


def best_stream(file: NetcdfFile, name: str, streams: FloatArray) -> FloatArray:
    """Return the ERA5 values among the streams of a variable, and ERA5T values where ERA5 has none.

    Parameters
    ----------
    streams : values along the dimension ``expver``, (n_stream, ...); NaN is missing. A single stream is returned
        unchanged.

    Raises
    ------
    DataError : several streams have a value, and the file does not identify the streams.
    """
    if len(streams) == 1:
        single: FloatArray = streams[0]
        return single
    versions = file.texts(EXPVER) if file.has(EXPVER) else []
    is_known = len(versions) == len(streams)
    if not is_known and (np.isfinite(streams).sum(axis=0) > 1).any():
        raise DataError(
            f"variable '{name}' in '{file.path}' has {len(streams)} streams along {EXPVER}, and the file does not "
            "show which of them is ERA5 (1) and which ERA5T (5). Write the coordinate expver into the file."
        )
    order = sorted(range(len(streams)), key=lambda k: expver_rank(versions[k]) if is_known else k)
    best: FloatArray = streams[order[0]]
    for k in order[1:]:
        best = np.where(np.isnan(best), streams[k], best)
    return best
