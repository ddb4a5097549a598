"""Communication in a cycle between the tiles of all ranks and the cell means on the roots: aggregate and distribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from landda_hpc.analysis.ensemble.protocol import ordered_mean
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.increments import VerticalSpreading
from landda_hpc.campaign.observation_preparation import surface_rows
from landda_hpc.campaign.run_rows import MemberRows, RunRows, observed_of, statistics
from landda_hpc.constants import N_SOIL, BoolArray, FloatArray
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
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
        columns, share = self._domain.columns, self._traffic.share
        n = columns.size
        if instances[0].member is None:
            rows = self._traffic.collect(instances[0].index, self._rows(instances[0]), n)
            observed = share(None if rows is None else columns.observed(rows)[:, None])
            return None if rows is None or observed is None else RunRows(rows, observed[:, 0])
        collected = [self._traffic.collect(member.index, self._rows(member), n) for member in instances]
        every = None if collected[0] is None else np.stack([part for part in collected if part is not None])
        both = None if every is None else statistics(every)
        observed = share(None if both is None else both[:, :1])
        members = share(None if every is None else observed_of(columns, every).T)
        if every is None or both is None or observed is None or members is None:
            return None
        mean, spread = np.ascontiguousarray(both[:, :n]), np.ascontiguousarray(both[:, n:])
        of_members = MemberRows(spread, np.ascontiguousarray(members.T), self._traffic.owned, every)
        return RunRows(mean, observed[:, 0], of_members)

    def gather_frozen(self, images: CycleImages, runs: Sequence[str]) -> None:
        """Set the cells with frozen soil in some run, on the first root. Collective over the root group."""
        rows = [images.background[name] for name in runs]
        shares = [self._domain.columns.frozen(one.mean) for one in rows if one is not None]
        frozen = np.any(np.stack(shares) > 0.0, axis=0)[:, None].astype(np.float64) if shares else None
        whole = self._traffic.to_root(frozen, 0)
        images.frozen = None if whole is None else whole[:, 0] > 0.0

    def score_members(self, images: CycleImages) -> None:
        """Compute the CRPS of every ensemble against the nature run, in each root's own cells. Local."""
        if images.truth is None:
            return
        for of_stage in (images.background, images.analysis):
            for name, rows in of_stage.items():
                if rows is not None and rows.members is not None:
                    scored = crps(rows.members.rows, images.truth.mean)
                    of_stage[name] = replace(rows, members=replace(rows.members, crps=scored))

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
        """Ground temperature and snow on the first root, (n_cells, 2), as ``surface_rows``. Collective."""
        rows = None
        if instance.model is not None and instance.state is not None:
            rows = surface_rows(instance.model, instance.state)
        return self._traffic.to_root(self._traffic.collect(instance.index, rows, 2), 0)

    def broadcast_to_roots(self, observation: ImageObservation | None) -> ImageObservation | None:
        """The observation of rank 0 on every root; None elsewhere. Collective."""
        group = self._traffic.root_group
        return None if group is None else group.broadcast(observation)

    def share_layers(self, images: CycleImages) -> None:
        """Give each root the product's further layers in its own cells. Collective over the root group."""
        group, cells = self._traffic.root_group, self._domain.cells
        if group is None:
            return
        for name in group.broadcast(list(images.other_layers)):
            whole = cells.from_image(images.other_layers[name])[:, None] if group.rank == 0 else None
            images.product_layers[name] = self._traffic.from_first(whole, 1)[:, 0]

    def distribute(
        self, instances: Sequence[Instance], increments: FloatArray | None, spreading: VerticalSpreading
    ) -> FloatArray | None:
        """Add the same increments, (n_cells, n_increments) on roots, to one state or all members. Collective.

        Returns
        -------
        The water ledger in the root's own cells, (n_owned, 5), the mean over the members; None elsewhere.
        """
        ledgers = []
        for instance in instances:
            mine = self._traffic.scatter(instance.index, increments, spreading.n_increments)
            columns = None if mine is None else spreading.columns(mine)
            ledgers.append(self._add(instance, columns, spreading.layers))
        return self._mean_ledger(ledgers)

    def distribute_members(self, instances: Sequence[Instance], increments: FloatArray | None) -> FloatArray | None:
        """Add its own increments to every member; the mean water ledger on roots, (n_owned, 5). Collective.

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
        """Mean of the members' ledgers in the root's own cells. Local."""
        mine = [ledger for ledger in ledgers if ledger is not None]
        return ordered_mean(np.stack(mine)) if mine else None
