"""Source of the referee's values: another product, second observations of a twin, or stations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landda_hpc.evaluation.station_sources import StationsInCells, StationSource
from landda_hpc.observation.catalogue import open_source
from landda_hpc.random_fields.keyed import keyed_generator

if TYPE_CHECKING:
    from landda_hpc.config import Referee, TimeConfig
    from landda_hpc.instances.domain import Domain
    from landda_hpc.observation.catalogue import Catalogue
    from landda_hpc.observation.source import ObservationSource


def open_referee(
    referee: Referee | None,
    catalogue: Catalogue,
    time: TimeConfig,
    seed: int,
    depth_m: tuple[float, float],
    domain: Domain,
) -> ObservationSource | None:
    """Open the source of the section 'referee'; in a twin it has separate random numbers. Local.

    Parameters
    ----------
    referee : the section 'referee'; None: the result is None.
    catalogue, time, seed, domain : catalogue, calendar, seed and domain of the campaign.
    depth_m : observed depth, m.

    Raises
    ------
    ConfigError, MissingFileError, DataError : files are missing or not usable.
    """
    if referee is None:
        return None
    if referee.kind == "stations":
        found = StationsInCells(referee, catalogue, time.analyses, depth_m, domain, "referee")
        return StationSource(found, referee.representativeness_std)
    own = int(keyed_generator(seed, "second observations").integers(2**63))
    return open_source(referee, catalogue, time, own, domain.grid, domain.is_soil, domain.porosity)
