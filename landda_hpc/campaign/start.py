"""Beginning a campaign, taking one up again, and running one in a few lines of Python."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yaml

from landda_hpc.campaign.assembly import Instance
from landda_hpc.campaign.cycle import Campaign, Outcome, Witness
from landda_hpc.campaign.domain import Domain, make_domain
from landda_hpc.campaign.models import make_instances, prepare_initial_states
from landda_hpc.campaign.preflight import find_problems, survey_analyses
from landda_hpc.campaign.saving import config_hash
from landda_hpc.campaign.signals import StopRequest
from landda_hpc.config import CampaignConfig, apply_overrides, dump_config, load_config, parse_config
from landda_hpc.errors import ConfigError
from landda_hpc.observation.catalogue import open_source
from landda_hpc.observation.source import ObservationSource
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import RECORD_NAMES, CampaignFolder
from landda_hpc.storage.checkpoint import choose_mode, read_header, read_instance
from landda_hpc.storage.method_memory import Memory, decode_memory
from landda_hpc.storage.retention import latest_valid

logger = logging.getLogger(__name__)


def run_campaign(config: CampaignConfig | Path | str, output: Path | str, world: Communicator | None = None) -> Outcome:
    """Run a campaign and write its report. Collective.

    Parameters
    ----------
    config : configuration, or path of its YAML file.
    output : folder to make.
    world : communicator; this process alone by default.

    Examples
    --------
    >>> from landda_hpc.campaign import run_campaign
    >>> run_campaign("experiments/smoke.yaml", "runs/smoke").finished  # doctest: +SKIP
    True
    """
    world = world or SerialCommunicator()
    if not isinstance(config, CampaignConfig):
        config = load_config(Path(config))
    campaign = start_campaign(config, world, Path(output))
    try:
        outcome = campaign.run(stop=StopRequest())
        finish_campaign(campaign, outcome)
    finally:
        campaign.folder.unlock()
    return outcome


def start_campaign(
    config: CampaignConfig,
    world: Communicator,
    output: Path,
    overwrite: bool = False,
    witness: Witness | None = None,
) -> Campaign:
    """Make a campaign's folder, domain and initial state. Collective.

    Parameters
    ----------
    overwrite : remove an earlier campaign of the same folder first.
    witness : sees every background (``landda regress`` gathers its differences so).

    Raises
    ------
    ConfigError, DataError : the configuration cannot be run; nothing was written.
    StorageError : the folder holds another campaign already, or cannot be written.
    """
    domain = make_domain(config, world.size)
    source = _open_source(config, domain, world)
    _describe(config, domain, source, world)
    folder = CampaignFolder(output)
    with together(world, f"making {output}"):
        if world.rank == 0:
            folder = CampaignFolder.create(output, dump_config(config), overwrite=overwrite)
    instances = make_instances(config, domain, world.rank)
    prepare_initial_states(config, domain, instances, world)
    return Campaign(config, domain, world, folder, instances, source, cycle=0, witness=witness)


def resume_campaign(output: Path, world: Communicator, overrides: dict[str, Any] | None = None) -> Campaign:
    """Take a campaign up at its newest whole checkpoint, on any number of ranks. Collective.

    Raises
    ------
    StorageError : no such campaign, it is running in another job, or no checkpoint is whole.
    ConfigError : an override changes what decides the result.
    """
    folder = CampaignFolder(output)
    with together(world, f"opening {output}"):
        if world.rank == 0:
            folder = CampaignFolder.open(output)
            folder.lock()
    with together(world, f"reading the configuration of {output}"):
        config = _resumed_config(folder.config_file.read_text(encoding="utf-8"), overrides or {})
        path = latest_valid(folder.checkpoints) if world.rank == 0 else None
    path = world.broadcast(path)
    domain = make_domain(config, world.size)
    source = _open_source(config, domain, world)
    _describe(config, domain, source, world)
    instances = make_instances(config, domain, world.rank)
    if path is None:
        if world.rank == 0:
            logger.info("no checkpoint yet: beginning again")
        prepare_initial_states(config, domain, instances, world)
    cycle, memory = (0, None) if path is None else _read_state(config, domain, instances, path, world)
    with together(world, "cutting the records back"):
        if world.rank == 0:
            for name in RECORD_NAMES:
                folder.truncate_records(name, cycle)
            logger.info("going on after cycle %d of %d", cycle, config.time.n_cycles)
    campaign = Campaign(config, domain, world, folder, instances, source, cycle)
    with together(world, "restoring the methods' memory"):
        if memory is not None:
            campaign.restore_memory(memory)
    return campaign


def _read_state(
    config: CampaignConfig, domain: Domain, instances: list[Instance], path: Path, world: Communicator
) -> tuple[int, Memory]:
    """Give every instance its state from a checkpoint; its cycle and the methods' memory. Collective."""
    with together(world, f"reading {path}"):
        header = read_header(path)
        if header.config_hash != config_hash(config) or header.n_tiles != len(domain.tiles):
            raise ConfigError(
                f"{path} was written by another configuration (or another version) than the config.yaml beside it: "
                "what decides the result must not change. Undo the change, or start anew in another folder."
            )
        for instance in instances:
            if instance.model is not None:
                instance.state = read_instance(path, instance.name, domain.layout.tiles_of(world.rank))
        memory = decode_memory(header.records)
    return header.cycle, memory


def finish_campaign(campaign: Campaign, outcome: Outcome) -> list[Path]:
    """Set the final status and, where the campaign is finished, write tables and figures. Collective."""
    written: list[Path] = []
    with together(campaign.world, "writing the report"):
        if campaign.world.rank == 0:
            if outcome.finished:
                from landda_hpc.campaign.report import (
                    make_report,
                )  # here: only one rank, once, needs the plotting library

                written = make_report(campaign.folder, campaign.config, campaign.domain)
            campaign.write_status("finished" if outcome.finished else "stopped")
    return written


def _resumed_config(text: str, overrides: dict[str, Any]) -> CampaignConfig:
    raw = yaml.safe_load(text)
    before = parse_config(raw)
    after = parse_config(apply_overrides(raw, overrides))
    if config_hash(before) != config_hash(after):
        raise ConfigError(
            f"--set {' '.join(overrides)}: a resume may change parallel.*, checkpoint.*, output.*, verification.* and "
            "data_root only; anything else changes the result. Start a campaign of its own for that."
        )
    return after


def _open_source(config: CampaignConfig, domain: Domain, world: Communicator) -> ObservationSource:
    with together(world, "looking for observations"):
        source = open_source(config, domain.grid, domain.is_soil)
        if world.rank == 0:
            survey = survey_analyses(config, source)
            problems = find_problems(config, survey)
            if problems:
                raise ConfigError(problems)
            logger.info("%s", survey.describe())
    return source


def _describe(config: CampaignConfig, domain: Domain, source: ObservationSource, world: Communicator) -> None:
    """Log what is about to run, and refuse a checkpoint mode that cannot work here. Collective."""
    with together(world, "choosing the checkpoint mode"):
        mode = choose_mode(config.checkpoint.mode, world)
    if world.rank == 0:
        logger.info("campaign %s: %s to %s", config.name, config.time.start, config.time.end)
        logger.info("grid: %s", domain.grid.describe())
        logger.info("layout: %s", domain.layout.describe())
        logger.info("observations: %s, %g-%g m", source.label, *source.depth_m)
        logger.info("checkpoints: %s HDF5", mode)
