"""From configuration sections to error models and strategies for missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landda_hpc.analysis.errors import (
    ClimatologicalErrors,
    CorrelatedErrors,
    ErrorModel,
    PlaneField,
    SphereField,
    WhiteErrors,
)
from landda_hpc.analysis.frames import ImageFrame
from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.missing import AdjustedVariance, Inpaint, MissingStrategy, Solve, ZeroFill
from landda_hpc.analysis.spectra import WedgeSpectrum
from landda_hpc.config import CorrelatedErrorsConfig, CurveletRun, Errors, WhiteErrorsConfig
from landda_hpc.constants import FloatArray
from landda_hpc.fields.regrid import Regridder
from landda_hpc.fields.sphere import grid_spacing_km
from landda_hpc.formats.images import read_image
from landda_hpc.formats.wedge_spectra import read_wedge_spectrum
from landda_hpc.grid import Grid
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.reduction import MemberReduction


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the parts of a method are made with: grid, root group, the campaign's seed, folder of external data."""

    grid: Grid
    root_group: Communicator
    seed: int
    data_root: Path

    def std(self, value: float | Path) -> float | FloatArray:
        """As ``error_std``."""
        return error_std(value, self.grid, self.data_root)


def error_std(value: float | Path, grid: Grid, data_root: Path) -> float | FloatArray:
    """A number, or the map in a file under ``data_root``, bilinear on the model grid where it is on another.

    Raises
    ------
    MissingFileError, DataError : the file is not there, or no image in m3 m-3.
    """
    if not isinstance(value, Path):
        return value
    image = read_image(data_root / value)
    if image.grid.same_points(grid):
        return image.values
    regridded: FloatArray = Regridder(image.grid, grid, "bilinear")(image.values)
    return regridded


def make_errors(config: Errors, frame: ImageFrame, purpose: str, around: Surroundings) -> ErrorModel:
    """The error model of a section.

    Parameters
    ----------
    purpose : 'background' or 'observation'; keys its random numbers.
    """
    if isinstance(config, WhiteErrorsConfig):
        return WhiteErrors(around.std(config.std), around.seed, purpose)
    if isinstance(config, CorrelatedErrorsConfig):
        return CorrelatedErrors(
            _unit_field(config, around.grid),
            around.std(config.std),
            around.std(config.white_std),
            around.seed,
            purpose,
            MemberReduction(around.root_group, config.draws),
            config.covariance,
        )
    scale, wedge, variance = read_wedge_spectrum(around.data_root / config.file)
    if config.other_std is not None:
        # White errors have s = sigma^2 in every wedge, see WedgeSpectrum.
        variance = np.maximum(variance - config.other_std**2, 0.0)
    spectrum = WedgeSpectrum(scale, wedge, variance)
    return ClimatologicalErrors(frame, spectrum, around.seed, purpose)


def make_missing(run: CurveletRun, around: Surroundings) -> MissingStrategy:
    """The strategy of a run for cells without observation."""
    if run.missing == "inpaint":
        return Inpaint(HarmonicInpainting(around.grid, run.inpaint_length_km))
    if run.missing == "variance":
        return AdjustedVariance(MemberReduction(around.root_group, run.members))
    if run.missing == "solve":
        return Solve(run.solve_tolerance, run.solve_max_iterations)
    return ZeroFill()


def _unit_field(config: CorrelatedErrorsConfig, grid: Grid) -> SphereField | PlaneField:
    if config.geometry == "sphere":
        return SphereField(grid, config.length_km, config.length_lon_km)
    cell = grid_spacing_km(grid)
    columns = config.length_km if config.length_lon_km is None else config.length_lon_km
    return PlaneField(grid.shape, config.length_km / cell, columns / cell)
