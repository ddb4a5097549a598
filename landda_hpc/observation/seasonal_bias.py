"""Bias treatment by season: the treatment of a cell changes with the season of the observation's time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.observation.bias import BiasTreatment, ClimatologyPair, SeasonalClimatologies
from landda_hpc.observation.image_observation import ImageObservation

SEASONAL, ANNUAL, UNTREATED = "of the season", "of the year", "not changed"
"""Climatology that the treatment of a cell uses."""

_OUTCOMES: Final = (SEASONAL, ANNUAL, UNTREATED)


class AnomalyTreatment:
    """y' = m_model + (y - m_product) in each cell: the product's anomaly about the model's mean; errors do not change.

    Parameters
    ----------
    climatologies : of model and product.
    min_count : times that a cell needs; cells with fewer are not changed.
    """

    def __init__(self, climatologies: ClimatologyPair, min_count: int) -> None:
        self._pair = climatologies
        self.treated: BoolArray = climatologies.count >= min_count

    def model_mean(self, _time: datetime, /) -> FloatArray:
        return self._pair.model.mean

    def __call__(self, observation: ImageObservation, error_std: FloatArray) -> tuple[ImageObservation, FloatArray]:
        anomaly = observation.given - self._pair.product.mean
        given = np.where(self.treated, self._pair.model.mean + anomaly, observation.given)
        return replace(observation, given=given, untreated=observation.given), error_std


class SeasonalTreatment:
    """The treatment of the season that contains the observation's time, in cells whose season has enough values.

    Parameters
    ----------
    climatologies : of the seasons and of the year.
    make : treatment from the climatologies of one season.
    with_annual : other cells are treated with the climatologies of the year where these have enough values; otherwise
        they are not changed. ``outcomes`` counts both.
    """

    def __init__(
        self,
        climatologies: SeasonalClimatologies,
        make: Callable[[ClimatologyPair], BiasTreatment],
        *,
        with_annual: bool,
    ) -> None:
        self._seasons = climatologies.seasons
        self._of_season = [make(pair) for pair in climatologies.by_season]
        self._annual = make(climatologies.annual)
        nowhere = np.zeros(climatologies.annual.count.shape, dtype=np.bool_)
        self._uses_annual = [_cells(self._annual) & ~_cells(one) if with_annual else nowhere for one in self._of_season]
        changed = [_cells(one) | other for one, other in zip(self._of_season, self._uses_annual, strict=True)]
        self.treated: BoolArray = np.logical_or.reduce(changed)

    def model_mean(self, time: datetime, /) -> FloatArray | None:
        """The mean of the season; that of the year in cells that are treated with it."""
        number = self._seasons.index(time)
        of_season, of_year = self._of_season[number].model_mean(time), self._annual.model_mean(time)
        if of_season is None or of_year is None:
            return None
        return np.where(self._uses_annual[number], of_year, of_season)

    def __call__(self, observation: ImageObservation, error_std: FloatArray) -> tuple[ImageObservation, FloatArray]:
        number = self._seasons.index(observation.time)
        image, std = self._of_season[number](observation, error_std)
        annual, annual_std = self._annual(observation, error_std)
        where = self._uses_annual[number]
        given = np.where(where, annual.given, image.given)
        return replace(image, given=given), np.where(where, annual_std, std)

    def outcomes(self, within: BoolArray) -> dict[str, dict[str, int]]:
        """Number of cells by season and by the climatology that their treatment uses, among the cells ``within``."""
        found = {}
        for name, one, annual in zip(self._seasons.names, self._of_season, self._uses_annual, strict=True):
            parts = (_cells(one), annual, ~(_cells(one) | annual))
            found[name] = {
                what: int(np.count_nonzero(part & within)) for what, part in zip(_OUTCOMES, parts, strict=True)
            }
        return found


def outcome_warnings(outcomes: Mapping[str, Mapping[str, int]]) -> list[str]:
    """One sentence for each season with cells that lack a climatology of the season."""
    return [
        (
            f"{name}: {sum(counts.values()) - counts[SEASONAL]} of {sum(counts.values())} soil cells have no usable "
            f"climatology of the season (fewer than min_count values, or a constant product); that of the year is used "
            f"in {counts[ANNUAL]}, {counts[UNTREATED]} are not changed."
        )
        for name, counts in outcomes.items()
        if counts[ANNUAL] or counts[UNTREATED]
    ]


def _cells(treatment: BiasTreatment) -> BoolArray:
    assert treatment.treated is not None, "a treatment with climatologies knows its cells"
    return treatment.treated
