"""Memory of the land: depth and duration of the effect of a surface that is kept moist, by vegetation type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from landda_hpc.constants import FROZEN_ICE, RHO_WATER, SOIL_DZ, SOIL_Z, FloatArray, IntArray
from landda_hpc.errors import ConfigError
from landda_hpc.image.aggregate import volumetric_water
from landda_hpc.instances.column_models import hydrology_of
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.model.column.land import plants
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import LandParameters, land_cover, land_parameters
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.column.vegetation import layer_shares
from landda_hpc.state import PatchType, Tiles, TileState


@dataclass(frozen=True)
class Site:
    """One vegetation type at one place.

    Attributes
    ----------
    name : for tables and figures.
    lat, lon : degrees_north, degrees_east; the nearest soil tile is used.
    plant : its vegetation.
    cover : share of the ground that it covers.
    roots : depths above which half, and 95 %, of the roots are, m.
    """

    name: str
    lat: float
    lon: float
    plant: plants.Plant
    cover: float
    roots: tuple[float, float]


# Roots: Schenk and Jackson (2002) for shrubs, grass and boreal forest; CoLM's values of croplands (IGBP) for corn; and
# 1 - 0.976^(depth in cm) for temperate coniferous forest (Jackson et al. 1996, Oecologia, 108, 389-411).
SITES: Final = (
    Site("shrub", 34.0, 250.0, plants.SHRUBS, 0.5, (0.28, 1.29)),
    Site("grass", 47.0, 105.0, plants.GRASS, 0.8, (0.09, 0.91)),
    Site("corn", 42.0, 267.0, plants.CORN, 0.85, (0.22, 1.13)),
    Site("temperate needleleaf forest", 44.0, 238.0, plants.TEMPERATE_NEEDLE_TREES, 0.9, (0.29, 1.23)),
    Site("boreal needleleaf forest", 60.0, 100.0, plants.NEEDLE_TREES, 0.9, (0.12, 0.58)),
)

DEPTHS_M: Final = (0.12, 0.5, 1.0)
"""The first is the node of the uppermost free layer."""

HELD_DEPTH_M: Final = 0.1
CYCLE: Final = timedelta(hours=6)


@dataclass(frozen=True, eq=False)
class Memory:
    """Effect of the held surface on deeper layers.

    Attributes
    ----------
    days : since the surface was first held, (n_time,).
    anomaly : soil moisture with the surface held minus without, m3 m-3, (n_site, n_time, n_soil).
    arrival : days until the anomaly at each of ``DEPTHS_M`` exceeds the threshold; NaN if it never does,
        (n_site, n_depth).
    memory : days from the end of holding until the anomaly of the upper metre's water has decreased by a factor e;
        NaN if it lasts longer than the run, (n_site,).
    held_days : number of days for which the surface was held.
    """

    sites: tuple[Site, ...]
    days: FloatArray
    anomaly: FloatArray
    arrival: FloatArray
    memory: FloatArray
    held_days: float


def land_memory(
    setup: EmbeddedSetup,
    sites: Sequence[Site] = SITES,
    *,
    anomaly: float = 0.06,
    held_days: int = 30,
    free_days: int = 90,
    settle_days: int = 365,
    threshold: float = 0.003,
) -> Memory:
    """Hold the upper 0.1 m of a second run moister than the first one's, every six hours, then release it.

    Parameters
    ----------
    setup : tiles and weather; the physics must be land_surface. The holding begins at its start.
    anomaly : of the held layers, m3 m-3, limited by the pore space.
    held_days, free_days : number of days with the surface held, and afterwards.
    settle_days : number of days that the columns run beforehand.
    threshold : anomaly that counts as arrived, m3 m-3.

    Raises
    ------
    ConfigError : another physics.

    Notes
    -----
    Local. Depths are those of the layers' nodes, between which the anomaly is interpolated.
    """
    section = setup.model.embedded
    if section is None or section.physics != "land_surface":
        raise ConfigError("the memory of the land needs model.physics: land_surface.")
    domain = setup.domain
    index = np.array([_nearest(domain.tiles, site) for site in sites])
    order = np.argsort(index, kind="stable")
    if np.unique(index).size < index.size:
        raise ConfigError("two sites share a tile: choose a finer grid.")
    sites = tuple(sites[k] for k in order)
    index = index[order]
    climate = tile_climate(domain.tiles, domain.climatology)
    tiles, parameters = _planted(
        domain.tiles.take(index),
        land_parameters(domain.tiles, land_cover(domain.tiles, domain.cell_cover, climate)).take(index),
        climate.temperature[index],
        sites,
    )
    _, whole = setup.free_run()
    model = LandSurfaceModel(tiles, setup.weather(tiles), parameters, section.timestep_s, scheme=hydrology_of(section))
    control = whole.take(index)
    now = setup.start
    model.forecast(control, now - timedelta(days=settle_days), now)
    held = control.copy()
    days, rows = [], []
    for k in range((held_days + free_days) * 4):
        if k < 4 * held_days:
            _hold(tiles, control, held, anomaly)
            model.diagnose(held)
        days.append(k / 4.0)
        rows.append(volumetric_water(held) - volumetric_water(control))
        for state in (control, held):
            model.forecast(state, now, now + CYCLE)
        now += CYCLE
    difference = np.stack(rows, axis=1)
    time = np.array(days)
    return Memory(
        sites, time, difference, _arrivals(time, difference, threshold), _lasting(time, difference, held_days),
        float(held_days),
    )  # fmt: skip


def _nearest(tiles: Tiles, site: Site) -> int:
    apart = np.hypot(tiles.lat - site.lat, (np.mod(tiles.lon - site.lon + 180.0, 360.0) - 180.0))
    apart = np.where(tiles.patchtype == PatchType.SOIL, apart, np.inf)
    return int(np.argmin(apart))


def _planted(
    tiles: Tiles, parameters: LandParameters, temperature: FloatArray, sites: Sequence[Site]
) -> tuple[Tiles, LandParameters]:
    """The tiles with the sites' vegetation."""
    cover = np.array([site.cover for site in sites])
    area = [plants.season(site.plant, temperature[k]) for k, site in enumerate(sites)]

    def each(name: str) -> FloatArray:
        return np.array([getattr(site.plant, name) for site in sites])

    planted = replace(
        parameters,
        vegetation_fraction=cover,
        canopy_height=each("height"),
        canopy_albedo=each("albedo"),
        stem_visible=each("stem_visible"),
        stem_infrared=each("stem_infrared"),
        leaf_angle=each("leaf_angle"),
        min_stomatal_resistance=each("rs_min"),
        radiation_half=each("rgl"),
        leaf_width=each("leaf_width"),
        lai=np.stack([green for green, _ in area]),
        sai=each("sai")[:, None] + np.stack([dead for _, dead in area]),
    )
    roots = np.stack([layer_shares(*site.roots) for site in sites])
    return replace(tiles, vegetation_fraction=cover, root_fraction=roots), planted


def _hold(tiles: Tiles, control: TileState, held: TileState, anomaly: float) -> None:
    """Set the liquid of the held layers to the control's plus the anomaly, in place; frozen layers are unchanged."""
    mass = RHO_WATER * SOIL_DZ
    layers = SOIL_Z < HELD_DEPTH_M
    wanted = control.soil("wliq_soisno") + anomaly * mass
    free = (control.soil("wice_soisno") <= FROZEN_ICE) & (held.soil("wice_soisno") <= FROZEN_ICE) & layers
    held.soil("wliq_soisno")[free] = np.minimum(wanted, 0.98 * tiles.porsl * mass)[free]


def _arrivals(days: FloatArray, anomaly: FloatArray, threshold: float) -> FloatArray:
    found = np.full((anomaly.shape[0], len(DEPTHS_M)), np.nan)
    for i, one in enumerate(anomaly):
        for k, depth in enumerate(DEPTHS_M):
            there = np.array([np.interp(depth, SOIL_Z, row) for row in one])
            late: IntArray = np.flatnonzero(there > threshold)
            if late.size:
                found[i, k] = days[late[0]]
    return found


def _lasting(days: FloatArray, anomaly: FloatArray, held_days: int) -> FloatArray:
    upper = np.clip(1.0 - (np.cumsum(SOIL_DZ) - SOIL_DZ), 0.0, SOIL_DZ)
    water = anomaly @ upper
    last = 4 * held_days - 1
    found = np.full(anomaly.shape[0], np.nan)
    for i, one in enumerate(water):
        late = np.flatnonzero(one[last:] < one[last] / np.e)
        if late.size:
            found[i] = days[last + late[0]] - days[last]
    return found
