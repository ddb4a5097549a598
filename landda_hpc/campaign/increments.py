"""What becomes of a run's increments: how they go down the soil, and what is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.analysis.drift import DriftMemory
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.vertical import built_in_regression, layer_factors, read_regression
from landda_hpc.config import AssimilatingRun, CampaignConfig, RegressionDepth, Run
from landda_hpc.constants import N_SOIL, BoolArray, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.regridding.depth import observe

DRIFT_PREFIX: Final = "drift."
"""Before the names of a drift's arrays among what a run remembers."""


@dataclass(frozen=True, eq=False)
class Descent:
    """How increments go to the layers of this rank's cells.

    Attributes
    ----------
    layers : those that take part, (n_soil,).
    factors : of each layer, 1, (n_cells_local, n_soil); None: 1 in the layers that take part.
    upper_weights : H, weights of the uppermost layers in the observed depth, (n_upper,), where these come with an
        increment each; None: there is one increment, of the observed depth.
    """

    layers: BoolArray
    factors: FloatArray | None = None
    upper_weights: FloatArray | None = None

    @property
    def n_increments(self) -> int:
        """Increments per cell that go down."""
        return 1 if self.upper_weights is None else self.upper_weights.size

    def columns(self, increments: FloatArray) -> FloatArray:
        """Increments of all layers, m3 m-3, (n_cells_local, n_soil), from (n_cells_local, n_increments).

        Layers below those that have their own take their part of the increment of the observed depth.
        """
        observed = increments if self.upper_weights is None else observe(increments, self.upper_weights)[:, None]
        whole = np.repeat(observed, N_SOIL, axis=1)
        if self.factors is not None:
            whole = self.factors * whole
        if self.upper_weights is not None:
            whole[:, : self.upper_weights.size] = increments
        return whole


def make_descent(config: CampaignConfig, domain: Domain, run: Run, rank: int) -> Descent:
    """The way down of a run's increments on this rank. Local: no communication.

    Raises
    ------
    MissingFileError, DataError, ShapeError, ConfigError : the file of slopes is not usable.
    """
    analysed = domain.observed_weights > 0.0
    upper_weights = None
    if run.n_analysed_layers:
        upper_weights = domain.observed_weights[: run.n_analysed_layers]
        analysed = np.arange(N_SOIL) < run.n_analysed_layers
    if not isinstance(run, AssimilatingRun) or not isinstance(run.depth, RegressionDepth):
        return Descent(analysed, upper_weights=upper_weights)
    depth_m = config.observations.depth_m
    if run.depth.file is None:
        regression = built_in_regression(domain.grid, depth_m)
    else:
        regression = read_regression(config.data_root / run.depth.file, domain.grid, depth_m)
    cell = domain.cells.cell[domain.layout.cells_of(rank)]
    slopes = regression.complete.reshape(N_SOIL, -1)[:, cell].T
    factors = layer_factors(slopes, domain.observed_weights > 0.0, run.depth.share)
    return Descent(np.ones(N_SOIL, dtype=np.bool_), np.ascontiguousarray(factors), upper_weights)


def make_drift(config: CampaignConfig, n_cells: int, run: Run) -> DriftMemory | None:
    """The drift that a run learns; None where it does not. Local."""
    if not isinstance(run, AssimilatingRun) or run.drift is None:
        return None
    time = config.time
    return DriftMemory(
        n_cells,
        time.cycle_hours,
        time.start,
        time.assimilation_end,
        share=run.drift.share,
        limit=run.drift.limit,
        per_time_of_day=run.drift.per_time_of_day,
        settle_days=run.drift.settle_days,
        forecast_days=run.drift.forecast_days,
    )


@dataclass(frozen=True, eq=False)
class RunMemory:
    """Everything that a run remembers, its method and its drift, as one MethodMemory."""

    method: MethodMemory | None
    drift: DriftMemory | None

    def state(self) -> dict[str, FloatArray]:
        """Arrays of both. Local."""
        arrays = {} if self.method is None else self.method.state()
        if self.drift is not None:
            arrays |= {DRIFT_PREFIX + name: array for name, array in self.drift.state().items()}
        return arrays

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Take up what ``state`` gave; ShapeError if it is another's. Local."""
        of_drift = {n.removeprefix(DRIFT_PREFIX): a for n, a in arrays.items() if n.startswith(DRIFT_PREFIX)}
        if self.method is not None:
            self.method.restore({n: a for n, a in arrays.items() if not n.startswith(DRIFT_PREFIX)})
        if self.drift is not None:
            self.drift.restore(of_drift)
