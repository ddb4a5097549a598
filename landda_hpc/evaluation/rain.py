"""Rain on the land cells, of days or shorter intervals, for figures, from the model or from a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

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

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class RainAmounts:
    """Rain of every interval on the land cells.

    Attributes
    ----------
    label : source of the rain; in a twin also whether truth and runs had different rain.
    step : length of the intervals: days (UTC), or a part of a day.
    begins : beginnings of the intervals, UTC, ascending.
    amounts : rain, mm, (n_intervals, n_cells); NaN where unknown.
    """

    label: str
    step: timedelta
    begins: tuple[datetime, ...]
    amounts: FloatArray

    @property
    def name(self) -> str:
        """Label without its brackets, for the title of a panel."""
        return self.label.partition(" (")[0]

    @property
    def words(self) -> str:
        """Length of the intervals as an adjective: daily, hourly, 3-hourly."""
        hours = self.step / timedelta(hours=1)
        return {24.0: "daily", 1.0: "hourly"}.get(hours, f"{hours:g}-hourly")

    def bars(self, weights: FloatArray) -> list[tuple[datetime, float]]:
        """Return the beginning and the weighted mean over cells of each interval, without unknown ones."""
        known = np.isfinite(self.amounts) & (weights > 0.0)
        total = np.where(known, weights, 0.0).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, weights * np.where(known, self.amounts, 0.0), 0.0).sum(axis=1) / total
        return [(begin, float(amount)) for begin, amount in zip(self.begins, mean, strict=True) if np.isfinite(amount)]

    def of(self, day: date) -> FloatArray:
        """Return the rain of a day, mm, (n_cells,); NaN where unknown."""
        inside = [i for i, begin in enumerate(self.begins) if begin.date() == day]
        if not inside:
            return np.full(self.amounts.shape[1], np.nan)
        return np.asarray(self.amounts[inside].sum(axis=0))


def bars_of_cell(rain: RainAmounts, cell: int) -> list[tuple[datetime, float]]:
    """Return the rain of each interval in the land cell with this number."""
    weights = np.zeros(rain.amounts.shape[1])
    weights[cell] = 1.0
    return rain.bars(weights)


def rainiest_day(rain: RainAmounts, weights: FloatArray, since: datetime, until: datetime) -> date | None:
    """Return the complete day of a period with the most rain, as weighted mean over cells; None if unknown."""
    inside = [
        (amount, begin.date())
        for begin, amount in rain.bars(weights)
        if since <= begin and begin + timedelta(days=1) <= until
    ]
    return max(inside)[1] if inside else None


def begin_of(end: datetime, step: timedelta = DAY) -> datetime:
    """Return the beginning of the interval of the rain that fell before a time; midnight ends the previous day."""
    within = end - timedelta(microseconds=1)
    midnight = within.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (within - midnight) // step * step


def figure_rain(series: CampaignSeries, setup: EvaluationSetup, step: timedelta = DAY) -> RainAmounts:
    """Return the rain for figures: that of the configured product, otherwise that of the model.

    The rain of the model in a twin is that of the nature run, which determines the truth and the stations.

    Parameters
    ----------
    step : length of the intervals; the source's own, if that is longer.

    Raises
    ------
    DataError, ConfigError, StorageError : the product's files or the campaign's series cannot be read or have no rain.
    """
    if setup.asked.precipitation is not None:
        return _rain_of_product(series, setup.catalogue, setup.domain, setup.asked.precipitation, step)
    return recorded_rain(series, NATURE if NATURE in series.instances else series.runs[0], step)


def recorded_rain(series: CampaignSeries, instance: str, step: timedelta = DAY) -> RainAmounts:
    """Return the recorded rain of an instance of the campaign, in intervals of the records if these are longer."""
    step = max(step, series.step)
    rain = _collected(series, instance)
    label = "precipitation of the nature run" if instance == NATURE else "precipitation of the model"
    if NATURE in series.instances:
        other = series.runs[0] if instance == NATURE else NATURE
        if not np.array_equal(rain, _collected(series, other), equal_nan=True):
            label += " (different from the model's)" if instance == NATURE else " (different from the truth's)"
    begins = [begin_of(time, step) for time in series.times]
    ordered = sorted(set(begins))
    amounts = np.zeros((len(ordered), rain.shape[1]))
    np.add.at(amounts, np.searchsorted(np.array(ordered), np.array(begins)), rain)
    return RainAmounts(label, step, tuple(ordered), amounts)


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


def in_usual_intervals(
    found: Mapping[datetime, FloatArray], longest: Mapping[datetime, timedelta], step: timedelta, usual: timedelta
) -> tuple[dict[datetime, FloatArray], timedelta]:
    """Widen intervals to those of the files, if these are longer. Local.

    Parameters
    ----------
    found : amounts by the beginning of their interval, mm, (n_cells,).
    longest : longest interval that an amount in it covers, as the first of a day that the files do not begin with.
    step : length of the intervals, which divides a day.
    usual : usual interval of the files.

    Returns
    -------
    Amounts and length of the wider intervals. An amount that covers more than such an interval makes it unknown (NaN).
    """
    wider = step if usual <= step else usual if not DAY % usual and not usual % step else DAY
    amounts: dict[datetime, FloatArray] = {}
    for begin, amount in found.items():
        wide = begin_of(begin + step, wider)
        known = amount if longest[begin] <= wider else np.full_like(amount, np.nan)
        amounts[wide] = amounts[wide] + known if wide in amounts else known
    return amounts, wider


def _rain_of_product(
    series: CampaignSeries, catalogue: Catalogue, domain: Domain, name: str, step: timedelta
) -> RainAmounts:
    entry = catalogue.entries[name]
    paths = rain_files(catalogue, name, series.times[0] - series.step, series.times[-1])
    found: dict[datetime, FloatArray] = {}
    longest: dict[datetime, timedelta] = {}
    intervals = Counter[timedelta]()
    regridder: Regridder | None = None
    for field in read_precipitation(entry.product, paths, Region.of(domain.grid)):
        if not series.times[0] - series.step < field.end <= series.times[-1]:
            continue
        if regridder is None or not regridder.source.same_points(field.grid):
            regridder = Regridder(field.grid, domain.grid, "conservative")
        amount = domain.cells.from_image(regridder(field.amount))
        begin = begin_of(field.end, step)
        found[begin] = found[begin] + amount if begin in found else amount
        intervals[field.end - field.begin] += 1
        longest[begin] = max(field.end - field.begin, longest.get(begin, timedelta()))
    label = f"precipitation of {RAIN[entry.product].label}"
    if intervals:
        usual = max(intervals, key=lambda interval: (intervals[interval], interval))
        found, step = in_usual_intervals(found, longest, step, usual)
    ordered = sorted(found)
    amounts = np.stack([found[begin] for begin in ordered]) if ordered else np.empty((0, len(domain.cells)))
    if not np.isfinite(amounts).any():
        raise DataError(
            f"entry '{name}' has no precipitation over the land of the grid from {series.times[0] - series.step} "
            f"to {series.times[-1]}; {len(paths)} files were read. Check its pattern and dates."
        )
    return RainAmounts(label, step, tuple(ordered), amounts)
