"""Series of several depths in one panel, and soil profiles over time, in the style of the papers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from landda_hpc.constants import SOIL_Z, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.rain_series import RAIN_COLOUR, draw_bars
from landda_hpc.verification.figures.score_series import as_dates, legend_below, mark_window, time_axis
from landda_hpc.verification.run_styles import LineStyle
from landda_hpc.verification.tables.score_records import ScoreRecord, last_stage, parse_json_lines

SCORE_LABELS: Final = {
    "scc": "SCC",
    "rmse": "RMSE (m$^3$ m$^{-3}$)",
    "ubrmse": "ubRMSE (m$^3$ m$^{-3}$)",
}


CONTOURS: Final = np.arange(0.0, 0.61, 0.05)
"""Contours of soil moisture in sections, m3 m-3."""

DAILY_FROM_DAYS: Final = timedelta(days=10)
"""Length of a section above which daily means are drawn."""

SECTION_RAIN_COLOUR: Final = "#777777"
SECTION_RAIN_ALPHA: Final = 0.75


@dataclass(frozen=True)
class Line:
    """One line of a figure of scores: scores of a run and layer, and their style.

    Attributes
    ----------
    published : published means over the assimilation window, by score, drawn as thin dotted lines.
    """

    run: str
    layer: str
    label: str
    colour: str
    dash: LineStyle
    published: Mapping[str, float]


def draw_lines(
    records: Iterable[ScoreRecord],
    path: Path,
    lines: Sequence[Line],
    *,
    reference: str,
    scores: Sequence[str],
    title: str,
    since: datetime | None = None,
    rain: tuple[str, Sequence[tuple[datetime, float]]] = ("precipitation", ()),
    rain_step: timedelta = timedelta(days=1),
) -> None:
    """Draw scores of several runs and layers over time, one panel per score; one PNG.

    Parameters
    ----------
    records, reference : score records, and the reference of those to be drawn.
    lines, scores : runs and scores to draw; one panel for each score.
    since : first time to be drawn.
    rain : label, and rain (beginning of the interval, mm), drawn as bars behind the lines.
    rain_step : length of the intervals.

    Raises
    ------
    DataError : there is no record to draw.
    StorageError : the file cannot be written.
    """
    known = {(line.run, line.layer) for line in lines}
    chosen = [
        r
        for r in last_stage(records)
        if r.reference == reference and (r.run, r.layer) in known and (since is None or r.time >= since)
    ]
    if not chosen:
        raise DataError(f"no score record against '{reference}' to draw in '{path}'.")
    span = min(r.time for r in chosen), max(r.time for r in chosen)
    end = max((r.time for r in chosen if r.window == "assimilation"), default=None)
    figure = appearance.new_figure(9.0, 0.9 + 2.9 * len(scores), title)
    axes = figure.subplots(len(scores), 1, squeeze=False, sharex=True)[:, 0]
    bars = [bar for bar in rain[1] if span[0] <= bar[0] + 0.5 * rain_step <= span[1]]
    for number, (ax, score) in enumerate(zip(axes, scores, strict=True)):
        behind = draw_bars(ax, bars, max(amount for _, amount in bars), rain_step) if bars else ax
        for line in lines:
            series = sorted((r for r in chosen if (r.run, r.layer) == (line.run, line.layer)), key=lambda r: r.time)
            values = [getattr(r, score) for r in series]
            marker: dict[str, Any] = {"marker": "o", "markersize": 3.0} if len(values) < 4 else {}
            dates = as_dates(r.time for r in series)
            ax.plot(dates, values, color=line.colour, linestyle=line.dash, linewidth=1.4, **marker)
            if score in line.published and end is not None:
                level = line.published[score]
                ax.plot(as_dates((span[0], end)), [level, level], color=line.colour, linestyle=":", linewidth=1.0)
        mark_window(behind, span, end, with_text=number == 0)
        time_axis(ax, span)
        ax.set_ylabel(SCORE_LABELS[score], fontsize=appearance.FONT)
        ax.set_title(f"({chr(ord('a') + number)})", loc="left", fontsize=appearance.FONT, fontweight="bold")
    handles: list[Any] = [Line2D([], [], color=x.colour, linestyle=x.dash, linewidth=1.4, label=x.label) for x in lines]
    if any(line.published for line in lines):
        handles.append(Line2D([], [], color=appearance.INK, linestyle=":", linewidth=1.0, label="published means"))
    if bars:
        handles.append(Patch(facecolor=RAIN_COLOUR, label=rain[0]))
    legend_below(figure, handles)
    appearance.save(figure, path)


@dataclass(frozen=True, eq=False)
class Profile:
    """Soil water of one run at one place over time.

    Attributes
    ----------
    lat, lon : centre of the cell, degrees.
    times : times, ascending, UTC.
    water : soil water, m3 m-3, (n_time, n_soil), from the top down.
    """

    lat: float
    lon: float
    times: tuple[datetime, ...]
    water: FloatArray


def read_profiles(path: Path) -> dict[tuple[int, str], Profile]:
    """Read a campaign's ``profiles.jsonl``, by number of the place and run; empty if the file does not exist.

    Raises
    ------
    DataError : a line is malformed.
    """
    if not path.is_file():
        return {}
    found: dict[tuple[int, str], dict[datetime, list[float]]] = {}
    where: dict[int, tuple[float, float]] = {}
    for plain, line in parse_json_lines(path):
        try:
            place = int(plain["place"])
            where[place] = float(plain["lat"]), float(plain["lon"])
            series = found.setdefault((place, str(plain["run"])), {})
            series[datetime.fromisoformat(plain["time"])] = [float(value) for value in plain["water"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{line}: malformed profile ({error!r}).") from error
    return {
        key: Profile(*where[key[0]], tuple(sorted(series)), np.array([series[time] for time in sorted(series)]))
        for key, series in found.items()
    }


def draw_sections(
    places: Sequence[tuple[str, Profile, Profile]],
    path: Path,
    *,
    window_end: datetime | None,
    title: str,
    rain: Sequence[Sequence[tuple[datetime, float]]] = (),
    rain_label: str = "precipitation",
) -> None:
    """Draw assimilation minus control over time and depth, and the assimilation's profile as contours; one PNG.

    Parameters
    ----------
    places : name, profile with assimilation, and profile of the control at the same times. If there are more than ten
        days, daily means are drawn, with contours from running means over five days.
    rain : daily rain of each place (start of the day, mm), drawn as grey bars from the bottom; none if empty.
    rain_label : source of the rain, below the panels.

    Raises
    ------
    DataError : there is no place, or the times differ.
    StorageError : the file cannot be written.
    """
    if not places or any(a.times != c.times for _, a, c in places):
        raise DataError(f"no profiles to draw in '{path}', or at different times with and without assimilation.")
    is_long = any(a.times[-1] - a.times[0] > DAILY_FROM_DAYS for _, a, _ in places)
    if is_long:  # the surface follows every analysis and every observation error: single times are too noisy to draw
        places = [(name, _daily(a), _daily(c)) for name, a, c in places]
    differences = [a.water - c.water for _, a, c in places]
    colours, norm = appearance.difference_scale(differences)
    n_rows = -(-len(places) // 2)
    figure = appearance.new_figure(10.4, 0.9 + 2.7 * n_rows, title)
    axes = figure.subplots(n_rows, 2, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in axes[len(places) :]:
        ax.set_visible(False)
    layers = np.arange(places[0][1].water.shape[1])  # from the top down
    for number, (ax, (name, analysed, _)) in enumerate(zip(axes, places, strict=False)):
        times = as_dates(analysed.times)
        ax.pcolormesh(times, layers, differences[number].T, cmap=colours, norm=norm, shading="nearest", rasterized=True)
        if len(times) > 1:
            water = _running(analysed.water).T if is_long else analysed.water.T
            contours = ax.contour(times, layers, water, levels=CONTOURS, colors="black", linewidths=0.6)
            ax.clabel(contours, fontsize=appearance.SMALL_FONT - 1.5, fmt="%.2f")
        if window_end is not None and analysed.times[0] < window_end < analysed.times[-1]:
            ax.axvline(as_dates((window_end,))[0], color=appearance.INK, linestyle="--", linewidth=0.8)
        if rain and rain[number]:
            _rain_below(ax, rain[number])
        time_axis(ax, (analysed.times[0], analysed.times[-1]))
        ax.set_ylim(layers.size - 0.5, -0.5)
        ax.set_yticks(layers, [f"{z:.3f}" for z in SOIL_Z[: layers.size]])
        place = (
            f"{appearance.latitude_label(round(analysed.lat, 1))} {appearance.longitude_label(round(analysed.lon, 1))}"
        )
        ax.set_title(f"({chr(ord('a') + number)}) {name}, {place}", loc="left", fontsize=appearance.FONT)
        if number % 2 == 0:
            ax.set_ylabel("depth of the node (m)", fontsize=appearance.FONT)
    bar = figure.colorbar(ScalarMappable(norm=norm, cmap=colours), ax=axes.tolist(), fraction=0.03, pad=0.01)
    bar.set_label("Assimilation minus control (m$^3$ m$^{-3}$)", fontsize=appearance.FONT)
    bar.ax.tick_params(labelsize=appearance.SMALL_FONT)
    if any(rain):
        legend_below(figure, [Patch(facecolor=SECTION_RAIN_COLOUR, alpha=SECTION_RAIN_ALPHA, label=rain_label)])
    appearance.save(figure, path)


def _rain_below(ax: Axes, rain: Sequence[tuple[datetime, float]]) -> None:
    """Draw daily rain as narrow bars from the bottom of a section, on an axis at the right."""
    most = max(0.1, *(amount for _, amount in rain), 0.0)
    twin: Any = ax.twinx()
    middles = as_dates(begin + timedelta(hours=12) for begin, _ in rain)
    twin.bar(middles, [amount for _, amount in rain], width=0.55, color=SECTION_RAIN_COLOUR, alpha=SECTION_RAIN_ALPHA)
    twin.set_ylim(0.0, 3.2 * most)
    twin.set_yticks([tick for tick in twin.get_yticks() if tick <= 1.1 * most])
    twin.tick_params(labelsize=appearance.SMALL_FONT - 1.0, length=2.0, width=0.5, colors="#555555", pad=1.5)
    twin.set_ylabel("mm d$^{-1}$", fontsize=appearance.SMALL_FONT, color="#555555", loc="bottom", labelpad=1.0)


def _daily(profile: Profile) -> Profile:
    """Return daily means, at noon."""
    days = sorted({time.date() for time in profile.times})
    means = [profile.water[[time.date() == day for time in profile.times]].mean(axis=0) for day in days]
    times = tuple(datetime(day.year, day.month, day.day, 12) for day in days)
    return Profile(profile.lat, profile.lon, times, np.array(means))


def _running(daily: FloatArray, n: int = 5) -> FloatArray:
    """Return running means over n times, fewer at the ends."""
    half = n // 2
    return np.array([daily[max(0, i - half) : i + half + 1].mean(axis=0) for i in range(len(daily))])


def draw_place(
    runs: Mapping[str, Profile],
    path: Path,
    layers: Mapping[str, FloatArray],
    *,
    colours: Mapping[str, str],
    window_end: datetime | None,
    title: str,
) -> None:
    """Draw soil moisture of several runs at one place over time, one panel per layer; one PNG.

    Parameters
    ----------
    runs : profiles by label.
    layers : weights of the soil layers by name of the layer, (n_soil,).
    colours : colours by label.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    figure = appearance.new_figure(9.0, 0.9 + 2.6 * len(layers), title)
    axes = figure.subplots(len(layers), 1, squeeze=False, sharex=True)[:, 0]
    for number, (ax, (layer, weights)) in enumerate(zip(axes, layers.items(), strict=True)):
        for label, profile in runs.items():
            series = (profile.water * weights).sum(axis=1)
            ax.plot(as_dates(profile.times), series, color=colours[label], linewidth=1.3)
            span = profile.times[0], profile.times[-1]
            time_axis(ax, span)
        if window_end is not None and span[0] < window_end < span[1]:
            ax.axvline(as_dates((window_end,))[0], color=appearance.INK, linestyle="--", linewidth=0.8)
        ax.set_ylabel("m$^3$ m$^{-3}$", fontsize=appearance.FONT)
        ax.set_title(f"({chr(ord('a') + number)}) {layer}", loc="left", fontsize=appearance.FONT)
    legend_below(figure, [Line2D([], [], color=colours[label], linewidth=1.3, label=label) for label in runs])
    appearance.save(figure, path)
