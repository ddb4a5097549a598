"""Precipitation of gridded products as amounts between two times, for figures together with soil moisture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.products.ecmwf import require_no_months
from landda_hpc.formats.products.gldas import require_gldas_grid
from landda_hpc.formats.products.grib import GribFile, is_grib
from landda_hpc.formats.products.layered import LayeredFile, Layout
from landda_hpc.formats.products.merged_rain import MERGED_RAIN, RAIN_OF_HOUR, MergedRainFile
from landda_hpc.formats.products.product import ProductVariable
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import Grid

_GLDAS_S: Final = 3 * 3600.0
_TP: Final = ProductVariable(
    name="tp",
    long_name="total precipitation",
    standard_name="lwe_thickness_of_precipitation_amount",
    units=("m", "m of water equivalent"),
    valid_range=(0.0, 5.0),
    factor=1000.0,
    slack=1e-4,
)
_RATE: Final = ProductVariable(
    name="Rainf_f_tavg",
    long_name="total precipitation rate",
    standard_name="precipitation_flux",
    units=("kg m-2 s-1",),
    valid_range=(0.0, 0.2),
    factor=_GLDAS_S,
)

SLACK_MM: Final = 0.1
"""Largest decrease of an accumulated amount between two times that packing can cause, mm."""


@dataclass(frozen=True)
class Rain:
    """Precipitation of a product.

    Attributes
    ----------
    label : name in plots and messages.
    variable : variable in the files.
    kind : amount of the step that ends at the time, or amount since 00 UTC (at 00 UTC: of the previous day).
    step : length of the interval before the time.
    """

    label: str
    variable: ProductVariable
    kind: Literal["step", "since_midnight"]
    step: timedelta


RAIN: Final[dict[str, Rain]] = {
    "gldas_noah": Rain("GLDAS-2.1 Noah", _RATE, "step", timedelta(hours=3)),
    "era5": Rain("ERA5", _TP, "step", timedelta(hours=1)),
    "era5_land": Rain("ERA5-Land", _TP, "since_midnight", timedelta(hours=1)),
    MERGED_RAIN.key: Rain(MERGED_RAIN.label, RAIN_OF_HOUR, "step", timedelta(hours=1)),
}
"""Precipitation by product key, as in ``formats.products.registry``."""


@dataclass(frozen=True, eq=False)
class PrecipitationField:
    """Precipitation between two times.

    Attributes
    ----------
    amount : kg m-2 (mm), shape (n_lat, n_lon), rows south to north; NaN is missing.
    grid : grid of the product, or the requested part of it.
    begin, end : bounds of the interval, UTC.
    label : name of the product.
    path : the file.
    """

    amount: FloatArray
    grid: Grid
    begin: datetime
    end: datetime
    label: str
    path: Path


def read_precipitation(
    product: str, paths: Sequence[Path], region: Region | None = None
) -> Iterator[PrecipitationField]:
    """Read precipitation file by file, field by field.

    Parameters
    ----------
    product : key of ``RAIN``.
    paths : files in order of their times; netCDF, or GRIB of ERA5.
    region : only the part of the grid around it; None: all.

    Yields
    ------
    Fields in order of time. For accumulated amounts, the first field after a gap begins at the last value of the same
    day, or at 00 UTC if there is none.

    Raises
    ------
    ConfigError : unknown product; ecCodes is missing.
    MissingFileError : the file does not exist.
    DataError : damaged file; axes, units or times differ from the provider's; files that overlap or are out of order; a
        decreasing accumulation; a change of grid.

    Notes
    -----
    Local: no communication. Fields are read one at a time.
    """
    if product not in RAIN:
        raise ConfigError(f"product '{product}' has no precipitation; expected one of {', '.join(RAIN)}.")
    rain = RAIN[product]
    before: tuple[datetime, FloatArray, Grid] | None = None
    for path in paths:
        with _open(product, path, rain) as file:
            for time in file.times:
                if before is not None and time <= before[0]:
                    raise DataError(
                        f"'{path}' has {rain.variable.name} of {time}, which follows {before[0]}; expected files in "
                        "order of time, each time once."
                    )
                total, grid = file.image(rain.variable, time, region)
                begin, amount = time - rain.step, total
                if rain.kind == "since_midnight":
                    begin, amount = _since(path, time, total, grid, before)
                yield PrecipitationField(amount, grid, begin, time, rain.label, path)
                before = time, total, grid


def _open(product: str, path: Path, rain: Rain) -> LayeredFile | GribFile | MergedRainFile:
    if not path.is_file():
        raise MissingFileError(f"data file '{path}' does not exist; check the path in the configuration.")
    if product == MERGED_RAIN.key:
        return MergedRainFile(path)
    if product == "gldas_noah":
        return LayeredFile(
            path,
            Layout(
                label=rain.label,
                variables=(rain.variable,),
                latitude=("lat",),
                longitude=("lon",),
                time=("time",),
                must_have_time=True,
                one_time=True,
                may_be_empty=True,
                step=rain.step,
                check_grid=require_gldas_grid,
            ),
        )
    if is_grib(path):
        return GribFile(path, rain.label, (rain.variable,), {228: "tp"}, None)
    return LayeredFile(
        path,
        Layout(
            label=rain.label,
            variables=(rain.variable,),
            latitude=("latitude", "lat"),
            longitude=("longitude", "lon"),
            time=("valid_time", "time"),
            may_be_empty=True,
            step=rain.step,
            check_times=require_no_months if rain.kind == "since_midnight" else _require_hours,
        ),
    )


def _require_hours(path: Path, times: Sequence[datetime]) -> None:
    """Raise DataError if amounts may be daily totals, because all times are at least a day apart."""
    require_no_months(path, times)
    spacing = min((after - before for before, after in pairwise(times)), default=timedelta())
    if spacing >= timedelta(days=1):
        raise DataError(
            f"'{path}' has precipitation of times that are at least {spacing / timedelta(hours=1):g} h apart; expected "
            "hourly times. Are these daily totals? ERA5's amounts are those of the hour before the time: use all "
            "hours."
        )


def _since(
    path: Path, time: datetime, total: FloatArray, grid: Grid, before: tuple[datetime, FloatArray, Grid] | None
) -> tuple[datetime, FloatArray]:
    """Beginning and amount of the interval that ends at a time, from amounts accumulated since 00 UTC."""
    # The value at 00 UTC belongs to the previous day.
    day = (time - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if before is None or before[0] <= day:
        return day, total
    last, earlier, earlier_grid = before
    if not grid.same_points(earlier_grid):
        raise DataError(f"'{path}' is on {grid.describe()}; the previous field is on {earlier_grid.describe()}.")
    amount = total - earlier
    if np.nanmin(amount, initial=0.0) < -SLACK_MM:
        raise DataError(
            f"tp in '{path}' falls by {-float(np.nanmin(amount)):.3g} mm from {last} to {time}; expected amounts "
            "accumulated from 00 UTC, as in ERA5-Land. Is it ERA5, which has hourly amounts?"
        )
    return last, np.maximum(amount, 0.0)
