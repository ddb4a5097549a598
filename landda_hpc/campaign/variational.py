"""From the configuration of a 3D-Var run to its analysis method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from landda_hpc.analysis.background_archive import read_archive
from landda_hpc.analysis.cost import ThresholdFrame
from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.minimise import StoppingRule
from landda_hpc.analysis.var3d import ImageConstraint, ImageFill, Var3d, fill_with_mean, fill_with_zero
from landda_hpc.campaign.error_models import error_std
from landda_hpc.config import Var3dImageTerm, Var3dObservationTerm, Var3dRun
from landda_hpc.constants import N_UPPER, BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.fields.error_map import china_error_map
from landda_hpc.grid import Grid


def make_var3d(run: Var3dRun, grid: Grid, frame: ThresholdFrame | None, data_root: Path = Path()) -> Var3d:
    """Build the 3D-Var method of a run.

    Parameters
    ----------
    run : which terms, and their errors.
    grid : the model grid.
    frame : the curvelet frame of the image term; None where the run has none.
    data_root : folder of the background archive.

    Returns
    -------
    For one layer, the observed depth, or for CoLM's three uppermost (``run.layers``).

    Raises
    ------
    MissingFileError, DataError, ShapeError : the archive is not usable, or has another number of layers.
    """
    observation_std: float | FloatArray | None = None
    if isinstance(run, Var3dObservationTerm):
        inside, outside = run.observation_std_china, run.observation_std
        observation_std = outside if inside is None else china_error_map(grid, inside, outside)
    return var3d_by_errors(run, grid, frame, data_root)(observation_std)


def var3d_by_errors(
    run: Var3dRun, grid: Grid, frame: ThresholdFrame | None, data_root: Path = Path()
) -> Callable[[float | FloatArray | None], Var3d]:
    """Everything of a 3D-Var method but the size of observation errors; parameters and errors as ``make_var3d``.

    Returns
    -------
    Standard deviation of observation errors, m3 m-3, a number or a map, None without J_O -> the method.
    """
    image = None
    if isinstance(run, Var3dImageTerm):
        assert frame is not None, "the image term has a frame"
        image = ImageConstraint(frame, run.keep_fraction, run.image_std, make_fill(run.fill, grid), run.gaps)
    rule = StoppingRule(run.tolerance, run.tolerance_is_relative, run.max_iterations)
    variance = _background_variance(run, grid, data_root)
    return lambda std: Var3d(variance, observation_std=std, image=image, rule=rule)


def make_fill(name: str, grid: Grid) -> ImageFill:
    """How cells outside the soil are filled while coefficients are ranked: 'mean', 'zero' or 'harmonic'."""
    if name == "harmonic":
        inpaint = HarmonicInpainting(grid, None)

        def fill(image: FloatArray, known: BoolArray) -> FloatArray:
            return inpaint(image, known, np.ones(known.shape, dtype=np.bool_))

        return fill
    return {"mean": fill_with_mean, "zero": fill_with_zero}[name]


def _background_variance(run: Var3dRun, grid: Grid, data_root: Path) -> FloatArray:
    """Diagonal of B, m6 m-6, (n_layer, n_lat, n_lon); cells that the archive does not cover take the layer's mean."""
    n_layers = N_UPPER if run.layers == "upper_three" else 1
    if run.background_archive is None:
        return np.full((n_layers, *grid.shape), run.background_std**2)
    path = data_root / run.background_archive
    statistics = read_archive(path, grid)
    found = statistics.count.shape[0]
    if found != n_layers:
        raise DataError(
            f"archive '{path}' has {found} layer{'' if found == 1 else 's'}, the analysis {n_layers} (layers: "
            f"{run.layers}). Name another archive; landda archive --layers makes one of three."
        )
    observation_std = run.archive_observation_std
    return statistics.background_variance(
        np.ones(grid.shape, dtype=np.bool_),
        about=run.background_about,
        floor_std=run.background_floor,
        observation_std=0.0 if observation_std is None else error_std(observation_std, grid, data_root),
    )
