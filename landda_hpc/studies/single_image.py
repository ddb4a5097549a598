"""One image analysis of netCDF files, without model and cycles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.config import Run
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.formats.cf.image import SoilMoistureImage, read_image
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.methods.var3d import absolute_tolerance
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.regridding.regrid import Method as RegridMethod
from landda_hpc.regridding.regrid import Regridder


@dataclass(frozen=True, eq=False)
class ImageFile:
    """A netCDF file and the variable in it; None: the only image."""

    path: Path
    variable: str | None = None


@dataclass(frozen=True)
class SingleResult:
    """Statistics of one analysis over the observed cells, m3 m-3, and the method's diagnostics."""

    n_cells: int
    innovation: tuple[float, float]
    residual: tuple[float, float]
    diagnostics: dict[str, float | list[float]]


def analyse_files(
    background: ImageFile,
    observation: ImageFile,
    run: Run,
    output: Path,
    regrid: RegridMethod | None = None,
    seed: int = 1,
) -> SingleResult:
    """Analyse one image and write analysis, background, increment and innovation to a CF netCDF file. Local.

    Parameters
    ----------
    background, observation : images of soil moisture, m3 m-3; NaN where missing.
    run : method and its errors, any except the control; its file names are relative to the working folder.
    output : file to write.
    regrid : method of regridding an observation to the background's grid; None: other grids are an error.
    seed : of the perturbations.

    Raises
    ------
    ShapeError : the grids differ and ``regrid`` is None.
    DataError : a file is not usable, or no cell has a value in both.
    ConfigError : the run is a control, or analyses several layers.
    """
    first = read_image(background.path, background.variable)
    second = _on_grid(read_image(observation.path, observation.variable), first, observation, background, regrid)
    domain = np.isfinite(first.values)
    pair = ImagePair(first.values, second, domain, time_key=first.time.isoformat() if first.time else "no time")
    if not pair.observed.any():
        raise DataError(f"'{observation.path}' and '{background.path}' have no cell with values in both.")
    if run.n_analysed_layers:
        raise ConfigError(
            "the method analyses several soil layers, which needs a model; one image is one layer (layers: observed)."
        )
    method = make_method(run, first.grid, SerialCommunicator(), seed)
    if method is None:
        raise ConfigError(f"method {run.method} does not analyse images.")
    result = method.analyse(pair)
    analysis = first.values + result.increment
    fields = {
        "analysis": OutputField(analysis, _attributes("analysis of volumetric soil moisture")),
        "background": OutputField(first.values, _attributes("background of volumetric soil moisture")),
        "increment": OutputField(np.where(domain, result.increment, np.nan), _attributes("analysis minus background")),
        "innovation": OutputField(
            np.where(pair.observed, pair.innovation, np.nan), _attributes("observation minus background")
        ),
    }
    attributes = {"source": f"landda analyse, method {run.method}", "seed": str(seed)}
    write_images(output, first.grid, fields, time=first.time, attributes=attributes, make_folder=True)
    before, after = pair.innovation[pair.observed], (pair.observation - analysis)[pair.observed]
    return SingleResult(
        n_cells=int(before.size),
        innovation=(float(before.mean()), float(before.std())),
        residual=(float(after.mean()), float(after.std())),
        diagnostics=result.diagnostics,
    )


def draw_single_minimisation(run: Run, result: SingleResult, path: Path) -> None:
    """Draw cost and gradient of a 3D-Var analysis over its iterations, one PNG; DataError for another method."""
    from landda_hpc.verification.figures.minimisation import (
        MinimisationRecord,
        draw_minimisation,
    )  # imported here, because most analyses do not need the plotting library

    record = MinimisationRecord.from_diagnostics(result.diagnostics)
    draw_minimisation({run.name: record}, path, tolerance=absolute_tolerance([run]))


def _on_grid(
    image: SoilMoistureImage,
    target: SoilMoistureImage,
    source: ImageFile,
    place: ImageFile,
    regrid: RegridMethod | None,
) -> FloatArray:
    if image.grid.same_points(target.grid):
        return image.values
    if regrid is None:
        raise ShapeError(
            f"'{source.path}' is on {image.grid.describe()}; '{place.path}' is on {target.grid.describe()}. "
            "Provide both on one grid, or choose a method of regridding (--regrid bilinear)."
        )
    regridded: FloatArray = Regridder(image.grid, target.grid, regrid)(image.values)
    return regridded


def _attributes(long_name: str) -> dict[str, str]:
    return {"units": "m3 m-3", "long_name": long_name}
