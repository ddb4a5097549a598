"""What a verification would fail for, found out before the campaign runs: its files are looked for and opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

from landda_hpc.config import CampaignConfig, ReferenceConfig, RegionConfig, StationsConfig
from landda_hpc.constants import SOIL_Z, SOIL_ZI
from landda_hpc.errors import LandDAError
from landda_hpc.evaluation.daily_rain import rain_files
from landda_hpc.evaluation.references import chosen_depths
from landda_hpc.evaluation.stations import choose_depths, load_stations
from landda_hpc.formats.products.dataset import make_dataset
from landda_hpc.formats.products.precipitation import read_precipitation
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import Grid
from landda_hpc.instances.domain import depth_name
from landda_hpc.regions import named_regions
from landda_hpc.regridding.depth import layers_down_to
from landda_hpc.verification.statistics.matching import layer_of, sensor_weights
from landda_hpc.verification.statistics.station_set import count_depths

MAX_PROBES = 5
"""Times of a reference that are read until one is sound."""


def find_verification_problems(config: CampaignConfig, grid: Grid) -> list[str]:
    """Open what the section ``verification`` names: one line for each entry that cannot serve. Local.

    Stations are read for the campaign's dates; of gridded references times are looked for and the first sound one is
    read; of precipitation the first field is read.
    """
    asked, problems = config.verification, []

    def attempt(where: str, look: Callable[[], str]) -> None:
        try:
            problem = look()
        except LandDAError as error:
            problem = str(error)
        if problem:
            problems.append(f"{where}: {problem}")

    for region in asked.regions:
        attempt(f"verification.regions, {region.name}", partial(_look_at_region, config, region))
    for stations in asked.stations:
        attempt(f"verification.stations, {stations.entry}", partial(_look_at_stations, config, stations))
    for reference in asked.references:
        name = f"verification.references, {reference.name or reference.entry}"
        attempt(name, partial(_look_at_reference, config, reference, grid))
    if asked.precipitation is not None:
        name = f"verification.precipitation, {asked.precipitation}"
        attempt(name, partial(_look_at_rain, config, asked.precipitation, grid))
    return problems


def _look_at_region(config: CampaignConfig, region: RegionConfig) -> str:
    named_regions([region], config.data_root)
    return ""


def _look_at_stations(config: CampaignConfig, settings: StationsConfig) -> str:
    start, end = config.time.valid_time(1), config.time.end
    found = choose_depths(load_stations(config, settings, start, end), settings)
    usable = [one for one in found if one.good(settings.accept).any()]
    if not usable:
        return (
            f"none of {len(found)} sensors has a usable value (flags {', '.join(settings.accept)}) from {start} to "
            f"{end}. Other flags are named with 'accept'; are the files of this period?"
        )
    depths = [one.depth_m for one in usable]
    layers = config.verification.depths_m
    n_layers = SOIL_Z.size if config.output.series is None else layers_down_to(config.output.series.to_depth_m)
    if any(layer_of(depth, layers) is not None and sensor_weights(depth, n_layers) is not None for depth in depths):
        return ""
    return (
        f"no sensor with usable values lies within the scored layers (verification.depths_m: "
        f"{', '.join(depth_name(layer) for layer in layers)}) and the {SOIL_ZI[n_layers]:.2f} m that output.series "
        f"records; there are sensors at {count_depths(depths)}."
    )


def _look_at_reference(config: CampaignConfig, settings: ReferenceConfig, grid: Grid) -> str:
    dataset = make_dataset(settings.entry, config.catalogue[settings.entry], config.data_root)
    if config.output.series is not None:
        chosen_depths(settings, dataset, float(SOIL_ZI[layers_down_to(config.output.series.to_depth_m)]))
    start, end = config.time.valid_time(1), config.time.end
    try:
        with dataset.listing():
            times = dataset.times_between(start, end)
        if not times:
            return f"no file from {start} to {end}: {dataset.why_missing(start)}. Check data_root and the pattern."
        for time in times[:MAX_PROBES]:
            if dataset.read(time, None, Region.of(grid)) is not None:
                return ""
    finally:
        dataset.close()
    return "; ".join(dict.fromkeys(dataset.skipped.values())) or f"nothing could be read of {times[0]}"


def _look_at_rain(config: CampaignConfig, name: str, grid: Grid) -> str:
    entry = config.catalogue[name]
    files = rain_files(config, name, config.time.start, config.time.end)
    if not files:
        reason = make_dataset(name, entry, config.data_root).why_missing(config.time.start)
        return f"no file from {config.time.start} to {config.time.end}: {reason}."
    first = list(islice(read_precipitation(entry.product, files[:1], Region.of(grid)), 1))
    return "" if first else f"'{files[0]}' has no precipitation"
