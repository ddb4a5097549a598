"""The result of a campaign in sentences: which run is best, by how much, and whether the difference is significant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from landda_hpc.verification.statistics.intervals import estimate_mean
from landda_hpc.verification.statistics.sample_size import FEWEST_EFFECTIVE, LEVEL
from landda_hpc.verification.tables.comparison_table import SHOWN, ComparisonRow
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE, ScoreRecord, last_stage, layer_depth
from landda_hpc.verification.tables.score_table import CONTROL, FITTED, described, in_order_of_trust

UNIT = "m³ m⁻³"


@dataclass(frozen=True)
class Gain:
    """Mean ubRMSE of a run, and the mean of its paired differences from another run, m3 m-3.

    Attributes
    ----------
    run, other : names; ``other`` is empty if there is nothing to compare with.
    mean, mean_of_other : over the common times.
    difference, low, high : with the ends of the 95 % interval; NaN if there are too few independent times.
    n_eff : effective number of independent times.
    n_times : number of common times.
    """

    run: str
    other: str
    mean: float
    mean_of_other: float
    difference: float
    low: float
    high: float
    n_eff: float
    n_times: int

    @property
    def is_significant(self) -> bool | None:
        """Whether the interval excludes zero; None without an interval."""
        return None if math.isnan(self.low) else not self.low <= 0.0 <= self.high

    @property
    def percent(self) -> float:
        """Difference relative to the other run, per cent; NaN if that has no error at all."""
        return 100.0 * self.difference / self.mean_of_other if self.mean_of_other else math.nan


@dataclass(frozen=True)
class Ranking:
    """The runs of a campaign by their mean ubRMSE, the smallest first.

    Attributes
    ----------
    reference, layer, window : what is compared: the most trusted reference, its uppermost layer.
    baseline : the control, or the first run.
    against_baseline : every other run against the baseline, the best first.
    against_best : every run except the best against the best, the next best first.
    means : mean ubRMSE and SCC of each run, the best first.
    """

    reference: str
    layer: str
    window: str
    baseline: str
    against_baseline: Sequence[Gain]
    against_best: Sequence[Gain]
    means: dict[str, tuple[float, float]]

    @property
    def best(self) -> str:
        """Name of the run with the smallest error."""
        return next(iter(self.means))


def rank_runs(records: Sequence[ScoreRecord], since: datetime | None = None) -> Ranking | None:
    """Rank runs by the error of the states from which they continue; None without a score.

    Parameters
    ----------
    records : of a campaign.
    since : earlier times are excluded.

    Notes
    -----
    The interval of a mean of paired differences accounts for their autocorrelation (``intervals.estimate_mean``).
    """
    known = [r for r in records if not math.isnan(r.ubrmse) and (since is None or r.time >= since)]
    if not known:
        return None
    reference = in_order_of_trust(r.reference for r in known)[0]
    known = [r for r in known if r.reference == reference]
    layer = min((r.layer for r in known), key=layer_depth)
    known = [r for r in known if r.layer == layer]
    window = "assimilation" if any(r.window == "assimilation" for r in known) else "forecast"
    states = last_stage(r for r in known if r.window == window)
    series = {run: {r.time: r for r in states if r.run == run} for run in dict.fromkeys(r.run for r in states)}
    means = {
        run: (_mean([r.ubrmse for r in of_run.values()]), _mean([r.scc for r in of_run.values()]))
        for run, of_run in series.items()
    }
    means = dict(sorted(means.items(), key=lambda item: item[1][0]))
    baseline = CONTROL if CONTROL in series else next(iter(series))
    best = next(iter(means))
    others = [run for run in means if run != baseline]
    return Ranking(
        reference,
        layer,
        window,
        baseline,
        [_gain(run, series[run], baseline, series[baseline]) for run in others],
        [_gain(run, series[run], best, series[best]) for run in means if run != best],
        means,
    )


def _gain(run: str, one: dict[datetime, ScoreRecord], other: str, two: dict[datetime, ScoreRecord]) -> Gain:
    times = sorted(one.keys() & two.keys())
    x, y = (np.array([series[t].ubrmse for t in times]) for series in (one, two))
    if not times:
        return Gain(run, other, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    value, low, high, n_eff = estimate_mean((x - y)[:, None]).at(0)
    return Gain(run, other, _mean(x.tolist()), _mean(y.tolist()), value, low, high, n_eff, len(times))


def headline(ranking: Ranking) -> list[str]:
    """Return the result in sentences, the most important first."""
    what = f"the ubRMSE of soil moisture {ranking.layer} against {described(ranking.reference)}"
    when = "the assimilation window" if ranking.window == "assimilation" else "the free forecast"
    best = ranking.best
    mean = ranking.means[best][0]
    texts = []
    if len(ranking.means) == 1:
        texts.append(f"{best}, the only run: {what} is {mean:.4f} {UNIT} on average over {when}.")
    elif best == ranking.baseline:
        next_best = ranking.against_best[0]
        texts.append(
            f"No run is better than {best}: {what} is {mean:.4f} {UNIT} on average over {when}; the next is "
            f"{next_best.run} with {next_best.mean:.4f}."
        )
        texts.append(significance(next_best))
    else:
        gain = next(g for g in ranking.against_baseline if g.run == best)
        texts.append(
            f"{best} has the smallest error of {len(ranking.means)} runs, {-gain.percent:.0f} % below that of "
            f"{gain.other}: {what} is {gain.mean:.4f} instead of {gain.mean_of_other:.4f} {UNIT} on average over the "
            f"{gain.n_times} times of {when}."
        )
        texts.append(significance(gain))
        further = [g for g in ranking.against_best if g.run != ranking.baseline]
        if further:
            texts.append(f"The next is {further[0].run} with {further[0].mean:.4f} {UNIT}. {significance(further[0])}")
    if ranking.reference == ASSIMILATED_REFERENCE:
        texts.append(FITTED)
    return texts


def significance(gain: Gain) -> str:
    """Return whether a difference is significant, with its interval."""
    pair = f"The difference between {gain.run} and {gain.other}"
    if gain.is_significant is None:
        return (
            f"{pair} has no interval, because the records have too few independent times: whether it is significant "
            "is not known."
        )
    level, interval = f"{100 * LEVEL:g} %", signed_interval(gain.low, gain.high)
    verdict = "significant" if gain.is_significant else "not significant"
    zero = "excludes" if gain.is_significant else "includes"
    text = f"{pair}, {_signed(gain.difference)} {UNIT}, is {verdict}: its {level} interval {interval} {zero} zero"
    if gain.low != gain.high and gain.n_eff < FEWEST_EFFECTIVE:
        return f"{text}. It rests on {gain.n_eff:.1f} effective values and tends to be too narrow."
    return f"{text}."


def comparison_headline(rows: Sequence[ComparisonRow]) -> list[str]:
    """Return the result of a comparison of methods over seeds in sentences; empty without a row to judge."""
    shown = [r for r in rows if r.score == "ubrmse" and not math.isnan(r.mean)]
    place = next((p for p in SHOWN if any((r.window, r.stage) == p for r in shown)), None)
    if place is None:
        return []
    reference = in_order_of_trust(r.reference for r in shown)[0]
    shown = [r for r in shown if r.reference == reference and (r.window, r.stage) == place]
    layer = min((r.layer for r in shown), key=layer_depth)
    ordered = sorted((r for r in shown if r.layer == layer), key=lambda r: r.mean)
    best = ordered[0]
    what = f"the ubRMSE of soil moisture {layer} ({best.stage}) against {described(reference)}"
    seeds = f"{best.n_seeds} seed{'' if best.n_seeds == 1 else 's'}"
    tuned = f" ({best.note})" if best.note else ""
    texts = [
        f"{best.method}{tuned} has the smallest error of {len(ordered)} methods: {what} is {best.mean:.4f} {UNIT}."
    ]
    if best.method == best.baseline:
        texts[0] = texts[0].replace(": the", ", which is the baseline: the", 1)
        judged = ordered[1:2]
    else:
        before = best.mean - best.paired_difference
        percent = -100.0 * best.paired_difference / before if before else math.nan
        texts[0] = f"{texts[0][:-1]}, {percent:.0f} % less than that of {best.baseline}, on average over {seeds}."
        judged = [best]
    for row in judged:
        pair = f"The difference between {row.method} and {row.baseline}, {_signed(row.paired_difference)} {UNIT}"
        if math.isnan(row.paired_low):
            texts.append(f"{pair}, has no interval with {row.n_pairs} seed: whether it is significant is not known.")
            continue
        is_sure = not row.paired_low <= 0.0 <= row.paired_high
        verdict, zero = ("significant", "excludes") if is_sure else ("not significant", "includes")
        interval = signed_interval(row.paired_low, row.paired_high)
        texts.append(
            f"{pair}, is {verdict}: its {100 * LEVEL:g} % interval over {row.n_pairs} paired seeds, {interval}, "
            f"{zero} zero."
        )
    if reference == ASSIMILATED_REFERENCE:
        texts.append(FITTED)
    return texts


def signed_interval(low: float, high: float) -> str:
    """Return the ends of an interval of a difference as text."""
    return f"[{_signed(low)}, {_signed(high)}]"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else math.nan
