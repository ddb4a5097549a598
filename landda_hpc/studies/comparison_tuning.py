"""Constant gains, and smoothed ones, that are chosen with the truth of a twin experiment: baselines at their best."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from landda_hpc.config import METHODS, CampaignConfig
from landda_hpc.errors import ConfigError
from landda_hpc.verification.tables.score_records import TRUTH, ScoreRecord

logger = logging.getLogger(__name__)

BEST_GAIN: Final = "pointwise_best"
"""Name of the pointwise run whose gain is chosen with the truth."""

BEST_SMOOTHED: Final = "smoothed_best"
"""Name of the smoothed run whose gain and length are chosen with the truth."""

LENGTHS_KM: Final = (150.0, 300.0, 500.0)
"""Smoothing lengths that are tried unless others are given, km."""


@dataclass(frozen=True)
class Tuning:
    """A run whose settings are chosen with the truth, separately for every seed.

    Attributes
    ----------
    name : of the run in the comparison.
    method : its method.
    candidates : settings that are tried.
    """

    name: str
    method: str
    candidates: tuple[dict[str, float], ...]

    def name_of(self, index: int) -> str:
        """Name of the run that tries a candidate."""
        return f"{self.name}_{index}"

    def run(self, settings: Mapping[str, float]) -> dict[str, Any]:
        """The run with these settings, as plain data."""
        return {"method": self.method, "name": self.name, **settings}

    def is_at_edge(self, settings: Mapping[str, float]) -> list[str]:
        """The settings that are the smallest or largest value tried, where several were."""
        found = []
        for key, value in settings.items():
            tried = sorted({candidate[key] for candidate in self.candidates})
            if len(tried) > 1 and value in (tried[0], tried[-1]):
                found.append(f"{key} {value:g}")
        return found


def tunings(gains: Sequence[float], lengths_km: Sequence[float] = LENGTHS_KM) -> tuple[Tuning, ...]:
    """The pointwise blend with the best gain, and the smoothed one with the best gain and length.

    Raises
    ------
    ConfigError : a gain outside 0..1, a length that is not positive, or a value given twice.
    """
    if not gains or len(set(gains)) < len(gains) or not all(0.0 <= gain <= 1.0 for gain in gains):
        raise ConfigError(f"--gains {','.join(f'{g:g}' for g in gains)}: expected distinct numbers from 0 to 1")
    if len(set(lengths_km)) < len(lengths_km) or not all(0.0 < length < math.inf for length in lengths_km):
        raise ConfigError(f"--lengths {','.join(f'{v:g}' for v in lengths_km)}: expected distinct lengths in km")
    pointwise = Tuning(BEST_GAIN, "pointwise", tuple({"gain": gain} for gain in gains))
    if not lengths_km:
        return (pointwise,)
    both = tuple({"gain": gain, "length_km": length} for length in lengths_km for gain in gains)
    return pointwise, Tuning(BEST_SMOOTHED, "smoothed", both)


def tuning_campaign(config: CampaignConfig, seed: int, tuned: Sequence[Tuning]) -> CampaignConfig:
    """The campaign that tries all candidates on one seed: a run for each, no forecast window, images or referee.

    Raises
    ------
    ConfigError : the campaign is not a twin, so that it has no truth.
    """
    if config.twin is None:
        raise ConfigError("--tune-gain needs the truth of a twin experiment; this campaign has none.")
    runs = tuple(
        METHODS[tuning.method].model_validate(tuning.run(settings) | {"name": tuning.name_of(i)})
        for tuning in tuned
        for i, settings in enumerate(tuning.candidates)
    )
    return config.model_copy(
        update={
            "seed": seed,
            "runs": runs,
            "referee": None,  # no run learns its errors
            "stations": None,  # no run assimilates them
            "time": config.time.model_copy(update={"end": config.time.assimilation_end}),
            "output": config.output.model_copy(update={"figures": False, "fields": ()}),
        }
    )


def choose(
    records: Sequence[ScoreRecord], tuning: Tuning, layer: str, since: datetime
) -> tuple[dict[str, float], list[float]]:
    """The candidate whose analyses have the smallest ubRMSE against the truth, mean over the counted times.

    Parameters
    ----------
    records : of the tuning campaign.
    tuning : the run and its candidates.
    layer : name of the evaluated layer.
    since : times after this one count.

    Returns
    -------
    The best settings, and the mean ubRMSE of every candidate, m3 m-3.

    Raises
    ------
    ConfigError : no analysis of the layer was scored in that time.
    """
    means: list[float] = []
    for i in range(len(tuning.candidates)):
        found = [
            r.ubrmse
            for r in records
            if (r.run, r.reference, r.layer, r.stage) == (tuning.name_of(i), TRUTH, layer, "analysis")
            and r.time > since
            and math.isfinite(r.ubrmse)
        ]
        if not found:
            raise ConfigError(
                f"no analysis of {layer} after {since} was scored against the truth, so {tuning.name} cannot be "
                "chosen. Take the observed layer into verification.depths_m, or count more of the window with "
                "--last-days."
            )
        means.append(math.fsum(found) / len(found))
    best = tuning.candidates[means.index(min(means))]
    edge = tuning.is_at_edge(best)
    if edge:
        logger.warning(
            "%s: the best %s is at the edge of the values tried: give more with --gains or --lengths",
            tuning.name,
            " and ".join(edge),
        )
    return best, means
