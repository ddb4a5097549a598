"""Regridding weights stored on disk between runs, identified by the content of both grids."""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import scipy.sparse

from landda_hpc.errors import StorageError
from landda_hpc.grid import Grid
from landda_hpc.io.atomic import write_bytes
from landda_hpc.regridding.regrid_weights import Method, Terms, build_terms

logger = logging.getLogger(__name__)

_VERSION: Final = b"landda_hpc regridding weights 1"
"""Raise this version whenever the weights of a pair of grids change."""

_DIGEST: Final = 32
"""Bytes of the checksum at the beginning of a file."""


@dataclass(frozen=True)
class WeightCache:
    """A folder of weights, one file per pair of grids and method.

    Attributes
    ----------
    folder : created at the first write.

    Notes
    -----
    Local: no communication. A file's name is a hash of the centres and edges of both grids to the bit, of the method
    and of the version of this format, so a changed grid never gets old weights. Files are written atomically; several
    processes may write the same file. A file begins with the checksum of the rest and is parsed only if the checksum is
    right; a damaged file is built again, with a line in the log. Weights from the cache equal those of ``build_terms``
    to the bit.
    """

    folder: Path

    def path(self, source: Grid, target: Grid, method: Method) -> Path:
        """Path of the file of a pair of grids, whether it exists or not."""
        return self.folder / f"{method}_{_key(source, target, method)}.weights"

    def terms(self, source: Grid, target: Grid, method: Method) -> Terms:
        """Return weights from the cache, or build them and store them there.

        Raises
        ------
        ShapeError : an unknown method.
        """
        path = self.path(source, target, method)
        if path.is_file():
            terms = _read(path)
            if terms is not None:
                return terms
            logger.warning("regridding weights in '%s' are damaged: they are built again", path)
        terms = build_terms(source, target, method)
        try:
            write_bytes(path, _encode(terms), make_folder=True)
        except StorageError as error:
            # This is only a cache: the weights in memory are right.
            logger.warning("regridding weights are not stored: %s", error)
        return terms


def _key(source: Grid, target: Grid, method: Method) -> str:
    digest = hashlib.blake2b(_VERSION, digest_size=16)
    digest.update(method.encode())
    for grid in (source, target):
        digest.update(f"{grid.shape}{grid.is_periodic}".encode())
        for axis in (grid.lat, grid.lon, grid.lat_edges, grid.lon_edges):
            digest.update(np.ascontiguousarray(axis, dtype="<f8").tobytes())
    return digest.hexdigest()


def _encode(terms: Terms) -> bytes:
    arrays = {}
    for i, pair in enumerate(terms):
        for axis, matrix in zip(("lat", "lon"), pair, strict=True):
            name = f"{i}.{axis}."
            arrays[name + "data"], arrays[name + "indices"], arrays[name + "indptr"] = (
                matrix.data,
                matrix.indices,
                matrix.indptr,
            )
            arrays[name + "shape"] = np.array(matrix.shape, dtype=np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    return hashlib.blake2b(content, digest_size=_DIGEST).digest() + content


def _read(path: Path) -> Terms | None:
    """The weights in a file; None if it is damaged."""
    try:
        whole = path.read_bytes()
    except OSError as error:
        logger.warning("'%s' cannot be read: %s", path, error)
        return None
    content = whole[_DIGEST:]
    if hashlib.blake2b(content, digest_size=_DIGEST).digest() != whole[:_DIGEST]:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        n_terms = len({name.split(".")[0] for name in arrays.files})
        terms: Terms = []
        for i in range(n_terms):
            pair = []
            for axis in ("lat", "lon"):
                data, indices, indptr, shape = (
                    arrays[f"{i}.{axis}.{part}"] for part in ("data", "indices", "indptr", "shape")
                )
                pair.append(scipy.sparse.csr_array((data, indices, indptr), shape=(int(shape[0]), int(shape[1]))))
            terms.append((pair[0], pair[1]))
    return terms
