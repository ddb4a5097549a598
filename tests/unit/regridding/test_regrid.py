"""Regridding against closed forms, conservation, and scipy's own interpolator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import Grid, gaussian_grid, grid_from_centres, regular_grid
from landda_hpc.regridding.regrid import Regridder, fill_from_nearest

GLOBAL_GRIDS = [
    regular_grid(32, 64),
    regular_grid(45, 91, west=-180.0, east=180.0),
    gaussian_grid(32, 64),
    gaussian_grid(47, 96),
    # Rows on the poles, first column at 0: the layout of reanalyses.
    grid_from_centres(np.linspace(-90.0, 90.0, 37), np.arange(0.0, 360.0, 5.0)),
]
CHINA = regular_grid(31, 32, south=23.0, north=23.0 + 31 * 1.40625, west=73.0, east=73.0 + 32 * 1.40625)


def field_on(grid: Grid, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(grid.shape)


def smooth_on(grid: Grid) -> np.ndarray:
    """A linear function of the point on the sphere: smooth across poles and the date line."""
    lat, lon = np.deg2rad(grid.lat)[:, None], np.deg2rad(grid.lon)[None, :]
    return 0.3 + 0.2 * np.sin(lat) + 0.5 * np.cos(lat) * np.cos(lon) - 0.4 * np.cos(lat) * np.sin(lon)


@pytest.mark.parametrize("target", [*GLOBAL_GRIDS, CHINA])
@pytest.mark.parametrize("source", GLOBAL_GRIDS)
@pytest.mark.parametrize("method", ["bilinear", "conservative"])
def test_constants_are_preserved_everywhere(source: Grid, target: Grid, method: str) -> None:
    result = Regridder(source, target, method)(np.full(source.shape, 0.31))
    np.testing.assert_allclose(result, 0.31, rtol=1e-14)


@pytest.mark.parametrize("source", GLOBAL_GRIDS)
def test_bilinear_is_exact_for_a_linear_field_away_from_wrap_and_poles(source: Grid) -> None:
    target = regular_grid(23, 40, south=-70.0, north=70.0, west=10.0, east=170.0)
    values = 0.1 + 0.002 * source.lat[:, None] + 0.001 * source.lon[None, :]
    expected = 0.1 + 0.002 * target.lat[:, None] + 0.001 * target.lon[None, :]
    # Gaussian rows are unequally spaced: still linear in degrees.
    np.testing.assert_allclose(Regridder(source, target)(values), expected, atol=1e-14)


@pytest.mark.parametrize("source", GLOBAL_GRIDS)
@pytest.mark.parametrize("target", [*GLOBAL_GRIDS, CHINA])
def test_bilinear_agrees_with_an_independent_interpolator(source: Grid, target: Grid) -> None:
    values = field_on(source)
    # The sphere spread out: one row more beyond each pole (as seen across it), one turn more on each side.
    half_turn = (source.lon + 180.0) % 360.0
    lon = np.concatenate([source.lon + turn for turn in (-720.0, -360.0, 0.0, 360.0)])
    wide = np.tile(values, (1, 4))
    rows, lat = [wide], [source.lat]
    for pole, row in ((-90.0, 0), (90.0, -1)):
        if abs(source.lat[row] - pole) > 1e-6:
            across = np.interp(half_turn, lon, wide[row])[None, :]
            rows.insert(0, np.tile(across, (1, 4))) if pole < 0 else rows.append(np.tile(across, (1, 4)))
            beyond = [2 * pole - source.lat[row]]
            lat.insert(0, beyond) if pole < 0 else lat.append(beyond)
    interpolate = RegularGridInterpolator((np.concatenate(lat), lon), np.concatenate(rows))
    expected = interpolate(np.stack(np.meshgrid(target.lat, target.lon, indexing="ij"), axis=-1))
    result = Regridder(source, target)(values)
    if source.lon.size % 2:  # across the pole an odd row is itself interpolated, at another longitude
        inner = (target.lat >= source.lat[0]) & (target.lat <= source.lat[-1])
        result, expected = result[inner], expected[inner]
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_bilinear_is_second_order_across_poles_and_date_line() -> None:
    errors = []
    for n in (32, 64, 128):
        source, target = regular_grid(n, 2 * n), regular_grid(180, 360, west=-180.0, east=180.0)
        errors.append(np.abs(Regridder(source, target)(smooth_on(source)) - smooth_on(target)).max())
    assert errors[0] / errors[1] > 3.7
    assert errors[1] / errors[2] > 3.7


@pytest.mark.parametrize("grid", [*GLOBAL_GRIDS, CHINA])
@pytest.mark.parametrize("method", ["bilinear", "conservative"])
def test_a_grid_onto_itself_changes_nothing(grid: Grid, method: str) -> None:
    values = field_on(grid)
    values[3:7, 5:9] = np.nan
    np.testing.assert_allclose(Regridder(grid, grid, method)(values), values, rtol=1e-12)


def test_longitude_convention_of_the_target_does_not_matter() -> None:
    source = regular_grid(36, 72)
    east = regular_grid(24, 48)
    west = regular_grid(24, 48, west=-180.0, east=180.0)
    values = field_on(source)
    for method in ("bilinear", "conservative"):
        on_east = Regridder(source, east, method)(values)
        on_west = Regridder(source, west, method)(values)
        np.testing.assert_allclose(np.roll(on_east, 24, axis=1), on_west, atol=1e-13)


def test_beyond_a_region_is_missing_and_within_half_a_cell_is_not() -> None:
    source = regular_grid(10, 20, south=0.0, north=10.0, west=350.0, east=370.0)
    lat = np.array([-0.6, -0.1, 0.2, 5.0, 9.9, 10.2])
    lon = np.array([-11.0, -9.9, 0.0, 9.9, 11.0])
    target = grid_from_centres(lat, lon)
    values = 1.0 + source.lat[:, None] + 0.0 * source.lon
    result = Regridder(source, target)(values)
    np.testing.assert_array_equal(np.isfinite(result[:, 2]), [False, False, True, True, True, False])
    np.testing.assert_array_equal(np.isfinite(result[3]), [False, True, True, True, False])
    # The outermost centre's value goes on to the edge.
    np.testing.assert_allclose(result[2, 2], 1.5)
    assert np.isnan(Regridder(source, regular_grid(16, 32), "conservative")(values)).sum() > 400


def test_missing_source_cells_drop_out_and_half_the_weight_must_be_valid() -> None:
    source = regular_grid(4, 8, south=0.0, north=4.0, west=0.0, east=8.0)
    target = grid_from_centres(np.array([1.5, 2.5]), np.array([1.5, 1.9, 2.1, 2.5]))
    values = np.where(np.arange(8)[None, :] <= 1, 0.2, np.nan) * np.ones((4, 1))
    result = Regridder(source, target)(values)
    # Weights of the valid column: 1, 0.6, 0.4, 0.
    np.testing.assert_allclose(result[0, :2], 0.2, rtol=1e-14)
    assert np.isnan(result[:, 2:]).all()
    weights = Regridder(source, target).coverage(np.isfinite(values))
    np.testing.assert_allclose(weights[0], [1.0, 0.6, 0.4, 0.0], atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.9))
def test_results_stay_within_the_range_of_the_valid_source(seed: int, share_missing: float) -> None:
    generator = np.random.default_rng(seed)
    source, target = GLOBAL_GRIDS[2], GLOBAL_GRIDS[1]
    values = generator.random(source.shape)
    values[generator.random(source.shape) < share_missing] = np.nan
    for method in ("bilinear", "conservative"):
        result = Regridder(source, target, method)(values)
        found = result[np.isfinite(result)]
        assert np.all(found >= np.nanmin(values) - 1e-12)
        assert np.all(found <= np.nanmax(values) + 1e-12)


@pytest.mark.parametrize("source", GLOBAL_GRIDS)
@pytest.mark.parametrize("target", GLOBAL_GRIDS)
def test_conservative_keeps_the_integral(source: Grid, target: Grid) -> None:
    values = field_on(source)
    result = Regridder(source, target, "conservative")(values)
    assert np.sum(target.area * result) == pytest.approx(np.sum(source.area * values), rel=1e-12)


def test_conservative_coarsening_is_the_mean_over_the_block() -> None:
    source, target = regular_grid(60, 120), regular_grid(12, 24)
    values = field_on(source)
    expected = np.empty(target.shape)
    for row in range(12):
        for column in range(24):
            block = np.s_[5 * row : 5 * row + 5, 5 * column : 5 * column + 5]
            expected[row, column] = np.average(values[block], weights=source.area[block])
    np.testing.assert_allclose(Regridder(source, target, "conservative")(values), expected, rtol=1e-12)


def test_stacks_and_memory_layout_do_not_change_the_bits() -> None:
    source, target = regular_grid(40, 80), regular_grid(17, 30)
    stack = np.random.default_rng(1).random((2, 3, *source.shape))
    stack[0, 1, :10] = np.nan
    for method in ("bilinear", "conservative"):
        regrid = Regridder(source, target, method)
        together = regrid(stack)
        for index in np.ndindex(2, 3):
            np.testing.assert_array_equal(together[index], regrid(np.asfortranarray(stack[index])))
        np.testing.assert_array_equal(together, Regridder(source, target, method)(stack))


def test_infinite_values_are_missing() -> None:
    source = regular_grid(20, 40)
    values = field_on(source)
    as_nan, as_inf = values.copy(), values.copy()
    as_nan[4, 4], as_inf[4, 4] = np.nan, np.inf
    regrid = Regridder(source, regular_grid(18, 36))
    np.testing.assert_array_equal(regrid(as_nan), regrid(as_inf))


def test_wrong_shapes_and_methods_are_errors() -> None:
    source = regular_grid(20, 40)
    with pytest.raises(ShapeError, match="20 x 40 cells"):
        Regridder(source, source)(np.zeros((40, 20)))
    with pytest.raises(ShapeError, match="unknown regridding method"):
        Regridder(source, source, "nearest")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="min_weight"):
        Regridder(source, source, min_weight=0.0)


def test_fill_takes_the_nearest_valid_cell_on_the_sphere() -> None:
    grid = regular_grid(18, 36)
    values = np.full(grid.shape, np.nan)
    values[9, 0], values[9, 20] = 0.1, 0.4
    where = np.zeros(grid.shape, dtype=bool)
    where[9, 35] = where[9, 18] = where[17, 20] = True
    filled = fill_from_nearest(values, grid, where)
    assert filled[9, 35] == 0.1  # across the date line
    assert filled[9, 18] == filled[17, 20] == 0.4
    assert np.isfinite(filled).sum() == 5
    assert np.isfinite(values).sum() == 2
    with pytest.raises(DataError, match="whole image is missing"):
        fill_from_nearest(np.full(grid.shape, np.nan), grid, where)
    with pytest.raises(ShapeError):
        fill_from_nearest(values[:5], grid, where)
