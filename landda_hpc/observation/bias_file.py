"""The file of climatologies that a bias treatment reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid, require_units
from landda_hpc.grid import Grid
from landda_hpc.io.netcdf_writer import NetcdfWriter, new_netcdf
from landda_hpc.observation.bias import Climatology, ClimatologyPair
from landda_hpc.regridding.depth import DepthRange

_SIDES: Final = {"model": "land model", "product": "observed product"}


def write_climatologies(
    path: Path, grid: Grid, pair: ClimatologyPair, depth_m: DepthRange, source: str, warnings: Sequence[str] = ()
) -> None:
    """Write climatologies to a CF netCDF file, atomically. Local.

    Parameters
    ----------
    grid : the model grid.
    depth_m : top and bottom of the layer, m.
    source : where they come from, for the file's attributes.
    warnings : sentences that users of the file must know; written as the attribute ``comment``.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    n_bytes = 8 * grid.n_cells * (5 + 2 * pair.probabilities.size) + 65536
    attributes = {"title": "climatologies for bias treatment", "source": source}
    if warnings:
        attributes["comment"] = " ".join(warnings)
    with new_netcdf(path, n_bytes, attributes) as file:
        for name, values, edges, units in (
            ("lat", grid.lat, grid.lat_edges, "degrees_north"),
            ("lon", grid.lon, grid.lon_edges, "degrees_east"),
        ):
            file.dimensions({name: values.size, "bnds": 2})
            _write(file, name, (name,), values, units=units, bounds=f"{name}_bnds")
            _write(file, f"{name}_bnds", (name, "bnds"), np.stack((edges[:-1], edges[1:]), axis=1))
        file.dimensions({"probability": pair.probabilities.size})
        _write(file, "probability", ("probability",), pair.probabilities, units="1", long_name="of the quantiles")
        _write(file, "depth_bnds", ("bnds",), np.array(depth_m), units="m", long_name="top and bottom of the layer")
        _write(file, "count", ("lat", "lon"), pair.count, units="1", long_name="times with a value of both")
        for side, label in _SIDES.items():
            one: Climatology = getattr(pair, side)
            for name, dims, values in (
                ("mean", ("lat", "lon"), one.mean),
                ("std", ("lat", "lon"), one.std),
                ("quantiles", ("probability", "lat", "lon"), one.quantiles),
            ):
                text = f"{name} of soil moisture of the {label}"
                _write(file, f"{side}_{name}", dims, values, units="m3 m-3", long_name=text)


def read_climatologies(path: Path, grid: Grid, depth_m: DepthRange) -> ClimatologyPair:
    """Read climatologies for a campaign. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged or has another layout, grid or depth.
    """
    with NetcdfFile(path) as file:
        found, is_flipped = read_grid(file, "lat", "lon")
        if is_flipped or not found.same_points(grid):
            raise DataError(
                f"climatologies in '{path}' are on {found.describe()}; the model is on {grid.describe()}. Make them on "
                "the model grid (landda observations climatology)."
            )
        of_file = file.values("depth_bnds")
        if of_file.shape != (2,) or not np.allclose(of_file, depth_m, atol=1e-6):
            raise DataError(
                f"climatologies in '{path}' are of {of_file.tolist()} m; the observed depth is {list(depth_m)} m. Make "
                "them for that depth."
            )
        probabilities = file.values("probability")
        sides = []
        for side in _SIDES:
            for name in ("mean", "std", "quantiles"):
                require_units(file, f"{side}_{name}", ("m3 m-3",))
            sides.append(Climatology(*(file.values(f"{side}_{name}") for name in ("mean", "std", "quantiles"))))
        try:
            return ClimatologyPair(sides[0], sides[1], file.values("count"), probabilities)
        except ValueError as error:
            raise DataError(f"file '{path}' is not a file of climatologies: {error}") from error


def _write(file: NetcdfWriter, name: str, dims: tuple[str, ...], values: FloatArray, **attributes: str) -> None:
    file.write(name, dims, values, attributes, dtype="f8", level=int(len(dims) > 1))
