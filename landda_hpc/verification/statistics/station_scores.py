"""Scores at stations, and their means over networks and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.statistics.anomalies import AnomalyRule
from landda_hpc.verification.statistics.dependence import Bootstrap, score_dependence
from landda_hpc.verification.statistics.groups import GroupMean, group_mean
from landda_hpc.verification.statistics.improvement import BETTER, Improvement, improvement
from landda_hpc.verification.statistics.station_set import StationSet
from landda_hpc.verification.statistics.temporal import METRICS, TemporalScores, temporal_scores


@dataclass(frozen=True)
class GroupRow:
    """One metric of one run over one group, and its difference from the baseline.

    Attributes
    ----------
    window : "assimilation" or "forecast".
    kind : "network" or "region" of stations; "cells" of a region, "pattern" over a region.
    group, layer, run, metric : names; metrics as in ``temporal.METRICS`` (for patterns as in ``grid_scores.PATTERN``).
    score : mean over the group (for patterns over the times).
    difference : mean of the paired differences from the baseline, place by place; None for the baseline itself.
    """

    window: str
    kind: str
    group: str
    layer: str
    run: str
    metric: str
    score: GroupMean
    difference: GroupMean | None


@dataclass(frozen=True, eq=False)
class WindowScores:
    """Scores of all stations in one window of the campaign.

    Attributes
    ----------
    window : "assimilation" or "forecast".
    is_inside : mask of the rows of the series in the window.
    scores : scores of each station.
    groups : means over networks and regions.
    block_steps : length of the bootstrap's blocks, time steps.
    """

    window: str
    is_inside: BoolArray
    scores: TemporalScores
    groups: tuple[GroupRow, ...]
    block_steps: int


ALL_STATIONS: Final = "all stations"


def station_groups(stations: StationSet, regions: Sequence[Region]) -> dict[tuple[str, str, str], IntArray]:
    """Return places by (kind, group, layer), without empty groups; the region "all stations" has all stations."""
    found: dict[tuple[str, str, str], IntArray] = {}
    for number, layer in enumerate(stations.layers):
        of_layer = stations.layer == number
        for network in sorted(set(stations.network)):
            member = of_layer & np.array([name == network for name in stations.network], dtype=np.bool_)
            found["network", network, layer] = np.flatnonzero(member)
        for region in regions:
            name = ALL_STATIONS if region == GLOBE else region.name
            found["region", name, layer] = np.flatnonzero(of_layer & stations.inside(region))
    return {key: places for key, places in found.items() if places.size}


def improved_stations(
    stations: StationSet, regions: Sequence[Region], scores: TemporalScores
) -> dict[tuple[str, str, str, str], Improvement]:
    """Count the improved stations of every region by region, layer, run and metric; empty without a baseline."""
    groups = {key: places for key, places in station_groups(stations, regions).items() if key[0] == "region"}
    return {
        (group, layer, run, metric): improvement(differences[metric], places, sign)
        for (_, group, layer), places in groups.items()
        for run, differences in scores.differences.items()
        for metric, sign in BETTER.items()
        if metric in differences
    }


def score_stations(
    stations: StationSet,
    runs: Mapping[str, FloatArray],
    windows: Mapping[str, BoolArray],
    *,
    regions: Sequence[Region],
    rule: AnomalyRule,
    baseline: str | None,
    min_pairs: int,
    bootstrap: Bootstrap,
) -> list[WindowScores]:
    """Score every window separately; windows in which no station has enough pairs are omitted.

    Parameters
    ----------
    stations : stations with their observed values.
    runs : series by run, m3 m-3, (n_time, n_place).
    windows : mask of the rows of each window.
    regions, rule, baseline, min_pairs : see ``station_groups`` and ``temporal_scores``.
    bootstrap : settings for the intervals of means.
    """
    found = []
    for window, is_inside in windows.items():
        here = {name: values[is_inside] for name, values in runs.items()}
        observed = stations.observed[is_inside]
        times = [time for time, inside in zip(stations.times, is_inside, strict=True) if inside]
        if len(times) < min_pairs:
            continue
        scores = temporal_scores(here, observed, times, rule=rule, baseline=baseline, min_pairs=min_pairs)
        if not (scores.n >= min_pairs).any():
            continue
        groups = station_groups(stations, regions)
        length, ratios = score_dependence(
            here,
            np.where(scores.n >= min_pairs, observed, np.nan),
            times,
            {f"{kind}:{group}:{layer}": places for (kind, group, layer), places in groups.items()},
            rule=rule,
            baseline=baseline,
            bootstrap=bootstrap,
            key=f"stations, {window}",
        )
        rows = []
        for (kind, group, layer), places in groups.items():
            for run in runs:
                for metric in METRICS:
                    key = f"{kind}:{group}:{layer}"
                    score = group_mean(scores.scores[run][metric], places, ratios.get((key, run, metric, False), 1.0))
                    difference = None
                    if run in scores.differences:
                        ratio = ratios.get((key, run, metric, True), 1.0)
                        difference = group_mean(scores.differences[run][metric], places, ratio)
                    if score.n_places:
                        rows.append(GroupRow(window, kind, group, layer, run, metric, score, difference))
        found.append(WindowScores(window, is_inside, scores, tuple(rows), length))
    return found
