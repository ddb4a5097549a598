"""Time-depth sections of soil-moisture anomalies, one panel per vegetation type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from landda_hpc.constants import SOIL_Z, FloatArray
from landda_hpc.verification.figures.appearance import save

DEEPEST_M = 2.0


def draw_memory(path: Path, names: Sequence[str], days: FloatArray, anomaly: FloatArray, held_days: float) -> None:
    """Write sections of anomaly over time and depth.

    Parameters
    ----------
    names : of the panels, (n,).
    days : (n_time,).
    anomaly : m3 m-3, (n, n_time, n_soil), at the layers' nodes.
    held_days : end of the period in which the surface was held, marked by a line.

    Notes
    -----
    Local. Depth is drawn as its square root, to make the upper centimetres visible.
    """
    figure = Figure(figsize=(9.0, 2.4 * len(names)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    levels = np.arange(0.0, min(0.15, max(0.02, float(np.nanmax(anomaly)))) + 0.01, 0.01)
    shades = None
    for ax, name, one in zip(axes, names, anomaly, strict=True):
        shades = ax.contourf(days, np.sqrt(SOIL_Z), np.maximum(one.T, 0.0), levels=levels, cmap="YlGnBu", extend="max")
        ax.contour(days, np.sqrt(SOIL_Z), one.T, levels=[0.003], colors="black", linewidths=0.8)
        ax.axvline(held_days, color="grey", linestyle="--", linewidth=0.8)
        marks = np.array([0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])
        ax.set_yticks(np.sqrt(marks), [f"{m:g}" for m in marks])
        ax.set_ylim(np.sqrt(DEEPEST_M), np.sqrt(SOIL_Z[0]))
        ax.set_ylabel("depth, m")
        ax.set_title(name, loc="left", fontsize=10)
    axes[-1].set_xlabel("days since the surface was first held; dashed: released; black: 0.003 m$^3$ m$^{-3}$")
    assert shades is not None, "there is a panel"
    figure.colorbar(shades, ax=list(axes), label="soil moisture, held minus control, m$^3$ m$^{-3}$")
    save(figure, path)
