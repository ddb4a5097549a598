"""Scores of models at one site: against each other by layer, against a tower, and in the range of references."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.constants import N_SOIL, SOIL_Z
from landda_hpc.io.csv_table import write_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from landda_hpc.constants import FloatArray

HOUR: Final = timedelta(hours=1)

FLUX_NAMES: Final[dict[str, str]] = {
    "latent": "latent heat",
    "sensible": "sensible heat",
    "net_radiation": "net radiation",
    "longwave_up": "long wave upward",
    "shortwave_up": "short wave upward",
    "ground": "ground heat",
}
"""Fluxes in the order of tables, W m-2."""

SOIL_UNITS: Final[dict[str, str]] = {"soil_moisture": "m3 m-3", "soil_temperature": "K"}

TOWER: Final = "tower"
OWN_FACTOR: Final = 1.5
"""Largest ratio of a flux's RMSE against the tower to that of the reference."""


@dataclass(frozen=True, eq=False)
class SiteSeries:
    """Hourly means at one site; NaN where unknown.

    Attributes
    ----------
    start : beginning of the first hour, local standard time.
    values : fluxes by name (``FLUX_NAMES``), W m-2, shape (n_hour,): latent, sensible, long and short wave upward, net
        radiation and ground heat downward; ``soil_moisture`` (liquid and ice, m3 m-3) and ``soil_temperature`` (K),
        (n_hour, n_soil). Any may be missing.
    """

    start: datetime
    values: dict[str, FloatArray]

    @property
    def n_hour(self) -> int:
        """Number of hours."""
        return int(next(iter(self.values.values())).shape[0])

    def over(self, start: datetime, n_hour: int) -> SiteSeries:
        """The hours from ``start`` on; NaN if they do not exist."""
        skip = (start - self.start) // HOUR
        first, last = max(0, skip), min(self.n_hour, skip + n_hour)
        moved = {}
        for name, values in self.values.items():
            target = np.full((n_hour, *values.shape[1:]), np.nan)
            if first < last:
                target[first - skip : last - skip] = values[first:last]
            moved[name] = target
        return SiteSeries(start, moved)


@dataclass(frozen=True)
class SiteScore:
    """Difference of two series over their common hours.

    Attributes
    ----------
    variable : flux, ``soil_moisture`` or ``soil_temperature``.
    layer : 1..n_soil; 0 for a flux.
    depth_m : of the layer's node; 0 for a flux.
    series, against : names.
    n_hour : number of compared hours.
    rmse, bias : in ``units``; bias is series minus the other.
    correlation : 1; NaN if one of them is constant.
    """

    variable: str
    layer: int
    depth_m: float
    series: str
    against: str
    n_hour: int
    rmse: float
    bias: float
    correlation: float
    units: str


@dataclass(frozen=True)
class RangeScore:
    """Position of a series in the range of several references.

    Attributes
    ----------
    variable, layer, units : as in ``SiteScore``.
    spread : largest RMSE between any two references.
    own : RMSE of the series against the first reference.
    nearest : smallest RMSE of the series against any reference.
    share_within : share of hours within the range of the references, 0..1.
    outside : root mean square of the distance to that range, 0 within it.
    is_within : whether ``own`` is at most ``spread``, the difference between references.
    """

    variable: str
    layer: int
    units: str
    spread: float
    own: float
    nearest: float
    share_within: float
    outside: float
    is_within: bool


@dataclass(frozen=True)
class FluxBar:
    """RMSE of a flux against the tower, and that of the first reference.

    ``is_met`` : the series' RMSE is at most ``OWN_FACTOR`` times the reference's.
    """

    variable: str
    rmse: float
    reference_rmse: float
    is_met: bool


def score(a: FloatArray, b: FloatArray) -> tuple[int, float, float, float]:
    """Number of common hours, RMSE, mean of a - b, and correlation; NaN without common hours. Shapes (n_hour,)."""
    both = np.isfinite(a) & np.isfinite(b)
    n = int(both.sum())
    if n == 0:
        return 0, np.nan, np.nan, np.nan
    x, y = a[both], b[both]
    difference = x - y
    sx, sy = x.std(), y.std()
    varies = sx > 0.0 and sy > 0.0
    correlation = float(np.mean((x - x.mean()) * (y - y.mean())) / (sx * sy)) if varies else np.nan
    return n, float(np.sqrt(np.mean(difference**2))), float(difference.mean()), correlation


def compare_sites(
    name: str, series: SiteSeries, references: Mapping[str, SiteSeries], tower: SiteSeries | None
) -> list[SiteScore]:
    """Score a series against every reference, and all series against the tower.

    Parameters
    ----------
    name, series : of the run.
    references : by name, any number; the first is the main one.
    tower : measurements, or None.

    Returns
    -------
    Scores against the tower, then against the references in their order, by variable and layer.
    """
    scores = []
    if tower is not None:
        for variable in tower.values:
            for other, values in {name: series, **references}.items():
                scores += _scores(variable, other, values, TOWER, tower)
    for reference, values in references.items():
        for variable in (*FLUX_NAMES, *SOIL_UNITS):
            scores += _scores(variable, name, series, reference, values)
    return scores


def compare_ranges(series: SiteSeries, references: Mapping[str, SiteSeries]) -> list[RangeScore]:
    """Position of soil moisture and temperature of each layer in the range of at least two references.

    All series must have the same hours (``over``). Empty with fewer than two references.
    """
    if len(references) < 2:
        return []
    found = []
    for variable, units in SOIL_UNITS.items():
        for k in range(N_SOIL):
            values = series.values[variable][:, k]
            others = [r.values[variable][:, k] for r in references.values()]
            low, high = np.min(others, axis=0), np.max(others, axis=0)
            known = np.isfinite(values) & np.isfinite(low)
            if not known.any():
                continue
            distance = np.maximum(0.0, np.maximum(low - values, values - high))[known]
            spread = max(score(a, b)[1] for a, b in itertools.combinations(others, 2))
            rmse = [score(values, other)[1] for other in others]
            found.append(
                RangeScore(
                    variable,
                    k + 1,
                    units,
                    spread=spread,
                    own=rmse[0],
                    nearest=min(rmse),
                    share_within=float(np.mean(distance == 0.0)),
                    outside=float(np.sqrt(np.mean(distance**2))),
                    is_within=rmse[0] <= spread,
                )
            )
    return found


def flux_bars(name: str, reference: str, scores: Sequence[SiteScore]) -> list[FluxBar]:
    """RMSE of a series and of a reference against the tower, for every flux available in all three."""
    rmse = {(s.variable, s.series): s.rmse for s in scores if s.against == TOWER}
    return [
        FluxBar(
            v, rmse[v, name], rmse[v, reference], bool(rmse[v, name] <= OWN_FACTOR * rmse[v, reference])
        )
        for v in FLUX_NAMES
        if (v, name) in rmse and (v, reference) in rmse
    ]  # fmt: skip


def write_scores(scores: Sequence[SiteScore], ranges: Sequence[RangeScore], folder: Path) -> None:
    """Write scores.csv and, if there are ranges, ranges.csv."""
    for rows, file in ((scores, "scores.csv"), (ranges, "ranges.csv")):
        if not rows:
            continue
        names = list(type(rows[0]).__dataclass_fields__)
        values = ([getattr(row, name) for name in names] for row in rows)
        write_csv(folder / file, names, values, digits=6, missing="nan")


def _scores(variable: str, name: str, series: SiteSeries, against: str, other: SiteSeries) -> list[SiteScore]:
    if variable not in series.values or variable not in other.values:
        return []
    a, b = series.values[variable], other.values[variable]
    if variable in FLUX_NAMES:
        return [SiteScore(variable, 0, 0.0, name, against, *score(a, b), "W m-2")]
    return [
        SiteScore(variable, k + 1, float(SOIL_Z[k]), name, against, *score(a[:, k], b[:, k]), SOIL_UNITS[variable])
        for k in range(N_SOIL)
    ]
