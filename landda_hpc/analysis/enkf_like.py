"""EnKF-like image analysis [B26, section 3.3]; METHODS.md section 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from landda_hpc.analysis.protocol import Analysis, ImagePair, MemberSums
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.fields.keyed import keyed_generator


class FrameBlock(Protocol):
    """One wedge of a frame."""

    @property
    def scale(self) -> int: ...

    @property
    def variances(self) -> slice:
        """Its entries in a variance or gain array."""
        ...


class ImageFrame(Protocol):
    """What the analysis needs of a curvelet frame."""

    @property
    def n_var(self) -> int:
        """Coefficients, counting a complex one once."""
        ...

    @property
    def blocks(self) -> Sequence[FrameBlock]:
        """Wedges in storage order, coarsest scale first."""
        ...

    def forward(self, x: FloatArray) -> Any: ...

    def inverse(self, c: Any) -> FloatArray: ...

    def accumulate_energy(self, x: FloatArray, out: FloatArray) -> None:
        """Add |C x|^2 of one image into ``out``, shape (n_var,)."""
        ...

    def variance(self, sigma2: FloatArray) -> FloatArray:
        """E|C e|^2 for independent errors of variance sigma2(x), shape (n_var,)."""
        ...

    def scale_by(self, c: Any, gain: FloatArray) -> Any:
        """Multiply coefficients by a real gain in the variance layout."""
        ...


class EnkfLike:
    """Coefficient-wise Kalman gain from the variances of perturbed images.

    c_a = c_b + K (c_y - c_b), K = B / (B + R), with B and R the diagonal variances of the curvelet
    coefficients of background and observation perturbations. Because C is linear, the update is done on the
    innovation: increment = C^-1 K C (y - H x_b).

    Parameters
    ----------
    frame : the curvelet frame; a Parseval frame, so a diagonal covariance is an approximation (a redundant
        frame is not orthogonal).
    members : sharing of the N perturbed images among the root group.
    background_std, observation_std : standard deviations of the perturbations, m3 m-3.
    estimator : 'sampled' = sample variances of N members, the paper's; 'exact' = closed form.
    seed : the campaign's seed.
    """

    def __init__(
        self,
        frame: ImageFrame,
        members: MemberSums,
        background_std: float,
        observation_std: float,
        estimator: Literal["sampled", "exact"],
        seed: int,
    ) -> None:
        self._frame = frame
        self._members = members
        self._std = {"background": background_std, "observation": observation_std}
        self._estimator = estimator
        self._seed = seed

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group."""
        if self._estimator == "exact":
            b, r = (self._exact_variance(pair.domain, kind) for kind in ("background", "observation"))
            spread = np.where(pair.domain, self._std["background"], np.nan)
        else:
            b, spread = self._sampled_variance(pair.domain, "background", pair.time_key)
            r, _ = self._sampled_variance(pair.domain, "observation", pair.time_key)
        gain = coefficient_gain(b, r)
        frame = self._frame
        coefficients = frame.scale_by(frame.forward(pair.innovation), gain)
        increment = np.where(pair.domain, frame.inverse(coefficients), 0.0)
        return Analysis(increment, spread, gain_statistics(gain, b, frame.blocks))

    def _exact_variance(self, domain: BoolArray, kind: str) -> FloatArray:
        return self._frame.variance(np.where(domain, self._std[kind] ** 2, 0.0))

    def _sampled_variance(self, domain: BoolArray, kind: str, time_key: str) -> tuple[FloatArray, FloatArray]:
        """Sample variances of the coefficients, (n_var,), and the spread in grid space, (n_lat, n_lon)."""
        members, n = self._members, self._members.n_members
        images = [np.stack([self._perturbation(domain, kind, time_key, m) for m in block]) for block in members.blocks]
        size = domain.size
        sums = np.array([_ordered_sum(block).reshape(-1) for block in images]).reshape(len(images), size)
        mean = (members.sum_blocks(sums) / n).reshape(domain.shape)
        energy = np.zeros((len(images), self._frame.n_var + size))
        for row, block in zip(energy, images, strict=True):
            for image in block:
                anomaly = image - mean
                self._frame.accumulate_energy(anomaly, row[: self._frame.n_var])
                row[self._frame.n_var :] += (anomaly**2).reshape(-1)
        variance = members.sum_blocks(energy) / (n - 1)
        spread = np.sqrt(variance[self._frame.n_var :]).reshape(domain.shape)
        return variance[: self._frame.n_var], np.where(domain, spread, np.nan)

    def _perturbation(self, domain: BoolArray, kind: str, time_key: str, member: int) -> FloatArray:
        """One zero-mean normal perturbation image, zero off the domain; depends on its key only."""
        draw = keyed_generator(self._seed, f"{kind} perturbation", time_key, member).standard_normal(domain.shape)
        return np.where(domain, self._std[kind] * draw, 0.0)


def coefficient_gain(b: FloatArray, r: FloatArray) -> FloatArray:
    """K = B / (B + R); 0 where both vanish (coefficients that no land cell reaches). Always within [0, 1]."""
    total = b + r
    return np.divide(b, total, out=np.zeros_like(b), where=total > 0.0)


def gain_statistics(gain: FloatArray, b: FloatArray, blocks: Sequence[FrameBlock]) -> dict[str, float | list[float]]:
    """Mean and standard deviation of K over coefficients with more than 1e-3 of the largest variance.

    Returns
    -------
    ``gain_mean``, ``gain_std``, and ``gain_by_scale``, coarsest scale first; 0 where no coefficient counts.
    """
    counted = b > 1e-3 * b.max(initial=0.0)
    by_scale = []
    for scale in sorted({block.scale for block in blocks}):
        mine = np.concatenate([gain[k.variances][counted[k.variances]] for k in blocks if k.scale == scale])
        by_scale.append(float(mine.mean()) if mine.size else 0.0)
    if not counted.any():
        return {"gain_mean": 0.0, "gain_std": 0.0, "gain_by_scale": by_scale}
    return {
        "gain_mean": float(gain[counted].mean()),
        "gain_std": float(gain[counted].std()),
        "gain_by_scale": by_scale,
    }


def _ordered_sum(block: FloatArray) -> FloatArray:
    """Sum over members one after the other (numpy's own order may depend on memory layout)."""
    total = np.zeros(block.shape[1:])
    for image in block:
        total += image
    return total
