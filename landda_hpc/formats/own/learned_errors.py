"""Background and observation errors by scale and wedge of a curvelet frame, with intervals, as a CF netCDF file.

``landda errors`` writes the file. Variances are those of white errors with the same energy in the group: white errors
of variance s have variance s in every group, whichever cells are observed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid, require_units
from landda_hpc.formats.own.image_output import write_grid
from landda_hpc.grid import Grid
from landda_hpc.io.netcdf_writer import NetcdfWriter, new_netcdf

_VARIANCE: Final = "m6 m-6"
_ESTIMATES: Final = {
    "innovation": ("innovation_variance", _VARIANCE, "variance of innovations, B + R"),
    "observation": ("observation_error_variance", _VARIANCE, "variance of observation errors, R"),
    "background": ("background_error_variance", _VARIANCE, "variance of background errors, B"),
    "gain": ("gain", "1", "gain K = B / (B + R)"),
}
_PLAIN: Final = {
    "assumed_observation": ("assumed_observation_error_variance", _VARIANCE, "R that the run assumed"),
    "assumed_background": ("assumed_background_error_variance", _VARIANCE, "B that the run assumed"),
    "assumed_gain": ("assumed_gain", "1", "gain that the run assumed"),
    "chi_square": ("chi_square", "1", "variance of innovations over the assumed B + R"),
    "analyses": ("analyses", "1", "analyses in the variance of innovations"),
    "pairs": ("pairs", "1", "pairs of visit differences, one visit apart, in the estimate of R"),
    "white_energy": ("white_energy", "1", "energy of white errors of unit variance on the observed cells"),
}
_MAP: Final = "background_error_variance_map"
_AS_WHITE: Final = "variance of white errors that have the same energy in the group"


class Wedge(Protocol):
    """One wedge of a frame."""

    @property
    def scale(self) -> int: ...

    @property
    def wedge(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int]: ...


class WedgeFrame(Protocol):
    """A curvelet frame: shape of its images, and wedges in storage order."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def blocks(self) -> Sequence[Wedge]: ...


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated numbers and their 95 % intervals.

    Attributes
    ----------
    value : (n,); NaN where nothing was learned.
    limits : lower and upper limit, (n, 2); NaN without an interval.
    """

    value: FloatArray
    limits: FloatArray

    def __post_init__(self) -> None:
        if self.value.ndim != 1 or self.limits.shape != (*self.value.shape, 2):
            raise ShapeError(f"estimates {self.value.shape} have limits {self.limits.shape}; expected (n,) and (n, 2).")


@dataclass(frozen=True, eq=False)
class GroupErrors:
    """Errors by group of coefficients: by scale, coarsest first, or by wedge in the frame's order.

    Attributes
    ----------
    innovation, observation, background : C0, R and B, m6 m-6, as variances of white errors of the same energy.
    gain : K, 1.
    assumed_observation, assumed_background : R and B that the run assumed, m6 m-6, (n,); NaN if it assumed none.
    assumed_gain : gain that the run assumed, 1, (n,); NaN if it assumed none.
    chi_square : mean square innovation over the assumed B + R, 1, (n,); NaN if the run assumed none.
    analyses, pairs : numbers of analyses in C0, and of pairs of visit differences in R, 1, (n,).
    white_energy : energy of white errors of unit variance on the observed cells, 1, (n,).
    """

    innovation: Estimate
    observation: Estimate
    background: Estimate
    gain: Estimate
    assumed_observation: FloatArray
    assumed_background: FloatArray
    assumed_gain: FloatArray
    chi_square: FloatArray
    analyses: FloatArray
    pairs: FloatArray
    white_energy: FloatArray

    def __post_init__(self) -> None:
        n = self.innovation.value.size
        sizes = {f.name: np.shape(getattr(self, f.name)) for f in fields(self) if f.name in _PLAIN}
        sizes |= {name: getattr(self, name).value.shape for name in _ESTIMATES}
        if any(shape != (n,) for shape in sizes.values()):
            raise ShapeError(f"errors by group of different sizes: {sizes}.")


@dataclass(frozen=True, eq=False)
class ErrorEstimates:
    """Learned errors of a run.

    Attributes
    ----------
    grid : grid of the images.
    scale, wedge : indices of each wedge of the frame, in storage order, (n_wedges,).
    coefficients : numbers of coefficients of each wedge along latitude and longitude, (n_wedges, 2).
    direction : direction of each wedge's wavevector, degrees in [0, 180) from east towards north, in cells; NaN if it
        has none.
    frame : settings of the frame as text: boundary, angles_coarse, finest, scales, sizes, backend.
    by_scale : errors by scale, coarsest first, (n_scales,).
    by_wedge : errors by wedge, (n_wedges,); B and C0 depend on the direction, R is pooled over the wedges of a scale.
    local_background : map of B, m6 m-6, (n_lat, n_lon); NaN where nothing was observed.
    is_learned : R comes from visit differences; otherwise from a cautious initial estimate.
    errors_persist : visit differences do not show that observation errors change from visit to visit.
    """

    grid: Grid
    scale: IntArray
    wedge: IntArray
    coefficients: IntArray
    direction: FloatArray
    frame: Mapping[str, str]
    by_scale: GroupErrors
    by_wedge: GroupErrors
    local_background: FloatArray
    is_learned: bool
    errors_persist: bool

    def __post_init__(self) -> None:
        n, n_scales = self.scale.size, int(self.scale.max(initial=-1)) + 1
        found = self.by_wedge.innovation.value.size, self.by_scale.innovation.value.size
        shapes = (self.wedge.shape, self.direction.shape, self.coefficients.shape)
        if shapes != ((n,), (n,), (n, 2)) or found != (n, n_scales):
            raise ShapeError(
                f"{n} wedges in {n_scales} scales; found wedges, directions and sizes {shapes}, errors of {found[0]} "
                f"wedges and {found[1]} scales."
            )
        if self.local_background.shape != self.grid.shape:
            raise ShapeError(f"map of B {self.local_background.shape} on a grid {self.grid.shape}.")

    def require(self, frame: WedgeFrame, source: str) -> None:
        """Raise DataError unless the wedges are those of ``frame``; ``source`` names the estimates in the message."""
        mine = _wedges(self.scale, self.wedge, self.coefficients)
        other = _wedges_of(frame)
        if self.grid.shape == tuple(frame.shape) and mine == other:
            return
        settings = ", ".join(f"{name}: {value}" for name, value in self.frame.items())
        n_scales = len({scale for scale, *_ in other})
        raise DataError(
            f"{source} holds errors for {len(mine)} wedges in {self.by_scale.innovation.value.size} scales of images "
            f"{self.grid.shape[0]} x {self.grid.shape[1]} (frame: {settings}); the run's frame has {len(other)} wedges "
            f"in {n_scales} scales of images {frame.shape[0]} x {frame.shape[1]}. Give the run this frame, or make "
            "the file again with the run's frame: landda errors DIR --set boundary=... ."
        )


def write_learned_errors(path: Path, errors: ErrorEstimates, attributes: Mapping[str, str] | None = None) -> None:
    """Write estimates as a CF netCDF file, atomically. Local.

    Parameters
    ----------
    attributes : attributes of the file, for example title, source and history.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    n_scales, n_wedges = errors.by_scale.gain.value.size, errors.scale.size
    of_file = {
        **(attributes or {}),
        **{f"frame_{name}": value for name, value in errors.frame.items()},
        "is_learned": str(errors.is_learned).lower(),
        "errors_persist": str(errors.errors_persist).lower(),
    }
    with new_netcdf(path, 8 * errors.grid.n_cells + 400 * n_wedges + 131072, of_file) as file:
        file.dimensions({"bnds": 2, "limit": 2, "image_axis": 2, "scale": n_scales, "wedge": n_wedges})
        write_grid(file, errors.grid)
        whole = {"long_name": "index of the scale, coarsest first", "units": "1"}
        file.write("scale", ("scale",), np.arange(n_scales, dtype=np.int64), whole)
        for name, values, text in (
            ("wedge_scale", errors.scale, "scale of the wedge"),
            ("wedge_direction", errors.wedge, "index of the wedge in its scale"),
        ):
            file.write(name, ("wedge",), values, {"long_name": text, "units": "1"})
        text = "direction of the wedge's wavevector, from east towards north, in cells"
        file.write("wedge_angle", ("wedge",), errors.direction, {"long_name": text, "units": "degrees"}, fill=np.nan)
        text = "coefficients of the wedge along latitude and longitude"
        file.write("wedge_size", ("wedge", "image_axis"), errors.coefficients, {"long_name": text, "units": "1"})
        _write_groups(file, errors.by_scale, "scale", "")
        _write_groups(file, errors.by_wedge, "wedge", "wedge_")
        of_map = {"long_name": "local variance of background errors, B", "units": _VARIANCE}
        file.write(_MAP, ("lat", "lon"), errors.local_background, of_map, fill=np.nan, level=1, checksum=True)


def read_learned_errors(path: Path, frame: WedgeFrame | None = None, grid: Grid | None = None) -> ErrorEstimates:
    """Read a file written by ``write_learned_errors``. Local.

    Parameters
    ----------
    frame : frame in which the errors will be used; None: not compared.
    grid : grid of the model; None: not compared.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged or of another kind; frame or grid differ; a variance is negative or infinite.
    """
    with NetcdfFile(path) as file:
        missing = [name for name in ("wedge_scale", "wedge_size", "gain", _MAP) if not file.has(name)]
        if missing:
            raise DataError(
                f"'{path}' is not a file of learned errors: {', '.join(missing)} missing. Make it with landda errors."
            )
        found, is_flipped = read_grid(file, "lat", "lon")
        require_units(file, _MAP, (_VARIANCE,))
        local = file.values(_MAP)
        settings = ("backend", "boundary", "angles_coarse", "finest", "scales", "sizes")
        try:
            errors = ErrorEstimates(
                grid=found,
                scale=file.values("wedge_scale").astype(np.int64),
                wedge=file.values("wedge_direction").astype(np.int64),
                coefficients=file.values("wedge_size").astype(np.int64),
                direction=file.values("wedge_angle"),
                frame={name: file.file_attribute(f"frame_{name}") for name in settings},
                by_scale=_read_groups(file, ""),
                by_wedge=_read_groups(file, "wedge_"),
                local_background=local[::-1] if is_flipped else local,
                is_learned=file.file_attribute("is_learned") == "true",
                errors_persist=file.file_attribute("errors_persist") == "true",
            )
        except ShapeError as error:
            raise DataError(f"'{path}' is damaged: {error}") from error
    for of_group in (errors.by_scale, errors.by_wedge):
        for name in ("innovation", "observation", "background"):
            value = getattr(of_group, name).value
            if np.any(value < 0.0) or np.any(np.isinf(value)):
                raise DataError(f"'{path}': {_ESTIMATES[name][0]} is negative or infinite. Make the file again.")
    if frame is not None:
        errors.require(frame, f"'{path}'")
    if grid is not None and not errors.grid.same_points(grid):
        raise DataError(f"'{path}' is on {errors.grid.describe()}; the model is on {grid.describe()}. Make it again.")
    return errors


def _write_groups(file: NetcdfWriter, errors: GroupErrors, dim: str, prefix: str) -> None:
    of_group = f"by {dim}"
    for key, (name, units, text) in _ESTIMATES.items():
        estimate: Estimate = getattr(errors, key)
        note = {"comment": _AS_WHITE} if units == _VARIANCE else {}
        attributes = {"long_name": f"{text}, {of_group}", "units": units, **note}
        limits = {"long_name": f"limits of the 95 % interval of {text}, {of_group}", "units": units}
        named = {**attributes, "ancillary_variables": f"{prefix}{name}_limits"}
        file.write(f"{prefix}{name}", (dim,), estimate.value, named, fill=np.nan)
        file.write(f"{prefix}{name}_limits", (dim, "limit"), estimate.limits, limits, fill=np.nan)
    for key, (name, units, text) in _PLAIN.items():
        values = np.asarray(getattr(errors, key), np.float64)
        file.write(f"{prefix}{name}", (dim,), values, {"long_name": f"{text}, {of_group}", "units": units}, fill=np.nan)


def _read_groups(file: NetcdfFile, prefix: str) -> GroupErrors:
    def values(key: str) -> FloatArray:
        name, units, _ = (_ESTIMATES | _PLAIN)[key]
        require_units(file, f"{prefix}{name}", (units,))
        return file.values(f"{prefix}{name}")

    def estimate(key: str) -> Estimate:
        return Estimate(values(key), file.values(f"{prefix}{_ESTIMATES[key][0]}_limits"))

    found: dict[str, Any] = {key: estimate(key) for key in _ESTIMATES} | {key: values(key) for key in _PLAIN}
    return GroupErrors(**found)


def _wedges(scale: IntArray, wedge: IntArray, coefficients: IntArray) -> list[tuple[int, int, int, int]]:
    rows = zip(scale.tolist(), wedge.tolist(), coefficients.tolist(), strict=True)
    return [(a, b, size[0], size[1]) for a, b, size in rows]


def _wedges_of(frame: WedgeFrame) -> list[tuple[int, int, int, int]]:
    return [(b.scale, b.wedge, int(b.shape[0]), int(b.shape[1])) for b in frame.blocks]
