"""A paper's campaign beside data that it did not assimilate: stations, other products, and the rain behind it all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from landda_hpc.campaign.depths import profile_cells
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page
from landda_hpc.campaign.verify.drawing import Figure
from landda_hpc.campaign.verify.rain import DailyRain, bars_of_cell, daily_rain, recorded_rain
from landda_hpc.campaign.verify.report import Verification, is_asked, verify_campaign
from landda_hpc.campaign.verify.series import CampaignSeries
from landda_hpc.errors import StorageError
from landda_hpc.verification.published import IndependentScore
from landda_hpc.verification.side_by_side import Roles

Bars = Sequence[tuple[datetime, float]]

_WHAT = {"r": "mean R", "ubrmse": "mean ubRMSE", "scc": "SCC"}


class Independent:
    """What stations, other products and rain tell of a campaign.

    Parameters
    ----------
    m : the campaign.
    folder : of the page; the verification goes to its subfolder ``verification``.

    Attributes
    ----------
    config : the campaign's, with the paper's days and, in a twin, stations of the nature run.
    series : the campaign's; None where it recorded none.
    """

    def __init__(self, m: Material, folder: Path) -> None:
        self.config = m.experiment.verified(m.config)
        self._m, self._folder = m, folder / "verification"
        self.series: CampaignSeries | None = None
        self.why_not = ""
        try:
            self.series = CampaignSeries(m.folder.path, self.config, m.domain)
        except StorageError as error:
            self.why_not = f"{error} `landda reproduce` records them when it runs the campaign itself."

    @cached_property
    def verification(self) -> Verification | None:
        """Against all that the configuration names; None where it names nothing, or without series."""
        if self.series is None or not is_asked(self.config):
            return None
        return verify_campaign(self._m.folder.path, self.config, self._m.domain, self._folder)

    @cached_property
    def rain(self) -> DailyRain | None:
        """Of the product that the configuration names, else what the paper's control took; None without series."""
        if self.series is None:
            return None
        if self.config.verification.precipitation is not None:
            return daily_rain(self.series, self.config, self._m.domain)
        return recorded_rain(self.series, self._m.roles.control)

    def rain_at(self, places: Sequence[tuple[float, float]]) -> list[Bars]:
        """Rain of the scored cells nearest to places (degrees_north, degrees_east); empty without series."""
        rain = self.rain
        return [] if rain is None else [bars_of_cell(rain, cell) for cell in profile_cells(self._m.domain, places)]

    def rain_of_domain(self) -> Bars:
        """Mean rain over the scored cells, weighted by area; empty without series."""
        domain, rain = self._m.domain, self.rain
        if rain is None:
            return []
        area = domain.cells.from_image(domain.grid.area)
        return rain.bars(np.where(domain.cells.from_mask(domain.is_scored), area, 0.0))

    def pictures(self, kind: str, chosen: Callable[[Figure], bool] = lambda _: True) -> list[Figure]:
        """Pictures of the verification."""
        found = self.verification
        return [] if found is None else [one for one in found.figures if one.kind == kind and chosen(one)]

    def why_no_stations(self) -> str:
        """Why the page has no figure of stations."""
        if self.series is None:
            return self.why_not
        if not self.config.verification.stations and self.config.verification.twin_stations is None:
            return (
                "The configuration names no stations (`catalogue`, `verification.stations`; the experiment's file has "
                "the lines)."
            )
        least = self.config.verification.min_pairs
        return f"No station has {least} values at the campaign's times (`verification.min_pairs`), or none that day."


def write_independent_table(page: Page, found: Independent, scores: Sequence[IndependentScore], roles: Roles) -> bool:
    """Published scores against independent data beside the campaign's, with intervals; False where it has none."""
    if found.verification is None:
        return False
    lines = [
        "| where | what | published: control | assimilation | here: control | assimilation | places |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    has_any = False
    for score in scores:
        ours = [_measured(found.verification, score, run) for run in (roles.control, roles.assimilation)]
        has_any |= any(not math.isnan(value[0]) for value in ours)
        what = f"{score.against}, {score.region}, {score.layer}, {_WHAT[score.metric]}"
        numbers = " | ".join(_words(*value[:3]) for value in ours)
        places = f"{ours[0][3]}" if ours[0][3] else "-"
        lines.append(f"| {score.place} | {what} | {score.control:g} | {score.assimilation:g} | {numbers} | {places} |")
    if has_any:
        page.text("\n".join(lines))
    return has_any


def _measured(found: Verification, score: IndependentScore, run: str) -> tuple[float, float, float, int]:
    """Value, interval and number of places (of a reference: times); NaN where the campaign has no such score."""
    nothing = (math.nan, math.nan, math.nan, 0)
    if score.against == "stations of a day":
        day = next((one for one in found.station_days if one.region.name == score.region), None)
        if day is None or run not in day.scores:
            return nothing
        return day.scores[run].scc, math.nan, math.nan, day.scores[run].n_cells
    rows = found.station_rows if score.against == "stations" else found.reference_rows.get(score.against, ())
    for row in rows:
        if (row.window, row.run, row.metric, row.layer) != ("assimilation", run, score.metric, score.layer):
            continue
        if row.kind in ("region", "pattern") and row.group == score.region:
            return row.score.value, row.score.low, row.score.high, row.score.n_places
    return nothing


def _words(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "-"
    interval = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"{value:.3f}{interval}"
