"""The spin-up of a campaign's instances (``model.spinup_days``): each trajectory once, members from a branch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from landda_hpc.config import METHODS
from landda_hpc.errors import StoppedError
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ForecastCost
from landda_hpc.instances.saved_spinup import NAME, SavedSpinUp
from landda_hpc.model.column.land.initial import fitted
from landda_hpc.model.protocol import LandModel
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.state import TileState

if TYPE_CHECKING:
    from landda_hpc.instances.embedded_models import EmbeddedSetup
    from landda_hpc.instances.warm_start import StoredStates

logger = logging.getLogger(__name__)

_PART: Final = timedelta(days=5)
"""Simulated time between checks for a stop request, and between lines in the log."""

_DAY: Final = timedelta(days=1)
"""Simulated time for which the weather is prepared at once: ranks keep the images that they share."""

_KEPT_EVERY_S: Final = 600.0
"""Seconds of computing after which the states are saved."""

UNPERTURBED: Final = "0-unperturbed"
"""Key and saved name of the trajectory of the runs without perturbations, from which members branch. (Names of runs
begin with a letter.)"""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A trajectory before the first analysis, which one or several instances have in common.

    Attributes
    ----------
    name : under which it is saved.
    instance : the first instance that has it; the ranks that hold this instance save it.
    begins : when it branches from the unperturbed one; None: it begins with the spin-up.
    """

    name: str
    instance: Instance
    begins: datetime | None


def trajectory_key(instance: Instance) -> Hashable:
    """Equal for two instances with the same trajectory before the first analysis."""
    if instance.is_plain:
        return UNPERTURBED
    if instance.run is None:
        return instance.name
    length = None if instance.run.ensemble is None else instance.run.ensemble.spinup_days
    return instance.perturbation, length


def trajectories(instances: Iterable[Instance], spinup: timedelta, start: datetime) -> dict[Hashable, Trajectory]:
    """Every distinct trajectory of a campaign by its key, in the order of the instances; the same on every rank.

    Parameters
    ----------
    spinup, start : length of the spin-up; start of the campaign.
    """
    found: dict[Hashable, Trajectory] = {}
    for instance in instances:
        begins: datetime | None = None
        if instance.run is not None and instance.run.ensemble is not None:
            begins = start - min(timedelta(days=instance.run.ensemble.spinup_days), spinup)
        if begins is not None or instance.is_plain:
            found.setdefault(UNPERTURBED, Trajectory(UNPERTURBED, instance, None))
        found.setdefault(trajectory_key(instance), Trajectory(instance.name, instance, begins))
    return found


class CampaignSpinUp:
    """Gives the instances of the embedded model their states at the campaign's start.

    Parameters
    ----------
    setup, world : of the campaign.
    folder : output folder; an unfinished spin-up is saved there.
    models : models of the instances that this rank holds, by name.
    plain_model : makes the unperturbed model, for a rank that holds members but no unperturbed run.
    prepare : prepares the weather of a period. Collective.
    """

    def __init__(
        self,
        setup: EmbeddedSetup,
        world: Communicator,
        folder: Path,
        models: Mapping[str, LandModel],
        plain_model: Callable[[], LandModel],
        prepare: Callable[[datetime, datetime], None],
    ) -> None:
        self._setup, self._world, self._given, self._plain_model = setup, world, models, plain_model
        self._prepare = prepare
        self._folder, self._mine = folder, setup.domain.layout.tiles_of(world.rank)
        self._models: dict[Hashable, LandModel] = {}
        self._states: dict[Hashable, TileState] = {}
        self._cost = ForecastCost()

    def run(self, instances: list[Instance], stop: StopRequest | None) -> ForecastCost:
        """Give every instance that this rank holds its state. Collective.

        Returns
        -------
        What the forecasts took, without the first day, which loads compiled code.

        Raises
        ------
        DataError : the initial file is missing or not usable.
        StoppedError : a stop request came; the states are saved, and a resume continues the spin-up.
        """
        setup, world = self._setup, self._world
        begin, sets = setup.start - setup.model.spinup, setup.stored_states
        if sets is None:
            key_of: Callable[[Instance], Hashable] = trajectory_key
            distinct = trajectories(instances, setup.model.spinup, setup.start)
        else:
            key_of = partial(_key_with_sets, sets)
            distinct = {}
            for key, trajectory in trajectories(instances, setup.model.spinup, setup.start).items():
                branches = trajectory.begins is not None and not sets.has(trajectory.instance.name)
                if branches or key == UNPERTURBED:
                    distinct[key] = trajectory
            distinct |= {i.name: Trajectory(i.name, i, None) for i in instances if key_of(i) == i.name}
        saved = SavedSpinUp(setup.header, self._mine, world, self._folder / NAME, setup.checkpoint_mode)
        reached = saved.time()
        held = [instance for instance in instances if instance.model is not None]
        with together(world, "initial state"):
            self._make_models(held, distinct, key_of)
            for key in self._models:
                trajectory = distinct[key]
                instance = _CONTROL if key == UNPERTURBED else trajectory.instance
                if sets is not None and reached is None and trajectory.begins is None:
                    self._states[key] = sets.state(setup.domain, instance, self._mine)
                elif reached is not None and trajectory.name in saved.names:
                    self._states[key] = saved.state(trajectory.name)
                elif trajectory.begins is None:
                    self._states[key] = setup.model.initial_state(setup, instance, begin, self._mine)
        self._advance(distinct, reached or begin, saved, stop)
        given: set[Hashable] = set()
        for instance in held:
            key = key_of(instance)
            instance.state = self._states[key].copy() if key in given else self._states[key]
            given.add(key)
        return self._cost

    def _make_models(
        self, held: list[Instance], distinct: Mapping[Hashable, Trajectory], key_of: Callable[[Instance], Hashable]
    ) -> None:
        """Choose a model for each trajectory that this rank computes, in their global order."""
        models: dict[Hashable, LandModel] = {}
        for instance in held:
            models.setdefault(key_of(instance), self._given[instance.name])
        branches = any(distinct[key].begins is not None for key in models)
        if UNPERTURBED in distinct and UNPERTURBED not in models and branches:
            models[UNPERTURBED] = self._plain_model()
        self._models = {key: models[key] for key in distinct if key in models}

    def _advance(
        self,
        distinct: Mapping[Hashable, Trajectory],
        now: datetime,
        saved: SavedSpinUp,
        stop: StopRequest | None,
    ) -> None:
        """Advance the trajectories from now to the campaign's start. Collective."""
        world, end, days = self._world, self._setup.start, self._setup.model.spinup.days
        branches = sorted({t.begins for t in distinct.values() if t.begins is not None})
        has_advanced, kept_at = False, time.monotonic()
        self._branch(distinct, now)
        while now < end:
            received = stop.agreed(world) if stop else None
            if received or world.broadcast(time.monotonic() - kept_at > _KEPT_EVERY_S):
                done = days - (end - now).days
                if received and not has_advanced:
                    raise StoppedError(f"Stopped by {received.name} before any new step was computed.", received)
                self._save(distinct, now, saved)
                kept_at = time.monotonic()
                if received:
                    raise StoppedError(
                        f"Stopped by {received.name} after {done} of {days} days of spin-up, which are saved. Resume "
                        f"with: landda resume {self._folder}",
                        received,
                        is_saved=True,
                    )
            until = min([end, now + _PART, *(branch for branch in branches if branch > now)])
            while now < until:
                after = min(until, now + _DAY)
                self._prepare(now, after)
                began = time.process_time()
                with together(world, f"spin-up from {now}"):
                    reports = [self._models[key].forecast(state, now, after) for key, state in self._states.items()]
                    if has_advanced:
                        self._cost.add(time.process_time() - began, after - now, reports)
                now, has_advanced = after, True
            self._branch(distinct, now)
            if world.rank == 0:
                logger.info("spin-up: %d of %d days", days - (end - now).days, days)

    def _branch(self, distinct: Mapping[Hashable, Trajectory], now: datetime) -> None:
        """Begin the members' trajectories that branch from the unperturbed one at this time. Collective."""
        with together(self._world, f"perturbing the states of {now}"):
            for key in self._models:
                trajectory = distinct[key]
                if trajectory.begins is not None and trajectory.begins <= now and key not in self._states:
                    change = self._setup.wetness_change(trajectory.instance, self._mine)
                    self._states[key] = fitted(self._states[UNPERTURBED].copy(), self._models[key].tiles, change)

    def _save(self, distinct: Mapping[Hashable, Trajectory], now: datetime, saved: SavedSpinUp) -> None:
        """Save the trajectories that have begun, each by the ranks that hold its first instance. Collective."""
        layout = self._setup.domain.layout
        here = layout.instances_of(self._world.rank)
        begun = {key: t for key, t in distinct.items() if t.begins is None or t.begins <= now}
        states = {t.name: self._states[key] for key, t in begun.items() if t.instance.index in here}
        saved.save([t.name for t in begun.values()], states, now)


def _key_with_sets(sets: StoredStates, instance: Instance) -> Hashable:
    """Each instance has its own restart set; members without one branch from that of the control."""
    is_branch = instance.member is not None and not sets.has(instance.name)
    return trajectory_key(instance) if is_branch else instance.name


_CONTROL: Final = Instance(UNPERTURBED, 0, METHODS.make("control"))
"""An unperturbed run, for the initial state of the unperturbed trajectory."""
