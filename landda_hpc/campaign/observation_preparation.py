"""Processing of an observation before its analysis: errors, bias treatment, quality control."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.observation_warnings import plausibility_warnings
from landda_hpc.config import Observations, Referee, Stations
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import LandDAError
from landda_hpc.grid import Grid
from landda_hpc.image.aggregate import aggregate
from landda_hpc.instances.domain import Domain
from landda_hpc.model.protocol import SoilModel
from landda_hpc.observation.bias import BiasTreatment, CdfTreatment, MeanVarianceTreatment, Untreated
from landda_hpc.observation.bias_file import read_climatologies, read_seasonal_climatologies
from landda_hpc.observation.check_section import CheckContext, CheckMemory, ModelSurface
from landda_hpc.observation.combination import combined
from landda_hpc.observation.error_std import ErrorSizes
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.quality import QualityControl, build_checks
from landda_hpc.observation.quality_memory import SpikeMemory
from landda_hpc.observation.seasonal_bias import AnomalyTreatment, SeasonalTreatment, outcome_warnings
from landda_hpc.observation.source import ObservationSource
from landda_hpc.observation.withheld import Withholding
from landda_hpc.state import TileState

logger = logging.getLogger(__name__)

SPIKES, CHECKS = "spikes", "checks"
"""After the section's name and a slash: the temporal check's memory in a checkpoint, and those of further checks."""

MEMORY_KEY = f"observations/{SPIKES}"
"""Key of the memory of the observations' temporal check; no run can have this name."""

_SURFACE = ("t_grnd", "scv")
"""State variables of ``ModelSurface``, in the order of the gathered columns."""


class ObservationProcessing:
    """Process observations from their source to the analysis.

    Parameters
    ----------
    observations : their section of the configuration.
    section : its name.
    runs : names of the campaign's runs, which judge innovations.
    domain : of the campaign.
    data_root : folder of the files that the section names.
    seed : of the campaign.

    Attributes
    ----------
    bias_by_season : soil cells by season and by the climatology that their bias treatment uses; empty without seasons.

    Raises
    ------
    MissingFileError, DataError : a file of errors or climatologies is not usable.

    Notes
    -----
    Local: rank 0, which holds the observations; ``memories`` are part of the checkpoint.
    """

    def __init__(
        self,
        observations: Observations | Referee | Stations,
        runs: Sequence[str],
        domain: Domain,
        data_root: Path,
        seed: int,
        *,
        section: str = "observations",
    ) -> None:
        quality = observations.quality
        self._cells, asked = domain.cells, quality.all_checks
        self._errors = _error_sizes(observations, domain.grid, data_root)
        self.bias = _bias(observations, domain.grid, data_root)
        if self.bias.treated is not None:
            treated = int(np.count_nonzero(self.bias.treated & domain.is_soil))
            logger.info("bias treatment: %d of %d soil cells", treated, int(domain.is_soil.sum()))
        self.bias_by_season: dict[str, dict[str, int]] = {}
        if isinstance(self.bias, SeasonalTreatment):
            self.bias_by_season = self.bias.outcomes(domain.is_soil)
            for warning in outcome_warnings(self.bias_by_season):
                logger.warning("bias treatment, %s", warning)
        spikes = None if quality.spike is None else SpikeMemory(quality.spike, domain.grid.shape)
        context = CheckContext(domain.grid, domain.porosity, data_root, seed)
        self._checks = QualityControl(quality, context, spikes)
        self.memories: dict[str, CheckMemory] = {} if spikes is None else {f"{section}/{SPIKES}": spikes}
        self.memories |= {f"{section}/{CHECKS}/{name}": memory for name, memory in self._checks.memories.items()}
        innovation = quality.innovation
        self._runs = tuple(runs)
        self._judges = () if innovation is None else self._runs if innovation.run is None else (innovation.run,)
        self._vegetation = _vegetation(domain) if any(check.needs_vegetation for check in asked) else None
        self._shows_backgrounds = any(check.needs_backgrounds for check in asked)

    def __call__(
        self,
        observation: ImageObservation,
        is_frozen: BoolArray,
        surface: FloatArray | None,
        backgrounds: Mapping[str, FloatArray],
    ) -> ImageObservation:
        """Apply bias treatment and checks to an observation.

        Parameters
        ----------
        observation : as the source gives it.
        is_frozen : cells with ice in the observed layers, (n_lat, n_lon).
        surface : of the first run, from ``surface_rows``, (n_cells, 2); None if no check needs it.
        backgrounds : of the observed depth by run, m3 m-3, (n_cells,).

        Returns
        -------
        The observation with its errors in ``error_std``.
        """
        std = self._errors(observation)
        observation, std = self.bias(observation, std)
        temperature, snow = (None, None) if surface is None else (self._cells.to_image(c) for c in surface.T)
        shown = self._runs if self._shows_backgrounds else ()
        checked = self._checks(
            observation,
            std,
            ModelSurface(is_frozen, temperature, snow, self._vegetation),
            [self._cells.to_image(backgrounds[name]) for name in self._judges],
            {name: self._cells.to_image(backgrounds[name]) for name in shown},
        )
        return checked.with_errors(std)


class ProcessedObservations:
    """Processed observations of the cycles; those of a referee and of stations are used in this form.

    Implements ``parts.ObservationStep``.

    Parameters
    ----------
    source, processing, domain, runs : as ``PreparedObservations``.
    withheld : cells whose values are not assimilated, (n_lat, n_lon); None: no cell.

    Notes
    -----
    Local: rank 0, which holds the backgrounds of all runs.
    """

    def __init__(
        self,
        source: ObservationSource,
        processing: ObservationProcessing,
        domain: Domain,
        runs: Sequence[str],
        withheld: BoolArray | None = None,
    ) -> None:
        self.source, self._processing, self._runs, self._withheld = source, processing, runs, withheld
        self._cells = domain.cells

    def __call__(self, images: CycleImages, surface: FloatArray | None) -> ImageObservation | None:
        """See ``parts.ObservationStep``; DataError as ``PreparedObservations``."""
        truth = None if images.truth is None else self._cells.to_image(images.truth.observed)
        observation = self.source.at(images.time, truth)
        if observation is None:
            return None
        processed = self._processing(observation, self._is_frozen(images), surface, backgrounds_of(images, self._runs))
        return processed if self._withheld is None else processed.reject(self._withheld, Flag.WITHHELD)

    def _is_frozen(self, images: CycleImages) -> BoolArray:
        """Cells with frozen soil in some run: one observation serves all runs, (n_lat, n_lon)."""
        assert images.frozen is not None, "rank 0 is the first root"
        is_frozen: BoolArray = self._cells.to_image(images.frozen.astype(np.float64), fill=0.0) > 0.0
        return is_frozen


def backgrounds_of(images: CycleImages, runs: Sequence[str]) -> dict[str, FloatArray]:
    """Backgrounds of the observed depth by run, m3 m-3, (n_cells,). Local: roots."""
    rows = ((name, images.background[name]) for name in runs)
    return {name: of_run.observed for name, of_run in rows if of_run is not None}


class SeveralProducts:
    """Processed observations of several products, of which some are combined into the one that is analysed.

    Implements ``parts.ObservationStep``; also adds the observation of every product to ``images.products``.

    Parameters
    ----------
    steps : processed observations by name of the product, in the order of the configuration.
    verifying : names of those that are not assimilated.

    Notes
    -----
    Local: rank 0.
    """

    def __init__(self, steps: Mapping[str, ProcessedObservations], verifying: Collection[str]) -> None:
        self._steps, self._verifying = steps, verifying

    def __call__(self, images: CycleImages, surface: FloatArray | None) -> ImageObservation | None:
        """See ``parts.ObservationStep``; DataError as ``PreparedObservations``."""
        found = {name: step(images, surface) for name, step in self._steps.items()}
        images.products = {name: one for name, one in found.items() if one is not None}
        assimilated = [one for name, one in images.products.items() if name not in self._verifying]
        return combined(assimilated) if assimilated else None


class PreparedObservations:
    """Observations of the cycles in the form that is analysed: processed, and without withheld ones.

    Implements ``parts.ObservationStep``.

    Parameters
    ----------
    processed : observations of the product or of several, after errors, bias treatment and quality control.
    source : of the first product, whose further layers serve for verification.
    withholding : observations kept for verification; None for none.
    domain : of the campaign.
    depths_m : scored layers, m.
    runs : names of the runs, which share the observations.

    Notes
    -----
    Local: rank 0, which holds the backgrounds of all runs.
    """

    def __init__(
        self,
        processed: ProcessedObservations | SeveralProducts,
        source: ObservationSource,
        withholding: Withholding | None,
        domain: Domain,
        depths_m: Sequence[tuple[float, float]],
        runs: Sequence[str],
    ) -> None:
        self._processed, self._source = processed, source
        self._withholding, self._cells = withholding, domain.cells
        self._layers = dict(zip(depths_m, domain.depth_names, strict=True))
        self._runs = runs

    def __call__(self, images: CycleImages, surface: FloatArray | None) -> ImageObservation | None:
        """See ``parts.ObservationStep``.

        Raises
        ------
        DataError : a file is not usable, or is missing and the configuration treats this as an error.
        """
        time, observation = images.time, self._processed(images, surface)
        if observation is None:
            return None
        if self._withholding is not None:
            observation = observation.reject(self._withholding.mask(time), Flag.WITHHELD)
        backgrounds = backgrounds_of(images, self._runs)
        for warning in plausibility_warnings(observation, backgrounds.values(), self._cells):
            logger.warning("%s: %s", time, warning)
        others = self._source.other_layers(time, list(self._layers))
        images.other_layers = {self._layers[depth]: image for depth, image in others.items()}
        return observation


def surface_rows(model: SoilModel, state: TileState) -> FloatArray:
    """Ground temperature, K, and snow, kg m-2: means over each cell's soil tiles, (n_cells_local, 2). Local."""
    return aggregate(model.tiles, np.stack([state[name] for name in _SURFACE], axis=1))


def _vegetation(domain: Domain) -> FloatArray:
    rows = aggregate(domain.tiles, domain.tiles.vegetation_fraction[:, None])
    return domain.cells.to_image(rows[:, 0])


def find_unusable(
    observations: Observations | Referee | Stations,
    grid: Grid,
    data_root: Path,
    seed: int,
    section: str = "observations",
) -> list[str]:
    """Problems of the files that the processing reads, one line each; empty if they can be used. Local."""
    problems = []
    context = CheckContext(grid, np.full(grid.shape, np.nan), data_root, seed)
    parts: tuple[tuple[str, Callable[[], object]], ...] = (
        (f"{section}.errors", lambda: _error_sizes(observations, grid, data_root)),
        (f"{section}.bias", lambda: _bias(observations, grid, data_root)),
        (f"{section}.quality.checks", lambda: build_checks(observations.quality.checks, context)),
    )
    for where, make in parts:
        try:
            make()
        except LandDAError as error:
            problems.append(f"{where}: {error}")
    return problems


def _error_sizes(observations: Observations | Referee | Stations, grid: Grid, data_root: Path) -> ErrorSizes:
    added = observations.added_std
    return ErrorSizes(observations.error_std, observations.errors, added, grid, data_root)


def _bias(observations: Observations | Referee | Stations, grid: Grid, data_root: Path) -> BiasTreatment:
    wanted = observations.bias
    if wanted.kind == "none" or observations.kind == "stations" or observations.kind == "twin":
        return Untreated()
    path, depth, enough = data_root / wanted.file, observations.depth_m, wanted.min_count
    if wanted.kind == "seasonal_cdf" or wanted.kind == "anomalies":
        treatment = CdfTreatment if wanted.kind == "seasonal_cdf" else AnomalyTreatment
        climatologies = read_seasonal_climatologies(path, grid, depth)
        return SeasonalTreatment(
            climatologies, lambda pair: treatment(pair, enough), with_annual=wanted.fallback == "annual"
        )
    pair = read_climatologies(path, grid, depth)
    if wanted.kind == "mean_variance":
        return MeanVarianceTreatment(pair, enough, wanted.max_scale)
    return CdfTreatment(pair, enough)
