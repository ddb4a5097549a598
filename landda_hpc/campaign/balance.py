"""Balance of the ranks: measured cost of the forecasts of land cells, and when they are distributed again."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.model_system import ForecastCost, ModelSystem
from landda_hpc.parallel.cell_costs import CellCosts, WorkPiece, avoidable, imbalance, piece_of_work
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.cost_file import write_costs

logger = logging.getLogger(__name__)

Rebalance = Literal["auto", "always", "never"]

MEASURED_H: Final = 24.0
"""Simulated hours that are measured at least: the cost of a tile follows the sun."""

_TOLERATED: Final = 0.03
"""Imbalance of the forecasts' CPU time that 'auto' accepts."""

_GAIN: Final = 3.0
"""'auto' distributes again if this saves so many times what building the models took, and twice as much each further
time: the ranks also read the checkpoint, and compute a block of weather again."""


@dataclass(eq=False)
class Balance:
    """Measures the forecasts of all ranks on one distribution of the land cells.

    Attributes
    ----------
    rule : when land cells are distributed again.
    domain : with the present distribution.
    world, folder : of the campaign.
    models : measured.
    build_s : wall time in which this rank's models were built.
    number : how often the land cells have been distributed again in this job.
    latest : costs for the next distribution.
    """

    rule: Rebalance
    domain: Domain
    world: Communicator
    folder: Path
    models: ModelSystem
    build_s: float
    number: int
    latest: CellCosts = field(init=False)

    def __post_init__(self) -> None:
        self.latest = self.domain.costs
        self._work: FloatArray | None = None
        self._before = ForecastCost()
        self._seconds: FloatArray = np.zeros(self.world.size)
        self._hours = 0.0
        self._slowest_build = 0.0

    def measure(self) -> None:
        """Take in what the forecasts took since the last call, and save the costs. Collective.

        Once a day has been measured, what was measured before counts half as much with each call.
        """
        layout, world = self.domain.layout, self.world
        now = self.models.forecast_cost
        new, self._before = now.since(self._before), now
        kept = 0.5 if self._hours >= MEASURED_H else 1.0
        self._hours = kept * self._hours + new.hours
        self._work = new.work if self._work is None or new.work is None else kept * self._work + new.work
        everyone = world.all_gather((new.seconds, self.build_s, self._piece()))
        self._seconds = kept * self._seconds + np.array([seconds for seconds, _, _ in everyone])
        self._slowest_build = max(build_s for _, build_s, _ in everyone)
        if new.hours <= 0.0 or self._hours < MEASURED_H:
            return
        counted = self.domain.costs.counted(piece for _, _, piece in everyone)
        self.latest = counted.measured(layout, self._seconds)
        with together(self.world, "saving the costs of the land cells"):
            if world.rank == 0:
                write_costs(self.folder, self.latest)

    def _piece(self) -> WorkPiece:
        """Work that this rank counted in its cells. Local."""
        mine = self.domain.layout.cells_of(self.world.rank)
        if self._work is None or mine.start == mine.stop:
            return 0, np.zeros(0)
        of_cell = np.repeat(np.arange(mine.stop - mine.start), self.domain.cells.tiles_per_cell[mine])
        return piece_of_work(np.bincount(of_cell, weights=self._work).astype(np.float64), mine, len(self.domain.cells))

    def is_due(self, hours_left: float) -> bool:
        """Whether the land cells are to be distributed again; the same on every rank. Local.

        Parameters
        ----------
        hours_left : simulated time until the end of the campaign.
        """
        if self.latest is self.domain.costs or hours_left <= 0.0:
            return False
        found = imbalance(self.domain.layout, self._seconds)
        saved = avoidable(self.domain.layout, self._seconds) * hours_left / self._hours
        needed = _GAIN * 2.0**self.number * self._slowest_build
        is_due = self.rule == "always" or (found > _TOLERATED and saved > needed)
        if self.world.rank == 0 and is_due:
            logger.info(
                "the land cells are distributed again: the forecasts' CPU time on the busiest rank is %.1f %% above "
                "the mean, %.2g s until the end", 100.0 * found, saved,
            )  # fmt: skip
        return is_due
