"""Tables of scores against gridded references: CSV, CF netCDF, Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.formats.own.skill_file import NAMES
from landda_hpc.grid import Grid
from landda_hpc.io.csv_table import write_csv
from landda_hpc.io.markdown import table_lines
from landda_hpc.io.netcdf_writer import TIME_UNITS, NetcdfWriter, hours_since_1970, new_netcdf
from landda_hpc.verification.statistics.grid_scores import ALL_CELLS, PATTERN, CellScores, PatternSeries
from landda_hpc.verification.statistics.groups import GroupMean
from landda_hpc.verification.statistics.sample_size import MARK, is_weak
from landda_hpc.verification.statistics.station_scores import GroupRow
from landda_hpc.verification.statistics.temporal import METRICS
from landda_hpc.verification.tables.benchmarks import Benchmark, known_means

PATTERN_NAMES: Final[dict[str, tuple[str, str]]] = {
    "scc": ("spatial correlation coefficient", "1"),
    "ubrmse": ("standard deviation of the difference over cells", "m3 m-3"),
    "rmse": ("root mean square difference over cells", "m3 m-3"),
    "bias": ("mean difference over cells", "m3 m-3"),
}
"""Long name and unit of the scores of patterns."""


def write_pattern_csv(path: Path, series: Iterable[PatternSeries]) -> None:
    """Write one row per reference, layer, region, run and time, atomically; m3 m-3, NaN is empty."""
    rows = (
        [one.reference, one.layer, region, run, time.isoformat(), *values]
        for one in series
        for region, of_region in one.scores.items()
        for run, scores in of_region.items()
        for i, time in enumerate(one.times)
        for values in [[float(scores[name][i]) for name in PATTERN]]
        if not all(math.isnan(v) for v in values)
    )
    write_csv(path, ["reference", "layer", "region", "run", "time", *PATTERN], rows, digits=7)


def reference_markdown(rows: Sequence[GroupRow], benchmarks: Sequence[Benchmark] = ()) -> str:
    """Lay out means of pattern scores over windows, and of cell scores over regions, with paired differences.

    Parameters
    ----------
    benchmarks : known means for this reference, shown below the pattern rows of their window, region and layer.
    """
    parts: list[str] = []
    for kind, title, names in (
        ("pattern", "Patterns (mean over times)", ("scc", "ubrmse", "bias")),
        ("cells", "Series of cells (mean over cells, weighted by area)", tuple(METRICS)),
    ):
        of_kind = [row for row in rows if row.kind == kind]
        if not of_kind:
            continue
        lines: list[Sequence[str]] = []
        for (window, group, layer), of_layer in groupby(of_kind, key=lambda r: (r.window, r.group, r.layer)):
            for run, block in groupby(of_layer, key=lambda r: r.run):
                found = {row.metric: row for row in block}
                scores = [words(found[n].score) if n in found else "-" for n in names]
                lines.append([window, group, layer, run, *scores])
                changes = {n: row.difference for n, row in found.items() if row.difference is not None}
                if changes:
                    texts = [change_words(changes[n], is_bold=n != "bias") if n in changes else "-" for n in names]
                    lines.append(["", "", "", "change", *texts])
            known = [b for b in benchmarks if (b.window, b.region or ALL_CELLS, b.layer) == (window, group, layer)]
            for label, texts in known_means(known, "product", names) if kind == "pattern" else ():
                lines.append([window, group, layer, label, *texts])
        headings = ["window", "region", "layer", "run", *names]
        parts += [f"**{title}**", "", *table_lines(headings, lines, n_texts=4), ""]
    return "\n".join(parts)


def words(mean: GroupMean) -> str:
    """Return a mean and its interval as text, marked if it is based on few effective values."""
    if math.isnan(mean.value):
        return "-"
    if math.isnan(mean.low):
        return f"{mean.value:.3f}"
    return f"{mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]{MARK if is_weak(mean) else ''}"


def change_words(difference: GroupMean, *, is_bold: bool) -> str:
    """Return a difference and its interval as text; with ``is_bold`` it is bold if the interval excludes zero."""
    if math.isnan(difference.value):
        return "-"
    text = f"{difference.value:+.3f}"
    if math.isnan(difference.low):
        return text
    text += f" [{difference.low:+.3f}, {difference.high:+.3f}]{MARK if is_weak(difference) else ''}"
    return f"**{text}**" if is_bold and (difference.low > 0.0 or difference.high < 0.0) else text


def write_reference_netcdf(
    path: Path,
    grid: Grid,
    cell: IntArray,
    patterns: PatternSeries,
    windows: Sequence[CellScores],
    notes: Mapping[str, str],
) -> None:
    """Write one layer of one reference as CF netCDF, atomically.

    Variables: pattern_<score>(region, run, time); for each metric r, anomaly_r, ubrmse, bias: <metric>, <metric>_low,
    <metric>_high, <metric>_n_eff and <metric>_difference, <metric>_difference_low, _high (window, run, lat, lon); rmse
    and skill with the same dimensions.

    Parameters
    ----------
    cell : flat indices of the scored cells.
    """
    regions = list(patterns.scores)
    runs = list(next(iter(patterns.scores.values())))
    n_bytes = 8 * len(windows) * len(runs) * grid.n_cells * 7 * len(METRICS) + 8 * len(patterns.times) * 64
    with new_netcdf(path, n_bytes, {"reference": patterns.reference, "layer": patterns.layer, **notes}) as file:
        for name, texts in (("region", regions), ("run", runs), ("window", [w.window for w in windows])):
            file.write_texts(name, name, texts, {})
        _axis(
            file,
            "time",
            hours_since_1970(patterns.times),
            {"standard_name": "time", "long_name": "valid time", "units": TIME_UNITS},
        )
        _axis(file, "lat", grid.lat, {"standard_name": "latitude", "units": "degrees_north"})
        _axis(file, "lon", grid.lon, {"standard_name": "longitude", "units": "degrees_east"})
        for name, (long_name, units) in PATTERN_NAMES.items():
            values = np.array([[patterns.scores[region][run][name] for run in runs] for region in regions])
            attributes = {"long_name": long_name, "units": units}
            _field(file, f"pattern_{name}", ("region", "run", "time"), values, attributes)
        for name in ("rmse", "skill"):
            values = np.full((len(windows), len(runs), grid.n_cells), np.nan)
            for i, window in enumerate(windows):
                for run, array in getattr(window.errors, name).items():
                    values[i, runs.index(run), cell] = array
            long_name, units = NAMES[name]
            shaped = values.reshape(len(windows), len(runs), *grid.shape)
            _field(file, name, ("window", "run", "lat", "lon"), shaped, {"long_name": long_name, "units": units})
        for metric, (long_name, units) in METRICS.items():
            for part, what, unit in (
                ("", "", units),
                ("_low", ", lower end of the interval", units),
                ("_high", ", upper end of the interval", units),
                ("_n_eff", ", effective sample size", "1"),
                ("_difference", ", difference from the baseline", units),
                ("_difference_low", ", lower end of the difference's interval", units),
                ("_difference_high", ", upper end of the difference's interval", units),
            ):
                values = np.full((len(windows), len(runs), grid.n_cells), np.nan)
                for i, window in enumerate(windows):
                    for j, run in enumerate(runs):
                        array = _part(window, run, metric, part)
                        if array is not None:
                            values[i, j, cell] = array
                shaped = values.reshape(len(windows), len(runs), *grid.shape)
                attributes = {"long_name": long_name + what, "units": unit}
                _field(file, metric + part, ("window", "run", "lat", "lon"), shaped, attributes)


def _part(window: CellScores, run: str, metric: str, part: str) -> FloatArray | None:
    is_difference = part.startswith("_difference")
    of_run = (window.scores.differences if is_difference else window.scores.scores).get(run)
    if of_run is None:
        return None
    name = part.removeprefix("_difference").removeprefix("_") or "value"
    values: FloatArray = getattr(of_run[metric], name)
    return values


def _axis(file: NetcdfWriter, name: str, values: FloatArray, attributes: Mapping[str, str]) -> None:
    file.dimensions({name: values.size})
    file.write(name, (name,), values, attributes, dtype="f8")


def _field(
    file: NetcdfWriter, name: str, dims: tuple[str, ...], values: FloatArray, attributes: Mapping[str, str]
) -> None:
    file.write(name, dims, values, attributes, dtype="f4", fill=np.nan, level=1)
