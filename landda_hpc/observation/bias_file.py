"""The file of climatologies that a bias treatment reads.

Version 2 has the dimension ``season``: the year comes first, then the seasons. Files of version 1, without a stated
format, have climatologies of the year alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid, require_units
from landda_hpc.grid import Grid
from landda_hpc.io.file_format import FileFormat
from landda_hpc.io.netcdf_writer import NetcdfWriter, new_netcdf
from landda_hpc.observation.bias import Climatology, ClimatologyPair, SeasonalClimatologies
from landda_hpc.observation.seasons import SEASON_KINDS, Seasons
from landda_hpc.regridding.depth import DepthRange

FORMAT: Final = FileFormat("landda_hpc climatologies for bias treatment", 2)

_SIDES: Final = {"model": "land model", "product": "observed product"}


def write_climatologies(
    path: Path,
    grid: Grid,
    climatologies: SeasonalClimatologies,
    depth_m: DepthRange,
    source: str,
    warnings: Sequence[str] = (),
) -> None:
    """Write climatologies to a CF netCDF file, atomically. Local.

    Parameters
    ----------
    grid : the model grid.
    climatologies : of the year and of any seasons.
    depth_m : top and bottom of the layer, m.
    source : where they come from, for the file's attributes.
    warnings : sentences that users of the file must know; written as the attribute ``comment``.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    pairs = (climatologies.annual, *climatologies.by_season)
    probabilities, seasons = pairs[0].probabilities, climatologies.seasons
    n_bytes = 8 * grid.n_cells * (5 + 2 * probabilities.size) * len(pairs) + 65536
    attributes = {
        "title": "climatologies for bias treatment",
        "source": source,
        "seasons": seasons.kind,
        **FORMAT.attributes(),
    }
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
        file.dimensions({"probability": probabilities.size})
        file.write_texts("season_name", "season", ("year", *seasons.names), {"long_name": "part of the year"})
        _write(file, "probability", ("probability",), probabilities, units="1", long_name="of the quantiles")
        _write(file, "depth_bnds", ("bnds",), np.array(depth_m), units="m", long_name="top and bottom of the layer")
        counts = np.stack([pair.count for pair in pairs])
        _write(file, "count", ("season", "lat", "lon"), counts, units="1", long_name="times with a value of both")
        for side, label in _SIDES.items():
            for name, *dims in (("mean",), ("std",), ("quantiles", "probability")):
                values = np.stack([getattr(getattr(pair, side), name) for pair in pairs])
                text = f"{name} of soil moisture of the {label}"
                _write(file, f"{side}_{name}", ("season", *dims, "lat", "lon"), values, units="m3 m-3", long_name=text)


def read_climatologies(path: Path, grid: Grid, depth_m: DepthRange) -> ClimatologyPair:
    """Read the climatologies of the year for a campaign; see ``read_seasonal_climatologies``. Local."""
    with NetcdfFile(path) as file:
        _require_fit(file, grid, depth_m)
        return _read_pair(file, 0)


def read_seasonal_climatologies(path: Path, grid: Grid, depth_m: DepthRange) -> SeasonalClimatologies:
    """Read the climatologies of the year and of its seasons for a campaign. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged, has another layout, grid or depth, or no seasons.
    """
    with NetcdfFile(path) as file:
        _require_fit(file, grid, depth_m)
        kinds = [kind for kind in SEASON_KINDS if kind == (file.file_attribute("seasons") or "year")]
        if not kinds or (n := file.dims("count").get("season", 1)) != 1 + len(Seasons(kinds[0]).names):
            raise DataError(
                f"file '{path}' is not a file of climatologies: its seasons '{file.file_attribute('seasons')}' and the "
                f"dimensions {file.dims('count')} do not agree; expected one of {', '.join(SEASON_KINDS)}."
            )
        if kinds[0] == "year":
            raise DataError(
                f"climatologies in '{path}' are of the whole year; this bias treatment needs seasons. Make the file "
                "again with 'landda observations climatology --seasons month_window' (or month, season)."
            )
        by_season = tuple(_read_pair(file, number) for number in range(1, n))
        return SeasonalClimatologies(_read_pair(file, 0), Seasons(kinds[0]), by_season)


def _require_fit(file: NetcdfFile, grid: Grid, depth_m: DepthRange) -> None:
    """Raise DataError if a file has another format, grid or depth."""
    path = file.path
    if (objection := FORMAT.objection(file.file_attribute)) is not None:
        raise DataError(f"file '{path}' {objection}")
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


def _read_pair(file: NetcdfFile, number: int) -> ClimatologyPair:
    """Climatologies of one entry of the dimension ``season``, which files of version 1 do not have."""

    def values(name: str) -> FloatArray:
        if "season" not in file.dims(name):
            return file.values(name)
        found: FloatArray = file.values(name, {"season": number})[0]
        return found

    sides = []
    for side in _SIDES:
        for name in ("mean", "std", "quantiles"):
            require_units(file, f"{side}_{name}", ("m3 m-3",))
        sides.append(Climatology(*(values(f"{side}_{name}") for name in ("mean", "std", "quantiles"))))
    try:
        return ClimatologyPair(sides[0], sides[1], values("count"), file.values("probability"))
    except ValueError as error:
        raise DataError(f"file '{file.path}' is not a file of climatologies: {error}") from error


def _write(file: NetcdfWriter, name: str, dims: tuple[str, ...], values: FloatArray, **attributes: str) -> None:
    file.write(name, dims, values, attributes, dtype="f8", level=int(len(dims) > 1))
