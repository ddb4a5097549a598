"""Selection among several files of one time: the newest version, and the better value of each cell."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.products.product import CONDITIONS, SoilMoistureProfile

logger = logging.getLogger(__name__)

_PRELIMINARY: Final = re.compile(
    r"(?<![A-Za-z0-9])(EP(?=\.)|ERA5T|ERA5-?Land-?T|ICDR|prelim(inary)?|early)(?![A-Za-z0-9])", re.IGNORECASE
)
"""Marks of preliminary data in file names: early GLDAS, ERA5T, the interim record of C3S, and users' own."""

_NUMBER: Final = re.compile(r"(\d+)")


def version_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """Key that sorts the newest version last: numbers are compared as numbers, so that ``v10`` follows ``v9``.

    Examples
    --------
    >>> sorted(["x_v10.nc", "x_v9.nc", "x_v9.1.nc"], key=version_key)
    ['x_v9.1.nc', 'x_v9.nc', 'x_v10.nc']
    """
    pieces = _NUMBER.split(name)
    return [(int(piece) if i % 2 else 0, "" if i % 2 else piece) for i, piece in enumerate(pieces)], name


def newest_last(paths: Sequence[Path], root: Path) -> list[Path]:
    """Sort paths under a folder by version, the newest last; files with preliminary names come first."""

    def key(path: Path) -> tuple[bool, tuple[list[tuple[int, str]], str]]:
        name = path.relative_to(root).as_posix()
        return _PRELIMINARY.search(name) is None, version_key(name)

    return sorted(paths, key=key)


class LeftOut:
    """Record of files that are not used, because of a newer version or other contents; each is reported once.

    Attributes
    ----------
    superseded : files replaced by a newer version of the same granule, with that version.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self.superseded: dict[Path, Path] = {}
        self._unfit: set[Path] = set()
        self._is_counting = False
        self._has_warned = False

    def newest(self, paths: list[Path], granule_of: Callable[[str], tuple[str, str] | None] | None) -> list[Path]:
        """The newest version of each granule; see ``Product.granule``."""
        if granule_of is None or len(paths) < 2:
            return paths
        newest: dict[str, tuple[str, Path]] = {}
        for path in paths:
            granule, version = granule_of(path.name) or (str(path), "")
            # Of copies in several folders the last is used, as for other products.
            if granule not in newest or version_key(version) >= version_key(newest[granule][0]):
                newest[granule] = version, path
        chosen = {path for _, path in newest.values()}
        for path in paths:
            if path not in chosen:
                granule, _ = granule_of(path.name) or (str(path), "")
                self.supersede(path, newest[granule][1])
        return [path for path in paths if path in chosen]

    def supersede(self, path: Path, newer: Path) -> None:
        """Record that a newer version replaces a file."""
        if path not in self.superseded:
            self.superseded[path] = newer
            if not self._is_counting:
                self._report(path, 1)

    def warn_unfit(self, path: Path, what: str) -> None:
        """Warn that a file without images of the product is skipped."""
        if path not in self._unfit:
            self._unfit.add(path)
            logger.warning("%s: '%s' is skipped: %s", self._label, path, what)

    def warn_once(self, text: str) -> None:
        """Log only the first such warning, as an example of all."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning("%s: %s", self._label, text)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Context at whose end all older versions found in it are reported together."""
        n_known = len(self.superseded)
        self._is_counting = True
        try:
            yield
        finally:
            self._is_counting = False
        found = list(self.superseded)[n_known:]
        if found:
            self._report(found[0], len(found))

    def _report(self, example: Path, n_new: int) -> None:
        logger.info(
            "%s: %d older versions skipped, %d so far, e.g. '%s' for '%s'",
            self._label, n_new, len(self.superseded), example, self.superseded[example].name,
        )  # fmt: skip


def merged(profiles: Sequence[SoilMoistureProfile]) -> SoilMoistureProfile | None:
    """Combine images of one time, e.g. half orbits; if several have a value in a cell, the best is used.

    Parameters
    ----------
    profiles : profiles on one grid, with the same layers.

    Returns
    -------
    In each cell, values recommended by the provider take precedence, then values with fewer other conditions, then
    those with the smaller error (if both report one), then the first. None without a profile.

    Raises
    ------
    DataError : the profiles differ in grid or layers.

    Notes
    -----
    Local: no communication. Errors, conditions and seconds are those of the value used.
    """
    if len(profiles) <= 1:
        return profiles[0] if profiles else None
    first = profiles[0]
    for other in profiles[1:]:
        if not other.grid.same_points(first.grid) or other.depths_m != first.depths_m:
            raise DataError(f"'{other.path}' has another grid or other layers than '{first.path}' of the same time.")
    best = np.zeros(first.grid.shape, dtype=np.int64)
    rank, error = _rank(first), _error(first)
    for k, other in enumerate(profiles[1:], start=1):
        other_rank, other_error = _rank(other), _error(other)
        with np.errstate(invalid="ignore"):
            wins = (other_rank < rank) | ((other_rank == rank) & (other_error < error))
        best[wins], rank[wins], error[wins] = k, other_rank[wins], other_error[wins]
    layered = first.values.shape

    def pick(images: Sequence[FloatArray]) -> FloatArray:
        chosen = np.take_along_axis(np.stack(images), np.broadcast_to(best, images[0].shape)[None], axis=0)
        return np.asarray(chosen[0])

    def or_missing(image: FloatArray | None, shape: tuple[int, ...]) -> FloatArray:
        return np.full(shape, np.nan) if image is None else image

    std = seconds = None
    if any(p.error_std is not None for p in profiles):
        std = pick([or_missing(p.error_std, layered) for p in profiles])
    if any(p.cell_seconds is not None for p in profiles):
        seconds = pick([or_missing(p.cell_seconds, first.grid.shape) for p in profiles])
    conditions: dict[str, BoolArray] = {}
    for name in CONDITIONS:
        if any(name in p.conditions for p in profiles):
            images = [p.conditions.get(name, np.zeros(first.grid.shape, dtype=np.bool_)) for p in profiles]
            conditions[name] = np.take_along_axis(np.stack(images), best[None], axis=0)[0]
    values = pick([p.values for p in profiles])
    return replace(first, values=values, error_std=std, conditions=conditions, cell_seconds=seconds)


def _rank(profile: SoilMoistureProfile) -> FloatArray:
    """Quality rank of each cell, (n_lat, n_lon): 0 is best, infinite without a value."""
    rank = np.where(np.isfinite(profile.values).any(axis=0), 0.0, np.inf)
    for name, image in profile.conditions.items():
        rank += np.where(image, 10.0 if name == "not_recommended" else 1.0, 0.0)
    return rank


def _error(profile: SoilMoistureProfile) -> FloatArray:
    """Largest error of the layers of each cell, (n_lat, n_lon); NaN if one is unknown."""
    if profile.error_std is None:
        return np.full(profile.grid.shape, np.nan)
    greatest: FloatArray = profile.error_std.max(axis=0)
    return greatest


def stack_layers(profiles: Sequence[SoilMoistureProfile]) -> SoilMoistureProfile | None:
    """Combine the layers from several files of one time into one profile; None without files.

    Raises
    ------
    DataError : the files are on different grids.
    """
    if not profiles:
        return None
    first = profiles[0]
    for other in profiles[1:]:
        if not other.grid.same_points(first.grid):
            raise DataError(
                f"'{other.path}' is on {other.grid.describe()}; '{first.path}', of the same time, is on "
                f"{first.grid.describe()}."
            )
    return SoilMoistureProfile(
        np.concatenate([p.values for p in profiles]),
        tuple(depth for p in profiles for depth in p.depths_m),
        first.grid,
        first.time,
        first.label,
        first.path,
    )
