"""The water kernel: conservation, bounds, closed forms, an independent solution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import solve_ivp

from landda_hpc.constants import N_SNOW, N_SOIL, RHO_ICE, SOIL_DZ, SOIL_Z, T_FREEZE
from landda_hpc.model.column import demand as d
from landda_hpc.model.column import hydraulics, hydrology, powers, richards
from landda_hpc.model.column.hydraulics import COLM_HYDROLOGY, Hydrology
from landda_hpc.model.column.records import N_POWER, SOIL, TOTALS, WATER, new_records
from landda_hpc.model.column.soil import campbell_parameters, with_perturbed_parameters
from landda_hpc.state import PatchType

DZ = hydraulics.LAYER_DZ_MM
DISTANCE = hydraulics.NODE_DISTANCE_MM
unit = st.floats(0.0, 1.0)
layers = hnp.arrays(np.float64, N_SOIL, elements=unit)


class Columns:
    """Arrays of a few tiles as the kernel takes them."""

    def __init__(self, tiles, wetness: float = 0.5, hydrology: Hydrology = COLM_HYDROLOGY) -> None:
        n = len(tiles)
        self.tiles = tiles
        self.soils = hydraulics.soil_records(tiles, hydrology)
        self.demand = new_records(d.DEMAND, n)
        self.demand.humidity = 0.5
        self.demand.resistance = 0.3 / (100.0 * 2.2e-5)
        self.demand.kelvin = 9.80616 / (1000.0 * 461.5 * 290.0)
        self.wliq = np.zeros((n, 15))
        self.wliq[:, N_SNOW:] = wetness * tiles.porsl * DZ
        self.wice = np.zeros((n, 15))
        self.temperature = np.full((n, 15), 290.0)
        self.wetwat = np.full(n, 100.0)
        self.zwt = np.full(n, 5.0)
        self.totals = new_records(TOTALS, n)

    @property
    def water(self) -> np.ndarray:
        return self.wliq[:, N_SNOW:]

    def advance(self, step: float, n_steps: int = 1) -> None:
        hydrology.advance_tiles(
            step,
            n_steps,
            self.demand,
            self.soils,
            self.tiles.patchtype,
            self.wliq,
            self.wice,
            self.temperature,
            self.wetwat,
            self.zwt,
            self.totals,
            new_records(WATER, 1),
        )


@settings(max_examples=150)
@given(
    wetness=layers,
    ice=layers,
    is_frozen=st.booleans(),
    rain_mm_h=st.one_of(st.just(0.0), st.floats(0.0, 100.0), st.just(100.0)),
    soil_mm_h=st.floats(0.0, 1.5),
    canopy_mm_h=st.floats(0.0, 1.5),
    humidity=unit,
    step=st.floats(60.0, 3600.0),
    zwt=st.floats(0.0, 80.0),
    shift=st.tuples(*(st.floats(-3.0, 3.0) for _ in range(4))),
    conductivity=st.sampled_from(["mean", "upstream"]),
)
def test_budget_closes_and_bounds_hold_everywhere(
    make_tiles, wetness, ice, is_frozen, rain_mm_h, soil_mm_h, canopy_mm_h, humidity, step, zwt, shift, conductivity
) -> None:
    """From bone-dry to saturated, all soil classes and far beyond, with and without ice, up to 100 mm/h."""
    tiles = make_tiles(14, only_soil=True)
    tiles = with_perturbed_parameters(
        tiles, sand=30.0 * shift[0], log_b=0.5 * shift[1], log_psi=shift[2], log_ksat=2.0 * shift[3]
    )
    c = Columns(tiles, hydrology=Hydrology("topmodel", conductivity))
    if is_frozen:
        c.wice[:, N_SNOW:] = ice * tiles.porsl * RHO_ICE * SOIL_DZ
        c.temperature[:, N_SNOW:] = np.where(ice > 0.0, 265.0, 275.0)
        c.water[:] = wetness * tiles.porsl * (1.0 - ice) * DZ
    else:
        c.water[:] = wetness * tiles.porsl * DZ
    c.demand.rain = rain_mm_h / 3600.0
    c.demand.soil = soil_mm_h / 3600.0
    c.demand.canopy = canopy_mm_h / 3600.0
    c.demand.humidity = humidity
    c.zwt[:] = zwt
    before = c.water.copy()
    c.advance(step, 4)
    assert np.isfinite(c.water).all()
    assert c.totals.water_residual.max() <= 1e-9
    t = c.totals
    balance = t.precipitation - t.evaporation - t.transpiration - t.runoff - t.drainage
    np.testing.assert_allclose(c.water.sum(axis=1) - before.sum(axis=1), balance, atol=1e-9)
    assert all((t[name] >= 0.0).all() for name in t.dtype.names)
    lowest = np.minimum(before, hydraulics.MIN_SATURATION * tiles.porsl * DZ)
    assert (c.water >= lowest - 1e-10).all()
    pores = np.maximum(
        tiles.porsl * DZ - c.wice[:, N_SNOW:] * 1000.0 / RHO_ICE, hydraulics.MIN_SATURATION * tiles.porsl * DZ
    )
    assert (c.water <= pores * (1.0 + 1e-12) + 1e-10).all()


def test_water_beyond_the_pores_is_pushed_out_and_kept_account_of(make_tiles) -> None:
    c = Columns(make_tiles(20, only_soil=True), wetness=1.05)
    before = c.water.sum(axis=1)
    c.advance(1800.0)
    assert (c.totals.overflow > 0).all()
    np.testing.assert_allclose(c.totals.overflow, c.totals.runoff, rtol=1e-12)
    drained = c.totals.overflow + c.totals.drainage
    np.testing.assert_allclose(before - c.water.sum(axis=1), drained, rtol=1e-9)


def test_a_layer_below_the_bound_only_gains(make_tiles) -> None:
    c = Columns(make_tiles(20, only_soil=True), wetness=0.3)
    c.water[:, 2] *= 0.01
    before = c.water[:, 2].copy()
    c.demand.canopy = 1.0 / 3600.0
    c.advance(1800.0, 6)
    assert (c.water[:, 2] >= before - 1e-12).all()
    assert c.totals.water_residual.max() < 1e-10


def _reference(
    tiles, i: int, water: np.ndarray, infiltration: float, hours: float, *, upstream: bool = False
) -> np.ndarray:
    """The same discrete columns in continuous time, written with powers, by an implicit ODE solver."""
    porsl, psi0, b, k_s = tiles.porsl[i], tiles.psi0[i], tiles.bsw[i], tiles.hksati[i]

    def rate(_: float, w: np.ndarray) -> np.ndarray:
        s = np.clip(w / DZ / porsl, 0.01, 1.0)
        psi = np.maximum(psi0 * s**-b, -1e8)
        gradient = np.diff(psi) / DISTANCE - 1.0
        s_face = np.where(gradient <= 0.0, s[:-1], s[1:]) if upstream else 0.5 * (s[:-1] + s[1:])
        q = -k_s[:-1] * s_face ** (2 * b[:-1] + 3) * gradient
        bottom = k_s[-1] * s[-1] ** (2 * b[-1] + 3)
        flux = np.concatenate(([infiltration], q, [bottom]))
        return flux[:-1] - flux[1:]

    solution = solve_ivp(rate, (0.0, 3600.0 * hours), water, method="LSODA", rtol=1e-8, atol=1e-8)
    assert solution.success
    return solution.y[:, -1]


@pytest.mark.parametrize(("wetness", "rain_mm_h"), [(0.35, 3.0), (0.6, 0.0), (0.25, 8.0), (0.9, 0.0)])
def test_half_hour_steps_against_an_ode_solver(make_tiles, wetness: float, rain_mm_h: float) -> None:
    tiles = make_tiles(14, only_soil=True)
    c = Columns(tiles, wetness)
    c.demand.rain = rain_mm_h / 3600.0
    c.zwt[:] = 80.0
    start = c.water.copy()
    c.advance(1800.0, 6)
    infiltration = (c.totals.precipitation - c.totals.runoff) / (6 * 1800.0)
    for i in range(len(tiles)):
        if c.totals[i].overflow > 0:
            continue
        expected = _reference(tiles, i, start[i], float(infiltration[i]), 3.0)
        np.testing.assert_allclose(c.water[i] / DZ, expected / DZ, atol=0.012)
        # Half-hour steps drain wet coarse soil a little slowly: within 3 % of what drains.
        assert abs((c.water[i] - expected).sum()) < 0.03 * c.totals[i].drainage + 0.05


@pytest.mark.parametrize("conductivity", ["mean", "upstream"])
def test_short_steps_converge_to_the_ode_solver(make_tiles, conductivity) -> None:
    tiles = make_tiles(10, only_soil=True)
    c = Columns(tiles, 0.4, Hydrology("colm", conductivity))
    # A dry layer between two wet ones: water flows down into it, and up.
    c.water[:, 5] *= 0.5
    c.demand.rain = 2.0 / 3600.0
    c.zwt[:] = 80.0
    start = c.water.copy()
    c.advance(10.0, 360)
    infiltration = (c.totals.precipitation - c.totals.runoff) / 3600.0
    for i in range(len(tiles)):
        expected = _reference(tiles, i, start[i], float(infiltration[i]), 1.0, upstream=conductivity == "upstream")
        np.testing.assert_allclose(c.water[i] / DZ, expected / DZ, atol=3e-4)


def test_upstream_conductivity_is_that_of_the_layer_which_the_water_leaves(make_tiles) -> None:
    """Fluxes and their derivatives against finite differences, in columns with flow in both directions."""
    tiles = with_perturbed_parameters(make_tiles(20, only_soil=True), log_ksat=np.linspace(-2.0, 2.0, 20))
    tiles.hksati[:, ::2] *= 3.0
    c = Columns(tiles, hydrology=Hydrology("colm", "upstream"))
    rng = np.random.default_rng(2)
    wetness = rng.uniform(0.6, 0.95, (20, N_SOIL))

    def fluxes(i: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        water = new_records(WATER, 1)[0]
        water.liquid, water.impedance = s * tiles.porsl[i] * DZ, 1.0
        richards.column_hydraulics(c.soils[i], water)
        richards.solve_column(1.0, 0.0, 1.0, water)
        return water.q_below.copy(), water.dq_up.copy(), water.dq_down.copy()

    up = down = 0
    for i in range(20):
        s, porsl = wetness[i], tiles.porsl[i]
        q, dq_up, dq_down = fluxes(i, s)
        psi = tiles.psi0[i] * s ** -tiles.bsw[i]
        k = tiles.hksati[i] * s ** (2.0 * tiles.bsw[i] + 3.0)
        gradient = np.diff(psi) / DISTANCE - 1.0
        expected = -np.where(gradient <= 0.0, k[:-1], k[1:]) * gradient
        np.testing.assert_allclose(q[:-1], expected, rtol=1e-10, atol=1e-18)
        assert q[-1] == pytest.approx(k[-1], rel=1e-10)
        up, down = up + int((q[:-1] < 0.0).sum()), down + int((q[:-1] > 0.0).sum())
        for j in range(N_SOIL):
            small = np.where(np.arange(N_SOIL) == j, 1e-7, 0.0)
            slope = (fluxes(i, s + small)[0] - fluxes(i, s - small)[0]) / (2e-7 * porsl[j])
            assert dq_up[j] == pytest.approx(slope[j], rel=1e-5)
            if j > 0:
                assert dq_down[j - 1] == pytest.approx(slope[j - 1], rel=1e-5)
    assert min(up, down) > 20


def test_hydrostatic_columns_stay_at_rest(make_tiles) -> None:
    """psi + depth constant: no water moves but what drains freely at the bottom."""
    tiles = make_tiles(10, only_soil=True)
    psi = -8000.0 + 1000.0 * SOIL_Z
    c = Columns(tiles)
    c.water[:] = (psi / tiles.psi0) ** (-1.0 / tiles.bsw) * tiles.porsl * DZ
    before = c.water.copy()
    c.advance(600.0)
    np.testing.assert_allclose(c.water[:, :-2], before[:, :-2], rtol=1e-9)
    np.testing.assert_allclose((before - c.water).sum(axis=1), c.totals.drainage, atol=1e-11)


@pytest.mark.parametrize(("fraction", "decay"), [("colm", 0.125 * 2.0), ("topmodel", 0.5 * 2.5)])
def test_surface_runoff_is_simtop(make_tiles, fraction, decay) -> None:
    tiles = make_tiles(30, only_soil=True)
    c = Columns(tiles, 0.3, Hydrology(fraction))
    c.zwt[:] = np.linspace(0.0, 20.0, 30)
    rain = 40.0 / 3600.0
    c.demand.rain = rain
    c.advance(60.0)
    saturated = 0.38 * np.exp(-decay * c.zwt)
    expected = saturated * rain + (1.0 - saturated) * np.maximum(0.0, rain - tiles.hksati[:, 0])
    np.testing.assert_allclose(c.totals.runoff, 60.0 * expected, rtol=1e-12)
    assert (c.totals.overflow == 0.0).all()


def test_ice_in_the_upper_layers_sheds_rain(make_tiles) -> None:
    tiles = make_tiles(10, only_soil=True)
    c = Columns(tiles, 0.2)
    c.wice[:, N_SNOW + 1] = 0.5 * tiles.porsl[:, 1] * RHO_ICE * SOIL_DZ[1]
    c.zwt[:] = 80.0
    c.demand.rain = 10.0 / 3600.0
    c.advance(1800.0)
    capacity = tiles.hksati[:, 0] * 10.0 ** (-6.0 * 0.5)
    expected = 1800.0 * np.maximum(10.0 / 3600.0 - capacity, 0.0)
    np.testing.assert_allclose(c.totals.runoff, expected, rtol=1e-4)
    np.testing.assert_array_equal(c.wice[:, N_SNOW + 1], 0.5 * tiles.porsl[:, 1] * RHO_ICE * SOIL_DZ[1])


@settings(max_examples=200)
@given(wetness=layers, frozen=layers, kelvin=hnp.arrays(np.float64, N_SOIL, elements=st.floats(-60.0, 40.0)))
def test_ice_follows_the_temperature_and_conserves_water(make_tiles, wetness, frozen, kelvin) -> None:
    tiles = make_tiles(20)
    c = Columns(tiles)
    c.wice[:, N_SNOW:] = wetness * frozen * tiles.porsl * DZ
    c.water[:] = wetness * (1.0 - frozen) * tiles.porsl * DZ
    c.temperature[:, N_SNOW:] = temperature = T_FREEZE + kelvin
    before = c.wliq + c.wice
    old = c.wliq.copy(), c.wice.copy()

    def settle() -> None:
        hydrology.settle_ice(c.soils, tiles.patchtype, c.temperature, c.wliq, c.wice)

    settle()
    np.testing.assert_allclose(c.wliq + c.wice, before, rtol=1e-15, atol=0.0)
    has_soil = tiles.is_updatable | (tiles.patchtype == PatchType.WETLAND)
    for now, then in zip((c.wliq, c.wice), old, strict=True):
        np.testing.assert_array_equal(now[~has_soil], then[~has_soil])
    assert c.wice.min() >= 0.0
    # Closed form: liquid up to pores (psi(T) / psi0)^(-1/b), psi(T) = L_f / g (T - T_f) / T.
    psi = 1e3 * 0.3336e6 / 9.80616 * np.minimum(kelvin, 0.0) / temperature
    limit = tiles.porsl * np.maximum(psi / tiles.psi0, 1.0) ** (-1.0 / tiles.bsw) * DZ
    expected = np.minimum(before[:, N_SNOW:], np.where(kelvin < 0.0, limit, np.inf))
    np.testing.assert_allclose(c.water[has_soil], expected[has_soil], rtol=1e-12)
    old = c.wliq.copy(), c.wice.copy()
    settle()
    np.testing.assert_array_equal((c.wliq, c.wice), old)


def test_a_sealed_layer_passes_nothing(make_tiles) -> None:
    tiles = make_tiles(10, only_soil=True)
    c = Columns(tiles, 0.9)
    c.wice[:, N_SNOW + 4] = (tiles.porsl[:, 4] - 0.04) * RHO_ICE * SOIL_DZ[4]
    c.water[:, 4] = 0.02 * DZ[4]
    above, below = c.water[:, :4].sum(axis=1), c.water[:, 5:].sum(axis=1)
    c.advance(1800.0, 4)
    np.testing.assert_allclose(c.water[:, :4].sum(axis=1), above, rtol=1e-12)
    np.testing.assert_allclose(below - c.water[:, 5:].sum(axis=1), c.totals.drainage, rtol=1e-9)


def test_roots_take_what_the_stress_function_says(make_tiles) -> None:
    tiles = make_tiles(20, only_soil=True)
    c = Columns(tiles)
    psi = -6.0e4
    c.water[:] = (psi / tiles.psi0) ** (-1.0 / tiles.bsw) * tiles.porsl * DZ
    potential = 0.2 / 3600.0
    c.demand.canopy = potential
    c.advance(1.0)
    stress = (1.0 - psi / -1.5e5) / (1.0 - tiles.psi0[:, 0] / -1.5e5)
    expected = potential * stress * tiles.root_fraction.sum(axis=1)
    np.testing.assert_allclose(c.totals.transpiration, expected, rtol=1e-9)
    frozen = Columns(tiles)
    frozen.demand.canopy = potential
    frozen.temperature[:] = 270.0
    frozen.advance(1800.0)
    assert (frozen.totals.transpiration == 0.0).all()


def test_soil_evaporation_falls_from_potential_to_nothing() -> None:
    porsl, psi0, b, _ = (float(p[0]) for p in campbell_parameters(np.array([2])))
    theta_air = porsl * (1e7 / -psi0) ** (-1.0 / b)
    pores = porsl - theta_air
    tortuosity = pores**2 * (pores / porsl) ** (3.0 / b)
    resistance, kelvin = 0.3 / (100.0 * 2.2e-5), 9.80616 / (1000.0 * 461.5 * 290.0)

    def evaporation(theta: float, humidity: float = 0.4) -> float:
        psi = psi0 * (theta / porsl) ** -b
        demand = new_records(d.DEMAND, 1)[0]
        demand.soil, demand.resistance, demand.humidity, demand.kelvin = 1.0, resistance, humidity, kelvin
        soil, water = new_records(SOIL, 1)[0], new_records(WATER, 1)[0]
        soil.porosity, soil.theta_air, soil.tortuosity = porsl, theta_air, tortuosity
        water.theta[0], water.psi[0], water.most[0] = theta, psi, porsl * DZ[0]
        rate: float = hydrology.soil_evaporation(demand, soil, water)
        return rate

    assert evaporation(porsl) == pytest.approx(1.0, abs=0.01)
    rates = [evaporation(theta) for theta in np.linspace(theta_air, porsl, 30)]
    assert (np.diff(rates) >= 0).all()
    # Swenson and Lawrence: DSL = dz (0.8 phi - theta) / (0.8 phi - theta_air), r_s = DSL / (D tau).
    theta = 0.2
    dry_layer = SOIL_DZ[0] * (0.8 * porsl - theta) / (0.8 * porsl - theta_air)
    humid_soil = math.exp(kelvin * psi0 * (theta / porsl) ** -b)
    expected = (humid_soil - 0.4) / 0.6 / (1.0 + 0.3 / 100.0 / 2.2e-5 * dry_layer / tortuosity)
    assert evaporation(theta) == pytest.approx(expected, rel=1e-12)
    assert evaporation(theta_air, humidity=0.7) == 0.0


def test_wetlands_keep_account_of_what_they_are_given(make_tiles) -> None:
    tiles = make_tiles(200)
    c = Columns(tiles)
    is_wetland = tiles.patchtype == PatchType.WETLAND
    assert is_wetland.any()
    c.demand.rain = np.linspace(0.0, 20.0, 200) / 3600.0
    c.demand.open_water = 5.0 / 3600.0
    store = c.wetwat.copy()
    c.advance(3600.0, 48)
    t = c.totals[is_wetland]
    change = (c.wetwat - store)[is_wetland]
    np.testing.assert_allclose(change, t.precipitation + t.supply - t.evaporation - t.runoff, atol=1e-9)
    np.testing.assert_allclose(t.evaporation, 48 * 5.0, rtol=1e-12)
    assert (t.supply > 0).any()
    assert (t.runoff > 0).any()
    assert c.wetwat.min() >= 0.0
    assert c.wetwat.max() <= hydrology.WETLAND_STORE
    assert c.totals.water_residual.max() < 1e-12


def test_glaciers_and_lakes_pass_rain_on(make_tiles) -> None:
    tiles = make_tiles(200)
    c = Columns(tiles)
    other = (tiles.patchtype == PatchType.GLACIER) | (tiles.patchtype == PatchType.LAKE)
    before = c.wliq.copy()
    c.demand.rain = 1e-4
    c.demand.open_water = 1e-4
    c.advance(1800.0, 6)
    np.testing.assert_array_equal(c.wliq[other], before[other])
    np.testing.assert_array_equal(c.totals.runoff[other], c.totals.precipitation[other])
    assert (c.totals.evaporation[other] == 0).all()


def test_steep_fronts_take_more_and_shorter_steps(make_tiles) -> None:
    tiles = make_tiles(10, only_soil=True)
    calm, storm = Columns(tiles), Columns(tiles, 0.2)
    calm.advance(1800.0, 6)
    storm.demand.rain = 50.0 / 3600.0
    storm.advance(1800.0, 6)
    assert calm.totals.n_solves.sum() == 60
    assert storm.totals.n_solves.sum() > 120


def test_elimination_without_slope_of_k_always_works() -> None:
    """Columns of alternating bone-dry and saturated layers, where the full expansion may lose its pivot."""
    rng = np.random.default_rng(0)
    water = new_records(WATER, 1)[0]
    for _ in range(200):
        water.psi = -(10.0 ** rng.uniform(1.0, 8.0, N_SOIL))
        water.dpsi = 10.0 ** rng.uniform(1.0, 10.0, N_SOIL)
        water.k_below = 10.0 ** rng.uniform(-12.0, -1.0, N_SOIL)
        water.dk = 100.0 * water.k_below
        assert richards.solve_column(1800.0, 0.0, 0.0, water) >= 0.0
        assert np.isfinite(water.flux).all()


@given(hnp.arrays(np.float64, N_POWER, elements=st.floats(-690.0, 690.0)))
def test_packed_powers_are_right_to_the_last_place(exponents) -> None:
    """Against numpy in higher precision."""
    water = new_records(WATER, 1)[0]
    water.power = exponents
    powers.take_exponentials(water)
    expected = np.exp(exponents.astype(np.longdouble))
    assert (np.abs(water.power - expected) <= np.spacing(expected.astype(np.float64))).all()
    water.wetness = water.power
    powers.take_logarithms(water)
    expected = np.log(water.wetness.astype(np.longdouble))
    assert (np.abs(water.log_wetness - expected) <= np.spacing(np.abs(expected).astype(np.float64))).all()


def test_diagnosed_hydraulics_are_campbells(make_tiles) -> None:
    tiles = make_tiles(40)
    c = Columns(tiles)
    rng = np.random.default_rng(5)
    wetness = rng.uniform(0.005, 1.1, (40, N_SOIL))
    c.water[:] = wetness * tiles.porsl * DZ
    c.wice[:, N_SNOW + 2] = 0.3 * tiles.porsl[:, 2] * RHO_ICE * SOIL_DZ[2]
    c.wice[:, N_SNOW + 3] = 0.99 * tiles.porsl[:, 3] * RHO_ICE * SOIL_DZ[3]
    smp, hk = np.full((40, N_SOIL), 7.0), np.full((40, N_SOIL), 7.0)
    hydraulics.diagnose_tiles(c.wliq, c.wice, tiles.patchtype, c.soils, smp, hk)
    has_soil = tiles.is_updatable | (tiles.patchtype == PatchType.WETLAND)
    assert (smp[~has_soil] == 7.0).all()
    assert (hk[~has_soil] == 7.0).all()
    s = np.clip(wetness, 0.01, 1.0)
    psi = np.maximum(tiles.psi0 * s**-tiles.bsw, -1e8)
    np.testing.assert_allclose(smp[has_soil], psi[has_soil], rtol=1e-11)
    k = tiles.hksati * s ** (2 * tiles.bsw + 3)
    k[:, 2] *= 10.0 ** (-6.0 * 0.3)
    k[:, 3] = 0.0
    np.testing.assert_allclose(hk[has_soil], k[has_soil], rtol=1e-10)

    # Water of one layer changes: its values follow, all others keep their bits.
    old = smp.copy(), hk.copy()
    c.water[:, 5] *= 0.9
    hydraulics.diagnose_tiles(c.wliq, c.wice, tiles.patchtype, c.soils, smp, hk)
    others = np.arange(N_SOIL) != 5
    np.testing.assert_array_equal(smp[:, others], old[0][:, others])
    np.testing.assert_array_equal(hk[:, others], old[1][:, others])
    assert (smp[has_soil, 5] < old[0][has_soil, 5]).any()


def test_demand_is_priestley_and_taylor() -> None:
    n = 4
    air = (
        np.array([0.0, 200.0, 600.0, 600.0]),  # short wave
        np.full(n, 330.0),  # long wave
        np.array([293.15, 293.15, 293.15, 268.15]),
        np.full(n, 0.007),  # humidity
        np.full(n, 1.0e5),
        np.array([0.0, 3.0, 3.0, 3.0]),  # wind
        np.full(n, 1e-4),  # precipitation
    )
    vegetation, rain_factor, factor = np.full(n, 0.6), np.full(n, 2.0), np.full(n, 0.5)
    demand = new_records(d.DEMAND, n)
    d.weather_demand(*air, vegetation, rain_factor, factor, demand)
    # FAO-56, annex 2, at 20 degC: saturation 2.338 kPa, slope 0.1447 kPa/K; psychrometric constant 0.0665 at 100 kPa
    # with a latent heat of 2.45e6 J kg-1, 2 % less than CoLM's.
    slope, gamma = 0.14474, 0.665e-3 * 100.0
    net = (1 - 0.18) * 600.0 + 0.97 * (330.0 - 5.67e-8 * 293.15**4)
    expected = 0.5 * 0.6 * 1.26 * slope / (slope + gamma) * 0.9 * net / 2.5104e6
    assert demand[2].canopy == pytest.approx(expected, rel=0.015)
    assert demand[0].soil == demand[0].canopy == demand[0].open_water == 0.0  # night
    assert demand[3].canopy == 0.0
    assert demand[3].soil > 0.0  # frost
    assert demand[2].open_water > demand[2].canopy / 0.6 > demand[2].soil / 0.4
    np.testing.assert_allclose(demand.rain, 2e-4)
    vapour = 0.007 * 1e5 / (0.622 + 0.378 * 0.007)
    assert demand[1].humidity == pytest.approx(vapour / 2338.0, rel=1e-3)
