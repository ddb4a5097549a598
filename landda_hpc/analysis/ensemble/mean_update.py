"""An image analysis of the ensemble mean: every member receives the same increment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from landda_hpc.analysis.ensemble.protocol import EnsembleAnalysis, EnsemblePair, spread_image
from landda_hpc.analysis.protocol import AnalysisMethod, HearsIncrements
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError


class MeanUpdate:
    """Applies a method of single images to the ensemble mean; the deviations of the members do not change.

    Parameters
    ----------
    method : analyses the mean.
    """

    def __init__(self, method: AnalysisMethod) -> None:
        self._method = method

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        analysis = self._method.analyse(pair.mean)
        of_cells = pair.of_cells(analysis.increment)[pair.owned]
        increments = np.repeat(of_cells[None], pair.n_members, axis=0)
        return EnsembleAnalysis(replace(analysis, spread=spread_image(pair)), observed=increments)

    def applied(self, increment: FloatArray) -> None:
        """See ``HearsIncrements.applied``, of the mean."""
        if isinstance(self._method, HearsIncrements):
            self._method.applied(increment)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``; empty for a method without memory."""
        return self._method.state() if isinstance(self._method, MethodMemory) else {}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        if isinstance(self._method, MethodMemory):
            self._method.restore(arrays)
        elif arrays:
            raise ShapeError(f"a method without memory cannot restore the arrays {sorted(arrays)}.")
