"""Soil parameters, vegetation, climate and temperature of the column model."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from landda_hpc.constants import N_SOIL, SOIL_Z, SOIL_ZI
from landda_hpc.data import SOIL_CLASSES
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.model.column import soil, vegetation
from landda_hpc.model.column.temperature import THERMAL_DIFFUSIVITY, YEAR_S, AnnualWave
from landda_hpc.model.column.tile_climate import TileClimate, aridity_index, potential_evaporation, tile_climate
from landda_hpc.model.forcing.climatology import Climatology
from landda_hpc.state import TileState


def test_campbell_parameters_are_those_of_cosby() -> None:
    classes = np.arange(1, 6)
    porsl, psi0, bsw, hksati = soil.campbell_parameters(classes)
    for k, texture in enumerate(SOIL_CLASSES[:5]):
        assert porsl[k] == pytest.approx(0.489 - 0.00126 * texture.sand, rel=1e-14)
        assert psi0[k] == pytest.approx(-10.0 * 10 ** (1.88 - 0.0131 * texture.sand), rel=1e-13)
        assert bsw[k] == pytest.approx(2.91 + 0.159 * texture.clay, rel=1e-14)
        assert hksati[k] == pytest.approx(0.0070556 * 10 ** (-0.884 + 0.0153 * texture.sand), rel=1e-13)


def test_peat_lies_between_its_parts() -> None:
    mineral = soil.campbell_parameters(np.array([2]))
    peat = soil.campbell_parameters(np.array([6]))
    for name, a, b in zip(("porsl", "psi0", "bsw", "hksati"), mineral, peat, strict=True):
        low, high = sorted((float(a[0]), soil.HEMIC_PEAT[name]))
        assert low <= b[0] <= high
    assert abs(peat[0][0] - 0.766) < 0.02


def test_unknown_soil_class_is_an_error() -> None:
    with pytest.raises(DataError, match=r"0 to 3; expected 1\.\.7"):
        soil.campbell_parameters(np.array([0, 3]))


def test_no_perturbation_keeps_every_bit(make_tiles) -> None:
    tiles = make_tiles(60)
    same = soil.with_perturbed_parameters(tiles)
    for name in ("porsl", "psi0", "bsw", "hksati", "vegetation_fraction", "root_fraction"):
        np.testing.assert_array_equal(getattr(same, name), getattr(tiles, name))


def test_perturbations_act_and_stay_within_limits(make_tiles) -> None:
    tiles = make_tiles(400)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((6, 400)) * np.array([60.0, 1.5, 3.0, 3.0, 0.3, 0.6])[:, None]
    other = soil.with_perturbed_parameters(
        tiles, sand=z[0], log_b=z[1], log_psi=z[2], log_ksat=z[3], porosity=z[4], vegetation=z[5]
    )
    is_soil = tiles.is_updatable
    for name, (low, high) in {
        "porsl": soil.POROSITY_LIMITS,
        "psi0": soil.PSI0_LIMITS,
        "bsw": soil.BSW_LIMITS,
        "hksati": soil.HKSATI_LIMITS,
        "vegetation_fraction": (0.0, vegetation.MAX_VEGETATION),
    }.items():
        values = getattr(other, name)
        assert values[is_soil].min() == low
        assert values[is_soil].max() == high
        np.testing.assert_array_equal(values[~is_soil], getattr(tiles, name)[~is_soil])
    grows = is_soil & (other.vegetation_fraction > 0)
    np.testing.assert_allclose(other.root_fraction[grows].sum(axis=1), 1.0, rtol=1e-12)


def test_more_sand_means_less_clay(make_tiles) -> None:
    tiles = make_tiles(50, only_soil=True)
    sandy = soil.with_perturbed_parameters(tiles, sand=10.0)
    assert (sandy.bsw <= tiles.bsw).all()
    assert (sandy.hksati > tiles.hksati)[tiles.soil_class < 6].all()
    alone = soil.with_perturbed_parameters(tiles, log_ksat=0.5)
    np.testing.assert_allclose(alone.hksati, tiles.hksati * np.exp(0.5), rtol=1e-14)
    np.testing.assert_array_equal(alone.bsw, tiles.bsw)


def test_bad_perturbations_are_errors(make_tiles) -> None:
    tiles = make_tiles(5)
    with pytest.raises(ShapeError, match="'log_b' has shape"):
        soil.with_perturbed_parameters(tiles, log_b=np.zeros(4))
    with pytest.raises(DataError, match="'sand'"):
        soil.with_perturbed_parameters(tiles, sand=float("nan"))


def test_roots_follow_their_curve() -> None:
    climate = np.arange(31)
    for trees in (0.0, 0.5, 1.0):
        roots = vegetation.root_fraction(climate, np.full(31, trees))
        assert roots.shape == (31, N_SOIL)
        assert (roots > 0).all()
        np.testing.assert_allclose(roots.sum(axis=1), 1.0, rtol=1e-13)
    tundra = vegetation.root_fraction(np.array([1 + KOPPEN_CLASSES.index("ET")]), np.zeros(1))[0]
    # Half of the roots above 0.09 m, 95 % above 0.29 m; linear between the interfaces around those depths.
    cumulative = np.concatenate(([0.0], np.cumsum(tundra)))
    assert np.interp(0.09, SOIL_ZI, cumulative) == pytest.approx(0.5, abs=0.02)
    assert np.interp(0.29, SOIL_ZI, cumulative) == pytest.approx(0.95, abs=0.02)


def test_deserts_are_bare_and_forests_are_not() -> None:
    desert, rain_forest = (1 + KOPPEN_CLASSES.index(name) for name in ("BWh", "Af"))
    cover = vegetation.vegetation_fraction(np.array([desert, rain_forest]), np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(cover, [0.10, 0.99])


def test_potential_evaporation_against_the_sun_of_allen() -> None:
    # Allen et al. (1998), example 8: 20 S, 3 September (day 246): R_a = 32.2 MJ m-2 day-1; mid-September by months.
    temperature = np.full((1, 12), 293.15)
    rate = potential_evaporation(temperature, np.array([-20.0]))
    radiation = rate[0] * 2.45 * 100.0 / 25.0
    assert np.interp(246.0, (np.arange(12) + 0.5) * 365.25 / 12, radiation) == pytest.approx(32.2, rel=0.02)
    assert potential_evaporation(np.full((1, 12), 267.0), np.array([50.0])).max() == 0.0
    assert np.isfinite(potential_evaporation(temperature, np.array([90.0]))).all()


def test_aridity_orders_climates() -> None:
    warm = np.full((2, 12), 300.0)
    climate = TileClimate(temperature=warm, precipitation=np.array([[0.1] * 12, [6.0] * 12]))
    index = aridity_index(climate, np.array([25.0, 0.0]))
    assert index[0] < 0.05
    assert index[1] > 1.0
    assert len(climate.take(slice(0, 1))) == 1


def test_tile_climate_takes_the_cells_and_names_what_is_missing(make_tiles) -> None:
    tiles = make_tiles(6)
    shape = (2, 3)
    rain = np.arange(72.0).reshape(12, *shape) * 1e-6
    weather = Climatology(np.full((12, *shape), 280.0), rain, np.full((12, *shape), 0.1), np.zeros(shape))
    climate = tile_climate(tiles, weather)
    np.testing.assert_allclose(climate.precipitation[4], rain.reshape(12, -1)[:, 4] * 86400.0)
    rain[3, 0, 1] = np.nan
    with pytest.raises(DataError, match="missing at 1 of 6 tiles"):
        tile_climate(tiles, weather)


def test_annual_wave_returns_the_months() -> None:
    months = np.arange(12)
    monthly = 280.0 + 10.0 * np.cos(2 * np.pi * (months - 6) / 12) + 2.0 * np.sin(4 * np.pi * months / 12)
    wave = AnnualWave(monthly[None, :])
    for m in range(12):
        when = datetime(2021, 1, 1) + timedelta(days=(m + 0.5) * 365.25 / 12)
        assert wave.at(when, 0.0)[0] == pytest.approx(monthly[m], abs=1e-9)


def test_annual_wave_solves_the_heat_equation() -> None:
    """Against a numerical solution of dT/dt = kappa d2T/dz2 under the surface wave, after it has settled."""
    months = np.arange(12)
    wave = AnnualWave((280.0 - 12.0 * np.cos(2 * np.pi * months / 12) + np.sin(4 * np.pi * months / 12))[None, :])
    z = np.linspace(0.0, 20.0, 201)

    def surface(t: float) -> float:
        return float(wave.at(datetime(2021, 1, 1) + timedelta(seconds=t % YEAR_S), 0.0)[0])

    def rate(t: float, temperature: np.ndarray) -> np.ndarray:
        full = np.concatenate(([surface(t)], temperature))
        inner = (full[:-2] - 2 * full[1:-1] + full[2:]) / (z[1] - z[0]) ** 2
        return THERMAL_DIFFUSIVITY * np.append(inner, (full[-2] - full[-1]) / (z[1] - z[0]) ** 2)

    # From the wave itself, half a year on.
    first = np.array([wave.at(datetime(2021, 1, 1), depth)[0] for depth in z[1:]])
    end = 0.5 * YEAR_S
    solution = solve_ivp(rate, (0.0, end), first, method="BDF", rtol=1e-5, atol=1e-3, max_step=5 * 86400.0)
    later = datetime(2021, 1, 1) + timedelta(seconds=end)
    expected = [wave.at(later, depth)[0] for depth in z[1:]]
    np.testing.assert_allclose(solution.y[:50, -1], expected[:50], atol=0.05)


def test_prescribed_temperatures_leave_snow_slots_alone(make_wave) -> None:
    state = TileState.filled(4)
    wave = make_wave(4)
    when = datetime(2022, 7, 15, 6)
    wave.prescribe(state, when)
    np.testing.assert_array_equal(state["t_soisno"][:, :5], 283.0)
    np.testing.assert_array_equal(state.soil("t_soisno")[:, 3], wave.at(when, float(SOIL_Z[3])))
    np.testing.assert_array_equal(state["t_grnd"], state["tleaf"])
    np.testing.assert_array_equal(wave.take(slice(1, 3)).at(when, 0.3), wave.at(when, 0.3)[1:3])
    with pytest.raises(ShapeError, match="4 tiles, the state has 3"):
        wave.prescribe(TileState.filled(3), when)
    with pytest.raises(ShapeError, match="expected \\(n_tile, 12\\)"):
        AnnualWave(np.zeros((3, 11)))
