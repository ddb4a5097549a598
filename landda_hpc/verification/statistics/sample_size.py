"""Warnings for values based on too few samples, and the text of a value with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from landda_hpc.verification.statistics.groups import GroupMean

LEVEL: Final = 0.95
"""Confidence of all intervals."""

FEWEST_SEEDS: Final = 3
"""Minimum number of seeds without a warning: Student's quantile is 12.7 for two seeds, 4.3 for three, 2.8 for five."""

FEWEST_TIMES: Final = 20
"""Minimum number of times of a variance: its standard error is then 32 % of it, if they are independent."""

FEWEST_EFFECTIVE: Final = 15.0
"""Number of effective values below which intervals are too narrow (``docs/verification.md``)."""

FEWEST_PAIRS: Final = 4
"""Minimum number of pairs of model runs of a vertical regression."""

MARK: Final = "†"
"""Mark of intervals that are based on fewer than ``FEWEST_EFFECTIVE`` effective values."""


def seed_warnings(n_seeds: int) -> list[str]:
    """Return a warning for intervals over fewer than ``FEWEST_SEEDS`` seeds; otherwise an empty list."""
    if n_seeds >= FEWEST_SEEDS:
        return []
    if n_seeds < 2:
        return ["With 1 seed there is no interval, and a difference between methods may be chance."]
    quantile = float(stdtrit(n_seeds - 1, 0.5 + 0.5 * LEVEL))
    return [
        (
            f"With {n_seeds} seeds an interval rests on {n_seeds - 1} degree of freedom (Student's quantile is "
            f"{quantile:.1f}): it is wide, and its width is uncertain as well."
        )
    ]


def variance_warnings(n_times: int, what: str) -> list[str]:
    """Return a warning for variances over fewer than ``FEWEST_TIMES`` times; otherwise an empty list.

    Parameters
    ----------
    n_times : number of times of the variance.
    what : name of the quantity, capitalised, singular.
    """
    if n_times >= FEWEST_TIMES:
        return []
    if n_times < 2:
        return [f"{what} rests on {n_times} time{'' if n_times == 1 else 's'}: there is no variance."]
    error = 100.0 * math.sqrt(2.0 / (n_times - 1))
    return [
        (
            f"{what} rests on {n_times} times: the standard error of a variance is {error:.0f} % of it even if the "
            f"times are independent; {FEWEST_TIMES} times or more are advisable."
        )
    ]


def pair_warnings(n_pairs: int) -> list[str]:
    """Return a warning for slopes from fewer than ``FEWEST_PAIRS`` pairs of runs; otherwise an empty list."""
    if n_pairs >= FEWEST_PAIRS:
        return []
    return [
        (
            f"The slopes rest on {n_pairs} pair{'' if n_pairs == 1 else 's'} of model runs; the errors of a pair "
            f"persist, so its times count as one sample. {FEWEST_PAIRS} pairs or more are advisable."
        )
    ]


def is_weak(mean: GroupMean) -> bool:
    """Return whether a mean has an interval that is based on too few effective values."""
    return mean.n_eff < FEWEST_EFFECTIVE and not math.isnan(mean.low)


def effective_size_warnings(means: Iterable[GroupMean]) -> list[str]:
    """Return a warning for a table with these means; empty if all intervals are based on enough values."""
    found = [mean for mean in means if not math.isnan(mean.low)]
    weak = [mean for mean in found if is_weak(mean)]
    if not weak:
        return []
    return [
        (
            f"{MARK} {len(weak)} of {len(found)} intervals rest on fewer than {FEWEST_EFFECTIVE:g} effective values "
            f"(the fewest are {min(mean.n_eff for mean in weak):.1f}): they tend to be too narrow."
        )
    ]


def plus_minus(mean: float, low: float, high: float, digits: int, *, sign: bool = False) -> str:
    """Return "0.812±0.004", or "0.812 [0.301, 0.970]" if the sides differ, or the mean alone without an interval."""
    if math.isnan(mean):
        return "-"
    plus = "+" if sign else ""
    text = f"{mean:{plus}.{digits}f}"
    if math.isnan(low):
        return text
    below, above = f"{mean - low:.{digits}f}", f"{high - mean:.{digits}f}"
    return f"{text}±{above}" if below == above else f"{text} [{low:{plus}.{digits}f}, {high:{plus}.{digits}f}]"
