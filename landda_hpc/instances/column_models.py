"""The embedded column model: its physics on a rank's tiles, and its initial states."""

from __future__ import annotations

from datetime import datetime

from landda_hpc.config import ColumnModelConfig
from landda_hpc.constants import FloatArray
from landda_hpc.formats.own.soil_moisture_climatology import read_soil_moisture_climatology
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.spun_up_start import spun_up_state
from landda_hpc.model.column.column import ColumnModel
from landda_hpc.model.column.hydraulics import Hydrology
from landda_hpc.model.column.initial import initial_state, soil_water_by_climate, soil_water_from_profile
from landda_hpc.model.column.land.initial import fitted, land_initial_state
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import land_cover, land_parameters
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.column.tile_model import TileModel
from landda_hpc.model.protocol import LandModel, ModelMaker, WeatherSource
from landda_hpc.state import Tiles, TileState, whole_vectors


def hydrology_of(model: ColumnModelConfig) -> Hydrology:
    """Alternatives of the soil-water scheme that a section chooses."""
    return Hydrology(model.saturated_fraction, model.interface_conductivity)


def column_maker(model: ColumnModelConfig, setup: EmbeddedSetup, mine: slice) -> ModelMaker:
    """Create models of the configured physics on this rank's slice of the tiles. Local."""
    domain, step = setup.domain, model.timestep_s
    whole, part = whole_vectors(mine, len(domain.tiles))
    near = domain.tiles.take(whole)
    climate = tile_climate(near, domain.climatology)
    is_land = model.physics == "land_surface"
    cover = land_cover(near, domain.cell_cover, climate).take(part) if is_land else None
    wave = AnnualWave(climate.take(part).temperature)
    scheme = hydrology_of(model)
    known: dict[int, TileModel] = {}

    def make(
        tiles: Tiles, weather: WeatherSource, rain: FloatArray | float, evaporation: FloatArray | float
    ) -> LandModel:
        is_usual = isinstance(evaporation, float) and evaporation == 1.0
        if is_usual and id(tiles) in known:
            return known[id(tiles)].sibling(weather, rain)  # runs and members with the same parameters
        made: TileModel
        if cover is None:
            made = ColumnModel(tiles, weather, wave, step, rain, evaporation, scheme)
        else:
            made = LandSurfaceModel(tiles, weather, land_parameters(tiles, cover), step, rain, evaporation, scheme)
        if is_usual:
            known[id(tiles)] = made  # which holds the tiles, so that the number stays theirs
        return made

    return make


def column_start(
    model: ColumnModelConfig, setup: EmbeddedSetup, instance: Instance, time: datetime, mine: slice
) -> TileState:
    """State of a slice of the tiles of an instance; see ``EmbeddedModelSection.initial_state``. Local."""
    domain = setup.domain
    if setup.stored_states is not None:  # of the free model; instances of a campaign read them themselves
        return setup.stored_states.state(domain, instance, mine)
    whole, part = whole_vectors(mine, len(domain.tiles))
    tiles, change = setup.tiles(instance, whole), setup.wetness_change(instance, whole)
    return _column_start(model, setup, tiles, change, time, whole).take(part)


def _column_start(
    model: ColumnModelConfig, setup: EmbeddedSetup, tiles: Tiles, change: FloatArray, time: datetime, mine: slice
) -> TileState:
    """State of the tiles of a slice, with the tiles and the change of wetness of an instance. Local."""
    domain = setup.domain
    climate = tile_climate(domain.tiles.take(mine), domain.climatology)
    if model.initial == "spun_up":
        name = model.initial_file
        path = None if name is None else setup.data_root / name
        return fitted(spun_up_state(path, domain, tiles, time, mine), tiles, change)
    if model.initial == "file":
        assert model.initial_file is not None, "checked by the configuration"
        product = read_soil_moisture_climatology(setup.data_root / model.initial_file)
        profile = product.on_grid(time, domain.grid, fill=domain.is_land)
        theta = soil_water_from_profile(tiles, profile, product.depths_m, change)
    else:
        theta = soil_water_by_climate(tiles, climate, change)
    make = land_initial_state if model.physics == "land_surface" else initial_state
    return make(tiles, AnnualWave(climate.temperature), time, theta)


def climate_start(setup: EmbeddedSetup, instance: Instance, time: datetime, mine: slice) -> TileState:
    """State of a slice of the tiles with soil water by climate class, for a model of ``soil_water``. Local."""
    whole, part = whole_vectors(mine, len(setup.domain.tiles))
    tiles = setup.tiles(instance, whole)
    climate = tile_climate(tiles, setup.domain.climatology)
    theta = soil_water_by_climate(tiles, climate, setup.wetness_change(instance, whole))
    return initial_state(tiles, AnnualWave(climate.temperature), time, theta).take(part)
