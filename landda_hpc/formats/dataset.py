"""Files of a gridded product under a folder, found by their times."""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from landda_hpc.errors import ConfigError, DataError, MissingLayerError
from landda_hpc.fields.depth import is_covered
from landda_hpc.formats.cf_layers import cf_product
from landda_hpc.formats.layered import choose_layers
from landda_hpc.formats.product import SoilMoistureProfile
from landda_hpc.formats.registry import product_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from landda_hpc.config import CatalogueEntry
    from landda_hpc.constants import BoolArray
    from landda_hpc.fields.depth import DepthRange
    from landda_hpc.formats.product import Product, ProductFile
    from landda_hpc.formats.region import Region

logger = logging.getLogger(__name__)

LAYER: Final = "{layer}"
"""Stands in a pattern for the name of a layer's variable, where a product has a file for each."""

_Stamp = tuple[int, int]


class Dataset:
    """A product's files.

    Parameters
    ----------
    product : what they hold.
    root : folder of the data (``data_root``).
    pattern : file names under ``root`` with strftime codes, e.g.
        ``gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4``. ``*`` stands for what cannot be known, as times of
        production and versions: the last by name counts. ``{layer}`` stands for a layer's variable.
    damaged : what a file is that cannot be read: an error, or skipped with a warning and counted.
    place : of the pattern in the configuration, for messages.

    Attributes
    ----------
    skipped : files that were skipped for damage.
    superseded : files that are left out for a newer version of the same granule, with that version.

    Raises
    ------
    ConfigError : the pattern leaves ``root``.

    Notes
    -----
    Local: no communication; one process reads and hands on. The file that was read last stays open until another one is
    read. Use as a context manager, or ``close``.
    """

    def __init__(
        self,
        product: Product,
        root: Path,
        pattern: str,
        *,
        damaged: Literal["error", "skip"] = "error",
        place: str = "observations.path",
    ) -> None:
        # By the text alone: archives are often links that lead elsewhere, and that is the user's business.
        path = PurePosixPath(pattern)
        if not pattern or "\0" in pattern or path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"{place} = '{pattern}': expected a file pattern relative to data_root, without "
                "'..'. Set data_root to the folder that holds the files."
            )
        self.product, self.label = product, product.label
        self.skipped: dict[Path, str] = {}
        self.superseded: dict[Path, Path] = {}
        self._root, self._pattern, self._place = root, pattern, place
        self._damaged: Literal["error", "skip"] = damaged
        self._open: tuple[Path, _Stamp, ProductFile] | None = None
        self._times: dict[Path, tuple[_Stamp, tuple[datetime, ...]]] = {}
        self._listings: dict[Path, list[str]] | None = None

    @property
    def depths_m(self) -> tuple[DepthRange, ...]:
        """Layers that the product has, m; a file may lack some."""
        return tuple(v.depth_m for v in self.product.variables if v.depth_m is not None)

    def covers(self, depth_m: DepthRange) -> bool:
        """Whether the product's layers cover a depth range."""
        depths = self.depths_m
        return is_covered(depth_m, [depths[k] for k in choose_layers(depth_m, depths)])

    def place_of(self, time: datetime) -> str:
        """Where the file of a time is looked for."""
        return str(self._root / time.strftime(self._pattern))

    def files(self, time: datetime) -> list[Path]:
        """Files of a time that are there, in order of name: for a product that merges files all of them, else one.

        Of several versions of a granule the newest alone.
        """
        text = time.strftime(self._pattern)
        if LAYER in text:
            # One for each layer; they are put together when they are read.
            found = [self._latest(text.replace(LAYER, v.name)) for v in self.product.variables]
            return [path for paths in found for path in paths]
        return self._newest(self._matches(text)) if self.product.merges else self._latest(text)

    def times_between(self, start: datetime, end: datetime) -> list[datetime]:
        """Times from ``start`` to ``end``, both included, of which there are data; files of many times are opened.

        Raises
        ------
        DataError : a file of many times cannot be read, and damage is an error.
        """
        found: set[datetime] = set()
        opened: set[Path] = set()
        for time in self._candidates(start, end):
            for path in self.files(time):
                if not self.product.many_times:
                    found.add(time)
                elif path not in opened:
                    opened.add(path)
                    found.update(t for t in self._times_of(path) if start <= t <= end)
        return sorted(found)

    def listing(self) -> _Listing:
        """A block in which folders are listed once: for many times at once."""
        return _Listing(self)

    def read(
        self,
        time: datetime,
        depth_m: DepthRange | None = None,
        region: Region | None = None,
        counts: Callable[[SoilMoistureProfile], BoolArray] | None = None,
    ) -> SoilMoistureProfile | None:
        """Read one time; None where there is no file of it, or only damaged ones and these are skipped.

        Parameters
        ----------
        time, depth_m, region : as ``ProductFile.read``.
        counts : tells which cells of a file count, (n_lat, n_lon), before files of one time are put together: of two
            half orbits that saw a cell the one in the window. All by default.

        Raises
        ------
        MissingLayerError : a sound file lacks a layer that the depth needs.
        DataError : a file is not usable, is of another time than its name, or changes while it is read.
        ConfigError : a package is missing that reads it.
        """
        text = time.strftime(self._pattern)
        if LAYER in text:
            return self._read_layers(text, time, depth_m, region)
        found = [p for path in self.files(time) if (p := self._try(path, time, depth_m, region)) is not None]
        if counts is not None:
            found = [replace(p, values=np.where(counts(p), p.values, np.nan)) for p in found]
        return _merged(found)

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            (_, _, file), self._open = self._open, None
            with suppress(DataError):
                file.__exit__(None, None, None)

    # ------------------------------------------------------------------ parts

    def _candidates(self, start: datetime, end: datetime) -> list[datetime]:
        """Times whose files may have data from start to end: the product's, and where files tell their times, any."""
        if not self.product.many_times:
            return self._regular(start, end, self.product.step)
        # Daily means are often stamped at noon, months in their middle: the ends are in some file's name, too.
        step = min(self.product.step, timedelta(days=1))
        return sorted({start, *self._regular(start, end, step), end})

    def _regular(self, start: datetime, end: datetime, step: timedelta) -> list[datetime]:
        """Times from start to end, so far apart, beginning with the product's first of a day."""
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight + self.product.first - timedelta(days=1)
        n = max(0, -((first - start) // step))
        times = []
        while first + n * step <= end:
            if first + n * step >= start:
                times.append(first + n * step)
            n += 1
        return times

    def _latest(self, text: str) -> list[Path]:
        return self._matches(text)[-1:]

    def _newest(self, paths: list[Path]) -> list[Path]:
        """The newest version of each granule; older ones are counted."""
        tell = self.product.granule
        if tell is None or len(paths) < 2:
            return paths
        newest: dict[str, tuple[str, Path]] = {}
        for path in paths:
            granule, version = tell(path.name) or (str(path), "")
            # Of copies in several folders the last, as for other products.
            if granule not in newest or version >= newest[granule][0]:
                newest[granule] = version, path
        chosen = {path for _, path in newest.values()}
        for path in paths:
            if path not in chosen and path not in self.superseded:
                granule, _ = tell(path.name) or (str(path), "")
                self.superseded[path] = newest[granule][1]
                if self._listings is None:
                    self._tell_superseded(path, 1)
        return [path for path in paths if path in chosen]

    def _tell_superseded(self, example: Path, n_new: int) -> None:
        logger.info(
            "%s: %d older versions left out, %d so far, e.g. '%s' for '%s'",
            self.label, n_new, len(self.superseded), example, self.superseded[example].name,
        )  # fmt: skip

    def _matches(self, text: str) -> list[Path]:
        if "*" not in text:
            path = self._root / text
            return [path] if path.is_file() else []
        folders = [self._root]
        *parents, last = PurePosixPath(text).parts
        for part in parents:
            folders = [folder / name for folder in folders for name in self._names(folder, part)]
        found = [folder / name for folder in folders for name in self._names(folder, last)]
        return sorted(path for path in found if path.is_file())

    def _names(self, folder: Path, part: str) -> list[str]:
        if "*" not in part:
            return [part]
        pattern = re.compile(".*".join(re.escape(piece) for piece in part.split("*")))
        return [name for name in self._list(folder) if pattern.fullmatch(name)]

    def _list(self, folder: Path) -> list[str]:
        if self._listings is not None and folder in self._listings:
            return self._listings[folder]
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
        except OSError:
            names = []
        if self._listings is not None:
            self._listings[folder] = names
        return names

    def _times_of(self, path: Path) -> tuple[datetime, ...]:
        """Times in a file; none where it is skipped for damage."""
        try:
            stamp = _stamp(path)
            known = self._times.get(path)
            if known is None or known[0] != stamp:
                with self.product.opens(path) as file:
                    known = stamp, file.times
                self._times[path] = known
        except DataError as error:
            self._skip(path, error)
            return ()
        return known[1]

    def _try(
        self, path: Path, time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        try:
            return self._read(path, time, depth_m, region)
        except MissingLayerError:
            raise
        except DataError as error:
            self.close()
            self._skip(path, error)
            return None

    def _skip(self, path: Path, error: DataError) -> None:
        """Count a damaged file; raise where that is an error."""
        if self._damaged == "error":
            raise error
        if path not in self.skipped:
            logger.warning("skipped, %d so far: %s", len(self.skipped) + 1, error)
        self.skipped[path] = str(error)

    def _read(
        self, path: Path, time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        stamp = _stamp(path)
        if self._open is not None and self._open[:2] != (path, stamp):
            self.close()
        if self._open is None:
            self._open = path, stamp, self.product.opens(path)
        file = self._open[2]
        if time not in file.times:
            if self.product.many_times:
                return None
            raise DataError(
                f"observation file '{path}' is valid at {file.times[0].isoformat()}; expected "
                f"{time.isoformat()} by its name. Check {self._place}, or whether the file was renamed."
            )
        profile = file.read(time, depth_m, region)
        if _stamp(path) != stamp:
            self.close()
            raise DataError(f"file '{path}' changed while it was read; is it still being written?")
        return profile

    def _read_layers(
        self, text: str, time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        """Put together a product that has a file for each layer."""
        variables = self.product.variables
        places = range(len(variables)) if depth_m is None else choose_layers(depth_m, self.depths_m)
        found: list[SoilMoistureProfile] = []
        for k in places:
            paths = self._latest(text.replace(LAYER, variables[k].name))
            profile = self._try(paths[0], time, variables[k].depth_m, region) if paths else None
            if profile is None:
                if depth_m is None:
                    continue
                return None
            found.append(profile)
        if not found:
            return None
        first = found[0]
        for other in found[1:]:
            if not other.grid.same_points(first.grid):
                raise DataError(
                    f"'{other.path}' is on {other.grid.describe()}; '{first.path}', of the same time, is on "
                    f"{first.grid.describe()}."
                )
        return SoilMoistureProfile(
            np.concatenate([p.values for p in found]),
            tuple(depth for p in found for depth in p.depths_m),
            first.grid,
            time,
            first.label,
            first.path,
        )


class _Listing:
    """Keeps what folders hold while the block lasts; tells at its end how many older versions it met."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._n_known = 0

    def __enter__(self) -> None:
        self._dataset._listings = {}
        self._n_known = len(self._dataset.superseded)

    def __exit__(self, *_: object) -> None:
        self._dataset._listings = None
        found = list(self._dataset.superseded)[self._n_known :]
        if found:
            self._dataset._tell_superseded(found[0], len(found))


def make_dataset(name: str, entry: CatalogueEntry, data_root: Path) -> Dataset:
    """The files that an entry of the catalogue names.

    Parameters
    ----------
    name : of the entry, for messages.
    entry : product, pattern and what damage is; for product cf its variables.
    data_root : folder of the data.

    Raises
    ------
    ConfigError : no such gridded product, or a pattern that leaves ``data_root``.
    """
    if entry.product == "cf":
        product = cf_product(entry.variables, timedelta(hours=entry.step_hours))
    else:
        product = product_of(entry.product)
    return Dataset(product, data_root, entry.path, damaged=entry.damaged, place=f"catalogue.{name}.path")


def _stamp(path: Path) -> _Stamp:
    """What changes when a file is written again."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"file '{path}' was there and is not any more: {error}.") from error
    return status.st_mtime_ns, status.st_size


def _merged(profiles: list[SoilMoistureProfile]) -> SoilMoistureProfile | None:
    """Images of one time put together: where several have a cell, the first that has a value."""
    if len(profiles) <= 1:
        return profiles[0] if profiles else None
    first = profiles[0]
    values = first.values.copy()
    std = None if first.error_std is None else first.error_std.copy()
    seconds = None if first.cell_seconds is None else first.cell_seconds.copy()
    conditions = {name: image.copy() for name, image in first.conditions.items()}
    for other in profiles[1:]:
        if not other.grid.same_points(first.grid) or other.depths_m != first.depths_m:
            raise DataError(f"'{other.path}' has another grid or other layers than '{first.path}' of the same time.")
        is_new = np.isnan(values).all(axis=0) & np.isfinite(other.values).any(axis=0)
        values[:, is_new] = other.values[:, is_new]
        if std is not None:
            std[:, is_new] = np.nan if other.error_std is None else other.error_std[:, is_new]
        if seconds is not None:
            seconds[is_new] = np.nan if other.cell_seconds is None else other.cell_seconds[is_new]
        for name, image in conditions.items():
            if name in other.conditions:
                image[is_new] = other.conditions[name][is_new]
    return SoilMoistureProfile(
        values, first.depths_m, first.grid, first.time, first.label, first.path, std, conditions, seconds
    )
