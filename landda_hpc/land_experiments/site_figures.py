"""Figures of one site: soil by depth with the range of the references, daily and diurnal fluxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.constants import SOIL_Z
from landda_hpc.land_experiments.site_scores import FLUX_NAMES, HOUR, TOWER
from landda_hpc.verification.figures import appearance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.land_experiments.site_scores import SiteSeries

SHOWN_LAYERS: Final = (0, 2, 4, 6, 8)
SMOOTH_DAYS: Final = 10
SEASONS: Final = {"Dec-Feb": (12, 1, 2), "Mar-May": (3, 4, 5), "Jun-Aug": (6, 7, 8), "Sep-Nov": (9, 10, 11)}

_RUN: Final = "#0072B2"
_REFERENCES: Final = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_RANGE: Final = "#d9d9d9"
_TITLES: Final = {"soil_moisture": "Soil moisture, m3 m-3", "soil_temperature": "Soil temperature, °C"}
_OFFSETS: Final = {"soil_moisture": 0.0, "soil_temperature": 273.15}


def draw_soil(
    variable: str, name: str, series: SiteSeries, references: Mapping[str, SiteSeries], site: str, path: Path
) -> None:
    """Draw daily means of five layers, with the references' range shaded; one PNG.

    Parameters
    ----------
    variable : ``soil_moisture`` or ``soil_temperature``.
    name, series : of the run.
    references : over the same hours; may be empty.
    site : for the title.
    """
    figure = appearance.new_figure(8.0, 8.5)
    panels = figure.subplots(len(SHOWN_LAYERS), 1, sharex=True)
    for axes, k in zip(panels, SHOWN_LAYERS, strict=True):
        days, own = _daily(series, series.values[variable][:, k] - _OFFSETS[variable])
        lines = {ref: _daily(s, s.values[variable][:, k] - _OFFSETS[variable])[1] for ref, s in references.items()}
        if len(lines) > 1:
            stacked = np.array(list(lines.values()))
            axes.fill_between(
                days, stacked.min(axis=0), stacked.max(axis=0), color=_RANGE, linewidth=0, label="range of references"
            )
        for (ref, line), colour in zip(lines.items(), _REFERENCES * 4, strict=False):
            axes.plot(days, line, color=colour, linewidth=0.9, label=ref)
        axes.plot(days, own, color=_RUN, linewidth=1.3, label=name)
        axes.set_title(f"layer {k + 1}, {SOIL_Z[k]:.3f} m", fontsize=appearance.FONT, loc="left", pad=2)
        _style(axes)
    _finish(figure, panels, f"{_TITLES[variable]}: daily means at {site}", path)


def draw_fluxes(
    name: str, series: SiteSeries, references: Mapping[str, SiteSeries], tower: SiteSeries | None, site: str, path: Path
) -> None:
    """Draw running means of the fluxes, for all models over the hours of tower measurements; one PNG."""
    shown = [v for v in ("latent", "sensible", "net_radiation", "longwave_up", "shortwave_up") if v in series.values]
    figure = appearance.new_figure(8.0, 2.0 * len(shown))
    panels = figure.subplots(len(shown), 1, sharex=True)
    for axes, variable in zip(panels, shown, strict=True):
        mask = np.ones(series.n_hour, dtype=np.bool_)
        if tower is not None and variable in tower.values:
            mask = np.isfinite(tower.values[variable])
            days, line = _smooth(tower, tower.values[variable])
            axes.plot(days, line, color="black", linewidth=1.6, label=TOWER)
        for (ref, s), colour in zip(references.items(), _REFERENCES * 4, strict=False):
            days, line = _smooth(s, np.where(mask, s.values[variable], np.nan))
            axes.plot(days, line, color=colour, linewidth=0.9, label=ref)
        days, line = _smooth(series, np.where(mask, series.values[variable], np.nan))
        axes.plot(days, line, color=_RUN, linewidth=1.3, label=name)
        axes.set_title(f"{FLUX_NAMES[variable]}, W m-2", fontsize=appearance.FONT, loc="left", pad=2)
        _style(axes)
    _finish(figure, panels, f"Fluxes at {site}: means of {SMOOTH_DAYS} days", path)


def draw_diurnal(
    name: str, series: SiteSeries, references: Mapping[str, SiteSeries], tower: SiteSeries | None, site: str, path: Path
) -> None:
    """Draw the mean diurnal cycle of latent and sensible heat by season, over hours of measurements; one PNG."""
    shown = ("latent", "sensible")
    figure = appearance.new_figure(9.0, 5.0)
    panels = figure.subplots(len(shown), len(SEASONS), sharex=True, sharey="row")
    times = [series.start + i * HOUR for i in range(series.n_hour)]
    hours = np.array([t.hour for t in times])
    months = np.array([t.month for t in times])
    for row, variable in zip(panels, shown, strict=True):
        mask = np.ones(series.n_hour, dtype=np.bool_)
        if tower is not None and variable in tower.values:
            mask = np.isfinite(tower.values[variable])
        for axes, (season, which) in zip(row, SEASONS.items(), strict=True):
            chosen = mask & np.isin(months, which)
            if tower is not None and variable in tower.values:
                axes.plot(_mean_day(tower.values[variable], hours, chosen), color="black", linewidth=1.6, label=TOWER)
            for (ref, s), colour in zip(references.items(), _REFERENCES * 4, strict=False):
                axes.plot(_mean_day(s.values[variable], hours, chosen), color=colour, linewidth=0.9, label=ref)
            axes.plot(_mean_day(series.values[variable], hours, chosen), color=_RUN, linewidth=1.3, label=name)
            axes.set_title(season, fontsize=appearance.FONT, pad=2)
            axes.set_xticks([0, 6, 12, 18, 24])
            _style(axes)
        row[0].set_ylabel(f"{FLUX_NAMES[variable]}, W m-2", fontsize=appearance.FONT)
    for axes in panels[-1]:
        axes.set_xlabel("local time, h", fontsize=appearance.SMALL_FONT)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=appearance.SMALL_FONT, ncols=6, frameon=False, loc="outside lower center")
    figure.suptitle(f"Mean days at {site}", fontsize=appearance.FONT + 1, x=0.01, ha="left")
    appearance.save(figure, path)


def _mean_day(values: FloatArray, hours: IntArray, chosen: BoolArray) -> FloatArray:
    means = np.full(24, np.nan)
    known = chosen & np.isfinite(values)
    for h in range(24):
        at = known & (hours == h)
        if at.any():
            means[h] = values[at].mean()
    return means


def _daily(series: SiteSeries, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Days in matplotlib's units, and means of whole days; NaN if an hour is unknown."""
    skip = -series.start.hour % 24
    n_day = (values.size - skip) // 24
    first = np.datetime64(series.start + skip * HOUR, "D").astype(np.float64)
    means: FloatArray = values[skip : skip + 24 * n_day].reshape(n_day, 24).mean(axis=1)
    return first + 0.5 + np.arange(n_day), means


def _smooth(series: SiteSeries, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means over blocks of days of the known hours; NaN if fewer than a quarter are known."""
    block = 24 * SMOOTH_DAYS
    n = values.size // block
    first = np.datetime64(series.start, "h").astype(np.float64) / 24.0
    parts = values[: n * block].reshape(n, block)
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    sums = np.where(known, parts, 0.0).sum(axis=1)
    means: FloatArray = np.where(count >= block // 4, sums / np.maximum(count, 1), np.nan)
    return first + SMOOTH_DAYS * (np.arange(n) + 0.5), means


def _style(axes: Axes) -> None:
    axes.tick_params(labelsize=appearance.SMALL_FONT, color=appearance.INK)
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0)


def _finish(figure: Figure, panels: Sequence[Axes], title: str, path: Path) -> None:
    """Add dates below shared panels, legend and title, and save the figure."""
    appearance.date_axis(panels[-1])
    panels[0].legend(fontsize=appearance.SMALL_FONT, ncols=3, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    figure.suptitle(title, fontsize=appearance.FONT + 1, x=0.01, ha="left")
    appearance.save(figure, path)
