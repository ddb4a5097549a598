"""States between analyses from the recorded series, for figures that the papers draw every hour or every three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from landda_hpc.campaign.depths import profile_cells
from landda_hpc.config import AssimilatingRun, ReferenceConfig
from landda_hpc.constants import SOIL_ZI, FloatArray
from landda_hpc.evaluation.recorded_series import NATURE, CampaignSeries, unfrozen
from landda_hpc.evaluation.references import ProductImages
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.instances.domain import depth_name
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regridding.depth import DepthRange, observe
from landda_hpc.storage.series_files import SeriesSlice
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import Place
from landda_hpc.studies.reproduction.sentences import layer_reach
from landda_hpc.verification.figures.paper_series import Profile
from landda_hpc.verification.statistics.scores import score
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE, TRUTH, ScoreRecord

NOT_ASSIMILATED = ", not assimilated"
"""End of the name of a product's layer that serves as a reference only."""


def scores_between(m: CampaignData, series: CampaignSeries) -> list[ScoreRecord]:
    """Score the compared runs at the recorded times within cycles, where the campaign itself has no scores. Local.

    The reference is the truth of a twin, or the assimilated product at those times where it has files. A cell counts
    as in the campaign's scores: enough updatable soil that is not frozen in the run.

    Raises
    ------
    DataError, StorageError : the series or the product cannot be read.
    """
    within = [i for i, time in enumerate(series.times) if not m.config.time.ends_cycle(time)]
    if not within:
        return []
    found: list[ScoreRecord] = []
    for depth, reference, values in _references(m, series):
        for run in (m.compared.control, m.compared.assimilation):
            field = _of_depth(m, series, run, depth)
            found += [
                ScoreRecord.from_score(
                    score(field[i], values[i], np.ones(field.shape[1], dtype=np.bool_)),
                    cycle=m.config.time.cycle_of(series.times[i]) + 1,
                    time=series.times[i],
                    run=run,
                    reference=reference,
                    layer=depth_name(depth),
                    stage="forecast",
                    window="assimilation" if series.times[i] <= m.config.time.assimilation_end else "forecast",
                )
                for i in within
                if np.isfinite(values[i]).any()
            ]
    return found


def scores_below_increments(m: CampaignData, series: CampaignSeries) -> str:
    """Scores of the part of a scored layer that no increment reaches, in words; empty without such a part or a truth.

    Means over the ends of the cycles of the assimilation window, as in the table. Local.

    Raises
    ------
    StorageError : the series cannot be read.
    """
    run = m.run_of(AssimilatingRun)
    _, reach = layer_reach(m.config.observations.depth_m)
    if run.n_analysed_layers:
        reach = float(SOIL_ZI[run.n_analysed_layers])
    if NATURE not in series.instances or (run.slopes is not None and run.slopes.share > 0.0):
        return ""
    window = series.windows()["assimilation"]
    rows = [i for i, time in enumerate(series.times) if window[i] and m.config.time.ends_cycle(time)]
    texts = []
    for top, bottom in m.config.verification.depths_m:
        if depth_name((top, bottom)) == m.layer or not top < reach < bottom <= series.to_depth_m + 1e-3 or not rows:
            continue
        truth = _of_depth(m, series, NATURE, (reach, bottom), with_frozen=True)
        numbers = []
        for name in (m.compared.control, m.compared.assimilation):
            field = _of_depth(m, series, name, (reach, bottom))
            found = [score(field[i], truth[i], np.ones(field.shape[1], dtype=np.bool_)) for i in rows]
            scc, ubrmse = (float(np.mean([getattr(one, kind) for one in found])) for kind in ("scc", "ubrmse"))
            numbers.append(f"SCC {scc:.3f} and ubRMSE {ubrmse:.3f} m3 m-3 of `{name}`")
        texts.append(
            f"The increments reach {100 * reach:.1f} cm and so move a part of {depth_name((top, bottom))} directly. "
            f"Below it, from {100 * reach:.1f} to {100 * bottom:g} cm, the scores against the truth are "
            f"{' and '.join(numbers)} (means over the assimilation window)."
        )
    return " ".join(texts)


def interval_words(records: list[ScoreRecord], reference: str) -> str:
    """Time between the scores against a reference: 'every 3 h'."""
    times = sorted({record.time for record in records if record.reference == reference})
    step = min((b - a for a, b in pairwise(times)), default=None)
    return "at one time" if step is None else f"every {step / timedelta(hours=1):g} h"


def recorded_place(m: CampaignData, series: CampaignSeries, place: Place, instance: str) -> Profile:
    """Soil water of an instance in the scored cell nearest to a place, in the recorded layers. Local."""
    return recorded_profiles(m, series, profile_cells(m.domain, [(place.lat, place.lon)]), instance)[0]


def recorded_profiles(m: CampaignData, series: CampaignSeries, cells: Sequence[int], instance: str) -> list[Profile]:
    """Soil water of an instance in land cells with these numbers, in the recorded layers. Local."""
    rows, columns = np.divmod(m.domain.cells.cell[list(cells)], m.domain.grid.shape[1])

    def take(values: SeriesSlice) -> FloatArray:
        return values.soil_moisture[:, list(cells)].astype(np.float64)

    water = series.collect(instance, {"water": take})["water"]
    lat, lon = m.domain.grid.lat[rows], m.domain.grid.lon[columns]
    return [Profile(float(lat[i]), float(lon[i]), series.times, water[:, :, i]) for i in range(len(cells))]


def mean_changes(m: CampaignData, series: CampaignSeries, bottom_m: float) -> FloatArray:
    """Mean size of assimilation minus control over the assimilation window, m3 m-3, (n_cells,). Local.

    The mean over the depth from the surface to ``bottom_m``, or to the end of the records; NaN outside scored cells.
    """
    depth = (0.0, min(bottom_m, series.to_depth_m))
    window = series.windows()["assimilation"]
    mine, control = (_of_depth(m, series, run, depth)[window] for run in (m.compared.assimilation, m.compared.control))
    scored = np.flatnonzero(m.domain.cells.from_mask(m.domain.is_scored))
    known = np.isfinite(mine) & np.isfinite(control)
    count = known.sum(axis=0)
    total = np.where(known, np.abs(mine - control), 0.0).sum(axis=0)
    found = np.full(len(m.domain.cells), np.nan)
    found[scored] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return found


def _references(m: CampaignData, series: CampaignSeries) -> Iterator[tuple[DepthRange, str, FloatArray]]:
    """Layers, names and values of the reference, (n_time, n_scored), m3 m-3; NaN where it has none."""
    depths = [d for d in m.config.verification.depths_m if d[1] <= series.to_depth_m + 1e-3]
    if NATURE in series.instances:
        for depth in depths:
            yield depth, TRUTH, _of_depth(m, series, NATURE, depth, with_frozen=True)
        return
    names = _product_references(m)
    chosen = tuple(depth for depth in depths if depth_name(depth) in names)
    if chosen:
        for depth, values in _product(m, series, chosen).read().items():
            yield depth, names[depth_name(depth)], values


def product_image(m: CampaignData, series: CampaignSeries, layer: str, time: datetime) -> FloatArray | None:
    """Image of a layer of the assimilated product, (n_lat, n_lon), m3 m-3; NaN outside the scored cells. Local.

    None if the campaign assimilates no files, or was not scored against this layer of them.

    Raises
    ------
    DataError : the product cannot be read at that time.
    """
    depth = next((d for d in m.config.verification.depths_m if depth_name(d) == layer), None)
    if depth is None or layer not in _product_references(m) or depth[1] > series.to_depth_m + 1e-3:
        return None
    values = _product(m, series, (depth,)).read([time])[depth][series.times.index(time)]
    cells = m.domain.cells
    in_cells = np.full(len(cells), np.nan)
    in_cells[cells.from_mask(m.domain.is_scored)] = values
    return cells.to_image(in_cells)


def _product_references(m: CampaignData) -> dict[str, str]:
    """References that are layers of the assimilated product, by layer; empty if it is not in files."""
    if m.config.observations.catalogue_entry is None:
        return {}
    names = {r.layer: r.reference for r in m.records if r.reference.endswith(NOT_ASSIMILATED)}
    return names | {m.layer: ASSIMILATED_REFERENCE}


def _product(m: CampaignData, series: CampaignSeries, depths_m: tuple[DepthRange, ...]) -> ProductImages:
    """The assimilated product at the recorded times."""
    entry = m.config.observations.catalogue_entry
    assert entry is not None, "it has references"
    setup = EvaluationSetup(
        m.config.verification, Catalogue(m.config.catalogue, m.config.data_root), m.config.seed, m.domain, ()
    )
    return ProductImages(series, setup, ReferenceConfig(entry=entry, depths_m=depths_m, tolerance_minutes=0.0))


def _of_depth(
    m: CampaignData, series: CampaignSeries, instance: str, depth: DepthRange, *, with_frozen: bool = False
) -> FloatArray:
    """Mean over a depth in the scored cells, (n_time, n_scored), m3 m-3; NaN where frozen."""
    weights, scored = series.weights(depth), np.flatnonzero(m.domain.cells.from_mask(m.domain.is_scored))

    def take(values: SeriesSlice) -> FloatArray:
        water = values.soil_moisture.astype(np.float64) if with_frozen else unfrozen(values)
        return observe(water[:, scored], weights, axis=0)

    return series.collect(instance, {"depth": take})["depth"]
