"""The embedded land model at one site: its tile, parameters, weather and initial state from the user's files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import CONDUCTIVITY_WATER, N_SOIL, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.point import find_constants, read_point_constants, read_point_state
from landda_hpc.formats.forcing.plumber import PointForcing, SiteRecord
from landda_hpc.model.column.land.initial import land_state_from_profile
from landda_hpc.model.column.land.parameters import LandParameters
from landda_hpc.model.column.land.plants import (
    BROADLEAF_TREES,
    DESERT_SHRUBS,
    GRASS,
    NEEDLE_TREES,
    SAVANNA_TREES,
    SHRUBS,
    TROPICAL_GRASS,
    TROPICAL_TREES,
    Plant,
    dead_share,
)
from landda_hpc.model.column.vegetation import root_shares
from landda_hpc.model.protocol import Weather
from landda_hpc.state import PatchType, Tiles, TileState
from landda_hpc.variables import LAND_STATE, STATE


@dataclass(frozen=True)
class _Cover:
    """Properties of an IGBP class: the plant, and Schenk-Jackson's d50 (m) and exponent of its roots."""

    plant: Plant
    d50: float
    beta: float


# Classes without soil (11 wetland, 13 urban, 15 ice, 17 water) have no entry. Roots: the values that CoLM
# assigns to IGBP classes, after Schenk and Jackson (2002, Ecol. Monogr., 72, 311-328).
_COVERS: Final[dict[int, _Cover]] = {
    1: _Cover(NEEDLE_TREES, 0.15, -1.623),
    2: _Cover(TROPICAL_TREES, 0.15, -1.623),
    3: _Cover(NEEDLE_TREES, 0.16, -1.681),
    4: _Cover(BROADLEAF_TREES, 0.16, -1.681),
    5: _Cover(BROADLEAF_TREES, 0.155, -1.652),
    6: _Cover(SHRUBS, 0.19, -1.336),
    7: _Cover(DESERT_SHRUBS, 0.28, -1.909),
    8: _Cover(SAVANNA_TREES, 0.185, -1.582),
    9: _Cover(TROPICAL_GRASS, 0.28, -1.798),
    10: _Cover(GRASS, 0.09, -1.359),
    12: _Cover(GRASS, 0.22, -1.796),
    14: _Cover(GRASS, 0.22, -1.796),
    16: _Cover(DESERT_SHRUBS, 0.09, -2.261),
}

_RAW_LAYER: Final = (0, 0, 1, 2, 3, 4, 5, 6, 7, 7)
"""Layer of the site file, whose lower ends are at 0.045, 0.091, 0.166 ... 2.3 m, in which each model layer lies."""

_DEFAULT_ALBEDO: Final = (0.32, 0.21)
"""Broadband albedo of dry and wet soil if the files give none: colour 10 of 20 of Lawrence and Chase (2007)."""

COLD_START_SATURATION: Final = 0.5
COLD_START_WATER_TABLE: Final = 4.0  # m


@dataclass(frozen=True, eq=False)
class SiteModel:
    """Model of one site, with one tile.

    Attributes
    ----------
    tiles, state : of the one tile.
    weather : on UTC.
    utc_offset : local standard time minus UTC.
    site : site record with leaf area by year.
    parameters : with the leaf area of the forcing's first year, all of it green.
    dead_share : dead fraction of the leaf area by month, (12,).
    """

    tiles: Tiles
    state: TileState
    weather: SiteWeather
    utc_offset: timedelta
    site: SiteRecord
    parameters: LandParameters
    dead_share: FloatArray

    def parameters_of(self, year: int) -> LandParameters:
        """Parameters with the leaf area of a year, without its dead leaves, which count as stems."""
        lai, sai = self.site.leaf_area(year)
        dead = self.dead_share * lai
        return replace(self.parameters, lai=(lai - dead)[None], sai=(sai + dead)[None])


class SiteWeather:
    """The forcing of one site in the form of the model; implements ``WeatherSource`` on UTC.

    Parameters
    ----------
    forcing : on local standard time; it may begin at any step.
    utc_offset : local standard time minus UTC, whole forcing steps.

    Notes
    -----
    ``wind_height`` and ``scalar_height`` are those of the instruments, m.
    """

    def __init__(self, forcing: PointForcing, utc_offset: timedelta) -> None:
        first = forcing.start - utc_offset
        into = first - first.replace(hour=0, minute=0, second=0, microsecond=0)
        if timedelta(days=1) % forcing.step or into % forcing.step:
            raise DataError(
                f"forcing '{forcing.path}' has steps of {forcing.step} from {first} UTC; expected steps that divide a "
                "day, counted from midnight UTC. Check --utc-offset."
            )
        self._forcing = forcing
        self._first = first
        self.wind_height = forcing.wind_height
        self.scalar_height = forcing.scalar_height

    @property
    def step(self) -> timedelta:
        """Length of a forcing step."""
        return self._forcing.step

    def during(self, start: datetime) -> Weather:
        """Weather of the step at ``start`` (UTC), one tile; DataError outside the forcing's period."""
        index = (start - self._first) // self._forcing.step
        if not 0 <= index < self._forcing.n_time:
            raise DataError(
                f"no forcing at {start} UTC: '{self._forcing.path}' runs from {self._forcing.start} to "
                f"{self._forcing.end} local time."
            )
        values = self._forcing.values
        return Weather(**{name: values[name][index : index + 1] for name in values})


def prepare_site(
    forcing: PointForcing,
    site: SiteRecord,
    restart: Path | None,
    constants: Path | None,
    utc_offset_hours: float | None = None,
    *,
    site_soil: bool = False,
) -> SiteModel:
    """Set up the embedded model at a site. Local: no communication.

    Parameters
    ----------
    forcing, site : contents of the files.
    restart : CoLM's time-varying restart of a one-patch case, whose variables become the initial state; None: a cold
        start, half saturated, at the forcing's mean temperature.
    constants : CoLM's constant restart with the soil; None: the one next to ``restart``, or without a restart the
        soil of the site file.
    utc_offset_hours : local standard time minus UTC, h; None: from the longitude, to the hour.
    site_soil : use the soil of the site file even if a restart is given.

    Raises
    ------
    DataError : the land cover has no soil tile here, the soil is unknown, or a file is not usable.
    """
    cover = _COVERS.get(site.igbp)
    if cover is None:
        raise DataError(
            f"'{site.path}' has land cover {site.igbp} (IGBP), for which the embedded model has no soil tile; "
            f"known are {', '.join(str(k) for k in _COVERS)}."
        )
    source = None if site_soil else constants or (find_constants(restart) if restart is not None else None)
    soil, albedo = _soil_of_restart(source) if source is not None else _soil_of_site(site)
    tiles = _tile(forcing, soil, cover)
    hours = round(forcing.longitude / 15.0) if utc_offset_hours is None else utc_offset_hours
    offset = timedelta(hours=hours)
    parameters = _parameters(site, soil, albedo or site.soil_albedo, cover.plant, forcing.start.year)
    state = land_state_from_profile(
        tiles,
        np.full((1, N_SOIL), forcing.values["air_temperature"].mean()),
        COLD_START_SATURATION * tiles.porsl,
        np.array([COLD_START_WATER_TABLE]),
    )
    if restart is not None:
        found = read_point_state(restart, {name: STATE[name].shape for name in LAND_STATE})
        missing = set(LAND_STATE) - set(found)
        if missing:
            raise DataError(f"restart '{restart}' lacks {', '.join(sorted(missing))}.")
        state = TileState(found)
    dead = dead_share(_monthly_temperature(forcing)) if cover.plant.is_herb else np.zeros(12)
    return SiteModel(tiles, state, SiteWeather(forcing, offset), offset, site, parameters, dead)


def _monthly_temperature(forcing: PointForcing) -> FloatArray:
    """Mean air temperature by month of the forcing, K, (12,), interpolated to months that it lacks."""
    times = np.datetime64(forcing.start) + np.arange(forcing.n_time) * np.timedelta64(forcing.step)
    month = times.astype("datetime64[M]").astype(int) % 12
    count = np.bincount(month, minlength=12)
    sums = np.bincount(month, forcing.values["air_temperature"], 12)
    known = np.flatnonzero(count)
    means: FloatArray = np.interp(np.arange(12), known, sums[known] / count[known], period=12)
    return means


def _soil_of_restart(path: Path) -> tuple[dict[str, FloatArray], dict[str, float]]:
    constants = read_point_constants(path)
    soil = constants.soil
    return {
        "porosity": soil["porsl"],
        "suction": soil["psi0"],
        "b": soil["bsw"],
        "conductivity": soil["hksati"],
        "heat_capacity": soil["csol"] / (1.0 - soil["porsl"]),
        "dry_conductivity": soil["dkdry"],
        "solids_conductivity": _solids_conductivity(soil["dksatu"], soil["porsl"]),
    }, constants.soil_albedo


def _soil_of_site(site: SiteRecord) -> tuple[dict[str, FloatArray], dict[str, float]]:
    short = [name for name in ("porosity", "suction", "lambda", "conductivity", "solids_heat_capacity",
                               "dry_conductivity", "saturated_conductivity")
             if name not in site.soil or site.soil[name].size < max(_RAW_LAYER) + 1]  # fmt: skip
    if short:
        raise DataError(
            f"'{site.path}' does not describe the soil ({', '.join(short)}); name CoLM's constant restart of the site "
            "with --constants, or an initial state with --initial."
        )
    layers = {name: values[list(_RAW_LAYER)] for name, values in site.soil.items()}
    return {
        "porosity": layers["porosity"],
        "suction": layers["suction"],
        "b": 1.0 / layers["lambda"],
        "conductivity": layers["conductivity"],
        "heat_capacity": layers["solids_heat_capacity"] / (1.0 - layers["porosity"]),
        "dry_conductivity": layers["dry_conductivity"],
        "solids_conductivity": _solids_conductivity(layers["saturated_conductivity"], layers["porosity"]),
    }, {}


def _solids_conductivity(saturated: FloatArray, porosity: FloatArray) -> FloatArray:
    """Conductivity of the solids from that of unfrozen saturated soil, the geometric mean of solids and water."""
    solids: FloatArray = (saturated / CONDUCTIVITY_WATER**porosity) ** (1.0 / (1.0 - porosity))
    return solids


def _tile(forcing: PointForcing, soil: dict[str, FloatArray], cover: _Cover) -> Tiles:
    one = np.zeros(1, dtype=np.int64)
    return Tiles(
        global_index=one,
        cell=one.copy(),
        area_fraction=np.ones(1),
        patchtype=np.full(1, int(PatchType.SOIL), dtype=np.int64),
        soil_class=one + 3,  # not used, because soil and plants are from the site's files
        climate_class=one.copy(),
        lat=np.array([forcing.latitude]),
        lon=np.array([forcing.longitude]),
        porsl=soil["porosity"][None],
        psi0=soil["suction"][None],
        bsw=soil["b"][None],
        hksati=soil["conductivity"][None],
        theta_r=np.zeros((1, N_SOIL)),
        vegetation_fraction=np.ones(1),
        root_fraction=root_shares(cover.d50, cover.beta)[None],
    )


def _parameters(
    site: SiteRecord, soil: dict[str, FloatArray], albedo: dict[str, float], plant: Plant, year: int
) -> LandParameters:
    dry, wet = _DEFAULT_ALBEDO
    if albedo:  # visible and infrared radiation each have about half of the energy
        dry = 0.5 * (albedo["dry_visible"] + albedo["dry_infrared"])
        wet = 0.5 * (albedo["saturated_visible"] + albedo["saturated_infrared"])
    lai, sai = site.leaf_area(year)
    return LandParameters(
        solid_conductivity=soil["solids_conductivity"][None],
        dry_conductivity=soil["dry_conductivity"][None],
        solid_heat_capacity=soil["heat_capacity"][None],
        albedo_dry=np.array([dry]),
        albedo_wet=np.array([wet]),
        vegetation_fraction=np.ones(1),
        canopy_height=np.array([plant.height if np.isnan(site.canopy_height) else site.canopy_height]),
        canopy_albedo=np.array([plant.albedo]),
        stem_visible=np.array([plant.stem_visible]),
        stem_infrared=np.array([plant.stem_infrared]),
        leaf_angle=np.array([plant.leaf_angle]),
        min_stomatal_resistance=np.array([plant.rs_min]),
        radiation_half=np.array([plant.rgl]),
        leaf_width=np.array([plant.leaf_width]),
        lai=lai[None],
        sai=sai[None],
    )
