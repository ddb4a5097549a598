"""Figures of series with rain: soil moisture at stations, spatial correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.score_series import WINDOW_SHADE, as_dates, legend_below, mark_window, time_axis
from landda_hpc.verification.run_styles import run_styles

RAIN_COLOUR: Final = "#8fb3d9"
_OBSERVED: Final = "#000000"


@dataclass(frozen=True, eq=False)
class StationPanel:
    """One station's series.

    Attributes
    ----------
    title : title of the panel.
    observed : soil moisture of the station, m3 m-3, (n_time,); NaN where missing.
    runs : soil moisture of the runs by name, m3 m-3, (n_time,).
    words : text of each run in the legend of the panel, for example its R.
    rain : daily rain (start of the day, mm), or empty.
    """

    title: str
    observed: FloatArray
    runs: Mapping[str, FloatArray]
    words: Mapping[str, str]
    rain: Sequence[tuple[datetime, float]]


def draw_stations(
    panels: Sequence[StationPanel],
    times: Sequence[datetime],
    path: Path,
    *,
    title: str,
    window_end: datetime | None,
    rain_label: str = "precipitation",
) -> None:
    """Draw soil moisture of stations and runs over time with rain as bars, one panel per station, and write one PNG.

    Raises
    ------
    DataError : there are no panels.
    StorageError : the file cannot be written.
    """
    if not panels:
        raise DataError(f"no station to draw in '{path}'.")
    names = list(dict.fromkeys(name for panel in panels for name in panel.runs))
    styles = run_styles(names)
    figure = appearance.new_figure(9.5, 1.0 + 2.3 * len(panels), title)
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    dates, span = as_dates(times), (times[0], times[-1])
    most = max((amount for panel in panels for _, amount in panel.rain), default=0.0)
    for number, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        behind = draw_bars(ax, panel.rain, most) if panel.rain else ax
        ax.plot(dates, panel.observed, color=_OBSERVED, linewidth=1.3, zorder=4)
        for name, values in panel.runs.items():
            colour, dash, _ = styles[name]
            ax.plot(dates, values, color=colour, linestyle=dash, linewidth=1.3, zorder=3)
        mark_window(behind, span, window_end, with_text=False)
        time_axis(ax, span)
        ax.set_ylabel("m$^3$ m$^{-3}$", fontsize=appearance.FONT)
        _room_above(ax, [panel.observed, *panel.runs.values()])
        ax.set_title(f"({chr(ord('a') + number)}) {panel.title}", loc="left", fontsize=appearance.FONT)
        for line, (name, words) in enumerate(panel.words.items()):
            place = {"transform": ax.transAxes, "va": "top", "fontsize": appearance.SMALL_FONT}
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
            ax.text(0.008, 0.96 - 0.115 * line, words, color=styles[name][0], bbox=box, zorder=6, **place)
    handles: list[Any] = [Line2D([], [], color=_OBSERVED, linewidth=1.3, label="station")]
    handles += [Line2D([], [], color=styles[n][0], linestyle=styles[n][1], linewidth=1.3, label=n) for n in names]
    if any(panel.rain for panel in panels):
        handles.append(Patch(facecolor=RAIN_COLOUR, label=rain_label))
    handles += _window_handle(window_end)
    legend_below(figure, handles)
    appearance.save(figure, path)


@dataclass(frozen=True, eq=False)
class ScoreLine:
    """Score of one run and layer over time, (n_time,); NaN where undefined."""

    run: str
    layer: str
    values: FloatArray


def draw_scores_with_rain(
    panels: Mapping[str, Sequence[ScoreLine]],
    times: Sequence[datetime],
    rain: Mapping[str, Sequence[tuple[datetime, float]]],
    path: Path,
    *,
    title: str,
    window_end: datetime | None,
    rain_label: str = "precipitation, mean over the region",
) -> None:
    """Draw the spatial correlation over time, one panel per region, with the region's rain; one PNG.

    Parameters
    ----------
    panels : lines by region, the surface first.
    rain : daily rain of each region (start of the day, mm).

    Raises
    ------
    DataError : there is nothing to draw.
    StorageError : the file cannot be written.
    """
    lines = [line for of_region in panels.values() for line in of_region]
    if not lines:
        raise DataError(f"no scores over time to draw in '{path}'.")
    runs = list(dict.fromkeys(line.run for line in lines))
    layers = list(dict.fromkeys(line.layer for line in lines))
    looks = _looks(runs, layers)
    figure = appearance.new_figure(9.5, 1.1 + 2.7 * len(panels), title)
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    dates, span = as_dates(times), (times[0], times[-1])
    for number, (ax, (region, of_region)) in enumerate(zip(axes, panels.items(), strict=True)):
        bars = rain.get(region, ())
        behind = draw_bars(ax, bars, max(amount for _, amount in bars)) if bars else ax
        for line in of_region:
            ax.plot(dates, line.values, linewidth=1.4, zorder=3, **looks[line.run, line.layer])
        mark_window(behind, span, window_end, with_text=False)
        time_axis(ax, span)
        ax.set_ylabel("SCC", fontsize=appearance.FONT)
        _room_above(ax, [line.values for line in of_region], top=1.0)
        ax.set_title(f"({chr(ord('a') + number)}) {region}", loc="left", fontsize=appearance.FONT)
    handles: list[Any] = [
        Line2D([], [], linewidth=1.4, label=f"{run}, {layer}", **looks[run, layer])
        for layer in layers
        for run in runs
        if any((line.run, line.layer) == (run, layer) for line in lines)
    ]
    if any(rain.values()):
        handles.append(Patch(facecolor=RAIN_COLOUR, label=rain_label))
    handles += _window_handle(window_end)
    legend_below(figure, handles)
    appearance.save(figure, path)


def _window_handle(window_end: datetime | None) -> list[Any]:
    return (
        [] if window_end is None else [Patch(facecolor=WINDOW_SHADE, edgecolor="#cccccc", label="assimilation window")]
    )


def _looks(runs: Sequence[str], layers: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return colours by run, paler with depth, and the usual line styles."""
    styles = run_styles(runs)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for i, layer in enumerate(layers):
        for run in runs:
            colour, dash, _ = styles[run]
            found[run, layer] = {
                "color": colour,
                "linestyle": dash,
                "alpha": 1.0 if i == 0 else max(0.3, 0.62 - 0.2 * i),
            }
    return found


def draw_bars(
    ax: Axes, rain: Sequence[tuple[datetime, float]], most: float, step: timedelta = timedelta(days=1)
) -> Axes:
    """Draw rain on a separate axis behind the lines, in the lower part of the panel; return that axis.

    Parameters
    ----------
    rain : beginning of the interval, and mm; ascending. Shorter intervals than days have no space between their bars.
    most : largest amount of all panels, mm.
    step : length of the intervals.
    """
    twin: Any = ax.twinx()
    hours = step / timedelta(hours=1)
    if hours == 24.0:
        twin.bar(
            as_dates(begin + 0.5 * step for begin, _ in rain), [amount for _, amount in rain], width=0.9,
            color=RAIN_COLOUR, zorder=1,
        )  # fmt: skip
    else:
        numbers = np.array([round((begin - rain[0][0]) / step) for begin, _ in rain])
        amounts = np.zeros(numbers[-1] + 1)
        amounts[numbers] = [amount for _, amount in rain]
        edges = as_dates(rain[0][0] + n * step for n in range(amounts.size + 1))
        twin.stairs(amounts, edges, fill=True, color=RAIN_COLOUR, zorder=1)
    unit = {24.0: "mm d$^{-1}$", 1.0: "mm h$^{-1}$"}.get(hours, f"mm in {hours:g} h")
    twin.set_ylim(0.0, 2.4 * max(most, 0.1))
    twin.set_ylabel(unit, fontsize=appearance.FONT, color="#4f7fb3")
    twin.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6, colors="#4f7fb3")
    twin.set_yticks([tick for tick in twin.get_yticks() if tick <= 1.15 * max(most, 0.1)])
    for spine in twin.spines.values():
        spine.set_linewidth(0.6)
    ax.set_zorder(twin.get_zorder() + 1)
    ax.patch.set_visible(False)
    chosen: Axes = twin
    return chosen


def _room_above(ax: Axes, series: Sequence[FloatArray], top: float | None = None) -> None:
    """Set limits around the series, with room for the text in the upper left corner."""
    present = np.concatenate([np.asarray(s)[np.isfinite(s)] for s in series])
    if present.size == 0:
        return
    low, high = float(present.min()), float(present.max())
    reach = max(high - low, 0.02)
    ax.set_ylim(low - 0.08 * reach, top if top is not None else high + 0.25 * reach)
