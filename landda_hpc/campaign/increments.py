"""The update of a run: its analysis, the vertical spreading of increments, and the drift estimated from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from landda_hpc.analysis.drift import DriftMemory
from landda_hpc.analysis.layers import LayeredMethod, analyse_separately
from landda_hpc.analysis.protocol import Analysis, AnalysisMethod, HearsIncrements, ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.vertical import built_in_regression, layer_factors, read_regression
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import Run, TimeConfig
from landda_hpc.constants import N_SOIL, SOIL_DZ, BoolArray, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.regridding.depth import observe

DRIFT_PREFIX: Final = "drift."
"""Prefix of the names of a drift's arrays in the memory of a run."""


@dataclass(frozen=True, eq=False)
class VerticalSpreading:
    """Vertical spreading of increments to the soil layers, for this rank's cells.

    Attributes
    ----------
    layers : layers that receive increments, (n_soil,).
    factors : factor of each layer, 1, (n_cells_local, n_soil); None: 1 in the layers that receive increments.
    upper_weights : H, weights of the uppermost layers in the observed depth, (n_upper,), if each of
        them has its own increment; None: one increment of the observed depth.
    """

    layers: BoolArray
    factors: FloatArray | None = None
    upper_weights: FloatArray | None = None

    @property
    def n_increments(self) -> int:
        """Number of increments per cell."""
        return 1 if self.upper_weights is None else self.upper_weights.size

    def columns(self, increments: FloatArray) -> FloatArray:
        """Increments of all layers, m3 m-3, (n_cells_local, n_soil), from (n_cells_local, n_increments).

        Layers without their own increment get their share of the increment of the observed depth.
        """
        observed = increments if self.upper_weights is None else observe(increments, self.upper_weights)[:, None]
        whole = np.repeat(observed, N_SOIL, axis=1)
        if self.factors is not None:
            whole = self.factors * whole
        if self.upper_weights is not None:
            whole[:, : self.upper_weights.size] = increments
        return whole


def make_vertical_spreading(
    run: Run, domain: Domain, cells: slice, depth_m: tuple[float, float], data_root: Path
) -> VerticalSpreading:
    """Create the vertical spreading of a run's increments in some cells. Local: no communication.

    Parameters
    ----------
    cells : land cells, such as those of this rank.
    depth_m : the observed depth.
    data_root : folder of the file of slopes.

    Raises
    ------
    MissingFileError, DataError, ShapeError, ConfigError : the file of slopes is not usable.
    """
    analysed = domain.observed_weights > 0.0
    upper_weights = None
    if run.n_analysed_layers:
        upper_weights = domain.observed_weights[: run.n_analysed_layers]
        analysed = np.arange(N_SOIL) < run.n_analysed_layers
    if run.increments_by_fraction:
        within = domain.observed_weights * (depth_m[1] - depth_m[0]) / SOIL_DZ
        return VerticalSpreading(analysed, np.tile(within, (cells.stop - cells.start, 1)))
    if run.slopes is None:
        return VerticalSpreading(analysed, upper_weights=upper_weights)
    if run.slopes.file is None:
        regression = built_in_regression(domain.grid, depth_m)
    else:
        regression = read_regression(data_root / run.slopes.file, domain.grid, depth_m)
    cell = domain.cells.cell[cells]
    slopes = regression.complete.reshape(N_SOIL, -1)[:, cell].T
    factors = layer_factors(slopes, domain.observed_weights > 0.0, run.slopes.share)
    return VerticalSpreading(np.ones(N_SOIL, dtype=np.bool_), np.ascontiguousarray(factors), upper_weights)


def make_drift(run: Run, time: TimeConfig, n_cells: int) -> DriftMemory | None:
    """The drift estimation of a run; None without one. Local."""
    if run.learned_drift is None:
        return None
    return DriftMemory(n_cells, time.cycle_hours, time.start, time.assimilation_end, run.learned_drift)


@dataclass(frozen=True, eq=False)
class RunMemory:
    """The memory of a run, of its method and its drift, as one MethodMemory."""

    method: MethodMemory | None
    drift: DriftMemory | None

    def state(self) -> dict[str, FloatArray]:
        """Arrays of both. Local."""
        arrays = {} if self.method is None else self.method.state()
        if self.drift is not None:
            arrays |= {DRIFT_PREFIX + name: array for name, array in self.drift.state().items()}
        return arrays

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restore the output of ``state``; ShapeError if it belongs to another run. Local."""
        of_drift = {n.removeprefix(DRIFT_PREFIX): a for n, a in arrays.items() if n.startswith(DRIFT_PREFIX)}
        if self.method is not None:
            self.method.restore({n: a for n, a in arrays.items() if not n.startswith(DRIFT_PREFIX)})
        if self.drift is not None:
            self.drift.restore(of_drift)


class ImageAnalysis(Protocol):
    """The analysis of a run from its cell means: of the observed depth, or of each of the uppermost layers."""

    def __call__(
        self,
        rows: RunRows,
        observation: ImageObservation,
        time: datetime,
        referee: ImageObservation | None = None,
        stations: ImageObservation | None = None,
    ) -> Analysis:
        """Analyse cell means. Collective over the root group."""
        ...


@dataclass(frozen=True, eq=False)
class AnalysisOfObservedDepth:
    """One analysis, of the mean over the observed depth; an ``ImageAnalysis``."""

    method: AnalysisMethod
    domain: Domain

    def __call__(
        self,
        rows: RunRows,
        observation: ImageObservation,
        time: datetime,
        referee: ImageObservation | None = None,
        stations: ImageObservation | None = None,
    ) -> Analysis:
        """See ``ImageAnalysis``."""
        return self.method.analyse(image_pair(self.domain, rows.observed, observation, time, referee, stations))


@dataclass(frozen=True, eq=False)
class AnalysisOfUpperLayers:
    """One analysis for each of the uppermost soil layers; an ``ImageAnalysis``.

    Attributes
    ----------
    method, domain : of the run, and of the campaign.
    n_layers : number of layers.
    share : gives every root the rows of all cells, (n_cells, n), from those that each root owns.
    """

    method: LayeredMethod
    domain: Domain
    n_layers: int
    share: Callable[[FloatArray], FloatArray | None]

    def __call__(
        self,
        rows: RunRows,
        observation: ImageObservation,
        time: datetime,
        referee: ImageObservation | None = None,  # noqa: ARG002 - of the observed depth, not of its layers
        stations: ImageObservation | None = None,  # noqa: ARG002
    ) -> Analysis:
        """See ``ImageAnalysis``."""
        theta = self.share(self.domain.columns.soil(rows.mean)[:, : self.n_layers])
        assert theta is not None, "the analysis runs on roots"
        pairs = [image_pair(self.domain, layer, observation, time) for layer in theta.T]
        return analyse_separately(self.method, pairs, self.domain.observed_weights[: self.n_layers])


def image_pair(
    domain: Domain,
    background: FloatArray,
    observation: ImageObservation,
    time: datetime,
    referee: ImageObservation | None = None,
    stations: ImageObservation | None = None,
) -> ImagePair:
    """Background, from cell means of the observed depth (n_cells,), and observation as images. Local."""
    return ImagePair(
        background=domain.cells.to_image(background),
        observation=observation.values,
        domain=domain.is_soil,
        time_key=time.isoformat(),
        observation_std=observation.error_std,
        referee=None if referee is None else referee.values,
        stations=None if stations is None else stations.values,
        stations_std=None if stations is None else stations.error_std,
    )


class Distribution(Protocol):
    """Adds increments from the roots to the tiles of all ranks."""

    def distribute(
        self, instances: Sequence[Instance], increments: FloatArray | None, spreading: VerticalSpreading
    ) -> FloatArray | None:
        """Add the same increments to one state or to all members; the mean water ledger, (n_owned, 5), on roots.

        Collective.

        Parameters
        ----------
        increments : m3 m-3, (n_cells, n_increments), the same on every root; ignored elsewhere.
        spreading : vertical spreading to the soil layers of this rank's cells.
        """
        ...

    def distribute_members(self, instances: Sequence[Instance], increments: FloatArray | None) -> FloatArray | None:
        """Add its own increments to every member; the mean water ledger, (n_owned, 5), on roots. Collective.

        Parameters
        ----------
        increments : of all layers in the root's own cells, m3 m-3, (n_members, n_owned, n_soil); ignored elsewhere.
        """
        ...


@dataclass(frozen=True, eq=False)
class Analysed:
    """Result of an update on one root.

    Attributes
    ----------
    analysis : of the run, or of the mean of its ensemble.
    increments : m3 m-3: (n_cells, n_increments) of a run with one state; (n_members, n_owned, n_soil) of an ensemble.
    """

    analysis: Analysis
    increments: FloatArray


@dataclass(frozen=True, eq=False)
class Update(ABC):
    """Update of a run by an observation.

    Attributes
    ----------
    domain : of the campaign.
    drift_spreading : vertical spreading of the drift correction, to the layers that overlap the observed depth.
    drift : drift estimation; None without one.
    listener : the method, on roots, if it asks for the increments that the model received; else None.
    assimilates : whether the run has analyses.
    """

    domain: Domain
    drift_spreading: VerticalSpreading
    drift: DriftMemory | None
    listener: HearsIncrements | None
    assimilates: bool

    @abstractmethod
    def analyse(
        self,
        rows: RunRows | None,
        observation: ImageObservation | None,
        time: datetime,
        referee: ImageObservation | None = None,
        stations: ImageObservation | None = None,
    ) -> Analysed | None:
        """Analyse cell means, and learn the drift; None outside the root group. Collective over the root group.

        Parameters
        ----------
        rows : backgrounds; None on ranks that are not roots.
        observation, referee, stations : the same on every root; None on other ranks, or without one.
        """

    @abstractmethod
    def distribute(
        self, instances: Sequence[Instance], found: Analysed | None, exchange: Distribution
    ) -> FloatArray | None:
        """Add the increments to the model; the water ledger, (n_owned, 5), on roots. Collective."""

    def learn_drift(self, analysis: Analysis, observation: ImageObservation, time: datetime) -> None:
        """Update the drift estimate from an analysis, in observed cells. Local: roots."""
        if self.drift is not None:
            observed = np.isfinite(self.domain.cells.from_image(observation.values))
            self.drift.learn(time, self.domain.cells.from_image(analysis.increment), observed)

    def report_increment(self, before: RunRows | None, after: RunRows | None) -> None:
        """Report the increment that the model received to a method that asks for it. Local: roots.

        Parameters
        ----------
        before, after : cell means of background and analysis; None on other ranks.
        """
        if self.listener is not None and before is not None and after is not None:
            received = self.domain.cells.to_image(after.observed - before.observed, fill=0.0)
            self.listener.applied(np.where(self.domain.is_soil, received, 0.0))


@dataclass(frozen=True, eq=False)
class RunUpdate(Update):
    """Update of a run with one state.

    Attributes
    ----------
    spreading : vertical spreading of analysis increments, on this rank.
    analysis : on roots; None elsewhere, and for a run without analyses.
    """

    spreading: VerticalSpreading
    analysis: ImageAnalysis | None = None

    def analyse(
        self,
        rows: RunRows | None,
        observation: ImageObservation | None,
        time: datetime,
        referee: ImageObservation | None = None,
        stations: ImageObservation | None = None,
    ) -> Analysed | None:
        """See ``Update.analyse``."""
        if self.analysis is None or rows is None or observation is None:
            return None
        analysis = self.analysis(rows, observation, time, referee, stations)
        self.learn_drift(analysis, observation, time)
        increments = [self.domain.cells.from_image(part.increment) for part in analysis.parts]
        return Analysed(analysis, np.stack(increments, axis=1))

    def distribute(
        self, instances: Sequence[Instance], found: Analysed | None, exchange: Distribution
    ) -> FloatArray | None:
        """See ``Update.distribute``."""
        return exchange.distribute(instances, None if found is None else found.increments, self.spreading)
