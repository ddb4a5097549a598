"""Relative cost of the land cells: from a rule, the work that forecasts counted, and the time that ranks took.

Counters of work have no noise and give the cost of every cell. They miss what differs between machines, and models
without counters have none. Of the ranks, the time of their parts is known; the costs of the cells of a part are scaled
to that. The boundaries move with the next partition, so that repeated measurements find the cost of ever smaller
pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.partition import even_partition
from landda_hpc.parallel.process_layout import Layout

MOST_PARTS: Final = 16384
"""Largest number of parts in which costs are kept; with more cells, a part has several successive cells."""

_RESOLUTION: Final = 1000.0
"""Mean cost of a cell as an integer."""

_MOST_CHANGE: Final = 4.0
"""Largest change by one measurement of time, which other programs on the rank's core may have disturbed."""

_NOISE_S: Final = 5.0
"""CPU seconds of the mean rank of which half is trusted: the more was measured, the less noise it has."""

_FEWEST: Final = 6
"""Number of ranks whose differences show noise."""

WorkPiece = tuple[int, FloatArray]
"""Number of a first part, and the work in the cells that a rank has in this part and in the following ones."""


@dataclass(frozen=True, eq=False)
class CellCosts:
    """Relative cost of the forecast of each land cell.

    Attributes
    ----------
    rule : cost by the kinds of the cell's tiles, non-negative integers, (n_cells,).
    work : counted work relative to the rule, in each part of an even partition of the cells, positive, (n_parts,).
    correction : measured time relative to the work, the same.
    """

    rule: IntArray
    work: FloatArray
    correction: FloatArray

    def __post_init__(self) -> None:
        expected = (n_parts(self.rule.size),)
        for name, values in (("work", self.work), ("correction", self.correction)):
            if values.shape != expected or not np.all((values > 0.0) & np.isfinite(values)):
                raise ShapeError(
                    f"{name} of {self.rule.size} cells: expected {expected[0]} positive numbers, found an array "
                    f"{values.shape} from {np.min(values, initial=np.inf):g} to {np.max(values, initial=0.0):g}."
                )

    @classmethod
    def of_rule(cls, rule: IntArray) -> Self:
        """The rule alone."""
        return cls(rule, np.ones(n_parts(rule.size)), np.ones(n_parts(rule.size)))

    @cached_property
    def values(self) -> IntArray:
        """Relative cost of each land cell, int64, (n_cells,); the rule itself without measurements."""
        factors = self.work * self.correction
        if np.all(factors == 1.0):
            return self.rule
        exact = self._of_cells(factors)
        found: IntArray = np.rint(exact * (_RESOLUTION / exact.mean())).astype(np.int64)
        return found

    def counted(self, pieces: Iterable[WorkPiece]) -> CellCosts:
        """Costs by the work that all ranks counted (``piece_of_work``); these costs if they counted none. Local."""
        total = np.zeros(self.work.size)
        for first, work in pieces:
            total[first : first + work.size] += work
        if not total.any():
            return self
        rule = self._of_parts(self.rule)
        known = (total > 0.0) & (rule > 0.0)
        work = np.ones(total.size)
        work[known] = total[known] / rule[known] * (rule[known].sum() / total[known].sum())
        return replace(self, work=work)

    def measured(self, layout: Layout, seconds: FloatArray) -> CellCosts:
        """Costs corrected by what the ranks of a layout took, as far as that is more than noise. Local.

        Parameters
        ----------
        layout : that was measured.
        seconds : CPU time of every rank, (n_ranks,).

        Returns
        -------
        The mean over the member groups of several ranks; these costs themselves if there is none, or if nothing was
        measured.
        """
        exact = self._of_cells(self.work * self.correction)
        summed = np.concatenate(([0.0], np.cumsum(exact)))
        changes = np.zeros(exact.size)
        groups = of_groups(layout, seconds)
        for bounds, took in groups:
            said = np.diff(summed[bounds])
            known = (said > 0.0) & (took > 0.0)
            change = np.ones(took.size)
            change[known] = took[known] / said[known] * (said[known].sum() / took[known].sum())
            change = np.clip(change, 1.0 / _MOST_CHANGE, _MOST_CHANGE)
            changes += np.repeat(change ** _trust(np.log(change), float(took.mean())), np.diff(bounds))
        if not groups:
            return self
        before = self._of_parts(exact)
        after = self._of_parts(exact * changes / len(groups))
        change = np.where(before > 0.0, after / np.where(before > 0.0, before, 1.0), 1.0)
        return replace(self, correction=self.correction * change * (before.sum() / after.sum()))

    def _of_cells(self, factors: FloatArray) -> FloatArray:
        repeats = np.diff(even_partition(self.rule.size, factors.size))
        exact: FloatArray = np.repeat(factors, repeats) * self.rule
        return exact

    def _of_parts(self, values: FloatArray | IntArray) -> FloatArray:
        sums: FloatArray = np.add.reduceat(values.astype(np.float64), even_partition(values.size, self.work.size)[:-1])
        return sums


def _trust(changes: FloatArray, seconds: float) -> float:
    """Return the part of measured changes, 0 to 1, that is taken for more than noise.

    Costs that were misjudged, such as those of a climate, are similar on successive ranks, which have neighbouring
    cells. Noise is not: half the mean square of the differences between successive ranks is its variance. The rest of
    the mean square of the changes is due to the costs.

    Parameters
    ----------
    changes : logarithms of measured over expected times, in the order of the cells, (n_ranks,).
    seconds : CPU time of the mean rank.
    """
    by_time = seconds / (seconds + _NOISE_S)
    total = float(np.mean(changes**2))
    if changes.size < _FEWEST or total == 0.0:
        return by_time
    noise = 0.5 * float(np.mean(np.diff(changes) ** 2))
    return max(by_time, 1.0 - noise / total)


def n_parts(n_cells: int) -> int:
    """Number of parts in which the costs of so many cells are kept."""
    return min(n_cells, MOST_PARTS)


def piece_of_work(cell_work: FloatArray, cells: slice, n_cells: int) -> WorkPiece:
    """Work of a rank's cells, summed over parts. Local.

    Parameters
    ----------
    cell_work : of the rank's cells, of which there is at least one, (cells of the rank,).
    cells : which of all cells these are.
    n_cells : of the grid.
    """
    starts = even_partition(n_cells, n_parts(n_cells))[:-1]
    part = np.searchsorted(starts, np.arange(cells.start, cells.stop), side="right") - 1
    sums: FloatArray = np.bincount(part - part[0], weights=cell_work).astype(np.float64)
    return int(part[0]), sums


def imbalance(layout: Layout, seconds: FloatArray) -> float:
    """Busiest rank relative to the mean of its member group, minus 1, in the worst group; 0 without measurements."""
    return max((float(took.max() / took.mean() - 1.0) for _, took in of_groups(layout, seconds)), default=0.0)


def avoidable(layout: Layout, seconds: FloatArray) -> float:
    """Seconds by which all ranks would end earlier with an even distribution within each member group."""
    groups = np.split(seconds, layout.group_bounds[1:-1])
    return float(seconds.max() - max(took.mean() for took in groups))


def of_groups(layout: Layout, seconds: FloatArray) -> list[tuple[IntArray, FloatArray]]:
    """Bounds of cells and seconds of the ranks, for each member group of several ranks that took any time."""
    groups = zip(layout.cell_bounds, np.split(seconds, layout.group_bounds[1:-1]), strict=True)
    return [(bounds, took) for bounds, took in groups if took.size > 1 and took.sum() > 0.0]
