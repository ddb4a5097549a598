"""Spin-up: the same years of forcing are repeated until the deepest soil is in equilibrium, with acceleration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.config import CampaignConfig
from landda_hpc.constants import N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ, FloatArray
from landda_hpc.errors import ConfigError, StoppedError
from landda_hpc.formats.own.spun_up import SpunUpColumns, write_spun_up
from landda_hpc.instances.campaign_weather import period_problems
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.instances.spun_up_start import INSTANCES, PERIOD_RECORD
from landda_hpc.io.provenance import software
from landda_hpc.land_experiments.forcing_period import ForcingPeriod
from landda_hpc.land_experiments.spinup_files import Drift, Pass, SpinUpFiles
from landda_hpc.model.column.land.acceleration import extrapolate
from landda_hpc.model.protocol import LandModel
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_share
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.state import PatchType, TileState
from landda_hpc.storage.checkpoint_format import GRID

logger = logging.getLogger(__name__)

PATIENCE: Final = 3
"""Passes between extrapolations: one to adjust, two to determine the direction of changes."""

FIRST_EXTRAPOLATION: Final = {"spun_up": 3, "climatology": 6, "file": 6, "restart": 6, "checkpoint": 6}
"""First year of extrapolation by initial state; earlier, fast components still change the slow ones."""

Progress = Callable[[Drift], None]


@dataclass(frozen=True)
class StopRule:
    """A spin-up ends when at most ``moving`` of all soil tiles change their deepest layer by more per year.

    The change from the end of one pass to the end of the next, the same date, is divided by the years between them.

    Attributes
    ----------
    water : m3 m-3 a-1.
    temperature : K a-1.
    moving : share of soil tiles, 0..1.
    max_years : maximum number of years; no pass begins that would exceed it.
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
    period_years: int = 1,
    accelerate: bool = True,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
    year_file: Path | None = None,
) -> list[Drift]:
    """Repeat the years from the configuration's start until the stop rule holds; resumes an earlier call.

    Parameters
    ----------
    config : grid, tiles, weather, model and its initial state; the physics must be land_surface.
    folder : for ``spinup.h5`` (the states at the ends of the last three passes), ``spinup.json`` and, within a pass of
        several years, ``spinup_pass.h5``.
    rule : stop rule.
    period_years : number of years of weather that are repeated.
    accelerate : extrapolate the slow components after every third pass, from the sixth year on (from the third, if the
        initial state is from another spin-up, on a coarser grid).
    progress : called on rank 0 after each pass.
    stop : checked before every month; the year in progress is then lost.
    year_file : netCDF file for the states of one year more, with the weather of the period's last year, every two
        months; see ``formats.own.spun_up``. None: not written.

    Returns
    -------
    The drift of every pass so far, on every rank.

    Raises
    ------
    ConfigError : another physics, the folder holds the spin-up of another configuration or period, the period exceeds
        rule.max_years, its forcing files are not usable or incomplete, or year_file ends in .h5.
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
    period = ForcingPeriod(config.time.start, period_years)
    if period.years > rule.max_years:
        raise ConfigError(
            f"--period-years {period.years} exceeds --max-years {rule.max_years}: not even one pass through the period "
            "would be computed. Give --max-years a multiple of the period."
        )
    domain = make_domain(config, world.size, world)
    with together(world, "checking the forcing", asleep=True):
        ends = period.start, period.end
        problems = period_problems(config.forcing, config.data_root, domain, *ends) if world.rank == 0 else []
        if problems:
            raise ConfigError(problems)
    # Independent of the groups that a campaign would create.
    mine = even_share(len(domain.tiles), world.rank, world.size)
    with together(world, "making the spin-up's model"):
        setup = EmbeddedSetup.of(config, domain)
        model, whole = setup.free_run(mine)
    records = {GRID: domain.grid.describe(), PERIOD_RECORD: period.years}
    header = replace(setup.header, instances=INSTANCES, records=records)
    files = SpinUpFiles(folder, header, config.checkpoint.mode, mine, world)
    with files.held():
        with together(world, f"reading {folder}"):
            past, states = files.read()
            states = states or [whole]
            years = past[-1].year if past else 0
            unfinished = files.read_pass(years)
        while years + period.years <= rule.max_years and not (past and _is_still(past[-1], rule)):
            before = states[0]
            state, recharge = _one_pass(period, model, before, unfinished, years, files, stop)
            unfinished, years = None, years + period.years
            drift = _drift(domain, mine, before, state, years, period.years, rule, world)
            is_last = _is_still(drift, rule) or years + period.years > rule.max_years
            is_time = years >= FIRST_EXTRAPOLATION[section.initial] and (len(past) + 1) % PATIENCE == 0
            if accelerate and is_time and not is_last:
                with together(world, "extrapolating"):
                    still = {
                        "water_tolerance": rule.water * period.years,
                        "temperature_tolerance": rule.temperature * period.years,
                    }
                    extrapolate(model.tiles, states[1], before, state, recharge, period.seconds, **still)
                    model.diagnose(state)
                drift = replace(drift, extrapolated=True)
            past.append(drift)
            states = [state, before, *states[1:]][:3]
            files.write(past, states)
            if progress is not None and world.rank == 0:
                progress(drift)
        if year_file is not None:
            _write_year(year_file, setup, period, model, states[0].copy(), years, world, stop)
        return past


def _one_pass(
    period: ForcingPeriod,
    model: LandModel,
    before: TileState,
    unfinished: Pass | None,
    years: int,
    files: SpinUpFiles,
    stop: StopRequest | None,
) -> tuple[TileState, FloatArray]:
    """State at the end of a pass and recharge of the aquifer, kg m-2. Saves the state after every year. Collective.

    Parameters
    ----------
    before : state at the beginning of the pass, after ``years`` years of spin-up.
    unfinished : the part of the pass that was computed earlier; None: nothing.
    """
    now = unfinished or Pass(before.copy(), np.zeros(before.n_tile))
    for year in range(now.years, period.years):
        _one_year(period.months(year), model, now.state, now.drainage, files.world, stop)
        now = replace(now, years=year + 1)
        if now.years < period.years:
            files.write_pass(now, years)
            if files.world.rank == 0:
                begin, end = period.begin_of(year), period.begin_of(year + 1)
                logger.info("spin-up: %d years, the last from %s to %s", years + now.years, begin.date(), end.date())
    recharge: FloatArray = now.state["wa"] - before["wa"] + now.drainage
    return now.state, recharge


def _write_year(
    path: Path,
    setup: EmbeddedSetup,
    period: ForcingPeriod,
    model: LandModel,
    state: TileState,
    years: int,
    world: Communicator,
    stop: StopRequest | None,
) -> None:
    """Run the last year of the period once more and save the state every two months. Collective."""
    kept: list[tuple[datetime, TileState]] = []

    def keep(date: datetime, now: TileState) -> None:
        parts = world.gather(now.copy())
        if parts is not None:
            whole = {name: np.concatenate([part[name] for part in parts]) for name in now}
            kept.append((date, TileState(whole)))

    _one_year(period.months(period.years - 1), model, state, np.zeros(state.n_tile), world, stop, keep)
    with together(world, f"writing {path}"):
        if world.rank == 0:
            tiles = setup.domain.tiles
            columns = SpunUpColumns(**{f.name: getattr(tiles, f.name) for f in fields(SpunUpColumns)})
            attributes = {
                "title": "States of the land model through a spun-up year",
                "source": f"{software()}, land_surface, {years} years of spin-up, which repeat the weather of "
                f"{period.describe()}, seed {setup.seed}",
                "grid": setup.domain.grid.describe(),
                "configuration": setup.header.config_hash,
            }
            write_spun_up(path, columns, kept, attributes)


def _one_year(
    months: list[tuple[datetime, datetime]],
    model: LandModel,
    state: TileState,
    drainage: FloatArray,
    world: Communicator,
    stop: StopRequest | None,
    keep: Callable[[datetime, TileState], None] | None = None,
) -> None:
    """Advance the state by a year, in place, and add the aquifer's drainage, kg m-2, to ``drainage``. Collective.

    ``keep`` is called on every rank at the start and every two months after it.
    """
    for month, (first, last) in enumerate(months):
        received = stop.agreed(world) if stop else None
        if received:
            raise StoppedError(
                f"Stopped by {received.name} within a year; earlier years are saved, and the same command continues "
                f"from there.",
                received,
            )
        if keep is not None and month % 2 == 0:
            keep(first, state)
        with together(world, f"spin-up from {first}"):
            drainage += model.forecast(state, first, last).drainage


def _drift(
    domain: Domain,
    mine: slice,
    before: TileState,
    after: TileState,
    years: int,
    between: int,
    rule: StopRule,
    world: Communicator,
) -> Drift:
    """Change per year over the years between two states, over all ranks, after ``years`` years. Collective."""
    is_soil = domain.tiles.patchtype[mine] == PatchType.SOIL

    def deepest(state: TileState) -> FloatArray:
        theta: FloatArray = (
            state.soil("wliq_soisno")[:, N_SOIL - 1] / RHO_WATER + state.soil("wice_soisno")[:, N_SOIL - 1] / RHO_ICE
        ) / SOIL_DZ[-1]
        return theta

    water = np.abs(deepest(after) - deepest(before))[is_soil] / between
    warmth = np.abs(after.soil("t_soisno")[:, -1] - before.soil("t_soisno")[:, -1])[is_soil] / between
    rows = world.all_gather((water, warmth))
    all_water, all_warmth = (np.concatenate([row[k] for row in rows]) for k in (0, 1))
    moving = (all_water > rule.water) | (all_warmth > rule.temperature)
    rank = max(0, int(np.ceil((1.0 - rule.moving) * all_water.size)) - 1)
    return Drift(
        years,
        float(np.sort(all_water)[rank]),
        float(np.sort(all_warmth)[rank]),
        float(np.count_nonzero(moving) / moving.size),
        False,
    )


def _is_still(drift: Drift, rule: StopRule) -> bool:
    return drift.moving <= rule.moving
