"""Input of a verification: its section of the configuration, the catalogue, the domain and the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from landda_hpc.config import VerificationConfig
from landda_hpc.constants import BoolArray
from landda_hpc.instances.domain import Domain
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regions import Region


@dataclass(frozen=True, eq=False)
class EvaluationSetup:
    """Input common to all comparisons of a verification.

    Attributes
    ----------
    asked : the section 'verification'.
    catalogue : catalogue of the data to compare with.
    seed : seed of the campaign; keys random numbers.
    domain : domain of the campaign.
    regions : regions with separate means.
    referee : catalogue entry of stations that served as the referee and are not used for verification, or None.
    assimilated : catalogue entry of the section 'stations', and the cells whose stations are assimilated, (n_lat,
        n_lon); None if no stations of files are.
    """

    asked: VerificationConfig
    catalogue: Catalogue
    seed: int
    domain: Domain
    regions: Sequence[Region]
    referee: str | None = None
    assimilated: tuple[str, BoolArray] | None = None
