"""Innovations of a campaign's runs by scale over time, and by region: chi-square, gains, autocorrelation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from landda_hpc.curvelet.operations import wedge_directions
from landda_hpc.evaluation.innovations_by_scale import GAIN, INNOVATION, RESIDUAL
from landda_hpc.evaluation.regional_innovations import RegionCells, RegionScales, regional_innovations
from landda_hpc.formats.own.innovation_file import InnovationDiagnostics
from landda_hpc.methods.base.assembly import assumed_errors

if TYPE_CHECKING:
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.mixing import WedgeGroups
    from landda_hpc.config import Run
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.evaluation.innovations_by_scale import Frames
    from landda_hpc.evaluation.stored_innovations import StoredInnovations
    from landda_hpc.methods.base.context import MethodContext
    from landda_hpc.regions import Region

N_LAGS: Final = 4
"""Lags of the autocorrelation, in steps of the stored innovations."""

_MOST_IMAGES: Final = 60
"""Number of latest images in the autocorrelation: its standard error is then about 0.01 at the finest scale."""


class Parts(Protocol):
    """Parts of an image, such as scales or regions."""

    n: int

    def energy(self, image: FloatArray, /) -> FloatArray:
        """Return the sum of squares of an image in each part, (n,)."""
        ...


def innovation_diagnostics(
    run: Run,
    records: Sequence[Mapping[str, Any]],
    frames: Frames,
    context: MethodContext,
    is_soil: BoolArray,
    stored: StoredInnovations | None = None,
    regions: Sequence[Region] = (),
) -> InnovationDiagnostics | None:
    """Collect the innovations of a run from the records, and their autocorrelation from images. Local.

    Parameters
    ----------
    records : lines of ``cycles.jsonl``.
    frames : frames of the campaign's runs.
    context : context with a communicator of one process.
    is_soil : cells that an analysis may change, (n_lat, n_lon).
    stored : stored innovations of the run; None: no autocorrelation and nothing by region.
    regions : regions whose innovations are compared with the assumed errors.

    Returns
    -------
    None if the records have no innovations by wedge (no observations, an earlier version, or a very small grid).
    """
    mine = [record for record in records if record["run"] == run.name and record.get(INNOVATION)]
    made = frames.of(run)
    if not mine or made is None:
        return None
    frame, wedges, scales = made
    before, after = (_series(mine, key, len(frame.blocks)) for key in (INNOVATION, RESIDUAL))
    white = wedges.white(is_soil)
    innovation, residual = (_pooled(values, white, scales) for values in (before, after))
    assumed = assumed_errors(run, frame, context)
    b, r, _ = assumed.variances(frame, scales, is_soil)
    total = b + r
    lag, correlation, pairs = autocorrelation(stored, scales)
    of_regions = None
    if stored is not None and regions:
        parts = RegionScales(RegionCells(regions, context.grid), frame, scales)
        _, of_cells, _ = autocorrelation(stored, parts.cells)
        _, of_parts, _ = autocorrelation(stored, parts, n_lags=1)
        shortest = parts.table(of_parts[0] if lag.size else np.full(parts.n, np.nan))
        std = assumed.innovation_std(is_soil)
        of_regions = regional_innovations(stored, parts, std, np.sqrt(total), of_cells, shortest)
    return InnovationDiagnostics(
        run=run.name,
        times=tuple(datetime.fromisoformat(record["time"]) for record in mine),
        scale=np.array([block.scale for block in frame.blocks], dtype=np.int64),
        direction=directions(frame),
        innovation_by_wedge=before,
        residual_by_wedge=after,
        innovation=innovation,
        residual=residual,
        gain=_series(mine, GAIN, scales.n),
        chi_square=np.divide(innovation**2, total, out=np.full(innovation.shape, np.nan), where=total > 0.0),
        assumed=np.sqrt(total),
        lag=lag,
        autocorrelation=correlation,
        pairs=pairs,
        regions=of_regions,
    )


def directions(frame: ImageFrame) -> FloatArray:
    """Return the direction of each wedge's wavevector, degrees from east to north in cells; NaN if it has none."""
    scales = [block.scale for block in frame.blocks]
    found = np.full(len(scales), np.nan)
    for scale in set(scales):
        places = [place for place, one in enumerate(scales) if one == scale]
        if len(places) > 1 and len(places) % 2 == 0:
            found[places] = wedge_directions(2 * len(places))[[frame.blocks[p].wedge for p in places]]
    return found


def _series(records: Sequence[Mapping[str, Any]], key: str, size: int) -> FloatArray:
    """Return the lists of a key by time, (n_time, size); NaN where a record has none."""
    nothing = [np.nan] * size
    return np.array([record.get(key) or nothing for record in records], dtype=np.float64)


def _pooled(std: FloatArray, white: FloatArray, scales: WedgeGroups) -> FloatArray:
    """Convert standard deviations by wedge to those by scale, (n_time, n_wedges) -> (n_time, n_scales)."""
    weight = np.zeros((white.size, scales.n))
    weight[np.arange(white.size), scales.of_block] = white
    pooled: FloatArray = np.sqrt((std[:, :, None] ** 2 * weight).sum(axis=1) / weight.sum(axis=0))
    return pooled


def autocorrelation(
    stored: StoredInnovations | None, parts: Parts, n_lags: int = N_LAGS
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the autocorrelation of innovations by part, about zero, in cells observed at both times. Local.

    ``n_lags`` is the number of lags, in steps of the stored innovations.

    Returns
    -------
    lags : multiples of the shortest interval, h, (n_lags,).
    correlation : correlation at each lag, 1, (n_lags, n_parts).
    pairs : numbers of pairs of images, (n_lags,).
    All are empty if there are fewer than two stored times.
    """
    if stored is None or len(stored) < 2:
        return np.zeros(0), np.zeros((0, parts.n)), np.zeros(0)
    hours = np.array([(time - stored.times[0]).total_seconds() / 3600.0 for time in stored.times])
    step = float(np.diff(hours).min())
    lags: FloatArray = step * np.arange(1.0, n_lags + 1.0)
    sums = np.zeros((n_lags, 3, parts.n))
    pairs = np.zeros(n_lags)
    recent: list[tuple[float, FloatArray, BoolArray]] = []
    latest = replace(stored, times=stored.times[-_MOST_IMAGES:])
    for hour, one in zip(hours[-_MOST_IMAGES:], latest, strict=True):
        d, seen = one.pair.innovation, one.pair.observed
        for earlier, other, other_seen in recent:
            lag = round((hour - earlier) / step)
            both = seen & other_seen
            if not 1 <= lag <= n_lags or abs(hour - earlier - lag * step) > 1e-6 or not both.any():
                continue
            x, y = np.where(both, d, 0.0), np.where(both, other, 0.0)
            plus, minus, first = parts.energy(x + y), parts.energy(x - y), parts.energy(x)
            # |x + y|^2 + |x - y|^2 = 2 |x|^2 + 2 |y|^2
            sums[lag - 1] += np.stack([0.25 * (plus - minus), first, 0.5 * (plus + minus) - first])
            pairs[lag - 1] += 1.0
        recent = [*recent, (hour, d, seen)][-n_lags:]
    product, one_energy, other_energy = sums[:, 0], sums[:, 1], sums[:, 2]
    norm = np.sqrt(np.maximum(one_energy * other_energy, 0.0))
    correlation: FloatArray = np.divide(product, norm, out=np.full(product.shape, np.nan), where=norm > 0.0)
    return lags, correlation, pairs
