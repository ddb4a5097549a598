"""Ensemble Kalman filters in grid space: the LETKF (see ``local_transform``), and the filter of single columns.

The column filter uses the observation of the cell alone, with perturbed observations: layer k of member i receives
cov(x_k, H x) / (var(H x) + R) (y + e_i - H x_i), the one-dimensional EnKF of land data assimilation systems.

References
----------
Reichle, McLaughlin, Entekhabi (2002), J. Hydrometeorol., 3, 103-115.
"""

from __future__ import annotations

import numpy as np

from landda_hpc.analysis.ensemble.errors import EnsembleErrors, ErrorsNow, LearnsErrors
from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.layers import layer_slopes
from landda_hpc.analysis.ensemble.local_transform import LocalTransform
from landda_hpc.analysis.ensemble.protocol import (
    EnsembleAnalysis,
    EnsemblePair,
    Members,
    covariance,
    deviations,
    ordered_mean,
    spread_image,
)
from landda_hpc.analysis.protocol import Analysis
from landda_hpc.constants import FloatArray
from landda_hpc.regridding.depth import observe


class _GridFilter(LearnsErrors):
    """What both filters share: errors, inflation of the layers, the record.

    Parameters
    ----------
    errors : R, and the background variance that innovations show.
    inflation : before and after the analysis.
    members : distribution of the members over the root group.
    """

    def __init__(self, errors: EnsembleErrors, inflation: Inflation, members: Members) -> None:
        self._errors, self._inflation, self._members = errors, inflation, members

    def _inflated(self, pair: EnsemblePair, factor: float) -> tuple[FloatArray, FloatArray]:
        """Inflated deviations: at the observed depth, (n_members, n_cells), and of the layers, (n_members, n_owned, k).

        Layers are inflated by the part that follows from the observed depth. Inflation of the whole profile would grow
        without limit in deep layers, which observations hardly constrain.
        """
        growth = np.sqrt(factor) - 1.0
        layers = np.nan_to_num(deviations(pair.layers))
        below = layer_slopes(pair) * pair.anomalies[:, pair.owned, None]
        return (1.0 + growth) * pair.anomalies, layers + growth * below

    def _finish(
        self, pair: EnsemblePair, now: ErrorsNow, factor: float, mean: FloatArray, analysed: FloatArray
    ) -> EnsembleAnalysis:
        """Analysis from the increments of the mean, (n_owned, n_soil), and the analysed deviations of all layers."""
        background = deviations(pair.layers)
        analysed = self._inflation.relaxed(background, analysed)
        if self._inflation.relax_spread > 0.0:
            stds = [np.sqrt(covariance(part, part)) for part in (background, analysed)]
            analysed = self._inflation.after(*stds) * analysed
        increments = np.nan_to_num(mean[None] + (analysed - background))
        of_depth = observe(ordered_mean(increments), pair.weights)
        image = pair.image(self._members.of_all_cells(of_depth, pair.cell.size))
        image = np.where(pair.mean.domain, image, 0.0)
        diagnostics = now.diagnostics | {"inflation": factor}
        warnings = self._errors.warning(now.diagnostics)
        return EnsembleAnalysis(Analysis(image, spread_image(pair), diagnostics, warnings=warnings), layers=increments)


class Letkf(_GridFilter):
    """Local ensemble transform Kalman filter.

    Parameters
    ----------
    transform : analyses each cell with the observations around it.
    errors, inflation, members : see ``_GridFilter``.

    Notes
    -----
    An adaptive inflation factor is one number for all cells.
    """

    def __init__(
        self, transform: LocalTransform, errors: EnsembleErrors, inflation: Inflation, members: Members
    ) -> None:
        super().__init__(errors, inflation, members)
        self._transform = transform

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        now = self._errors.now(pair.mean)
        factor = now.common_factor(pair, self._inflation)
        mean, analysed = self._transform(pair, now.observation, *self._inflated(pair, factor))
        return self._finish(pair, now, factor, mean, analysed)


class ColumnFilter(_GridFilter):
    """One-dimensional ensemble Kalman filter of each cell, with perturbed observations."""

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        now = self._errors.now(pair.mean)
        factor = now.common_factor(pair, self._inflation)
        domain, key = pair.mean.domain, pair.mean.time_key
        seen = pair.of_cells(pair.mean.observed)[pair.owned]
        std = pair.of_cells(now.observation.standard_deviation(pair.mean.observed))[pair.owned]
        drawn = [
            pair.of_cells(now.observation.perturbation(domain, f"{key} member", m))[pair.owned]
            for m in range(pair.n_members)
        ]
        noise = deviations(np.array(drawn))
        anomalies, layers = self._inflated(pair, factor)
        observed = anomalies[:, pair.owned]
        total = covariance(observed, observed) + std**2
        cross = covariance(layers, observed[:, :, None])
        gain = np.divide(cross, total[:, None], out=np.zeros_like(cross), where=(seen & (total > 0.0))[:, None])
        innovation = pair.of_cells(pair.mean.innovation)[pair.owned]
        analysed = layers + gain * (noise - observed)[:, :, None]
        return self._finish(pair, now, factor, gain * innovation[:, None], analysed)
