"""Analyses with reported errors: a map of standard deviations for every observation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landda_hpc.analysis.protocol import Analysis, AnalysisMethod, ImagePair
from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError


class WithReportedErrors:
    """A method that is built for each observation, with the standard deviations that the observation reports.

    Parameters
    ----------
    make : function from a map of standard deviations without NaN, m3 m-3, (n_lat, n_lon), to the method. The method
        must not keep anything from one analysis to the next. Parts that do not depend on the map (frame, background
        errors) should be built once.
    """

    def __init__(self, make: Callable[[FloatArray], AnalysisMethod]) -> None:
        self._make = make

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group.

        Raises
        ------
        DataError : the observation does not report errors.
        """
        std = reported_std(pair)
        analysis = self._make(std).analyse(pair)
        used = std[pair.observed]
        mean = float(used.mean()) if used.size else 0.0
        return Analysis(analysis.increment, analysis.spread, analysis.diagnostics | {"observation_std_mean": mean})


def reported_std(pair: ImagePair) -> FloatArray:
    """Return the standard deviation of the reported observation errors, m3 m-3, (n_lat, n_lon), positive everywhere.

    Cells without observation take the mean over the observed cells, because methods that work on the whole image need
    a number there.

    Raises
    ------
    DataError : there is no map, or an observed cell has no positive value.
    """
    if pair.observation_std is None:
        raise DataError(
            f"the observation at {pair.time_key} does not report errors, which the run needs (reported errors). Give "
            "the run a number, a map or another error model."
        )
    observed = pair.observed
    known = pair.observation_std[observed]
    if not np.all(known > 0.0):
        raise DataError(
            f"the observation at {pair.time_key} reports no positive error standard deviation in "
            f"{int(np.count_nonzero(~(known > 0.0)))} observed cells."
        )
    mean = float(known.mean()) if known.size else 1.0
    return np.where(observed, pair.observation_std, mean)
