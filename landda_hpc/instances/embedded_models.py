"""The embedded model's instances: the nature run with its errors, and the runs, each on this rank's tiles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from time import process_time
from typing import Any, Self

import numpy as np

from landda_hpc.config import METHODS, CampaignConfig, ForcingPerturbationConfig, PerturbationConfig, TwinConfig
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import Grid
from landda_hpc.instances.campaign_spinup import CampaignSpinUp
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_section import EmbeddedModelSection
from landda_hpc.instances.model_setup import ModelSetup, model_setup
from landda_hpc.instances.model_system import ForecastCost
from landda_hpc.instances.saved_spinup import NAME as SPIN_UP
from landda_hpc.instances.warm_start import StoredStates
from landda_hpc.io.atomic import storage_errors
from landda_hpc.model.column.soil import with_perturbed_parameters
from landda_hpc.model.forcing.latent import BASE_STREAM
from landda_hpc.model.forcing.netcdf_forcing import NetcdfWeather
from landda_hpc.model.forcing.perturbed import ForcingPerturbations, PerturbedWeather
from landda_hpc.model.forcing.stochastic import StochasticWeather
from landda_hpc.model.protocol import ForecastReport, LandModel, WeatherSource
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.random_fields.anisotropic import two_scale_anisotropic_field
from landda_hpc.random_fields.sphere import grid_spacing_km, two_scale_field
from landda_hpc.state import Tiles, TileState, whole_vectors
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.restart_set import write_restart

NATURE_STREAM = "nature"


def nature_field(twin: TwinConfig, grid: Grid, seed: int, name: str) -> FloatArray:
    """Draw the unit field of one difference of a twin's nature run, (n_lat, n_lon). Local; same on every rank."""
    spacing = grid_spacing_km(grid)
    along_lon = twin.length_cells if twin.length_lon_cells is None else twin.length_lon_cells
    lengths = twin.length_cells * spacing, along_lon * spacing
    return two_scale_anisotropic_field(grid, lengths, spacing, twin.long_share, seed, "twin", name)


def nature_sigmas(twin: TwinConfig) -> dict[str, float]:
    """Standard deviations of the nature run's parameters by argument of ``with_perturbed_parameters``."""
    names = ("sand", "log_b", "log_psi", "log_ksat", "porosity", "vegetation")
    return {name: getattr(twin, f"{name}_sigma") for name in names}


@dataclass(frozen=True, eq=False)
class EmbeddedSetup(ModelSetup):
    """What a campaign asks of a model that computes in its processes.

    Attributes
    ----------
    model : section of the model.
    """

    model: EmbeddedModelSection

    @classmethod
    def of(cls, config: CampaignConfig, domain: Domain) -> Self:
        """The sections of a campaign; ConfigError if its model does not compute in these processes."""
        if not isinstance(config.model, EmbeddedModelSection):
            raise ConfigError(f"model.kind = {config.model.kind}: expected a model that computes in these processes.")
        return cls(**vars(model_setup(config, domain)), model=config.model)

    def weather(self, tiles: Tiles, stream: str = BASE_STREAM, correlation: float = 1.0) -> WeatherSource:
        """Weather of some tiles. Local: no communication.

        Parameters
        ----------
        tiles : a rank's, of the domain's grid.
        stream, correlation : of the generator; see ``StochasticWeather``. Files have one weather for all.

        Raises
        ------
        DataError : the files are not usable, or have no value near a tile.
        """
        forcing, domain = self.forcing, self.domain
        if forcing.kind == "netcdf":
            return NetcdfWeather(domain.grid, tiles, forcing, self.data_root)
        co_varies = forcing.co_varies(self.model.tile_physics)
        return StochasticWeather(
            domain.grid, tiles, forcing, self.seed, stream, correlation, domain.climatology, co_varies
        )

    def free_run(self, mine: slice | None = None) -> tuple[LandModel, TileState]:
        """One model of all tiles, or a slice, on the base weather, and its state at the campaign's start. Local."""
        mine = slice(0, len(self.domain.tiles)) if mine is None else mine
        tiles = self.domain.tiles.take(mine)
        model = self.model.model_maker(self, mine)(tiles, self.weather(tiles), 1.0, 1.0)
        free = Instance("free", 0, METHODS.make("control"))
        return model, self.model.initial_state(self, free, self.start, mine)

    @cached_property
    def stored_states(self) -> StoredStates | None:
        """The sets that the model begins from; None if it begins otherwise."""
        return self.model.stored_states(self.data_root, self.start)

    def has_own_tiles(self, instance: Instance) -> bool:
        """Whether parameters of an instance may differ from those of the domain. Local."""
        perturbation = instance.perturbation
        if instance.run is None:
            return self.twin is not None
        return perturbation is not None and any(perturbation.parameters.sigmas.values())

    def tiles(self, instance: Instance, mine: slice) -> Tiles:
        """A slice of the tiles, with the parameters of an instance. Local; the bits do not depend on the slice."""
        every, perturbation = self.domain.tiles, instance.perturbation
        if not self.has_own_tiles(instance):
            return every.take(mine)
        if perturbation is not None:
            sigmas = perturbation.parameters.sigmas
        else:
            assert self.twin is not None, "a nature run"
            sigmas = nature_sigmas(self.twin)
        whole, part = whole_vectors(mine, len(every))
        near = every.take(whole)
        changes = {name: self._change(instance, name, sigma, near.cell) for name, sigma in sigmas.items()}
        return with_perturbed_parameters(near, **changes).take(part)

    def wetness_change(self, instance: Instance, mine: slice) -> FloatArray:
        """Change of the initial relative wetness of an instance on a slice of the tiles, 1, (n_tiles,). Local."""
        perturbation, cell = instance.perturbation, self.domain.tiles.cell[mine]
        sigma = 0.0
        if perturbation is not None:
            sigma = perturbation.wetness_sigma
        elif instance.run is None and self.twin is not None:
            sigma = self.twin.wetness_sigma
        return np.broadcast_to(self._change(instance, "wetness", sigma, cell), cell.shape)

    def factors(self, instance: Instance, mine: slice) -> tuple[FloatArray | float, FloatArray | float]:
        """Persistent factors on rain and potential evaporation of an instance on a slice of the tiles, 1. Local.

        Each is a number, or of shape (n_tiles,), of mean 1 over all members or over the distribution of errors.
        """
        perturbation, cell = instance.perturbation, self.domain.tiles.cell[mine]
        if perturbation is not None:
            return self._factor(instance, "rain", perturbation.log_rain_sigma, cell), 1.0
        if instance.run is None and self.twin is not None:
            rain = self._factor(instance, "rain", self.twin.log_rain_sigma, cell)
            return rain, self._factor(instance, "potential evaporation", self.twin.log_pet_sigma, cell)
        return 1.0, 1.0

    def _factor(self, instance: Instance, name: str, log_sigma: float, cell: IntArray) -> FloatArray | float:
        if log_sigma == 0.0:
            return 1.0
        return persistent_factor(self._field(instance, name), log_sigma).reshape(-1)[cell]

    def _change(self, instance: Instance, name: str, sigma: float, cell: IntArray) -> FloatArray | float:
        """A perturbation of an instance at the tiles in some cells, of a given standard deviation."""
        if sigma == 0.0:
            return 0.0
        change: FloatArray = sigma * self._field(instance, name).reshape(-1)[cell]
        return change

    def _field(self, instance: Instance, name: str) -> FloatArray:
        """The unit field of a perturbation of an instance, (n_lat, n_lon)."""
        if instance.perturbation is not None:
            return member_field(instance.perturbation, self.domain.grid, self.seed, name)
        assert self.twin is not None, "a nature run"
        return nature_field(self.twin, self.domain.grid, self.seed, name.replace("_", " "))


def member_field(perturbation: PerturbationConfig, grid: Grid, seed: int, name: str) -> FloatArray:
    """A member's field of zero mean and unit variance, (n_lat, n_lon); the same in all runs. Local."""
    key = ("member", perturbation.member, name)
    return two_scale_field(grid, perturbation.length_km, perturbation.length_km, 1.0, seed, *key)


def member_rain_factor(perturbation: PerturbationConfig, grid: Grid, seed: int) -> FloatArray:
    """A member's persistent factor on rain, of mean 1 over all members, (n_lat, n_lon). Local."""
    return persistent_factor(member_field(perturbation, grid, seed, "rain"), perturbation.log_rain_sigma)


def persistent_factor(unit: FloatArray, log_sigma: float) -> FloatArray:
    """A factor of mean 1 from a unit field and the standard deviation of its logarithm, any shape. Local."""
    factor: FloatArray = np.exp(log_sigma * unit - 0.5 * log_sigma**2)
    return factor


class EmbeddedModels:
    """Instances of a model that computes in the campaign's processes; implements ``ModelSystem``. Made collectively.

    Parameters
    ----------
    setup, world : of the campaign.
    folder : output folder.
    """

    def __init__(self, setup: EmbeddedSetup, world: Communicator, folder: CampaignFolder) -> None:
        self._setup, self._domain, self._world, self._folder = setup, setup.domain, world, folder
        setup.domain.share_start_fields(world, has_cover=setup.model.tile_physics == "land_surface")
        group = world.split(setup.domain.layout.group_of(world.rank))
        assert group is not None, "every rank has a group"
        self._group = group
        self._columns: dict[str, LandModel] = {}
        self._plain_model: Callable[[], LandModel]
        self._shared: list[StochasticWeather] = []
        """Weather whose images the ranks of this member group compute together."""
        self._perturbed: list[ForcingPerturbations] = []
        """The same for perturbations of the weather, in the cycles: members begin at different times of a spin-up."""
        self._cost = ForecastCost()
        self._is_loaded = False

    @property
    def forecast_cost(self) -> ForecastCost:
        """Without the first forecast, which loads compiled code, and without shared weather. Local."""
        return replace(self._cost)

    def make_instances(self) -> list[Instance]:
        """Every instance of the campaign; with a model if this rank holds it. Local: no communication.

        Notes
        -----
        All runs have the weather of the base stream, members with their perturbations. The latent fields of the nature
        run's weather have the configured correlation with those of the base stream.
        """
        domain, setup = self._domain, self._setup
        mine = domain.layout.tiles_of(self._world.rank)
        held = domain.layout.instances_of(self._world.rank)
        instances = setup.bare_instances()
        plain = domain.tiles.take(mine)
        weather = setup.weather(plain)
        if any(instance.index in held for instance in instances if instance.run is not None):
            self._share(weather)
        make = setup.model.model_maker(setup, mine)
        self._plain_model = lambda: make(plain, weather, 1.0, 1.0)
        perturbations: dict[tuple[ForcingPerturbationConfig, int], ForcingPerturbations] = {}
        tiles_of_member: dict[PerturbationConfig | None, Tiles] = {}
        for instance in instances:
            if instance.index not in held:
                continue
            perturbation = instance.perturbation
            tiles, own = plain, weather
            if setup.has_own_tiles(instance):
                # Runs with the same perturbations share them.
                if perturbation not in tiles_of_member:
                    tiles_of_member[perturbation] = setup.tiles(instance, mine)
                tiles = tiles_of_member[perturbation]
            if instance.run is None and setup.twin is not None:
                own = setup.weather(plain, NATURE_STREAM, setup.twin.weather_correlation)
                self._share(own)
            elif perturbation is not None and perturbation.forcing is not None:
                key = perturbation.forcing, perturbation.member
                if key not in perturbations:
                    perturbations[key] = ForcingPerturbations(key[0], domain.grid, setup.seed, key[1])
                own = PerturbedWeather(weather, perturbations[key], plain.cell)
            model = make(tiles, own, *setup.factors(instance, mine))
            instance.model = self._columns[instance.name] = model
        self._perturbed = list(perturbations.values())
        for drawn in self._perturbed:
            drawn.share(self._group, self._cells_of_group(), len(self._perturbed))
        return instances

    def prepare(self, instances: list[Instance], stop: StopRequest | None = None) -> None:
        """Give every instance its state at the campaign's start: estimate or file, then the spin-up. Collective.

        Instances with the same model and weather are spun up once (``campaign_spinup``).

        Raises
        ------
        DataError : the initial file is missing or not usable.
        StoppedError : a stop request came during the spin-up, which is saved; a resume continues it.
        """
        spinup = CampaignSpinUp(
            self._setup, self._world, self._folder.path, self._columns, self._plain_model, self._prepare
        )
        self._cost = spinup.run(instances, stop)
        self._is_loaded = self._cost.hours > 0.0

    def forecast(self, instances: list[Instance], begin: datetime, end: datetime) -> dict[str, ForecastReport | None]:
        """Advance every instance; see ``ModelSystem``. Collective."""
        reports: dict[str, ForecastReport | None] = {}
        self._prepare(begin, end)
        for perturbations in self._perturbed:
            perturbations.prepare(begin, end)
        began = process_time()
        with together(self._world, f"forecast from {begin} to {end}"):
            for instance in instances:
                if instance.state is not None:
                    reports[instance.name] = self._columns[instance.name].forecast(instance.state, begin, end)
            if self._is_loaded:
                self._cost.add(process_time() - began, end - begin, reports.values())
            self._is_loaded = True
        return reports

    def files(self, instances: list[Instance], time: datetime) -> dict[str, Any]:  # noqa: ARG002 - of the protocol
        """No files; the checkpoint is complete. Local."""
        return {}

    def objection(self, files: Mapping[str, Any], time: datetime) -> str | None:  # noqa: ARG002 - of the protocol
        """None; the checkpoint is complete. Local."""
        return None

    def take_up(self, instances: list[Instance], time: datetime) -> None:
        """Nothing to do; the states are from the checkpoint. Collective."""

    def release(self, kept: Collection[datetime]) -> None:
        """Remove the saved spin-up once a checkpoint exists. Local: rank 0."""
        if kept:
            with storage_errors(self._folder.path / SPIN_UP, "removing"):
                (self._folder.path / SPIN_UP).unlink(missing_ok=True)

    def write_restarts(self, instances: list[Instance], time: datetime) -> None:
        """Restart files in CoLM's layout, for every instance. Collective."""
        for instance in instances:
            if instance.state is not None and instance.model is not None:
                write_restart(
                    self._folder.restart, self._group, self._setup.header.campaign, instance.name, time, instance.state,
                    instance.model.tiles,
                )  # fmt: skip
        self._world.barrier()  # a group may finish its instances before another; the cycle continues together

    def _prepare(self, begin: datetime, end: datetime) -> None:
        """Compute the shared images of the weather of a period. Collective over the member group."""
        for weather in self._shared:
            weather.prepare(begin, end)

    def _share(self, weather: WeatherSource) -> None:
        """Let the ranks of this member group compute images of a weather together. Local."""
        if isinstance(weather, StochasticWeather):
            weather.share(self._group, self._cells_of_group())
            self._shared.append(weather)

    def _cells_of_group(self) -> list[IntArray]:
        """Flat indices of the cells with tiles of every rank of this member group, in rank order. Local."""
        layout = self._domain.layout
        group = layout.group_of(self._world.rank)
        members = range(int(layout.group_bounds[group]), int(layout.group_bounds[group + 1]))
        tile_cells = self._domain.tiles.cell
        return [np.unique(tile_cells[layout.tiles_of(r)]) for r in members]
