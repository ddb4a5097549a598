"""The embedded column model: its physics on a rank's tiles, and its initial states."""

from __future__ import annotations

from datetime import datetime
from typing import Final

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
from landda_hpc.model.column.land.parameters import land_parameters
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.column.tile_model import TileModel
from landda_hpc.model.protocol import LandModel, ModelMaker, WeatherSource
from landda_hpc.state import Tiles, TileState


def hydrology_of(model: ColumnModelConfig) -> Hydrology:
    """Alternatives of the soil-water scheme that a section chooses."""
    return Hydrology(model.saturated_fraction, model.interface_conductivity)


def column_maker(model: ColumnModelConfig, setup: EmbeddedSetup, mine: slice) -> ModelMaker:
    """Create models of the configured physics on this rank's slice from global tiles and weather. Local."""
    domain, step = setup.domain, model.timestep_s
    # Land parameters come from the global vector, because numpy's result for a slice may differ in the last bit.
    climate = tile_climate(domain.tiles, domain.climatology) if model.physics == "land_surface" else None
    here = tile_climate(domain.tiles.take(mine), domain.climatology) if climate is None else climate.take(mine)
    wave = AnnualWave(here.temperature)
    scheme = hydrology_of(model)
    of_domain: TileModel | None = None

    def make(
        tiles: Tiles, weather: WeatherSource, rain: FloatArray | float, evaporation: FloatArray | float
    ) -> LandModel:
        nonlocal of_domain
        is_plain = tiles is domain.tiles and isinstance(evaporation, float) and evaporation == 1.0
        if is_plain and of_domain is not None:
            return of_domain.sibling(weather, rain)  # runs and members without perturbed parameters
        made: TileModel
        if climate is None:
            made = ColumnModel(tiles.take(mine), weather, wave, step, rain, evaporation, scheme)
        else:
            parameters = land_parameters(tiles, domain.grid, climate).take(mine)
            made = LandSurfaceModel(tiles.take(mine), weather, parameters, step, rain, evaporation, scheme)
        of_domain = made if is_plain else of_domain
        return made

    return make


def column_start(
    model: ColumnModelConfig, setup: EmbeddedSetup, instance: Instance, time: datetime, mine: slice
) -> TileState:
    """State of a slice of the tiles of an instance; see ``EmbeddedModelSection.initial_state``. Local."""
    domain = setup.domain
    if setup.stored_states is not None:  # of the free model; instances of a campaign read them themselves
        return setup.stored_states.state(domain, instance, mine)
    whole, part = _whole_vectors(mine, len(domain.tiles))
    tiles, change = setup.wetness_change(instance)
    return _column_start(model, setup, tiles.take(whole), change[whole], time, whole).take(part)


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
    whole, part = _whole_vectors(mine, len(setup.domain.tiles))
    climate = tile_climate(setup.domain.tiles.take(whole), setup.domain.climatology)
    tiles, change = setup.wetness_change(instance)
    tiles = tiles.take(whole)
    theta = soil_water_by_climate(tiles, climate, change[whole])
    return initial_state(tiles, AnnualWave(climate.temperature), time, theta).take(part)


_VECTOR: Final = 64
"""Tiles whose values numpy computes together, at most: a multiple of the lanes of every vector instruction."""


def _whole_vectors(mine: slice, n_tiles: int) -> tuple[slice, slice]:
    """The slice extended to whole vectors of the global tile vector, and its own part of that.

    A vector instruction and its scalar remainder may differ in the last bit. With whole vectors a tile has the same
    bits on any number of ranks.
    """
    whole = slice(mine.start // _VECTOR * _VECTOR, min(-(-mine.stop // _VECTOR) * _VECTOR, n_tiles))
    return whole, slice(mine.start - whole.start, mine.stop - whole.start)
