"""Update of an ensemble of model states by observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from landda_hpc.analysis.ensemble.layers import LayerRegression, within_bounds
from landda_hpc.analysis.ensemble.protocol import EnsembleAnalysis, EnsembleMethod, EnsemblePair
from landda_hpc.campaign.increments import Analysed, Distribution, Update, VerticalSpreading, image_pair
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.cell_means import cell_means
from landda_hpc.constants import DRY_SHARE, FloatArray
from landda_hpc.instances.instance import Instance
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.state import Tiles


@dataclass(frozen=True, eq=False)
class EnsembleUpdate(Update):
    """Update of an ensemble.

    Attributes
    ----------
    spreading : vertical spreading of increments of the observed depth in this root's own cells: fixed, or by regression
        on the members.
    bounds : lower and upper bound of soil water in this root's own cells, m3 m-3, (n_owned, n_soil) each.
    method : on roots; None elsewhere, and for an ensemble without analyses.
    """

    spreading: VerticalSpreading | LayerRegression
    bounds: tuple[FloatArray, FloatArray]
    method: EnsembleMethod | None = None

    def analyse(
        self,
        rows: RunRows | None,
        observation: ImageObservation | None,
        time: datetime,
        referee: ImageObservation | None = None,
        stations: ImageObservation | None = None,
    ) -> Analysed | None:
        """See ``Update.analyse``; the increments are within the bounds of the cells and keep their mean."""
        if self.method is None or rows is None or rows.members is None or observation is None:
            return None
        domain, members = self.domain, rows.members
        layers = np.stack([domain.columns.soil(member) for member in members.rows])
        pair = EnsemblePair(
            mean=image_pair(domain, rows.observed, observation, time, referee, stations),
            cell=domain.cells.cell,
            observed=members.observed,
            owned=members.owned,
            layers=layers,
            weights=domain.observed_weights,
        )
        analysis = self.method.analyse(pair)
        self.learn_drift(analysis.mean, observation, time)
        wanted = np.where(np.isfinite(layers), self._of_layers(pair, analysis), 0.0)
        return Analysed(analysis.mean, within_bounds(np.nan_to_num(layers), wanted, *self.bounds))

    def distribute(
        self, instances: Sequence[Instance], found: Analysed | None, exchange: Distribution
    ) -> FloatArray | None:
        """See ``Update.distribute``."""
        return exchange.distribute_members(instances, None if found is None else found.increments)

    def _of_layers(self, pair: EnsemblePair, analysis: EnsembleAnalysis) -> FloatArray:
        """Increments of all layers, (n_members, n_owned, n_soil)."""
        if analysis.layers is not None:
            return analysis.layers
        assert analysis.observed is not None, "an analysis has increments"
        if isinstance(self.spreading, LayerRegression):
            return self.spreading.increments(pair, analysis.observed)
        columns = (self.spreading.columns(member[:, None]) for member in analysis.observed)
        return np.stack([np.where(self.spreading.layers, increments, 0.0) for increments in columns])


def water_bounds(tiles: Tiles, cells: slice) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of the mean soil water of some land cells, m3 m-3, (n_cells, n_soil) each. Local.

    Parameters
    ----------
    tiles : all tiles of the campaign.
    """
    dry = np.maximum(tiles.theta_r, DRY_SHARE * tiles.porsl)
    lower, upper = (
        np.nan_to_num(cell_means(tiles.cell, tiles.area_fraction, tiles.is_updatable, bound)[cells])
        for bound in (dry, tiles.porsl)
    )
    return lower, upper
