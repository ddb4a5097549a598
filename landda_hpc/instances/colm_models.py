"""The real model's instances: each run has a folder with its chain of restarts; each window is a separate process.

A cycle's forecast has four steps, each agreed on by all ranks. The first rank of each member group creates the work
folders. The owner of each block writes its part of the analysis into copies of the restarts. The first ranks run the
model while the others sleep. Every rank reads its tiles from the new restarts.
"""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.config import ColmProgramConfig
from landda_hpc.constants import N_SOIL, FloatArray, IntArray
from landda_hpc.errors import LandDAError, ModelError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import copy_restart
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.case_checks import time_step
from landda_hpc.instances.colm_checkpoint import FOLDER, ColmCheckpoint
from landda_hpc.instances.embedded_models import member_field, member_rain_factor, nature_field
from landda_hpc.instances.instance import Instance, by_run
from landda_hpc.instances.model_setup import ModelSetup
from landda_hpc.instances.model_system import ForecastCost
from landda_hpc.io.atomic import storage_errors, sync_file, write_bytes
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.model.colm.model import ColmModel, pack, packed_width, unpack
from landda_hpc.model.colm.perturbed_forcing import FORCING_NAME, WeatherChange, perturb_forcing, written_period
from landda_hpc.model.colm.window import Program, RunFolder, Window, run_windows
from landda_hpc.model.forcing.perturbed import ForcingPerturbations
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.colm_restart_set import close_set, open_set
from landda_hpc.storage.hashing import hash_file
from landda_hpc.storage.retention import checkpoint_times

logger = logging.getLogger(__name__)

_MOST_LOST: Final = 0.2
"""Largest fraction of an ensemble's members that are replaced in one window."""


class ColmModels:
    """The real model's instances; implements ``ModelSystem``.

    Parameters
    ----------
    model : its section of the configuration.
    setup, world : of the campaign.
    folder : its output folder, shared by all nodes.
    """

    def __init__(
        self, model: ColmProgramConfig, setup: ModelSetup, world: Communicator, folder: CampaignFolder
    ) -> None:
        domain = setup.domain
        assert domain.case is not None, "checked by the configuration"
        self._setup, self._domain, self._world = setup, domain, world
        self._model, self._case = model, domain.case
        self._root = (folder.path / FOLDER).absolute()
        self._folder = folder
        layout, rank = domain.layout, world.rank
        self._group_of_world = layout.group_of(rank)
        self._first = int(layout.group_bounds[self._group_of_world])
        self._group_size = int(layout.group_bounds[self._group_of_world + 1]) - self._first
        group = world.split(self._group_of_world)
        assert group is not None, "every rank has a group"
        self._group = group
        self._starts = rank == self._first
        self._models: dict[str, ColmModel] = {}
        self._files = self._case.files
        self._forcing = self._case.forcing()
        self._runs = {i.name: self._run_folder(i) for i in setup.bare_instances()}
        self._program = _program(model, setup.data_root)
        self._period = (setup.time.start, setup.time.end)
        self._stored: ColmCheckpoint | None = None
        if model.initial_file is not None:
            self._stored = ColmCheckpoint(setup.data_root / model.initial_file, setup.time.start, "soil_water")

    # ------------------------------------------------------------------ interface of a campaign

    @property
    def forecast_cost(self) -> ForecastCost:
        """Zeros: the programs distribute their work themselves. Local."""
        return ForecastCost()

    def make_instances(self) -> list[Instance]:
        """Every instance of the campaign; with a model if this rank holds it. Local."""
        here = self._case.tiles.take(self._domain.layout.tiles_of(self._world.rank))
        instances = self._setup.bare_instances()
        for instance in instances:
            if instance.index in self._domain.layout.instances_of(self._world.rank):
                instance.model = self._models[instance.name] = ColmModel(here, self._case.scheme, self._files)
        return instances

    def prepare(self, instances: list[Instance], stop: StopRequest | None = None) -> None:  # noqa: ARG002 - of the protocol
        """Copy the restart of the campaign's start to every run; perturb members and nature. Collective.

        An instance that has a state in a checkpoint begins from that, unperturbed.
        """
        start, stored = self._setup.time.start, self._stored
        with together(self._world, "making the runs' folders"):
            for instance in self._mine_to_start(instances):
                run = self._runs[instance.name]
                run.clear_work()
                run.begin(start, stored.folder_of(stored.chosen(instance)) if stored is not None else None)
                self._write_forcing(instance)
        self._read(instances, start)
        with together(self._world, "reading and perturbing initial states"):
            for instance in instances:
                if stored is not None and instance.model is not None:
                    mine = self._domain.layout.tiles_of(self._world.rank)
                    instance.state = stored.read(stored.chosen(instance), mine, self._domain)
                if stored is None or not stored.has(instance.name):
                    self._perturb_state(instance)

    def forecast(self, instances: list[Instance], begin: datetime, end: datetime) -> dict[str, ForecastReport | None]:
        """Run the model from the analysed states; see ``ModelSystem``. Collective."""
        began = clock.monotonic()
        windows = {i.name: Window(self._runs[i.name], begin, end) for i in instances if i.model is not None}
        apart = [self._files.file_name(begin, block) for block in self._files.blocks]
        with together(self._world, f"preparing the windows from {begin}"):
            for instance in self._mine_to_start(instances):
                windows[instance.name].prepare(apart)
        blocks = {i.name: self._gather_blocks(i) for i in instances if i.state is not None}
        with together(self._world, f"writing the restarts of {begin}"):
            for name, rows in blocks.items():
                self._write_blocks(rows, begin, self._runs[name], windows[name].start_folder)
        mine = [windows[i.name] for i in self._mine_to_start(instances)]
        launched = clock.monotonic()
        failed: dict[str, str] = {}
        # Each window has its own limit, and can be tried again.
        most = max(len(self._domain.layout.instances_of(rank)) for rank in range(self._world.size))
        extra_s = most * self._program.tries * self._program.timeout_s
        with together(self._world, f"the model from {begin} to {end}", asleep=True, extra_s=extra_s):
            failed = run_windows(mine, self._program, [i.name for i in instances if i.member is not None])
        ended = clock.monotonic()
        self._replace_members(instances, failed, end)
        self._read(instances, end)
        with together(self._world, "dropping old restarts"):
            if self._world.rank == 0:
                self.release(checkpoint_times(self._folder.checkpoints))
        if self._world.rank == 0:
            whole, inside = clock.monotonic() - began, ended - launched
            logger.debug("%d runs from %s: %.2f s, of it %.2f s in the model", len(windows), begin, whole, inside)
        return {i.name: None for i in instances if i.model is not None}

    def files(self, instances: list[Instance], time: datetime) -> dict[str, Any]:
        """Hashes of the restarts on which the states are based, by run and file. Collective."""
        found: dict[str, dict[str, str]] = {}
        with together(self._world, f"hashing the restarts of {time}"):
            for instance in instances:
                if instance.model is not None:
                    run = self._runs[instance.name]
                    folder = run.folder_of(time)
                    paths = [file.path for file in self._files.files(folder, time)]
                    mine = paths[self._world.rank - self._first :: self._group_size]
                    found[instance.name] = {path.as_posix(): fingerprint(folder / path) for path in mine}
        gathered = self._world.gather(found)
        together_found: dict[str, dict[str, str]] = {}
        for part in gathered or []:
            for name, hashes in part.items():
                together_found.setdefault(name, {}).update(hashes)
        return together_found

    def objection(self, files: Mapping[str, Any], time: datetime) -> str | None:
        """Why a campaign cannot be resumed from a checkpoint's restarts. Local: rank 0."""
        for name, run in self._runs.items():
            folder = run.folder_of(time)
            for file, expected in files.get(name, {}).items():
                try:
                    if fingerprint(folder / file) != expected:
                        return f"{folder / file} differs from its hash in the checkpoint"
                except LandDAError as error:
                    return str(error)
            if not files.get(name):
                return f"it names no restarts of run '{name}'"
        return None

    def take_up(self, instances: list[Instance], time: datetime) -> None:
        """Remove files of a killed job; read the backgrounds of the checkpoint's states. Collective."""
        with together(self._world, "clearing the runs' work folders"):
            for instance in self._mine_to_start(instances):
                self._runs[instance.name].clear_work()
                self._runs[instance.name].remove_later(time)
                # That of an extended campaign was written for the earlier calendar.
                if (
                    not self._changes_weather(instance)
                    or written_period(self._runs[instance.name].path) != self._period
                ):
                    self._write_forcing(instance)
        with together(self._world, f"reading the restarts of {time}"):
            for instance in instances:
                if instance.name in self._models:
                    self._models[instance.name].read(self._runs[instance.name].folder_of(time), time)

    def release(self, kept: Collection[datetime]) -> None:
        """Remove restarts that do not belong to a kept checkpoint and are not among the newest. Local: rank 0."""
        for run in self._runs.values():
            run.prune(set(kept), self._model.keep_restarts)

    def write_restarts(self, instances: list[Instance], time: datetime) -> None:
        """Write the analysed restarts from which the next window starts, to restart/<time>/<run>/. Collective."""
        blocks = {i.name: self._gather_blocks(i) for i in instances if i.state is not None}
        for name, rows in blocks.items():
            self._write_set(name, rows, time)
        self._world.barrier()  # a group may finish its instances before another; the cycle continues together

    def _write_set(self, name: str, rows: FloatArray, time: datetime) -> None:
        """Write one run's set of restart files: analysed blocks, unchanged files, the list. Collective in the group."""
        run, target, doing = self._runs[name], self._folder.restart / time_label(time) / name, f"restart of '{name}'"
        apart = [self._files.file_name(time, block) for block in self._files.blocks]
        with together(self._group, doing):
            if self._starts:
                open_set(target)
        with together(self._group, doing):
            mine = self._files.files(run.folder_of(time), time)[self._world.rank - self._first :: self._group_size]
            with storage_errors(target, "copying the restart"):
                for copy in copy_restart(mine, run.folder_of(time), target, without=apart):
                    sync_file(copy)
            self._write_blocks(rows, time, run, target)
        with together(self._group, doing), storage_errors(target, "reading the set"):
            hashes = {file.path.as_posix(): hash_file(target / file.path) for file in mine}
        gathered = self._group.gather(hashes)
        with together(self._group, doing):
            if gathered is not None:
                every = {file: digest for part in gathered for file, digest in part.items()}
                close_set(target, self._files, name, time, dict(sorted(every.items())))

    # ------------------------------------------------------------------ its parts

    def _mine_to_start(self, instances: list[Instance]) -> list[Instance]:
        """Instances whose processes this rank starts; the first rank of a member group starts all of the group."""
        return [i for i in instances if i.model is not None] if self._starts else []

    def _run_folder(self, instance: Instance) -> RunFolder:
        namelist, path = self._case.namelist, self._root / instance.name
        if self._changes_weather(instance) or self._has_own_forcing:
            namelist = namelist.with_values({"DEF_forcing_namelist": str(path / FORCING_NAME)})
        return RunFolder(path, self._files, namelist, self._case.tiles.n_patch)

    def _read(self, instances: list[Instance], time: datetime) -> None:
        with together(self._world, f"reading the restarts of {time}"):
            for instance in instances:
                if instance.name in self._models:
                    instance.state = self._models[instance.name].read(self._runs[instance.name].folder_of(time), time)

    def _owner(self, block: IntArray | int) -> IntArray:
        """Rank of the group that writes a block; blocks are distributed in order."""
        owners: IntArray = np.asarray(block) * self._group_size // len(self._case.tiles.blocks)
        return owners

    def _gather_blocks(self, instance: Instance) -> FloatArray:
        """Variables that may have changed for the tiles in this rank's blocks, (n, width). Collective in the group."""
        assert instance.state is not None, "the group's instances have states"
        tiles, layout, names = self._case.tiles, self._domain.layout, self._files.written
        mine = layout.tiles_of(self._world.rank)
        owner_of_mine, me, width = self._owner(tiles.block[mine]), self._world.rank - self._first, packed_width(names)
        outgoing = {
            int(r): pack(instance.state, np.flatnonzero(owner_of_mine == r), names) for r in np.unique(owner_of_mine)
        }
        own = np.flatnonzero(self._owner(tiles.block) == me)
        bounds = layout.tile_bounds[layout.group_of(self._world.rank)]
        incoming = {r: n * width for r, n in enumerate(np.diff(np.searchsorted(own, bounds)).tolist()) if n}
        return self._group.exchange(outgoing, incoming).reshape(-1, width)

    def _write_blocks(self, rows: FloatArray, time: datetime, run: RunFolder, folder: Path) -> None:
        """Write this rank's blocks of a run's analysed restart. Local."""
        tiles = self._case.tiles
        own = np.flatnonzero(self._owner(tiles.block) == self._world.rank - self._first)
        for number, block in enumerate(tiles.blocks):
            if int(self._owner(number)) != self._world.rank - self._first:
                continue
            of_block = np.flatnonzero(tiles.block[own] == number)
            source, name_of_block = run.folder_of(time), self._files.file_name(time, block)
            values = self._files.read(source, time, block, self._files.written, tiles.n_patch[block])
            for name, array in unpack(rows[of_block], self._files.written).items():
                values[name][tiles.position[own[of_block]]] = array
            self._files.write_copy(source / name_of_block, folder / name_of_block, values)

    def _replace_members(self, instances: list[Instance], failed: Mapping[str, str], time: datetime) -> None:
        """Give failed members the restart of another member of their ensemble (``replacements``). Collective."""
        every = {name: reason for part in self._world.all_gather(dict(failed)) for name, reason in part.items()}
        if not every:
            return
        with together(self._world, f"replacing members at {time}"):
            donors = replacements(instances, every)
            for instance in self._mine_to_start(instances):
                if instance.name in donors:
                    self._runs[instance.name].adopt(self._runs[donors[instance.name]], time)
        if self._world.rank == 0:
            for name, donor in donors.items():
                apart = any(i.name == name and self._changes_weather(i) for i in instances)
                both = "" if apart else " Its weather is not perturbed (forcing, log_rain_sigma): both stay equal."
                logger.warning("member %s continues from the state of %s: %s%s", name, donor, every[name], both)

    # ------------------------------------------------------------------ perturbations

    @property
    def _has_own_forcing(self) -> bool:
        """Whether every run needs its own forcing namelist, because that of the case has relative paths."""
        return self._forcing is not None and self._forcing.is_changed

    def _changes_weather(self, instance: Instance) -> bool:
        if instance.run is None:
            return self._setup.twin is not None and self._setup.twin.log_rain_sigma > 0.0
        return instance.perturbation is not None and instance.perturbation.changes_weather

    def _weather_change(self, instance: Instance) -> WeatherChange:
        """How a run's weather differs from that of the case. Local."""
        grid, seed, perturbation = self._domain.grid, self._setup.seed, instance.perturbation
        if perturbation is None:
            assert self._setup.twin is not None, "only members and the nature run have changed weather"
            sigma = self._setup.twin.log_rain_sigma
            return WeatherChange(grid, np.exp(sigma * self._nature_field("rain") - 0.5 * sigma**2))
        rain, drawn = None, None
        if perturbation.log_rain_sigma > 0.0:
            rain = member_rain_factor(perturbation, grid, seed)
        if perturbation.forcing is not None:
            drawn = ForcingPerturbations(perturbation.forcing, grid, seed, perturbation.member)
        return WeatherChange(grid, rain, drawn)

    def _nature_field(self, name: str) -> FloatArray:
        assert self._setup.twin is not None, "there is a nature run"
        return nature_field(self._setup.twin, self._domain.grid, self._setup.seed, name)

    def _write_forcing(self, instance: Instance) -> None:
        """Write a run's forcing files or forcing namelist, if it has its own. Local: one process."""
        if self._forcing is None:
            return
        forcing, folder = self._forcing.namelist, self._runs[instance.name].path
        if not self._changes_weather(instance):
            if self._forcing.is_changed:
                write_bytes(folder / FORCING_NAME, forcing.content)
            return
        step = timedelta(seconds=time_step(self._case.namelist))
        perturb_forcing(forcing, self._weather_change(instance), folder, self._period, step)

    def _perturb_state(self, instance: Instance) -> None:
        """Add a run's perturbation to its initial soil water, within the bounds of an analysis. Local."""
        if instance.model is None or instance.state is None:
            return
        perturbation = instance.perturbation
        if instance.run is None and self._setup.twin is not None and self._setup.twin.wetness_sigma > 0.0:
            image = self._setup.twin.wetness_sigma * self._nature_field("wetness")
        elif perturbation is not None and perturbation.wetness_sigma > 0.0:
            field = member_field(perturbation, self._domain.grid, self._setup.seed, "wetness")
            image = perturbation.wetness_sigma * field
        else:
            return
        cells = self._domain.cells.cell[self._domain.layout.cells_of(self._world.rank)]
        change = (image * self._domain.porosity).reshape(-1)[cells]
        layers = np.ones(N_SOIL, dtype=np.bool_)
        distribute(instance.model.tiles, instance.state, np.repeat(change[:, None], N_SOIL, axis=1), layers)
        instance.model.diagnose(instance.state)


def replacements(instances: Sequence[Instance], failed: Mapping[str, str]) -> dict[str, str]:
    """The member whose state each failed member takes: the next one of its ensemble that did not fail. Local.

    The members then separate again if their weather differs.

    Raises
    ------
    ModelError : more than a fifth of an ensemble failed.
    """
    found: dict[str, str] = {}
    for run, members in by_run(instances).items():
        names = [member.name for member in members]
        lost = [name for name in names if name in failed]
        if len(lost) > _MOST_LOST * len(names):
            raise ModelError(
                f"{len(lost)} of {len(names)} members of '{run}' failed; at most {_MOST_LOST:.0%} are replaced. The "
                f"first: {failed[lost[0]]}"
            )
        for name in lost:
            after = names[names.index(name) + 1 :] + names
            found[name] = next(other for other in after if other not in failed)
    return found


def _program(model: ColmProgramConfig, data_root: Path) -> Program:
    return Program(
        executable=(data_root / model.executable).absolute(),
        launch=model.launch,
        nodes=model.nodes,
        side_by_side=model.side_by_side,
        timeout_s=60.0 * model.timeout_minutes,
        tries=model.tries,
        environment=model.environment,
        keep_history=model.keep_history,
    )
