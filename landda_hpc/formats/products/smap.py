"""Soil moisture of SMAP: half orbits (L2), daily composites of overpasses (L3), and analyses (L4); HDF5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Self

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, require_range, require_units
from landda_hpc.formats.products.ease2 import SHAPES, ease2_grid
from landda_hpc.formats.products.layered import stacked, wanted_layers
from landda_hpc.formats.products.product import Product, ProductVariable, SoilMoistureProfile, volumetric_layer
from landda_hpc.formats.products.region import Region, Slab, locate
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange

UNITS: Final = ("cm**3/cm**3", "cm3/cm3", "m3 m-3", "m**3/m**3", "m^3 m^-3")

SURFACE_BITS: Final[dict[str, int]] = {
    "water": 1 | 2,
    "snow": 32 | 64,
    "frozen": 128 | 256,
    "dense_vegetation": 1024,
}
"""Bits of surface_flag: static and radar-detected water; snow or ice, permanent ice; frozen according to radiometer and
model; dense vegetation. Coast, urban area, rain, mountains and nadir are accepted."""

NOT_RECOMMENDED_BIT: Final = 1
"""Bit of retrieval_qual_flag."""

_EPOCH: Final = datetime(2000, 1, 1, 12)
_DAY: Final = re.compile(r"_(\d{8})(?:T(\d{6}))?_")
_GRANULE: Final = re.compile(r"(SMAP_L2_.+_\d{5}_[AD])_\d{8}T\d{6}_([A-Z]\d{5}_\d{3})\.h5")
_NOON: Final = timedelta(hours=12)


def _layer(name: str, bottom: float) -> ProductVariable:
    return volumetric_layer(name, (0.0, bottom), UNITS)


@dataclass(frozen=True)
class _Level:
    """Properties of one kind of files.

    Attributes
    ----------
    label : name of the product.
    variables : soil layers, with their group.
    suffix : suffix of variable names, for afternoon overpasses.
    has_overpasses : cells have individual flags and times; otherwise the whole image has the time in the file's name.
    errors : variable of the error standard deviation, by name of the layer.
    """

    label: str
    variables: tuple[ProductVariable, ...]
    suffix: str = ""
    has_overpasses: bool = True
    errors: Mapping[str, str] | None = None


_RETRIEVAL: Final = "Soil_Moisture_Retrieval_Data"
_L2: Final = _Level("SMAP L2", (_layer(f"{_RETRIEVAL}/soil_moisture", 0.05),))
_L3_AM: Final = _Level("SMAP L3", (_layer(f"{_RETRIEVAL}_AM/soil_moisture", 0.05),))
_L3_PM: Final = _Level("SMAP L3 PM", (_layer(f"{_RETRIEVAL}_PM/soil_moisture_pm", 0.05),), suffix="_pm")
_L4: Final = _Level(
    "SMAP L4",
    (_layer("Geophysical_Data/sm_surface", 0.05), _layer("Geophysical_Data/sm_rootzone", 1.0)),
    has_overpasses=False,
)
_L4_UPDATE: Final = _Level(
    "SMAP L4 analysis",
    (_layer("Analysis_Data/sm_surface_analysis", 0.05), _layer("Analysis_Data/sm_rootzone_analysis", 1.0)),
    has_overpasses=False,
    errors={
        "Analysis_Data/sm_surface_analysis": "Analysis_Data/sm_surface_analysis_ensstd",
        "Analysis_Data/sm_rootzone_analysis": "Analysis_Data/sm_rootzone_analysis_ensstd",
    },
)


class SmapFile:
    """A ``ProductFile`` of SMAP.

    Parameters
    ----------
    path : the file; its name gives the day or the time in the provider's format.
    level : kind of the file.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; no layer of the product; not an EASE-Grid 2.0; a name without time.

    Notes
    -----
    Local: no communication. Positions follow from the grid definition, because latitudes and longitudes in the files
    are missing in cells without a value.
    """

    def __init__(self, path: Path, level: _Level) -> None:
        self.path, self._level = path, level
        self._file = NetcdfFile(path)
        try:
            self._times = (_time(path, level.has_overpasses),)
            self._open()
        except BaseException as error:
            self._file.__exit__(error)
            raise

    def _open(self) -> None:
        names = [v.name for v in self._level.variables if self._file.has(v.name)]
        if not names:
            group = self._level.variables[0].name.rpartition("/")[0]
            wanted, found = (v.name for v in self._level.variables), self._file.names(group)
            raise DataError(
                f"file '{self.path}' lacks {', '.join(wanted)}; found in group '{group}': "
                f"{', '.join(found) or 'nothing'}. Is it a file of {self._level.label}?"
            )
        shape = tuple(self._file.dims(names[0]).values())
        self._is_swath = len(shape) == 1
        if self._is_swath:
            self.grid: Grid = ease2_grid(*next(iter(SHAPES)))
        elif len(shape) == 2 and shape in SHAPES:
            self.grid = ease2_grid(shape[0], shape[1])
        else:
            raise DataError(
                f"variable '{names[0]}' in '{self.path}' has shape {shape}; expected a global EASE-Grid 2.0, "
                f"{' or '.join(map(str, SHAPES))}."
            )

    @property
    def times(self) -> tuple[datetime, ...]:
        return self._times

    def read(
        self, time: datetime, depth_m: DepthRange | None = None, region: Region | None = None
    ) -> SoilMoistureProfile:
        """Read the only time of the file; see ``ProductFile.read``."""
        if time not in self._times:
            raise DataError(f"file '{self.path}' is of {self._times[0].isoformat()}, not {time.isoformat()}.")
        slab = locate(self.grid, True, region)
        cells = self._cells() if self._is_swath else None
        present = [v for v in self._level.variables if self._file.has(v.name)]
        wanted = wanted_layers(self.path, self._level.variables, present, depth_m, [v.name for v in present])
        values = stacked([self._values(variable, slab, cells) for variable in wanted])
        conditions, seconds = self._overpass(slab, cells, time) if self._level.has_overpasses else ({}, None)
        return SoilMoistureProfile(
            values=values,
            depths_m=tuple(variable.depth_m for variable in wanted if variable.depth_m is not None),
            grid=slab.grid,
            time=time,
            label=self._level.label,
            path=self.path,
            error_std=self._errors(wanted, slab, cells),
            conditions=conditions,
            cell_seconds=seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    # ------------------------------------------------------------------ parts

    def _values(self, variable: ProductVariable, slab: Slab, cells: BoolArray | None) -> FloatArray:
        require_units(self._file, variable.name, variable.units)
        field = self._field(variable.name, slab, cells)
        may_be_empty, unit = self._level.has_overpasses, variable.units[0]
        require_range(self.path, variable.name, field, variable.valid_range, unit, slab.grid, may_be_empty=may_be_empty)
        return field

    def _errors(self, wanted: list[ProductVariable], slab: Slab, cells: BoolArray | None) -> FloatArray | None:
        group = wanted[0].name.rpartition("/")[0]
        errors = self._level.errors or {v.name: f"{group}/soil_moisture_error{self._level.suffix}" for v in wanted}
        if not all(self._file.has(errors[v.name]) for v in wanted):
            return None
        std = np.stack([self._field(errors[v.name], slab, cells) for v in wanted])
        # Files have a variable of the retrieval error, but it is missing everywhere.
        return np.where(std > 0.0, std, np.nan) if (std > 0.0).any() else None

    def _overpass(
        self, slab: Slab, cells: BoolArray | None, time: datetime
    ) -> tuple[dict[str, BoolArray], FloatArray | None]:
        group, suffix = self._level.variables[0].name.rpartition("/")[0], self._level.suffix

        def bits(name: str, mask: int) -> BoolArray | None:
            full = f"{group}/{name}{suffix}"
            if not self._file.has(full):
                return None
            field = self._field(full, slab, cells)
            flags: BoolArray = (np.where(np.isfinite(field), field, 0.0).astype(np.int64) & mask) > 0
            return flags

        found = {name: bits("surface_flag", mask) for name, mask in SURFACE_BITS.items()}
        found["not_recommended"] = bits("retrieval_qual_flag", NOT_RECOMMENDED_BIT)
        conditions = {name: flags for name, flags in found.items() if flags is not None}
        clock = f"{group}/tb_time_seconds{suffix}"
        if not self._file.has(clock):
            return conditions, None
        seconds = self._field(clock, slab, cells) - (time - _EPOCH).total_seconds()
        return conditions, np.where(np.abs(seconds) <= 2 * 86400.0, seconds, np.nan)

    def _field(self, name: str, slab: Slab, cells: BoolArray | None) -> FloatArray:
        """Read a variable on the slab; points of a half orbit are assigned to their cells."""
        dims = list(self._file.dims(name))
        if cells is None:
            if tuple(self._file.dims(name).values()) != self.grid.shape:
                raise DataError(f"variable '{name}' in '{self.path}' does not have the shape {self.grid.shape}.")

            def part(rows: slice, columns: slice) -> FloatArray:
                return self._file.values(name, {dims[0]: rows, dims[1]: columns})

            return np.array(slab.read(part))
        points = self._file.values(name)
        if points.shape != (self._n_points,):
            raise DataError(f"variable '{name}' in '{self.path}' has {points.shape} points; expected {self._n_points}.")
        image = np.full(self.grid.n_cells, np.nan)
        image[self._flat[cells]] = points[cells]
        whole = image.reshape(self.grid.shape)
        return np.array(slab.read(lambda rows, columns: whole[rows, columns]))

    def _cells(self) -> BoolArray:
        """Mask of half-orbit points that have a cell; stores the flat indices of the cells, rows from the north."""
        rows, columns = (self._file.values(f"{_RETRIEVAL}/EASE_{axis}_index") for axis in ("row", "column"))
        if rows.ndim != 1 or rows.shape != columns.shape:
            raise DataError(
                f"file '{self.path}' has {rows.shape} row and {columns.shape} column indices; expected equal numbers."
            )
        n_rows, n_columns = self.grid.shape
        is_inside = (rows >= 0) & (rows < n_rows) & (columns >= 0) & (columns < n_columns)
        is_known = np.isfinite(rows) & np.isfinite(columns)
        if not is_inside[is_known].all():
            raise DataError(f"file '{self.path}' has cells outside the grid of {n_rows} x {n_columns}.")
        self._n_points = rows.size
        self._flat = np.where(is_known, np.nan_to_num(rows) * n_columns + np.nan_to_num(columns), -1).astype(np.int64)
        return is_known


def _time(path: Path, has_overpasses: bool) -> datetime:
    """Noon of the day of overpasses, or the time of an analysis, from the file's name."""
    found = _DAY.search(path.name)
    try:
        if found is None:
            raise ValueError("no date")
        day = datetime.strptime(found.group(1), "%Y%m%d")
        if has_overpasses:
            return day + _NOON
        return datetime.strptime(found.group(1) + (found.group(2) or ""), "%Y%m%d%H%M%S")
    except ValueError as error:
        raise DataError(
            f"the name of '{path}' has no valid time ({error}); expected the provider's format, e.g. "
            "SMAP_L3_SM_P_20150811_R18290_001.h5 or SMAP_L4_SM_gph_20150811T013000_Vv7032_001.h5."
        ) from error


def granule_of(name: str) -> tuple[str, str] | None:
    """Return half orbit and version from the name of an L2 file; None for a name that is not the provider's.

    Examples
    --------
    >>> granule_of("SMAP_L2_SM_P_02801_A_20150811T013002_R18290_001.h5")
    ('SMAP_L2_SM_P_02801_A', 'R18290_001')

    Notes
    -----
    The version is the composite release (R, launch indicator, major and minor version), then the product counter, which
    increases when a file of the same release is produced again. The time is not part of the granule: a new release
    may start a second earlier, but orbit number and direction are unique. SPL2SMP user guide, "File naming".
    """
    found = _GRANULE.fullmatch(name)
    return None if found is None else (found.group(1), found.group(2))


def _product(key: str, level: _Level, convention: str, reference: str) -> Product:
    is_mean = key == "smap_l4"
    return Product(
        key=key,
        label=level.label,
        variables=level.variables,
        time_convention=convention,
        stamp="overpasses" if level.has_overpasses else ("mean" if is_mean else "instant"),
        step=timedelta(days=1) if level.has_overpasses else timedelta(hours=3),
        opens=partial(SmapFile, level=level),
        many_times=False,
        may_be_empty=level.has_overpasses,
        tried=key == "smap_l2",
        reference=reference,
        first=_NOON if level.has_overpasses else (timedelta(hours=1.5) if is_mean else timedelta(0)),
        merges=key == "smap_l2",
        granule=granule_of if key == "smap_l2" else None,
    )


_OVERPASSES: Final = "overpasses of the file's day, each cell at its tb_time_seconds; the image is of noon"
SMAP: Final = (
    _product("smap_l2", _L2, _OVERPASSES, "SPL2SMP, doi:10.5067/K7Y2D8QQVZ4L; half orbits of a day merge"),
    _product("smap_l3", _L3_AM, _OVERPASSES, "SPL3SMP and SPL3SMP_E, descending, 6 h local solar time"),
    _product("smap_l3_pm", _L3_PM, _OVERPASSES, "the same, ascending, 18 h local solar time"),
    _product("smap_l4", _L4, "mean over 3 hours around the time of the file's name", "SPL4SMGP"),
    _product("smap_l4_update", _L4_UPDATE, "at the instant of the file's name; 3-hourly", "SPL4SMAU"),
)
