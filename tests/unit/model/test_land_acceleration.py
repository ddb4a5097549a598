"""The extrapolation of spin-ups: exact for what decays like a power, harmless for what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.constants import N_SNOW, N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ
from landda_hpc.model.column.land import acceleration
from landda_hpc.state import TileState
from landda_hpc.variables import LAND_STATE

SLOW = slice(N_SNOW + acceleration.FIRST_SLOW, N_SNOW + N_SOIL)


def states_of(tiles, ratio: float, goal, start) -> list[TileState]:
    """Three successive years of a column that decays towards its goal."""
    found = []
    for year in range(3):
        state = TileState.filled(len(tiles), LAND_STATE)
        state["t_soisno"][:] = 290.0
        state.soil("wliq_soisno")[:] = goal + (start - goal) * ratio**year
        found.append(state)
    return found


@pytest.mark.parametrize("ratio", [0.2, 0.7, 0.9])
def test_geometric_decay_is_taken_to_its_end(make_tiles, ratio):
    tiles = make_tiles(6, only_soil=True, seed=3)
    pores = tiles.porsl * RHO_WATER * SOIL_DZ
    older, old, new = states_of(tiles, ratio, 0.4 * pores, 0.42 * pores)
    upper = new["wliq_soisno"][:, : SLOW.start].copy()
    acceleration.extrapolate(tiles, older, old, new, np.full(6, 100.0), 365 * 86400.0)
    np.testing.assert_allclose(new["wliq_soisno"][:, SLOW], 0.4 * pores[:, acceleration.FIRST_SLOW :], rtol=1e-12)
    np.testing.assert_array_equal(new["wliq_soisno"][:, : SLOW.start], upper)


def test_a_column_in_equilibrium_changes_only_its_water_table(make_tiles):
    tiles = make_tiles(4, only_soil=True, seed=3)
    pores = tiles.porsl * RHO_WATER * SOIL_DZ
    years = states_of(tiles, 0.7, 0.4 * pores, 0.4 * pores + 0.004 * RHO_WATER * SOIL_DZ)
    before = years[2].copy()
    change = 0.004 * (0.7 - 0.49)
    acceleration.extrapolate(
        tiles, *years, np.full(4, 100.0), 365 * 86400.0, water_tolerance=1.01 * change, temperature_tolerance=0.1
    )
    np.testing.assert_array_equal(years[2]["wliq_soisno"], before["wliq_soisno"])
    assert years[2]["zwt"] == pytest.approx(acceleration.table_of(100.0 / (365 * 86400.0)))
    acceleration.extrapolate(
        tiles, *years, np.full(4, 100.0), 365 * 86400.0, water_tolerance=0.99 * change, temperature_tolerance=0.1
    )
    assert (years[2]["wliq_soisno"][:, SLOW] != before["wliq_soisno"][:, SLOW]).all()


def test_steady_and_growing_changes_stay_bounded_and_ice_stays(make_tiles):
    tiles = make_tiles(4, only_soil=True, seed=4)
    pores = tiles.porsl * RHO_WATER * SOIL_DZ
    older, old, new = states_of(tiles, 1.3, 0.9 * pores, 0.8 * pores)
    new.soil("wice_soisno")[1] = 5.0
    # Tens of kelvin a year: nothing sound, and nothing to go nine times further on.
    older["t_soisno"][:], old["t_soisno"][:], new["t_soisno"][:] = 240.0, 275.0, 300.0
    frozen = new["wliq_soisno"][1].copy()
    acceleration.extrapolate(tiles, older, old, new, np.zeros(4), 365 * 86400.0)
    assert np.abs(new["t_soisno"][:, SLOW] - 300.0).max() <= acceleration.MAX_WARMTH_CHANGE
    water = new.soil("wliq_soisno")[:, acceleration.FIRST_SLOW :]
    low, high = 0.02 * pores[:, acceleration.FIRST_SLOW :], pores[:, acceleration.FIRST_SLOW :]
    keep = [0, 2, 3]
    assert ((water >= low) & (water <= high))[keep].all()
    # A growing change is not a decaying mode: it is not extrapolated.
    _, _, last = states_of(tiles, 1.3, 0.9 * pores, 0.8 * pores)
    np.testing.assert_allclose(new["wliq_soisno"][keep], last["wliq_soisno"][keep])
    np.testing.assert_array_equal(new["wliq_soisno"][1], frozen)
    assert (new["zwt"][keep] == 80.0).all()
    assert new["zwt"][1] == last["zwt"][1], "over frozen ground the table stays"


def test_the_table_stands_where_baseflow_carries_the_recharge():
    for recharge in (1e-7, 1e-5):
        depth = acceleration.table_of(recharge)
        assert 5.5e-3 * np.exp(-2.5 * depth) == pytest.approx(recharge)
    assert acceleration.table_of(0.0) == 80.0 and acceleration.table_of(1.0) == 0.0


@pytest.mark.parametrize(("sign", "years"), [(1.0, 1), (-1.0, 1), (1.0, 3), (-1.0, 40)])
def test_a_front_that_does_not_decay_is_taken_to_where_it_passes_on_what_arrives(make_tiles, sign, years):
    """Layers fill, or drain, at the same rate in every pass: their end is K(theta) = what arrives."""
    tiles = make_tiles(6, only_soil=True, seed=5)
    layer = RHO_WATER * SOIL_DZ[acceleration.FIRST_SLOW :]
    seconds = years * 365 * 86400.0
    wanted = 20.0 * years  # kg m-2 in a pass that arrive below 0.29 m
    goal = np.stack([acceleration.steady_water(acceleration.FreeSoil.of(tiles, i), wanted / seconds) for i in range(6)])
    conductivity = tiles.hksati[:, acceleration.FIRST_SLOW :] * (
        goal / (tiles.porsl[:, acceleration.FIRST_SLOW :] * layer)
    ) ** (2.0 * tiles.bsw[:, acceleration.FIRST_SLOW :] + 3.0)
    np.testing.assert_allclose(conductivity * seconds, wanted, rtol=1e-9)
    for rate, is_moving in ((1.01, True), (0.99, False)):
        change = sign * rate * acceleration.MOVING * years * layer
        states = []
        for number in range(3):
            state = TileState.filled(6, LAND_STATE)
            state["t_soisno"][:] = 290.0
            state["wliq_soisno"][:, SLOW] = goal * (1.0 - 0.2 * sign) + number * change
            states.append(state)
        recharge = np.full(6, wanted) - change.sum()
        acceleration.extrapolate(tiles, *states, recharge, seconds)
        found = states[2]["wliq_soisno"][:, SLOW]
        if is_moving:
            np.testing.assert_allclose(found, goal, rtol=1e-12)
        else:
            assert (np.abs(found - goal) > 0.01 * goal).all()


def test_below_winter_frost_water_is_taken_to_its_end_and_what_is_frozen_stays(make_tiles):
    tiles = make_tiles(6, only_soil=True, seed=6)
    pores = tiles.porsl * RHO_WATER * SOIL_DZ
    years = states_of(tiles, 0.8, 0.4 * pores, 0.42 * pores)
    n_frozen = acceleration.FIRST_SLOW + 2
    for state in years:
        state.soil("wice_soisno")[:, :n_frozen] = 5.0
    new = years[2]
    frozen = new.soil("wliq_soisno")[:, :n_frozen].copy()
    acceleration.extrapolate(tiles, *years, np.full(6, 100.0), 365 * 86400.0)
    np.testing.assert_allclose(new.soil("wliq_soisno")[:, n_frozen:], 0.4 * pores[:, n_frozen:], rtol=1e-12)
    np.testing.assert_array_equal(new.soil("wliq_soisno")[:, :n_frozen], frozen)


@pytest.mark.parametrize("ratio", [1.0, 0.7])
def test_permafrost_goes_on_at_its_rate_or_to_its_end(make_tiles, ratio):
    """Ice that grows by the same amount every year goes nine years on; what decays, to its end. So does the table."""
    tiles = make_tiles(4, only_soil=True, seed=7)
    layer = RHO_WATER * SOIL_DZ
    states = []
    for year in range(3):
        state = TileState.filled(4, LAND_STATE)
        state["t_soisno"][:] = 272.0
        grown = year if ratio == 1.0 else (1.0 - ratio**year) / (1.0 - ratio)
        state.soil("wice_soisno")[:] = (0.1 + 0.002 * grown) * layer
        state.soil("wliq_soisno")[:] = 0.05 * layer
        state["zwt"][:] = 3.0 - 0.01 * grown
        states.append(state)
    new = states[2]
    upper = new.soil("wice_soisno")[:, : acceleration.FIRST_SLOW].copy()
    acceleration.extrapolate(tiles, *states, np.zeros(4), 365 * 86400.0)
    grown = 2.0 + 9.0 if ratio == 1.0 else 1.0 / (1.0 - ratio)
    deep = slice(acceleration.FIRST_SLOW, None)
    expected = np.broadcast_to((0.1 + 0.002 * grown) * layer[deep], (4, 5))
    np.testing.assert_allclose(new.soil("wice_soisno")[:, deep], expected, rtol=1e-9)
    np.testing.assert_array_equal(new.soil("wice_soisno")[:, : acceleration.FIRST_SLOW], upper)
    np.testing.assert_array_equal(new.soil("t_soisno"), 272.0)
    np.testing.assert_allclose(new["zwt"], 3.0 - 0.01 * grown, rtol=1e-9)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ratio=st.floats(0.1, 1.3), size=st.floats(1e-4, 0.3))
def test_whatever_three_years_bring_layers_hold_no_more_than_their_pores(make_tiles, seed, ratio, size):
    tiles = make_tiles(20, only_soil=True, seed=8)
    rng = np.random.default_rng(seed)
    shape = (20, N_SOIL)
    pores = tiles.porsl * RHO_WATER * SOIL_DZ
    liquid = rng.uniform(0.02, 0.5, shape)
    ice = rng.uniform(0.0, 0.4, shape) * rng.choice([0.0, 0.05, 1.0], (20, 1))
    first = size * rng.normal(size=(2, *shape))
    warmth, table = rng.uniform(230.0, 310.0, shape), rng.uniform(0.0, 80.0, 20)
    years = []
    for grown in (0.0, 1.0, 1.0 + ratio):
        state = TileState.filled(20, LAND_STATE)
        state.soil("wliq_soisno")[:] = np.clip(liquid + grown * first[0], 0.0, 0.5) * pores
        state.soil("wice_soisno")[:] = (ice > 0.0) * np.clip(ice + grown * first[1], 0.0, 0.4) * pores
        state.soil("t_soisno")[:] = warmth + 10.0 * grown * first[0]
        state["zwt"][:] = np.clip(table + grown * first[0, :, 0], 0.0, 80.0)
        years.append(state)
    new = years[2]
    acceleration.extrapolate(tiles, *years, rng.uniform(-50.0, 500.0, 20), 365 * 86400.0)
    volume = new.soil("wliq_soisno") / RHO_WATER + new.soil("wice_soisno") / RHO_ICE
    assert (volume <= pores / RHO_WATER * (1.0 + 1e-12)).all()
    assert (new.soil("wliq_soisno") >= 0.0).all() and (new.soil("wice_soisno") >= 0.0).all()
    assert ((new["zwt"] >= 0.0) & (new["zwt"] <= 80.0)).all()
    assert np.isfinite(new["t_soisno"]).all()
