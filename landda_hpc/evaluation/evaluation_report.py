"""Verification of a campaign against stations and gridded references, with tables and figures (``landda score``)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from rich.table import Table

from landda_hpc.config import CampaignConfig, Observations, Referee, ReferenceConfig, VerificationConfig
from landda_hpc.evaluation import references, stations
from landda_hpc.evaluation.drawing import Drawing, Figure, file_name, make_ground
from landda_hpc.evaluation.rain import figure_rain
from landda_hpc.evaluation.recorded_series import CampaignSeries
from landda_hpc.evaluation.reference_figures import (
    draw_cell_maps,
    draw_patterns_with_rain,
    draw_reference_days,
    draw_skill_maps,
)
from landda_hpc.evaluation.settings import write_settings
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.evaluation.station_figures import draw_score_maps, draw_station_days, draw_station_series
from landda_hpc.evaluation.station_sources import open_stations
from landda_hpc.instances.domain import Domain
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.io.provenance import history, software
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regions import GLOBE, Region, named_regions
from landda_hpc.verification.figures.figure_style import in_style_of
from landda_hpc.verification.omissions import Gap, Gaps, gap_lines
from landda_hpc.verification.statistics.daily import DayAnomalies
from landda_hpc.verification.statistics.grid_scores import PATTERN, PatternSeries
from landda_hpc.verification.statistics.groups import GroupMean
from landda_hpc.verification.statistics.sample_size import effective_size_warnings
from landda_hpc.verification.statistics.station_scores import GroupRow, improved_stations
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.grid_table import reference_markdown, write_pattern_csv, write_reference_netcdf
from landda_hpc.verification.tables.score_records import TRUTH
from landda_hpc.verification.tables.station_table import (
    group_markdown,
    group_table,
    improvement_markdown,
    interval_note,
    representativeness_note,
    write_group_csv,
    write_station_csv,
    write_station_netcdf,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Verification:
    """Results and files of a verification.

    Attributes
    ----------
    tables : tables for the terminal.
    notes : notes on the tables.
    files : written files, the page first.
    figures : figures among the files.
    station_rows : means over networks and regions of stations.
    reference_rows : means of scores against gridded references, by reference.
    station_days : anomalies of single days at stations.
    stations : description of the compared sensors; empty without stations.
    gaps : missing parts, with reasons.
    """

    tables: Sequence[Table]
    notes: Sequence[str]
    files: Sequence[Path]
    figures: Sequence[Figure]
    station_rows: Sequence[GroupRow]
    reference_rows: Mapping[str, Sequence[GroupRow]]
    station_days: Sequence[DayAnomalies]
    stations: str
    gaps: Sequence[Gap]


def is_asked(asked: VerificationConfig) -> bool:
    """Return whether the section names data for verification."""
    return bool(asked.references or asked.stations or asked.twin_stations)


def verify_campaign(
    folder: Path,
    config: CampaignConfig,
    domain: Domain,
    output: Path,
    *,
    with_figures: bool = True,
    judged: str | None = None,
) -> Verification:
    """Verify a campaign with all data in its configuration. Local: one process.

    Parameters
    ----------
    folder : folder of the campaign, with series.
    config : configuration of the campaign, with ``verification.stations`` and ``.references``.
    domain : domain of the campaign.
    output : folder for verification.md, verify.yaml (the settings), tables (CSV), netCDF files and figures/.
    judged : run whose effect selects the stations in the figures of series; None: the last one.

    Returns
    -------
    Verification : its gaps list data that cannot be read or have too few values.

    Raises
    ------
    StorageError : the campaign has no series, the series cannot be read, or a file cannot be written.
    """
    asked, catalogue, referee = config.verification, Catalogue(config.catalogue, config.data_root), config.referee
    series = CampaignSeries(folder, domain, config.runs, config.time, config.scored_since)
    gaps = Gaps()
    no_region: tuple[Region, ...] = ()
    regions = gaps.attempt("regions", partial(named_regions, asked.regions, config.data_root), no_region)
    no_benchmark: tuple[Benchmark, ...] = ()
    read = partial(read_benchmarks, asked.benchmarks, config.data_root)
    relations = reference_relations(
        asked.references, catalogue, config.compared_products.values(), referee, is_twin=config.twin is not None
    )
    with in_style_of(config.output):
        page = _Page(output, config.name, gaps.attempt("benchmarks", read, no_benchmark), relations)
        stations_of_referee = referee.entry if referee is not None and referee.kind == "stations" else None
        opened = partial(
            open_stations, config.stations, catalogue, config.time, config.seed, config.observations.depth_m, domain
        )
        source = gaps.attempt("assimilated stations", opened, None)
        entry = None if config.stations is None else config.stations.catalogue_entry
        assimilated = (entry, source.assimilated) if entry is not None and source is not None else None
        setup = EvaluationSetup(asked, catalogue, config.seed, domain, regions, stations_of_referee, assimilated)
        drawing = None
        if with_figures:
            rain = gaps.attempt("rain", lambda: figure_rain(series, setup), None)
            window, figures = (series.scored_since, series.time.assimilation_end), output / "figures"
            ground = make_ground(domain)
            drawing = Drawing(asked, window, domain, series.baseline, rain, ground, figures, regions, judged)
        _report_stations(page, series, setup, drawing, gaps)
        _report_references(page, series, setup, drawing, gaps)
        return page.write(write_settings(asked, catalogue, output), gaps.list())


class _Page:
    """Collect the output of a verification for the terminal, for verification.md and for the caller."""

    def __init__(
        self, output: Path, campaign: str, benchmarks: Sequence[Benchmark], relations: Mapping[str, str]
    ) -> None:
        self.output, self.benchmarks, self.relations = output, benchmarks, relations
        self.tables: list[Table] = []
        self.notes: list[str] = []
        self.files: list[Path] = []
        self.station_rows: list[GroupRow] = []
        self.station_days: list[DayAnomalies] = []
        self.reference_rows: dict[str, list[GroupRow]] = {}
        self.stations = ""
        self._campaign = campaign
        self._figures: list[Figure] = []
        self._page = MarkdownPage(f"Verification of {campaign}")

    def section(self, title: str, *paragraphs: str) -> None:
        """Add a section; empty paragraphs are omitted."""
        self._page.section(title, *paragraphs)

    def figures(self, figures: Sequence[Figure]) -> None:
        self._figures += figures
        for one in figures:
            self._page.picture(one.path.relative_to(self.output).as_posix(), one.caption, one.caption)

    def weak_intervals(self, means: Iterable[GroupMean]) -> str:
        """Log and note that intervals are based on few values; return the sentences, or an empty text."""
        warnings = effective_size_warnings(means)
        for warning in warnings:
            logger.warning("%s", warning)
        self.notes += warnings
        return " ".join(warnings)

    def write(self, settings: Path, gaps: Sequence[Gap]) -> Verification:
        path = self.output / "verification.md"
        write_text(path, self._page.content(gap_lines(gaps)), make_folder=True)
        files = (path, settings, *self.files, *(one.path for one in self._figures))
        return Verification(
            self.tables,
            self.notes,
            files,
            self._figures,
            self.station_rows,
            self.reference_rows,
            self.station_days,
            self.stations,
            gaps,
        )

    def attributes(self, what: str) -> dict[str, str]:
        """Return the global attributes of a netCDF file."""
        return {"title": f"Campaign {self._campaign} against {what}", "source": software(), "history": history()}


def _report_stations(
    page: _Page, series: CampaignSeries, setup: EvaluationSetup, drawing: Drawing | None, gaps: Gaps
) -> None:
    """Write tables, files and, if asked for, figures of the stations."""
    found = gaps.attempt("stations", lambda: stations.verify_stations(series, setup, gaps), None)
    if found is None:
        return
    of_set, windows = found.stations, found.windows
    rows = [row for window in windows for row in window.groups]
    scale = representativeness_note(of_set, found.points)
    intervals = interval_note(
        stations.anomaly_rule(setup.asked.anomaly).describe(),
        {window.window: window.block_steps for window in windows},
        series.step / timedelta(hours=1),
    )
    left_out = "; ".join(f"{n} {reason}" for reason, n in sorted(of_set.left_out.items())) or "none"
    page.stations = (
        f"{len(of_set)} sensors of {len(set(zip(of_set.network, of_set.station, strict=True)))} stations in "
        f"{len(set(of_set.network))} networks, at {of_set.depth_words() or 'no depth'}"
    )
    page.section(
        "Stations",
        f"{page.stations}; excluded: {left_out}. Values are matched within "
        f"{setup.asked.tolerance_minutes:g} minutes; {_PLACES[setup.asked.place]}; frozen times are "
        f"left out. {_differences_from(series)}",
        group_markdown(rows, page.benchmarks),
        *(
            improvement_markdown(window.window, improved_stations(of_set, (*found.regions, GLOBE), window.scores))
            for window in windows
        ),
        page.weak_intervals(mean for row in rows for mean in (row.score, row.difference) if mean is not None),
        scale,
        intervals,
    )
    page.tables += group_table([row for row in rows if row.kind == "region"], "Stations by region")
    page.notes += [note for note in (f"Compared with {page.stations}.", scale, intervals) if note]
    page.station_rows += rows
    files = [page.output / name for name in ("stations.csv", "station_groups.csv", "stations.nc")]
    write_station_csv(files[0], of_set, found.points, windows)
    write_group_csv(files[1], [("stations", row) for row in rows])
    notes = {**page.attributes("stations"), "comment": f"{scale} {intervals}".strip()}
    write_station_netcdf(files[2], of_set, found.points, found.runs, windows, notes)
    page.files += files
    if drawing is None:
        return
    page.station_days += stations.anomalies_of_days(found, drawing.days, gaps)
    for what, draw in (
        ("maps of scores at stations", lambda: draw_score_maps(found, drawing)),
        ("series at stations", lambda: draw_station_series(found, drawing)),
        ("anomalies of days at stations", lambda: draw_station_days(found, page.station_days, drawing)),
    ):
        page.figures(gaps.attempt(what, draw, []))


def _report_references(
    page: _Page, series: CampaignSeries, setup: EvaluationSetup, drawing: Drawing | None, gaps: Gaps
) -> None:
    """Write tables, files and, if asked for, figures of every reference, with one layer in memory at a time."""
    patterns: dict[str, list[PatternSeries]] = {}
    missing: dict[str, int] = {}
    figures: dict[str, list[Figure]] = {}
    scored: dict[str, set[str]] = {}
    rows = page.reference_rows
    for found in references.verify_references(series, setup, gaps):
        name = found.compared.reference
        is_first = name not in patterns
        patterns.setdefault(name, []).append(found.patterns)
        rows.setdefault(name, []).extend(found.rows)
        missing[name] = max(missing.get(name, 0), found.n_missing)
        of_layer = f"{name}, {found.compared.layer}"
        scored.setdefault(name, set()).update(one.window for one in found.cells)
        if drawing is not None:
            drawn = figures.setdefault(name, [])
            for what, draw_maps in (("scores", draw_cell_maps), ("skill", draw_skill_maps)):
                drawn += gaps.attempt(f"maps of {what} against {of_layer}", partial(draw_maps, found, drawing), [])
            if is_first:
                draw = partial(_draw_days, found, setup.domain, drawing, gaps)
                drawn += gaps.attempt(f"anomalies of days next to {of_layer}", draw, [])
        path = page.output / f"reference_{file_name(name)}_{found.compared.layer.replace(' ', '')}.nc"
        cell = setup.domain.cells.cell[found.scored]
        write_reference_netcdf(path, setup.domain.grid, cell, found.patterns, found.cells, page.attributes(name))
        page.files.append(path)
    if not rows:
        return
    for name, layers in patterns.items():
        what = f"scores of cells against {name}"
        stations.note_windows(what, series, scored[name], setup.asked.min_pairs, gaps)
        page.section(
            f"Gridded reference: {name}",
            reference_note(name, page.relations, missing[name], len(layers[0].times)),
            reference_markdown(rows[name], [b for b in page.benchmarks if b.reference in ("", name)]),
            page.weak_intervals(mean for row in rows[name] for mean in (row.score, row.difference) if mean is not None),
        )
        if drawing is not None:
            what = f"spatial correlation with {name} over time"
            page.figures(gaps.attempt(what, partial(draw_patterns_with_rain, layers, drawing), []))
            page.figures(figures[name])
    files = [page.output / name for name in ("reference_patterns.csv", "reference_groups.csv")]
    write_pattern_csv(files[0], [one for layers in patterns.values() for one in layers])
    write_group_csv(files[1], [(name, row) for name, of_name in rows.items() for row in of_name])
    page.files += files
    for name, of_name in rows.items():
        patterns_of = [row for row in of_name if row.kind == "pattern"]
        page.tables += group_table(patterns_of, f"Patterns against {name}", PATTERN)
        page.tables += group_table([row for row in of_name if row.kind == "cells"], f"Cells against {name}")


def _draw_days(found: references.ReferenceVerification, domain: Domain, drawing: Drawing, gaps: Gaps) -> list[Figure]:
    days = references.anomalies_of_days(found, domain, drawing.regions, drawing.days, gaps)
    return draw_reference_days(found, days, drawing)


_PLACES: Final = {
    "nearest": "a station is compared with the nearest scored cell",
    "bilinear": "a station is compared with the bilinear mean of the four cells around it",
}


def _differences_from(series: CampaignSeries) -> str:
    if series.baseline is None:
        return "There is only one run, so there are no differences."
    return f"Differences are from {series.baseline}."


def reference_note(name: str, relations: Mapping[str, str], n_missing: int, n_times: int) -> str:
    """Describe a reference and its relation to the campaign (``reference_relations``)."""
    if name == TRUTH:
        return "The truth is the nature run."
    text = f"The reference is regridded to the model grid; it is missing at {n_missing} of {n_times} times."
    return f"{text} {relations[name]}" if name in relations else text


def reference_relations(
    references: Sequence[ReferenceConfig],
    catalogue: Catalogue,
    products: Collection[Observations],
    referee: Referee | None,
    *,
    is_twin: bool,
) -> dict[str, str]:
    """Return the relation of each reference to the campaign, by name: assimilated, referee, or independent.

    ``products`` are those that are assimilated or compared with the runs, the first one first.
    """
    assimilated = [product.catalogue_entry for product in products if product.role == "assimilate"]
    known = ["gldas_noah" if entry is None else catalogue.entries[entry].product for entry in assimilated]

    def relation(entry: str) -> str:
        if is_twin:
            return "The campaign is a twin: its observations are synthetic, so this reference is independent."
        if next(iter(products)).monitor_only:
            return "The campaign assimilated nothing."
        if referee is not None and referee.catalogue_entry == entry:
            return "It was the referee: it determined gains, so it is not independent evidence."
        if entry in assimilated:
            return "It was assimilated: the scores show how well it was fitted, not the quality of the analysis."
        product = catalogue.entries[entry].product
        if product in known and product != "cf":
            return f"The same product ({product}) was assimilated: it is not independent evidence."
        return "It was not assimilated."

    return {one.name or one.entry: relation(one.entry) for one in reversed(references)}
