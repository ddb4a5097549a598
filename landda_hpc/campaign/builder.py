"""Build the parts of a campaign from its configuration: every choice is made here, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from landda_hpc.analysis.layers import LayeredMethod
from landda_hpc.analysis.protocol import AnalysisMethod, HearsIncrements
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.campaign.cell_exchange import TileExchange
from landda_hpc.campaign.increments import (
    AnalysisOfObservedDepth,
    AnalysisOfUpperLayers,
    ImageAnalysis,
    RunMemory,
    RunUpdate,
    VerticalSpreading,
    make_drift,
    make_vertical_spreading,
)
from landda_hpc.campaign.observation_preparation import (
    ObservationProcessing,
    PreparedObservations,
    ProcessedObservations,
)
from landda_hpc.campaign.parts import BackgroundObserver, CampaignParts, Schedule
from landda_hpc.campaign.recorder import Recorder, RecordSettings
from landda_hpc.campaign.saving import CheckpointKeeper
from landda_hpc.campaign.series_recorder import SeriesRecorder
from landda_hpc.config import CampaignConfig, Run, TimeConfig
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.observation.source import ObservationSource
from landda_hpc.observation.withheld import Withholding
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader
from landda_hpc.storage.record_inventory import Inventory


@dataclass(frozen=True, eq=False)
class Foundation:
    """Components of a campaign that exist before its parts are built.

    Attributes
    ----------
    config, domain : configuration and domain.
    world : all ranks.
    folder : output folder; rank 0 writes in it.
    models, instances : how the model is computed; nature run and runs with their models and states.
    source, referee : of the observations and of the referee, used on rank 0; None without a referee.
    header : of the campaign's checkpoints, with the values of its start.
    """

    config: CampaignConfig
    domain: Domain
    world: Communicator
    folder: CampaignFolder
    models: ModelSystem
    instances: list[Instance]
    source: ObservationSource
    header: CheckpointHeader
    referee: ObservationSource | None = None


def build_parts(
    base: Foundation, inventory: Inventory | None = None, observer: BackgroundObserver | None = None
) -> CampaignParts:
    """Build the parts of a campaign; reads the files that methods and treatments name. Collective.

    Parameters
    ----------
    base : existing components.
    inventory : of the records so far, on rank 0; None for a new campaign.
    observer : is called with every background.

    Raises
    ------
    MissingFileError, DataError, ConfigError, ShapeError : a file is missing or not usable; on every rank.
    """
    config, domain, world, folder = base.config, base.domain, base.world, base.folder
    inventory = inventory or Inventory(folder.path)
    traffic = RootTraffic(world, domain.layout)
    updates: dict[str, RunUpdate] = {}
    memories: dict[str, MethodMemory] = {}
    with together(world, "making the analysis methods"):
        for run in config.runs:
            method = None
            if traffic.root_group is not None:
                method = make_method(
                    run,
                    domain.grid,
                    traffic.root_group,
                    config.seed,
                    config.data_root,
                    has_referee=config.referee is not None,
                )
            updates[run.name] = update = _update(
                run, domain, world.rank, method, config.time, config.observations.depth_m, config.data_root
            )
            remembering = method if isinstance(method, MethodMemory) else None
            if traffic.is_root and (remembering is not None or update.drift is not None):
                memories[run.name] = RunMemory(remembering, update.drift)
    observations, referee = _observations(base, memories), _referee(base, memories)
    recorder = Recorder(RecordSettings.of(config), domain, folder, inventory) if world.rank == 0 else None
    settings = config.output.series
    series = (
        None
        if settings is None
        else SeriesRecorder(
            settings, config.name, config.verification.depths_m, domain, world, traffic, folder, inventory
        )
    )
    return CampaignParts(
        config=config,
        domain=domain,
        world=world,
        folder=folder,
        schedule=_schedule(base),
        models=base.models,
        instances=base.instances,
        exchange=TileExchange(domain, traffic),
        updates=updates,
        keeper=CheckpointKeeper(
            config.checkpoint,
            config.time.cycle_hours,
            base.header,
            domain,
            world,
            folder,
            base.models,
            inventory,
            memories,
        ),
        gathers_surface=any(
            section.quality.needs_surface for section in (config.observations, config.referee) if section is not None
        ),
        observations=observations,
        referee=referee,
        recorder=recorder,
        series=series,
        observer=observer,
    )


def _update(
    run: Run,
    domain: Domain,
    rank: int,
    method: AnalysisMethod | None,
    clock: TimeConfig,
    depth_m: tuple[float, float],
    data_root: Path,
) -> RunUpdate:
    """The update of a run by observations on this rank. Local."""
    return RunUpdate(
        domain=domain,
        spreading=make_vertical_spreading(run, domain, rank, depth_m, data_root),
        drift_spreading=VerticalSpreading(domain.observed_weights > 0.0),
        analysis=None if method is None else _analysis(run, method, domain),
        drift=make_drift(run, clock, len(domain.cells)),
        listener=method if isinstance(method, HearsIncrements) else None,
    )


def _analysis(run: Run, method: AnalysisMethod, domain: Domain) -> ImageAnalysis:
    """The analysis of the observed depth, or of each of the uppermost layers. Local."""
    if not run.n_analysed_layers:
        return AnalysisOfObservedDepth(method, domain)
    if not isinstance(method, LayeredMethod):
        raise ConfigError(
            f"run '{run.name}': {run.n_analysed_layers} layers are analysed separately, but its method "
            f"{type(method).__name__} has no analyse_layers. Analyse the observed depth instead."
        )
    return AnalysisOfUpperLayers(method, domain, run.n_analysed_layers)


def _observations(base: Foundation, memories: dict[str, MethodMemory]) -> PreparedObservations | None:
    """Processed observations, on rank 0; adds the memory of their checks to ``memories``. Collective."""
    config, domain, world = base.config, base.domain, base.world
    processing: ObservationProcessing | None = None
    with together(world, "preparing the processing of observations"):
        if world.rank == 0:
            processing = ObservationProcessing(
                config.observations, [run.name for run in config.runs], domain, config.data_root, config.seed
            )
            memories |= processing.memories
    rules = config.observations.withheld
    withholding: Withholding | None = None
    with together(world, "selecting withheld observations"):
        if processing is not None and rules is not None:
            withholding = Withholding(rules, domain.grid, config.seed, config.data_root, config.time.analyses)
    if processing is None:
        return None
    names = [run.name for run in config.runs]
    return PreparedObservations(base.source, processing, withholding, domain, config.verification.depths_m, names)


def _referee(base: Foundation, memories: dict[str, MethodMemory]) -> ProcessedObservations | None:
    """Processed observations of the referee, on rank 0; adds the memory of their checks to ``memories``. Collective."""
    config, domain, referee = base.config, base.domain, None
    names = [run.name for run in config.runs]
    with together(base.world, "preparing the processing of the referee"):
        if base.world.rank == 0 and config.referee is not None and base.referee is not None:
            processing = ObservationProcessing(
                config.referee, names, domain, config.data_root, config.seed, section="referee"
            )
            memories |= processing.memories
            referee = ProcessedObservations(base.referee, processing, domain, names)
    return referee


def _schedule(base: Foundation) -> Schedule:
    """The schedule, with the times of the free forecast that have observations. Collective."""
    config, time = base.config, base.config.time
    later = [time.valid_time(n) for n in range(time.n_analyses + 1, time.n_cycles + 1)]
    found: list[datetime] | None = None
    with together(base.world, "looking for observations in the forecast window"):
        if base.world.rank == 0:
            found = [when for when, _ in base.source.survey(later).found]
    observed = frozenset(base.world.broadcast(found))
    return Schedule(time, config.checkpoint.every_hours, config.observations.monitor_only, observed)
