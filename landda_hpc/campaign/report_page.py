"""The HTML page of a campaign, made of its records, images and configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from landda_hpc.campaign.experiment_facts import Experiment, experiment_facts, reproduction_html
from landda_hpc.campaign.monitoring import duration
from landda_hpc.campaign.observation_report import counts_markdown, counts_of_records
from landda_hpc.campaign.timetable import timetable
from landda_hpc.formats.own.innovation_file import InnovationDiagnostics
from landda_hpc.formats.own.skill_file import SkillFields
from landda_hpc.instances.domain import depth_name
from landda_hpc.io.markdown import table_lines
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import list_images
from landda_hpc.verification.omissions import Gap, gap_lines
from landda_hpc.verification.pages.campaign_charts import (
    ensemble_charts,
    innovation_charts,
    region_table,
    scale_charts,
    score_charts,
    water_table,
)
from landda_hpc.verification.pages.markdown_html import markdown_html
from landda_hpc.verification.pages.report_page import REPORT, Card, ReportPage, Section, write_report_page
from landda_hpc.verification.run_styles import RunStyle, run_styles
from landda_hpc.verification.tables.headline import UNIT, Ranking, headline, rank_runs
from landda_hpc.verification.tables.spectra import Spectrum


@dataclass(frozen=True, eq=False)
class PageSource:
    """What a campaign's page is made of.

    Attributes
    ----------
    folder, experiment : the campaign.
    ensembles : lines of ``ensembles.jsonl``.
    since : tables and headline exclude earlier times.
    tables : score tables and their period, as Markdown paragraphs.
    notes : sentences to be read first.
    innovations : by scale, of the runs that have them.
    spectra : of innovations, increments, errors and spread.
    skill : errors of the runs in every cell, against each reference.
    gaps : references that could not be used.
    """

    folder: CampaignFolder
    experiment: Experiment
    ensembles: Sequence[Mapping[str, Any]]
    since: datetime | None
    tables: Sequence[str]
    notes: Sequence[str]
    innovations: Sequence[InnovationDiagnostics] = ()
    spectra: Sequence[Spectrum] = ()
    skill: Sequence[SkillFields] = ()
    gaps: Sequence[Gap] = ()


def write_campaign_page(source: PageSource, *, with_maps: bool) -> None:
    """Write report.html. Local.

    Parameters
    ----------
    with_maps : whether the stored images are shown, which loads the plotting library.

    Raises
    ------
    DataError, StorageError : images cannot be read, or the page cannot be written.
    """
    config, records, cycles = source.experiment.config, source.experiment.records, source.experiment.cycles
    ranking = rank_runs(records, source.since)
    maps = _maps(source, config.runs[0].name if ranking is None else ranking.best) if with_maps else None
    sections = [
        Section("Maps", "" if maps is None else maps[0]),
        Section("Scores over time", score_charts(records)),
        Section("Errors and skill by cell", _skill(source, with_maps=with_maps)),
        Section("Innovations", innovation_charts(cycles) + _regions(source.innovations)),
        Section("Gains and errors by scale", scale_charts(cycles, source.spectra)),
        Section(
            "Ensembles", ensemble_charts(source.ensembles, depth_name(config.verification.depths_m[0]), source.since)
        ),
        Section("What happened to the observations", _observations(cycles)),
        Section("Water", _water(cycles)),
        Section("Computing time", _time(source.folder, config.time.cycle_hours)),
        Section("All scores", markdown_html("\n\n".join(source.tables), deeper=1)),
        Section("How to reproduce", reproduction_html(source.folder, config.seed)),
    ]
    page = ReportPage(
        title=config.name,
        kind="Campaign",
        headline=[] if ranking is None else headline(ranking),
        notes=source.notes,
        facts=experiment_facts(source.experiment),
        cards=[] if ranking is None else score_cards(ranking, run_styles(r.run for r in records)),
        sections=sections,
        data=None if maps is None else {"maps": maps[1]},
    )
    write_report_page(source.folder.path / REPORT, page)


def score_cards(ranking: Ranking, styles: Mapping[str, RunStyle]) -> list[Card]:
    """Return a card for each run, the best first."""
    gains = {gain.run: gain for gain in ranking.against_baseline}
    cards = []
    for run, (error, correlation) in ranking.means.items():
        lines = [f"ubRMSE; SCC {correlation:.3f}"]
        if run in gains:
            gain = gains[run]
            verdict = {True: "significant", False: "not significant", None: "no interval"}[gain.is_significant]
            # Without a finite percentage the baseline is the truth itself, as in a twin without differences.
            percent = f"{gain.percent:+.0f} %" if math.isfinite(gain.percent) else f"{gain.difference:+.4f} {UNIT}"
            percent = percent.replace("-", "\N{MINUS SIGN}", 1)
            lines.append(f"{percent} against {gain.other}, {verdict}")
        else:
            lines.append("the baseline")
        is_best = run == ranking.best and len(ranking.means) > 1
        cards.append(Card(run, f"{error:.4f}", UNIT, lines, styles[run].colour, is_best))
    return cards


def _maps(source: PageSource, first_run: str) -> tuple[str, dict[str, Any]] | None:
    """Maps of all stored images."""
    from landda_hpc.verification.figures.image_set import ImageSet, read_images
    from landda_hpc.verification.figures.maps import Coastline, Ground
    from landda_hpc.verification.figures.report_figures import MapSource
    from landda_hpc.verification.pages.map_section import map_section

    def load(path: Any) -> ImageSet:
        return read_images(path)[0]

    config, domain = source.experiment.config, source.experiment.domain
    sources = [
        MapSource(run.name, time, partial(load, path))
        for run in config.runs
        for time, path in list_images(source.folder.images, run.name).items()
    ]
    ground = Ground(domain.grid, domain.is_land, Coastline.shipped(), domain.is_scored)
    layer = depth_name(config.observations.depth_m)
    return map_section(sources, ground, layer, first_run, config.analysed_window)


def _skill(source: PageSource, *, with_maps: bool) -> str:
    """Maps and tables of errors in every cell, and what could not be compared."""
    gaps = markdown_html("\n".join(gap_lines(source.gaps)), deeper=2) if source.gaps else ""
    if not source.skill:
        return gaps
    from landda_hpc.verification.figures.maps import Coastline, Ground
    from landda_hpc.verification.pages.skill_section import skill_section

    domain = source.experiment.domain
    ground = Ground(domain.grid, domain.is_land, Coastline.shipped(), domain.is_scored)
    return skill_section(source.skill, ground, with_maps=with_maps) + gaps


def _observations(cycles: Sequence[Mapping[str, Any]]) -> str:
    n_times, _ = counts_of_records(cycles)
    if not n_times:
        return ""
    title, _, text = counts_markdown(cycles).partition("\n")
    assert title.startswith("# "), "the page begins with its title"
    return markdown_html(text, name="observations by reason")


def _regions(innovations: Sequence[InnovationDiagnostics]) -> str:
    table = region_table(innovations)
    if not table:
        return ""
    text = (
        "O-B over all stored analysis times and observed cells, m³ m⁻³. The normalised standard deviation is that of "
        "O-B over the assumed sqrt(B + R) of its cell: 1 if these errors fit. The autocorrelation is about zero, so "
        "that a mean also raises it.\n\n"
    )
    by_scale = (
        "Each scale of O-B within a region: the means of the scales add up to that of the region; standard deviations "
        "are those of white errors with the same energy, after the region's mean is removed.\n\n"
    ) + region_table(innovations, by_scale=True)
    return (
        "<h3>By region</h3>"
        + markdown_html(text + table, name="innovations by region")
        + "<details><summary>By region and scale</summary>"
        + markdown_html(by_scale, name="innovations by region and scale")
        + "</details>"
    )


def _water(cycles: Sequence[Mapping[str, Any]]) -> str:
    table = water_table(cycles)
    if not table:
        return ""
    return markdown_html(
        "Water of all analyses together, kg m⁻² on average over the soil that can change. The requested water is "
        "applied, or clipped at the bounds of wet or dry soil, or refused by frozen layers.\n\n" + table,
        name="water by run",
    )


def _time(folder: CampaignFolder, cycle_hours: int) -> str:
    times = timetable(folder.read_records("seconds"), cycle_hours)
    if times is None:
        return ""
    total = sum(row[0] for row in times.seconds.values()) * times.days
    rows = [
        (step, *(f"{value:.3f}" for value in values), f"{times.balance[step]:.2f}")
        for step, values in times.seconds.items()
    ]
    headings = ("step", "slowest rank", "mean rank", "CPU, mean rank", "balance")
    text = (
        f"The cycles took {duration(total)}. The table gives seconds per simulated day; the balance of the ranks is 1 "
        f"if they work equally long. The busiest rank sends {times.megabytes_sent:.2f} MB per simulated day; peak "
        f"memory is {times.peak_memory_mb:.0f} MB per rank.\n\n"
    )
    return markdown_html(text + "\n".join(table_lines(headings, rows)), name="seconds by step")
