"""Start or resume a campaign, or run one from Python."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from landda_hpc import fourier
from landda_hpc.campaign.builder import Foundation, build_parts
from landda_hpc.campaign.cycle import Campaign, Outcome
from landda_hpc.campaign.parts import BackgroundObserver, StateKeeper
from landda_hpc.campaign.preflight import Sources, open_sources, save_surveys
from landda_hpc.campaign.provenance import record_job
from landda_hpc.campaign.record_check import newest_checkpoint, restore_records
from landda_hpc.campaign.redistribution import Redistribution, read_state
from landda_hpc.campaign.reporting import report_campaign
from landda_hpc.campaign.saving import lacks_restarts, retain, retain_records
from landda_hpc.config import (
    AnyModel,
    CampaignConfig,
    ParallelConfig,
    Run,
    TimeConfig,
    dump_config,
    load_config,
    read_resolved,
)
from landda_hpc.errors import StoppedError, StorageError
from landda_hpc.instances.domain import Domain, make_domain, redistributed
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.model_setup import model_setup
from landda_hpc.instances.trajectory import (
    identity,
    presented,
    require_same_records,
    require_same_trajectory,
)
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.parallel.watchdog import set_watch, watching
from landda_hpc.process_memory import describe_memory
from landda_hpc.storage.campaign_folder import CampaignFolder, Claim, Status
from landda_hpc.storage.checkpoint import CheckpointHeader, Mode, choose_mode, read_header
from landda_hpc.storage.cost_file import read_costs
from landda_hpc.storage.method_memory import Memory
from landda_hpc.storage.provenance_log import Event
from landda_hpc.storage.record_inventory import Inventory

logger = logging.getLogger(__name__)

OnFolder = Callable[[CampaignFolder], None]


def run_campaign(config: CampaignConfig | Path | str, output: Path | str, world: Communicator | None = None) -> Outcome:
    """Run a campaign and write its report. Collective.

    Parameters
    ----------
    config : configuration, or path of its YAML file.
    output : output folder, which is created.
    world : communicator; default: this process alone.

    Examples
    --------
    >>> from landda_hpc.campaign import run_campaign
    >>> run_campaign("experiments/smoke.yaml", "runs/smoke").finished  # doctest: +SKIP
    True
    """
    world = world or SerialCommunicator()
    if isinstance(config, Path | str):
        config = load_config(Path(config))
    with watching(world):
        campaign = start_campaign(config, world, Path(output))
        folder = campaign.folder
        try:
            outcome = campaign.run()
            del campaign  # frees its memory, which the report does not need
            report_campaign(folder, config, world)
        finally:
            folder.unlock()
    return outcome


def start_campaign(
    config: CampaignConfig,
    world: Communicator,
    output: Path,
    overwrite: bool = False,
    observer: BackgroundObserver | None = None,
    *,
    stop: StopRequest | None = None,
    on_folder: OnFolder | None = None,
    claim: Claim | None = None,
) -> Campaign:
    """Create a campaign's folder, domain and initial state. Collective.

    Parameters
    ----------
    overwrite : remove an earlier campaign of the same folder first.
    observer : is called with every background (``landda study regress`` collects its differences in this way).
    stop : checked during the spin-up.
    on_folder : called on every rank with the folder as soon as it exists (the log moves there).
    claim : rule for claiming the folder if another job may hold it.

    Raises
    ------
    ConfigError, DataError : the configuration cannot be run; nothing was written.
    StorageError : the folder holds another campaign already, or cannot be written.
    StoppedError : a stop request came during the spin-up, which is saved.
    """
    began = perf_counter()
    domain = make_domain(config, world.size, world)
    build_s = perf_counter() - began
    sources = open_sources(config, domain, world)
    mode = _checkpoint_mode(config.checkpoint.mode, world)
    folder = CampaignFolder(output)
    with together(world, f"making {output}", asleep=True):
        if world.rank == 0:
            folder = CampaignFolder.create(output, dump_config(config), overwrite=overwrite, claim=claim)
    set_watch(config.parallel.timeout_minutes, folder.log_file, partial(_record_hang, folder, world))
    with _unlocking_on_error(folder), _shown_as_running(folder, config.time, world):
        if on_folder is not None:
            on_folder(folder)
        _describe(config.name, config.time, domain, sources, mode, world)
        setup = model_setup(config, domain)
        began = perf_counter()
        models = ModelSection.of(config.model).make_system(setup, world, folder)
        instances = models.make_instances()
        build_s += perf_counter() - began
        models.prepare(instances, stop)
        domain.release_start_fields()
        _log_start()
        base = Foundation(config, domain, world, folder, models, instances, sources, setup.header, build_s)
        inventory = Inventory(folder.path)
        parts = build_parts(base, inventory, observer)
        _continue_memory(parts.keeper, config.model, config.data_root, setup.start, world)
        save_surveys(folder, sources, world)
        record_job(output, world, "start", 0, config.time.start.isoformat())
        renewed = Redistribution(config, world, folder, sources, domain, setup.header.config_hash, inventory, observer)
        return Campaign(parts, 0, renewed)


def resume_campaign(
    output: Path,
    world: Communicator,
    overrides: dict[str, Any] | None = None,
    *,
    asked: CampaignConfig | None = None,
    stop: StopRequest | None = None,
    on_folder: OnFolder | None = None,
    accept_gaps: bool = False,
    claim: Claim | None = None,
) -> Campaign:
    """Resume a campaign at its newest whole checkpoint with complete records, on any number of ranks. Collective.

    A campaign that was stopped before its first checkpoint starts again.

    Parameters
    ----------
    overrides : dotted keys, except those that determine the trajectory or the scores of every cycle.
    asked : a configuration of the same trajectory, whose presentation is used (``trajectory.presented``).
    accept_gaps : resume at the newest whole checkpoint, even if records up to it are missing or damaged.
    claim : rule for claiming the folder if another job may hold it.

    Raises
    ------
    StorageError : no such campaign, it is running in another job, no checkpoint is whole, or records up to every one
        of them are missing.
    ConfigError : an override would change the result.
    StoppedError : as ``start_campaign``.
    """
    folder = CampaignFolder(output)
    with together(world, f"opening {output}", asleep=True):
        if world.rank == 0:
            folder = CampaignFolder.reopen(output, claim)
    with _unlocking_on_error(folder):
        with together(world, f"reading {output}"):
            config = _resumed_config(folder.config_file, overrides or {}, asked)
            hash_at_start = identity(folder.config_file)
        set_watch(config.parallel.timeout_minutes, folder.log_file, partial(_record_hang, folder, world))
        if on_folder is not None:
            on_folder(folder)
        with _shown_as_running(folder, config.time, world):
            began = perf_counter()
            domain = make_domain(config, world.size, world)
            domain = _balanced(domain, config.runs, config.parallel, folder, world)
            build_s = perf_counter() - began
            sources = open_sources(config, domain, world, folder)
            mode = _checkpoint_mode(config.checkpoint.mode, world)
            _describe(config.name, config.time, domain, sources, mode, world)
            setup = model_setup(config, domain, hash_at_start)
            models = ModelSection.of(config.model).make_system(setup, world, folder)
            path: Path | None = None
            with together(world, f"looking for checkpoints in {output}"):
                if world.rank == 0:
                    path = newest_checkpoint(folder, models, accept_gaps=accept_gaps)
            path = world.broadcast(path)
            began = perf_counter()
            instances = models.make_instances()
            build_s += perf_counter() - began
            header: CheckpointHeader | None = None
            memory: Memory | None = None
            if path is None:
                models.prepare(instances, stop)
            else:
                header, memory = read_state(folder.config_file, domain, models, instances, path, world)
            domain.release_start_fields()
            _log_start()
            cycle = 0 if header is None else header.cycle
            inventory = Inventory(folder.path)
            lacks_sets = False
            with together(world, "cutting the records back"):
                if world.rank == 0:
                    inventory = restore_records(folder, config.time, header, accept_gaps=accept_gaps)
                    retain(config.checkpoint, config.time.cycle_hours, folder, models, cycle)
                    if header is not None:
                        retain_records(config.output, folder, inventory, config.time.valid_time(cycle))
                    due = header is not None and config.checkpoint.restarts_at(cycle * config.time.cycle_hours)
                    lacks_sets = due and lacks_restarts(config.instance_names, folder, config.time.valid_time(cycle))
                    logger.info("resuming after cycle %d of %d", cycle, config.time.n_cycles)
            if world.broadcast(lacks_sets):
                models.write_restarts(instances, config.time.valid_time(cycle))
            base = Foundation(config, domain, world, folder, models, instances, sources, setup.header, build_s)
            parts = build_parts(base, inventory)
            if memory is None:
                _continue_memory(parts.keeper, config.model, config.data_root, setup.start, world)
            with together(world, "restoring the methods' memory"):
                if memory is not None:
                    parts.keeper.restore_memory(memory)
            save_surveys(folder, sources, world)
            event: Event = "start" if header is None else "resume"
            record_job(output, world, event, cycle, config.time.valid_time(cycle).isoformat())
    return Campaign(parts, cycle, Redistribution(config, world, folder, sources, domain, hash_at_start, inventory))


def open_finished(
    output: Path,
    world: Communicator,
    overrides: dict[str, Any] | None = None,
    *,
    on_folder: OnFolder | None = None,
    accept_gaps: bool = False,
    claim: Claim | None = None,
) -> tuple[CampaignFolder, CampaignConfig] | None:
    """Claim the folder of a finished campaign, for its report; None if cycles remain. Collective.

    A campaign is finished if its last checkpoint is whole and its records are complete. Otherwise ``resume_campaign``
    computes the missing part again, or reports why it cannot.

    Raises
    ------
    StorageError, ConfigError : as ``resume_campaign``.
    """
    folder, config = CampaignFolder(output), None
    with together(world, f"opening {output}", asleep=True):
        if world.rank == 0:
            folder = CampaignFolder.open(output)
            status = folder.read_status()
            if status is not None and status.state == "finished" and not folder.is_preparing:
                folder.lock(claim)
                config = _config_if_finished(folder, overrides or {}, accept_gaps=accept_gaps)
    config = world.broadcast(config)
    if config is not None and on_folder is not None:
        on_folder(folder)
    return None if config is None else (folder, config)


def _config_if_finished(
    folder: CampaignFolder, overrides: dict[str, Any], *, accept_gaps: bool
) -> CampaignConfig | None:
    """Configuration of a campaign without remaining cycles; otherwise its folder is released. Local: rank 0."""
    is_finished = False
    try:
        config = _resumed_config(folder.config_file, overrides)
        path = newest_checkpoint(folder, accept_gaps=accept_gaps)
        is_finished = path is not None and read_header(path).cycle == config.time.n_cycles
    finally:
        if not is_finished:
            folder.unlock()
    return config if is_finished else None


@contextmanager
def _unlocking_on_error(folder: CampaignFolder) -> Iterator[None]:
    """Release the folder if the campaign cannot start."""
    try:
        yield
    except BaseException:
        folder.unlock()
        raise


@contextmanager
def _shown_as_running(folder: CampaignFolder, time: TimeConfig, world: Communicator) -> Iterator[None]:
    """Record in the status that the campaign is starting, and how the start ended. Collective."""
    before, content = None, None
    running = Status("running", 0, time.n_cycles, time.start.isoformat(), world.size)
    with together(world, "writing the status"):
        if world.rank == 0:
            with suppress(StorageError):  # a damaged one is replaced
                before = folder.read_status()
            with suppress(OSError):
                content = folder.status_file.read_bytes()
            running = replace(before or running, state="running", ranks=world.size, message="")
            folder.write_status(running)
    try:
        yield
    except BaseException as error:
        if world.rank == 0:
            with suppress(StorageError):  # the error of the start is reported
                if isinstance(error, StoppedError):
                    folder.write_status(replace(running, state="stopped"))
                elif content is not None:
                    # A refused start changes nothing.
                    folder.restore_status(content)
        raise


def _log_start() -> None:
    """Log what the instances took so far on this rank. Local."""
    logger.info("models and states are made: %.1f CPU s, memory: %s", process_time(), describe_memory())


def _record_hang(folder: CampaignFolder, world: Communicator, reason: str) -> None:
    """Record in the status that the watchdog ended the job. Local: rank 0."""
    status = folder.read_status() if world.rank == 0 else None
    if status is not None and status.state == "running":
        folder.write_status(replace(status, state="failed", message=reason))


def _continue_memory(
    keeper: StateKeeper, model: AnyModel, data_root: Path, start: datetime, world: Communicator
) -> None:
    """Continue the methods' memories of the checkpoint from which a campaign begins, if it has one. Collective."""
    with together(world, "continuing the methods' memory"):
        stored = ModelSection.of(model).stored_states(data_root, start)
        memory = {} if stored is None else stored.memory()
        if memory:
            keeper.continue_memory(memory)


def _resumed_config(path: Path, overrides: dict[str, Any], asked: CampaignConfig | None = None) -> CampaignConfig:
    before, after = read_resolved(path), read_resolved(path, overrides)
    if asked is not None:
        require_same_trajectory(before, asked, f"resume of {path.parent}")
        after = presented(after, asked)
    what = f"resume --set {' '.join(overrides)}"
    require_same_trajectory(before, after, what)
    require_same_records(before.verification, after.verification, what)
    return after


def _balanced(
    domain: Domain, runs: Sequence[Run], parallel: ParallelConfig, folder: CampaignFolder, world: Communicator
) -> Domain:
    """The domain, with its land cells distributed by the costs that the campaign has measured, if any. Collective."""
    costs = domain.costs
    if world.size == 1 or parallel.rebalance == "never":
        return domain
    with together(world, "reading the costs of the land cells"):
        if world.rank == 0:
            costs = read_costs(folder.path, domain.costs.rule)
    return redistributed(domain, runs, parallel, world.broadcast(costs))


def _checkpoint_mode(mode: Mode, world: Communicator) -> str:
    """How checkpoints will be written; an error on every rank if the mode does not work here. Collective."""
    with together(world, "choosing the checkpoint mode"):
        return choose_mode(mode, world)


def _describe(name: str, time: TimeConfig, domain: Domain, sources: Sources, mode: str, world: Communicator) -> None:
    if world.rank == 0:
        logger.info("campaign %s: %s to %s", name, time.start, time.end)
        logger.info("grid: %s", domain.grid.describe())
        logger.info("layout: %s", domain.layout.describe())
        logger.info("observations: %s, %g-%g m", sources.observations.label, *sources.observations.depth_m)
        logger.info("checkpoints: %s HDF5", mode)
        logger.info("Fourier transforms: %s", fourier.version(fourier.chosen()))
