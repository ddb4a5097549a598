"""Spun-up states of the land physics through a year, as compact initial states for campaigns on any grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.io.atomic import storage_errors
from landda_hpc.io.netcdf_writer import new_netcdf
from landda_hpc.state import PatchType, TileState
from landda_hpc.variables import DIMENSIONS, LAND_STATE, STATE

YEAR_DAYS: Final = 365

REBUILT: Final = ("smp", "hk", "z_sno", "wdsrf")
"""Variables that are diagnosed from others, or not used by the physics; they are not in the file."""

EXACT_BITS: Final = {"t_soisno": 13, "t_grnd": 13, "tleaf": 13, "wa": 16}
"""Mantissa bits that are kept (temperature: to 0.016 K); ``USUAL_BITS`` for other variables."""

USUAL_BITS: Final = 9
"""Mantissa bits for a relative error of at most 1e-3."""

_COLUMNS: Final = {
    "lat": ("degrees_north", "latitude of the cell's centre"),
    "lon": ("degrees_east", "longitude of the cell's centre"),
    "patchtype": ("1", "0 soil, 2 wetland, 3 glacier, 4 lake"),
    "soil_class": ("1", "soil class, 0 without soil"),
}
_SOIL: Final = {
    "porsl": ("m3 m-3", "porosity"),
    "psi0": ("mm", "matric potential at saturation"),
    "bsw": ("1", "Campbell exponent b"),
}

_LIMITS: Final = {
    "lat": (-90.0, 90.0),
    "lon": (-360.0, 360.0),
    "patchtype": (float(min(PatchType)), float(max(PatchType))),
    "soil_class": (0.0, 127.0),
    "porsl": (1.0e-3, 1.0),
    "psi0": (-1.0e6, -1.0e-3),
    "bsw": (1.0e-2, 100.0),
}
"""Valid ranges of position and soil of the columns, inclusive."""


@dataclass(frozen=True, eq=False)
class SpunUpColumns:
    """Positions and soil of the columns of the states.

    Attributes
    ----------
    lat, lon : degrees, (n_tile,).
    patchtype, soil_class : as in ``state.Tiles``, (n_tile,).
    porsl, psi0, bsw : Campbell's parameters, m3 m-3, mm, 1, (n_tile, n_soil).
    """

    lat: FloatArray
    lon: FloatArray
    patchtype: IntArray
    soil_class: IntArray
    porsl: FloatArray
    psi0: FloatArray
    bsw: FloatArray

    def take(self, index: IntArray) -> SpunUpColumns:
        """Return the columns selected by an index array, in that order."""
        return SpunUpColumns(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def write_spun_up(
    path: Path,
    columns: SpunUpColumns,
    states: Sequence[tuple[datetime, TileState]],
    attributes: Mapping[str, str],
) -> None:
    """Write states of the same tiles at several dates of a year. Local.

    Parameters
    ----------
    states : dates of one year, UTC, and the state of all tiles at each date, with the variables of ``LAND_STATE``.
        Values are rounded, see ``EXACT_BITS``.
    attributes : attributes of the file.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    n = columns.lat.size
    size = 4 * n * len(states) * sum(int(np.prod(STATE[name].shape)) for name in LAND_STATE)
    with storage_errors(path, "writing"), new_netcdf(path, size, attributes) as file:
        sizes = {"time": len(states), "patch": n, "soilsnow": N_SNOW + N_SOIL, "soil": N_SOIL, "snow": N_SNOW}
        file.dimensions(sizes)
        first = states[0][0]
        of_time = {
            "units": f"days since {first:%Y-%m-%d %H:%M:%S}", "calendar": "standard", "standard_name": "time",
        }  # fmt: skip
        file.write("time", ("time",), [(date - first) / timedelta(days=1) for date, _ in states], of_time, dtype="f8")
        for name, (units, long_name) in _COLUMNS.items():
            kind = "f4" if name in ("lat", "lon") else "i1"
            texts = {"units": units, "long_name": long_name}
            file.write(name, ("patch",), getattr(columns, name), texts, dtype=kind, level=4)
        for name, (units, long_name) in _SOIL.items():
            texts = {"units": units, "long_name": long_name}
            file.write(name, ("soil", "patch"), getattr(columns, name).T, texts, dtype="f8", level=4)
        for name in LAND_STATE:
            if name in REBUILT:
                continue
            known = STATE[name]
            # One layer of all tiles is one chunk, because similar neighbours compress well.
            dims = ("time", *known.dims, "patch")
            chunks = (1,) * (len(dims) - 1) + (n,)
            texts = {"units": known.units, "long_name": known.long_name}
            if known.standard_name:
                texts["standard_name"] = known.standard_name
            variable = file.create(name, "f4", dims, texts, level=9, chunks=chunks)
            bits = EXACT_BITS.get(name, USUAL_BITS)
            for k, (_, state) in enumerate(states):
                variable[k] = rounded(np.moveaxis(state[name], 0, -1), bits)


def read_spun_up(path: Path, begin: datetime) -> tuple[SpunUpColumns, TileState, int]:
    """Read the state whose day of the year is closest to ``begin``. Local.

    Returns
    -------
    The columns; their state, with omitted variables rebuilt except smp and hk (``LandModel.diagnose`` computes these);
    and the days between the state's date and ``begin``, ignoring the years.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; a variable is missing, has the wrong shape, missing values or values out of range.
    """
    with NetcdfFile(path) as file:
        days = [days_apart(begin, date) for date in read_times(file, "time")]
        chosen = int(np.argmin(days))
        n = file.dims("lat").get("patch", 0)
        found = {name: _per_patch(file, name, n, ()) for name in _COLUMNS}
        found |= {name: _per_patch(file, name, n, ("soil",)) for name in _SOIL}
        for name, values in found.items():
            _require_within(file, name, values, *_LIMITS[name])
        whole: dict[str, Any] = {name: found[name].astype(np.int64) for name in ("patchtype", "soil_class")}
        columns = SpunUpColumns(**(found | whole))
        state = TileState.filled(n, LAND_STATE)
        for name in LAND_STATE:
            if name in REBUILT:
                continue
            state[name][:] = _per_patch(file, name, n, STATE[name].dims, chosen)
        _require_physical(file, state)
    rebuild_snow(state)
    return columns, state, days[chosen]


def rebuild_snow(state: TileState) -> None:
    """Recompute layer depths, mass and depth of the snow from its layers, in place."""
    thickness = state["dz_sno"]
    has_layers = thickness[:, -1] > 0.0
    below = np.cumsum(thickness[:, ::-1], axis=1)[:, ::-1]
    state["z_sno"][:] = np.where(thickness > 0.0, 0.5 * thickness - below, 0.0)
    mass = np.zeros(state.n_tile)
    for k in range(N_SNOW):
        mass += state["wliq_soisno"][:, k] + state["wice_soisno"][:, k]
    state["scv"][:] = np.where(has_layers, mass, state["scv"])
    state["snowdp"][:] = np.where(has_layers, below[:, 0], state["snowdp"])


def rounded(values: FloatArray, bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Round values to single precision with ``bits`` mantissa bits; the other bits are zero and compress well."""
    whole = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    dropped = np.uint32(23 - bits)
    half = np.uint32(1) << (dropped - np.uint32(1))
    kept: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (((whole + half) >> dropped) << dropped).view(np.float32)
    return kept


def _per_patch(file: NetcdfFile, name: str, n: int, dims: tuple[str, ...], time: int | None = None) -> FloatArray:
    """Read a variable that must be finite, at index ``time`` if it has times, (n, ...)."""
    lengths = dict.fromkeys(("time",) if time is not None else (), -1) | {d: DIMENSIONS[d] for d in dims} | {"patch": n}
    found = file.dims(name)
    if list(found) != list(lengths) or any(found[d] != length for d, length in lengths.items() if d != "time"):
        raise DataError(
            f"variable '{name}' in '{file.path}' has dimensions {found}; expected ({', '.join(lengths)}) with {n} "
            "patches: is it a file of 'landda land spinup --year'?"
        )
    values = file.values(name) if time is None else file.values(name, {"time": time})[0]
    if not np.isfinite(values).all():
        raise DataError(f"variable '{name}' in '{file.path}' has missing values; expected none.")
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _require_within(file: NetcdfFile, name: str, values: FloatArray, low: float, high: float) -> None:
    is_good = (values >= low) & (values <= high)
    if not is_good.all():
        raise DataError(
            f"variable '{name}' in '{file.path}' has {np.count_nonzero(~is_good)} values outside [{low:g}, {high:g}], "
            f"the first {values[~is_good][0]:g}: create the file again with 'landda land spinup --year'."
        )


def _require_physical(file: NetcdfFile, state: TileState) -> None:
    """Raise DataError if a state is out of the registry's range, or has a snow layer above an empty one."""
    has_layer = state["dz_sno"] > 0.0
    for name in LAND_STATE:
        known = STATE[name]
        low = -np.inf if known.valid_min is None else known.valid_min
        high = np.inf if known.valid_max is None else known.valid_max
        values = state[name]
        if "soilsnow" in known.dims:  # values in empty snow slots are ignored
            values = np.concatenate((values[:, :N_SNOW][has_layer], state.soil(name).ravel()))
        _require_within(file, name, values, low, high)
    if (has_layer[:, :-1] & ~has_layer[:, 1:]).any():
        raise DataError(
            f"variable 'dz_sno' in '{file.path}' has layers of snow above an empty one: create the file again with "
            "'landda land spinup --year'."
        )


def days_apart(begin: datetime, date: datetime) -> int:
    """Days between two dates, ignoring their years. Local."""
    days = abs((begin - datetime(begin.year, 1, 1)).days - (date - datetime(date.year, 1, 1)).days)
    return min(days, YEAR_DAYS - days)
