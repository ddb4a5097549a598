"""Global attributes by which a netCDF file is found and cited: the Attribute Convention for Data Discovery 1.3.

They follow from the content of a file and from this software; none is a date of writing, so that equal contents give
equal attributes. The covered area and period are those of the coordinate variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np

from landda_hpc import __version__
from landda_hpc.constants import FloatArray

STANDARD_NAMES: Final = "CF Standard Name Table v93"
"""Version of the CF standard names that our files use."""

_KEYWORDS: Final = "soil moisture, data assimilation, land surface, Common Land Model, curvelets"
_COORDINATES: Final = {"latitude", "longitude", "time", "depth"}
_STATED: Final = (
    "summary", "keywords", "id", "naming_authority", "creator_name", "creator_type", "institution", "project",
    "license", "processing_level", "product_version", "standard_name_vocabulary",
)  # fmt: skip


def is_discovery(name: str) -> bool:
    """Return whether a global attribute is one of this module; a copy of a file gets its own ones."""
    return name in _STATED or name.startswith(("geospatial_", "time_coverage_"))


def stated_attributes(path: Path, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a new file that do not depend on its content.

    Parameters
    ----------
    path : of the file.
    attributes : given by the writer; they replace those of this function.
    """
    title = str(attributes.get("title", path.stem))
    found = {
        "title": title,
        "summary": f"{title}. Written by landda_hpc, which assimilates images of soil moisture into a land model.",
        "keywords": _KEYWORDS,
        "id": re.sub(r"[^A-Za-z0-9_.]+", "_", f"{title} {path.stem}"),
        "naming_authority": "landda_hpc",
        "creator_name": "landda_hpc",
        "creator_type": "group",
        "institution": "not stated",
        "project": "landda_hpc",
        "license": "not stated; ask those who ran landda_hpc",
        "processing_level": "model output",
        "product_version": __version__,
        "standard_name_vocabulary": STANDARD_NAMES,
    }
    return {**found, **attributes}


def coverage_attributes(file: netCDF4.Dataset) -> dict[str, Any]:
    """Return the area, depth and period of the coordinate variables of a file; a file without them has none.

    The edges count if a coordinate has bounds.
    """
    found: dict[str, Any] = {}
    spans = {name: _span(file, name) for name in ("latitude", "longitude", "depth", "time")}
    for name, short, units in (("latitude", "lat", "degrees_north"), ("longitude", "lon", "degrees_east")):
        span = spans[name]
        if span is not None:
            found |= {f"geospatial_{short}_min": span[0], f"geospatial_{short}_max": span[1]}
            found[f"geospatial_{short}_units"] = units
    if spans["depth"] is not None:
        found |= {"geospatial_vertical_min": spans["depth"][0], "geospatial_vertical_max": spans["depth"][1]}
        found |= {"geospatial_vertical_units": "m", "geospatial_vertical_positive": "down"}
    variable = _coordinate(file, "time")
    if spans["time"] is not None and variable is not None:
        calendar = str(getattr(variable, "calendar", "standard"))
        ends: Any = netCDF4.num2date(np.array(spans["time"]), variable.units, calendar)
        first, last = ends
        found |= {"time_coverage_start": _stamp(first), "time_coverage_end": _stamp(last)}
        found["time_coverage_duration"] = _duration(last - first)
        steps = np.unique(np.diff(np.ravel(variable[:])))
        if steps.size == 1:
            pair: Any = netCDF4.num2date(np.ravel(variable[:2]), variable.units, calendar)
            found["time_coverage_resolution"] = _duration(pair[1] - pair[0])
    return found


def content_type(name: str, dims: tuple[str, ...], attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute ``coverage_content_type`` of a variable; none for bounds and variables without units."""
    if "units" not in attributes or "coverage_content_type" in attributes or name.endswith(("_bnds", "_bounds")):
        return {}
    if attributes.get("standard_name") in _COORDINATES or dims == (name,):
        return {"coverage_content_type": "coordinate"}
    if name.endswith("_mask") or name == "cell_area" or "flag_values" in attributes:
        return {"coverage_content_type": "auxiliaryInformation"}
    return {"coverage_content_type": "physicalMeasurement" if name == "observation" else "modelResult"}


def _coordinate(file: netCDF4.Dataset, standard_name: str) -> netCDF4.Variable[Any] | None:
    found = (v for v in file.variables.values() if getattr(v, "standard_name", "") == standard_name)
    return next((v for v in found if v.dtype is not str and v.dtype.kind in "fiu" and v.size), None)


def _span(file: netCDF4.Dataset, standard_name: str) -> tuple[float, float] | None:
    variable = _coordinate(file, standard_name)
    if variable is None or not hasattr(variable, "units"):
        return None
    edges = file.variables.get(str(getattr(variable, "bounds", "")), variable)
    values: FloatArray = np.ma.filled(np.ma.asarray(edges[:], dtype=np.float64), np.nan)
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else None


def _stamp(time: Any) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _duration(span: timedelta) -> str:
    """Return a time span as ISO 8601, for example P1DT6H."""
    days, seconds = span.days, span.seconds
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return f"P{f'{days}D' if days or not clock else ''}{f'T{clock}' if clock else ''}"
