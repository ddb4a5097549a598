"""Colours, line styles and markers of runs, the same in every figure and on every page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Final, Literal, NamedTuple

LineStyle = Literal["-", "--"]
Marker = Literal["o", "s", "^", "D", "v", "P"]

COINCIDENCE: Final = 0.005
"""Largest distance of two curves that count as one, as a fraction of the range of all curves of a panel."""


class RunStyle(NamedTuple):
    """Appearance of a run's curve; markers differ, so that runs can be distinguished without colour."""

    colour: str
    line: LineStyle
    marker: Marker


# Okabe & Ito (2008): distinguishable with any colour vision. Their yellow, which is too pale for lines on white, is
# replaced by the indigo of Tol. Known runs keep their colour in every figure.
_KNOWN: Final[dict[str, RunStyle]] = {
    "control": RunStyle("#555555", "--", "o"),
    "pointwise": RunStyle("#E69F00", "-", "s"),
    "enkf_like": RunStyle("#0072B2", "-", "^"),
}
_OTHERS: Final = ("#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#332288", "#000000")
_MARKERS: Final[tuple[Marker, ...]] = ("D", "v", "P", "o", "s", "^")


def run_styles(runs: Iterable[str]) -> dict[str, RunStyle]:
    """Return the style of each run."""
    names = list(dict.fromkeys(runs))
    others = zip([run for run in names if run not in _KNOWN], cycle(_OTHERS), cycle(_MARKERS), strict=False)
    styles = _KNOWN | {run: RunStyle(colour, "-", marker) for run, colour, marker in others}
    return {run: styles[run] for run in names}


def marked_points(n_points: int, number: int, n_curves: int, most: int = 8) -> slice:
    """Return the points of a curve that have markers: those of coinciding curves lie next to each other.

    Parameters
    ----------
    n_points : number of points of the curve.
    number, n_curves : place of the curve among the curves of a panel.
    most : approximate number of markers.
    """
    step = max(1, math.ceil(n_points / most), min(n_points, n_curves))
    return slice(number * step // max(1, n_curves), None, step)


def coincidences(curves: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, str]:
    """Return, for each curve that lies on an earlier one, the name of that curve.

    Parameters
    ----------
    curves : points (x, y) by name; NaN is missing. Curves are compared at their common x.
    """
    values = [y for points in curves.values() for _, y in points if math.isfinite(y)]
    if not values:
        return {}
    near = COINCIDENCE * (max(values) - min(values))
    known = {name: {x: y for x, y in points if math.isfinite(y)} for name, points in curves.items()}
    found: dict[str, str] = {}
    for name, points in known.items():
        for other, earlier in known.items():
            if other == name:
                break
            common = points.keys() & earlier.keys()
            if other not in found and common and all(abs(points[x] - earlier[x]) <= near for x in common):
                found[name] = other
                break
    return found


def coincidence_note(found: Mapping[str, str]) -> str:
    """Return the coinciding curves as a sentence; empty if there are none."""
    return "".join(f"{name} coincides with {other}. " for name, other in found.items()).strip()
