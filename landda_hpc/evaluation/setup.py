"""Input of a verification: its section of the configuration, the catalogue, the domain and the regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from landda_hpc.config import CampaignConfig, CatalogueEntry, VerificationConfig
from landda_hpc.formats.products.dataset import Dataset, make_dataset
from landda_hpc.instances.domain import Domain
from landda_hpc.regions import Region


@dataclass(frozen=True)
class Catalogue:
    """Data in files by name: the section 'catalogue' and the folder that its patterns count from."""

    entries: Mapping[str, CatalogueEntry]
    data_root: Path

    @classmethod
    def of(cls, config: CampaignConfig) -> Self:
        """The setup for a configuration."""
        return cls(config.catalogue, config.data_root)

    def dataset(self, name: str) -> Dataset:
        """The files of a gridded product; ConfigError where a pattern leaves ``data_root``. Local."""
        return make_dataset(name, self.entries[name], self.data_root)


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
