"""Perturbed forcing of one run: copies of the case's forcing files with changed precipitation, radiation and air."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.cf.decoding import decoder_of
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array
from landda_hpc.grid import Grid
from landda_hpc.io.atomic import atomic_replacement, storage_errors, write_bytes, write_text
from landda_hpc.model.colm.forcing_files import record_interval, record_time, variable_files
from landda_hpc.model.colm.namelist import Namelist

if TYPE_CHECKING:
    from landda_hpc.model.forcing.perturbed import ForcingPerturbations

logger = logging.getLogger(__name__)

NUMBERS: Final = {"air_temperature": 1, "precipitation": 4, "shortwave": 7, "longwave": 8}
"""Indices of CoLM's forcing variables (``fprefix``, ``vname``), the same in every data set."""

FORCING_NAME: Final = "forcing.nml"
"""Forcing namelist of a run, in the run's folder."""

_PERIOD: Final = "period.json"
"""File in the folder of the forcing, written last: the period for which it was written."""

_MARGIN: Final = timedelta(days=1)
"""Records are changed from this time before the period, plus an interval of records, to the same time after it."""


@dataclass(frozen=True, eq=False)
class WeatherChange:
    """How the weather of a run differs from that of the case.

    Attributes
    ----------
    grid : the model grid.
    rain_factor : constant factor on precipitation, (n_lat, n_lon); None for 1.
    perturbations : of a member; None for none.
    """

    grid: Grid
    rain_factor: FloatArray | None = None
    perturbations: ForcingPerturbations | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Changed variables, of ``NUMBERS``."""
        rain = () if self.rain_factor is None else ("precipitation",)
        return tuple(dict.fromkeys((*rain, *(self.perturbations.names if self.perturbations else ()))))

    def of(self, name: str, time: datetime, values: FloatArray, row: IntArray, column: IntArray) -> FloatArray:
        """Change values of one variable.

        Parameters
        ----------
        time : their valid time, UTC.
        values : shape (..., y, x).
        row, column : cell of the model grid of each value, (y, x).
        """
        if name == "precipitation" and self.rain_factor is not None:
            values = values * self.rain_factor[row, column]
        if self.perturbations is not None and name in self.perturbations.names:
            image = self.perturbations.at(time, np.arange(self.grid.n_cells))[name].reshape(self.grid.shape)
            change = image[row, column]
            values = values * change if name in ("precipitation", "shortwave") else values + change
        return np.maximum(values, 0.0) if name == "longwave" else values


@dataclass(frozen=True)
class _Variable:
    """A changed variable in one file: its name here and there, the beginning of the file, the interval of records."""

    name: str
    stored_as: str
    begin: datetime
    interval: tuple[timedelta, timedelta]


def perturb_forcing(
    forcing: Namelist, change: WeatherChange, folder: Path, period: tuple[datetime, datetime], step: timedelta
) -> Path:
    """Write the forcing of a run: ``forcing.nml`` and ``forcing/``, with changed weather. Local.

    Parameters
    ----------
    forcing : the case's forcing namelist (group nl_colm_forcing).
    change : of the weather; a forcing cell has that of the nearest cell of the model grid, and a record that of its
        valid time.
    folder : the run's folder.
    period, step : beginning and end of the campaign, UTC, and the model's time step.

    Returns
    -------
    The new forcing namelist. Files without changed variables, or not opened in the period, are links to the case's.

    Raises
    ------
    DataError, MissingFileError : the files of a variable cannot be identified or do not exist, or they have no latitude
        and longitude.

    Notes
    -----
    Specific humidity is not changed: CoLM limits it to saturation at the perturbed temperature.
    """
    root = Path(_text(forcing, "DEF_dir_forcing"))
    if not root.is_absolute() or not root.is_dir():
        raise MissingFileError(f"DEF_dir_forcing = '{root}' of the case's forcing: expected an existing absolute path.")
    files = _files(forcing, root, change.names, period, step)
    target = folder / "forcing"
    with storage_errors(target, "making the run's forcing"):
        (target / _PERIOD).unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        _link_all(root, target, set(files))
    names = [_text(forcing, f"DEF_forcing%{name}") for name in ("latname", "lonname")]
    for path, variables in files.items():
        copy = target / path.relative_to(root)
        with atomic_replacement(copy, 2 * path.stat().st_size, make_folder=True) as temporary:
            shutil.copyfile(path, temporary)
            place = _nearest_cells(temporary, names, change.grid)
            _change_records(temporary, forcing, variables, change, place, period)
    result = folder / FORCING_NAME
    write_bytes(result, forcing.with_values({"DEF_dir_forcing": str(target)}).content)
    write_text(target / _PERIOD, json.dumps([time.isoformat() for time in period]) + "\n")
    logger.info("%s: %d files with changed %s", target, len(files), ", ".join(change.names))
    return result


def written_period(folder: Path) -> tuple[datetime, datetime] | None:
    """Period for which ``perturb_forcing`` wrote the forcing of a run; None if it is incomplete or unknown. Local."""
    try:
        begin, end = json.loads((folder / "forcing" / _PERIOD).read_text(encoding="utf-8"))
        return datetime.fromisoformat(begin), datetime.fromisoformat(end)
    except (OSError, ValueError, TypeError):
        return None


def _text(forcing: Namelist, key: str, number: int | None = None) -> str:
    value = forcing.text_value(key) if number is None else forcing.element(key, number)
    if not value or not isinstance(value, str) or not value.strip():
        place = key if number is None else f"{key}({number})"
        raise DataError(f"the case's forcing namelist has no {place}: its forcing files cannot be found.")
    return value.strip()


def _files(
    forcing: Namelist, root: Path, names: Sequence[str], period: tuple[datetime, datetime], step: timedelta
) -> dict[Path, list[_Variable]]:
    """Files that the model opens in the period, with their changed variables."""
    dataset = _text(forcing, "DEF_forcing%dataset")
    if dataset == "QIAN" and "longwave" in names:
        raise DataError("with the data set QIAN, CoLM computes long wave from temperature: set longwave_std: 0.")
    if forcing.text_value("DEF_forcing%groupby") == "day":
        raise DataError("DEF_forcing%groupby = 'day': forcing is perturbed in files of a month or a year only.")
    found: dict[Path, list[_Variable]] = {}
    for name in names:
        number = NUMBERS[name]
        prefix, stored_as = (_text(forcing, f"DEF_forcing%{key}", number) for key in ("fprefix", "vname"))
        interval = record_interval(forcing, number)
        files = variable_files(forcing, number, *period, step)
        if interval is None or not files or len({file for file, _ in files}) < len(files):
            raise DataError(
                f"the files of {name} (DEF_forcing%vname({number}) = '{stored_as}', prefix '{prefix}') cannot be "
                f"perturbed: expected a data set of months or years with file names that CoLM202X composes, not "
                f"'{dataset}' by '{forcing.text_value('DEF_forcing%groupby')}'. Do not perturb it."
            )
        for file, begin in files:
            path = root / file
            if not path.is_file():
                raise MissingFileError(f"the case's forcing has no file {path} of {name}, which the model opens.")
            found.setdefault(path, []).append(_Variable(name, stored_as, begin, interval))
    return found


def _link_all(root: Path, target: Path, left_out: set[Path]) -> None:
    for base, _, names in os.walk(root, followlinks=True):
        here = target / Path(base).relative_to(root)
        here.mkdir(parents=True)
        for name in names:
            path = Path(base) / name
            if path not in left_out:
                (here / name).symlink_to(path)


def _nearest_cells(path: Path, names: list[str], grid: Grid) -> tuple[IntArray, IntArray]:
    """Row and column of the model grid for each cell of a forcing file, (y, x)."""
    with open_colm_file(path) as file:
        lat, lon = (read_array(file, path, name).astype(np.float64) for name in names)
    row = np.abs(lat[..., None] - grid.lat).argmin(axis=-1)
    column = np.abs((lon[..., None] - grid.lon + 180.0) % 360.0 - 180.0).argmin(axis=-1)
    if lat.ndim == 1:
        row, column = np.meshgrid(row, column, indexing="ij")
    return row, column


def _change_records(
    path: Path,
    forcing: Namelist,
    variables: list[_Variable],
    change: WeatherChange,
    place: tuple[IntArray, IntArray],
    period: tuple[datetime, datetime],
) -> None:
    """Change the records of a file that the model may read in the period, in order of time."""
    with netCDF4.Dataset(path, "r+") as file:
        # The netCDF library would replace values outside a valid range by fill values.
        file.set_auto_maskandscale(False)
        records = []
        for variable in variables:
            if variable.stored_as not in file.variables:
                raise DataError(
                    f"{path}: variable '{variable.stored_as}' (DEF_forcing%vname({NUMBERS[variable.name]})) is missing."
                )
            values = file.variables[variable.stored_as]
            if values.shape[-2:] != place[0].shape:
                raise DataError(
                    f"{path}: '{variable.stored_as}' has shape {values.shape}; latitude and longitude give "
                    f"{place[0].shape}."
                )
            decoder = decoder_of(values, f"variable '{variable.stored_as}' in '{path}'", with_range=False)
            margin = variable.interval[0] + _MARGIN
            for record in range(values.shape[0]):
                time = record_time(forcing, variable.interval, variable.begin, record)
                if period[0] - margin <= time <= period[1] + margin:
                    records.append((time, variable.name, record, values, decoder))
        for time, name, record, values, decoder in sorted(records, key=lambda found: found[:3]):
            stored = np.asarray(values[record])
            values[record] = decoder.encode(change.of(name, time, decoder.decode(stored).values, *place), stored)
