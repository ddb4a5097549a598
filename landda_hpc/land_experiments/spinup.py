"""Spin-up: the same year of forcing is repeated until the deepest soil is in equilibrium, with acceleration."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.config import CampaignConfig
from landda_hpc.constants import N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ, FloatArray
from landda_hpc.errors import ConfigError, StoppedError, StorageError
from landda_hpc.formats.own.spun_up import YEAR_DAYS, SpunUpColumns, write_spun_up
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.instances.spun_up_start import GRID_RECORD, INSTANCES
from landda_hpc.io.atomic import final_name, remove_temporaries, write_text
from landda_hpc.io.provenance import software
from landda_hpc.model.column.land.acceleration import extrapolate
from landda_hpc.model.protocol import LandModel
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_share
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.state import PatchType, TileState
from landda_hpc.storage.checkpoint import (
    CheckpointHeader,
    LocalPart,
    Mode,
    read_header,
    read_instance,
    write_checkpoint,
)
from landda_hpc.storage.folder_contents import LOCK
from landda_hpc.storage.folder_lock import PATIENT, FolderLock
from landda_hpc.storage.output_folder import claim_folder

logger = logging.getLogger(__name__)

PATIENCE: Final = 3
"""Years between extrapolations: one to adjust, two to determine the direction of changes."""

FIRST_EXTRAPOLATION: Final = {"spun_up": 3, "climatology": 6, "file": 6}
"""First year of extrapolation by initial state; earlier, fast components still change the slow ones."""

Progress = Callable[["Drift"], None]


@dataclass(frozen=True)
class Drift:
    """Change during a year.

    Attributes
    ----------
    year : number of the year, from 1.
    water : quantile, given by the rule, of the change of the deepest layer's water over soil tiles, m3 m-3.
    temperature : the same for its temperature, K.
    moving : share of soil tiles whose deepest layer changes by more than the tolerance.
    extrapolated : whether the state was extrapolated at the year's end.
    """

    year: int
    water: float
    temperature: float
    moving: float
    extrapolated: bool


@dataclass(frozen=True)
class StopRule:
    """A spin-up ends when at most ``moving`` of all soil tiles change their deepest layer by more in a year.

    Attributes
    ----------
    water : m3 m-3 a-1.
    temperature : K a-1.
    moving : share of soil tiles, 0..1.
    max_years : maximum number of years.
    """

    water: float = 1.0e-3
    temperature: float = 0.05
    moving: float = 0.01
    max_years: int = 60


def spin_up(
    config: CampaignConfig,
    world: Communicator,
    folder: Path,
    rule: StopRule,
    *,
    accelerate: bool = True,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
    year_file: Path | None = None,
) -> list[Drift]:
    """Repeat the year from the configuration's start until the stop rule holds; resumes an earlier call.

    Parameters
    ----------
    config : grid, tiles, weather, model and its initial state; the physics must be land_surface.
    folder : for ``spinup.h5`` (the state at the end of the last year, and two earlier ones) and ``spinup.json``.
    rule : stop rule.
    accelerate : extrapolate the slow components every third year, from the sixth on (from the third, if the initial
        state is from another spin-up, on a coarser grid).
    progress : called on rank 0 after each year.
    stop : checked between months; the year in progress is then lost.
    year_file : netCDF file for the states of one year more, after the last, every two months from its start; see
        ``formats.own.spun_up``. None: not written.

    Returns
    -------
    The drift of every year so far, on every rank.

    Raises
    ------
    ConfigError : another physics, the folder holds the spin-up of another configuration, or year_file ends in .h5.
    StoppedError : a stop request came.

    Notes
    -----
    Collective. The same bits on any number of ranks: columns are independent, drifts are counted.
    """
    section = config.model.embedded
    if section is None or section.physics != "land_surface":
        raise ConfigError("a spin-up needs model.physics: land_surface; soil_water has no slow components.")
    if year_file is not None and year_file.suffix == ".h5":
        raise ConfigError(
            f"--year {year_file}: campaigns interpret .h5 as a spinup.h5 of the same tiles; use the suffix .nc."
        )
    domain = make_domain(config, world.size)
    # Independent of the groups that a campaign would create.
    mine = even_share(len(domain.tiles), world.rank, world.size)
    with together(world, "making the spin-up's model"):
        setup = EmbeddedSetup.of(config, domain)
        model, whole = setup.free_run(mine)
    header = replace(setup.header, instances=INSTANCES, records={GRID_RECORD: domain.grid.describe()})
    path = folder / "spinup.h5"
    past: list[Drift] = []
    states = [whole]
    with _held(folder, path, world):
        with together(world, f"reading {folder}"):
            if path.is_file():
                past, states = _read(path, header, mine)
        while len(past) < rule.max_years and not (past and _is_still(past[-1], rule)):
            state = states[0].copy()
            recharge = _one_year(setup.start, model, state, world, stop)
            before = states[0]
            number = len(past) + 1
            drift = _drift(domain, mine, before, state, number, rule, world)
            is_last = _is_still(drift, rule) or number >= rule.max_years
            is_time = number >= FIRST_EXTRAPOLATION[section.initial] and number % PATIENCE == 0
            extrapolated = accelerate and is_time and not is_last
            if extrapolated:
                with together(world, "extrapolating"):
                    still = {"water_tolerance": rule.water, "temperature_tolerance": rule.temperature}
                    extrapolate(model.tiles, states[1], before, state, recharge, YEAR_DAYS * 86400.0, **still)
                    model.diagnose(state)
                drift = Drift(**(asdict(drift) | {"extrapolated": True}))
            past.append(drift)
            states = [state, before, *states[1:]][:3]
            _write(path, replace(header, cycle=number), config.checkpoint.mode, past, states, mine, world)
            if progress is not None and world.rank == 0:
                progress(drift)
        if year_file is not None:
            _write_year(year_file, setup, model, states[0].copy(), len(past), world, stop)
        return past


@contextmanager
def _held(folder: Path, path: Path, world: Communicator) -> Iterator[None]:
    """Claim the folder of a spin-up for this process, and remove incomplete files of a killed one."""
    lock = FolderLock(folder / LOCK)
    names = (path.name, path.with_suffix(".json").name)
    with together(world, f"making {folder}", asleep=True):
        if world.rank == 0:
            is_known = path.is_file() and read_header(path).instances == INSTANCES
            claim_folder(folder, "spinup", names, is_known=is_known)
            lock.acquire(PATIENT)
            remove_temporaries(folder, lambda name: final_name(name) in names)
    try:
        yield
    finally:
        lock.release()


def _write_year(
    path: Path,
    setup: EmbeddedSetup,
    model: LandModel,
    state: TileState,
    years: int,
    world: Communicator,
    stop: StopRequest | None,
) -> None:
    """Run one more year and save the state every two months. Collective."""
    kept: list[tuple[datetime, TileState]] = []

    def keep(date: datetime, now: TileState) -> None:
        parts = world.gather(now.copy())
        if parts is not None:
            whole = {name: np.concatenate([part[name] for part in parts]) for name in now}
            kept.append((date, TileState(whole)))

    _one_year(setup.start, model, state, world, stop, keep)
    with together(world, f"writing {path}"):
        if world.rank == 0:
            tiles = setup.domain.tiles
            columns = SpunUpColumns(**{f.name: getattr(tiles, f.name) for f in fields(SpunUpColumns)})
            attributes = {
                "title": "States of the land model through a spun-up year",
                "source": f"{software()}, land_surface, {years} years of the same weather, seed {setup.seed}",
                "grid": setup.domain.grid.describe(),
                "configuration": setup.header.config_hash,
            }
            write_spun_up(path, columns, kept, attributes)


def _one_year(
    begin: datetime,
    model: LandModel,
    state: TileState,
    world: Communicator,
    stop: StopRequest | None,
    keep: Callable[[datetime, TileState], None] | None = None,
) -> FloatArray:
    """Advance the state by a year; recharge of the aquifer, kg m-2. Collective.

    ``keep`` is called on every rank at the start and every two months after it.
    """
    aquifer = state["wa"].copy()
    baseflow = np.zeros(state.n_tile)
    for month in range(12):
        first, last = (begin + timedelta(days=YEAR_DAYS * k // 12) for k in (month, month + 1))
        if keep is not None and month % 2 == 0:
            keep(first, state)
        with together(world, f"spin-up from {first}"):
            baseflow += model.forecast(state, first, last).drainage
        received = stop.agreed(world) if stop else None
        if received:
            raise StoppedError(
                f"Stopped by {received.name} within a year; earlier years are saved, and the same command continues "
                f"from there.",
                received,
            )
    recharge: FloatArray = state["wa"] - aquifer + baseflow
    return recharge


def _drift(
    domain: Domain, mine: slice, before: TileState, after: TileState, number: int, rule: StopRule, world: Communicator
) -> Drift:
    """Change during the year, over all ranks. Collective."""
    is_soil = domain.tiles.patchtype[mine] == PatchType.SOIL

    def deepest(state: TileState) -> FloatArray:
        theta: FloatArray = (
            state.soil("wliq_soisno")[:, N_SOIL - 1] / RHO_WATER + state.soil("wice_soisno")[:, N_SOIL - 1] / RHO_ICE
        ) / SOIL_DZ[-1]
        return theta

    water = np.abs(deepest(after) - deepest(before))[is_soil]
    warmth = np.abs(after.soil("t_soisno")[:, -1] - before.soil("t_soisno")[:, -1])[is_soil]
    rows = world.all_gather((water, warmth))
    all_water, all_warmth = (np.concatenate([row[k] for row in rows]) for k in (0, 1))
    moving = (all_water > rule.water) | (all_warmth > rule.temperature)
    rank = max(0, int(np.ceil((1.0 - rule.moving) * all_water.size)) - 1)
    return Drift(
        number,
        float(np.sort(all_water)[rank]),
        float(np.sort(all_warmth)[rank]),
        float(np.count_nonzero(moving) / moving.size),
        False,
    )


def _is_still(drift: Drift, rule: StopRule) -> bool:
    return drift.moving <= rule.moving


def _write(
    path: Path,
    header: CheckpointHeader,
    mode: Mode,
    past: list[Drift],
    states: list[TileState],
    mine: slice,
    world: Communicator,
) -> None:
    """Save the last three states and the drifts. Collective."""
    full = [*states, *[states[-1]] * (len(INSTANCES) - len(states))]
    parts = {name: LocalPart(state, mine) for name, state in zip(INSTANCES, full, strict=True)}
    records = header.records | {"drifts": [asdict(d) for d in past], "states": len(states)}
    write_checkpoint(path, world, replace(header, records=records), parts, mode)
    with together(world, "writing the drifts"):
        if world.rank == 0:
            write_text(path.with_suffix(".json"), json.dumps(records["drifts"], indent=1) + "\n")


def _read(path: Path, header: CheckpointHeader, mine: slice) -> tuple[list[Drift], list[TileState]]:
    found = read_header(path)
    if found.config_hash != header.config_hash or found.n_tiles != header.n_tiles:
        raise ConfigError(f"{path} is the spin-up of another configuration; choose another folder.")
    try:
        past = [Drift(**d) for d in found.records["drifts"]]
        n_states = int(found.records["states"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{path} has no record of a spin-up's years: {error}.") from error
    return past, [read_instance(path, name, mine) for name in INSTANCES[:n_states]]
