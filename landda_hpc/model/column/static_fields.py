"""The package's static fields as means over the cells of a model grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.data import SOIL_CLASSES, static_path
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.errors import DataError
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import Grid
from landda_hpc.regridding.regrid import Regridder

_FIELDS: Final = (
    "land_fraction",
    "lake_fraction",
    "glacier_fraction",
    "wetland_fraction",
    "soil_class_fraction",
    "climate_class",
    "high_vegetation_fraction",
    "low_vegetation_fraction",
)


@dataclass(frozen=True, eq=False)
class CellFields:
    """Static fields of the cells of a grid, each of shape (n_cells,) in flat-index order.

    Attributes
    ----------
    grid : the grid.
    land, lake : fractions of the cell's area, 0..1; land, lake and ocean sum to 1.
    glacier, wetland : fractions of the cell's area; parts of ``land``.
    soil : fractions of the cell's area by ECMWF soil class 1..7, shape (7, n_cells); they sum to the rest of ``land``.
    climate_class : Koeppen-Geiger class 1..30 with the largest land area; 0 without land.
    high_vegetation, low_vegetation : fractions of the land, 0..1.
    """

    grid: Grid
    land: FloatArray
    lake: FloatArray
    glacier: FloatArray
    wetland: FloatArray
    soil: FloatArray
    climate_class: IntArray
    high_vegetation: FloatArray
    low_vegetation: FloatArray

    @property
    def tree_share(self) -> FloatArray:
        """Fraction of trees in the vegetation, 0..1, shape (n_cells,); zero without vegetation."""
        both = self.high_vegetation + self.low_vegetation
        return np.divide(self.high_vegetation, both, out=np.zeros(both.size), where=both > 0.0)


def cell_fields(grid: Grid, path: Path | None = None) -> CellFields:
    """Area-weighted means of the static fields over the cells of a grid.

    Parameters
    ----------
    grid : any rectangular grid, global or regional.
    path : file of static fields; the file in the package by default.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged; a variable is missing or its shape differs from that of its axes.

    Notes
    -----
    Local: no communication; bitwise identical on every rank. Fractions of the land are weighted by land area.
    """
    source, values = _read(static_path() if path is None else path)
    to_cells = Regridder(source, grid, "conservative")

    def mean(field: FloatArray) -> FloatArray:
        result: FloatArray = np.nan_to_num(to_cells(field), nan=0.0).reshape(-1)
        return result

    land_fine = values["land_fraction"]
    land = mean(land_fine)

    def over_land(field: FloatArray) -> FloatArray:
        weighted = mean(land_fine * field)
        result: FloatArray = np.divide(weighted, land, out=np.zeros_like(land), where=land > 0.0)
        return result

    soil_fine = land_fine * (1.0 - values["glacier_fraction"] - values["wetland_fraction"])
    return CellFields(
        grid=grid,
        land=land,
        lake=mean(values["lake_fraction"]),
        glacier=mean(land_fine * values["glacier_fraction"]),
        wetland=mean(land_fine * values["wetland_fraction"]),
        soil=np.stack([mean(soil_fine * share) for share in values["soil_class_fraction"]]),
        climate_class=_most_common(values["climate_class"], land_fine, len(KOPPEN_CLASSES), mean),
        high_vegetation=over_land(values["high_vegetation_fraction"]),
        low_vegetation=over_land(values["low_vegetation_fraction"]),
    )


@dataclass(frozen=True, eq=False)
class CellCover:
    """What the parameters of the land physics need of the cells of a grid, each of shape (n_cells,).

    Attributes
    ----------
    tree_share : fraction of trees in the vegetation, 0..1; zero without vegetation.
    albedo : annual mean broadband albedo of snow-free land; zero without land.
    """

    tree_share: FloatArray
    albedo: FloatArray


def cell_cover(grid: Grid, path: Path | None = None) -> CellCover:
    """Trees and albedo of cells. Parameters, errors and notes as for ``cell_fields``."""
    return CellCover(cell_fields(grid, path).tree_share, cell_albedo(grid, path))


def cell_albedo(grid: Grid, path: Path | None = None) -> FloatArray:
    """Annual mean broadband albedo of snow-free land, shape (n_cells,); zero without land.

    Parameters and errors as for ``cell_fields``. Local: no communication; bitwise identical on every rank.
    """
    source, fields = read_static(static_path() if path is None else path, ("land_fraction", "albedo"))
    to_cells = Regridder(source, grid, "conservative")
    land = np.nan_to_num(to_cells(fields["land_fraction"]), nan=0.0).reshape(-1)
    weighted = to_cells(fields["land_fraction"] * np.nan_to_num(fields["albedo"], nan=0.0))
    albedo: FloatArray = np.divide(
        np.nan_to_num(weighted, nan=0.0).reshape(-1), land, out=np.zeros_like(land), where=land > 0.0
    )
    return albedo


def _most_common(
    classes: FloatArray, weight: FloatArray, n_class: int, mean: Callable[[FloatArray], FloatArray]
) -> IntArray:
    """Class 1..n_class with the largest area in each cell, the lower one in a tie; 0 if there is none."""
    best = np.zeros(1)
    winner = np.zeros(1, dtype=np.int64)
    for k in range(1, n_class + 1):
        area = mean(weight * (classes == k))
        winner = np.where(area > best, k, winner)
        best = np.maximum(area, best)
    return winner


def _read(path: Path) -> tuple[Grid, dict[str, FloatArray]]:
    """Read the fine grid and its fields, shape (n_lat, n_lon), or (7, n_lat, n_lon) for soil classes."""
    source, fields = read_static(path, _FIELDS)
    for name, field in fields.items():
        expected = (len(SOIL_CLASSES), *source.shape) if name == "soil_class_fraction" else source.shape
        if field.shape != expected:
            raise DataError(f"'{name}' of '{path}' has shape {field.shape}; its axes give {expected}.")
    return source, fields
