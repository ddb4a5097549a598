"""Charts of a report page: SVG pictures of a few kilobytes, sharp at any width, with a description of their content."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Final

from landda_hpc.verification.run_styles import RunStyle, coincidence_note, coincidences, marked_points

WIDTH: Final = 360
HEIGHT: Final = 216
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 8, 30
_INK: Final = "#333333"

MOST_POINTS: Final = 400
"""Number of points of a line; lines of more points show means of equal blocks."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A curve: name, points (x, y) in order of x with NaN where it is interrupted, style.

    ``role`` distinguishes several curves of a run: the first is thick, others ("spread", "O-A") are dotted.
    """

    name: str
    points: Sequence[Point]
    style: RunStyle
    role: str = ""


@dataclass(frozen=True)
class Bar:
    """A value with its interval, for one row of an interval chart; NaN ends: no interval."""

    name: str
    value: float
    low: float
    high: float
    style: RunStyle


class _Frame:
    """Axes of a chart: ranges, and conversion of values to pixels."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], height: int = HEIGHT, left: int = _LEFT) -> None:
        self.x0, self.x1 = x if x[1] > x[0] else (x[0] - 0.5, x[0] + 0.5)
        self.y0, self.y1 = y if y[1] > y[0] else (y[0] - 0.5, y[0] + 0.5)
        self.height, self.left = height, left

    def px(self, x: float) -> float:
        return self.left + (x - self.x0) / (self.x1 - self.x0) * (WIDTH - _RIGHT - self.left)

    def py(self, y: float) -> float:
        inner = self.height - _TOP - _BOTTOM
        return _TOP + (self.y1 - y) / (self.y1 - self.y0) * inner

    @property
    def bottom(self) -> float:
        return self.height - _BOTTOM

    def grid(self, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]], x_title: str) -> list[str]:
        """Return grid lines and labels of both axes."""
        right = WIDTH - _RIGHT
        parts = []
        for y, text in ys:
            at = self.py(y)
            parts.append(f'<path class="grid" d="M{self.left} {at:.1f}H{right}"/>')
            parts.append(f'<text x="{self.left - 5}" y="{at + 3.5:.1f}" text-anchor="end">{escape(text)}</text>')
        for x, text in xs:
            at = self.px(x)
            parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{self.bottom + 3}"/>')
            half = 0.5 * _label_width(text)  # labels at the ends stay within the picture
            place = min(max(at, half), WIDTH - half)
            parts.append(f'<text x="{place:.1f}" y="{self.bottom + 14}" text-anchor="middle">{escape(text)}</text>')
        if x_title:
            parts.append(f'<text x="{right}" y="{self.height - 4}" text-anchor="end">{escape(x_title)}</text>')
        return parts


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    unit: str,
    y_range: tuple[float | None, float | None] = (None, None),
    times: bool = True,
    x_title: str = "",
    x_ticks: Sequence[tuple[float, str]] = (),
    shaded: tuple[float, float] | None = None,
    level: float | None = None,
) -> str:
    """Draw curves and return a figure as HTML; empty if no curve has a value.

    Parameters
    ----------
    title : above the chart.
    lines : curves; those without a role are compared, and coincidences are named below the chart.
    unit : of the values, for the title and the description.
    y_range : ends of the vertical axis that are fixed; None: from the values.
    times : whether x is in days since 1970, UTC (``day_number``).
    x_title, x_ticks : of a horizontal axis without times; those of times are chosen here.
    shaded : range of x with a pale background.
    level : value of a horizontal line, for example 1.
    """
    drawn = [Line(one.name, _thinned(one.points), one.style, one.role) for one in lines]
    values = [y for one in drawn for _, y in one.points if math.isfinite(y)]
    if not values:
        return ""
    xs = [x for one in drawn for x, _ in one.points]
    extra = [level] if level is not None else []
    ticks = _nice_ticks(_first(y_range[0], min([*values, *extra])), _first(y_range[1], max([*values, *extra])))
    low, high = _first(y_range[0], ticks[0]), _first(y_range[1], ticks[-1])
    frame = _Frame((min(xs), max(xs)), (low, high))
    labels, x_title = _time_axis(min(xs), max(xs)) if times else (x_ticks, x_title)
    parts = []
    if shaded is not None:
        left, right = (frame.px(min(max(x, frame.x0), frame.x1)) for x in shaded)
        inner = frame.bottom - _TOP
        parts.append(f'<rect class="shade" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{inner:.1f}"/>')
    parts += frame.grid(labels, [(t, _number(t, ticks)) for t in ticks if low <= t <= high], x_title)
    if level is not None:
        parts.append(f'<path class="level" d="M{frame.left} {frame.py(level):.1f}H{WIDTH - _RIGHT}"/>')
    names = list(dict.fromkeys(one.name for one in drawn))
    for one in drawn:
        parts += _curve(frame, one, names.index(one.name), len(names))
    note = coincidence_note(coincidences({one.name: one.points for one in drawn if not one.role}))
    ends = "; ".join(_described(one) for one in drawn if any(math.isfinite(y) for _, y in one.points))
    return _figure(title, unit, parts, f"{title}{f' in {unit}' if unit else ''}. First to last value: {ends}.", note)


def bar_chart(title: str, values: Sequence[float], style: RunStyle, *, x_title: str, level: float) -> str:
    """Draw bars, for example of a rank histogram, with a horizontal line at ``level``; return a figure as HTML."""
    ticks = _nice_ticks(0.0, max(*values, level))
    frame = _Frame((-0.5, len(values) - 0.5), (0.0, ticks[-1]))
    every = max(1, math.ceil(len(values) / 12))
    labels = [(float(n), str(n)) for n in range(0, len(values), every)]
    parts = frame.grid(labels, [(t, _number(t, ticks)) for t in ticks], x_title)
    wide = frame.px(0.42) - frame.px(-0.42)
    for number, value in enumerate(values):
        top = frame.py(value)
        parts.append(
            f'<rect x="{frame.px(number - 0.42):.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{frame.bottom - top:.1f}" fill="{style.colour}"/>'
        )
    parts.append(f'<path class="level" d="M{frame.left} {frame.py(level):.1f}H{WIDTH - _RIGHT}"/>')
    listed = ", ".join(f"{value:.2f}" for value in values)
    return _figure(title, "", parts, f"{title}. Bars from rank 0 on: {listed}.")


def interval_chart(title: str, bars: Sequence[Bar], *, unit: str, zero: bool = False) -> str:
    """Draw one dot with its interval per row; return a figure as HTML, empty without a value.

    Parameters
    ----------
    zero : whether a line at zero is drawn, for differences.
    """
    bars = [bar for bar in bars if math.isfinite(bar.value)]
    if not bars:
        return ""
    ends = [v for bar in bars for v in (bar.value, bar.low, bar.high) if math.isfinite(v)] + [0.0] * zero
    ticks = _nice_ticks(min(ends), max(ends), most=4)
    left = min(150, 14 + round(6.4 * max(len(bar.name) for bar in bars)))
    frame = _Frame((ticks[0], ticks[-1]), (len(bars) - 0.5, -0.5), _TOP + _BOTTOM + 24 * len(bars), left)
    frame.y0, frame.y1 = len(bars) - 0.5, -0.5
    parts = frame.grid([(t, _number(t, ticks)) for t in ticks], (), "")
    if zero:
        parts.append(f'<path class="level" d="M{frame.px(0.0):.1f} {_TOP}V{frame.bottom}"/>')
    texts = []
    for number, bar in enumerate(bars):
        y = frame.py(float(number))
        parts.append(f'<text x="{left - 8}" y="{y + 3.5:.1f}" text-anchor="end">{escape(_short(bar.name))}</text>')
        interval = ""
        if math.isfinite(bar.low):
            parts.append(
                f'<path d="M{frame.px(bar.low):.1f} {y:.1f}H{frame.px(bar.high):.1f}" stroke="{bar.style.colour}" '
                'stroke-width="2.5" fill="none"/>'
            )
            interval = f" (interval {bar.low:.4f} to {bar.high:.4f})"
        parts.append(_marker(frame.px(bar.value), y, bar.style, 4.5))
        texts.append(f"{bar.name} {bar.value:.4f}{interval}")
    description = f"{title}{f' in {unit}' if unit else ''}: {'; '.join(texts)}."
    return _figure(title, unit, parts, description, height=frame.height)


def legend(styles: Mapping[str, RunStyle], further: Mapping[str, str] | None = None) -> str:
    """Return the legend of charts as an HTML list.

    Parameters
    ----------
    further : descriptions of dotted curves, by role.
    """
    items = []
    for name, style in styles.items():
        dash = ' stroke-dasharray="5 3"' if style.line == "--" else ""
        drawn = f'<path d="M1 7H35" stroke="{style.colour}" stroke-width="2"{dash}/>{_marker(18, 7, style, 3.6)}'
        items.append(f'<li><svg width="36" height="14" aria-hidden="true">{drawn}</svg> {escape(name)}</li>')
    for text in (further or {}).values():
        drawn = f'<path d="M1 7H35" stroke="{_INK}" stroke-width="1.3" stroke-dasharray="1.5 2.5"/>'
        items.append(f'<li><svg width="36" height="14" aria-hidden="true">{drawn}</svg> {escape(text)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def day_number(time: datetime) -> float:
    """Return a time, UTC, as days since 1970."""
    return time.replace(tzinfo=UTC).timestamp() / 86400.0


def _figure(title: str, unit: str, parts: Sequence[str], description: str, note: str = "", height: int = HEIGHT) -> str:
    shown = f"{escape(title)}{f' <small>{escape(unit)}</small>' if unit else ''}"
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<figure class="chart"><figcaption>{shown}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(description, quote=True)}">{"".join(parts)}</svg>{below}</figure>'
    )


def _curve(frame: _Frame, line: Line, number: int, n_curves: int) -> list[str]:
    """Return the path of a curve and its markers; a point between gaps has a marker."""
    points = [(frame.px(x), frame.py(y)) if math.isfinite(y) else None for x, y in line.points]
    path, is_open = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if is_open else 'M'}{point[0]:.1f} {point[1]:.1f}")
        is_open = point is not None
    dash = ' stroke-dasharray="1.5 2.5"' if line.role else ' stroke-dasharray="5 3"' if line.style.line == "--" else ""
    wide = 1.4 if line.role else 1.9
    drawn = [f'<path d="{"".join(path)}" fill="none" stroke="{line.style.colour}" stroke-width="{wide}"{dash}/>']
    if not line.role:
        marked = points[marked_points(len(points), number, n_curves)] if len(points) > 3 else points
        drawn += [_marker(*point, line.style, 3.2) for point in marked if point is not None]
    return drawn


def _marker(x: float, y: float, style: RunStyle, r: float) -> str:
    shape = {
        "o": f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z",
        "s": f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h{-2 * r}z",
        "^": f"M{x:.1f} {y - r:.1f}l{r} {2 * r}h{-2 * r}z",
        "v": f"M{x:.1f} {y + r:.1f}l{r} {-2 * r}h{-2 * r}z",
        "D": f"M{x:.1f} {y - 1.2 * r:.1f}l{1.2 * r:.2f} {1.2 * r:.2f}l{-1.2 * r:.2f} {1.2 * r:.2f}"
        f"l{-1.2 * r:.2f} {-1.2 * r:.2f}z",
        "P": f"M{x - r:.1f} {y - r / 3:.1f}h{r * 2 / 3:.2f}v{-r * 2 / 3:.2f}h{r * 2 / 3:.2f}v{r * 2 / 3:.2f}"
        f"h{r * 2 / 3:.2f}v{r * 2 / 3:.2f}h{-r * 2 / 3:.2f}v{r * 2 / 3:.2f}h{-r * 2 / 3:.2f}v{-r * 2 / 3:.2f}"
        f"h{-r * 2 / 3:.2f}z",
    }[style.marker]
    return f'<path d="{shape}" fill="{style.colour}" stroke="#fff" stroke-width="0.7"/>'


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return means of equal blocks if there are too many points; NaN does not count."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return points
    blocks = [points[i : i + size] for i in range(0, len(points), size)]
    means = []
    for block in blocks:
        known = [y for _, y in block if math.isfinite(y)]
        means.append((block[len(block) // 2][0], math.fsum(known) / len(known) if known else math.nan))
    return means


def _nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values that enclose a range, with at most ``most`` intervals."""
    reach = max(high - low, 1e-9 * max(1.0, abs(high)))
    power = 10.0 ** math.floor(math.log10(reach / most))
    for step in (power, 2.0 * power, 5.0 * power, 10.0 * power, 20.0 * power):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            return [step * n for n in range(first, max(last, first + 1) + 1)]
    raise AssertionError("the last step is larger than the range")


def _number(value: float, ticks: Sequence[float]) -> str:
    step = min(abs(b - a) for a, b in pairwise(ticks)) if len(ticks) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if abs(value) > 1e-12 else f"{0.0:.{digits}f}"


_YEARS_FROM: Final = 300.0
"""Length of an axis from which its labels have the year, days."""
_EPOCH: Final = datetime(1970, 1, 1)
_STEPS_H: Final = (1, 3, 6, 12, 24, 48, 120, 240, 480, 720, 1464, 2184, 4368, 8766, 17532, 43830, 87660)


def _time_axis(first: float, last: float) -> tuple[list[tuple[float, str]], str]:
    """Return the ticks between two days since 1970, with labels that do not overlap, and the title of the axis.

    The labels have what changes from tick to tick, and the title has the rest, such as the year.
    """
    begin, end = (_EPOCH + timedelta(days=day) for day in (first, last))
    span = max(last - first, 1e-9)
    for step in (hours / 24.0 for hours in _STEPS_H):
        start = math.ceil(first / step - 1e-9) * step
        days = [start + n * step for n in range(int((last - start) / step + 1e-9) + 1)] or [first]
        labels = [_time_label(_EPOCH + timedelta(days=day), step, span) for day in days]
        # Labels at the ends are moved into the picture.
        needed = 1.25 * max(map(_label_width, labels)) + 8.0
        if len(days) < 2 or (WIDTH - _LEFT - _RIGHT) * step / span >= needed:
            break
    if step < 1.0:
        title = f"{begin.day} {begin:%b} to " if begin.date() != end.date() else ""
        title += f"{end.day} {end:%b %Y}, UTC"
    elif span < _YEARS_FROM:
        title = f"{begin:%Y}, UTC" if begin.year == end.year else f"{begin:%Y} to {end:%Y}, UTC"
    else:
        title = "UTC"
    return list(zip(days, labels, strict=True)), title


def _time_label(time: datetime, step: float, span: float) -> str:
    if step < 1.0 and time.hour:
        return f"{time:%H}h"
    return f"{time.day} {time:%b}" if span < _YEARS_FROM else f"{time:%b %Y}"


def _label_width(text: str) -> float:
    """Return the approximate width of a label, pixels."""
    return 6.2 * len(text)


def _described(line: Line) -> str:
    known = [y for _, y in line.points if math.isfinite(y)]
    name = f"{line.name} {line.role}".strip()
    return f"{name} {known[0]:.4g} to {known[-1]:.4g}"


def _short(name: str) -> str:
    return name if len(name) <= 21 else f"{name[:20]}…"


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
