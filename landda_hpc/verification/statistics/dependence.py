"""Dependence of errors between places, for every metric of the temporal scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.verification.statistics.anomalies import AnomalyRule, anomalies
from landda_hpc.verification.statistics.autocorrelation import block_length
from landda_hpc.verification.statistics.block_bootstrap import Key, dependence_ratios
from landda_hpc.verification.statistics.intervals import common_times


@dataclass(frozen=True)
class Bootstrap:
    """Settings of the bootstrap.

    Attributes
    ----------
    replicates : number of replicates.
    seed : seed of the campaign; with the resampled quantity it keys the random numbers.
    """

    replicates: int
    seed: int


def score_dependence(
    runs: Mapping[str, FloatArray],
    reference: FloatArray,
    times: Sequence[datetime],
    groups: Mapping[str, IntArray],
    *,
    rule: AnomalyRule,
    baseline: str | None,
    bootstrap: Bootstrap,
    key: str,
) -> tuple[int, dict[Key, float]]:
    """Estimate the dependence of errors between places by resampling values and anomalies.

    Parameters
    ----------
    runs, reference : (n_time, n_place); NaN is missing.
    groups : places of each group; places without values are ignored.
    key : name of the resampled quantity, for the random numbers.

    Returns
    -------
    Length of the blocks, time steps; and the dependence by (group, run, metric, whether a difference), with the metrics
    of ``temporal.METRICS``.
    """
    *fields, reference = common_times(*runs.values(), reference)
    usable: BoolArray = np.asarray(np.isfinite(reference).any(axis=0))
    length = block_length(np.concatenate([field[:, usable] - reference[:, usable] for field in fields], axis=1))
    named = {name: places[usable[places]] for name, places in groups.items()}
    values = dict(zip(runs, fields, strict=True))
    departures = {name: anomalies(field, times, rule) for name, field in values.items()}
    departure = anomalies(reference, times, rule)
    found: dict[Key, float] = {}
    for what, of_runs, of_reference in (("value", values, reference), ("anomaly", departures, departure)):
        ratios = dependence_ratios(
            of_runs,
            of_reference,
            named,
            length=length,
            n_replicates=bootstrap.replicates,
            generator=keyed_generator(bootstrap.seed, "verification bootstrap", key, what),
            baseline=baseline,
        )
        for (group, run, score, is_difference), ratio in ratios.items():
            if what == "value":
                found[group, run, score, is_difference] = ratio
            elif score == "r":
                found[group, run, "anomaly_r", is_difference] = ratio
    return length, found
