"""Innovations and residuals of a run by scale and wedge over time, as a CF netCDF file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.io.netcdf_writer import TIME_UNITS, hours_since_1970, new_netcdf

_DEVIATION: Final = "m3 m-3"
_VARIABLES: Final = {
    "innovation_by_wedge": (("time", "wedge"), _DEVIATION, "standard deviation of observation minus background"),
    "residual_by_wedge": (("time", "wedge"), _DEVIATION, "standard deviation of observation minus analysis"),
    "innovation": (("time", "scale"), _DEVIATION, "standard deviation of observation minus background"),
    "residual": (("time", "scale"), _DEVIATION, "standard deviation of observation minus analysis"),
    "gain": (("time", "scale"), "1", "regression of increments on innovations"),
    "chi_square": (("time", "scale"), "1", "innovation variance over the assumed B + R"),
    "assumed": (("scale",), _DEVIATION, "assumed standard deviation of innovations, sqrt(B + R)"),
    "autocorrelation": (("lag", "scale"), "1", "correlation of innovations a lag apart, in cells observed both times"),
    "lag": (("lag",), "hours", "interval between two innovations"),
    "pairs": (("lag",), "1", "pairs of images in the correlation"),
    "direction": (("wedge",), "degrees", "direction of the wedge's wavevector, from east towards north, in cells"),
}
_OF_REGIONS: Final = {
    "count": (("region",), "1", "innovations of all times in the region"),
    "mean": (("region",), _DEVIATION, "mean of observation minus background"),
    "std": (("region",), _DEVIATION, "standard deviation of observation minus background over cells and times"),
    "normalised_std": (
        ("region",),
        "1",
        "standard deviation of innovations over the assumed sqrt(B + R) of their cell",
    ),
    "autocorrelation": (("lag", "region"), "1", "correlation of innovations a lag apart, in cells observed both times"),
}
_OF_SCALES: Final = {
    "scale_mean": (("region", "scale"), _DEVIATION, "mean of the part of observation minus background in the scale"),
    "scale_std": (("region", "scale"), _DEVIATION, "standard deviation of observation minus background"),
    "scale_normalised_std": (
        ("region", "scale"),
        "1",
        "standard deviation of innovations over the assumed sqrt(B + R) of the scale",
    ),
    "scale_autocorrelation": (("region", "scale"), "1", "correlation of innovations at the shortest lag"),
}
_AS_WHITE: Final = "of white errors that have the same energy in the group of coefficients"


@dataclass(frozen=True, eq=False)
class RegionalInnovations:
    """Innovations of a run by region, over all cells and times.

    Attributes
    ----------
    names : names of the regions.
    count : number of innovations, (n_regions,).
    mean, std : mean and standard deviation of O-B, m3 m-3, (n_regions,).
    normalised_std : standard deviation of O-B over the assumed sqrt(B + R), 1, (n_regions,); NaN if none is assumed.
    autocorrelation : about zero, 1, (n_lags, n_regions).
    scale_mean : mean of the part of O-B in each scale, m3 m-3, (n_regions, n_scales); the sum over scales is ``mean``.
    scale_std : standard deviation of white errors that have the energy of O-B minus ``mean``, m3 m-3, same shape.
    scale_normalised_std : the same over the assumed sqrt(B + R) of the scale, 1, same shape; NaN if none is assumed.
    scale_autocorrelation : about zero, at the shortest lag, 1, same shape.

    Notes
    -----
    NaN where nothing was observed, and by scale in files of versions that did not compute it.
    """

    names: tuple[str, ...]
    count: FloatArray
    mean: FloatArray
    std: FloatArray
    normalised_std: FloatArray
    autocorrelation: FloatArray
    scale_mean: FloatArray
    scale_std: FloatArray
    scale_normalised_std: FloatArray
    scale_autocorrelation: FloatArray


@dataclass(frozen=True, eq=False)
class InnovationDiagnostics:
    """Innovations of a run by scale and wedge; standard deviations are those of white errors of the same energy.

    Attributes
    ----------
    run : name of the run.
    times : analysis times, UTC, (n_time,).
    scale : scale of each wedge, coarsest first, (n_wedges,).
    direction : direction of each wedge, degrees, (n_wedges,); NaN if it has none.
    innovation_by_wedge, residual_by_wedge : O-B and O-A, m3 m-3, (n_time, n_wedges).
    innovation, residual : O-B and O-A by scale, m3 m-3, (n_time, n_scales).
    gain, chi_square : applied gain, and innovation variance over the assumed B + R, 1, (n_time, n_scales).
    assumed : sqrt(B + R), m3 m-3, (n_scales,).
    lag : h, (n_lags,); empty if no innovations are stored.
    autocorrelation, pairs : 1, (n_lags, n_scales), and number of pairs of images in it, (n_lags,).
    regions : innovations by region; None if no innovations are stored.

    Notes
    -----
    NaN where nothing was analysed or assumed.
    """

    run: str
    times: tuple[datetime, ...]
    scale: IntArray
    direction: FloatArray
    innovation_by_wedge: FloatArray
    residual_by_wedge: FloatArray
    innovation: FloatArray
    residual: FloatArray
    gain: FloatArray
    chi_square: FloatArray
    assumed: FloatArray
    lag: FloatArray
    autocorrelation: FloatArray
    pairs: FloatArray
    regions: RegionalInnovations | None = None

    def __post_init__(self) -> None:
        sizes = self.sizes
        for name, (dims, _, _) in (_OF_REGIONS | _OF_SCALES).items() if self.regions is not None else ():
            if (found := getattr(self.regions, name).shape) != tuple(sizes[dim] for dim in dims):
                raise ShapeError(f"{name} of regions has shape {found}; expected {dims} of {sizes}.")
        for name, (dims, _, _) in _VARIABLES.items():
            if getattr(self, name).shape != tuple(sizes[dim] for dim in dims):
                raise ShapeError(f"{name} has shape {getattr(self, name).shape}; expected {dims} of {sizes}.")

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the dimensions."""
        n_scales = int(self.scale.max(initial=-1)) + 1
        sizes = {"time": len(self.times), "wedge": self.scale.size, "scale": n_scales, "lag": self.lag.size}
        return sizes if self.regions is None else {**sizes, "region": len(self.regions.names)}


def write_innovation_diagnostics(
    path: Path, diagnostics: InnovationDiagnostics, attributes: Mapping[str, str] | None = None
) -> None:
    """Write diagnostics to a CF netCDF file, atomically; StorageError if it cannot be written. Local."""
    sizes = diagnostics.sizes
    n_bytes = 16 * sizes["time"] * (sizes["wedge"] + 2 * sizes["scale"]) + 131072
    with new_netcdf(path, n_bytes, {**(attributes or {}), "run": diagnostics.run}) as file:
        file.dimensions(sizes)
        of_time = {"standard_name": "time", "long_name": "analysis time", "axis": "T", "units": TIME_UNITS}
        file.write("time", ("time",), hours_since_1970(diagnostics.times), {**of_time, "calendar": "standard"})
        numbers = np.arange(sizes["scale"], dtype=np.int64)
        file.write("scale", ("scale",), numbers, {"long_name": "index of the scale, coarsest first", "units": "1"})
        file.write("wedge_scale", ("wedge",), diagnostics.scale, {"long_name": "scale of the wedge", "units": "1"})
        for name, (dims, units, text) in _VARIABLES.items():
            note = {"comment": _AS_WHITE} if units == _DEVIATION else {}
            values = np.asarray(getattr(diagnostics, name), np.float64)
            level = int(len(dims) == 2)
            missing = None if dims == (name,) else np.nan  # coordinates have no missing values
            file.write(name, dims, values, {"long_name": text, "units": units, **note}, fill=missing, level=level)
        if diagnostics.regions is not None:
            file.write_texts("region_name", "region", diagnostics.regions.names, {"long_name": "name of the region"})
            for name, (dims, units, text) in (_OF_REGIONS | _OF_SCALES).items():
                values = np.asarray(getattr(diagnostics.regions, name), np.float64)
                note = {"comment": _AS_WHITE} if name == "scale_std" else {}
                file.write(f"region_{name}", dims, values, {"long_name": text, "units": units, **note}, fill=np.nan)


def read_innovation_diagnostics(path: Path) -> InnovationDiagnostics:
    """Read a file written by ``write_innovation_diagnostics``. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged or of another kind.
    """
    with NetcdfFile(path) as file:
        missing = [name for name in (*_VARIABLES, "wedge_scale") if not file.has(name)]
        if missing:
            raise DataError(f"'{path}' has no innovations by scale: {', '.join(missing)} missing.")
        try:
            return InnovationDiagnostics(
                run=file.file_attribute("run"),
                times=tuple(read_times(file, "time")),
                scale=file.values("wedge_scale").astype(np.int64),
                **{name: file.values(name) for name in _VARIABLES},
                regions=_read_regions(file),
            )
        except ShapeError as error:
            raise DataError(f"'{path}' is damaged: {error}") from error


def _read_regions(file: NetcdfFile) -> RegionalInnovations | None:
    """Innovations by region; None in files without stored innovations, or of earlier versions."""
    if not file.has("region_name"):
        return None
    values = {name: file.values(f"region_{name}") for name in _OF_REGIONS}
    unknown = np.full((values["count"].size, file.values("assumed").size), np.nan)
    for name in _OF_SCALES:
        values[name] = file.values(f"region_{name}") if file.has(f"region_{name}") else unknown
    return RegionalInnovations(tuple(file.texts("region_name")), **values)
