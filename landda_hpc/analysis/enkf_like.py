"""EnKF-like image analysis [B26, section 3.3]; see docs/methods.md, "EnKF-like analysis"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.frame_protocol import FrameBlock, ImageFrame
from landda_hpc.analysis.missing import GainSetting, MissingStrategy, ZeroFill
from landda_hpc.analysis.protocol import Analysis, ImagePair, MemberSums
from landda_hpc.constants import BoolArray, FloatArray


class EnkfLike:
    """Coefficient-wise Kalman gain from the variances of perturbed images.

    c_a = c_b + K (c_y - c_b), K = B / (B + R), where B and R are the variances of the curvelet coefficients of
    background and observation perturbations. C is linear, so the update is applied to the innovation:
    increment = C^-1 K C (y - H x_b).

    Parameters
    ----------
    frame : the curvelet frame, a redundant Parseval frame: it is not orthogonal, so a diagonal covariance of
        coefficients is an approximation.
    members : distribution of the N perturbed images over the root group.
    background, observation : error models; the paper has white errors of 0.15 and 0.10 m3 m-3.
    estimator : 'sampled': sample variances of N members that are drawn in every cycle, as in the paper; 'exact': the
        variances of the error models, in closed form if one exists.
    missing : treatment of cells without observation; None: ``ZeroFill``.
    """

    def __init__(
        self,
        frame: ImageFrame,
        members: MemberSums,
        background: ErrorModel,
        observation: ErrorModel,
        estimator: Literal["sampled", "exact"],
        missing: MissingStrategy | None = None,
    ) -> None:
        self._frame = frame
        self._members = members
        self._background, self._observation = background, observation
        self._estimator = estimator
        self._missing = missing or ZeroFill()
        self._exact: tuple[bytes, FloatArray, FloatArray] | None = None

    def analyse(self, pair: ImagePair) -> Analysis:
        """See ``AnalysisMethod.analyse``. Collective over the root group."""
        frame, domain = self._frame, pair.domain
        if self._estimator == "exact":
            b, r = self._exact_variances(domain)
            spread = np.where(domain, self._background.standard_deviation(domain), np.nan)
        else:
            b, spread = self._sampled_variance(self._background, domain, pair.time_key)
            r, _ = self._sampled_variance(self._observation, domain, pair.time_key)
        gain = coefficient_gain(b, r)
        setting = GainSetting(frame, self._background, self._observation, gain)
        update = self._missing.update(setting, pair)
        return Analysis(update.increment, spread, gain_statistics(gain, b, frame.blocks) | update.diagnostics)

    def _exact_variances(self, domain: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return B and R, (n_var,) each; stored, because the domain of a campaign does not change."""
        key = domain.tobytes()
        if self._exact is None or self._exact[0] != key:
            b, r = (model.variance(self._frame, domain) for model in (self._background, self._observation))
            self._exact = key, b, r
        return self._exact[1], self._exact[2]

    def _sampled_variance(self, errors: ErrorModel, domain: BoolArray, time_key: str) -> tuple[FloatArray, FloatArray]:
        """Return sample variances of the coefficients, (n_var,), and the spread in grid space, (n_lat, n_lon)."""
        frame, members, n = self._frame, self._members, self._members.n_members
        n_var, n_cells = frame.n_var, int(np.count_nonzero(domain))
        # Of each image only the cells of the domain are kept, a third of a global image; it is zero elsewhere.
        drawn = {m: errors.perturbation(domain, time_key, m)[domain] for block in members.blocks for m in block}

        def add(block: range, total: FloatArray) -> None:
            for member in block:
                total += drawn[member]

        mean = members.sum_blocks(n_cells, add) / n
        image = np.zeros(domain.shape)

        def add_squares(block: range, total: FloatArray) -> None:
            for member in block:
                anomaly = drawn.pop(member)
                anomaly -= mean
                image[domain] = anomaly
                frame.accumulate_energy(image, total[:n_var])
                total[n_var:] += np.square(anomaly, out=anomaly)

        variance = members.sum_blocks(n_var + n_cells, add_squares)
        variance /= n - 1
        spread = np.full(domain.shape, np.nan)
        spread[domain] = np.sqrt(variance[n_var:])
        return variance[:n_var], spread


def coefficient_gain(b: FloatArray, r: FloatArray) -> FloatArray:
    """Return K = B / (B + R), within [0, 1]; 0 where both vanish (coefficients without support on land)."""
    total = b + r
    return np.divide(b, total, out=np.zeros_like(b), where=total > 0.0)


def gain_statistics(
    gain: FloatArray, b: FloatArray | None, blocks: Sequence[FrameBlock]
) -> dict[str, float | list[float]]:
    """Return mean and standard deviation of K over the coefficients with more than 1e-3 of the largest variance.

    Parameters
    ----------
    gain : K, (n_var,).
    b : variances of the background, m6 m-6, (n_var,); None: all coefficients count.
    blocks : wedges of the frame.

    Returns
    -------
    ``gain_mean``, ``gain_std``, and ``gain_by_scale``, coarsest scale first; 0 for a scale without such coefficients.
    """
    counted = None if b is None else b > 1e-3 * b.max(initial=0.0)
    by_scale = []
    for scale in sorted({block.scale for block in blocks}):
        mine = [block.variances for block in blocks if block.scale == scale]
        whole = slice(mine[0].start, mine[-1].stop)  # wedges of a scale follow one another
        by_scale.append(_mean(gain[whole] if counted is None else gain[whole][counted[whole]]))
    of_all = gain if counted is None else gain[counted]
    return {
        "gain_mean": _mean(of_all),
        "gain_std": float(of_all.std()) if of_all.size else 0.0,
        "gain_by_scale": by_scale,
    }


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else 0.0
