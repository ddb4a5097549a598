"""Errors of a campaign's runs in every cell over the assimilation window, for its report: from series or images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from landda_hpc.config import Observations, Referee, ReferenceConfig, Run, TimeConfig, VerificationConfig
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.evaluation.recorded_series import NATURE, CampaignSeries
from landda_hpc.evaluation.references import Judge, ProductImages
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.formats.own.skill_file import NAMES, SkillFields
from landda_hpc.instances.domain import Domain, depth_name
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.storage.image_files import list_images
from landda_hpc.storage.series_files import list_series, series_folder
from landda_hpc.verification.figures.image_set import read_images
from landda_hpc.verification.omissions import Gaps
from landda_hpc.verification.statistics.cell_errors import CellErrors, cell_errors
from landda_hpc.verification.tables.score_records import TRUTH


@dataclass(frozen=True, eq=False)
class JudgedCampaign:
    """What the errors of a campaign's runs in every cell depend on.

    Attributes
    ----------
    folder, images : its folder, and that of its images.
    runs, time, scored_since, depth_m : runs, calendar, first time that counts, and observed depth.
    fields : names of the stored images.
    has_nature, has_series : whether there is a truth, and whether series are recorded.
    products, referee : products by name, and the referee, that may be references.
    verification, catalogue, seed : section of the configuration, data in files, and seed.
    """

    folder: Path
    images: Path
    runs: Sequence[Run]
    time: TimeConfig
    scored_since: datetime
    depth_m: tuple[float, float]
    fields: Collection[str]
    has_nature: bool
    has_series: bool
    products: Mapping[str, Observations]
    referee: Referee | None
    verification: VerificationConfig
    catalogue: Catalogue
    seed: int

    @property
    def references(self) -> list[ReferenceConfig]:
        """Gridded products with which the campaign is compared and that it does not assimilate.

        They are the references of the verification, the referee, and products of the roles referee and verify.
        """
        found = {one.entry: one for one in self.verification.references}
        others = [(name, one.catalogue_entry) for name, one in self.products.items() if one.role != "assimilate"]
        others += [] if self.referee is None else [("referee", self.referee.catalogue_entry)]
        for name, entry in others:
            if entry is not None and entry not in found and self.catalogue.entries[entry].is_gridded:
                found[entry] = ReferenceConfig(entry=entry, name=name)
        return list(found.values())

    @property
    def is_judged(self) -> bool:
        """Whether it keeps what the errors in every cell follow from."""
        has_images = "truth" in self.fields and bool({"background", "analysis"} & set(self.fields))
        by_truth = self.has_nature and (self.has_series or has_images)
        return by_truth or (self.has_series and bool(self.references))


def skill_maps(campaign: JudgedCampaign, domain: Domain, gaps: Gaps) -> list[SkillFields]:
    """Return the errors of all runs in every cell against the truth and the references. Local: one process.

    Parameters
    ----------
    campaign, domain : the campaign and its domain.
    gaps : collects references that cannot be used, with reasons.

    Notes
    -----
    The states are those of the recorded series, after the analysis where there was one; without series the truth and
    the states of the stored images. Times are those of the assimilation window that count in the tables.
    """
    found = [one for one in _all_fields(campaign, domain, gaps) if one is not None]
    for one in found:
        if not np.isfinite(one.fields["rmse"]).any():
            what = f"errors by cell against {one.reference}"
            gaps.add(what, "no cell has two common times in the assimilation window", is_fault=False)
    return [one for one in found if np.isfinite(one.fields["rmse"]).any()]


def _all_fields(campaign: JudgedCampaign, domain: Domain, gaps: Gaps) -> list[SkillFields | None]:
    """Errors against each reference; None for those that cannot be used."""
    found: list[SkillFields | None] = []
    if not list_series(series_folder(campaign.folder)):
        of_images = partial(_from_images, campaign, domain)
        return [gaps.attempt(f"errors by cell against the {TRUTH}", of_images, None)]
    nothing: CampaignSeries | None = None
    open_series = partial(CampaignSeries, campaign.folder, domain, campaign.runs, campaign.time, campaign.scored_since)
    series = gaps.attempt("errors by cell", open_series, nothing)
    if series is None:
        return []
    judge = Judge(series, EvaluationSetup(campaign.verification, campaign.catalogue, campaign.seed, domain, ()))
    depth = campaign.depth_m
    if NATURE in series.instances:
        take = partial(judge.of_depth, NATURE, depth)
        of_truth = partial(_from_series, judge, domain, TRUTH, depth, take)
        found.append(gaps.attempt(f"errors by cell against the {TRUTH}", of_truth, None))
    for asked in campaign.references:
        name = asked.name or asked.entry
        settings = asked.model_copy(update={"depths_m": (depth,), "averaging": "instant"})
        of_product = partial(_from_series, judge, domain, name, depth, partial(_read, judge, settings))
        found.append(gaps.attempt(f"errors by cell against {name}", of_product, None))
    return found


def _read(judge: Judge, settings: ReferenceConfig) -> FloatArray:
    """Values of a product at the recorded times, (n_time, n_scored), m3 m-3."""
    (values,) = ProductImages(judge.series, judge.setup, settings).read().values()
    return values


def _from_series(
    judge: Judge, domain: Domain, name: str, depth: tuple[float, float], take: Callable[[], FloatArray]
) -> SkillFields:
    """Errors at the recorded times of the window at which the reference has values."""
    series = judge.series
    inside = series.windows()["assimilation"]
    runs = {run: judge.of_depth(run, depth)[inside] for run in series.runs}
    errors = cell_errors(runs, take()[inside], series.baseline)
    words = f"series of the assimilation window, every {series.step / timedelta(hours=1):g} h"
    return skill_fields(domain, judge.scored, errors, name, depth_name(depth), words)


def _from_images(campaign: JudgedCampaign, domain: Domain) -> SkillFields:
    """Errors at the times of the stored images of the window; frozen cells count."""
    folder, (first, last) = campaign.images, (campaign.scored_since, campaign.time.assimilation_end)
    scored = np.flatnonzero(domain.cells.from_mask(domain.is_scored))
    runs: dict[str, list[FloatArray]] = {}
    truths: list[FloatArray] = []
    for run in campaign.runs:
        rows, truth = [], []
        for time, path in list_images(folder, run.name).items():
            if first <= time <= last:
                images = read_images(path)[0].images
                state = next((images[key] for key in ("analysis", "forecast", "background") if key in images), None)
                if state is not None and "truth" in images:
                    rows.append(domain.cells.from_image(state)[scored])
                    truth.append(domain.cells.from_image(images["truth"])[scored])
        runs[run.name], truths = rows, truth
    numbers = {len(rows) for rows in runs.values()}
    if numbers == {0} or len(numbers) > 1:
        raise DataError(
            f"'{folder}' has states and the truth of its runs at {sorted(numbers)} times of the assimilation window; "
            "expected the same number of all runs, at least one. Keep images (output.keep_images) or record series "
            "(output.series)."
        )
    control = next((run.name for run in campaign.runs if not run.assimilates), campaign.runs[0].name)
    baseline = control if len(campaign.runs) > 1 else None
    errors = cell_errors({run: np.stack(rows) for run, rows in runs.items()}, np.stack(truths), baseline)
    layer = depth_name(campaign.depth_m)
    return skill_fields(domain, scored, errors, TRUTH, layer, "stored images of the assimilation window")


def skill_fields(
    domain: Domain, scored: IntArray, errors: CellErrors, reference: str, layer: str, source: str
) -> SkillFields:
    """Spread errors of the scored cells over the grid.

    Parameters
    ----------
    scored : numbers of the scored land cells.
    reference, layer : names.
    source : of the compared states, and their times, in words.
    """
    runs = tuple(errors.rmse)
    nothing = np.full(scored.size, np.nan)

    def image(values: FloatArray) -> FloatArray:
        whole = np.full(len(domain.cells), np.nan)
        whole[scored] = values
        return domain.cells.to_image(whole)

    measures: Mapping[str, Mapping[str, FloatArray]] = {name: getattr(errors, name) for name in NAMES}
    fields = {name: np.stack([image(of_name.get(run, nothing)) for run in runs]) for name, of_name in measures.items()}
    most = int(errors.n.max(initial=0))
    words = f"{source}: up to {most} times"
    return SkillFields(reference, layer, words, runs, errors.baseline or "", image(errors.n.astype(np.float64)), fields)
