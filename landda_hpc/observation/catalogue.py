"""The source of observations that a configuration names; products of files are in ``formats.products.registry``."""

from __future__ import annotations

from landda_hpc.config import CampaignConfig, GldasObservations, Observations, TimeConfig, TwinObservations
from landda_hpc.constants import BoolArray
from landda_hpc.formats.products.dataset import Dataset, make_dataset
from landda_hpc.formats.products.gldas import GLDAS_NOAH
from landda_hpc.grid import Grid
from landda_hpc.observation.files import ProductSource
from landda_hpc.observation.persistence import Persistence
from landda_hpc.observation.source import ObservationSource
from landda_hpc.observation.twin_defects import Defects
from landda_hpc.observation.twin_observations import TwinObservationSource
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.regions import std_by_region


def open_source(config: CampaignConfig, grid: Grid, is_soil: BoolArray) -> ObservationSource:
    """Return the configured source of observations. Local.

    Parameters
    ----------
    config : the campaign.
    grid : the model grid.
    is_soil : cells that can take observations (updatable soil), shape (n_lat, n_lon).

    Raises
    ------
    ConfigError : a file pattern leads out of data_root, or the product does not cover the observed depth.
    MissingFileError, DataError : the file of a region with separate errors.
    """
    return _source_of(config.observations, config.seed, config, grid, is_soil)


def open_second_source(
    observations: Observations, config: CampaignConfig, grid: Grid, is_soil: BoolArray
) -> ObservationSource:
    """Return the source of observations that are not assimilated; a twin's have their own random numbers. Local.

    Parameters, errors : as ``open_source``.
    """
    seed = int(keyed_generator(config.seed, "second observations").integers(2**63))
    return _source_of(observations, seed, config, grid, is_soil)


def _source_of(
    observations: Observations, seed: int, config: CampaignConfig, grid: Grid, is_soil: BoolArray
) -> ObservationSource:
    if isinstance(observations, TwinObservations):
        std = std_by_region(grid, observations.error_std, observations.error_std_regions, config.data_root)
        return TwinObservationSource(
            seed,
            grid,
            is_soil,
            observations.depth_m,
            std,
            observations.missing_fraction,
            observations.gaps,
            observations.correlated_std,
            observations.correlated_length_km,
            _persistence(observations, config.time),
            Defects.of(observations.noise_changes, observations.biases, grid),
        )
    if isinstance(observations, GldasObservations):
        dataset = Dataset(GLDAS_NOAH, config.data_root, observations.path, damaged=observations.damaged)
    else:
        dataset = make_dataset(observations.entry, config.catalogue[observations.entry], config.data_root)
    return ProductSource(dataset, observations, grid, is_soil, config.data_root)


def _persistence(observations: TwinObservations, time: TimeConfig) -> Persistence | None:
    if observations.persistence_hours == 0.0:
        return None
    return Persistence(time.start, time.cycle, observations.persistence_hours)
