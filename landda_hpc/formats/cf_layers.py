"""Soil moisture in any CF netCDF file whose variables the configuration names: other models, other products."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.constants import RHO_WATER
from landda_hpc.errors import DataError
from landda_hpc.formats.cf import NOLEAP_CALENDARS, STANDARD_CALENDARS, VOLUMETRIC_UNITS, NetcdfFile, axis_of
from landda_hpc.formats.layered import LayeredFile, Layout
from landda_hpc.formats.product import Product, ProductVariable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from landda_hpc.fields.depth import DepthRange

VOLUMETRIC: Final = (*VOLUMETRIC_UNITS, "m3.m-3", "m^3 m-3")
MASS: Final = ("kg m-2", "kg/m2", "kg m**-2", "kg m^-2")

logger = logging.getLogger(__name__)

_DAY_UNITS: Final = re.compile(r"\s*(days?|hours?) since ")
_STAMP: Final = re.compile(
    r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?:[T_]?(\d{2})(?:[:-]?(\d{2}))?(?:[:-]?(\d{2}))?)?(?!\d)"
)


def open_cf_layers(
    path: Path,
    depths_m: Mapping[str, DepthRange],
    told: set[float] | None = None,
    *,
    step: timedelta | None = None,
    time_of_name: Callable[[Path], datetime] | None = None,
) -> LayeredFile:
    """Open a CF file.

    Parameters
    ----------
    path : the file.
    depths_m : top and bottom of the layer of each variable, m; units of m3 m-3, or of kg m-2 in the layer.
    told : hours between times and the middle of their bounds that the log has had already; grows.
    step : between two images; averages over more are refused. None: not checked.
    time_of_name : time of a file without a time axis, by the configured pattern; without a pattern the one date in its
        name, and the time of day if it follows at once.

    Raises
    ------
    MissingFileError : no such file.
    AverageError : the file holds averages over more than ``step``.
    DataError : damaged file; a variable is missing; no 1-D latitude and longitude; other units; no time axis, and a
        name that states no time or several.

    Notes
    -----
    Local. Times may be of the noleap calendar: its days are those of the same name.
    """
    with NetcdfFile(path) as file:
        missing = [name for name in depths_m if not file.has(name)]
        if missing:
            raise DataError(
                f"file '{path}' lacks {', '.join(missing)}; found {', '.join(file.names()) or 'no variable'}."
            )
        first = next(iter(depths_m))
        latitude, longitude = axis_of(file, first, "latitude"), axis_of(file, first, "longitude")
        if latitude is None or longitude is None:
            raise DataError(
                f"variable '{first}' in '{path}' has dimensions {file.dims(first)}; expected 1-D coordinates of "
                "latitude and longitude among them."
            )
        variables = tuple(_variable(file, name, depth) for name, depth in depths_m.items())
        times = [dim for dim in (*file.dims(first), "time", "valid_time") if file.has(dim) and _counts(file, dim)]
        if times:
            _warn_off_middle(file, times[0], told if told is not None else set())
    layout = Layout(
        label="CF",
        variables=variables,
        latitude=(latitude,),
        longitude=(longitude,),
        time=tuple(times[:1]) or ("time",),
        may_be_empty=True,
        calendars=(*STANDARD_CALENDARS, *NOLEAP_CALENDARS),
        time_of_name=time_of_name or _time_of_name,
        step=step,
    )
    return LayeredFile(path, layout)


def _warn_off_middle(file: NetcdfFile, time: str, told: set[float]) -> None:
    """Say where a time is not the middle of the period that its bounds tell: the value is taken as of that time."""
    name = file.attribute(time, "bounds")
    if not name or not file.has(name) or _DAY_UNITS.match(file.attribute(time, "units")) is None:
        return
    values, bounds = file.values(time), file.values(name)
    if bounds.shape != (*values.shape, 2) or not values.size:
        return
    scale = 24.0 if file.attribute(time, "units").startswith("day") else 1.0
    hours = float(np.ravel(values)[0] - bounds.reshape(-1, 2)[0].mean()) * scale
    length = float(np.ptp(bounds.reshape(-1, 2)[0])) * scale
    if abs(hours) > 0.02 * length and hours not in told:
        told.add(hours)
        logger.warning(
            "'%s': times are %.4g h %s the middle of their bounds (means over %.4g h); the values are taken as of the "
            "times themselves", file.path, abs(hours), "before" if hours < 0.0 else "after", length,
        )  # fmt: skip


def _counts(file: NetcdfFile, name: str) -> bool:
    return " since " in file.attribute(name, "units")


def _variable(file: NetcdfFile, name: str, depth_m: DepthRange) -> ProductVariable:
    units = file.attribute(name, "units")
    is_mass = units in MASS
    if not is_mass and units not in VOLUMETRIC:
        raise DataError(
            f"variable '{name}' in '{file.path}' has units '{units}'; expected m3 m-3, or kg m-2 in the layer."
        )
    full = RHO_WATER * (depth_m[1] - depth_m[0]) if is_mass else 1.0
    return ProductVariable(
        name=name,
        long_name=file.attribute(name, "long_name") or name,
        standard_name=file.attribute(name, "standard_name") or None,
        units=MASS if is_mass else VOLUMETRIC,
        valid_range=(0.0, full),
        factor=1.0 / full,
        depth_m=depth_m,
        slack=1e-6 * full,
    )


def _time_of_name(path: Path) -> datetime:
    """The one time in a file's name; of several on one day the first, as of the begin of a period."""
    found: list[datetime] = []
    for match in _STAMP.finditer(path.name):
        year, _, *rest = match.groups()
        month, day, hour, minute, second = (int(part or 0) for part in rest)
        with suppress(ValueError):
            found.append(datetime(int(year), month, day, hour, minute, second))
    if not found or len({time.date() for time in found}) > 1:
        what = " and ".join(time.isoformat() for time in found[:3]) or "no time"
        raise DataError(
            f"file '{path}' has no time axis, and its name states {what}; expected one date. Read it by a pattern that "
            "says where the time is."
        )
    return found[0]


def cf_product(depths_m: Mapping[str, DepthRange], step: timedelta) -> Product:
    """The product that variables of CF files make.

    Parameters
    ----------
    depths_m : as ``open_cf_layers``.
    step : between two times.
    """
    variables = tuple(
        ProductVariable(name, name, None, VOLUMETRIC, (0.0, 1.0), depth_m=depth) for name, depth in depths_m.items()
    )
    opens = partial(open_cf_layers, depths_m=dict(depths_m), told=set(), step=step)
    return Product(
        key="cf",
        label="CF",
        variables=variables,
        time_convention="at the instant of the time axis; without one, of the name by the configured pattern",
        stamp="instant",
        step=step,
        opens=opens,
        opens_named=lambda time_of_name: partial(opens, time_of_name=time_of_name),
        many_times=True,
        may_be_empty=True,
        tried=True,
        reference="CF conventions; tried on mrsos of CMIP6 and on SMOS L3",
    )
