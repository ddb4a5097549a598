"""Errors and skill of the runs in every cell, as maps and a table of a report page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.formats.own.skill_file import SkillFields
from landda_hpc.io.markdown import table_lines
from landda_hpc.regions import GLOBE
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.maps import Ground, shown_region
from landda_hpc.verification.pages.map_pictures import Bands, chosen_cells, outlines, picture_figure
from landda_hpc.verification.pages.markdown_html import markdown_html
from landda_hpc.verification.statistics.cell_errors import weighted_median
from landda_hpc.verification.statistics.region_windows import window_of
from landda_hpc.verification.tables.score_table import described

_COAST: Final = "coast-of-skill"
_MEASURES: Final = {"rmse": "RMSE", "ubrmse": "ubRMSE", "bias": "Bias"}


def skill_section(found: Sequence[SkillFields], ground: Ground, *, with_maps: bool) -> str:
    """Return the maps and tables of all references as HTML; empty without any.

    Parameters
    ----------
    found : errors of the runs against each reference.
    ground : grid, land and coast.
    with_maps : whether there are maps besides the tables.
    """
    parts = []
    for number, one in enumerate(found):
        rule = f"Soil moisture {one.layer}. {one.source[:1].upper()}{one.source[1:]}. RMSE² = ubRMSE² + bias²."
        if one.baseline:
            rule += f" Skill is 1 − RMSE / RMSE of {one.baseline} in the same cell: positive (green) is better."
        parts.append(f'<h3>Against {escape(described(one.reference))}</h3><p class="rule">{escape(rule)}</p>')
        parts.append(markdown_html(skill_table(one, ground.grid.area), name=f"errors by cell against {one.reference}"))
        if with_maps:
            parts.append(_maps(one, ground, with_outlines=number == 0))
    return "".join(parts)


def skill_table(one: SkillFields, area: FloatArray) -> str:
    """Return means over the cells of each run, weighted by area, as Markdown.

    Parameters
    ----------
    area : area of the cells, (n_lat, n_lon).
    """
    rows = []
    for run in one.runs:
        means = [_mean(one.of(name, run), area) for name in ("rmse", "ubrmse")]
        means.append(_mean(np.abs(one.of("bias", run)), area))
        skill = one.of("skill", run)
        known = np.isfinite(skill)
        texts = ["-", "-"]
        if known.any():
            median = weighted_median(skill[known], area[known])
            texts = [
                appearance.with_minus_signs(f"{median:+.2f}"),
                f"{100.0 * _mean(np.where(known, skill > 0.0, np.nan), area):.0f} %",
            ]
        rows.append([run, *("-" if math.isnan(mean) else f"{mean:.4f}" for mean in means), *texts])
    headings = ("run", "RMSE", "ubRMSE", "absolute bias", "median skill", "better in (area)")
    return "\n".join(table_lines(headings, rows, n_texts=1))


def _maps(one: SkillFields, ground: Ground, *, with_outlines: bool) -> str:
    """Maps of the baseline's RMSE and of skills, and below them of all errors."""
    region = shown_region(GLOBE, ground.grid, ground.land & (one.n > 0.0))
    rows, columns = chosen_cells(window_of(ground.grid, region))
    is_land = ground.land[rows[:, None], columns]

    def maps(name: str, runs: Sequence[str], bands: Bands, title: str) -> str:
        figures, small = [], bands.unit.strip()
        for run in runs:
            picture = bands.picture(one.of(name, run)[rows[:, None], columns], is_land)
            words = f"{title} of {run}"
            figures.append(picture_figure(picture, words, small, words, bands, region, _COAST))
        return "".join(figures)

    errors = {name: [one.of(name, run) for run in one.runs] for name in _MEASURES}
    scales = {name: Bands(*appearance.error_scale(errors[name])) for name in ("rmse", "ubrmse")}
    scales["bias"] = Bands(*appearance.difference_scale(errors["bias"]))
    skill = Bands(*appearance.skill_scale(), unit="")
    others = [run for run in one.runs if one.baseline and run != one.baseline]
    tall = " tall" if region.north - region.south > 0.8 * (region.east - region.west) else ""
    first = maps("rmse", [one.baseline] if one.baseline else one.runs, scales["rmse"], "RMSE")
    html = [outlines(ground, region, _COAST)] if with_outlines else []
    html.append(f'<div class="maps{tall}">{first}{maps("skill", others, skill, "Skill")}</div>')
    details = "".join(maps(name, one.runs, scales[name], title) for name, title in _MEASURES.items())
    html.append(
        "<details><summary>RMSE, ubRMSE and bias of every run</summary>"
        f'<div class="maps{tall}">{details}</div></details>'
    )
    return "".join(html)


def _mean(values: FloatArray, area: FloatArray) -> float:
    known = np.isfinite(values)
    return float((area[known] * values[known]).sum() / area[known].sum()) if known.any() else math.nan
