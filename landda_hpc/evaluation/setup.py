"""Input of a verification: its section of the configuration, the catalogue, the domain and the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from landda_hpc.config import VerificationConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regions import Region


@dataclass(frozen=True, eq=False)
class EvaluationSetup:
    """What every comparison of a verification shares.

    Attributes
    ----------
    asked : the section 'verification'.
    catalogue : of the data to compare with.
    seed : of the campaign; keys random numbers.
    domain : of the campaign.
    regions : regions with separate means.
    referee : catalogue entry of the stations that determined gains, which do not verify; None without such stations.
    """

    asked: VerificationConfig
    catalogue: Catalogue
    seed: int
    domain: Domain
    regions: Sequence[Region]
    referee: str | None = None
