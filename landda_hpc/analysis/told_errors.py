"""Analyses whose observation errors come with each observation: a map of their size, anew every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landda_hpc.analysis.protocol import Analysis, AnalysisMethod, ImagePair
from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError


class WithToldErrors:
    """A method that is made for each observation, with the standard deviations that the observation brings.

    Parameters
    ----------
    make : map of standard deviations without NaN, m3 m-3, (n_lat, n_lon) -> the method. It must remember nothing from
        one analysis to the next; what it shares with others of its kind (frame, background errors) should be made once.
    """

    def __init__(self, make: Callable[[FloatArray], AnalysisMethod]) -> None:
        self._make = make

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group.

        Raises
        ------
        DataError : the observation tells no errors.
        """
        std = told_std(pair)
        analysis = self._make(std).analyse(pair)
        used = std[pair.observed]
        told = float(used.mean()) if used.size else 0.0
        return Analysis(analysis.increment, analysis.spread, analysis.diagnostics | {"observation_std_mean": told})


def told_std(pair: ImagePair) -> FloatArray:
    """Standard deviation of observation errors as the pair tells them, m3 m-3, (n_lat, n_lon), positive everywhere.

    Cells without observation take the mean over those that have one: nothing is known there, and a method that works
    on the whole image needs a number.

    Raises
    ------
    DataError : no map, or an observed cell without a positive value.
    """
    if pair.observation_std is None:
        raise DataError(
            f"the observation at {pair.time_key} tells no errors, which the run takes (errors of kind told): give the "
            "run a number, a map, or another error model."
        )
    observed = pair.observed
    known = pair.observation_std[observed]
    if not np.all(known > 0.0):
        raise DataError(
            f"the observation at {pair.time_key} has no positive error standard deviation in "
            f"{int(np.count_nonzero(~(known > 0.0)))} observed cells."
        )
    mean = float(known.mean()) if known.size else 1.0
    return np.where(observed, pair.observation_std, mean)
