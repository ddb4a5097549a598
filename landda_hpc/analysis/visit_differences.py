"""Observation errors learned from visit differences: the observed change minus the modelled change.

Let d = y - H x_b be the innovation, and z = d + (increments applied since the start) the innovation of a model that had
never been corrected. The difference of z between two visits of a cell is

    delta = o(now) - o(last) + eta,

where o is the error of the observation and eta that of the model's tendency; background errors cancel. Let c_l be the
covariance of differences that lie l visits apart. If o is white in time,

    c_0 = 2 R phi_0 + eta_0,    c_1 = -R phi_1 + eta_1,    c_l = eta_l for l >= 2.

phi_0 and phi_1 are near 1 and allow for increments that the model forgets. Each group of coefficients is treated
separately, so errors may be correlated in space. eta_1 is extrapolated from c_2 and c_3.

References
----------
Lagged innovations: Mehra (1970), IEEE Trans. Autom. Control, 15, 175-184; Crow and Reichle (2008), Water Resour. Res.,
44, W08423. Visit differences remove the persistent errors of the model, to which lagged innovations are sensitive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from landda_hpc.analysis.frame_protocol import ImageFrame, Pooling
from landda_hpc.analysis.mixing import WedgeGroups, shared_sums
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.running_statistics import checked, running_mean
from landda_hpc.analysis.visit_covariances import VisitCovariances
from landda_hpc.analysis.visit_statistics import N_LAGS, Estimate, cautious, per_white, shrunk, white_share
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.parallel.pieces import ALONE, Piece, PieceSharing

LEAST_CELLS: Final = 0.02
"""Minimum fraction of the domain for the covariance of a lag in one analysis."""

_MANY_VISITS: Final = 5.0
"""Mean number of visits of a cell after which covariances should exist."""

_FLOOR, _CEILING = 0.02, 0.98
"""Bounds of R as a fraction of the innovation variance."""

_FIRST: Final = (0.7, 0.1, 0.9)
"""Cold start: R as a fraction of the innovation variance of the finest scale, and the bounds of K."""

_CAUTIOUS: Final = (0.02, 0.6)
"""Bounds of K if observation errors persist."""

_LEAST_SHARE: Final = 0.25
"""Minimum (c_2 - c_1) / c_0 at the finest scale. Errors that are white in time give 1/2, persistent errors nearly 0."""

_CONFIDENCE: Final = 2.0
"""Number of standard errors by which (c_2 - c_1) / c_0 lies below the minimum if errors persist."""

_JUMP: Final = 1.5
"""Chi-square of the finest scale above which the errors of an observation are larger than the preceding ones."""

_OUTLYING: Final = 4.0
"""Minimum departure of this chi-square from 1, standard deviations."""

_WHOLE: Final = np.ones(1, dtype=np.bool_)


@dataclass(frozen=True)
class Recession:
    """Fraction of an increment of the observed depth that remains in the model after a time.

    h(t) = (1 + t / scale_hours)^(-exponent): the rate at which water drains from the observed depth decreases with
    time. The defaults fit the embedded land model, in which 0.88 and 0.815 of an increment of 0-10 cm remain after 6
    and 12 hours.
    """

    scale_hours: float = 6.6
    exponent: float = 0.198

    def __call__(self, hours: float) -> float:
        return float((1.0 + hours / self.scale_hours) ** -self.exponent)


@dataclass(frozen=True, eq=False)
class LearnedVariances:
    """Variances by group of coefficients, as sums over the coefficients of the group; (n,) each, m6 m-6.

    Attributes
    ----------
    innovation : C0, the variance of the innovation.
    observation : R, the variance of the observation error.
    usual : R without the excess of an observation whose errors are larger than the preceding ones.
    white : energy of white errors of unit variance on the observed cells.
    is_learned : whether R comes from visit differences or a referee; False in a cold start, and if observation errors
        persist and there is no gain of a referee.
    """

    innovation: FloatArray
    observation: FloatArray
    usual: FloatArray
    white: FloatArray
    is_learned: bool

    @property
    def background(self) -> FloatArray:
        """B = C0 - R."""
        return self.innovation - self.observation

    @property
    def gain(self) -> FloatArray:
        """K = 1 - R / C0; 0 where the innovation has no energy."""
        share = np.divide(
            self.observation, self.innovation, out=np.ones_like(self.innovation), where=self.innovation > 0.0
        )
        gain: FloatArray = 1.0 - share
        return gain


class VisitDifferences:
    """Estimator of R, B and K by group of coefficients, from the innovations and increments of a run.

    Parameters
    ----------
    frame : the curvelet frame.
    pooling : groups of the innovation variance C0: 'per_wedge' or 'per_scale'. R is always pooled over scales.
    memory : largest number of analyses in the mean of C0.
    covariance_memory : largest number of analyses in the means of c_l.
    max_gap_days : visits of a cell that lie further apart give no difference.
    recession : remaining fraction of an increment after a time.
    follows_changes : whether earlier covariances are discarded if R of the latest analyses differs significantly.
    sharing : distribution of the transforms over the processes of the root group.

    Notes
    -----
    ``observe`` is called at every analysis and ``applied`` after it, with the increment that the model received. Every
    process of the root group learns the same. The state consists of 9 images and some numbers by group.
    """

    def __init__(
        self,
        frame: ImageFrame,
        pooling: Pooling = "per_wedge",
        memory: float = 10.0,
        covariance_memory: float = 200.0,
        max_gap_days: float = 5.0,
        recession: Recession | None = None,
        follows_changes: bool = True,
        sharing: PieceSharing = ALONE,
    ) -> None:
        self._sharing = sharing
        self._frame, self._groups, self._scales = frame, WedgeGroups(frame, pooling), WedgeGroups(frame, "per_scale")
        self._memory, self._long, self._max_gap = memory, covariance_memory, 24.0 * max_gap_days
        self._recession, self._follows_changes = recession or Recession(), follows_changes
        self._covariances = VisitCovariances(self._scales.n, covariance_memory, follows_changes)
        shape, n, n_scales = frame.shape, self._groups.n, self._scales.n
        unknown = np.nan
        self._kept: dict[str, FloatArray] = {
            "accumulated": np.zeros(shape),
            "last": np.full(shape, unknown),
            "visited": np.full(shape, unknown),
            "differences": np.full((N_LAGS, *shape), unknown),
            "square": np.zeros(shape),
            "square_count": np.zeros(shape),
            "innovation": np.zeros(n),
            "white": np.zeros(n),
            "analyses": np.zeros(1),
            "chi_square": np.ones(n_scales),
            "chi_square_count": np.zeros(n_scales),
            "jump": np.ones(1),
            "phi": np.ones((2, n_scales)),
            "phi_count": np.zeros((2, n_scales)),
            "gain": np.zeros(n_scales),
        }

    @property
    def groups(self) -> WedgeGroups:
        """Groups of the innovation variance."""
        return self._groups

    # ------------------------------------------------------------------ learning

    def observe(self, pair: ImagePair) -> None:
        """Learn from the innovation of an analysis; nothing changes if no cell is observed.

        Collective over the processes of ``sharing``.
        """
        seen = pair.observed
        if not seen.any():
            return
        kept, d = self._kept, pair.innovation
        before = kept["analyses"]
        interval = self._shift(pair, seen, d)
        wanted = {"energy": self._groups.energy_pieces(d), "white": self._groups.white_pieces(seen)}
        sums = shared_sums(self._sharing, wanted | ({} if interval is None else self._lagged(pair.domain)))
        energy, white = sums["energy"], sums["white"]
        self._add_chi_square(energy, white)
        kept["innovation"], kept["analyses"] = running_mean(kept["innovation"], before, energy, _WHOLE, self._memory)
        kept["white"], _ = running_mean(kept["white"], before, white, _WHOLE, self._memory)
        kept["square"], kept["square_count"] = running_mean(
            kept["square"], kept["square_count"], d**2, seen, self._memory
        )
        if interval is not None:
            self._add_covariances(sums)
            self._add_phi(interval)

    def _shift(self, pair: ImagePair, seen: BoolArray, d: FloatArray) -> float | None:
        """Store the differences from the last visit; return the mean interval, hours, or None without a difference."""
        kept = self._kept
        now = _hours(pair.time_key)
        z = d + kept["accumulated"]
        gap = now - kept["visited"]
        known = seen & np.isfinite(kept["last"]) & (gap <= self._max_gap)
        new = np.where(known, z - kept["last"], np.nan)
        interval = float(gap[known].mean()) if known.any() else None
        differences = kept["differences"]
        for lag in range(N_LAGS - 1, 0, -1):
            np.copyto(differences[lag], differences[lag - 1], where=seen)
        np.copyto(differences[0], new, where=seen)
        np.copyto(kept["last"], z, where=seen)
        np.copyto(kept["visited"], now, where=seen)
        self._seen_now = seen
        return interval

    def _add_chi_square(self, energy: FloatArray, white: FloatArray) -> None:
        """Add the energy of an innovation divided by that expected from B + R of the preceding analyses."""
        kept = self._kept
        if not kept["analyses"][0]:
            return
        expected = per_white(kept["innovation"], kept["white"]) * white
        now = per_white(self._groups.by_scale(energy), self._groups.by_scale(expected))
        if self._follows_changes:
            kept["jump"] = np.array([self._jump(float(now[-1]), float(self._groups.by_scale(white)[-1]))])
        kept["chi_square"], kept["chi_square_count"] = running_mean(
            kept["chi_square"], kept["chi_square_count"], now, self._groups.by_scale(expected) > 0.0, self._memory
        )

    def _jump(self, chi_square: float, white: float) -> float:
        """Return the factor of R in an analysis whose innovation has much more energy at the finest scale than before.

        At the finest scale most of the innovation is observation error, which alone can change suddenly. A decrease is
        left to the covariances: after it, mean innovations are too large for some time, and so is B = C0 - R.
        """
        r, c0 = self.observation_variance(), self._finest_density
        sampling = _OUTLYING * float(np.sqrt(2.0 / max(white, 1.0)))
        if r is None or self.persists or chi_square < max(_JUMP, 1.0 + sampling):
            return 1.0
        mine = float(np.clip(r[-1], _FLOOR * c0, _CEILING * c0))
        return (chi_square * c0 - (c0 - mine)) / max(mine, np.finfo(np.float64).tiny)

    def _lagged(self, domain: BoolArray) -> dict[str, list[Piece]]:
        """Return the sums for the covariances of the present differences, at lags that enough cells have."""
        first, scales = self._kept["differences"][0], self._scales
        least = max(LEAST_CELLS * np.count_nonzero(domain), 1)
        wanted = {}
        for lag, other in enumerate(self._kept["differences"]):
            cells = self._seen_now & np.isfinite(first) & np.isfinite(other)
            if np.count_nonzero(cells) < least:
                continue
            x, y = np.where(cells, first, 0.0), np.where(cells, other, 0.0)
            wanted[f"product {lag}"] = scales.energy_pieces(x) if lag == 0 else scales.product_pieces(x, y)
            wanted[f"white {lag}"] = scales.white_pieces(cells)
        return wanted

    def _add_covariances(self, sums: Mapping[str, FloatArray]) -> None:
        """Add the sums of ``_lagged``; a lag that few cells have counts as zero."""
        none = np.zeros(self._scales.n)
        product, white = (
            np.stack([sums.get(f"{name} {lag}", none) for lag in range(N_LAGS)]) for name in ("product", "white")
        )
        self._covariances.add(product, white, self._kept["phi"])

    def _add_phi(self, hours: float) -> None:
        """Add phi_0 and phi_1 for the gain of the last analysis and the present interval."""
        kept, k = self._kept, self._kept["gain"]
        h1, h2 = self._recession(hours), self._recession(2.0 * hours)
        phi = np.stack([1.0 - (1.0 - h1) * k, 1.0 - k * (1.0 - 2.0 * h1 + h2) - (1.0 - h1) * h1 * k**2])
        every = np.ones(phi.shape, dtype=np.bool_)
        kept["phi"], kept["phi_count"] = running_mean(kept["phi"], kept["phi_count"], phi, every, self._long)

    def applied(self, increment: FloatArray) -> None:
        """Add the increment of the observed depth that the model received, m3 m-3, (n_lat, n_lon). Local."""
        self._kept["accumulated"] = self._kept["accumulated"] + np.where(np.isfinite(increment), increment, 0.0)

    def was_applied(self, gain: FloatArray) -> None:
        """Set the gain of the last analysis by scale, (n_scales,), if it is not that of ``variances``."""
        self._kept["gain"] = gain.copy()

    # ------------------------------------------------------------------ estimates

    def variances(self) -> LearnedVariances:
        """Return C0 and R as learned so far. Local."""
        kept = self._kept
        c0, white = kept["innovation"], kept["white"]
        r, is_learned = self.observation_variance(), not self.persists
        if r is None:
            (share, low, high), is_learned = _FIRST, False
            r = np.full(self._scales.n, share * self._finest_density)
        elif is_learned:
            low, high = 1.0 - _CEILING, 1.0 - _FLOOR
        else:
            low, high = _CAUTIOUS
            r = cautious(self._covariances.p, self._finest_density)
        observation = usual = np.clip(r[self._groups.scale_of] * white, (1.0 - high) * c0, (1.0 - low) * c0)
        jump = float(kept["jump"][0])
        if is_learned and jump > 1.0:
            c0 = c0 + (jump - 1.0) * usual
            observation = np.clip((jump * r)[self._groups.scale_of] * white, (1.0 - high) * c0, (1.0 - low) * c0)
        found = LearnedVariances(c0, observation, usual, white, is_learned)
        self.note(found)
        return found

    def note(self, used: LearnedVariances) -> None:
        """Store the gain of these variances, for which the next visit differences allow. Local."""
        b, total = self._groups.by_scale(used.background), self._groups.by_scale(used.innovation)
        self._kept["gain"] = np.divide(b, total, out=np.zeros_like(b), where=total > 0.0)

    def diagnostics(self) -> dict[str, float | list[float]]:
        """Return further numbers for the cycle record. Local."""
        return {}

    def observation_variance(self) -> FloatArray | None:
        """Return the value of ``estimate``, m6 m-6; None if there is no estimate.

        It may be negative because of sampling errors; ``variances`` bounds it.
        """
        found = self.estimate()
        return None if found is None else found.value

    def estimate(self) -> Estimate | None:
        """Return R by scale with its sampling error; None until there are differences one visit apart. Local."""
        if not self._covariances.has_pairs:
            return None
        sampled, variance = self._covariances.sampled(self._kept["phi"])
        return shrunk(sampled, variance, _FIRST[0] * self._finest_density)

    @property
    def _finest_density(self) -> float:
        """Innovation variance of the finest scale per unit of white energy, m6 m-6."""
        finest = self._groups.scale_of == self._scales.n - 1
        white = float(self._kept["white"][finest].sum())
        return float(self._kept["innovation"][finest].sum()) / max(white, np.finfo(np.float64).tiny)

    @property
    def persists(self) -> bool:
        """Whether (c_2 - c_1) / c_0 of the finest scale is significantly smaller than for errors white in time.

        Then the errors of the observations persist from visit to visit, or they are much smaller than the errors of the
        model's tendency. Visit differences do not show which, and the fine detail of the product cannot be trusted.
        """
        ratio, error = self.white_share()
        return bool(ratio + _CONFIDENCE * error < _LEAST_SHARE)

    def white_share(self) -> tuple[float, float]:
        """Return (c_2 - c_1) / c_0 of the finest scale and its standard error; 0.5 and 0 without an estimate.

        The ratio is about 1/2 if the errors of the observations are white in time, and (1 - a)^2 / 2 if a is their
        correlation from visit to visit.
        """
        if not self._covariances.has_pairs:
            return 0.5, 0.0
        ratio, error = white_share(self._covariances.p, self._covariances.sampling())
        return float(ratio[-1]), float(error[-1])

    def chi_square(self) -> FloatArray:
        """Return the mean innovation energy over B + R of the preceding analyses, (n_scales,); 1 if none. Local."""
        return self._kept["chi_square"].copy()

    def first_guess_warning(self) -> str:
        """Return a warning if R is still an initial estimate after many visits; otherwise an empty text. Local."""
        visits = self._kept["square_count"]
        if self._covariances.has_pairs or not visits.any() or visits[visits > 0.0].mean() < _MANY_VISITS:
            return ""
        return (
            f"the observation errors are still an initial estimate after {_MANY_VISITS:g} visits of a cell: to learn "
            f"them, {LEAST_CELLS:.0%} of the soil cells need three visits, each at most {self._max_gap / 24.0:g} days "
            "after the one before. Raise max_gap_days, or give the run another error model"
        )

    def mean_square(self) -> tuple[FloatArray, BoolArray]:
        """Return the running mean of d^2 in each cell, m6 m-6, and the cells that have one. Local."""
        return self._kept["square"], self._kept["square_count"] > 0.0

    # ------------------------------------------------------------------ memory

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return {name: array.copy() for name, array in self._kept.items()} | self._covariances.state()

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        all_arrays = checked(arrays, VisitDifferences.state(self))  # without what a subclass adds
        self._kept = {name: all_arrays[name] for name in self._kept}
        self._covariances.restore({name: all_arrays[name] for name in self._covariances.state()})


def _hours(time_key: str) -> float:
    """Return the hours since 1970 of a valid time in ISO format, UTC."""
    time = datetime.fromisoformat(time_key)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() / 3600.0
