"""The column model over the globe, under the generator's weather: is it the Earth?"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.config import ForcingConfig, TilesConfig
from landda_hpc.constants import SOIL_DZ, T_FREEZE, FloatArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.grid import regular_grid
from landda_hpc.model.column.column import ColumnModel
from landda_hpc.model.column.initial import initial_state, soil_water_by_climate
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.soil import with_perturbed_parameters
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.forcing import StochasticWeather, load_climatology
from landda_hpc.state import Tiles, TileState

DAY = timedelta(days=1)


def _theta(state: TileState) -> FloatArray:
    return state.soil("wliq_soisno") / (1000.0 * SOIL_DZ) + state.soil("wice_soisno") / (917.0 * SOIL_DZ)


class Globe:
    """A coarse globe with weather, soil water and the model."""

    def __init__(self, start: datetime, n_lat: int = 32) -> None:
        self.start = start
        grid = regular_grid(n_lat, 2 * n_lat)
        self.tiles: Tiles = build_tiles(grid, TilesConfig())
        climatology = load_climatology(grid)
        self.climate = tile_climate(self.tiles, climatology)
        self.wave = AnnualWave(self.climate.temperature)
        self.weather = StochasticWeather(grid, self.tiles, ForcingConfig(), 1, "base", 1.0, climatology)
        theta = soil_water_by_climate(self.tiles, self.climate)
        self.state = initial_state(self.tiles, self.wave, start, theta)
        self.model = ColumnModel(self.tiles, self.weather, self.wave)

    def of(self, *classes: str) -> np.ndarray:
        wanted = [1 + KOPPEN_CLASSES.index(name) for name in classes]
        return self.tiles.is_updatable & np.isin(self.tiles.climate_class, wanted)


def _water(state) -> np.ndarray:
    return (state["wliq_soisno"] + state["wice_soisno"]).sum(axis=1) + state["wetwat"]


@pytest.mark.verify
def test_sixty_days_of_summer() -> None:
    globe = Globe(datetime(2022, 6, 2))
    state, tiles = globe.state, globe.tiles
    before = _water(state)
    surface, change = [], np.zeros(len(tiles))
    rain, evaporation = np.zeros(len(tiles)), np.zeros(len(tiles))
    for k in range(240):
        begin = globe.start + 0.25 * k * DAY
        report = globe.model.forecast(state, begin, begin + 0.25 * DAY)
        assert report.max_residual <= 1e-9
        change += report.storage_change
        rain += report.precipitation
        evaporation += report.evapotranspiration
        surface.append(_theta(state)[:, 0])
    np.testing.assert_allclose(_water(state) - before, change, atol=1e-6)

    theta = _theta(state)
    soil = tiles.is_updatable
    assert theta[soil].min() > 0.01
    assert (theta[soil] <= tiles.porsl[soil] * 1.1).all()
    mean = np.mean(surface[-120:], axis=0)
    assert mean[globe.of("BWh")].mean() < 0.12
    assert mean[globe.of("Af", "Am")].mean() > 0.25
    # mm a day: rain forests evaporate 3 to 4.5, deserts little more than it rains.
    forest, desert = globe.of("Af", "Am"), globe.of("BWh")
    assert 2.5 < evaporation[forest].mean() / 60.0 < 4.5
    assert evaporation[desert].mean() < rain[desert].mean() + 20.0

    # The surface forgets within days, not hours and not months.
    warm = soil & (state.soil("t_soisno")[:, 0] > T_FREEZE)
    series = np.array(surface[-160:])[:, warm]
    series -= series.mean(axis=0)
    variance = (series**2).mean(axis=0)

    def correlation(days: int) -> float:
        lagged = (series[: -4 * days] * series[4 * days :]).mean(axis=0) / np.maximum(variance, 1e-12)
        return float(np.median(lagged))

    assert 0.3 < correlation(1) < 0.95
    assert correlation(10) < 0.3


def test_january_freezes_siberia() -> None:
    globe = Globe(datetime(2022, 1, 10))
    tiles, state = globe.tiles, globe.state
    siberia = tiles.is_updatable & (tiles.lat > 58) & (tiles.lon > 70) & (tiles.lon < 150)
    assert (state.soil("wice_soisno")[siberia, 0] > 0.01).all()
    assert (state.soil("wice_soisno")[globe.of("Af")] == 0).all()
    report = globe.model.forecast(state, globe.start, globe.start + 5 * DAY)
    assert report.max_residual <= 1e-9
    assert (report.evapotranspiration[siberia] < 1.0).all()
    assert report.runoff[siberia].sum() > 0.5 * report.precipitation[siberia].sum()


@pytest.mark.parametrize("start", [datetime(2022, 1, 10), datetime(2022, 7, 1)])
def test_wild_nature_runs_stay_physical(start: datetime) -> None:
    """Parameters, rain and demand as far off as the hardest twin experiments have them."""
    globe = Globe(start, 17)
    n = len(globe.tiles)
    rng = np.random.default_rng(2)

    def field(sigma: float) -> FloatArray:
        return sigma * rng.standard_normal(n)

    tiles = with_perturbed_parameters(
        globe.tiles, sand=field(40.0), log_b=field(0.75), log_psi=field(1.8), log_ksat=field(1.8),
        porosity=field(0.1), vegetation=field(0.3),
    )  # fmt: skip
    theta = soil_water_by_climate(tiles, globe.climate, field(0.3))
    state = initial_state(tiles, globe.wave, start, theta)
    model = ColumnModel(tiles, globe.weather, globe.wave, 1800, np.exp(field(1.3)), np.exp(field(0.6)))
    report = model.forecast(state, start, start + 10 * DAY)
    assert report.max_residual <= 1e-9
    soil = tiles.is_updatable
    assert (_theta(state)[soil] >= 0.0).all()
    assert (_theta(state)[soil] <= tiles.porsl[soil] * 1.1).all()
