"""Checks of the verification data before a campaign runs: files are searched and opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from landda_hpc.config import (
    ReferenceConfig,
    RegionConfig,
    SeriesConfig,
    StationsConfig,
    TimeConfig,
    VerificationConfig,
)
from landda_hpc.constants import SOIL_Z, SOIL_ZI
from landda_hpc.errors import LandDAError
from landda_hpc.evaluation.rain import rain_files
from landda_hpc.evaluation.references import chosen_depths
from landda_hpc.evaluation.stations import choose_depths, load_stations
from landda_hpc.formats.products.precipitation import read_precipitation
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import Grid
from landda_hpc.instances.domain import depth_name
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regions import named_regions
from landda_hpc.regridding.depth import layers_down_to
from landda_hpc.verification.statistics.matching import layer_of, sensor_weights
from landda_hpc.verification.statistics.station_set import count_depths
from landda_hpc.verification.tables.benchmarks import read_benchmarks

MAX_PROBES = 5
"""Number of times of a reference that are tried until one can be read."""


def find_verification_problems(
    asked: VerificationConfig, catalogue: Catalogue, time: TimeConfig, series: SeriesConfig | None, grid: Grid
) -> list[str]:
    """Open all data of the section ``verification``; return one line for each entry that cannot be used. Local.

    Stations are read for the campaign's dates, gridded references for the first valid time, and precipitation for the
    first field.

    Parameters
    ----------
    asked : the section 'verification'.
    catalogue, time, grid : catalogue, calendar and grid of the campaign.
    series : the section 'output.series'; None if no series are recorded.
    """
    problems: list[str] = []
    n_layers = None if series is None else layers_down_to(series.to_depth_m)

    def attempt(where: str, look: Callable[[], str]) -> None:
        try:
            problem = look()
        except LandDAError as error:
            problem = str(error)
        if problem:
            problems.append(f"{where}: {problem}")

    for file in asked.benchmarks:
        attempt("verification.benchmarks", partial(_look_at_benchmarks, catalogue.data_root, file))
    for region in asked.regions:
        attempt(f"verification.regions, {region.name}", partial(_look_at_region, catalogue.data_root, region))
    for stations in asked.stations:
        attempt(
            f"verification.stations, {stations.entry}",
            partial(_look_at_stations, catalogue, asked, time, stations, n_layers),
        )
    for reference in asked.references:
        name = f"verification.references, {reference.name or reference.entry}"
        attempt(name, partial(_look_at_reference, catalogue, time, reference, grid, n_layers))
    if asked.precipitation is not None:
        name = f"verification.precipitation, {asked.precipitation}"
        attempt(name, partial(_look_at_rain, catalogue, time, asked.precipitation, grid))
    return problems


def _look_at_benchmarks(data_root: Path, name: Path) -> str:
    read_benchmarks([name], data_root)
    return ""


def _look_at_region(data_root: Path, region: RegionConfig) -> str:
    named_regions([region], data_root)
    return ""


def _look_at_stations(
    catalogue: Catalogue, asked: VerificationConfig, time: TimeConfig, settings: StationsConfig, n_layers: int | None
) -> str:
    start, end = time.valid_time(1), time.end
    found = choose_depths(load_stations(catalogue, settings, start, end, asked.tolerance_minutes), settings)
    usable = [one for one in found if one.good(settings.accept).any()]
    if not usable:
        return (
            f"none of {len(found)} sensors has a usable value (flags {', '.join(settings.accept)}) from {start} to "
            f"{end}. Set other flags with 'accept'; do the files cover this period?"
        )
    depths = [one.depth_m for one in usable]
    layers = asked.depths_m
    n_layers = SOIL_Z.size if n_layers is None else n_layers
    if any(layer_of(depth, layers) is not None and sensor_weights(depth, n_layers) is not None for depth in depths):
        return ""
    return (
        f"no sensor with usable values lies within the scored layers (verification.depths_m: "
        f"{', '.join(depth_name(layer) for layer in layers)}) and the {SOIL_ZI[n_layers]:.2f} m that output.series "
        f"records; sensors are at {count_depths(depths)}."
    )


def _look_at_reference(
    catalogue: Catalogue, time: TimeConfig, settings: ReferenceConfig, grid: Grid, n_layers: int | None
) -> str:
    dataset = catalogue.dataset(settings.entry)
    if n_layers is not None:
        chosen_depths(settings, dataset, float(SOIL_ZI[n_layers]))
    start, end = time.valid_time(1), time.end
    try:
        with dataset.listing():
            times = dataset.times_between(start, end)
        if not times:
            return f"no file from {start} to {end}: {dataset.why_missing(start)}. Check data_root and the pattern."
        for one in times[:MAX_PROBES]:
            if dataset.read(one, None, Region.of(grid)) is not None:
                return ""
    finally:
        dataset.close()
    return "; ".join(dict.fromkeys(dataset.skipped.values())) or f"no data could be read of {times[0]}"


def _look_at_rain(catalogue: Catalogue, time: TimeConfig, name: str, grid: Grid) -> str:
    files = rain_files(catalogue, name, time.start, time.end)
    if not files:
        reason = catalogue.dataset(name).why_missing(time.start)
        return f"no file from {time.start} to {time.end}: {reason}."
    first = list(islice(read_precipitation(catalogue.entries[name].product, files[:1], Region.of(grid)), 1))
    return "" if first else f"'{files[0]}' has no precipitation"
