"""What the models of a campaign are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from landda_hpc import __version__
from landda_hpc.config import CampaignConfig, Forcing, Run, TimeConfig, TwinConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance, bare_instances
from landda_hpc.instances.trajectory import config_hash
from landda_hpc.storage.checkpoint import CheckpointHeader, Mode


@dataclass(frozen=True, eq=False)
class ModelSetup:
    """What a campaign asks of its models.

    Attributes
    ----------
    runs, twin : the runs, and the nature run if there is one.
    forcing, time, seed, data_root, domain : of the campaign.
    header : of its checkpoints, with the values of its start.
    checkpoint_mode : how they are written.
    """

    runs: tuple[Run, ...]
    twin: TwinConfig | None
    forcing: Forcing
    time: TimeConfig
    seed: int
    data_root: Path
    domain: Domain
    header: CheckpointHeader
    checkpoint_mode: Mode

    @property
    def start(self) -> datetime:
        """Start of the campaign."""
        return self.time.start

    def bare_instances(self) -> list[Instance]:
        """Every instance, without models and states."""
        return bare_instances(self.runs, has_nature=self.twin is not None)


def model_setup(config: CampaignConfig, domain: Domain, hash_at_start: str = "") -> ModelSetup:
    """What a campaign asks of its models.

    Parameters
    ----------
    hash_at_start : of the trajectory, where the campaign has begun; default: that of the configuration.
    """
    header = CheckpointHeader(
        campaign=config.name,
        cycle=0,
        valid_time=config.time.start.isoformat(),
        config_hash=hash_at_start or config_hash(config),
        n_tiles=len(domain.tiles),
        instances=config.instance_names,
        software_version=__version__,
        variables=config.state_names,
    )
    shared = {name: getattr(config, name) for name in ("runs", "twin", "forcing", "time", "seed", "data_root")}
    return ModelSetup(**shared, domain=domain, header=header, checkpoint_mode=config.checkpoint.mode)
