"""``landda score`` of a finished campaign: against stations and gridded references, with tables and figures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from landda_hpc import __version__
from landda_hpc.campaign.domain import Domain
from landda_hpc.campaign.verify_references import (
    draw_cell_maps,
    draw_rain_figure,
    draw_reference_days,
    file_name,
    verify_references,
)
from landda_hpc.campaign.verify_series import CampaignSeries, DailyRain, daily_rain
from landda_hpc.campaign.verify_stations import (
    Captions,
    StationVerification,
    anomaly_rule,
    draw_station_figures,
    verify_stations,
)
from landda_hpc.config import CampaignConfig
from landda_hpc.data import static_path
from landda_hpc.formats.atomic import write_text
from landda_hpc.formats.static import read_static
from landda_hpc.verification.grid_scores import PATTERN, PatternSeries
from landda_hpc.verification.grid_table import reference_markdown, write_pattern_csv, write_reference_netcdf
from landda_hpc.verification.maps import Coastline
from landda_hpc.verification.records import TRUTH
from landda_hpc.verification.station_maps import Ground
from landda_hpc.verification.station_scores import GroupRow
from landda_hpc.verification.station_table import (
    group_markdown,
    group_table,
    interval_note,
    representativeness_note,
    write_group_csv,
    write_station_csv,
    write_station_netcdf,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Verification:
    """What was found and written.

    Attributes
    ----------
    tables : for the screen.
    notes : to be read with them.
    files : written, the page first.
    """

    tables: Sequence[Table]
    notes: Sequence[str]
    files: Sequence[Path]


def is_asked(config: CampaignConfig) -> bool:
    """Whether the configuration names anything to verify against."""
    asked = config.verification
    return bool(asked.references or asked.stations or asked.twin_stations)


def verify_campaign(
    folder: Path, config: CampaignConfig, domain: Domain, output: Path, *, with_figures: bool = True
) -> Verification:
    """Verify a campaign against all that its configuration names. Local: one process.

    Parameters
    ----------
    folder : of the campaign, with series.
    config : of the campaign, with ``verification.stations`` and ``.references``.
    domain : of the campaign.
    output : gets verification.md, tables (CSV), netCDF files and figures/.

    Raises
    ------
    StorageError : the campaign has no series; a file cannot be written.
    ConfigError, DataError : references or stations cannot be read.
    """
    series = CampaignSeries(folder, config, domain)
    rain = daily_rain(series, config, domain)
    ground = _ground(domain)
    page = _Page(output, config)
    stations = verify_stations(series, config, domain)
    if stations is not None:
        _report_stations(page, stations, series, config)
        if with_figures:
            page.figures(draw_station_figures(stations, series, config, domain, rain, ground, output / "figures"))
    _report_references(page, series, config, domain, rain, ground if with_figures else None)
    return page.write()


def _ground(domain: Domain) -> Ground:
    grid, static = read_static(static_path(), ("land_fraction", "lake_fraction"))
    return Ground(domain.grid, domain.is_land, Coastline(grid, static["land_fraction"] + static["lake_fraction"]))


class _Page:
    """Collects what goes to the screen and to verification.md."""

    def __init__(self, output: Path, config: CampaignConfig) -> None:
        self.output = output
        self.tables: list[Table] = []
        self.notes: list[str] = []
        self.files: list[Path] = []
        self._lines = [f"# Verification of {config.name}", ""]

    def section(self, title: str, *paragraphs: str) -> None:
        self._lines += [f"## {title}", ""]
        for paragraph in paragraphs:
            self._lines += [paragraph, ""]

    def text(self, *paragraphs: str) -> None:
        for paragraph in paragraphs:
            self._lines += [paragraph, ""]

    def figures(self, captions: Captions) -> None:
        for path, caption in captions:
            self.files.append(path)
            self._lines += [f"![{caption}]({path.relative_to(self.output).as_posix()})", "", caption, ""]

    def write(self) -> Verification:
        path = self.output / "verification.md"
        write_text(path, "\n".join(self._lines), make_folder=True)
        return Verification(tuple(self.tables), tuple(self.notes), (path, *self.files))


def _report_stations(page: _Page, found: StationVerification, series: CampaignSeries, config: CampaignConfig) -> None:
    stations, windows = found.stations, found.windows
    rows: list[GroupRow] = [row for window in windows for row in window.groups]
    scale = representativeness_note(stations, found.points)
    intervals = interval_note(
        anomaly_rule(config).describe(),
        {window.window: window.block_steps for window in windows},
        float(config.time.cycle_hours),
    )
    left_out = "; ".join(f"{n} {reason}" for reason, n in sorted(stations.left_out.items())) or "none"
    page.section(
        "Stations",
        f"{len(stations)} sensors of {len(set(zip(stations.network, stations.station, strict=True)))} stations in "
        f"{len(set(stations.network))} networks; left out: {left_out}. Values are matched within "
        f"{config.verification.tolerance_minutes:g} minutes; cells: {config.verification.place}; frozen times are left "
        f"out. Differences are from {series.baseline or 'no run (there is one only)'}.",
        group_markdown(rows),
        scale,
        intervals,
    )
    page.tables += group_table([row for row in rows if row.kind == "region"], "Stations by region")
    page.notes += [scale, intervals]
    files = [page.output / name for name in ("stations.csv", "station_groups.csv", "stations.nc")]
    write_station_csv(files[0], stations, found.points, windows)
    write_group_csv(files[1], [("stations", row) for row in rows])
    notes = {**_attributes(config, "stations"), "comment": f"{scale} {intervals}"}
    write_station_netcdf(files[2], stations, found.points, found.runs, windows, notes)
    page.files += files


def _report_references(
    page: _Page, series: CampaignSeries, config: CampaignConfig, domain: Domain, rain: DailyRain, ground: Ground | None
) -> None:
    """Tables, files and, with a ground to draw on, figures of every reference; one layer in memory at a time."""
    patterns: dict[str, list[PatternSeries]] = {}
    rows: dict[str, list[GroupRow]] = {}
    missing: dict[str, int] = {}
    captions: dict[str, Captions] = {}
    for found in verify_references(series, config, domain):
        name = found.compared.reference
        is_first = name not in patterns
        patterns.setdefault(name, []).append(found.patterns)
        rows.setdefault(name, []).extend(found.rows)
        missing[name] = max(missing.get(name, 0), found.n_missing)
        figures = captions.setdefault(name, [])
        if ground is not None:
            folder = page.output / "figures"
            figures += draw_cell_maps(found, series, domain, ground, folder)
            if is_first:
                figures += draw_reference_days(found, config, domain, rain, ground, folder)
        path = page.output / f"reference_{file_name(name)}_{found.compared.layer.replace(' ', '')}.nc"
        cell = domain.cells.cell[found.scored]
        write_reference_netcdf(path, domain.grid, cell, found.patterns, found.cells, _attributes(config, name))
        page.files.append(path)
    if not rows:
        return
    for name, layers in patterns.items():
        if ground is not None:
            captions[name] = [
                *draw_rain_figure(layers, config, domain, rain, page.output / "figures"),
                *captions[name],
            ]
        note = (
            "The truth is the nature run's."
            if name == TRUTH
            else f"The reference is brought to the model grid; {missing[name]} of {len(layers[0].times)} times lack it."
            " If it was assimilated, the scores tell how well it was fitted, not how good the analysis is."
        )
        page.section(f"Gridded reference: {name}", note, reference_markdown(rows[name]))
        page.figures(captions[name])
    files = [page.output / name for name in ("reference_patterns.csv", "reference_groups.csv")]
    write_pattern_csv(files[0], [one for layers in patterns.values() for one in layers])
    write_group_csv(files[1], [(name, row) for name, of_name in rows.items() for row in of_name])
    page.files += files
    for name, of_name in rows.items():
        patterns_of = [row for row in of_name if row.kind == "pattern"]
        page.tables += group_table(patterns_of, f"Patterns against {name}", PATTERN)
        page.tables += group_table([row for row in of_name if row.kind == "cells"], f"Cells against {name}")


def _attributes(config: CampaignConfig, what: str) -> dict[str, str]:
    return {
        "title": f"Campaign {config.name} against {what}",
        "source": f"landda_hpc {__version__}",
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} landda_hpc {__version__}",
    }
