"""The report of a campaign, part by part: tables, then figures, then the page with both."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landda_hpc.campaign.experiment_facts import Experiment
from landda_hpc.campaign.observation_report import counts_markdown
from landda_hpc.campaign.report_page import PageSource, write_campaign_page
from landda_hpc.config import CampaignConfig, Run, TimeConfig
from landda_hpc.constants import BoolArray
from landda_hpc.errors import DataError, LandDAError
from landda_hpc.evaluation.innovation_diagnostics import innovation_diagnostics
from landda_hpc.evaluation.innovations_by_scale import INNOVATION, Frames, implausible_errors
from landda_hpc.evaluation.skill_maps import JudgedCampaign, skill_maps
from landda_hpc.evaluation.stored_innovations import StoredInnovations, stored_innovations
from landda_hpc.formats.own.innovation_file import (
    InnovationDiagnostics,
    read_innovation_diagnostics,
    write_innovation_diagnostics,
)
from landda_hpc.formats.own.skill_file import SkillFields, read_skill, write_skill
from landda_hpc.instances.domain import Domain, depth_name, make_domain
from landda_hpc.io.atomic import write_text
from landda_hpc.io.provenance import history, software
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.var3d import absolute_tolerance
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.regions import GLOBE, Region, named_regions
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import list_images
from landda_hpc.verification.figures.figure_style import FigureKind, in_style_of
from landda_hpc.verification.figures.image_set import ImageSet, read_images
from landda_hpc.verification.omissions import Gaps
from landda_hpc.verification.pages.report_page import REPORT
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.score_records import ScoreRecord, write_csv, write_netcdf
from landda_hpc.verification.tables.score_table import described
from landda_hpc.verification.tables.spectra import (
    Spectrum,
    has_spectra,
    spectra,
    write_innovation_csv,
    write_spectra_csv,
)
from landda_hpc.verification.tables.summary import SUMMARY, Part, read_scores, score_tables, write_summary

if TYPE_CHECKING:
    from landda_hpc.verification.figures.report_figures import MapFrame, MapSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """A finished part: path relative to the campaign's folder, caption, number of parts so far and in total."""

    name: str
    caption: str | None
    number: int
    n_parts: int


@dataclass(frozen=True)
class ChosenFigures:
    """Figures of a report that are drawn apart from it.

    Attributes
    ----------
    kinds : kinds of figures.
    folder : of the files.
    """

    kinds: Collection[FigureKind]
    folder: Path

    def make(self, parts: Sequence[Part]) -> Iterator[Made]:
        """Make the chosen parts, and the missing files of innovations and skill that they show."""
        wanted = [part for part in parts if part.kind in self.kinds]
        shown = {"spectra": "innovations_*.nc", "skill": "skill.nc"}
        names = [name for kind, name in shown.items() if kind in self.kinds]
        files = [part for part in parts if any(map(part.path.match, names)) and not part.path.is_file()]
        wanted = [*files, *wanted]
        for number, part in enumerate(wanted, start=1):
            yield Made(str(part.path), part.make(), number, len(wanted))


def make_report(
    folder: CampaignFolder,
    config: CampaignConfig,
    done: Mapping[str, str | None] | None = None,
    notes: Sequence[str] = (),
    chosen: ChosenFigures | None = None,
) -> Iterator[Made]:
    """Write scores.csv, scores.nc, observations.md, innovations, figures if requested, summary.md and report.html.

    Local: one process.

    Parameters
    ----------
    config : of the campaign; ``output.figures`` says whether figures are drawn.
    done : existing parts with the captions of figures; they are not written again.
    notes : sentences above the tables.
    chosen : figures to draw, in the style that is in effect, without tables and pages; None: the whole report.

    Yields
    ------
    Each part when it is complete. One figure is in memory at a time. Both pages come twice: with the tables, and in
    the end with the figures.

    Raises
    ------
    DataError, StorageError : from the parts; finished parts are kept.
    """
    done = dict(done or {})
    records = read_scores(folder.records_file("scores"))
    benchmarks, lost = _benchmarks(config.verification.benchmarks, config.data_root)
    cycles, ensembles = folder.read_records("cycles"), folder.read_records("ensembles")

    @cache
    def domain() -> Domain:
        return make_domain(config, n_ranks=1)

    @cache
    def context() -> MethodContext:
        return MethodContext(domain().grid, SerialCommunicator(), config.seed, config.data_root)

    def diagnose(run: Run) -> InnovationDiagnostics | None:
        frames, is_soil = Frames(config.runs, domain().grid), domain().is_soil
        stored = _stored_innovations(folder, run, config.time, config.output.fields, is_soil)
        regions = (replace(GLOBE, name="whole domain"), *named_regions(config.verification.regions, config.data_root))
        return innovation_diagnostics(run, cycles, frames, context(), is_soil, stored, regions)

    with_innovations = [run for run in config.runs if any(r["run"] == run.name and r.get(INNOVATION) for r in cycles)]
    found = implausible_errors(cycles, config.runs, context(), domain().is_soil) if with_innovations else []
    notes = [*notes, *lost, *(sentence[0].upper() + sentence[1:] for sentence in found)]
    since = config.scored_since if config.verification.discard_days else None
    parts = _tables(folder, records, cycles)
    n_tables = len(parts)
    innovations = _innovation_files(folder.path, config.name, with_innovations, diagnose)
    parts += innovations

    def by_scale() -> tuple[list[InnovationDiagnostics], list[Spectrum]]:
        of_runs = [read_innovation_diagnostics(part.path) for part in innovations]
        return of_runs, spectra(cycles, of_runs, since, config.time.assimilation_end)

    parts += _tables_by_scale(folder, by_scale) if innovations or has_spectra(cycles) else []
    judged = JudgedCampaign(
        folder=folder.path,
        images=folder.images,
        runs=config.runs,
        time=config.time,
        scored_since=config.scored_since,
        depth_m=config.observations.depth_m,
        fields=config.output.fields,
        has_nature=config.twin is not None,
        has_series=config.output.series is not None,
        products=config.products,
        referee=config.referee,
        verification=config.verification,
        catalogue=Catalogue(config.catalogue, config.data_root),
        seed=config.seed,
    )
    gaps = Gaps()
    skill_file = folder.path / "skill.nc"

    def skill() -> list[SkillFields]:
        return read_skill(skill_file) if skill_file.is_file() else []

    def write_errors(path: Path) -> None:
        found = skill_maps(judged, domain(), gaps)
        if found:
            title = f"Errors and skill in every cell, campaign {config.name}"
            write_skill(path, domain().grid, found, {"title": title, "source": software(), "history": history()})

    parts += [Part(skill_file, partial(write_errors, skill_file))] if judged.is_judged else []
    if config.output.figures:
        # Imported here, because tables do not need the plotting library.
        from landda_hpc.verification.figures.innovation_scales import plan_innovations
        from landda_hpc.verification.figures.report_figures import plan_maps, plan_series
        from landda_hpc.verification.figures.spectra import plan_spectra

        of_cycles = folder.records_file("cycles") if cycles else None
        figures = folder.figures if chosen is None else chosen.folder
        parts += plan_series(records, figures, of_cycles, since, absolute_tolerance(config.runs), benchmarks)
        parts += plan_innovations([part.path for part in innovations], figures)
        parts += plan_spectra(lambda: by_scale()[1], figures) if has_spectra(cycles) else []
        parts += _ensemble_figure(ensembles, figures, depth_name(config.verification.depths_m[0]))
        sources = _sources(folder, config.runs, config.analysed_window)
        if sources:
            regions = named_regions(config.verification.regions, config.data_root)
            frame = map_frame(domain(), config.observations.depth_m, regions)
            parts += plan_maps(sources, figures, frame)
        parts += _skill_figures(skill, domain, figures) if judged.is_judged else []
    if chosen is not None:
        yield from chosen.make(parts)
        return
    n_parts = len(parts) + 2
    captions: list[tuple[Path, str]] = []

    def pages(*, is_complete: bool) -> None:
        shown = captions if is_complete else []
        write_summary(folder.path, records, config.name, shown, since, notes, benchmarks, ensembles)
        if not is_complete and not config.output.figures:
            return  # the complete pages follow at once
        tables = score_tables(records, since, benchmarks)
        found, of_scales = by_scale() if is_complete else ([], [])
        experiment = Experiment(config, domain(), records, cycles)
        source = PageSource(
            folder,
            experiment,
            ensembles,
            since,
            tables,
            notes,
            found,
            of_scales,
            skill() if is_complete else [],
            gaps.list(),
        )
        write_campaign_page(source, with_maps=is_complete and config.output.figures)

    for number, part in enumerate(parts, start=1):
        name = part.path.relative_to(folder.path).as_posix()
        if name in done:
            caption = done[name]
        else:
            with in_style_of(config.output):
                caption = part.make()
            if part.path.suffix == ".png":
                gc.collect()  # a figure refers to itself, and would stay in memory with the next ones
            yield Made(name, caption, number, n_parts)
        if caption is not None:
            captions.append((part.path, caption))
        if number == n_tables and SUMMARY not in done:
            with in_style_of(config.output):
                pages(is_complete=False)
    with in_style_of(config.output):
        pages(is_complete=True)
    yield Made(SUMMARY, None, n_parts - 1, n_parts)
    yield Made(REPORT, None, n_parts, n_parts)


def _benchmarks(files: Sequence[Path], data_root: Path) -> tuple[Sequence[Benchmark], list[str]]:
    """Benchmarks that the configuration names, or a sentence for the page if they can no longer be read."""
    try:
        return read_benchmarks(files, data_root), []
    except LandDAError as error:
        return (), [f"Benchmarks are not shown: {error}"]


def _tables(folder: CampaignFolder, records: list[ScoreRecord], cycles: Sequence[Mapping[str, Any]]) -> list[Part]:
    def write(writer: Callable[[list[ScoreRecord], Path], None], path: Path) -> None:
        writer(records, path)

    def observations(path: Path) -> None:
        write_text(path, counts_markdown(cycles))

    csv, netcdf, page = (folder.path / name for name in ("scores.csv", "scores.nc", "observations.md"))
    return [
        Part(csv, partial(write, write_csv, csv)),
        Part(netcdf, partial(write, write_netcdf, netcdf)),
        Part(page, partial(observations, page)),
    ]


def _stored_innovations(
    folder: CampaignFolder, run: Run, time: TimeConfig, fields: Collection[str], is_soil: BoolArray
) -> StoredInnovations | None:
    """The stored innovations of a run, for their autocorrelation; None, with a warning, if there are none."""
    try:
        # Increments do not enter, so that times may be missing.
        return stored_innovations(folder, run, time, fields, is_soil, needs_increments=False)
    except DataError as error:
        logger.warning("no autocorrelation of the innovations of run '%s': %s", run.name, error)
        return None


def _innovation_files(
    folder: Path, campaign: str, runs: Sequence[Run], diagnose: Callable[[Run], InnovationDiagnostics | None]
) -> list[Part]:
    """A file of innovations by scale for each run whose records of the cycles have them."""

    def write(run: Run, path: Path) -> None:
        found = diagnose(run)
        assert found is not None, "the records have innovations by wedge"
        title = f"Innovations by scale and wedge, run {run.name}, campaign {campaign}"
        write_innovation_diagnostics(path, found, {"title": title, "source": software(), "history": history()})

    paths = [folder / f"innovations_{run.name}.nc" for run in runs]
    return [Part(path, partial(write, run, path)) for run, path in zip(runs, paths, strict=True)]


def _tables_by_scale(
    folder: CampaignFolder, by_scale: Callable[[], tuple[list[InnovationDiagnostics], list[Spectrum]]]
) -> list[Part]:
    """Tables of innovations by region and scale, and of spectra."""

    def innovations(path: Path) -> None:
        write_innovation_csv(path, by_scale()[0])

    def of_quantities(path: Path) -> None:
        write_spectra_csv(path, by_scale()[1])

    first, second = folder.path / "innovations.csv", folder.path / "spectra.csv"
    return [Part(first, partial(innovations, first)), Part(second, partial(of_quantities, second))]


def _skill_figures(skill: Callable[[], list[SkillFields]], domain: Callable[[], Domain], figures: Path) -> list[Part]:
    """The map of skills against the first reference, and of the others under further names."""
    from landda_hpc.evaluation.drawing import make_ground
    from landda_hpc.evaluation.reference_figures import drawn_region
    from landda_hpc.verification.figures.station_maps import draw_skill

    def draw(path: Path) -> str | None:
        found = skill()
        for number, one in enumerate(found, start=1):
            place = path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")
            title = f"Errors against {described(one.reference)}, {one.layer}, assimilation window"
            draw_skill(one, make_ground(domain()), place, region=drawn_region(domain()), title=title)
        names = " and ".join(described(one.reference) for one in found)
        return f"RMSE of the baseline and skill of the other runs in every cell, against {names}." if found else None

    path = figures / "skill.png"
    return [Part(path, partial(draw, path), "skill")]


def _ensemble_figure(records: Sequence[Mapping[str, Any]], figures: Path, layer: str) -> list[Part]:
    """The figure of spread, skill and ranks, if there are ensembles."""
    from landda_hpc.verification.figures.ensemble_figures import draw_ensembles

    def draw(path: Path) -> str:
        draw_ensembles(records, path, layer=layer)
        return f"Spread and error of the ensemble means at {layer}, and rank histograms, before analyses."

    path = figures / "ensembles.png"
    return [Part(path, partial(draw, path), "ensembles")] if records else []


def map_frame(domain: Domain, depth_m: tuple[float, float], regions: Sequence[Region]) -> MapFrame:
    """Common parts of all maps of a campaign. Local."""
    from landda_hpc.verification.figures.maps import Coastline, Ground
    from landda_hpc.verification.figures.report_figures import MapFrame

    coast = Coastline.shipped()
    return MapFrame(Ground(domain.grid, domain.is_land, coast, domain.is_scored), regions, depth_name(depth_m))


def _sources(folder: CampaignFolder, runs: Sequence[Run], window: tuple[datetime, datetime]) -> list[MapSource]:
    """For each run: the first scored and the last image of the assimilation window, and the last image of all.

    The control's are drawn as panels next to those of the other runs.
    """
    from landda_hpc.verification.figures.report_figures import MapSource

    def load(path: Path) -> ImageSet:
        return read_images(path)[0]

    sources = []
    for run in runs:
        paths = list_images(folder.images, run.name)
        sources += [MapSource(run.name, t, partial(load, paths[t])) for t in default_times(paths, window)]
    return sources


def default_times(stored: Iterable[datetime], window: tuple[datetime, datetime]) -> list[datetime]:
    """Times of the maps in a report: the first scored and the last of the assimilation window, and the last of all."""
    times = sorted(stored)
    analysed = [t for t in times if window[0] <= t <= window[1]]
    return sorted({*analysed[:1], *analysed[-1:], *times[-1:]})
