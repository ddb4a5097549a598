"""Archives of model-minus-observation differences: the B of 3D-Var, and variances per wedge [S24, section 3.3.1]."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self, overload

import numpy as np

from landda_hpc.analysis.background_archive import DifferenceStatistics, archive_of, write_archive
from landda_hpc.analysis.layer_nodes import at_nodes, node_weights
from landda_hpc.analysis.wedge_variances import WedgeSpectrum, archive_spectrum
from landda_hpc.config import FrameConfig
from landda_hpc.constants import N_UPPER, SOIL_Z, FloatArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.own.image_output import open_image
from landda_hpc.formats.own.wedge_spectra import write_wedge_spectrum
from landda_hpc.formats.products.image_series import ImageSeries, open_image_series
from landda_hpc.grid import Grid
from landda_hpc.io.atomic import atomic_replacement
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.regridding.regrid import Method as RegridMethod
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import holds, layer_innovation_name, list_images
from landda_hpc.verification.statistics.sample_size import variance_warnings

logger = logging.getLogger(__name__)

PLAUSIBLE_DIFFERENCE: Final = (-3.0, 3.0)
"""m3 m-3; an observation with errors of 0.3 may differ by more than 1."""


class DifferenceSeries(Sequence[FloatArray]):
    """Model minus observation at each time, read on demand; each m3 m-3, (n_layer, n_lat, n_lon), NaN missing.

    Attributes
    ----------
    grid : of the model.
    times : UTC, one per entry.
    source : description of the source, for the archive's attributes.

    Notes
    -----
    A context manager, or ``close``: it keeps files open.
    """

    def __init__(
        self,
        grid: Grid,
        times: Sequence[datetime],
        source: str,
        read: Callable[[datetime], FloatArray],
        opened: Sequence[ImageSeries] = (),
    ) -> None:
        self.grid, self.times, self.source = grid, tuple(times), source
        self._read, self._opened = read, tuple(opened)

    def layer(self, number: int) -> DifferenceSeries:
        """The differences of one layer, (n_lat, n_lon) each."""
        return DifferenceSeries(self.grid, self.times, self.source, lambda time: self._read(time)[number])

    def close(self) -> None:
        """Close the open files."""
        for series in self._opened:
            series.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> FloatArray: ...

    @overload
    def __getitem__(self, index: slice) -> list[FloatArray]: ...

    def __getitem__(self, index: int | slice) -> FloatArray | list[FloatArray]:
        if isinstance(index, slice):
            return [self._read(time) for time in self.times[index]]
        return self._read(self.times[index])


def campaign_differences(
    folder: Path,
    run: str = "control",
    first: datetime | None = None,
    last: datetime | None = None,
    *,
    with_layers: bool = False,
) -> DifferenceSeries:
    """Model minus observation of a run of a campaign, from the innovations in its image files. Local.

    Parameters
    ----------
    folder : of the campaign, with ``innovation`` (or ``innovation_layers``) among its ``output.fields``.
    run : a run without assimilation; innovations of other runs are not errors of the free model.
    first, last : period, both included.
    with_layers : CoLM's three uppermost layers against the observation, for runs with ``layers: upper_three``.

    Returns
    -------
    One layer, the observed depth, or three.

    Raises
    ------
    StorageError : the folder has no campaign.
    DataError : no image of the run has an innovation.
    """
    campaign = CampaignFolder.open(folder)
    images = list_images(campaign.images, run)
    names = [layer_innovation_name(k) for k in range(1, N_UPPER + 1)] if with_layers else ["innovation"]
    paths = []
    for time, path in images.items():
        if (first is None or time >= first) and (last is None or time <= last):
            with open_image(path) as file:
                if all(holds(file, name) for name in names):
                    paths.append(path)
    if not paths:
        field = "innovation_layers" if with_layers else "innovation"
        raise DataError(
            f"campaign '{folder}' has {len(images)} images of run '{run}', none with an innovation in the period. Run "
            f"it with {field} among output.fields, and output.every_hours as short as its cycle."
        )
    opened = [open_image_series(paths, name, PLAUSIBLE_DIFFERENCE) for name in names]
    places = _places(opened[0])

    def read(time: datetime) -> FloatArray:
        difference: FloatArray = -np.stack([series[places[time]].values for series in opened])
        return difference

    return DifferenceSeries(opened[0].grid, list(places), f"innovations of run {run}, {folder}", read, opened)


def series_differences(
    model: Sequence[ImageSeries],
    observation: Sequence[ImageSeries],
    *,
    depths_m: Sequence[DepthRange] = (),
    regrid: RegridMethod | None = None,
) -> DifferenceSeries:
    """Model minus observation of two sets of images, at their common times. Local.

    Parameters
    ----------
    model : one series per layer, from the top down, on the model grid.
    observation : one series per layer of the model; or one for all; or, with ``depths_m``, one per layer of the
        product.
    depths_m : tops and bottoms of the product's layers, m: the layers are interpolated to the nodes of the model's
        layers.
    regrid : method of regridding the observation to the model grid; None: other grids are an error.

    Raises
    ------
    ConfigError : numbers of series and depths are inconsistent, or the grids differ and ``regrid`` is None.
    DataError : no time in common.
    """
    grid = model[0].grid
    weights = _layer_weights(len(model), len(observation), depths_m)
    regridder = None
    if not observation[0].grid.same_points(grid):
        if regrid is None:
            raise ConfigError(
                f"the observation is on {observation[0].grid.describe()}, the model on {grid.describe()}. Choose how "
                "to regrid (--regrid bilinear)."
            )
        regridder = Regridder(observation[0].grid, grid, regrid)
    for one, kind in ((model, model[0]), (observation, observation[0])):
        if not all(series.grid.same_points(kind.grid) for series in one):
            raise ConfigError("the layers of one kind of image are on different grids.")
    places = [_places(series) for series in (*model, *observation)]
    times = sorted(set.intersection(*(set(p) for p in places)))
    if not times:
        raise DataError(
            f"model ({len(model[0])} times from {model[0].times[0]}) and observation ({len(observation[0])} times from "
            f"{observation[0].times[0]}) have no time in common."
        )

    def read(time: datetime) -> FloatArray:
        stacks = []
        for part, at in ((model, places[: len(model)]), (observation, places[len(model) :])):
            stacks.append(np.stack([series[p[time]].values for series, p in zip(part, at, strict=True)]))
        observed = stacks[1] if regridder is None else regridder(stacks[1])
        return stacks[0] - at_nodes(observed, weights)

    names = [",".join(series.variable for series in part) for part in (model, observation)]
    return DifferenceSeries(grid, times, f"{names[0]} minus {names[1]}", read, [*model, *observation])


@dataclass(frozen=True, eq=False)
class Archive:
    """The archive that was built.

    Attributes
    ----------
    statistics : per layer and cell.
    spectrum : of the first layer; None if not requested.
    warnings : sentences about too few times; also in the log and in the file.
    """

    statistics: DifferenceStatistics
    spectrum: WedgeSpectrum | None
    warnings: tuple[str, ...] = ()


def build_archive(
    differences: DifferenceSeries,
    output: Path,
    *,
    wedges: Path | None = None,
    frame: FrameConfig | None = None,
    observation_std: float = 0.0,
    about_mean: bool = True,
) -> Archive:
    """Write the archive of background errors and, if requested, the variances per wedge. Local.

    Parameters
    ----------
    output : netCDF file for ``background_archive`` of a 3D-Var run.
    wedges : CSV file for an error model of kind ``climatological``; from the first layer.
    frame : of those wedges; it must be that of the run.
    observation_std : white observation errors, m3 m-3, whose variance is subtracted from every wedge (not below 0); the
        netCDF file has the unchanged differences.
    about_mean : variances per wedge about the mean difference of each cell; otherwise mean squares.

    Raises
    ------
    DataError : fewer than two times.
    """
    if len(differences) < 2:
        raise DataError(f"{differences.source}: {len(differences)} time; a variance needs two or more.")
    nothing = np.zeros(differences[0].shape)
    statistics = archive_of((difference, nothing) for difference in differences)
    period = f"{differences.times[0]:%Y-%m-%dT%H:%M} to {differences.times[-1]:%Y-%m-%dT%H:%M}"
    seen = statistics.count[statistics.count > 0]
    typical = int(np.median(seen)) if seen.size else 0
    warnings = variance_warnings(typical, "The variance of a cell (of the median of the cells)")
    if wedges is not None:
        warnings += variance_warnings(len(differences), "The variance of a wedge")
    for warning in warnings:
        logger.warning("%s: %s", differences.source, warning)
    source = f"{differences.source}, {len(differences)} times, {period} UTC"
    write_archive(output, differences.grid, statistics, source, warnings)
    spectrum = None
    if wedges is not None:
        curvelets = make_frame(frame or FrameConfig(), differences.grid)
        whole = archive_spectrum(curvelets, differences.layer(0), statistics.count[0] > 0, about_mean)
        spectrum = WedgeSpectrum.of(curvelets, np.maximum(whole.variance - observation_std**2, 0.0))
        with atomic_replacement(wedges, make_folder=True) as temporary:
            write_wedge_spectrum(temporary, spectrum.scale, spectrum.wedge, spectrum.variance)
    return Archive(statistics, spectrum, tuple(warnings))


def _places(series: ImageSeries) -> dict[datetime, int]:
    return {time: i for i, time in enumerate(series.times) if time is not None}


def _layer_weights(n_model: int, n_observation: int, depths_m: Sequence[DepthRange]) -> FloatArray:
    """Weights of the observation's layers for the model's layers, (n_model, n_observation)."""
    if depths_m:
        if len(depths_m) != n_observation:
            raise ConfigError(
                f"{n_observation} observation variables and {len(depths_m)} depths; expected one depth per variable."
            )
        return node_weights(depths_m, SOIL_Z[:n_model])
    if n_observation == n_model:
        return np.eye(n_model)
    if n_observation == 1:
        return np.ones((n_model, 1))
    raise ConfigError(
        f"{n_observation} observation variables for {n_model} layers of the model: give one per layer, one for all, or "
        "their depths (--observation-depth)."
    )
