"""Process layouts of a campaign on any grid and number of ranks, exact, without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landda_hpc.config import load_config
from landda_hpc.constants import IntArray
from landda_hpc.instances.domain import campaign_layout, make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.parallel.partition import partition
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.storage.cost_file import read_costs
from landda_hpc.studies.scaling.layout_units import Size, Units, count
from landda_hpc.studies.scaling.weather_cost import weather_cost
from landda_hpc.variables import STATE


@dataclass(frozen=True)
class LayoutNumbers:
    """Numbers of one layout.

    Attributes
    ----------
    ranks : number of ranks.
    imbalance : cost of the tiles of the busiest rank relative to the mean, minus 1.
    state_bytes : of the arrays of the states on the fullest rank.
    sent_bytes : that the fullest rank sends to the roots in one gathering of a column of each instance.
    """

    ranks: int
    imbalance: float
    state_bytes: float
    sent_bytes: float


@dataclass(frozen=True)
class Distribution:
    """Balance of the land cells on a number of ranks, in one member group, judged by costs that a run has measured.

    Attributes
    ----------
    ranks : number of ranks.
    by_rule, by_cost : cost of the busiest rank relative to the mean, minus 1, with cells distributed by the kinds of
        their tiles, and by the measured costs themselves: what the size of the cells leaves.
    """

    ranks: int
    by_rule: float
    by_cost: float


class Layouts:
    """Layouts of a campaign on one grid.

    Parameters
    ----------
    file, overrides : the configuration.
    shape : (n_lat, n_lon) of another grid; None for that of the configuration.

    Raises
    ------
    ConfigError, DataError : the configuration or the grid cannot be used.
    """

    def __init__(self, file: Path, overrides: Mapping[str, Any], shape: tuple[int, int] | None = None) -> None:
        grid = {} if shape is None else {"grid.n_lat": shape[0], "grid.n_lon": shape[1]}
        config = load_config(file, {**overrides, **grid})
        domain = make_domain(config, 1)
        self.shape = domain.grid.shape
        self.n_land, self.n_tiles = len(domain.cells), len(domain.tiles)
        self.n_instances = len(config.instance_names)
        self.members = max((n for run in config.runs if (n := run.shared_members) is not None), default=1)
        self.bytes_per_tile = 8 * sum(int(np.prod(STATE[name].shape, dtype=np.int64)) for name in config.state_names)
        self.floor_bytes = _array_bytes(domain, set())
        self._given = file, {**overrides, **grid}
        self._sections = config.runs, config.parallel
        self._cells, self._cost = domain.cells, domain.costs.rule

    @property
    def pixels(self) -> int:
        """Cells of the grid, with the ocean."""
        return int(self.shape[0] * self.shape[1])

    def distributions(self, folder: Path, ranks: Sequence[int]) -> list[Distribution]:
        """Balance with and without the measured costs of the campaign in a folder; empty if it has none. Local."""
        costs = read_costs(folder, self._cost)
        if costs.values is costs.rule:
            return []
        found = []
        for n in ranks:
            by_rule, by_cost = (partition_cost(costs.values, partition(used, n)) for used in (costs.rule, costs.values))
            found.append(Distribution(n, *(float(c.max() / c.mean() - 1.0) for c in (by_rule, by_cost))))
        return found

    def weather_cost(self) -> float:
        """CPU seconds per pixel for the weather of a cycle. Local: computes some."""
        config = load_config(*self._given)
        if not config.model.runs_here:
            return 0.0
        return weather_cost(EmbeddedSetup.of(config, make_domain(config, 1))) / self.pixels

    def units(self, ranks: int) -> Units:
        """Work and communication of the campaign on a number of ranks. Local."""
        layout = campaign_layout(ranks, *self._sections, self.n_instances, self._cells, self._cost)
        return count(layout, self._cost, Size(self.pixels, self.members))

    def units_of_ensemble(self, ranks: int, members: int) -> Units:
        """The same with an ensemble of so many members as instances, in the best number of groups. Local.

        The roots are those of the configuration.
        """
        roots = self._sections[1].roots
        layout = make_layout(ranks, members, self._cells.tiles_per_cell, None, roots, members, self._cost)
        return count(layout, self._cost, Size(self.pixels, members))

    def numbers(self, units: Units) -> LayoutNumbers:
        """Imbalance and bytes of a layout. Local."""
        cost = units.work["tiles"]
        return LayoutNumbers(
            ranks=units.layout.n_ranks,
            imbalance=float(cost.max() / cost.mean() - 1.0),
            state_bytes=self.bytes_per_tile * float(units.work["state"].max()),
            sent_bytes=8.0 * float(units.traffic["collect"].max()),
        )


def partition_cost(cost: IntArray, bounds: IntArray) -> IntArray:
    """Cost of each part of a partition, (n_parts,)."""
    summed = np.concatenate(([0], np.cumsum(cost)))
    parts: IntArray = np.diff(summed[bounds])
    return parts


def _array_bytes(value: Any, seen: set[int]) -> int:
    """Bytes of all arrays in a dataclass, each counted once."""
    if isinstance(value, np.ndarray):
        base = value if value.base is None or not isinstance(value.base, np.ndarray) else value.base
        is_new = id(base) not in seen
        seen.add(id(base))
        return int(base.nbytes) if is_new else 0
    if is_dataclass(value) and not isinstance(value, type):
        return sum(_array_bytes(getattr(value, field.name), seen) for field in fields(value))
    return 0
