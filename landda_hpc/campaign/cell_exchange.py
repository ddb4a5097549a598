"""Communication in a cycle between the tiles of all ranks and the cell means on the roots: aggregate and distribute."""

from __future__ import annotations

import numpy as np

from landda_hpc.campaign.increments import VerticalSpreading
from landda_hpc.campaign.observation_preparation import surface_rows
from landda_hpc.constants import FloatArray
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.water_ledger import WaterLedger


class TileExchange:
    """Implements ``CellExchange`` over the campaign's process layout.

    Parameters
    ----------
    domain : of the campaign.
    traffic : communication of all ranks with the roots.
    """

    def __init__(self, domain: Domain, traffic: RootTraffic) -> None:
        self._domain, self._traffic = domain, traffic
        self._observed = domain.observed_weights > 0.0

    def gather_means(self, instance: Instance) -> FloatArray | None:
        """Cell means on the roots, (n_cells, n_columns), in the layout of ``Columns``. Collective."""
        domain, rows = self._domain, None
        if instance.model is not None and instance.state is not None:
            frozen = np.any(frozen_layers(instance.state) & self._observed, axis=1)
            values = domain.columns.of_tiles(
                volumetric_water(instance.state), frozen, domain.observed_weights, domain.depth_weights
            )
            rows = aggregate(instance.model.tiles, values)
        return self._traffic.gather(instance.index, rows, domain.columns.size)

    def gather_surface(self, instance: Instance) -> FloatArray | None:
        """Ground temperature and snow on the roots, (n_cells, 2), in the layout of ``surface_rows``. Collective."""
        rows = None
        if instance.model is not None and instance.state is not None:
            rows = surface_rows(instance.model, instance.state)
        return self._traffic.gather(instance.index, rows, 2)

    def broadcast_to_roots(self, observation: ImageObservation | None) -> ImageObservation | None:
        """The observation of rank 0 on every root; None elsewhere. Collective."""
        group = self._traffic.root_group
        return None if group is None else group.broadcast(observation)

    def distribute(
        self, instance: Instance, increments: FloatArray | None, spreading: VerticalSpreading
    ) -> FloatArray | None:
        """Add increments, (n_cells, n_increments) on roots, to the tiles; the water ledger on roots. Collective."""
        mine = self._traffic.scatter(instance.index, increments, spreading.n_increments)
        ledger: WaterLedger | None = None
        if mine is not None and instance.model is not None and instance.state is not None:
            ledger = distribute(instance.model.tiles, instance.state, spreading.columns(mine), spreading.layers)
            instance.model.diagnose(instance.state)
        return self._traffic.gather(instance.index, None if ledger is None else ledger.rows, 5)
