"""Series of soil-moisture images from one or many netCDF files, read one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Self, overload

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.cf.file_grid import FileGrid
from landda_hpc.formats.cf.image import (
    PLAUSIBLE,
    SoilMoistureImage,
    find_places,
    is_time,
    only_image,
    read_field,
)
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.formats.cf.units import is_volumetric
from landda_hpc.formats.products.product import ProfileReader
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange, observe, range_from_product

SUFFIXES: Final = (".nc", ".nc4", ".cdf")
"""Suffixes of files that are read from a folder."""

_TIME_NAMES: Final = ("time", "valid_time")


@dataclass(frozen=True)
class _Place:
    """Position of one image: file, index along the time dimension (None: there is none), and time."""

    path: Path
    index: int | None
    time: datetime | None


class ImageSeries(Sequence[SoilMoistureImage]):
    """Images of one variable on one grid, in the order of their times, read on demand.

    Attributes
    ----------
    variable : name of the variable in the files, or of the product.
    grid : grid of all images.

    Notes
    -----
    Local. The last file stays open until another one is read; use the series as a context manager, or ``close`` it.
    ``open_image_series`` and ``open_product_series`` create it.
    """

    def __init__(
        self, variable: str, grid: Grid, places: Sequence[_Place], read: Callable[[_Place], FloatArray]
    ) -> None:
        self.variable, self.grid = variable, grid
        self._places, self._read = tuple(places), read
        self._closers: list[Callable[[], None]] = []

    @property
    def times(self) -> tuple[datetime | None, ...]:
        """Valid time of each image, UTC; None if the files have none."""
        return tuple(place.time for place in self._places)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> SoilMoistureImage: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> SoilMoistureImage | Self:
        if isinstance(index, slice):
            return self._with(self._places[index])
        place = self._places[index]
        values = self._read(place)
        if values.shape != self.grid.shape:
            raise ShapeError(
                f"image of '{self.variable}' in '{place.path}' has shape {values.shape}; expected {self.grid.shape}."
            )
        return SoilMoistureImage(values, self.grid, self.variable, place.time)

    def between(self, first: datetime | None = None, last: datetime | None = None) -> Self:
        """Return the images from one time to another, both included; None leaves an end open.

        Raises
        ------
        DataError : the files have no times, or no image is in the period.
        """
        if first is None and last is None:
            return self
        chosen = []
        for place in self._places:
            if place.time is None:
                raise DataError(f"'{place.path}' has no time: images cannot be selected by date.")
            if (first is None or place.time >= first) and (last is None or place.time <= last):
                chosen.append(place)
        if not chosen:
            raise DataError(
                f"no image of '{self.variable}' is between {first or 'the beginning'} and {last or 'the end'}; the "
                f"series goes from {self._places[0].time} to {self._places[-1].time}."
            )
        return self._with(chosen)

    def close(self) -> None:
        """Close the open file."""
        for closer in self._closers:
            closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _with(self, places: Sequence[_Place]) -> Self:
        other = type(self)(self.variable, self.grid, places, self._read)
        other._closers = self._closers
        return other


def open_image_series(
    paths: Iterable[Path], variable: str | None = None, plausible: tuple[float, float] = PLAUSIBLE
) -> ImageSeries:
    """Open a series of CF netCDF images: one file with a time dimension, many files, or both. Local.

    Parameters
    ----------
    paths : files, and folders of which all netCDF files are used.
    variable : name of the variable; None for the only field on latitude and longitude in m3 m-3, an error if there are
        several.
    plausible : range of plausible values, m3 m-3; values outside are an error.

    Returns
    -------
    Unpacked images in order of time, or in the order given if the files have no times; rows south to north, NaN where
    missing. Coordinates, grid and units of all files are checked here, values when they are read.

    Raises
    ------
    MissingFileError : a file does not exist, or a folder has no netCDF files.
    DataError : damaged file; no such variable, or several; units other than m3 m-3; a dimension besides time, latitude
        and longitude; two images of one time; values that are implausible, or missing everywhere.
    ShapeError : a file has another grid than the first.
    """
    places: list[_Place] = []
    layouts: dict[Path, _Layout] = {}
    name, grid = variable, None
    for path in _files(paths):
        with NetcdfFile(path) as file:
            name = name or only_image(file, is_volumetric)
            layout = _layout(file, name)
            times = _times(file, layout)
        if grid is None:
            grid = layout.places.grid
        elif not layout.places.grid.same_points(grid):
            raise ShapeError(
                f"'{path}' is on {layout.places.grid.describe()}; the series began on {grid.describe()}. Use images "
                "on one grid."
            )
        layouts[path] = layout
        indices: list[int | None] = [None] if layout.time is None else list(range(layout.n_times))
        places += [_Place(path, i, times[i or 0] if times else None) for i in indices]
    assert name is not None and grid is not None, "there is a file"
    reader = _CfReader(name, layouts, plausible)
    series = ImageSeries(name, grid, _in_order(places), reader)
    series._closers.append(reader.close)
    return series


def open_product_series(paths: Iterable[Path], reader: ProfileReader, depth_m: DepthRange) -> ImageSeries:
    """Open a series of a product's files, each of one time, as means over a depth range. Local.

    Parameters
    ----------
    paths : files, and folders of which all netCDF files are used.
    reader : reader of the product, e.g. ``formats.products.gldas.read_gldas``.
    depth_m : top and bottom of the layer, m; the product's layers must cover it.

    Raises
    ------
    MissingFileError, DataError : as for the reader.
    ShapeError : a file has another grid than the first.
    ConfigError : the product's layers do not cover the depth.

    Notes
    -----
    Every file is read once when the series is opened, because its time is stored inside.
    """
    places, label, grid = [], "", None
    for path in _files(paths):
        profile = reader(path, depth_m)
        range_from_product(depth_m, profile.depths_m)
        if grid is not None and not profile.grid.same_points(grid):
            raise ShapeError(f"'{path}' is on {profile.grid.describe()}; the series began on {grid.describe()}.")
        grid, label = grid or profile.grid, profile.label
        places.append(_Place(path, None, profile.time))
    assert grid is not None, "there is a file"

    def read(place: _Place) -> FloatArray:
        profile = reader(place.path, depth_m)
        return observe(profile.values, range_from_product(depth_m, profile.depths_m), axis=0)

    return ImageSeries(f"{label} {depth_m[0]:g}-{depth_m[1]:g} m", grid, _in_order(places), read)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Layout of one file: grid, time dimension, and its length (1 without a time dimension)."""

    places: FileGrid
    time: str | None
    n_times: int


class _CfReader:
    """Reader of single images that keeps one file open."""

    def __init__(self, variable: str, layouts: dict[Path, _Layout], plausible: tuple[float, float]) -> None:
        self._variable, self._layouts, self._plausible = variable, layouts, plausible
        self._file: NetcdfFile | None = None

    def __call__(self, place: _Place) -> FloatArray:
        if self._file is None or self._file.path != place.path:
            self.close()
            self._file = NetcdfFile(place.path)
        layout = self._layouts[place.path]
        at = {} if layout.time is None or place.index is None else {layout.time: place.index}
        image = read_field(self._file, self._variable, layout.places, at)
        self._check(image, place)
        return image

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.__exit__()

    def _check(self, image: FloatArray, place: _Place) -> None:
        low, high = self._plausible
        known = image[np.isfinite(image)]
        if known.size == 0 or known.min() < low or known.max() > high:
            found = (
                "nothing but missing values" if known.size == 0 else f"values from {known.min():g} to {known.max():g}"
            )
            raise DataError(
                f"'{self._variable}' in '{place.path}' at {place.time or f'place {place.index}'} has {found}; "
                f"expected {low:g} to {high:g} m3 m-3."
            )


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
            if not inside:
                raise MissingFileError(f"folder '{path}' has no netCDF file ({', '.join(SUFFIXES)}).")
            found += inside
        else:
            found.append(path)
    if not found:
        raise MissingFileError("no file of images was given.")
    return found


def _layout(file: NetcdfFile, name: str) -> _Layout:
    places, dims = find_places(file, name), file.dims(name)
    others = [dim for dim, n in dims.items() if dim not in places.dims and n != 1]
    timed = [dim for dim in dims if dim not in places.dims and is_time(file, dim)]
    if len(others) > 1 or (timed and others and others != timed[:1]):
        raise DataError(
            f"variable '{name}' in '{file.path}' has dimensions {dims}; expected time, latitude and longitude. Extract "
            f"one place along {', '.join(d for d in others if d not in timed)}."
        )
    time = next(iter(timed or others), None)
    return _Layout(places, time, 1 if time is None else dims[time])


def _times(file: NetcdfFile, layout: _Layout) -> list[datetime]:
    """Times of a file's images; empty if it has none."""
    name = layout.time or next((name for name in _TIME_NAMES if file.has(name)), None)
    if name is None or not is_time(file, name):
        return []
    times = read_times(file, name)
    if len(times) != layout.n_times:
        raise DataError(f"'{file.path}' has {layout.n_times} images and {len(times)} times in '{name}'.")
    return times


def _in_order(places: list[_Place]) -> list[_Place]:
    """Sort images by time if all have one; DataError for duplicate times."""
    times = [place.time for place in places]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return [replace(place, time=None) for place in places] if known else places
    ordered = [places[i] for i in sorted(range(len(places)), key=lambda i: known[i])]
    for one, other in pairwise(ordered):
        if one.time == other.time:
            raise DataError(f"two images of {one.time}: in '{one.path}' and '{other.path}'. Each time must occur once.")
    return ordered
