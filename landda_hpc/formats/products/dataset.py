"""Find files of a gridded product under a folder by their times."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import numpy as np

from landda_hpc.config import CatalogueEntry
from landda_hpc.constants import BoolArray
from landda_hpc.errors import ConfigError, DataError, MissingLayerError, UnfitFileError
from landda_hpc.formats.cf.averaging import period_in_name
from landda_hpc.formats.products.entry import product_of_entry
from landda_hpc.formats.products.file_contents import Contents, FileContents, Stamp, stamp_of
from landda_hpc.formats.products.file_versions import LeftOut, merged, stack_layers
from landda_hpc.formats.products.layered import choose_layers
from landda_hpc.formats.products.named_files import NamedFiles
from landda_hpc.formats.products.product import Product, ProductFile, SoilMoistureProfile
from landda_hpc.formats.products.region import Region
from landda_hpc.regridding.depth import DepthRange, is_covered

logger = logging.getLogger(__name__)

LAYER: Final = "{layer}"
"""Placeholder in a pattern for the variable of a layer, for products with one file per layer."""


class Dataset:
    """Files of a product under a folder.

    Parameters
    ----------
    product : the product.
    root : folder of the data (``data_root``).
    pattern : file names under ``root`` with strftime codes, e.g.
        ``gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4``. ``*`` stands for unknown parts such as production
        times and versions; the newest version by name is used. ``{layer}`` stands for a layer's variable.
    damaged : a file that cannot be read is an error, or is skipped with a warning and counted.
    place : position of the pattern in the configuration, for messages.

    Attributes
    ----------
    skipped : damaged files that were skipped, with the reason.
    superseded : files replaced by a newer version of the same granule, with that version.

    Raises
    ------
    ConfigError : the pattern leaves ``root``, or has wildcards other than ``*``.

    Notes
    -----
    Local: no communication; one process reads and distributes. The last file stays open until another one is
    read. Use as a context manager, or ``close``.

    If several files with many times match one name, files with overlapping times are versions, of which the newest is
    used (for ERA5, final before preliminary data); other files are parts, which are all used. A file whose times are
    all outside the period in its name is an error. Averages over more than the product's step are skipped with a
    warning if a wildcard matches them, and are an error if the pattern names them.
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
        # Checked by the text alone, because archives are often links to other places.
        path = PurePosixPath(pattern)
        if not pattern or "\0" in pattern or path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"{place} = '{pattern}': expected a file pattern relative to data_root, without "
                "'..'. Set data_root to the folder that holds the files."
            )
        if "?" in pattern or "[" in pattern:
            raise ConfigError(
                f"{place} = '{pattern}': ? and [ ] are not wildcards here, and files would not be found. Use * for "
                "unknown parts."
            )
        if product.opens_named is not None:
            product = replace(product, opens=product.opens_named(self._time_of_name))
        self.product, self.label = product, product.label
        self.skipped: dict[Path, str] = {}
        self._left_out = LeftOut(product.label)
        self.superseded = self._left_out.superseded
        self._root, self._pattern, self._place = root, pattern, place
        self._named = NamedFiles(root, pattern, LAYER)
        self._damaged: Literal["error", "skip"] = damaged
        self._open: tuple[Path, Stamp, ProductFile] | None = None
        self._held = FileContents(product.opens, self._require_named, self._skip, self._left_out)

    @property
    def depths_m(self) -> tuple[DepthRange, ...]:
        """Depths of the product's layers, m; a file may lack some layers."""
        return tuple(v.depth_m for v in self.product.variables if v.depth_m is not None)

    def covers(self, depth_m: DepthRange) -> bool:
        """Whether the product's layers cover a depth range."""
        depths = self.depths_m
        return is_covered(depth_m, [depths[k] for k in choose_layers(depth_m, depths)])

    def place_of(self, time: datetime) -> str:
        """Expected path of the file for a time."""
        return str(self._root / self._named.at(time))

    def why_missing(self, time: datetime) -> str:
        """Reason why there is no image at a time, for messages: the file does not exist, or has other contents."""
        text = self._named.at(time)
        paths = self._named.matches(text.replace(LAYER, "*"))
        averages = [path for path in paths if self._is_average(path)]
        if paths and len(averages) == len(paths):
            word, _ = period_in_name(averages[-1].name) or ("longer", None)
            return f"'{averages[-1]}' is a {word} mean according to its name, not an image of a single time"
        if paths and LAYER in text:
            return f"'{paths[0]}' exists, but not the files of all layers"
        if paths and self.product.many_times:
            try:
                found = sorted({t for contents in self._contents(text) for t in contents.times})
            except DataError as error:
                return str(error)
            has = (
                f"it has {len(found)}, from {found[0].isoformat()} to {found[-1].isoformat()}"
                if found
                else "it is damaged"
            )
            return f"'{paths[-1]}' has no image of {time.isoformat()}; {has}"
        return self._named.describe(time, text)

    def files(self, time: datetime) -> list[Path]:
        """Existing files for a time, in order of name: one, or the newest of each granule if the product merges files.

        For a pattern with ``{layer}``: one for each layer.
        """
        text = self._named.at(time)
        if LAYER in text:
            # One file for each layer; they are combined when read.
            return [path for v in self.product.variables for path in self._matches(text.replace(LAYER, v.name))[-1:]]
        paths = self._matches(text)
        return self._left_out.newest(paths, self.product.granule) if self.product.merges else paths[-1:]

    def times_between(self, start: datetime, end: datetime) -> list[datetime]:
        """Times with data from ``start`` to ``end``, both included; files with many times are opened.

        Raises
        ------
        DataError : a file with many times cannot be read, and damage is an error.
        """
        if not self.product.many_times:
            return [time for time in self._regular(start, end) if self.files(time)]
        found = self._times_of(self._named.names_between(start, end), start, end)
        if start not in found and (before := self._named.name_before(start)) is not None:
            # A daily file may end at 24 UTC, and a file named by its first hour contains further hours.
            found |= self._times_of([before], start, end)
        return sorted(found)

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Context in which each folder is listed only once; older versions are reported at its end."""
        self._named.keep_listings(True)
        try:
            with self._left_out.counting():
                yield
        finally:
            self._named.keep_listings(False)

    def read(
        self,
        time: datetime,
        depth_m: DepthRange | None = None,
        region: Region | None = None,
        counts: Callable[[SoilMoistureProfile], BoolArray] | None = None,
    ) -> SoilMoistureProfile | None:
        """Read one time; None if it has no file, or only damaged files, which are skipped.

        Parameters
        ----------
        time, depth_m, region : as for ``ProductFile.read``.
        counts : selects the cells of a file, (n_lat, n_lon), before files of one time are combined, e.g. of two half
            orbits over a cell the one in the assimilation window. None: all cells.

        Raises
        ------
        MissingLayerError : a valid file lacks a layer needed for the depth.
        DataError : a file is not usable, does not have the time in its name, holds an average, or changes while it is
            read.
        ConfigError : a package needed to read the file is missing.
        """
        if LAYER in self._pattern:
            return self._read_layers(time, depth_m, region)
        if self.product.merges:
            found = [p for path in self.files(time) if (p := self._try(path, time, depth_m, region)) is not None]
        else:
            one = self._read_newest(time, depth_m, region)
            found = [] if one is None else [one]
        if counts is not None:
            found = [replace(p, values=np.where(counts(p), p.values, np.nan)) for p in found]
        return merged(found)

    def close(self) -> None:
        """Close the open file."""
        if self._open is not None:
            (_, _, file), self._open = self._open, None
            with suppress(DataError):
                file.__exit__(None, None, None)

    # ------------------------------------------------------------------ names

    def _time_of_name(self, path: Path) -> datetime:
        """Time in a file's name, parsed with the configured pattern."""
        return self._named.pattern.time_of(self._relative(path), self.product.step)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _regular(self, start: datetime, end: datetime) -> list[datetime]:
        """Regular times of the product from start to end, counted from its first time of a day."""
        step = self.product.step
        first = start.replace(hour=0, minute=0, second=0, microsecond=0) + self.product.first - timedelta(days=1)
        times = []
        n = max(0, -((first - start) // step))
        while first + n * step <= end:
            times.append(first + n * step)
            n += 1
        return times

    def _matches(self, text: str) -> list[Path]:
        """Files that match a name, the newest version last, without averages matched by a wildcard."""
        return [path for path in self._named.matches(text) if not self._is_average(path)]

    def _is_average(self, path: Path) -> bool:
        """Whether a wildcard matches an average by its name; for files with many times their contents decide."""
        if self.product.many_times or "*" not in self._pattern or period_in_name(self._pattern) is not None:
            return False
        period = period_in_name(path.name)
        if period is None or period[1] <= 1.5 * self.product.step:
            return False
        self._left_out.warn_unfit(path, f"a {period[0]} mean according to its name")
        return True

    # ------------------------------------------------------------------ contents

    def _times_of(self, names: list[str], start: datetime, end: datetime) -> set[datetime]:
        """Times from start to end in the files of some names, of any layer."""
        layers = [v.name for v in self.product.variables] if LAYER in self._pattern else [""]
        texts = dict.fromkeys(name.replace(LAYER, layer) for name in names for layer in layers)
        return {t for text in texts for one in self._contents(text) for t in one.times if start <= t <= end}

    def _contents(self, text: str) -> list[Contents]:
        """Contents of the files with many times that match a name."""
        return self._held.of(self._matches(text))

    def _require_named(self, path: Path, times: Sequence[datetime]) -> None:
        """Raise DataError if none of a file's times is in the period given by its name."""
        periods = self._named.pattern.periods(self._relative(path))
        if periods and times and not any(p.begin <= t <= p.end for p in periods for t in times):
            raise DataError(
                f"file '{path}' holds {len(times)} time(s) from {times[0].isoformat()} to {times[-1].isoformat()}; by "
                f"{self._place} its name states {periods[0].begin.isoformat()} to {periods[0].end.isoformat()}. "
                "Correct the file or the pattern; with * in place of a part of the time, only the time axis is used."
            )
        is_of_month = bool(periods) and all(period.level in ("month", "year") for period in periods)
        if is_of_month and len(times) == 1 and self.product.step <= timedelta(days=1):
            self._left_out.warn_once(
                f"'{path}' is named by its {periods[0].level} and holds one time, {times[0].isoformat()}: it is used "
                "as the image of that time. If it is a mean, set step_hours of product cf to its length"
            )

    def _read_newest(
        self, time: datetime, depth_m: DepthRange | None, region: Region | None, layer: str = ""
    ) -> SoilMoistureProfile | None:
        """Read the best file of one time (and of one layer, if each layer has a file)."""
        text = self._named.at(time).replace(LAYER, layer)
        paths = self._matches(text)
        if not self.product.many_times:
            return self._read_version(paths, time, depth_m, region)
        if len(paths) == 1:
            # The usual case, in which no other file is read.
            profile = self._try(paths[0], time, depth_m, region)
            if profile is not None or paths[0] in self.skipped:
                return profile
        before = self._named.name_before(time)
        names = ([text] if len(paths) > 1 else []) + ([] if before is None else [before.replace(LAYER, layer)])
        for contents in (one for name in names for one in self._contents(name)):
            if time in contents.times:
                return self._try(contents.path, time, depth_m, region)
        return None

    def _read_version(
        self, paths: list[Path], time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        """Read the newest version that holds an image of the product."""
        for path in reversed(paths[1:]):
            try:
                return self._try(path, time, depth_m, region, may_be_unfit=True)
            except UnfitFileError as error:
                self.close()
                self._left_out.warn_unfit(path, str(error))
        return self._try(paths[0], time, depth_m, region) if paths else None

    def _try(
        self,
        path: Path,
        time: datetime,
        depth_m: DepthRange | None,
        region: Region | None,
        *,
        may_be_unfit: bool = False,
    ) -> SoilMoistureProfile | None:
        """Read a file; None if it lacks the time, or is skipped as damaged. UnfitFileError only if allowed."""
        try:
            return self._read(path, time, depth_m, region)
        except MissingLayerError:
            raise
        except DataError as error:
            if may_be_unfit and isinstance(error, UnfitFileError):
                raise
            self.close()
            self._skip(path, error)
            return None

    def _skip(self, path: Path, error: DataError) -> None:
        """Count a damaged file, or raise its error if damage is an error."""
        if self._damaged == "error":
            raise error
        if path not in self.skipped:
            logger.warning("skipped, %d so far: %s", len(self.skipped) + 1, error)
        self.skipped[path] = str(error)

    def _read(
        self, path: Path, time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        stamp = stamp_of(path)
        if self._open is not None and self._open[:2] != (path, stamp):
            self.close()
        if self._open is None:
            self._open = path, stamp, self.product.opens(path)
        file = self._open[2]
        if time not in file.times:
            if self.product.many_times:
                self._require_named(path, file.times)
                return None
            raise DataError(
                f"observation file '{path}' is valid at {file.times[0].isoformat()}; expected "
                f"{time.isoformat()} by its name. Check {self._place}, or whether the file was renamed."
            )
        profile = file.read(time, depth_m, region)
        if stamp_of(path) != stamp:
            self.close()
            raise DataError(f"file '{path}' changed while it was read; is it still being written?")
        return profile

    def _read_layers(
        self, time: datetime, depth_m: DepthRange | None, region: Region | None
    ) -> SoilMoistureProfile | None:
        """Combine the files of a product with one file per layer."""
        variables = self.product.variables
        places = range(len(variables)) if depth_m is None else choose_layers(depth_m, self.depths_m)
        found: list[SoilMoistureProfile] = []
        for k in places:
            profile = self._read_newest(time, variables[k].depth_m, region, variables[k].name)
            if profile is not None:
                found.append(profile)
            elif depth_m is not None:
                return None
        return stack_layers(found)


def make_dataset(name: str, entry: CatalogueEntry, data_root: Path) -> Dataset:
    """Create the dataset of an entry of the catalogue.

    Raises
    ------
    ConfigError : the entry describes stations, or its pattern leaves ``data_root``.
    """
    product = product_of_entry(name, entry)
    return Dataset(product, data_root, entry.path, damaged=entry.damaged, place=f"catalogue.{name}.path")
