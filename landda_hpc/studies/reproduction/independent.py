"""Comparison of a paper's campaign with independent data: stations, other products, and rain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.campaign.depths import profile_cells
from landda_hpc.constants import FloatArray
from landda_hpc.errors import LandDAError
from landda_hpc.evaluation.drawing import Figure
from landda_hpc.evaluation.evaluation_report import Verification, is_asked, verify_campaign
from landda_hpc.evaluation.rain import DAY, RainAmounts, bars_of_cell, figure_rain, recorded_rain
from landda_hpc.evaluation.recorded_series import CampaignSeries
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.trajectory import changed_records
from landda_hpc.io.markdown import table_lines
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.storage.series_files import list_series, series_folder
from landda_hpc.studies.reproduction.between_analyses import product_image, scores_below_increments, scores_between
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.page import Page
from landda_hpc.verification.omissions import Gaps
from landda_hpc.verification.statistics.grid_scores import ALL_CELLS
from landda_hpc.verification.statistics.groups import GroupMean
from landda_hpc.verification.statistics.sample_size import effective_size_warnings
from landda_hpc.verification.tables.benchmarks import Benchmark
from landda_hpc.verification.tables.grid_table import words
from landda_hpc.verification.tables.score_records import ScoreRecord

Bars = Sequence[tuple[datetime, float]]

_WHAT = {"r": "mean R", "ubrmse": "mean ubRMSE", "scc": "SCC"}


class Independent:
    """Stations, other products and rain for a campaign.

    Parameters
    ----------
    m : the campaign.
    folder : folder of the page; the verification goes to its subfolder ``verification``.
    gaps : collects unavailable parts with the reasons.

    Attributes
    ----------
    config : requested configuration, with the paper's days and, in a twin, stations of the nature run.
    series : series of the campaign; None if they were not recorded or are not readable.
    why_not : reason for missing series; empty if they exist.
    """

    def __init__(self, m: CampaignData, folder: Path, gaps: Gaps) -> None:
        self.config = m.experiment.verified(m.asked)
        self._m, self._folder, self._gaps = m, folder / "verification", gaps
        same = not changed_records(m.config.verification, self.config.verification)
        self._domain = m.domain if same else make_domain(self.config, n_ranks=1)
        self.series: CampaignSeries | None = None
        self.why_not = ""
        is_recorded = bool(list_series(series_folder(m.folder.path)))
        try:
            self.series = CampaignSeries(
                m.folder.path, self._domain, self.config.runs, self.config.time, self.config.scored_since
            )
        except (LandDAError, OSError) as error:
            self.why_not = str(error)
            if not is_recorded:
                self.why_not += " `landda study reproduce` records them when it runs the campaign itself."
            if is_recorded or m.config.output.series is not None:
                gaps.add("series of the campaign", str(error), is_fault=True)

    @cached_property
    def verification(self) -> Verification | None:
        """Verification with all data of the configuration; None without data or series."""
        if self.series is None or not is_asked(self.config.verification):
            return None
        judged = self._m.compared.assimilation
        verify = partial(verify_campaign, self._m.folder.path, self.config, self._domain, self._folder, judged=judged)
        found: Verification | None = self._gaps.attempt("verification", verify, None)
        self._gaps.extend(() if found is None else found.gaps)
        return found

    @cached_property
    def rain(self) -> RainAmounts | None:
        """Daily rain of the configured product, otherwise of the control; None if there is none."""
        return self._rain("rain", DAY)

    @cached_property
    def hourly_rain(self) -> RainAmounts | None:
        """The same every hour, or at the interval of its source if that is longer."""
        return None if self.rain is None else self._rain("hourly rain", timedelta(hours=1))

    def _rain(self, what: str, step: timedelta) -> RainAmounts | None:
        if self.series is None:
            return None
        if self.config.verification.precipitation is not None:
            catalogue = Catalogue(self.config.catalogue, self.config.data_root)
            setup = EvaluationSetup(self.config.verification, catalogue, self.config.seed, self._domain, ())
            read = partial(figure_rain, self.series, setup, step)
        else:
            read = partial(recorded_rain, self.series, self._m.compared.control, step)
        found: RainAmounts | None = self._gaps.attempt(what, read, None)
        return found

    @cached_property
    def scores(self) -> list[ScoreRecord]:
        """Scores of the campaign, and those at recorded times within cycles."""
        if self.series is None:
            return self._m.records
        between = partial(scores_between, self._m, self.series)
        return [*self._m.records, *self._gaps.attempt("scores between analyses", between, list[ScoreRecord]())]

    def product_image(self, layer: str, time: datetime) -> FloatArray | None:
        """Return the image of a layer of the assimilated product, (n_lat, n_lon), m3 m-3; None if there is none."""
        if self.series is None or self._m.is_twin:
            return None
        read = partial(product_image, self._m, self.series, layer, time)
        found: FloatArray | None = self._gaps.attempt(f"{self._m.product} {layer}", read, None)
        return found

    def write_scores_below(self, page: Page) -> None:
        """Add the scores of the layers below the increments to a page, if the series have them."""
        text = "" if self.series is None else scores_below_increments(self._m, self.series)
        if text:
            page.text(text)

    def rain_at(self, places: Sequence[tuple[float, float]]) -> list[Bars]:
        """Return rain of the scored cells nearest to places (degrees_north, degrees_east); empty without rain."""
        rain = self.rain
        return [] if rain is None else [bars_of_cell(rain, cell) for cell in profile_cells(self._m.domain, places)]

    def rain_of_domain(self) -> Bars:
        """Return the mean hourly rain over the scored cells, weighted by area; empty without rain."""
        domain, rain = self._m.domain, self.hourly_rain
        if rain is None:
            return []
        area = domain.cells.from_image(domain.grid.area)
        return rain.bars(np.where(domain.cells.from_mask(domain.is_scored), area, 0.0))

    def no_rain_words(self) -> str:
        """Return the reason why a figure shows no rain; empty if there is rain."""
        if self.series is None and self._m.config.output.series is None:
            return "Rain is not shown: the campaign has no series of it (`output.series`)."
        return "Rain is not shown: see the end of the page for the reason." if self.rain is None else ""

    def pictures(self, kind: str, chosen: Callable[[Figure], bool] = lambda _: True) -> list[Figure]:
        """Return the figures of one kind that the verification drew."""
        found = self.verification
        return [] if found is None else [one for one in found.figures if one.kind == kind and chosen(one)]

    def why_no_stations(self, about: str = "scores at stations") -> str:
        """Return the reason why the page has no figure of stations; ``about`` is part of the names of its gaps."""
        if self.series is None:
            return self.why_not
        if not self.config.verification.stations and self.config.verification.twin_stations is None:
            return (
                "the configuration names no stations (`catalogue`, `verification.stations`; "
                "`experiments/bai2026_real.yaml` has them)"
            )
        return self._reasons(about)

    def why_no_reference(self, name: str) -> str:
        """Return the reason why the page has no figure of a gridded reference; empty if it is not configured."""
        if not any((one.name or one.entry) == name for one in self.config.verification.references):
            return ""
        return self.why_not or self._reasons(name)

    def _reasons(self, about: str) -> str:
        """Reasons of the missing parts of the verification that are relevant."""
        found = self.verification
        gaps = self._gaps.list() if found is None else found.gaps
        whole = ("verification", "stations")  # of all parts, of one entry of the catalogue
        whys = dict.fromkeys(gap.why for gap in gaps if about in gap.what or gap.what.startswith(whole))
        return "; ".join(why.rstrip(". ") for why in whys) or "the verification drew no such figure"


def write_independent_table(page: Page, found: Independent, m: CampaignData) -> bool:
    """Write published scores against independent data next to the campaign's, with intervals; False if it has none."""
    if found.verification is None:
        return False
    texts: list[Sequence[str]] = []
    means: list[GroupMean] = []
    pairs: dict[tuple[str, str], list[Benchmark]] = {}
    for one in m.benchmarks:
        if one.kind != "images":
            against, region = one.reference or one.kind, one.region or ALL_CELLS
            pairs.setdefault((one.place, f"{against}, {region}, {one.layer}, {_WHAT[one.metric]}"), []).append(one)
    for (place, what), pair in pairs.items():
        control, assimilation = sorted(pair, key=lambda one: one.assimilates)
        ours = [_measured(found.verification, control, run) for run in (m.compared.control, m.compared.assimilation)]
        means += ours
        places = f"{ours[0].n_places or '-'}"
        texts.append([place, what, control.text, assimilation.text, *(words(mean) for mean in ours), places])
    has_any = any(not math.isnan(mean.value) for mean in means)
    if has_any:
        headings = ("where", "what", "published: control", "assimilation", "here: control", "assimilation", "places")
        page.text("\n".join(table_lines(headings, texts, n_texts=2)), *effective_size_warnings(means))
    return has_any


def _measured(found: Verification, wanted: Benchmark, run: str) -> GroupMean:
    """Return a mean over places, or over a reference's times; NaN without such a score."""
    if wanted.kind == "stations of a day":
        day = next((one for one in found.station_days if one.region.name == wanted.region), None)
        if day is None or run not in day.scores:
            return _NOTHING
        return replace(_NOTHING, value=day.scores[run].scc, n_places=day.scores[run].n_cells)
    rows = found.station_rows if wanted.kind == "stations" else found.reference_rows.get(wanted.reference, ())
    for row in rows:
        if (row.window, row.run, row.metric, row.layer) != (wanted.window, run, wanted.metric, wanted.layer):
            continue
        if row.kind in ("region", "pattern") and row.group == (wanted.region or ALL_CELLS):
            return row.score
    return _NOTHING


_NOTHING: Final = GroupMean(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
