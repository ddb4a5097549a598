"""Read products whose soil layers are netCDF variables on latitude and longitude, with or without a time axis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, MissingLayerError, UnfitFileError
from landda_hpc.formats.cf.averaging import require_images
from landda_hpc.formats.cf.experiment_version import EXPVER, best_stream, expver_ranks, is_preliminary
from landda_hpc.formats.cf.file_grid import coordinate_of, read_file_grid
from landda_hpc.formats.cf.netcdf_file import STANDARD_CALENDARS, NetcdfFile, require_range, require_units
from landda_hpc.formats.cf.time_axis import TimeAxis, find_clock, read_time_axis
from landda_hpc.formats.products.product import ProductVariable, SoilMoistureProfile
from landda_hpc.formats.products.region import Region, Slab, locate
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange

Field = Callable[[str], "FloatArray | None"]
"""Function that returns a variable of the file at the time being read, shape of the slab; None if it is missing."""


@dataclass(frozen=True)
class Layout:
    """Layout of the files of a product.

    Attributes
    ----------
    label : name of the product.
    variables : its soil layers.
    latitude, longitude, time : possible names of the coordinates, the usual one first.
    must_have_time : time must be a dimension of every layer, also with length 1.
    trusts_units : units are those given by the user; those in the files are not checked.
    one_time : more than one time is an error.
    may_be_empty : an image may have no values.
    calendars : allowed calendars of the time axis.
    check_grid : raises DataError if the grid is not that of the product.
    check_times : raises DataError if the times are not those of the product.
    time_of_name : returns the time from the name of a file without a time axis; None if such a file is an error.
    step : interval between two images; averages over longer periods are rejected. None: not checked.
    constant : fields that do not change in time, e.g. a land-sea mask; they may be missing at some times.
    without_soil : values up to this mean that there is no soil, in the file's unit.
    """

    label: str
    variables: tuple[ProductVariable, ...]
    latitude: tuple[str, ...]
    longitude: tuple[str, ...]
    time: tuple[str, ...]
    must_have_time: bool = False
    trusts_units: bool = False
    one_time: bool = False
    may_be_empty: bool = False
    calendars: tuple[str, ...] = STANDARD_CALENDARS
    check_grid: Callable[[Path, Grid], None] | None = None
    check_times: Callable[[Path, Sequence[datetime]], None] | None = None
    time_of_name: Callable[[Path], datetime] | None = None
    step: timedelta | None = None
    constant: tuple[str, ...] = ()
    without_soil: float | None = None


class LayeredFile:
    """A ``ProductFile`` with a given layout.

    Raises
    ------
    MissingFileError : the file does not exist.
    UnfitFileError : the file has none of the layers, or holds averages over more than the layout's step.
    DataError : damaged file; axes, grid or times differ from those of the product.

    Notes
    -----
    Local: no communication. Products that report more than layers override ``extras``.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self._file = NetcdfFile(path)
        try:
            self._open()
        except BaseException as error:
            self._file.__exit__(error)
            raise

    def _open(self) -> None:
        file, layout = self._file, self.layout
        self._names = {
            variable: name
            for variable in layout.variables
            if (name := next((name for name in variable.names if file.has(name)), None)) is not None
        }
        if not self._names:
            raise UnfitFileError(
                f"file '{self.path}' lacks {', '.join(v.name for v in layout.variables)}; found "
                f"{', '.join(file.names()) or 'no variable'}."
            )
        first = next(iter(self._names.values()))
        latitude = self._coordinate(layout.latitude, first, "latitude")
        longitude = self._coordinate(layout.longitude, first, "longitude")
        self._places = read_file_grid(file, latitude, longitude)
        self.grid = self._places.grid
        if layout.check_grid is not None:
            layout.check_grid(self.path, self.grid)
        self._axis = self._time_axis(first)
        times = self._axis.times
        if layout.one_time and len(times) != 1:
            raise DataError(f"file '{self.path}' holds {len(times)} times; expected 1.")
        if layout.check_times is not None:
            layout.check_times(self.path, times)
        if layout.step is not None:
            require_images(file, tuple(self._names.values()), self._axis.name, times, layout.step)

    def _time_axis(self, first: str) -> TimeAxis:
        """Times of the file, from the time coordinate of the first layer or from the file name."""
        file, layout = self._file, self.layout
        time = find_clock(file, first, layout.time)
        if time is not None:
            return read_time_axis(file, time, layout.calendars, expver_ranks(file, time))
        if layout.time_of_name is not None:
            return TimeAxis.single(layout.time_of_name(self.path))
        raise DataError(f"time '{layout.time[0]}' is not in '{self.path}'; found {', '.join(file.names())}.")

    @property
    def times(self) -> tuple[datetime, ...]:
        return self._axis.times

    @property
    def is_preliminary(self) -> bool:
        """Whether all values are preliminary (ERA5T), to be replaced by ERA5 after some months."""
        return is_preliminary(self._file)

    def read(
        self, time: datetime, depth_m: DepthRange | None = None, region: Region | None = None
    ) -> SoilMoistureProfile:
        """Read one time; see ``ProductFile.read``."""
        index = self._index(time)
        slab = locate(self.grid, self._places.is_flipped, region)
        wanted = wanted_layers(self.path, self.layout.variables, self._names, depth_m, self._file.names())
        values = stacked([self._layer(variable, index, slab) for variable in wanted])

        def field(name: str) -> FloatArray | None:
            if not self._file.has(name):
                return None
            values = self._field(name, index, slab, may_be_static=True)
            others = iter(range(len(self.times)) if name in self.layout.constant else ())
            while not np.isfinite(values).any() and (other := next(others, None)) is not None:
                values = self._field(name, other, slab, may_be_static=True)
            return values

        error_std, conditions, seconds = self.extras(values, field, time)
        return SoilMoistureProfile(
            values=values,
            depths_m=tuple(variable.depth_m for variable in wanted if variable.depth_m is not None),
            grid=slab.grid,
            time=time,
            label=self.layout.label,
            path=self.path,
            error_std=error_std,
            conditions=conditions,
            cell_seconds=seconds,
        )

    def image(self, variable: ProductVariable, time: datetime, region: Region | None = None) -> tuple[FloatArray, Grid]:
        """Read one of the layout's variables at one time, multiplied by its factor, and the grid of the part.

        Raises
        ------
        DataError : as for ``read``; the file lacks the variable.
        """
        if variable not in self._names:
            raise DataError(
                f"file '{self.path}' lacks {variable.name}; found {', '.join(self._file.names()) or 'no variable'}."
            )
        slab = locate(self.grid, self._places.is_flipped, region)
        return self._layer(variable, self._index(time), slab), slab.grid

    def extras(
        self,
        values: FloatArray,  # noqa: ARG002 - for other products
        field: Field,  # noqa: ARG002 - for other products
        time: datetime,  # noqa: ARG002 - for other products
    ) -> tuple[FloatArray | None, Mapping[str, BoolArray], FloatArray | None]:
        """Return errors, conditions and seconds that the product reports; see ``SoilMoistureProfile``.

        Parameters
        ----------
        values : the layers, m3 m-3, (n_layer, n_lat, n_lon); cells may be set to NaN in place.
        field : returns other variables of the file.
        time : the time that is read.
        """
        return None, {}, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    # ------------------------------------------------------------------ parts

    def _index(self, time: datetime) -> int:
        times = self._axis.times
        if time not in times:
            raise DataError(
                f"file '{self.path}' has no time {time.isoformat()}; it has {len(times)}, from "
                f"{times[0].isoformat()} to {times[-1].isoformat()}."
            )
        return times.index(time)

    def _coordinate(self, names: Sequence[str], variable: str, kind: Literal["latitude", "longitude"]) -> str:
        known = next((name for name in names if self._file.has(name)), None)
        return known or coordinate_of(self._file, variable, kind) or names[0]

    def _layer(self, variable: ProductVariable, index: int, slab: Slab) -> FloatArray:
        name = self._names[variable]
        if not self.layout.trusts_units:
            require_units(self._file, name, variable.units)
        field = self._field(name, index, slab, level=variable.level)
        layout = self.layout
        return in_own_unit(field, variable, name, self.path, slab.grid, layout.without_soil, layout.may_be_empty)

    def _field(
        self, name: str, index: int, slab: Slab, *, level: int | None = None, may_be_static: bool = False
    ) -> FloatArray:
        """Read one time of a variable, shape of the slab, rows south to north; a copy.

        Parameters
        ----------
        level : index along the one dimension besides time, latitude and longitude.
        may_be_static : the variable may have no time dimension, e.g. a land-sea mask.
        """
        dims = self._file.dims(name)
        latitude, longitude = self._places.dims
        self._require_dims(name, dims, level, may_be_static)
        at: dict[str, int | slice] = {d: k for d, k in self._axis.places[index].items() if dims.get(d, 1) > 1}
        if level is not None:
            at[next(dim for dim in dims if dim not in (*self._axis.dims, latitude, longitude))] = level
        order = list(dims)

        def part(rows: slice, columns: slice) -> FloatArray:
            values = self._file.values(name, {**at, latitude: rows, longitude: self._places.columns(columns)})
            values = np.moveaxis(values, (order.index(latitude), order.index(longitude)), (-2, -1))
            # Dimensions before the two axes have length 1, or are the two streams of an old ERA5 file.
            stack = values.reshape(-1, *values.shape[-2:])
            return self._places.west_to_east(best_stream(self._file, name, stack))

        return np.ascontiguousarray(slab.read(part))

    def _require_dims(self, name: str, dims: Mapping[str, int], level: int | None, may_be_static: bool) -> None:
        latitude, longitude = self._places.dims
        axis = self._axis
        shape = {latitude: self.grid.shape[0], longitude: self._places.n_columns}
        others = {dim: n for dim, n in dims.items() if dim not in (latitude, longitude, *axis.dims)}
        is_on_grid = all(dims.get(dim) == n for dim, n in shape.items())
        timed = [dim for dim in axis.dims if dim in dims]
        has_time = set(timed) == set(axis.dims) and bool(timed)
        if not has_time and not self.layout.must_have_time:
            has_time = len(axis.times) == 1 or (may_be_static and not timed)
        if level is not None and len(others) == 1 and 0 <= level < next(iter(others.values())):
            others = {}
        if not is_on_grid or not has_time or any(n > 1 and dim != EXPVER for dim, n in others.items()):
            expected = (*(axis.dims or (self.layout.time[0],)), latitude, longitude)
            lengths = (len(axis.times), *shape.values())
            levels = [dim for dim, n in others.items() if n > 1]
            hint = (
                f" Select one level along {levels[0]}, e.g. {name}[0]."
                if len(levels) == 1 and is_on_grid and has_time and level is None and self.layout.trusts_units
                else ""
            )
            raise DataError(
                f"variable '{name}' in '{self.path}' has dimensions {tuple(dims)}; expected {expected}. Found lengths "
                f"{tuple(dims.values())}, by the axes {lengths}.{hint}"
            )


def choose_layers(depth_m: DepthRange, depths_m: Sequence[DepthRange]) -> list[int]:
    """Choose the layers needed for a mean over a depth range; some of a product's layers may contain others.

    Parameters
    ----------
    depth_m : depth range of the mean, m.
    depths_m : the product's layers, m.

    Returns
    -------
    Indices in ``depths_m``: consecutive layers that cover the range, the thickest that fit; otherwise the thinnest
    single layer that covers it; otherwise all layers that overlap it without covering it.
    """
    top, bottom = depth_m
    chosen: list[int] = []
    reached = top
    while reached < bottom - 1e-6:
        here = [
            k
            for k, (high, low) in enumerate(depths_m)
            if low > reached + 1e-6 and (abs(high - reached) <= 1e-6 or (not chosen and high < reached))
        ]
        if not here:
            break
        # The thickest layer that ends within the range; otherwise the layer that exceeds it least.
        inside = [k for k in here if depths_m[k][1] <= bottom + 1e-6]
        best = max(inside, key=lambda k: depths_m[k][1]) if inside else min(here, key=lambda k: depths_m[k][1])
        chosen.append(best)
        reached = depths_m[best][1]
    if chosen and reached >= bottom - 1e-6:
        return chosen
    alone = [k for k, (high, low) in enumerate(depths_m) if high <= top + 1e-6 and low >= bottom - 1e-6]
    if alone:
        return [min(alone, key=lambda k: depths_m[k][1] - depths_m[k][0])]
    return [k for k, (high, low) in enumerate(depths_m) if high < bottom and low > top]


def wanted_layers(
    path: Path,
    variables: Sequence[ProductVariable],
    present: Collection[ProductVariable],
    depth_m: DepthRange | None,
    found: Sequence[str],
) -> list[ProductVariable]:
    """Return the layers of a file that are needed for a mean over a depth range; None: all layers in the file.

    Parameters
    ----------
    variables : layers of the product.
    present : layers in the file.
    found : names of variables in the file, for the message.

    Raises
    ------
    MissingLayerError : the file lacks a needed layer, or the product has no layer for the depth.
    """
    if depth_m is None:
        return [variable for variable in variables if variable in present]
    places = choose_layers(depth_m, [v.depth_m for v in variables if v.depth_m is not None])
    missing = [variables[k].name for k in places if variables[k] not in present]
    if missing or not places:
        raise MissingLayerError(
            f"file '{path}' lacks {', '.join(missing) or 'any layer'} for depths {depth_m[0]:g}-{depth_m[1]:g} m; "
            f"found {', '.join(found) or 'no variable'}."
        )
    return [variables[k] for k in places]


def in_own_unit(
    field: FloatArray,
    variable: ProductVariable,
    name: str,
    path: Path,
    grid: Grid,
    without_soil: float | None,
    may_be_empty: bool,
) -> FloatArray:
    """Check the values of a layer and convert them, in place, from the file's unit to that of the variable.

    Parameters
    ----------
    name : name of the variable in the file.
    without_soil, may_be_empty : as in ``Layout``.

    Raises
    ------
    DataError : a value outside the valid range and its slack, or no values where that is an error.
    """
    low, _ = variable.valid_range
    if variable.slack:
        field[(field < low) & (field >= low - variable.slack)] = low
    require_range(path, name, field, variable.valid_range, variable.units[0], grid, may_be_empty=may_be_empty)
    if without_soil is not None:
        field[field <= without_soil] = np.nan
    field *= variable.factor
    return field


def stacked(layers: Sequence[FloatArray]) -> FloatArray:
    """Stack layers, shape (n_layer, n_lat, n_lon); a single layer is not copied."""
    return layers[0][None] if len(layers) == 1 else np.stack(layers)
