"""Communication in a cycle between the tiles of all ranks and the cell means on the roots: aggregate and distribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from landda_hpc.analysis.ensemble.protocol import ordered_mean
from landda_hpc.campaign.increments import VerticalSpreading
from landda_hpc.campaign.observation_preparation import surface_rows
from landda_hpc.campaign.recorder import CycleImages
from landda_hpc.campaign.run_rows import MemberRows, RunRows, observed_of, statistics
from landda_hpc.constants import N_SOIL, BoolArray, FloatArray
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import NATURE, Instance
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.verification.statistics.ensembles import crps
from landda_hpc.water_ledger import LEDGER_ACCOUNTS, WaterLedger

N_ACCOUNTS: Final = len(LEDGER_ACCOUNTS)


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

    def gather_means(self, instances: Sequence[Instance]) -> RunRows | None:
        """Cell means of a run or of the members of its ensemble, on the roots. Collective."""
        if instances[0].member is None:
            rows = self._traffic.gather(instances[0].index, self._rows(instances[0]), self._domain.columns.size)
            return None if rows is None else RunRows(rows)
        n = self._domain.columns.size
        collected = [self._traffic.collect(member.index, self._rows(member), n) for member in instances]
        rows = None if collected[0] is None else np.stack([part for part in collected if part is not None])
        both = self._traffic.share(None if rows is None else statistics(rows))
        mine = None if rows is None else observed_of(self._domain.columns, rows).T
        observed = self._traffic.share(mine)
        if rows is None or both is None or observed is None:
            return None
        members = MemberRows(both[:, n:], np.ascontiguousarray(observed.T), self._traffic.owned, rows)
        return RunRows(np.ascontiguousarray(both[:, :n]), members)

    def score_members(self, images: CycleImages) -> None:
        """Compute the CRPS of every ensemble against the nature run. Collective over the root group."""
        truth = images.background.get(NATURE)
        if truth is None:
            return
        for key, members in images.members.items():
            crps_here = crps(members.rows, truth[members.owned])
            images.members[key] = replace(members, crps=self._traffic.share(crps_here))

    def _rows(self, instance: Instance) -> FloatArray | None:
        """Cell means of an instance in this rank's cells; None if it does not hold the instance. Local."""
        if instance.model is None or instance.state is None:
            return None
        domain = self._domain
        frozen = np.any(frozen_layers(instance.state) & self._observed, axis=1)
        values = domain.columns.of_tiles(
            volumetric_water(instance.state), frozen, domain.observed_weights, domain.depth_weights
        )
        return aggregate(instance.model.tiles, values)

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
        self, instances: Sequence[Instance], increments: FloatArray | None, spreading: VerticalSpreading
    ) -> FloatArray | None:
        """Add the same increments, (n_cells, n_increments) on roots, to one state or all members. Collective.

        Returns
        -------
        The water ledger on roots, (n_cells, 5), the mean over the members.
        """
        ledgers = []
        for instance in instances:
            mine = self._traffic.scatter(instance.index, increments, spreading.n_increments)
            columns = None if mine is None else spreading.columns(mine)
            ledgers.append(self._add(instance, columns, spreading.layers))
        return self._mean_ledger(ledgers)

    def distribute_members(self, instances: Sequence[Instance], increments: FloatArray | None) -> FloatArray | None:
        """Add its own increments to every member; the mean water ledger on roots, (n_cells, 5). Collective.

        Parameters
        ----------
        increments : of all layers in the root's own cells, m3 m-3, (n_members, n_owned, n_soil); None elsewhere.
        """
        ledgers, every = [], np.ones(N_SOIL, dtype=np.bool_)
        for number, instance in enumerate(instances):
            owned = None if increments is None else np.ascontiguousarray(increments[number])
            ledgers.append(self._add(instance, self._traffic.scatter_owned(instance.index, owned, N_SOIL), every))
        return self._mean_ledger(ledgers)

    def _add(self, instance: Instance, columns: FloatArray | None, layers: BoolArray) -> FloatArray | None:
        """Add increments, (n_cells_local, n_soil), to an instance; its ledger in the root's own cells. Collective."""
        ledger: WaterLedger | None = None
        if columns is not None and instance.model is not None and instance.state is not None:
            ledger = distribute(instance.model.tiles, instance.state, columns, layers)
            instance.model.diagnose(instance.state)
        return self._traffic.collect(instance.index, None if ledger is None else ledger.rows, N_ACCOUNTS)

    def _mean_ledger(self, ledgers: Sequence[FloatArray | None]) -> FloatArray | None:
        """Mean of the members' ledgers of all cells, on the roots. Collective."""
        mine = [ledger for ledger in ledgers if ledger is not None]
        return self._traffic.share(ordered_mean(np.stack(mine)) if mine else None)
