"""Errors and skill of a campaign's runs in every cell, as a CF netCDF file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.grid import Grid
from landda_hpc.io.netcdf_writer import new_netcdf

NAMES: Final[dict[str, tuple[str, str]]] = {
    "rmse": ("root mean square difference from the reference", "m3 m-3"),
    "ubrmse": ("standard deviation of the difference from the reference", "m3 m-3"),
    "bias": ("mean difference from the reference", "m3 m-3"),
    "skill": ("1 minus RMSE over that of the baseline", "1"),
}
"""Long name and unit of each field."""


@dataclass(frozen=True, eq=False)
class SkillFields:
    """Errors of the runs in every cell against one reference.

    Attributes
    ----------
    reference, layer, source : reference, compared layer, and times of the comparison in words.
    runs, baseline : names; the baseline is empty with one run.
    n : number of common times, (n_lat, n_lon).
    fields : those of ``NAMES``, (n_runs, n_lat, n_lon); NaN where unknown, and for the skill of the baseline.
    """

    reference: str
    layer: str
    source: str
    runs: tuple[str, ...]
    baseline: str
    n: FloatArray
    fields: Mapping[str, FloatArray]

    def of(self, name: str, run: str) -> FloatArray:
        """Return a field of a run, (n_lat, n_lon)."""
        return np.asarray(self.fields[name][self.runs.index(run)], dtype=np.float64)


def write_skill(path: Path, grid: Grid, found: Sequence[SkillFields], attributes: Mapping[str, str]) -> None:
    """Write the fields of all references, which have the same runs, atomically. Local.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    first = found[0]
    n_bytes = 4 * len(found) * grid.n_cells * (1 + len(NAMES) * len(first.runs)) + 65536
    with new_netcdf(path, n_bytes, {**attributes, "baseline": first.baseline}) as file:
        file.write_texts("reference", "reference", [one.reference for one in found], {"long_name": "reference"})
        file.write_texts("layer", "reference", [one.layer for one in found], {"long_name": "compared layer"})
        file.write_texts("times_compared", "reference", [one.source for one in found], {"long_name": "compared times"})
        file.write_texts("run", "run", first.runs, {"long_name": "run"})
        file.dimensions({"lat": grid.lat.size, "lon": grid.lon.size})
        for axis, values, name, units in (
            ("lat", grid.lat, "latitude", "degrees_north"),
            ("lon", grid.lon, "longitude", "degrees_east"),
        ):
            file.write(axis, (axis,), values, {"standard_name": name, "units": units}, dtype="f8")
        counts = np.stack([one.n for one in found])
        about = {"long_name": "number of compared times", "units": "1"}
        file.write("n", ("reference", "lat", "lon"), counts, about, dtype="f4", fill=np.nan, level=1)
        for name, (text, units) in NAMES.items():
            values = np.stack([one.fields[name] for one in found])
            about = {"long_name": text, "units": units}
            file.write(name, ("reference", "run", "lat", "lon"), values, about, dtype="f4", fill=np.nan, level=1)


def read_skill(path: Path) -> list[SkillFields]:
    """Read a file written by ``write_skill``. Local.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged.
    """
    with NetcdfFile(path) as file:
        runs, baseline = tuple(file.texts("run")), file.file_attribute("baseline")
        words = [file.texts(name) for name in ("reference", "layer", "times_compared")]
        counts, values = file.values("n"), {name: file.values(name) for name in NAMES}
    return [
        SkillFields(
            reference, layer, source, runs, baseline, counts[i], {name: of_name[i] for name, of_name in values.items()}
        )
        for i, (reference, layer, source) in enumerate(zip(*words, strict=True))
    ]
