"""Soil moisture in CF netCDF files of any product or model; the configuration names the variables."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.errors import DataError, UnfitFileError
from landda_hpc.formats.cf.file_grid import coordinate_of
from landda_hpc.formats.cf.netcdf_file import NOLEAP_CALENDARS, STANDARD_CALENDARS, NetcdfFile
from landda_hpc.formats.cf.time_axis import find_clock
from landda_hpc.formats.cf.units import soil_moisture_unit
from landda_hpc.formats.products.layered import LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductVariable
from landda_hpc.regridding.depth import DepthRange

logger = logging.getLogger(__name__)

_CLOCKS: Final = ("valid_time", "time")
_LEVEL: Final = re.compile(r"(.+)\[(\d{1,4})\]")
_DAY_UNITS: Final = re.compile(r"\s*(days?|hours?) since ", re.IGNORECASE)
_STAMP: Final = re.compile(
    r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?:[T_]?(\d{2})(?:[:-]?(\d{2}))?(?:[:-]?(\d{2}))?)?(?!\d)"
)


def open_cf_layers(
    path: Path,
    depths_m: Mapping[str, DepthRange],
    logged: set[object] | None = None,
    *,
    step: timedelta | None = None,
    time_of_name: Callable[[Path], datetime] | None = None,
    units: str | Mapping[str, str] | None = None,
) -> LayeredFile:
    """Open a CF file.

    Parameters
    ----------
    path : the file.
    depths_m : top and bottom of the layer of each variable, m. ``name[k]`` is the k-th level, from 0, along the one
        dimension of a variable besides time, latitude and longitude, e.g. ``SoilMoist_inst[0]``.
    logged : warnings on times and their spacing that were already logged for other files; extended here.
    step : interval between two images; averages over longer periods are rejected. None: not checked.
    time_of_name : returns the time of a file without a time axis, by the configured pattern. None: the time is the one
        date in the file name, with a time of day that follows directly.
    units : units that replace those in the files, for all variables or by variable; None: as in the files.

    Raises
    ------
    MissingFileError : the file does not exist.
    UnfitFileError : a variable is missing, or the file holds averages over more than ``step``.
    DataError : damaged file; coordinates that are not those of a latitude-longitude grid; units that are not of soil
        moisture, or may be of another quantity; no time axis, and no time or several times in the name.

    Notes
    -----
    Local. The noleap calendar is allowed; its dates are kept.
    """
    with NetcdfFile(path) as file:
        names = {name: _split(file, name) for name in depths_m}
        missing = [base for base, _ in names.values() if not file.has(base)]
        if missing:
            raise UnfitFileError(
                f"file '{path}' lacks {', '.join(missing)}; found {', '.join(file.names()) or 'no variable'}."
            )
        first, _ = next(iter(names.values()))
        latitude, longitude = coordinate_of(file, first, "latitude"), coordinate_of(file, first, "longitude")
        if latitude is None or longitude is None:
            raise DataError(
                f"variable '{first}' in '{path}' has dimensions {file.dims(first)}; expected coordinates of latitude "
                "and longitude (1-D, or matrices of a regular grid) on them."
            )
        given = units if isinstance(units, Mapping) else dict.fromkeys(depths_m, units)
        variables = tuple(
            _variable(file, name, *names[name], depth, given.get(name)) for name, depth in depths_m.items()
        )
        guesses = dict.fromkeys((*_CLOCKS, *file.dims(first), *file.attribute(first, "coordinates").split()))
        clock = find_clock(file, first, [name for name in guesses if file.has(name) and _counts(file, name)])
        if clock is not None:
            _warn_off_middle(file, clock, logged if logged is not None else set())
    layout = Layout(
        label="CF",
        variables=variables,
        latitude=(latitude,),
        longitude=(longitude,),
        time=("time",) if clock is None else (clock,),
        trusts_units=True,
        may_be_empty=True,
        calendars=(*STANDARD_CALENDARS, *NOLEAP_CALENDARS),
        time_of_name=time_of_name or _time_of_name,
        step=step,
    )
    opened = LayeredFile(path, layout)
    _warn_far_apart(opened, step, logged if logged is not None else set())
    return opened


def _warn_far_apart(file: LayeredFile, step: timedelta | None, logged: set[object]) -> None:
    """Warn about times with larger intervals than the step; monthly means may have no other sign."""
    spacing = min((after - before for before, after in pairwise(file.times)), default=None)
    if step is None or spacing is None or spacing <= 1.5 * step or spacing in logged:
        return
    logged.add(spacing)
    hours = spacing / timedelta(hours=1)
    logger.warning(
        "'%s': times are at least %.4g h apart, and step_hours is %.4g; means over this interval would be used as "
        "images of single times", file.path, hours, step / timedelta(hours=1),
    )  # fmt: skip


def _warn_off_middle(file: NetcdfFile, time: str, logged: set[object]) -> None:
    """Warn if a time is not the middle of its bounds; the value is used as valid at that time."""
    name = file.attribute(time, "bounds")
    if not name or not file.has(name) or _DAY_UNITS.match(file.attribute(time, "units")) is None:
        return
    values, bounds = file.values(time), file.values(name)
    if bounds.shape != (*values.shape, 2) or not values.size:
        return
    scale = 24.0 if file.attribute(time, "units").lower().startswith("day") else 1.0
    hours = float(np.ravel(values)[0] - bounds.reshape(-1, 2)[0].mean()) * scale
    length = float(np.ptp(bounds.reshape(-1, 2)[0])) * scale
    if abs(hours) > 0.02 * length and hours not in logged:
        logged.add(hours)
        logger.warning(
            "'%s': times are %.4g h %s the middle of their bounds (means over %.4g h); the values are taken as of the "
            "times themselves", file.path, abs(hours), "before" if hours < 0.0 else "after", length,
        )  # fmt: skip


def _counts(file: NetcdfFile, name: str) -> bool:
    return " since " in file.attribute(name, "units").lower()


def _split(file: NetcdfFile, name: str) -> tuple[str, int | None]:
    """Name of a variable in the file, and the configured index along its further dimension."""
    found = _LEVEL.fullmatch(name)
    if found is None or file.has(name):
        return name, None
    return found.group(1), int(found.group(2))


def _variable(
    file: NetcdfFile, name: str, base: str, level: int | None, depth_m: DepthRange, given: str | None
) -> ProductVariable:
    """Describe a layer; ``given`` are its configured units."""
    units = file.attribute(base, "units") if given is None else given
    long_name, standard_name = file.attribute(base, "long_name"), file.attribute(base, "standard_name")
    meaning = ", ".join(text for text in (base, long_name, standard_name) if text)
    try:
        unit = soil_moisture_unit(units, depth_m, meaning, is_certain=given is not None)
    except ValueError as error:
        raise DataError(
            f"variable '{base}' in '{file.path}' has {error}. If the attribute is wrong or unclear, set units: in the "
            "entry of the catalogue."
        ) from error
    return ProductVariable(
        name=name,
        long_name=long_name or base,
        standard_name=standard_name or None,
        units=(units,),
        valid_range=(0.0, unit.full),
        factor=unit.factor,
        depth_m=depth_m,
        aliases=() if base == name else (base,),
        slack=1e-6 * unit.full,
        level=level,
    )


def _time_of_name(path: Path) -> datetime:
    """Time in a file's name; of several on one day the first, which is the beginning of a period."""
    found: list[datetime] = []
    for match in _STAMP.finditer(path.name):
        year, _, *rest = match.groups()
        month, day, hour, minute, second = (int(part or 0) for part in rest)
        with suppress(ValueError):
            found.append(datetime(int(year), month, day, hour, minute, second))
    if not found or len({time.date() for time in found}) > 1:
        what = " and ".join(time.isoformat() for time in found[:3]) or "no time"
        raise DataError(
            f"file '{path}' has no time axis, and its name has {what}; expected one date. Use a pattern that "
            "contains the time."
        )
    return found[0]


def cf_product(
    depths_m: Mapping[str, DepthRange], step: timedelta, units: str | Mapping[str, str] | None = None
) -> Product:
    """Create a product from variables of CF files.

    Parameters
    ----------
    depths_m, units : as for ``open_cf_layers``.
    step : interval between two times.
    """
    variables = tuple(
        ProductVariable(name, name, None, ("m3 m-3",), (0.0, 1.0), depth_m=depth) for name, depth in depths_m.items()
    )
    opens = partial(open_cf_layers, depths_m=dict(depths_m), logged=set(), step=step, units=units)
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
        reference="CF conventions; tested with mrsos of CMIP6 and on SMOS L3",
    )
