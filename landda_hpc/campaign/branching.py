"""A new campaign from a checkpoint of another one, with other methods, seed or end (``landda branch``)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from landda_hpc.campaign.provenance import software_now
from landda_hpc.config import (
    CampaignConfig,
    Observations,
    OutputConfig,
    TimeConfig,
    dump_config,
    read_resolved,
)
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.instance import bare_instances
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.spun_up_start import initial_problems
from landda_hpc.instances.trajectory import accepted_identities, changed_trajectory
from landda_hpc.io.atomic import atomic_replacement
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import digest, read_header
from landda_hpc.storage.cost_file import NAME as COSTS
from landda_hpc.storage.cost_file import read_costs, write_costs
from landda_hpc.storage.folder_contents import BRANCHED_FROM
from landda_hpc.storage.provenance_log import add_event
from landda_hpc.storage.retention import checkpoint_at

_OF_THE_START: Final = ("time.start", "model.initial", "model.initial_file", "model.spinup_days")
"""Keys that the checkpoint determines."""


@dataclass(frozen=True)
class Branch:
    """A new campaign.

    Attributes
    ----------
    config : its configuration.
    checkpoint : of the parent.
    digest : of the checkpoint's state.
    changed : dotted keys of the trajectory in which it differs from the parent, except those of the start.
    """

    config: CampaignConfig
    checkpoint: Path
    digest: str
    changed: tuple[str, ...]


def branch_campaign(parent: Path, output: Path, at: datetime | Path, overrides: Mapping[str, Any]) -> Branch:
    """Set up a campaign that begins from a checkpoint of another one; a resume starts it. Local: one process.

    Parameters
    ----------
    parent : folder of the other campaign, which is only read; it may be running.
    output : new folder.
    at : time of a checkpoint of the parent, or its file.
    overrides : dotted keys of the configuration.

    Raises
    ------
    StorageError : there is no such checkpoint, it is damaged, or the new folder is in use.
    ConfigError : the new configuration is not valid, or the checkpoint does not have the states that it needs.
    """
    campaign = CampaignFolder.open(parent)
    checkpoint = at if isinstance(at, Path) else checkpoint_at(campaign.checkpoints, at)
    refused = sorted(set(overrides) & set(_OF_THE_START))
    if refused:
        raise ConfigError(f"--set {' '.join(refused)}: determined by the checkpoint of a branch. Leave it out.")
    began = read_resolved(campaign.config_file)
    if not began.model.begins_from_checkpoint:
        raise ConfigError(f"{parent}: campaigns with model.kind = {began.model.kind} cannot begin from a checkpoint.")
    header, state = read_header(checkpoint), digest(checkpoint)
    if header.config_hash not in accepted_identities(campaign.config_file):
        raise ConfigError(
            f"{checkpoint} was not written with the configuration of {parent}. Name a checkpoint of that campaign; "
            "'landda digest DIR --all' lists them."
        )
    time = datetime.fromisoformat(header.valid_time)
    copied = output.absolute() / BRANCHED_FROM
    changes = _of_branch(began.time, began.output, began.observations, time, copied)
    if "spinup_days" in type(began.model).model_fields:
        changes["model.spinup_days"] = 0
    config = read_resolved(campaign.config_file, changes | dict(overrides))
    model = config.model.model_copy(update={"initial_file": checkpoint.absolute()})
    domain = make_domain(config, n_ranks=1)
    problems = initial_problems(config.model_copy(update={"model": model}), domain)
    if problems:
        raise ConfigError(problems)
    changed = tuple(
        key for key in changed_trajectory(began, config) if key not in (*_OF_THE_START, "time.assimilation_end")
    )
    folder = CampaignFolder.create(output, dump_config(config))
    try:
        with atomic_replacement(copied, checkpoint.stat().st_size) as temporary:
            shutil.copyfile(checkpoint, temporary)
        if digest(copied) != state:
            raise StorageError(f"{copied} is not the state of {checkpoint}: the copy failed. Repeat the command.")
        if (parent / COSTS).is_file():
            write_costs(output, read_costs(parent, domain.costs.rule))
        stored = ModelSection.of(model).stored_states(config.data_root, time)
        if stored is not None:
            stored.copy_files(bare_instances(config.runs, has_nature=config.twin is not None), copied)
        origin = {"parent": str(parent.absolute()), "checkpoint": checkpoint.name, "digest": state}
        given = {key: str(value) for key, value in overrides.items()}
        add_event(output, "branch", {"time": time.isoformat(), **origin, "set": given, **software_now()})
    finally:
        folder.unlock()
    return Branch(config, checkpoint, state, changed)


def _of_branch(
    calendar: TimeConfig, output: OutputConfig, observations: Observations, time: datetime, copied: Path
) -> dict[str, Any]:
    """Overrides that make a campaign begin at a checkpoint; lists of times keep the later ones."""
    changes: dict[str, Any] = {
        "time.start": time.isoformat(),
        "model.initial": "checkpoint",
        "model.initial_file": str(copied),
    }
    if calendar.assimilation_end < time:
        changes["time.assimilation_end"] = time.isoformat()
    if output.times:
        changes["output.times"] = [later.isoformat() for later in output.times if later > time]
    withheld = observations.withheld
    if withheld is not None and withheld.times:
        changes["observations.withheld.times"] = [later.isoformat() for later in withheld.times if later > time]
    return changes
