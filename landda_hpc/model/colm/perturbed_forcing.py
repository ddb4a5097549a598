"""Perturbed forcing of one run: copies of the case's precipitation files, multiplied by a constant factor."""

from __future__ import annotations

import logging
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.cf.decoding import decoder_of
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array
from landda_hpc.grid import Grid
from landda_hpc.io.atomic import atomic_replacement, storage_errors, write_bytes
from landda_hpc.model.colm.namelist import Namelist

logger = logging.getLogger(__name__)

PRECIPITATION: Final = 4
"""Index of precipitation among CoLM's forcing variables (``fprefix(4)``, ``vname(4)``) in every data set."""

FORCING_NAME: Final = "forcing.nml"
"""Forcing namelist of a run, in the run's folder."""

_MARGIN: Final = timedelta(days=2)
"""Margin around the campaign's period, because the model reads the records around each time step."""


def perturb_rain(
    forcing: Namelist, grid: Grid, factor: FloatArray, folder: Path, period: tuple[datetime, datetime]
) -> Path:
    """Write the forcing of a run: ``forcing.nml`` and ``forcing/``, with precipitation multiplied by a factor. Local.

    Parameters
    ----------
    forcing : the case's forcing namelist (group nl_colm_forcing).
    grid, factor : model grid and its factors, shape (n_lat, n_lon); a forcing cell has the factor of the nearest cell.
    folder : the run's folder.
    period : beginning and end of the campaign; the files of adjacent months or days are also written.

    Returns
    -------
    The new forcing namelist. All files except those of precipitation are links to the case's files.

    Raises
    ------
    DataError : the precipitation files cannot be identified: they are not grouped by day, month or year with their own
        prefix, or they have no latitude and longitude.
    """
    root = Path(_text(forcing, "DEF_dir_forcing"))
    prefix, variable = (_text(forcing, f"DEF_forcing%{name}", PRECIPITATION) for name in ("fprefix", "vname"))
    if not root.is_absolute() or not root.is_dir():
        raise MissingFileError(f"DEF_dir_forcing = '{root}' of the case's forcing: expected an existing absolute path.")
    files = _precipitation_files(root, prefix, period)
    target = folder / "forcing"
    with storage_errors(target, "making the run's forcing"):
        shutil.rmtree(target, ignore_errors=True)
        _link_all(root, target, set(files))
    names = [_text(forcing, f"DEF_forcing%{name}") for name in ("latname", "lonname")]
    for path in files:
        copy = target / path.relative_to(root)
        with atomic_replacement(copy, 2 * path.stat().st_size, make_folder=True) as temporary:
            shutil.copyfile(path, temporary)
            _multiply(temporary, variable, names, grid, factor)
    result = folder / FORCING_NAME
    write_bytes(result, forcing.with_values({"DEF_dir_forcing": str(target)}).content)
    logger.info("%s: %d precipitation files with factors %.2f to %.2f", target, len(files), factor.min(), factor.max())
    return result


def _text(forcing: Namelist, key: str, number: int | None = None) -> str:
    value = forcing.text_value(key) if number is None else forcing.element(key, number)
    if not value or not isinstance(value, str) or not value.strip():
        place = key if number is None else f"{key}({number})"
        raise DataError(f"the case's forcing namelist has no {place}: its precipitation files cannot be found.")
    return value.strip()


def _precipitation_files(root: Path, prefix: str, period: tuple[datetime, datetime]) -> list[Path]:
    """Files with the prefix whose dates overlap the period; all of them if a file name has no date."""
    found = sorted(path for path in root.glob(f"{prefix}*") if path.is_file())
    if not found:
        raise MissingFileError(f"the case's forcing has no precipitation file {root / prefix}*.")
    begin, end = (period[0] - _MARGIN).date(), (period[1] + _MARGIN).date()
    kept = []
    for path in found:
        digits = "".join(c for c in str(path.relative_to(root))[len(prefix) :].partition(".")[0] if c.isdigit())
        year, month, day = digits[:4], digits[4:6], digits[6:8]
        if len(digits) not in (4, 6, 8) or (
            f"{begin:%Y%m%d}"[: len(digits)] <= year + month + day <= f"{end:%Y%m%d}"[: len(digits)]
        ):
            kept.append(path)
    return kept


def _link_all(root: Path, target: Path, left_out: set[Path]) -> None:
    for base, _, names in os.walk(root, followlinks=True):
        here = target / Path(base).relative_to(root)
        here.mkdir(parents=True)
        for name in names:
            path = Path(base) / name
            if path not in left_out:
                (here / name).symlink_to(path)


def _multiply(path: Path, variable: str, names: list[str], grid: Grid, factor: FloatArray) -> None:
    with open_colm_file(path) as file:
        lat, lon = (read_array(file, path, name).astype(np.float64) for name in names)
    if lat.ndim == 1:
        lat, lon = np.meshgrid(lat, lon, indexing="ij")
    row = np.abs(lat[..., None] - grid.lat).argmin(axis=-1)
    column = np.abs((lon[..., None] - grid.lon + 180.0) % 360.0 - 180.0).argmin(axis=-1)
    here = factor[row, column]
    with netCDF4.Dataset(path, "r+") as file:
        if variable not in file.variables:
            raise DataError(f"{path}: variable '{variable}' (DEF_forcing%vname(4)) is missing.")
        rain = file.variables[variable]
        if rain.shape[-2:] != here.shape:
            raise DataError(f"{path}: '{variable}' has shape {rain.shape}; latitude and longitude give {here.shape}.")
        # The netCDF library would replace values outside a valid range by fill values.
        file.set_auto_maskandscale(False)
        decoder = decoder_of(rain, f"variable '{variable}' in '{path}'", with_range=False)
        for record in range(rain.shape[0]):
            stored = np.asarray(rain[record])
            rain[record] = decoder.encode(decoder.decode(stored).values * here, stored)
