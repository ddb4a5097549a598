"""Build the parts of a campaign from its configuration: every choice is made here, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from landda_hpc.analysis.ensemble.layers import LayerRegression
from landda_hpc.analysis.ensemble.protocol import EnsembleMethod
from landda_hpc.analysis.layers import LayeredMethod
from landda_hpc.analysis.protocol import AnalysisMethod, HearsIncrements
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.campaign.balance import Balance
from landda_hpc.campaign.cell_exchange import TileExchange
from landda_hpc.campaign.ensembles import EnsembleUpdate, water_bounds
from landda_hpc.campaign.file_writer import WriterHere, WriterProcess
from landda_hpc.campaign.image_recorder import ImageRecorder
from landda_hpc.campaign.increments import (
    AnalysisOfObservedDepth,
    AnalysisOfUpperLayers,
    ImageAnalysis,
    RunMemory,
    RunUpdate,
    Update,
    VerticalSpreading,
    make_drift,
    make_vertical_spreading,
)
from landda_hpc.campaign.observation_preparation import (
    ObservationProcessing,
    PreparedObservations,
    ProcessedObservations,
    SeveralProducts,
)
from landda_hpc.campaign.output_size import uses_writer_process
from landda_hpc.campaign.parts import BackgroundObserver, CampaignParts, Schedule
from landda_hpc.campaign.preflight import Sources
from landda_hpc.campaign.recorder import Recorder, RecordSettings
from landda_hpc.campaign.saving import CheckpointKeeper
from landda_hpc.campaign.series_recorder import SeriesRecorder
from landda_hpc.config import CampaignConfig, Referee, Run, Stations
from landda_hpc.constants import BoolArray
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.methods.base.assembly import make_ensemble_method, make_method
from landda_hpc.observation.withheld import Withholding
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.reduction import MemberReduction
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
    sources : of the products, the referee and the stations, used on rank 0.
    header : of the campaign's checkpoints, with the values of its start.
    build_s : wall time in which domain, models and instances were made.
    n_redistributions : how often land cells have been distributed again in this job.
    """

    config: CampaignConfig
    domain: Domain
    world: Communicator
    folder: CampaignFolder
    models: ModelSystem
    instances: list[Instance]
    sources: Sources
    header: CheckpointHeader
    build_s: float = 0.0
    n_redistributions: int = 0


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
    updates: dict[str, Update] = {}
    memories: dict[str, MethodMemory] = {}
    with together(world, "making the analysis methods"):
        for run in config.runs:
            update, remembering = _update(base, run, traffic)
            updates[run.name] = update
            if traffic.is_root and (remembering is not None or update.drift is not None):
                memories[run.name] = RunMemory(remembering, update.drift)
    observations = _observations(base, memories)
    referee = _further(base, memories, "referee")
    withheld = None if base.sources.stations is None else base.sources.stations.withheld
    stations = _further(base, memories, "stations", withheld)
    records = RecordSettings.of(config)
    recorder = Recorder(records, domain, folder, inventory, traffic) if traffic.is_root else None
    files = ImageRecorder(records, domain, folder, traffic) if traffic.is_root else None
    apart = uses_writer_process(config.parallel, records, domain.grid.n_cells)
    writer = (WriterProcess() if apart else WriterHere()) if traffic.is_root else None
    settings = config.output.series
    series = (
        None
        if settings is None
        else SeriesRecorder(
            settings,
            config.name,
            config.verification.depths_m,
            domain,
            world,
            traffic,
            folder,
            writer,
            timedelta(hours=config.time.cycle_hours),
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
            config.output,
            config.time.cycle_hours,
            base.header,
            domain,
            world,
            folder,
            base.models,
            inventory,
            memories,
        ),
        gathers_surface=any(section.quality.needs_surface for section in config.observed_sections.values()),
        products=tuple(config.roles),
        observations=observations,
        referee=referee,
        stations=stations,
        recorder=recorder,
        files=files,
        writer=writer,
        series=series,
        balance=_balance(base),
        observer=observer,
    )


def _balance(base: Foundation) -> Balance | None:
    """What measures the balance of the ranks; None if land cells stay where they are. Local."""
    rule, world = base.config.parallel.rebalance, base.world
    if world.size == 1 or rule == "never":
        return None
    return Balance(rule, base.domain, world, base.folder.path, base.models, base.build_s, base.n_redistributions)


def _update(base: Foundation, run: Run, traffic: RootTraffic) -> tuple[Update, MethodMemory | None]:
    """The update of a run by observations on this rank, and its method's memory, if it has one. Local."""
    config, domain, root_group = base.config, base.domain, traffic.root_group
    method: AnalysisMethod | None = None
    of_ensemble: EnsembleMethod | None = None
    if root_group is not None:
        given = run, domain.grid, root_group, config.seed, config.data_root
        has_referee = config.referee is not None
        if run.ensemble is None:
            method = make_method(*given, has_referee=has_referee)
        else:
            of_ensemble = make_ensemble_method(*given, has_referee=has_referee)
    used = method or of_ensemble
    listener = used if isinstance(used, HearsIncrements) else None
    memory = used if isinstance(used, MethodMemory) else None
    drift = make_drift(run, config.time, len(domain.cells))
    common = domain, VerticalSpreading(domain.observed_weights > 0.0), drift, listener, run.assimilates
    cells = domain.layout.cells_of(base.world.rank) if run.ensemble is None else traffic.owned
    depth_m = config.observations.depth_m
    spreading = make_vertical_spreading(run, domain, cells, depth_m, config.data_root)
    if run.ensemble is not None:
        regression: LayerRegression | None = None
        if root_group is not None and run.members_smoothing_km is not None:
            members = MemberReduction(root_group, run.ensemble.members)
            regression = LayerRegression(domain.grid, run.members_smoothing_km, members)
        bounds = water_bounds(domain.tiles, cells)
        return EnsembleUpdate(*common, regression or spreading, bounds, of_ensemble), memory
    return RunUpdate(*common, spreading, None if method is None else _analysis(run, method, domain, traffic)), memory


def _analysis(run: Run, method: AnalysisMethod, domain: Domain, traffic: RootTraffic) -> ImageAnalysis:
    """The analysis of the observed depth, or of each of the uppermost layers. Local."""
    if not run.n_analysed_layers:
        return AnalysisOfObservedDepth(method, domain)
    if not isinstance(method, LayeredMethod):
        raise ConfigError(
            f"run '{run.name}': {run.n_analysed_layers} layers are analysed separately, but its method "
            f"{type(method).__name__} has no analyse_layers. Analyse the observed depth instead."
        )
    return AnalysisOfUpperLayers(method, domain, run.n_analysed_layers, traffic.share)


def _observations(base: Foundation, memories: dict[str, MethodMemory]) -> PreparedObservations | None:
    """Processed observations, on rank 0; adds the memory of their checks to ``memories``. Collective."""
    config, domain, world, names = base.config, base.domain, base.world, [run.name for run in base.config.runs]
    steps: dict[str, ProcessedObservations] = {}
    with together(world, "preparing the processing of observations"):
        for section, product in config.compared_products.items() if world.rank == 0 else ():
            processing = ObservationProcessing(product, names, domain, config.data_root, config.seed, section=section)
            memories |= processing.memories
            name = product.name or section
            source = base.sources.products.get(name, base.sources.observations)
            steps[name] = ProcessedObservations(source, processing, domain, names)
    rules = config.observations.withheld
    withholding: Withholding | None = None
    with together(world, "selecting withheld observations"):
        if steps and rules is not None:
            withholding = Withholding(rules, domain.grid, config.seed, config.data_root, config.time.analyses)
    if not steps:
        return None
    verifying = [name for name, role in config.roles.items() if role == "verify"]
    processed = SeveralProducts(steps, verifying) if config.roles else next(iter(steps.values()))
    layers = config.verification.depths_m
    return PreparedObservations(processed, base.sources.observations, withholding, domain, layers, names)


def _further(
    base: Foundation,
    memories: dict[str, MethodMemory],
    section: Literal["referee", "stations"],
    withheld: BoolArray | None = None,
) -> ProcessedObservations | None:
    """Processed observations of a section, on rank 0; adds the memory of their checks to ``memories``. Collective."""
    config, domain, further = base.config, base.domain, None
    asked: Referee | Stations | None = config.referee if section == "referee" else config.stations
    source = base.sources.referee if section == "referee" else base.sources.stations
    names = [run.name for run in config.runs]
    with together(base.world, f"preparing the processing of the {section}"):
        if base.world.rank == 0 and asked is not None and source is not None:
            processing = ObservationProcessing(asked, names, domain, config.data_root, config.seed, section=section)
            memories |= processing.memories
            further = ProcessedObservations(source, processing, domain, names, withheld)
    return further


def _schedule(base: Foundation) -> Schedule:
    """The schedule, with the times of the free forecast that have observations. Collective."""
    config, time = base.config, base.config.time
    later = [time.valid_time(n) for n in range(time.n_analyses + 1, time.n_cycles + 1)]
    found: list[datetime] | None = None
    with together(base.world, "looking for observations in the forecast window"):
        if base.world.rank == 0:
            sources = (base.sources.observations, *base.sources.products.values())
            found = [when for source in sources for when, _ in source.survey(later).found]
    observed = frozenset(base.world.broadcast(found))
    return Schedule(time, config.checkpoint.every_hours, config.observations.monitor_only, observed)
