"""Gains from a referee: another product, or stations, whose errors are independent and which is not assimilated.

Let d = y - H x_b = e + o be the innovation and a = y2 - H x_b = e + o2 the departure of the referee. Here e is truth
minus background, and o and o2 are the errors of the two products. If o2 is independent of e and o,

    K = <C a, C d> / <C d, C d>

is the regression of e on d in each group of coefficients. This holds for any R, correlated in space or in time, and
also if e and o are correlated. If the referee has gaps, the product is that of a on the cells of the referee and the
complete d: a times the part of d that belongs to the group, summed over the referee's cells. Thus no energy leaks from
one group to another, even if the referee covers one cell in a hundred.

With mutually independent errors the same products give all three variances (triple collocation):
B = <C a, C d>, R = <C d, C (d - a)>, R2 = <C a, C (a - d)>.

References
----------
Triple collocation: Stoffelen (1998), J. Geophys. Res., 103, 7755-7766; by scale: Su and Ryu (2015), Hydrol. Earth
Syst. Sci., 19, 17-31. Two products for a Kalman filter: Dong et al. (2019), Remote Sens., 11, 1334.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from landda_hpc.analysis.frame_protocol import ImageFrame, Pooling
from landda_hpc.analysis.mixing import WedgeGroups, shared_sums
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.running_statistics import checked, running_mean
from landda_hpc.analysis.visit_differences import LearnedVariances, VisitDifferences
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.parallel.pieces import ALONE, Piece, PieceSharing

_LOWEST, _HIGHEST = 0.02, 0.98
"""Bounds of the gain."""

_SPREAD_OF_SCALES: Final = 0.25
"""Expected standard deviation of gains of scales about the gain of all scales."""

_SPREAD_OF_WEDGES: Final = 0.1
"""Expected standard deviation of gains of wedges about the gain of their scale."""

_REPEATED: Final = 3.0
"""Number of analyses that count as one in sampling errors, because successive analyses have errors in common."""

_LARGEST_ERROR: Final = 0.1
"""Largest sampling error of the gain of all scales with which the referee determines the gain."""

_LEAST_ENERGY: Final = 0.2
"""A group has no separate gain if the referee's cells have less than this fraction of the energy expected there."""

_LEAST_VISITS: Final = 8.0
"""Mean number of visits of a cell from which the difference of the two products is examined for a constant bias."""

_LASTING: Final = 20.0
"""Largest number of visits over which errors that are correlated from visit to visit are assumed to last."""

_STALE: Final = 40.0
"""Number of analyses without a value of the referee after which it has no gain and its statistics start again."""

_BIAS_VISITS: Final = 200.0
"""Largest number of visits in the mean difference of the two products."""

_TINY: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class TripleCollocation:
    """Variances by scale of three mutually independent errors, as variances of white errors; (n_scales,), m6 m-6.

    Attributes
    ----------
    background, observation, referee : variances of the three errors; may be negative because of sampling errors.
    """

    background: FloatArray
    observation: FloatArray
    referee: FloatArray


class GainReferee:
    """The gain by group of coefficients that a referee shows.

    Parameters
    ----------
    frame : the curvelet frame.
    groups : groups of coefficients with one gain each.
    memory : largest number of analyses in the means.
    sharing : distribution of the transforms over the processes of the root group.

    Notes
    -----
    A constant bias b of the referee adds <C b, C d> to the product. The part of b that is common to all cells, the mean
    difference of the two products, is subtracted. The part that differs from cell to cell is the mean difference in
    each cell. Its product is subtracted only as far as it exceeds its sampling error, because a mean over few visits
    contains part of o, which would increase the gain. A bias without spatial structure averages out. A bias of the
    assimilated product is not detected; its bias treatment must remove it.

    Groups with few samples are shrunk towards their scale, and scales towards the gain of all scales, according to
    their sampling errors. The state consists of 3 images and some numbers by group.
    """

    def __init__(
        self, frame: ImageFrame, groups: WedgeGroups, memory: float = 10.0, sharing: PieceSharing = ALONE
    ) -> None:
        self._sharing = sharing
        self._groups, self._scales, self._memory = groups, WedgeGroups(frame, "per_scale"), memory
        shape, n, n_scales = frame.shape, groups.n, self._scales.n
        self._kept: dict[str, FloatArray] = {
            "difference": np.zeros(shape),
            "visits": np.zeros(shape),
            "last": np.full(shape, np.nan),
            "analyses": np.zeros(1),
            "since": np.zeros(1),
            # <C a, C d>, <C (d where both exist), C d>, |C d|^2 by group.
            "product": np.zeros(n),
            "both": np.zeros(n),
            "energy": np.zeros(n),
            # White energy of the cells of both; |C a|^2, |C d|^2 and |C (a - d)|^2 on these cells, by scale.
            "white": np.zeros(n_scales),
            "of_referee": np.zeros(n_scales),
            "of_innovation": np.zeros(n_scales),
            "of_difference": np.zeros(n_scales),
            # Fraction of the observed cells that the referee covers.
            "share": np.zeros(1),
            # Product of the bias with the innovation, and bound of the contribution of its sampling errors.
            "bias": np.zeros(n_scales),
            "bias_bound": np.zeros(n_scales),
            # Deviations of the difference from its mean: energy, and product with those of the last visit.
            "deviation": np.zeros(n_scales),
            "deviation_lagged": np.zeros(n_scales),
        }

    # ------------------------------------------------------------------ learning

    def observe(self, pair: ImagePair) -> None:
        """Learn from an analysis; values of the referee are used in observed cells.

        Collective over the processes of ``sharing``.
        """
        seen = pair.observed
        if not seen.any():
            return
        both = np.zeros_like(seen) if pair.referee is None else seen & np.isfinite(pair.referee)
        if pair.referee is None or not both.any():
            self._kept["since"] = self._kept["since"] + 1.0
            return
        d = pair.innovation
        known = self._kept["visits"] > 0.0
        common = float(self._kept["difference"][known].mean()) if known.any() else 0.0
        a = np.where(both, pair.referee - pair.background - common, 0.0)
        mine = np.where(both, d, 0.0)
        groups, scales = self._groups, self._scales
        wanted = {
            "product": groups.product_pieces(a, d),
            "energy": groups.energy_pieces(d),
            "white": scales.white_pieces(both),
            "of_referee": scales.energy_pieces(a),
            "of_innovation": scales.energy_pieces(mine),
            "of_difference": scales.energy_pieces(a - mine),
        }
        if both.sum() != seen.sum():
            wanted["both"] = groups.product_pieces(mine, d)
        mean, deviation = self._deviation(a - mine, both, common)
        new = shared_sums(self._sharing, wanted | self._of_bias(mean, deviation, d, both))
        new = {"both": new["energy"], "bias": np.zeros(scales.n)} | new
        new |= {"share": np.array([both.sum() / seen.sum()]), "bias_bound": self._bias_bound(both)}
        self._add_difference(a - mine + common, deviation, both)
        # Statistics from before a long pause are discarded.
        count = np.where(self._kept["since"] > _STALE, 0.0, self._kept["analyses"])
        for name, value in new.items():
            every = np.ones(value.shape, dtype=np.bool_)
            self._kept[name], grown = running_mean(self._kept[name], count, value, every, self._memory)
        self._kept["analyses"], self._kept["since"] = grown[:1], np.zeros(1)

    def _of_bias(
        self, mean: FloatArray, deviation: FloatArray, d: FloatArray, both: BoolArray
    ) -> dict[str, list[Piece]]:
        """Return the sums with the mean difference before this visit, and with the deviation from it (``_deviation``).

        Parameters
        ----------
        d : innovation.
        """
        kept, scales = self._kept, self._scales
        last = np.where(both & (kept["visits"] > 0.0) & np.isfinite(kept["last"]), kept["last"], 0.0)
        wanted = {
            "deviation": scales.energy_pieces(deviation),
            "deviation_lagged": scales.product_pieces(deviation, last),
        }
        if self._has_bias(both):
            wanted["bias"] = scales.product_pieces(mean, d)
        return wanted

    def _deviation(self, difference: FloatArray, both: BoolArray, common: float) -> tuple[FloatArray, FloatArray]:
        """Return the mean difference before this visit and the deviation from it, (n_lat, n_lon); 0 if none.

        Parameters
        ----------
        difference : of the two products on the cells of both, without the bias common to all cells.
        """
        before = both & (self._kept["visits"] > 0.0)
        mean = np.where(before, self._kept["difference"] - common, 0.0)
        return mean, np.where(before, difference - mean, 0.0)

    def _has_bias(self, both: BoolArray) -> bool:
        return float(self._kept["visits"][both].mean()) >= _LEAST_VISITS

    def _bias_bound(self, both: BoolArray) -> FloatArray:
        """Return what sampling errors of the mean difference contribute to its product, (n_scales,)."""
        kept, n = self._kept, self._scales.n
        if not self._has_bias(both):
            return np.zeros(n)
        visits = float(kept["visits"][both].mean())
        rho = np.divide(kept["deviation_lagged"], kept["deviation"], out=np.zeros(n), where=kept["deviation"] > 0.0)
        # A correlation of deviations from a mean of few values is too small.
        rho = np.clip(rho + (1.0 + 3.0 * rho) / visits, 0.0, 1.0)
        bound: FloatArray = kept["deviation"] * (1.0 + _LASTING * rho) / visits
        return bound

    def _add_difference(self, difference: FloatArray, deviation: FloatArray, both: BoolArray) -> None:
        """Add the difference of the two products at this visit to its mean, and keep the deviation from it."""
        kept = self._kept
        kept["last"] = np.where(both, np.where(kept["visits"] > 0.0, deviation, np.nan), kept["last"])
        kept["difference"], kept["visits"] = running_mean(
            kept["difference"], kept["visits"], difference, both, _BIAS_VISITS
        )

    # ------------------------------------------------------------------ estimates

    def gain(self) -> FloatArray | None:
        """Return K by group, (n,), from 0.02 to 0.98; None if its sampling error is large or recent values are missing.

        Local.
        """
        kept = self._kept
        if kept["analyses"][0] < 2.0 or kept["since"][0] > _STALE:
            return None
        product, both = self._without_bias(), kept["both"]
        total = float(kept["of_innovation"].sum())
        if total <= 0.0:
            return None
        n = float(kept["analyses"][0]) / _REPEATED
        everywhere = float(product.sum()) / max(float(both.sum()), _TINY)
        rest = kept["of_referee"] - 2.0 * everywhere * self._masked_product() + everywhere**2 * kept["of_innovation"]
        white = np.maximum(kept["white"], _TINY)
        of_cell = max(float(rest.sum()), 0.0) / float(white.sum())
        if of_cell / (total * n) > _LARGEST_ERROR**2:
            return None
        # Residual variance: of the scale if the referee covers all cells; if it covers few, errors of all scales.
        share = float(kept["share"][0])
        residual = share * np.maximum(rest, 0.0) / white + (1.0 - share) * of_cell
        by_scale = self._groups.by_scale
        of_scale = _drawn(
            by_scale(product),
            by_scale(both),
            share * by_scale(kept["energy"]),
            residual / n,
            np.full(self._scales.n, everywhere),
            _SPREAD_OF_SCALES,
        )
        of_group = _drawn(
            product,
            both,
            share * kept["energy"],
            (residual / n)[self._groups.scale_of],
            of_scale[self._groups.scale_of],
            _SPREAD_OF_WEDGES,
        )
        gain: FloatArray = np.clip(of_group, _LOWEST, _HIGHEST)
        return gain

    def _without_bias(self) -> FloatArray:
        """Return <C a, C d> by group without the part of a constant bias that sampling errors cannot explain."""
        kept = self._kept
        excess = np.maximum(np.abs(kept["bias"]) - kept["bias_bound"], 0.0) * np.sign(kept["bias"])
        share = np.divide(excess, np.maximum(self._groups.by_scale(kept["energy"]), _TINY))
        product: FloatArray = kept["product"] - share[self._groups.scale_of] * kept["energy"]
        return product

    def _masked_product(self) -> FloatArray:
        """Return <C a, C d> by scale on the cells of both."""
        kept = self._kept
        product: FloatArray = 0.5 * (kept["of_referee"] + kept["of_innovation"] - kept["of_difference"])
        return product

    def triple_collocation(self) -> TripleCollocation | None:
        """Return B, R and the error variance of the referee by scale; None before its first value. Local.

        B and R refer to the whole image, the variance of the referee to its cells; if these are few, it contains energy
        of other scales.
        """
        kept = self._kept
        if kept["analyses"][0] == 0.0:
            return None
        white, product = np.maximum(kept["white"], _TINY), self._groups.by_scale(self._without_bias())
        return TripleCollocation(
            product / white,
            (self._groups.by_scale(kept["both"]) - product) / white,
            (kept["of_referee"] - self._masked_product()) / white,
        )

    def diagnostics(self) -> dict[str, float | list[float]]:
        """Return numbers for the cycle record: use of the referee's gain, its coverage, triple collocation by scale."""
        numbers: dict[str, float | list[float]] = {
            "referee_decides": float(self.gain() is not None),
            "referee_share": float(self._kept["share"][0]),
        }
        found = self.triple_collocation()
        if found is not None:
            for name, variance in (
                ("background", found.background),
                ("observation", found.observation),
                ("referee", found.referee),
            ):
                numbers[f"triple_{name}_variance_by_scale"] = variance.tolist()
        return numbers

    # ------------------------------------------------------------------ memory

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return {name: array.copy() for name, array in self._kept.items()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._kept = checked(arrays, self.state())


class RefereedDifferences(VisitDifferences):
    """Visit differences as long as the referee has no gain; then its K, with R = (1 - K) C0 and B = K C0.

    Parameters
    ----------
    frame, pooling, memory, max_gap_days, sharing : see ``VisitDifferences``.
    """

    _PREFIX: Final = "referee."

    def __init__(
        self,
        frame: ImageFrame,
        pooling: Pooling = "per_wedge",
        memory: float = 10.0,
        max_gap_days: float = 5.0,
        sharing: PieceSharing = ALONE,
    ) -> None:
        super().__init__(frame, pooling, memory, max_gap_days=max_gap_days, sharing=sharing)
        self._referee = GainReferee(frame, self.groups, self._memory, sharing)

    def observe(self, pair: ImagePair) -> None:
        """See ``VisitDifferences.observe``."""
        super().observe(pair)
        self._referee.observe(pair)

    def variances(self) -> LearnedVariances:
        """See ``VisitDifferences.variances``."""
        found, gain = super().variances(), self._referee.gain()
        if gain is None:
            return found
        c0 = self._kept["innovation"]  # without the excess of this observation, which the gain does not divide
        observation = (1.0 - gain) * c0
        judged = replace(found, innovation=c0, observation=observation, usual=observation, is_learned=True)
        self.note(judged)
        return judged

    def diagnostics(self) -> dict[str, float | list[float]]:
        """See ``VisitDifferences.diagnostics``."""
        return super().diagnostics() | self._referee.diagnostics()

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return super().state() | {self._PREFIX + name: array for name, array in self._referee.state().items()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        prefix = self._PREFIX
        own = {name: array for name, array in arrays.items() if not name.startswith(prefix)}
        super().restore(own)
        self._referee.restore({n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})


def _drawn(
    product: FloatArray, both: FloatArray, expected: FloatArray, residual: FloatArray, to: FloatArray, spread: float
) -> FloatArray:
    """Return quotients of product and energy, shrunk towards other gains according to their sampling errors.

    Parameters
    ----------
    product, both : <C a, C d> and <C d, C d> of each group on the cells of both.
    expected : value of ``both`` if the energy were the same everywhere.
    residual : residual variance divided by the number of independent analyses.
    to, spread : expected gains without samples, and the standard deviation about them.
    """
    is_known = both > _LEAST_ENERGY * expected
    energy = np.where(is_known, both, 1.0)
    weight = np.where(is_known, spread**2 / (spread**2 + residual / np.maximum(energy, _TINY)), 0.0)
    drawn: FloatArray = weight * np.where(is_known, product, 0.0) / energy + (1.0 - weight) * to
    return drawn
