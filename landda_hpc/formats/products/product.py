"""Gridded soil-moisture products: common output of all readers, and properties of a product.

A new product needs a ``Product``, a function that opens its files, and a section in ``entries`` that creates it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange

CONDITIONS: Final[dict[str, str]] = {
    "frozen": "frozen soil",
    "snow": "snow or ice on the ground",
    "dense_vegetation": "vegetation too dense to observe the soil",
    "water": "open water in the footprint",
    "not_recommended": "the provider does not recommend the value",
}
"""Conditions of cells that products report."""


@dataclass(frozen=True, eq=False)
class SoilMoistureProfile:
    """Soil moisture at one time on the product's grid.

    Attributes
    ----------
    values : m3 m-3, shape (n_layer, n_lat, n_lon), rows south to north; NaN is missing.
    depths_m : top and bottom of each layer, m, in the product's order.
    grid : the product's grid, or the requested part of it.
    time : valid time, UTC; the centre of the day for a product of many overpasses.
    label : name of the product, for output and messages.
    path : the file.
    error_std : error standard deviation reported by the product, m3 m-3, shape of ``values``, NaN where not reported;
        None if the product reports no errors.
    conditions : cells with each condition, by names of ``CONDITIONS``, shape (n_lat, n_lon).
    cell_seconds : seconds after ``time`` at which each cell was observed, shape (n_lat, n_lon), NaN where the
        product does not give it; None if all cells are valid at ``time``.
    """

    values: FloatArray
    depths_m: tuple[DepthRange, ...]
    grid: Grid
    time: datetime
    label: str
    path: Path
    error_std: FloatArray | None = None
    conditions: Mapping[str, BoolArray] = field(default_factory=dict)
    cell_seconds: FloatArray | None = None

    def __post_init__(self) -> None:
        expected = (len(self.depths_m), *self.grid.shape)
        if self.values.shape != expected or (self.error_std is not None and self.error_std.shape != expected):
            raise ShapeError(
                f"profile of {self.label} has shape {self.values.shape}; expected {len(self.depths_m)} "
                f"layers on {self.grid.describe()}."
            )
        images = [*self.conditions.values()] + ([] if self.cell_seconds is None else [self.cell_seconds])
        if any(image.shape != self.grid.shape for image in images) or not set(self.conditions) <= set(CONDITIONS):
            raise ShapeError(f"profile of {self.label} has conditions of other shapes, or unknown ones.")


class ProfileReader(Protocol):
    """Reader of a product's files that hold one time each."""

    def __call__(self, path: Path, depth_m: DepthRange | None = None) -> SoilMoistureProfile:
        """Read the layers that overlap a depth range (all of them if None).

        Raises
        ------
        MissingFileError : the file does not exist.
        DataError : the file is damaged or deviates from the provider's definition; the message gives file, variable and
            expectation.
        """
        ...


class ProductFile(Protocol):
    """A file of a product, open for reading; a context manager."""

    @property
    def times(self) -> tuple[datetime, ...]:
        """Valid times in the file, UTC, ascending."""
        ...

    def read(
        self, time: datetime, depth_m: DepthRange | None = None, region: Region | None = None
    ) -> SoilMoistureProfile:
        """Read one time.

        Parameters
        ----------
        time : one of ``times``.
        depth_m : only the layers needed to cover this range, m; None: all.
        region : only the part of the grid around it; None: all.

        Raises
        ------
        DataError : no such time; the file is damaged or deviates from the provider's definition.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class ProductVariable:
    """A variable in the files of a product.

    Attributes
    ----------
    name : name in the files, after the path of its group.
    aliases : names in other versions of the product.
    long_name, standard_name : names of CF; the latter is None if CF has none.
    units : spellings of the unit in the files; the first is the usual one.
    valid_range : valid range in that unit, inclusive.
    factor : m3 m-3 (or, for precipitation, kg m-2) per unit of the file.
    depth_m : top and bottom of a soil layer, m; None for other variables.
    level : index along a further dimension of the variable, from 0; None if it has none.
    slack : values below the range by at most this are due to packing and are set to its lower end.
    """

    name: str
    long_name: str
    standard_name: str | None
    units: tuple[str, ...]
    valid_range: tuple[float, float]
    factor: float = 1.0
    depth_m: DepthRange | None = None
    aliases: tuple[str, ...] = ()
    slack: float = 0.0
    level: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name and aliases."""
        return (self.name, *self.aliases)


def volumetric_layer(name: str, depth_m: DepthRange, units: tuple[str, ...], slack: float = 0.0) -> ProductVariable:
    """Create a soil layer in m3 m-3; arguments as for ``ProductVariable``."""
    return ProductVariable(
        name=name,
        long_name=f"volumetric soil water, {100 * depth_m[0]:g}-{100 * depth_m[1]:g} cm",
        standard_name="volume_fraction_of_condensed_water_in_soil",
        units=units,
        valid_range=(0.0, 1.0),
        depth_m=depth_m,
        slack=slack,
    )


@dataclass(frozen=True)
class Product:
    """Properties of a product, known before a file is opened.

    Attributes
    ----------
    key : key in configurations.
    label : name in tables and messages.
    variables : soil layers.
    time_convention : meaning of a value's time, in words.
    stamp : meaning of a value's time: an instant, a mean around it, or many overpasses of the day.
    step : interval between two times.
    opens : opens a file.
    many_times : one file holds many times.
    may_be_empty : an image may have no values (a swath outside the region).
    tried : tested with a real file; otherwise the reader follows only the documentation.
    reference : description of the product.
    first : first time of a day, after 00 UTC.
    merges : files of one time (half orbits) are combined; otherwise the newest version by name is used.
    opens_named : creates ``opens`` from a function that returns the time in a file's name, for files that may have no
        time axis; None if names have the provider's form.
    granule : for a product that merges files, returns granule (half orbit) and version in a file's name; the greatest
        version is used. It returns None for a name without them; such a file is its only version.
    is_saturation : values are fractions of saturation, 0..1, instead of m3 m-3; the source multiplies them with a
        porosity.
    """

    key: str
    label: str
    variables: tuple[ProductVariable, ...]
    time_convention: str
    stamp: Literal["instant", "mean", "overpasses"]
    step: timedelta
    opens: Callable[[Path], ProductFile]
    many_times: bool
    may_be_empty: bool
    tried: bool
    reference: str
    first: timedelta = timedelta(0)
    merges: bool = False
    opens_named: Callable[[Callable[[Path], datetime]], Callable[[Path], ProductFile]] | None = None
    granule: Callable[[str], tuple[str, str] | None] | None = None
    is_saturation: bool = False

    @property
    def day_begin(self) -> timedelta:
        """Beginning of the product's day, relative to 00 UTC of the day in its file names.

        A daily image of overpasses covers half a day on either side of its nominal time: from noon to noon for 00 UTC
        (ESA CCI), from midnight to midnight for noon (SMAP). Days of all other products are UTC days.
        """
        is_daily = self.stamp == "overpasses" and self.step == timedelta(days=1)
        return self.first - timedelta(hours=12) if is_daily else timedelta(0)
