"""The land model's own climate: annual means by climate zone, frozen ground, soil moisture against a climatology."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.constants import FROZEN_ICE, BoolArray, FloatArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.errors import ConfigError
from landda_hpc.formats.own.soil_moisture_climatology import SoilMoistureClimatology, read_soil_moisture_climatology
from landda_hpc.image.aggregate import aggregate, volumetric_water
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_share
from landda_hpc.parallel.together import together
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.state import PatchType, TileState

logger = logging.getLogger(__name__)

ZONES: Final[dict[str, tuple[str, ...]]] = {
    "rain forest (Af, Am)": ("Af", "Am"),
    "savanna (Aw)": ("Aw",),
    "desert (BW)": ("BW",),
    "steppe (BS)": ("BS",),
    "mediterranean (Cs)": ("Cs",),
    "warm temperate (Cf, Cw)": ("Cf", "Cw"),
    "cold, long summer (Da, Db)": ("Dfa", "Dfb", "Dwa", "Dwb", "Dsa", "Dsb"),
    "boreal (Dc, Dd)": ("Dfc", "Dfd", "Dwc", "Dwd", "Dsc", "Dsd"),
    "tundra (ET)": ("ET",),
}
"""Climate zones by the prefixes of their Koeppen-Geiger symbols."""

SIBERIA: Final = (60.0, 72.0, 90.0, 140.0)
"""South, north, west, east, degrees."""

Progress = Callable[[datetime, datetime], None]


@dataclass(frozen=True)
class ZoneMeans:
    """Annual means over the soil of a zone, weighted by area.

    Attributes
    ----------
    precipitation, evapotranspiration, runoff : mm a-1; runoff is surface runoff plus baseflow.
    runoff_ratio : runoff over precipitation, 1.
    baseflow_share : share of baseflow in runoff, 1.
    sensible, latent : W m-2.
    evaporative_fraction : latent over latent and sensible heat, 1.
    surface, root_zone : soil moisture of 0-10 cm and 0-100 cm, m3 m-3, ice included.
    """

    zone: str
    n_tiles: int
    precipitation: float
    evapotranspiration: float
    runoff: float
    runoff_ratio: float
    baseflow_share: float
    sensible: float
    latent: float
    evaporative_fraction: float
    surface: float
    root_zone: float


@dataclass(frozen=True)
class LandClimate:
    """Climate of a free run of the land model.

    Attributes
    ----------
    zones : means of all years except the first (of the only one).
    frozen_january, frozen_july : share of Siberia's soil with ice in the upper 10 cm at the month's end, 0..1; of the
        last year.
    snow_january : mean snow mass of Siberia, kg m-2.
    correlation : spatial correlation of annual-mean surface soil moisture with a climatology, on the model's grid; None
        without one.
    correlation_own : the same on the climatology's own grid, which may be coarser: model means over its cells.
    max_water_residual, max_energy_residual : of any tile and step of the whole run, kg m-2 and W m-2.
    years : number of simulated years.
    """

    zones: tuple[ZoneMeans, ...]
    frozen_january: float
    frozen_july: float
    snow_january: float
    correlation: float | None
    correlation_own: float | None
    max_water_residual: float
    max_energy_residual: float
    years: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def land_climate(
    setup: EmbeddedSetup,
    world: Communicator,
    years: int,
    climatology: Path | None = None,
    progress: Progress | None = None,
) -> LandClimate:
    """Run the model freely from the setup's start for whole years; return annual means.

    Parameters
    ----------
    setup : tiles, weather, model and initial state; the physics must be land_surface.
    years : number of years.
    climatology : file of monthly volumetric soil water, as for ``model.initial_file``.

    Raises
    ------
    ConfigError : another physics, or no year.
    DataError, MissingFileError : the climatology cannot be read; reported before the model runs.
    ModelError : as ``LandModel.forecast``.

    Notes
    -----
    Collective. The same numbers on any number of ranks.
    """
    if setup.model.tile_physics != "land_surface" or years < 1:
        raise ConfigError("a land climate needs model.physics: land_surface and at least one year.")
    domain = setup.domain
    mine = even_share(len(domain.tiles), world.rank, world.size)
    product = None
    with together(world, "making the model"):
        if climatology is not None:
            product = read_soil_moisture_climatology(climatology)
        model, state = setup.free_run(mine)
    start = setup.start
    # In the first year the surface adjusts to the forcing.
    first = start + timedelta(days=365 * min(1, years - 1))
    end = start + timedelta(days=365 * years)
    sums: dict[str, FloatArray] = {}
    theta = np.zeros((state.n_tile, 10))
    frozen: dict[int, float] = {}
    snow = 0.0
    days = 0
    water = energy = 0.0
    siberia = _region(domain, SIBERIA)
    now = start
    while now < end:
        until = now + timedelta(days=1)
        with together(world, f"forecast from {now}"):
            report = model.forecast(state, now, until)
        assert report.energy is not None, "the physics has an energy balance"
        water, energy = max(water, report.max_residual), max(energy, report.energy.max_residual)
        if now >= first:
            found = {
                "precipitation": report.precipitation,
                "evapotranspiration": report.evapotranspiration,
                "runoff": report.runoff + report.drainage,
                "baseflow": report.drainage,
                "sensible": report.energy.sensible,
                "latent": report.energy.latent,
            }
            for name, values in found.items():
                sums[name] = sums[name] + values if name in sums else values.copy()
            theta += volumetric_water(state)
            days += 1
            if until.month in (1, 7) and (until + timedelta(days=1)).month != until.month:
                frozen[until.month] = _mean(_whole(_is_frozen(state), world), siberia, domain)
                if until.month == 1:
                    snow = _mean(_whole(state["scv"], world), siberia, domain)
        now = until
        if progress is not None:
            progress(now, end)
    sums = {name: _whole(values, world) for name, values in sums.items()}
    theta = _whole(theta, world) / days
    water, energy = (max(values) for values in zip(*world.all_gather((water, energy)), strict=True))
    zones = tuple(
        _zone(name, _in_zone(domain, starts), sums, theta, days, domain)
        for name, starts in ZONES.items()
        if _in_zone(domain, starts).any()
    )
    alike = (None, None) if product is None else _correlations(domain, theta, product)
    return LandClimate(
        zones,
        frozen.get(1, float("nan")),
        frozen.get(7, float("nan")),
        snow,
        alike[0],
        alike[1],
        water,
        energy,
        years,
    )


def _zone(
    name: str, inside: BoolArray, sums: dict[str, FloatArray], theta: FloatArray, days: int, domain: Domain
) -> ZoneMeans:
    per_year = 365.0 / days
    rain, evaporation, runoff, baseflow = (
        per_year * _mean(sums[k], inside, domain) for k in ("precipitation", "evapotranspiration", "runoff", "baseflow")
    )
    sensible, latent = (_mean(sums[k], inside, domain) / days for k in ("sensible", "latent"))
    surface, root_zone = (
        _mean(np.asarray(theta @ depth_weights(*depth)), inside, domain) for depth in ((0.0, 0.1), (0.0, 1.0))
    )
    return ZoneMeans(
        name, int(inside.sum()), rain, evaporation, runoff, runoff / rain, baseflow / runoff if runoff > 0.0 else 0.0,
        sensible, latent, latent / (latent + sensible), surface, root_zone,
    )  # fmt: skip


def _in_zone(domain: Domain, starts: tuple[str, ...]) -> BoolArray:
    classes = [k for k, name in enumerate(KOPPEN_CLASSES, start=1) if name.startswith(starts)]
    inside: BoolArray = np.isin(domain.tiles.climate_class, classes) & (domain.tiles.patchtype == PatchType.SOIL)
    return inside


def _region(domain: Domain, box: tuple[float, float, float, float]) -> BoolArray:
    south, north, west, east = box
    tiles = domain.tiles
    inside: BoolArray = (
        (tiles.lat > south) & (tiles.lat < north) & (tiles.lon > west) & (tiles.lon < east)
        & (tiles.patchtype == PatchType.SOIL)
    )  # fmt: skip
    return inside


def _mean(values: FloatArray, inside: BoolArray, domain: Domain) -> float:
    weight = (domain.tiles.area_fraction * np.cos(np.deg2rad(domain.tiles.lat)))[inside]
    return float((values[inside] * weight).sum() / weight.sum()) if weight.sum() > 0.0 else float("nan")


def _is_frozen(state: TileState) -> FloatArray:
    """1 if all layers of the upper 10 cm hold ice, otherwise 0."""
    return np.asarray((state.soil("wice_soisno")[:, :3] > FROZEN_ICE).all(axis=1), dtype=np.float64)


def _whole(values: FloatArray, world: Communicator) -> FloatArray:
    """Gather an array of all tiles from all ranks. Collective."""
    return np.concatenate(world.all_gather(values))


def _correlations(domain: Domain, theta: FloatArray, product: SoilMoistureClimatology) -> tuple[float, float]:
    """Model's annual mean of 0-7 cm and the climatology's upper layer in cells with mostly soil, on both grids."""
    months = [datetime(2022, month, 15) for month in range(1, 13)]
    images = [product.on_grid(when, domain.grid, fill=domain.is_land)[0] for when in months]
    mine = domain.cells.to_image(aggregate(domain.tiles, theta @ depth_weights(0.0, 0.07)[:, None])[:, 0])
    mine = np.where(domain.is_scored, mine, np.nan)
    coarse = Regridder(domain.grid, product.grid, "conservative")(mine)
    return _spatial(mine, np.mean(images, axis=0)), _spatial(coarse, product.values[:, 0].mean(axis=0))


def _spatial(image: FloatArray, other: FloatArray) -> float:
    """Correlation over the cells where both have a value."""
    use = np.isfinite(image) & np.isfinite(other)
    return float(np.corrcoef(image[use], other[use])[0, 1])
