"""Spectra of a campaign's runs: innovations, increments, errors and spread by scale, as means over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.formats.own.innovation_file import InnovationDiagnostics
from landda_hpc.io.csv_table import write_csv

INCREMENT: Final = "increment_std_by_scale"
BEFORE: Final = "background_error_by_scale"
AFTER: Final = "analysis_error_by_scale"
SPREAD: Final = "spread_by_scale"
"""Keys of ``cycles.jsonl``, over all cells with a value: analysis minus background; background (or forecast) and
analysis minus the truth; members minus their mean before the analysis. Standard deviations of white errors with the
same energy in the scale, m3 m-3."""

QUANTITIES: Final[dict[str, str]] = {
    BEFORE: "background minus truth",
    AFTER: "analysis minus truth",
    INCREMENT: "increment",
    SPREAD: "spread",
}
"""Names in tables."""

INNOVATION: Final = "observation minus background"
RESIDUAL: Final = "observation minus analysis"
"""Further quantities, over the observed cells."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Root mean square over time of one quantity of a run by scale.

    Attributes
    ----------
    run, window : run, and 'assimilation' or 'forecast'.
    quantity : one of the names in ``QUANTITIES``, ``INNOVATION`` or ``RESIDUAL``.
    values : standard deviations of white errors with the same energy, m3 m-3, (n_scales,), coarsest first.
    n_times : number of times in the mean.
    """

    run: str
    window: str
    quantity: str
    values: FloatArray
    n_times: int


def has_spectra(cycles: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether lines of ``cycles.jsonl`` have errors, increments or spread by scale."""
    return any(record.get(key) for record in cycles for key in QUANTITIES)


def spectra(
    cycles: Iterable[Mapping[str, Any]],
    innovations: Sequence[InnovationDiagnostics],
    since: datetime | None,
    until: datetime,
) -> list[Spectrum]:
    """Return the spectra of all runs.

    Parameters
    ----------
    cycles : lines of ``cycles.jsonl``.
    innovations : by scale, of the runs that have them.
    since : earlier times do not count; None: all count.
    until : end of the assimilation window.
    """
    series: dict[tuple[str, str, str], list[FloatArray]] = {}
    for record in cycles:
        time = datetime.fromisoformat(str(record["time"]))
        window = "assimilation" if time <= until else "forecast"
        for key, name in QUANTITIES.items():
            if record.get(key) and (since is None or time >= since):
                series.setdefault((str(record["run"]), window, name), []).append(np.array(record[key], np.float64))
    for one in innovations:
        for values, name in ((one.innovation, INNOVATION), (one.residual, RESIDUAL)):
            for time, row in zip(one.times, values, strict=True):
                if np.isfinite(row).all() and (since is None or time >= since):
                    window = "assimilation" if time <= until else "forecast"
                    series.setdefault((one.run, window, name), []).append(row)
    return [Spectrum(*key, np.sqrt(np.mean(np.square(rows), axis=0)), len(rows)) for key, rows in series.items()]


def write_spectra_csv(path: Path, found: Iterable[Spectrum]) -> None:
    """Write one row per run, window, quantity and scale, atomically; m3 m-3."""
    rows = (
        [one.run, one.window, one.quantity, scale, float(value), one.n_times]
        for one in found
        for scale, value in enumerate(one.values)
    )
    write_csv(path, ["run", "window", "quantity", "scale", "std", "times"], rows, digits=7)


def write_innovation_csv(path: Path, innovations: Iterable[InnovationDiagnostics]) -> None:
    """Write the innovations of each run by region and scale, atomically; m3 m-3, NaN is empty.

    One row is of all scales together ('all'); the means of the scales add up to its mean.
    """
    columns = ["run", "region", "scale", "values", "mean", "std", "normalised_std", "autocorrelation", "lag_hours"]
    write_csv(path, columns, (row for one in innovations for row in _innovation_rows(one)), digits=7)


def _innovation_rows(one: InnovationDiagnostics) -> Iterable[list[Any]]:
    found = one.regions
    for number, name in enumerate(() if found is None else found.names):
        assert found is not None, "it has names"
        lag = float(one.lag[0]) if one.lag.size else math.nan
        first = float(found.autocorrelation[0, number]) if one.lag.size else math.nan
        totals = (found.mean[number], found.std[number], found.normalised_std[number], first)
        yield [one.run, name, "all", int(found.count[number]), *map(float, totals), lag]
        for scale in range(found.scale_mean.shape[1]):
            values = (found.scale_mean, found.scale_std, found.scale_normalised_std, found.scale_autocorrelation)
            numbers = [float(array[number, scale]) for array in values]
            yield [one.run, name, scale, int(found.count[number]), *numbers, lag]
