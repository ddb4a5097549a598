"""Climatologies of model and product for bias treatment, from a campaign or from two series of images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.config import read_resolved
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.own.image_output import open_image
from landda_hpc.formats.products.image_series import ImageSeries, open_image_series
from landda_hpc.grid import Grid
from landda_hpc.observation.bias import ClimatologyPair, SeasonalClimatologies, fit_seasonal_climatologies
from landda_hpc.observation.bias_file import write_climatologies
from landda_hpc.observation.seasons import WHOLE_YEAR, Seasons
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.regridding.regrid import Method, Regridder
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import holds, list_images
from landda_hpc.verification.statistics.sample_size import variance_warnings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainingArchive:
    """Images of model and product at the same times, on the model grid.

    Attributes
    ----------
    grid : of the model.
    depth_m : top and bottom of the layer, m.
    times : UTC, ascending.
    source : description of the source.
    read : index of a time -> (model, product), m3 m-3, (n_lat, n_lon) each, NaN missing.
    close : closes the files.
    """

    grid: Grid
    depth_m: DepthRange
    times: tuple[datetime, ...]
    source: str
    read: Callable[[int], tuple[FloatArray, FloatArray]]
    close: Callable[[], None]


def campaign_archive(
    folder: Path, run: str = "control", first: datetime | None = None, last: datetime | None = None
) -> TrainingArchive:
    """Backgrounds and observations of a run in its image files. Local.

    Parameters
    ----------
    folder : of a campaign with background and observation among its ``output.fields``.
    run : a run without assimilation, because the climatology of others is not that of the model.
    first, last : period, both included.

    Raises
    ------
    StorageError : the folder has no campaign.
    ConfigError : its observations have bias treatment.
    DataError : no image of the run has both.
    """
    campaign = CampaignFolder.open(folder)
    observations = read_resolved(campaign.config_file).observations
    if observations.bias.kind != "none":
        raise ConfigError(
            f"campaign '{folder}' has observations with bias treatment (bias.kind = {observations.bias.kind}): their "
            f"climatology "
            "is the model's. Use a campaign with bias.kind = none."
        )
    paths: dict[str, list[Path]] = {"forecast": [], "background": []}
    images = list_images(campaign.images, run)
    for time, path in images.items():
        if (first is None or time >= first) and (last is None or time <= last):
            with open_image(path) as file:
                for name, found in paths.items():
                    if holds(file, "observation") and holds(file, name):
                        found.append(path)
    name = max(paths, key=lambda key: len(paths[key]))
    if not paths[name]:
        raise DataError(
            f"campaign '{folder}' has {len(images)} images of run '{run}', none with background (or forecast) and "
            "observation in the period. Run it with both among output.fields, and output.every_hours as short as its "
            "cycle."
        )
    pair = open_image_series(paths[name], name), open_image_series(paths[name], "observation")
    return _archive(*pair, observations.depth_m, None, f"run {run} of {folder}")


def series_archive(
    model: ImageSeries, product: ImageSeries, depth_m: DepthRange, regrid: Method | None = None
) -> TrainingArchive:
    """Two series of images, at their common times. Local.

    Parameters
    ----------
    model, product : m3 m-3, of the same layer; the model's on the model grid.
    depth_m : top and bottom of that layer, m.
    regrid : method of regridding the product to the model grid; None: other grids are an error.

    Raises
    ------
    ConfigError : the grids differ and ``regrid`` is None.
    DataError : no time in common.
    """
    return _archive(model, product, depth_m, regrid, f"{model.variable} and {product.variable}")


def build_climatologies(archive: TrainingArchive, output: Path, seasons: Seasons = WHOLE_YEAR) -> SeasonalClimatologies:
    """Fit the climatologies of an archive and write them to a file for bias treatment. Local.

    Parameters
    ----------
    seasons : parts of the year that get a climatology each, in addition to that of the year.

    Raises
    ------
    DataError : fewer than two times, or no cell with both.
    StorageError : the file cannot be written.
    """
    found = fit_seasonal_climatologies(archive.times, archive.read, archive.grid.shape, seasons)
    period = f"{archive.times[0]:%Y-%m-%dT%H:%M} to {archive.times[-1]:%Y-%m-%dT%H:%M} UTC"
    warnings = seasonal_warnings(found)
    for warning in warnings:
        logger.warning("%s: %s", archive.source, warning)
    source = f"{archive.source}, {len(archive.times)} times, {period}"
    write_climatologies(output, archive.grid, found, archive.depth_m, source, warnings)
    return found


def seasonal_warnings(climatologies: SeasonalClimatologies) -> list[str]:
    """Warnings of ``training_warnings`` for the year and its seasons; may be empty."""
    named = zip(climatologies.seasons.names, climatologies.by_season, strict=True)
    of_seasons = [warning for name, pair in named for warning in training_warnings(pair, f" in {name}")]
    return training_warnings(climatologies.annual) + of_seasons


def training_warnings(pair: ClimatologyPair, season: str = "") -> list[str]:
    """Warnings for users of these climatologies: too few times of the median cell; may be empty."""
    seen = pair.count[pair.count > 0]
    typical = int(np.median(seen)) if seen.size else 0
    return variance_warnings(typical, f"The climatology of a cell{season} (of the median of the cells)")


def _archive(
    model: ImageSeries, product: ImageSeries, depth_m: DepthRange, regrid: Method | None, source: str
) -> TrainingArchive:
    regridder = None
    if not product.grid.same_points(model.grid):
        if regrid is None:
            raise ConfigError(
                f"the product is on {product.grid.describe()}, the model on {model.grid.describe()}. Choose how to "
                "regrid (--regrid bilinear)."
            )
        regridder = Regridder(product.grid, model.grid, regrid)
    places = [{time: i for i, time in enumerate(series.times) if time is not None} for series in (model, product)]
    times = tuple(sorted(set(places[0]) & set(places[1])))
    if not times:
        raise DataError(f"model ({len(places[0])} times) and product ({len(places[1])} times) have no time in common.")

    def read(number: int) -> tuple[FloatArray, FloatArray]:
        time = times[number]
        one, other = model[places[0][time]].values, product[places[1][time]].values
        return one, other if regridder is None else regridder(other)

    def close() -> None:
        model.close()
        product.close()

    return TrainingArchive(model.grid, depth_m, times, source, read, close)
