"""Ensemble Kalman filters in the coefficient space of images.

The background covariance is diagonal in the coefficients of the frame: C^T diag(b) C, with b from the members, shrunk
towards its wedge (``shrinkage``) and scaled to the background variance that innovations show (``inflation``). With
K = b / (b + r) per coefficient, the mean and every member receive

    mean:             C^T K C (y - H xm),
    perturbed:        C^T K C (y + e_i - H x_i), where the sum of e_i is 0          (Burgers et al. 1998),
    square root:      deviations a_i become C^T sqrt(l) (C a_i - (1 - sqrt(1 - K)) C F a_i)  (Whitaker and Hamill 2002)

with the inflation l of variances. F sets missing cells of an image to zero or fills them; without gaps F a_i = a_i. The
square root keeps the mean exactly, because it is linear in deviations that sum to zero.

References
----------
Beezley, Mandel, Cobb (2011), arXiv:1102.5554, and Kasanicky, Mandel, Vejmelka (2015), Nonlin. Processes Geophys., 22,
485-497 (diagonal covariances in spectral and wavelet space); Chabot et al. (2015), Tellus A, 67, 23629 (curvelets and
images); Burgers, van Leeuwen, Evensen (1998), Mon. Weather Rev., 126, 1719-1724; Whitaker and Hamill
(2002), Mon. Weather Rev., 130, 1913-1924; Penny (2014), Mon. Weather Rev., 142, 2139-2149 (hybrid gain).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from landda_hpc.analysis.enkf_like import coefficient_gain, gain_statistics
from landda_hpc.analysis.ensemble.errors import EnsembleErrors, ErrorsNow, LearnsErrors
from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.local_transform import LocalTransform
from landda_hpc.analysis.ensemble.protocol import EnsembleAnalysis, EnsemblePair, Members, spread_image
from landda_hpc.analysis.ensemble.shrinkage import shrunk_variance
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.learned import LearnedErrors
from landda_hpc.analysis.missing import Filling, GainSetting, MissingStrategy
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.constants import BoolArray, FloatArray

_SUPPORT = 1e-3
"""Variance of white errors, relative to the largest, below which a coefficient has no support on land."""


@dataclass(frozen=True, eq=False)
class LocalPart:
    """Weight of the analysis by a LETKF in the increments of the observed depth (hybrid gain, Penny 2014)."""

    transform: LocalTransform
    weight: float


class CoefficientFilter(LearnsErrors):
    """Ensemble Kalman filter with a background covariance that is diagonal in coefficient space.

    Parameters
    ----------
    frame : the curvelet frame.
    members : distribution of the members over the root group.
    errors : R, and the background variance that innovations show.
    missing : treatment of cells without observation.
    inflation : before and after the analysis.
    seed : keys the perturbations of the observations.
    has_perturbed_observations : 'perturbed' above, otherwise 'square root'.
    shrinks : whether variances of coefficients are shrunk; otherwise the sample variances are used as they are.
    local : LETKF whose increments are averaged with those in coefficient space; None without.
    """

    def __init__(
        self,
        frame: ImageFrame,
        members: Members,
        errors: EnsembleErrors,
        missing: MissingStrategy,
        inflation: Inflation,
        seed: int,
        *,
        has_perturbed_observations: bool,
        shrinks: bool = True,
        local: LocalPart | None = None,
    ) -> None:
        self._frame, self._members, self._errors, self._missing = frame, members, errors, missing
        self._inflation, self._seed = inflation, seed
        self._is_perturbed, self._shrinks, self._local = has_perturbed_observations, shrinks, local
        self._scales = WedgeGroups(frame, "per_scale")
        self._white: tuple[bytes, FloatArray] | None = None

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        frame, groups, mean = self._frame, self._errors.groups, pair.mean
        now = self._errors.now(mean)
        mine = [member for block in self._members.blocks for member in block]
        coefficients = {member: frame.forward(pair.image(pair.anomalies[member])) for member in mine}
        sampled = self._variance(coefficients)
        white = self._white_on(mean.domain)
        spread = spread_image(pair)
        factor = np.ones(groups.n)
        if mean.observed.any():
            # From the observed cells to the domain, whose spread may differ.
            square = np.nan_to_num(spread) ** 2
            seen, whole = float(square[mean.observed].mean()), float(square[mean.domain].mean())
            shown = now.background * _ratio(groups.sums(white), now.white) * (whole / seen if seen > 0.0 else 1.0)
            factor = self._inflation.before(shown, groups.sums(sampled))
        variance, weight = sampled, np.zeros(groups.n)
        if self._shrinks:
            variance, weight = shrunk_variance(frame, groups, sampled, white, pair.n_members)
        variance = groups.expand(factor) * variance
        supported = white > _SUPPORT * white.max()
        b = np.divide(variance, white, out=np.zeros_like(variance), where=supported)
        r = np.where(supported, self._density(now.observation, mean.domain, white), 0.0)
        prior = LearnedErrors(frame, b, np.nan_to_num(spread), self._seed, "background")
        gain = coefficient_gain(b, r)
        setting = GainSetting(frame, prior, now.observation, gain)
        update = self._missing.update(setting, mean)
        change = self._member_changes(setting, pair, coefficients, factor, sampled)
        increment, increments = self._with_local(
            pair, now, update.increment, self._members.by_cell(pair.of_cells(update.increment)[None, :] + change)
        )
        diagnostics = (
            gain_statistics(gain, variance, frame.blocks)
            | update.diagnostics
            | now.diagnostics
            | {
                "inflation_by_scale": self._by_scale(factor, sampled),
                "shrinkage_by_scale": self._by_scale(weight, sampled),
            }
        )
        analysis = Analysis(increment, spread, diagnostics, warnings=self._errors.warning(now.diagnostics))
        return EnsembleAnalysis(analysis, observed=increments)

    def _with_local(
        self, pair: EnsemblePair, now: ErrorsNow, increment: FloatArray, increments: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Average the increments of the mean, an image, and of the members, (n_members, n_owned), with the LETKF's.

        Collective.
        """
        if self._local is None:
            return increment, increments
        weight = self._local.weight
        anomalies = np.sqrt(now.common_factor(pair, self._inflation)) * pair.anomalies
        background = pair.anomalies[:, pair.owned]
        mean, analysed = self._local.transform(pair, now.observation, anomalies, anomalies[:, pair.owned, None])
        change = self._inflation.relaxed(background, analysed[:, :, 0]) - background
        image = np.where(pair.mean.domain, pair.image(self._members.of_all_cells(mean[:, 0], pair.cell.size)), 0.0)
        mixed = (1.0 - weight) * increments + weight * (mean[:, 0] + change)
        return (1.0 - weight) * increment + weight * image, mixed

    def _variance(self, coefficients: Mapping[int, FloatArray]) -> FloatArray:
        """Sample variances of the members' coefficients, (n_var,). Collective."""

        def add(block: range, energy: FloatArray) -> None:
            for member in block:
                energy += self._frame.energy(coefficients[member])

        variance: FloatArray = self._members.sum_blocks(self._frame.n_var, add) / (self._members.n_members - 1)
        return variance

    def _density(self, errors: ErrorModel, domain: BoolArray, white: FloatArray) -> FloatArray:
        """Variances of coefficients relative to white errors of unit variance, (n_var,). Collective in a first call."""
        if isinstance(errors, LearnedErrors):
            return errors.density
        return _ratio(errors.variance(self._frame, domain), white)

    def _member_changes(
        self,
        setting: GainSetting,
        pair: EnsemblePair,
        coefficients: Mapping[int, FloatArray],
        factor: FloatArray,
        sampled: FloatArray,
    ) -> FloatArray:
        """Changes of the deviations of this process's members, (n_members here, n_cells). Collective."""
        frame, inflation, domain = self._frame, self._inflation, pair.mean.domain
        root = self._errors.groups.expand(np.sqrt(factor))
        noise = self._perturbations(setting.observation, pair) if self._is_perturbed else {}
        mine = setting if self._is_perturbed else replace(setting, gain=1.0 - np.sqrt(1.0 - setting.gain))
        changes: dict[int, FloatArray] = {}
        for member, c in coefficients.items():
            image = pair.image(pair.anomalies[member])
            change = self._change(mine, pair.mean, image, c, root, noise.get(member))
            changes[member] = inflation.relaxed(np.zeros_like(change), change)
        if inflation.relax_spread > 0.0:
            whole = {m: pair.image(pair.anomalies[m]) + change for m, change in changes.items()}
            after = {m: frame.forward(image) for m, image in whole.items()}
            stds = [np.sqrt(self._scales.sums(part)) for part in (sampled, self._variance(after))]
            stretch = self._scales.expand(inflation.after(*stds) - 1.0)
            for m, c in after.items():
                changes[m] = changes[m] + np.where(domain, frame.inverse(frame.scale_by(c, stretch)), 0.0)
        rows = [pair.of_cells(change) for change in changes.values()]
        return np.array(rows).reshape(len(rows), pair.cell.size)

    def _change(
        self,
        setting: GainSetting,
        pair: ImagePair,
        image: FloatArray,
        c: FloatArray,
        root: FloatArray,
        noise: FloatArray | None,
    ) -> FloatArray:
        """Change of one deviation: inflation by ``root``, and G (e - H a) with the gain G of the setting. Local.

        All parts are added in coefficient space, so that one inverse transform suffices. Without gaps the coefficients
        of the filled deviation are those of the deviation.

        Parameters
        ----------
        image, c : deviation a, and its coefficients.
        noise : perturbation e of the observation; None without.
        """
        frame, missing, gain = self._frame, self._missing, setting.gain
        if not isinstance(missing, Filling):
            inflated = image + np.where(pair.domain, frame.inverse(frame.scale_by(c, root - 1.0)), 0.0)
            innovation = -inflated if noise is None else noise - inflated
            return inflated - image + missing.update(setting, _with_innovation(pair, innovation)).increment
        if np.array_equal(pair.observed, pair.domain):
            total = frame.scale_by(c, (root - 1.0) - gain * root)
        else:
            seen = frame.forward(missing.filled(image, pair))
            total = frame.scale_by(c, root - 1.0) - frame.scale_by(seen, gain * root)
        if noise is not None:
            total += frame.scale_by(frame.forward(missing.filled(noise, pair)), gain)
        return np.where(pair.domain, frame.inverse(total), 0.0)

    def _perturbations(self, errors: ErrorModel, pair: EnsemblePair) -> dict[int, FloatArray]:
        """Perturbations of the observation for this process's members, with a sum of zero over all. Collective."""
        domain, key = pair.mean.domain, pair.mean.time_key
        mine = [member for block in self._members.blocks for member in block]
        drawn = {m: errors.perturbation(domain, f"{key} member", m) for m in mine}

        def add(block: range, total: FloatArray) -> None:
            for member in block:
                total += drawn[member].reshape(-1)

        mean = (self._members.sum_blocks(domain.size, add) / self._members.n_members).reshape(domain.shape)
        return {member: image - mean for member, image in drawn.items()}

    def _white_on(self, domain: BoolArray) -> FloatArray:
        """Variances of white errors of unit variance on the domain, (n_var,); kept, because the domain is constant."""
        key = domain.tobytes()
        if self._white is None or self._white[0] != key:
            self._white = key, self._frame.local_variance(domain.astype(np.float64))
        return self._white[1]

    def _by_scale(self, values: FloatArray, variance: FloatArray) -> list[float]:
        """Means over the groups of each scale, weighted by the variance of the members."""
        groups = self._errors.groups
        weights = groups.sums(variance)
        means: list[float] = _ratio(groups.by_scale(weights * values), groups.by_scale(weights)).tolist()
        return means


def _with_innovation(pair: ImagePair, innovation: FloatArray) -> ImagePair:
    """The pair with another innovation, and the same observed cells."""
    return replace(
        pair,
        background=np.where(pair.observed, 0.0, pair.background),
        observation=np.where(pair.observed, innovation, np.nan),
    )


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)
