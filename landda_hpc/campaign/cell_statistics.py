"""Statistics of one cycle over all cells, from the cells of each root: asked for one by one, computed together."""

from __future__ import annotations

from collections.abc import Callable

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.parallel.cell_sums import CellTotals
from landda_hpc.verification.statistics.scores import Score, ScoredPair, score_pairs


class CellStatistics:
    """Collects what is compared and summed in a cycle. Every root asks for the same, in the same order.

    Parameters
    ----------
    totals : over the cells of all roots.

    Notes
    -----
    A result is known after ``compute``, which communicates four times, whatever the number of statistics.
    """

    def __init__(self, totals: CellTotals) -> None:
        self._totals = totals
        self._pairs: list[ScoredPair] = []
        self._values: list[FloatArray] = []
        self._of_blocks: list[FloatArray] = []
        self._scores: list[Score] = []
        self._sums: list[FloatArray] = []
        self._sums_of_blocks: list[FloatArray] = []

    def compare(self, image: FloatArray, reference: FloatArray, mask: BoolArray) -> Callable[[], Score]:
        """Compare values with a reference in the root's own cells, (n_owned,), where ``mask`` holds. Local."""
        number = len(self._pairs)
        self._pairs.append(ScoredPair(image, reference, mask))
        return lambda: self._scores[number]

    def sum(self, values: FloatArray) -> Callable[[], FloatArray]:
        """Sum values of the root's own cells, (n_owned, n_values). Local."""
        number = len(self._values)
        self._values.append(values)
        return lambda: self._sums[number]

    def sum_blocks(self, values: FloatArray) -> Callable[[], FloatArray]:
        """Sum values of the root's blocks (``CellTotals.in_blocks``), (n_blocks, n_values). Local."""
        number = len(self._of_blocks)
        self._of_blocks.append(values)
        return lambda: self._sums_of_blocks[number]

    def compute(self) -> None:
        """Compute all of them. Collective over the roots.

        Raises
        ------
        DataError : a value is infinite; on every root.
        """
        self._scores = score_pairs(self._pairs, self._totals)
        self._sums = self._totals.sums(self._values)
        self._sums_of_blocks = self._totals.sums_of_blocks(self._of_blocks)
