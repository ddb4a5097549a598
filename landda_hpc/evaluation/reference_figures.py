"""Figures of the verification against gridded references, like [S24] Fig. 13 and [B26] Fig. 12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.evaluation.drawing import Drawing, Figure, capital, file_name
from landda_hpc.evaluation.references import ReferenceVerification, region_cells
from landda_hpc.evaluation.skill_maps import skill_fields
from landda_hpc.instances.domain import Domain
from landda_hpc.regions import Region
from landda_hpc.verification.figures.rain_series import ScoreLine, draw_scores_with_rain
from landda_hpc.verification.figures.station_maps import DayPanel, draw_day, draw_skill, draw_station_scores, score_rows
from landda_hpc.verification.statistics.daily import DayAnomalies
from landda_hpc.verification.statistics.grid_scores import PatternSeries
from landda_hpc.verification.tables.score_records import TRUTH


def draw_patterns_with_rain(layers: Sequence[PatternSeries], drawing: Drawing) -> list[Figure]:
    """Draw the spatial correlation with one reference over time, and the rain of each region, like [S24] Fig. 13."""
    first, domain = layers[0], drawing.domain
    area = domain.cells.from_image(domain.grid.area)
    panels, bars = {}, {}
    for region, cells in region_cells(domain, drawing.regions).items():
        lines = [
            ScoreLine(run, of_layer.layer, scores["scc"])
            for of_layer in layers[:2]
            for run, scores in of_layer.scores[region].items()
        ]
        if any(np.isfinite(line.values).any() for line in lines):
            panels[region] = lines
            weights = np.zeros(len(domain.cells))
            weights[cells] = area[cells]
            bars[region] = drawing.bars(weights)
    if not panels:
        return []
    path = drawing.folder / f"scc_{file_name(first.reference)}.png"
    draw_scores_with_rain(
        panels,
        first.times,
        bars,
        path,
        title=f"Spatial correlation with {_described(first.reference)}",
        window_end=drawing.window[1],
        rain_label=f"{drawing.rain_label}, mean of the region",
    )
    and_rain = f", and {drawing.rain_label}" if any(bars.values()) else ""
    text = f"Spatial correlation with {_described(first.reference)} over time{and_rain}."
    return [Figure("patterns", path, text, metric="scc", reference=first.reference)]


def draw_reference_days(found: ReferenceVerification, days: Sequence[DayAnomalies], drawing: Drawing) -> list[Figure]:
    """Draw daily anomalies of the runs and of the reference, and the rain, like [B26] Fig. 12."""
    figures: list[Figure] = []
    compared, domain = found.compared, drawing.domain
    reference, layer, nowhere = compared.reference, compared.layer, np.empty(0)

    def image(values: FloatArray) -> FloatArray:
        return domain.cells.to_image(_spread(values, found.scored, len(domain.cells)))

    for one in days:
        panels = []
        for name, values in one.runs.items():
            s = one.scores[name]
            known = [(label, value) for label, value in (("SCC", s.scc), ("ubRMSE", s.ubrmse)) if np.isfinite(value)]
            note = ", ".join(f"{label} {value:.{2 if label == 'SCC' else 3}f}" for label, value in known)
            note = note.replace("-", "\N{MINUS SIGN}")
            panels.append(DayPanel(name, image=image(values), note=note))
        panels.append(DayPanel(capital(_described(reference)), image=image(one.reference)))
        rain = drawing.rain_panel(one.day)
        panels += [] if rain is None else [rain]
        stem = f"anomalies_{file_name(reference)}_{file_name(one.region.name).lower()}_{one.day:%Y%m%d}"
        path = drawing.folder / f"{stem}.png"
        heading = f"Anomalies of soil moisture {layer}, {one.region.name}"
        draw_day(panels, drawing.ground, path, lat=nowhere, lon=nowhere, region=one.region, day=one.day, title=heading)
        text = (
            f"Daily anomalies of soil moisture {layer} from the mean of the assimilation window, {one.region.name}, "
            f"{one.day}, next to {_described(reference)}{'' if rain is None else f'; {drawing.rain_label}'}."
        )
        figures.append(
            Figure("day", path, text, "assimilation", layer=layer, region=one.region.name, reference=reference)
        )
    return figures


def draw_cell_maps(found: ReferenceVerification, drawing: Drawing) -> list[Figure]:
    """Draw maps of the temporal correlation of every run with a reference, and of the differences between runs."""
    figures: list[Figure] = []
    for window in found.cells:
        scores = {run: metrics["r"].value for run, metrics in window.scores.scores.items()}
        if not any(np.isfinite(values).any() for values in scores.values()):
            continue
        differences = {
            run: (metrics["r"].value, metrics["r"].low, metrics["r"].high)
            for run, metrics in window.scores.differences.items()
        }
        compared = found.compared
        stem = f"r_{file_name(compared.reference)}_{compared.layer.replace(' ', '')}_{window.window}"
        path = drawing.folder / f"{stem}.png"
        what = f"R with {_described(compared.reference)}, {compared.layer}, {window.window} window"
        draw_station_scores(
            drawing.domain.cells.cell[found.scored],
            score_rows(scores, differences, drawing.baseline or ""),
            drawing.ground,
            path,
            metric="r",
            regions=[drawn_region(drawing.domain)],
            title=what,
            label="R",
        )
        text = f"Temporal correlation in every cell: {what}."
        figures.append(
            Figure("scores of cells", path, text, window.window, "r", compared.layer, reference=compared.reference)
        )
    return figures


def draw_skill_maps(found: ReferenceVerification, drawing: Drawing) -> list[Figure]:
    """Draw the RMSE of the baseline and the skill of every other run in each cell, for each window."""
    figures: list[Figure] = []
    compared = found.compared
    for window in found.cells:
        stem = f"skill_{file_name(compared.reference)}_{compared.layer.replace(' ', '')}_{window.window}"
        path = drawing.folder / f"{stem}.png"
        what = f"Errors against {_described(compared.reference)}, {compared.layer}, {window.window} window"
        domain = drawing.domain
        fields = skill_fields(domain, found.scored, window.errors, compared.reference, compared.layer, window.window)
        draw_skill(fields, drawing.ground, path, region=drawn_region(domain), title=what)
        text = f"RMSE of the baseline and skill of the other runs in every cell: {what}."
        figures.append(
            Figure("skill of cells", path, text, window.window, "rmse", compared.layer, reference=compared.reference)
        )
    return figures


def drawn_region(domain: Domain) -> Region:
    """Return the part of the grid that maps of all cells show: without the Antarctic if it has no scored cell."""
    grid = domain.grid
    if not grid.is_periodic:
        south, north = float(grid.lat_edges[0]), float(grid.lat_edges[-1])
        return Region("Domain", south, north, float(grid.lon_edges[0]), float(grid.lon_edges[-1]))
    south = -60.0 if not domain.is_scored[grid.lat < -60.0].any() else -90.0
    return Region("Globe", south, 90.0, -180.0, 180.0)


def _described(reference: str) -> str:
    return "the truth (nature run)" if reference == TRUTH else reference


def _spread(values: FloatArray, scored: IntArray, n_cells: int) -> FloatArray:
    """Return the values of scored cells on all land cells; NaN elsewhere."""
    whole = np.full(n_cells, np.nan)
    whole[scored] = values
    return whole
