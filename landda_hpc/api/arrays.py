"""Analyses and scores of images in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import Grid, grid_from_centres, regular_grid

if TYPE_CHECKING:
    import xarray as xr

    from landda_hpc.analysis.protocol import Analysis
    from landda_hpc.verification.statistics.scores import Score

Image = npt.NDArray[np.floating[Any]]


@overload
def analyse(
    background: Image,
    observation: Image,
    method: str = ...,
    *,
    grid: Grid | None = ...,
    domain: npt.NDArray[np.bool_] | None = ...,
    seed: int = ...,
    observation_std: Image | None = ...,
    data_root: Path | str = ...,
    **settings: Any,
) -> Analysis: ...
@overload
def analyse(
    background: xr.DataArray,
    observation: xr.DataArray,
    method: str = ...,
    *,
    grid: Grid | None = ...,
    domain: npt.NDArray[np.bool_] | None = ...,
    seed: int = ...,
    observation_std: Image | None = ...,
    data_root: Path | str = ...,
    **settings: Any,
) -> xr.Dataset: ...
def analyse(
    background: Any,
    observation: Any,
    method: str = "enkf_like",
    *,
    grid: Grid | None = None,
    domain: npt.NDArray[np.bool_] | None = None,
    seed: int = 1,
    observation_std: Image | None = None,
    data_root: Path | str = Path(),
    **settings: Any,
) -> Any:
    """Analyse one image with any method of campaigns, built in or from an installed package. Local.

    Parameters
    ----------
    background, observation : soil moisture, m3 m-3, both arrays of shape (n_lat, n_lon), rows from south to north, or
        both ``xarray.DataArray`` with the coordinates lat and lon. NaN in the background means outside the domain; NaN
        in the observation means missing.
    method : name of the method, as in a configuration (``landda schema``).
    grid : grid of the arrays; default: the grid of the coordinates, or a regular global grid of the arrays' shape.
    domain : cells that may change, (n_lat, n_lon); default: those with a background.
    seed : seed of the perturbations.
    observation_std : standard deviation of the observation's errors, m3 m-3, for methods that use reported errors.
    data_root : folder of files named in the settings.
    settings : keys of the method's section, e.g. ``members=20`` or ``frame={"boundary": "reflect"}``.

    Returns
    -------
    For arrays the ``Analysis``: increment, spread, diagnostics. For data arrays a data set of analysis, increment and,
    if the method has one, spread, on the coordinates of the background.

    Raises
    ------
    ConfigError : an unknown method or setting, or a method that does not analyse single images.
    ShapeError : the images or the grid differ in shape.
    """
    from landda_hpc.analysis.protocol import ImagePair
    from landda_hpc.config import METHODS, parse_section
    from landda_hpc.methods.base.assembly import make_method
    from landda_hpc.parallel.communicator import SerialCommunicator

    labelled = hasattr(background, "coords")
    if labelled != hasattr(observation, "coords"):
        raise ConfigError("background and observation: expected two arrays or two xarray.DataArray; found one of each.")
    if labelled:
        observation = observation.transpose("lat", "lon")
        background = background.transpose("lat", "lon")
        for axis in ("lat", "lon"):
            if not np.array_equal(background[axis], observation[axis]):
                raise ShapeError(f"background and observation differ in their coordinate {axis}; put both on one grid.")
    first, second = (np.asarray(image, dtype=np.float64) for image in (background, observation))
    if grid is None:
        grid = (
            grid_from_centres(*(np.asarray(background[axis], dtype=np.float64) for axis in ("lat", "lon")))
            if labelled
            else regular_grid(*first.shape)
        )
    if first.shape != grid.shape:
        raise ShapeError(f"the background has shape {first.shape}; its grid has {grid.shape}.")
    run = parse_section(METHODS[method], {"method": method, **settings}, within="runs.*")
    if run.n_analysed_layers:
        raise ConfigError(
            f"method {method} analyses soil layers separately; one image is one layer (layers: observed)."
        )
    made = make_method(run, grid, SerialCommunicator(), seed, Path(data_root))
    if made is None:
        raise ConfigError(f"method {method} does not analyse images; choose another method.")
    reported = None if observation_std is None else np.asarray(observation_std, dtype=np.float64)
    inside = np.isfinite(first) if domain is None else domain & np.isfinite(first)
    result = made.analyse(ImagePair(first, second, inside, "one image", reported))
    return _labelled(background, result) if labelled else result


def _labelled(background: xr.DataArray, result: Analysis) -> xr.Dataset:
    """The result on the coordinates of the background."""
    import xarray as xr

    fields = {
        "analysis": (background.values + result.increment, "analysed soil moisture"),
        "increment": (np.where(np.isfinite(background.values), result.increment, np.nan), "analysis minus background"),
    }
    if result.spread is not None:
        fields["spread"] = (result.spread, "standard deviation of the perturbed backgrounds")
    variables: Mapping[str, Any] = {
        name: (("lat", "lon"), values, {"long_name": long_name, "units": "m3 m-3"})
        for name, (values, long_name) in fields.items()
    }
    return xr.Dataset(variables, background.coords)


def score(image: Any, reference: Any, *, mask: Any = None, weights: Any = None) -> Score:
    """Compare an image with a reference: SCC, RMSE, bias, ubRMSE. Local.

    Parameters
    ----------
    image, reference : same shape and unit, arrays or ``xarray.DataArray``; NaN is missing.
    mask : scored cells; default: all.
    weights : weights of the cells, e.g. their area; default: the cosine of latitude if the image has a coordinate lat,
        otherwise equal weights.

    Raises
    ------
    ShapeError, DataError : as ``landda_hpc.verification.statistics.scores.score``.
    """
    from landda_hpc.verification.statistics.scores import score as score_arrays

    if weights is None and hasattr(image, "coords") and "lat" in image.coords:
        import xarray as xr

        weights = xr.broadcast(np.cos(np.radians(image["lat"])), image)[0].transpose(*image.dims)
    first, second = np.asarray(image), np.asarray(reference)
    counted = np.ones(first.shape, dtype=np.bool_) if mask is None else np.asarray(mask, dtype=np.bool_)
    return score_arrays(first, second, counted, weights=None if weights is None else np.asarray(weights))
