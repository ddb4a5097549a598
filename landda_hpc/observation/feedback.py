"""Feedback files: every observation of a time with its flag and the values of the runs there; CF netCDF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.grid import Grid
from landda_hpc.io.file_format import FileFormat
from landda_hpc.io.netcdf_writer import TIME_UNITS, NetcdfWriter, new_netcdf
from landda_hpc.observation.image_observation import REASONS, ImageObservation

_FORMAT: Final = FileFormat("landda_hpc feedback", 1)
_STANDARD_NAME: Final = "volume_fraction_of_condensed_water_in_soil"
_NAME_LENGTH: Final = 40


@dataclass(frozen=True, eq=False)
class Feedback:
    """Observations of one time.

    Attributes
    ----------
    time : UTC.
    source : of the observations.
    depth_m : top and bottom of the observed layer, m.
    lat, lon : of the cells' centres, degrees, (n,).
    cell : flat index in the model grid, (n,).
    value : as observed (after any bias treatment), m3 m-3, (n,).
    error_std : of the errors, m3 m-3, NaN where not reported, (n,).
    flag : values of ``reasons``, (n,).
    runs : names.
    background, analysis : at the observed depth, m3 m-3, (n_run, n); NaN where a run has no value.
    reasons : flag values in words: those of ``observation.image_observation.Flag``, and of further checks.
    products : each of several products by name; empty with one product.
    """

    time: datetime
    source: str
    depth_m: tuple[float, float]
    lat: FloatArray
    lon: FloatArray
    cell: IntArray
    value: FloatArray
    error_std: FloatArray
    flag: npt.NDArray[np.uint8]
    runs: tuple[str, ...]
    background: FloatArray
    analysis: FloatArray
    reasons: Mapping[int, str] = field(default_factory=lambda: {int(flag): words for flag, words in REASONS.items()})
    products: Mapping[str, ProductFeedback] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ProductFeedback:
    """Observations of one of several products at the points of a feedback.

    Attributes
    ----------
    value, error_std : m3 m-3, (n,); NaN where the product has none.
    flag : (n,), in words in ``reasons``.
    """

    value: FloatArray
    error_std: FloatArray
    flag: npt.NDArray[np.uint8]
    reasons: Mapping[int, str]


def collect(
    observation: ImageObservation,
    grid: Grid,
    backgrounds: Mapping[str, FloatArray],
    analyses: Mapping[str, FloatArray],
    products: Mapping[str, ImageObservation] | None = None,
) -> Feedback:
    """Collect the feedback of one time: every cell for which the source or a product gave a value. Local.

    Parameters
    ----------
    observation : after all checks.
    grid : the model grid.
    backgrounds : by run, at the observed depth, m3 m-3, (n_lat, n_lon), NaN without soil.
    analyses : the same for the runs that made an analysis.
    products : observations of each of several products.

    Raises
    ------
    ShapeError : an image of another shape.
    """
    products = products or {}
    given = [observation.given, *(one.given for one in products.values())]
    images = [*given, *backgrounds.values(), *analyses.values()]
    if any(image.shape != grid.shape for image in images):
        raise ShapeError(f"feedback of images {sorted({i.shape for i in images})}; the grid is {grid.describe()}.")
    cell = np.flatnonzero(np.isfinite(given).any(axis=0)).astype(np.int64)
    row, column = np.divmod(cell, grid.lon.size)
    nothing = np.full(grid.shape, np.nan)
    std = nothing if observation.error_std is None else observation.error_std
    runs = tuple(backgrounds)

    def at_cells(images: list[FloatArray]) -> FloatArray:
        return np.array([image.ravel()[cell] for image in images]).reshape(len(images), cell.size)

    return Feedback(
        time=observation.time,
        source=observation.source,
        depth_m=observation.depth_m,
        lat=grid.lat[row],
        lon=grid.lon[column],
        cell=cell,
        value=observation.given.ravel()[cell],
        error_std=np.asarray(std, dtype=np.float64).ravel()[cell],
        flag=observation.flags.ravel()[cell],
        runs=runs,
        background=at_cells([backgrounds[name] for name in runs]),
        analysis=at_cells([analyses.get(name, nothing) for name in runs]),
        reasons=observation.reasons,
        products={
            name: ProductFeedback(
                one.given.ravel()[cell],
                (nothing if one.error_std is None else one.error_std).ravel()[cell],
                one.flags.ravel()[cell],
                one.reasons,
            )
            for name, one in products.items()
        },
    )


def feedback_name(time: datetime) -> str:
    """Name of the file of a time."""
    return f"{time:%Y%m%dT%H%M}.nc"


def write_feedback(path: Path, feedback: Feedback, attributes: Mapping[str, str] | None = None) -> Path:
    """Write feedback, atomically; return the file.

    Parameters
    ----------
    path : the file; its folder is made if it is missing.
    feedback : of one time.
    attributes : of the file.

    Raises
    ------
    StorageError : the file cannot be written.

    Notes
    -----
    Local: no communication. Discrete sampling geometry of CF, points; variables of the runs have a dimension ``run``.
    """
    n, n_run = feedback.value.size, len(feedback.runs)
    of_file = {
        "featureType": "point",
        "title": "observations, their use, and values of the runs",
        "source": feedback.source,
        "runs": " ".join(feedback.runs),
        **(attributes or {}),
        **_FORMAT.attributes(),
    }
    if feedback.products:
        of_file["products"] = " ".join(feedback.products)
    n_values = 8 + 2 * n_run + 3 * len(feedback.products)
    with new_netcdf(path, 8 * n * n_values + 65536, of_file) as file:
        file.dimensions({"observation": n, "run": n_run, "name_length": _NAME_LENGTH, "bnds": 2})
        encoded = {"long_name": "name of the run", "_Encoding": "ascii"}
        names = file.create("run_name", "S1", ("run", "name_length"), encoded)
        if n_run:
            names[:] = np.array(feedback.runs, dtype=f"S{_NAME_LENGTH}")
        _write(file, "time", (), feedback_hours(feedback.time), {"standard_name": "time", "units": TIME_UNITS})
        depth = 0.5 * (feedback.depth_m[0] + feedback.depth_m[1])
        attrs = {"standard_name": "depth", "units": "m", "positive": "down", "bounds": "depth_bnds"}
        _write(file, "depth", (), depth, attrs)
        _write(file, "depth_bnds", ("bnds",), np.array(feedback.depth_m), {})
        point = ("observation",)
        _write(file, "lat", point, feedback.lat, {"standard_name": "latitude", "units": "degrees_north"})
        _write(file, "lon", point, feedback.lon, {"standard_name": "longitude", "units": "degrees_east"})
        _write(file, "cell", point, feedback.cell, {"long_name": "flat index of the model's cell", "units": "1"})
        common = {"units": "m3 m-3", "coordinates": "time depth lat lon"}
        value = {"standard_name": _STANDARD_NAME, "long_name": "observation", **common}
        _write(file, "value", point, feedback.value, {**value, "ancillary_variables": "error_std flag"})
        std = {"long_name": "standard deviation of the observation's error", **common}
        _write(
            file, "error_std", point, feedback.error_std, {"standard_name": f"{_STANDARD_NAME} standard_error", **std}
        )
        flag = {"long_name": "use of the observation", "coordinates": common["coordinates"]}
        _write(file, "flag", point, feedback.flag, flag | _flag_attributes(feedback.reasons))
        for product, of_product in feedback.products.items():
            text = {"standard_name": _STANDARD_NAME, "long_name": f"observation of product {product}", **common}
            _write(file, f"value_{product}", point, of_product.value, text)
            text = {**std, "long_name": f"standard deviation of the error of product {product}"}
            _write(file, f"error_std_{product}", point, of_product.error_std, text)
            text = {**flag, "long_name": f"use of the observation of product {product}"}
            _write(file, f"flag_{product}", point, of_product.flag, text | _flag_attributes(of_product.reasons))
        for name, values in (("background", feedback.background), ("analysis", feedback.analysis)):
            text = {"standard_name": _STANDARD_NAME, "long_name": f"{name} at the observed depth", **common}
            _write(file, name, ("run", "observation"), values, text)
    return path


def read_feedback(path: Path) -> Feedback:
    """Read a feedback file.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged, is not a feedback file, or another version of the software wrote it.
    """
    with NetcdfFile(path) as file:
        objection = _FORMAT.objection(file.file_attribute)
        if objection is not None:
            raise DataError(f"'{path}' {objection}")
        missing = [name for name in ("run_name", "time", "value", "flag", "background") if not file.has(name)]
        if missing:
            raise DataError(f"'{path}' is not a feedback file: {', '.join(missing)} missing.")
        bounds = file.values("depth_bnds")
        return Feedback(
            time=read_times(file, "time")[0],
            source=file.file_attribute("source"),
            depth_m=(float(bounds[0]), float(bounds[1])),
            lat=file.values("lat"),
            lon=file.values("lon"),
            cell=file.values("cell").astype(np.int64),
            value=file.values("value"),
            error_std=file.values("error_std"),
            flag=file.values("flag").astype(np.uint8),
            runs=tuple(file.file_attribute("runs").split()),
            background=file.values("background"),
            analysis=file.values("analysis"),
            products={
                name: ProductFeedback(
                    file.values(f"value_{name}"),
                    file.values(f"error_std_{name}"),
                    file.values(f"flag_{name}").astype(np.uint8),
                    {int(flag): words for flag, words in REASONS.items()},
                )
                for name in file.file_attribute("products").split()
            },
        )


def _flag_attributes(reasons: Mapping[int, str]) -> dict[str, Any]:
    return {
        "standard_name": "status_flag",
        "flag_values": np.array(list(reasons), dtype=np.uint8),
        "flag_meanings": " ".join(words.replace(" ", "_").replace("'", "") for words in reasons.values()),
    }


def feedback_hours(time: datetime) -> float:
    """A time in ``TIME_UNITS``."""
    return (time - datetime(1970, 1, 1)).total_seconds() / 3600.0


def _write(file: NetcdfWriter, name: str, dims: tuple[str, ...], values: Any, attributes: Mapping[str, Any]) -> None:
    array = np.asarray(values)
    fill = np.nan if array.dtype.kind == "f" else None
    file.write(name, dims, array, attributes, fill=fill, level=int(bool(dims)), checksum=bool(dims))
