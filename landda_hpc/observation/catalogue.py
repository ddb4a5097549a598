"""The catalogue of data in files, and the source of the observations that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landda_hpc.config import CatalogueEntry, Observations, TimeConfig, TwinObservations
from landda_hpc.constants import BoolArray, FloatArray
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


@dataclass(frozen=True)
class Catalogue:
    """Data in files by name: the section 'catalogue' and the folder that its patterns count from."""

    entries: Mapping[str, CatalogueEntry]
    data_root: Path

    def dataset(self, name: str) -> Dataset:
        """The files of a gridded product; ConfigError where a pattern leaves ``data_root``. Local."""
        return make_dataset(name, self.entries[name], self.data_root)


def open_source(
    observations: Observations,
    catalogue: Catalogue,
    time: TimeConfig,
    seed: int,
    grid: Grid,
    is_soil: BoolArray,
    porosity: FloatArray | None = None,
) -> ObservationSource:
    """Return the source of a section of observations. Local.

    Parameters
    ----------
    observations : the section.
    catalogue, time, seed : of the campaign. The errors of a twin's product with a name are keyed by the name, too.
    grid : the model grid.
    is_soil : cells that can take observations (updatable soil), shape (n_lat, n_lon).
    porosity : of the model, m3 m-3, (n_lat, n_lon), for products of saturation.

    Raises
    ------
    ConfigError : a file pattern leads out of data_root, or the product does not cover the observed depth.
    MissingFileError, DataError : the file of a region with separate errors.
    """
    if observations.kind == "twin":
        if observations.name is not None:
            seed = int(keyed_generator(seed, "observations of product", observations.name).integers(2**63))
        std = std_by_region(grid, observations.error_std, observations.error_std_regions, catalogue.data_root)
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
            _persistence(observations, time),
            observations.persistent == "both",
            Defects.of(observations.noise_changes, observations.biases, grid),
        )
    if observations.kind == "gldas":
        dataset = Dataset(GLDAS_NOAH, catalogue.data_root, observations.path, damaged=observations.damaged)
    else:
        dataset = catalogue.dataset(observations.entry)
    return ProductSource(dataset, observations, grid, is_soil, catalogue.data_root, porosity)


def _persistence(observations: TwinObservations, time: TimeConfig) -> Persistence | None:
    if observations.persistence_hours == 0.0:
        return None
    return Persistence(time.start, time.cycle, observations.persistence_hours)
