"""Scores at stations, and their means over networks and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.fields.keyed import keyed_generator
from landda_hpc.verification.anomalies import AnomalyRule, anomalies
from landda_hpc.verification.autocorrelation import block_length
from landda_hpc.verification.block_bootstrap import dependence_ratios
from landda_hpc.verification.groups import GroupMean, group_mean
from landda_hpc.verification.intervals import common_times
from landda_hpc.verification.regions import GLOBE, Region
from landda_hpc.verification.station_set import StationSet
from landda_hpc.verification.temporal import METRICS, TemporalScores, temporal_scores


@dataclass(frozen=True)
class GroupRow:
    """One metric of one run over one group, and its difference from the baseline.

    Attributes
    ----------
    window : "assimilation" or "forecast".
    kind : "network" or "region".
    group, layer, run, metric : names; metrics as in ``temporal.METRICS``.
    score : mean over the group.
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
    is_inside : rows of the series that belong to it.
    scores : by station.
    groups : means over networks and regions.
    block_steps : length of the bootstrap's blocks, time steps.
    """

    window: str
    is_inside: BoolArray
    scores: TemporalScores
    groups: tuple[GroupRow, ...]
    block_steps: int


def station_groups(stations: StationSet, regions: Sequence[Region]) -> dict[tuple[str, str, str], IntArray]:
    """Places by (kind, group, layer), without empty groups; all stations are the region "all stations"."""
    found: dict[tuple[str, str, str], IntArray] = {}
    for number, layer in enumerate(stations.layers):
        of_layer = stations.layer == number
        for network in sorted(set(stations.network)):
            member = of_layer & np.array([name == network for name in stations.network], dtype=np.bool_)
            found["network", network, layer] = np.flatnonzero(member)
        for region in regions:
            name = "all stations" if region == GLOBE else region.name
            found["region", name, layer] = np.flatnonzero(of_layer & stations.inside(region))
    return {key: places for key, places in found.items() if places.size}


def score_stations(
    stations: StationSet,
    runs: Mapping[str, FloatArray],
    windows: Mapping[str, BoolArray],
    *,
    regions: Sequence[Region],
    rule: AnomalyRule,
    baseline: str | None,
    min_pairs: int,
    replicates: int,
    seed: int,
) -> list[WindowScores]:
    """Score every window by itself; windows without enough pairs anywhere are left out.

    Parameters
    ----------
    stations : with observed values.
    runs : by name, (n_time, n_place), m3 m-3.
    windows : rows of each window.
    regions, rule, baseline, min_pairs : as ``station_groups`` and ``temporal_scores``.
    replicates, seed : of the bootstrap; its random numbers are keyed by seed, window and what is resampled.
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
        length, ratios = _dependence(here, observed, times, groups, scores, rule, baseline, replicates, seed, window)
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


def _dependence(
    runs: Mapping[str, FloatArray],
    observed: FloatArray,
    times: Sequence[datetime],
    groups: Mapping[tuple[str, str, str], IntArray],
    scores: TemporalScores,
    rule: AnomalyRule,
    baseline: str | None,
    replicates: int,
    seed: int,
    window: str,
) -> tuple[int, dict[tuple[str, str, str, bool], float]]:
    """Length of blocks, and dependence by (group, run, metric, whether a difference)."""
    *fields, reference = common_times(*runs.values(), observed)
    usable = np.isfinite(scores.scores[next(iter(runs))]["r"].value)
    differences = np.concatenate([field[:, usable] - reference[:, usable] for field in fields], axis=1)
    length = block_length(differences)
    named = {f"{kind}:{group}:{layer}": places[usable[places]] for (kind, group, layer), places in groups.items()}
    values = dict(zip(runs, fields, strict=True))
    departures = {name: anomalies(field, times, rule) for name, field in values.items()}
    departure = anomalies(reference, times, rule)
    found: dict[tuple[str, str, str, bool], float] = {}
    for what, of_runs, of_reference in (("value", values, reference), ("anomaly", departures, departure)):
        ratios = dependence_ratios(
            of_runs,
            of_reference,
            named,
            length=length,
            n_replicates=replicates,
            generator=keyed_generator(seed, "verification bootstrap", window, what),
            baseline=baseline,
        )
        for (group, run, score, is_difference), ratio in ratios.items():
            if what == "value":
                found[group, run, score, is_difference] = ratio
            elif score == "r":
                found[group, run, "anomaly_r", is_difference] = ratio
    return length, found
