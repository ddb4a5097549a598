"""Daily rain on the land cells, for figures, from the model or from a product."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.evaluation.recorded_series import NATURE, CampaignSeries
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.formats.products.precipitation import RAIN, read_precipitation
from landda_hpc.formats.products.region import Region
from landda_hpc.instances.domain import Domain
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regridding.regrid import Regridder


@dataclass(frozen=True, eq=False)
class DailyRain:
    """Rain of every UTC day on the land cells.

    Attributes
    ----------
    label : source of the rain; in a twin also whether truth and runs had different rain.
    days : days, ascending.
    amounts : rain, mm, (n_days, n_cells); NaN where unknown.
    """

    label: str
    days: tuple[date, ...]
    amounts: FloatArray

    @property
    def name(self) -> str:
        """Label without its brackets, for the title of a panel."""
        return self.label.partition(" (")[0]

    def bars(self, weights: FloatArray) -> list[tuple[datetime, float]]:
        """Return the beginning and the weighted mean over cells of each day, without unknown days."""
        known = np.isfinite(self.amounts) & (weights > 0.0)
        total = np.where(known, weights, 0.0).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, weights * np.where(known, self.amounts, 0.0), 0.0).sum(axis=1) / total
        return [
            (datetime(day.year, day.month, day.day), float(amount))
            for day, amount in zip(self.days, mean, strict=True)
            if np.isfinite(amount)
        ]

    def of(self, day: date) -> FloatArray:
        """Return the rain of a day, mm, (n_cells,); NaN where unknown."""
        if day not in self.days:
            return np.full(self.amounts.shape[1], np.nan)
        return np.asarray(self.amounts[self.days.index(day)])


def bars_of_cell(rain: DailyRain, cell: int) -> list[tuple[datetime, float]]:
    """Return the rain of each day in the land cell with this number."""
    weights = np.zeros(rain.amounts.shape[1])
    weights[cell] = 1.0
    return rain.bars(weights)


def rainiest_day(rain: DailyRain, weights: FloatArray, since: datetime, until: datetime) -> date | None:
    """Return the complete day of a period with the most rain, as weighted mean over cells; None if unknown."""
    inside = [
        (amount, begin.date())
        for begin, amount in rain.bars(weights)
        if since <= begin and begin + timedelta(days=1) <= until
    ]
    return max(inside)[1] if inside else None


def day_of(end: datetime) -> date:
    """Return the day of the rain that fell before a time; midnight ends the previous day."""
    return (end - timedelta(microseconds=1)).date()


def daily_rain(series: CampaignSeries, setup: EvaluationSetup) -> DailyRain:
    """Return the rain for figures: that of the configured product, otherwise that of the model.

    The rain of the model in a twin is that of the nature run, which determines the truth and the stations.

    Raises
    ------
    DataError, ConfigError, StorageError : the product's files or the campaign's series cannot be read or have no rain.
    """
    if setup.asked.precipitation is not None:
        return _rain_of_product(series, setup.catalogue, setup.domain, setup.asked.precipitation)
    return recorded_rain(series, NATURE if NATURE in series.instances else series.runs[0])


def recorded_rain(series: CampaignSeries, instance: str) -> DailyRain:
    """Return the recorded rain of an instance of the campaign."""
    rain = _collected(series, instance)
    label = "precipitation of the nature run" if instance == NATURE else "precipitation of the model"
    if NATURE in series.instances:
        other = series.runs[0] if instance == NATURE else NATURE
        if not np.array_equal(rain, _collected(series, other), equal_nan=True):
            label += " (different from the model's)" if instance == NATURE else " (different from the truth's)"
    days = sorted({day_of(time) for time in series.times})
    of_time = np.array([days.index(day_of(time)) for time in series.times])
    amounts = np.stack([rain[of_time == i].sum(axis=0) for i in range(len(days))])
    return DailyRain(label, tuple(days), amounts)


def _collected(series: CampaignSeries, instance: str) -> FloatArray:
    """Return the rain of every time on the land cells, mm, (n_time, n_cells)."""
    return series.collect(instance, {"rain": lambda values: values.precipitation.astype(np.float64)})["rain"]


def rain_files(catalogue: Catalogue, name: str, start: datetime, end: datetime) -> list[Path]:
    """Return the files of a catalogue entry from start to end, in order of their times.

    Raises
    ------
    ConfigError : the entry's product gives no precipitation, or a pattern leaves ``data_root``.
    DataError : a file with many times cannot be read.
    """
    entry = catalogue.entries[name]
    if entry.product not in RAIN:
        raise ConfigError(
            f"verification.precipitation: entry '{name}' is of product {entry.product}, which gives no precipitation; "
            f"expected one of {', '.join(RAIN)}."
        )
    dataset = catalogue.dataset(name)
    found: dict[Path, None] = {}
    with dataset.listing():
        hour = start
        while hour <= end:
            found.update(dict.fromkeys(dataset.files(hour)))
            hour += timedelta(hours=1)
    return list(found)


def _rain_of_product(series: CampaignSeries, catalogue: Catalogue, domain: Domain, name: str) -> DailyRain:
    entry = catalogue.entries[name]
    paths = rain_files(catalogue, name, series.times[0] - series.step, series.times[-1])
    days: dict[date, FloatArray] = {}
    regridder: Regridder | None = None
    for field in read_precipitation(entry.product, paths, Region.of(domain.grid)):
        if not series.times[0] - series.step < field.end <= series.times[-1]:
            continue
        if regridder is None or not regridder.source.same_points(field.grid):
            regridder = Regridder(field.grid, domain.grid, "conservative")
        amount = domain.cells.from_image(regridder(field.amount))
        day = day_of(field.end)
        days[day] = days[day] + amount if day in days else amount
    label = f"precipitation of {RAIN[entry.product].label}"
    ordered = sorted(days)
    amounts = np.stack([days[day] for day in ordered]) if ordered else np.empty((0, len(domain.cells)))
    if not np.isfinite(amounts).any():
        raise DataError(
            f"entry '{name}' has no precipitation over the land of the grid from {series.times[0] - series.step} "
            f"to {series.times[-1]}; {len(paths)} files were read. Check its pattern and dates."
        )
    return DailyRain(label, tuple(ordered), amounts)
