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
from landda_hpc.campaign.verify_series import CampaignSeries, daily_rain
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
from landda_hpc.verification.maps import Coastline
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
    write_group_csv(files[1], rows)
    notes = {
        "title": f"Campaign {config.name} at stations",
        "source": f"landda_hpc {__version__}",
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} landda_hpc {__version__}",
        "comment": f"{scale} {intervals}",
    }
    write_station_netcdf(files[2], stations, found.points, found.runs, windows, notes)
    page.files += files
