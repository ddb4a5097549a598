"""Parts of a campaign made from its configuration, as the commands make them."""

from __future__ import annotations

from pathlib import Path

from landda_hpc.config import CampaignConfig
from landda_hpc.constants import BoolArray
from landda_hpc.evaluation.evaluation_preflight import find_verification_problems
from landda_hpc.evaluation.recorded_series import CampaignSeries
from landda_hpc.evaluation.referee import open_referee
from landda_hpc.evaluation.station_sources import AssimilatedSource, open_stations
from landda_hpc.grid import Grid
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.observation.catalogue import Catalogue, open_source
from landda_hpc.observation.source import ObservationSource


def catalogue_of(config: CampaignConfig) -> Catalogue:
    return Catalogue(config.catalogue, config.data_root)


def source_of(config: CampaignConfig, grid: Grid, is_soil: BoolArray) -> ObservationSource:
    return open_source(config.observations, catalogue_of(config), config.time, config.seed, grid, is_soil)


def referee_of(config: CampaignConfig, domain: Domain) -> ObservationSource | None:
    depth_m = config.observations.depth_m
    return open_referee(config.referee, catalogue_of(config), config.time, config.seed, depth_m, domain)


def stations_of(config: CampaignConfig, domain: Domain) -> AssimilatedSource | None:
    depth_m = config.observations.depth_m
    return open_stations(config.stations, catalogue_of(config), config.time, config.seed, depth_m, domain)


def verification_problems(config: CampaignConfig, grid: Grid) -> list[str]:
    return find_verification_problems(
        config.verification, catalogue_of(config), config.time, config.output.series, grid
    )


def campaign_series(folder: Path, config: CampaignConfig) -> CampaignSeries:
    return CampaignSeries(folder, make_domain(config, 1), config.runs, config.time, config.scored_since)
