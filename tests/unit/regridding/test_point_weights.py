"""Maps from a dataset's places to cells: against the regridding of whole images, and whatever cells are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import Grid, regular_grid
from landda_hpc.regridding.point_weights import PointWeights, point_weights
from landda_hpc.regridding.regrid import Regridder

SOURCE = regular_grid(72, 144)
TARGET = regular_grid(32, 64)


def of_image(weights: PointWeights, image: np.ndarray) -> np.ndarray:
    return weights(image[weights.rows, weights.columns])


def smooth(grid: Grid) -> np.ndarray:
    lat, lon = np.deg2rad(grid.lat)[:, None], np.deg2rad(grid.lon)[None, :]
    return 280.0 + 20.0 * np.cos(lat) * np.cos(2 * lon) + 5.0 * np.sin(3 * lat)


@pytest.mark.parametrize(("method", "other"), [("bilinear", "bilinear"), ("area", "conservative")])
@pytest.mark.parametrize("west", [0.0, -180.0, -90.0])
def test_same_as_regridding_the_whole_image(method: str, other: str, west: float) -> None:
    source = regular_grid(72, 144, west=west, east=west + 360.0)
    image = smooth(source)
    cells = np.arange(2 * 64, 30 * 64)  # off the poles, across which the regridder interpolates
    weights = point_weights(source.lat, source.lon, np.isfinite(image), TARGET, cells, method)  # type: ignore[arg-type]
    expected = Regridder(source, TARGET, other)(image).ravel()[cells]  # type: ignore[arg-type]
    np.testing.assert_allclose(of_image(weights, image), expected, rtol=1e-12)


def test_regional_datasets() -> None:
    source = regular_grid(40, 80, south=10.0, north=60.0, west=60.0, east=150.0)
    target = regular_grid(20, 24, south=20.0, north=50.0, west=70.0, east=140.0)
    image = smooth(source)
    cells = np.arange(target.n_cells)
    for method, other in (("bilinear", "bilinear"), ("area", "conservative")):
        weights = point_weights(source.lat, source.lon, np.isfinite(image), target, cells, method)  # type: ignore[arg-type]
        expected = Regridder(source, target, other)(image).ravel()  # type: ignore[arg-type]
        np.testing.assert_allclose(of_image(weights, image), expected, rtol=1e-12)
        assert weights.rows.start > 0  # no more than is needed
        assert weights.columns.stop - weights.columns.start < source.lon.size
    with pytest.raises(DataError, match=r"no value within 500 km of latitude -81.56"):
        point_weights(source.lat, source.lon, np.isfinite(image), TARGET, np.array([64]), "bilinear")


@given(st.lists(st.integers(0, TARGET.n_cells - 1), min_size=1, max_size=20, unique=True), st.booleans())
@settings(max_examples=25)
def test_bits_do_not_depend_on_the_other_cells(chosen: list[int], by_area: bool) -> None:
    method = "area" if by_area else "bilinear"
    rng = np.random.default_rng(0)
    image = smooth(SOURCE) + rng.standard_normal(SOURCE.shape)
    is_valid = rng.random(SOURCE.shape) > 0.4
    everything = point_weights(SOURCE.lat, SOURCE.lon, is_valid, TARGET, np.arange(TARGET.n_cells), method)  # type: ignore[arg-type]
    cells = np.array(sorted(chosen))
    some = point_weights(SOURCE.lat, SOURCE.lon, is_valid, TARGET, cells, method)  # type: ignore[arg-type]
    holed = np.where(is_valid, image, np.nan)
    whole = of_image(everything, holed)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(of_image(some, holed), whole[cells])


@given(st.floats(0.0, 0.25), st.integers(0, 1000))
@settings(max_examples=20)
def test_weights_are_a_mean(missing: float, seed: int) -> None:
    is_valid = np.random.default_rng(seed).random(SOURCE.shape) >= missing
    cells = np.arange(640, 1408)
    weights = point_weights(SOURCE.lat, SOURCE.lon, is_valid, TARGET, cells, "bilinear")
    assert (weights.weight >= 0.0).all()
    np.testing.assert_allclose(weights.weight.sum(axis=0), 1.0, rtol=1e-14)
    constant = np.where(is_valid, 3.5, np.nan)
    np.testing.assert_allclose(of_image(weights, constant), 3.5, rtol=1e-14)


def test_coasts_take_the_nearest_value() -> None:
    is_valid = np.zeros(SOURCE.shape, dtype=bool)
    is_valid[:, :72] = True  # the eastern hemisphere
    image = np.where(is_valid, np.arange(SOURCE.lon.size)[None, :] * 1.0, np.nan)
    cell = 16 * 64 + 32  # just west of 180 degrees east, none of its neighbours to the east is valid
    weights = point_weights(SOURCE.lat, SOURCE.lon, is_valid, TARGET, np.array([cell]), "bilinear")
    assert of_image(weights, image)[0] == 71.0
    with pytest.raises(DataError, match="no value within 500 km"):
        point_weights(SOURCE.lat, SOURCE.lon, is_valid, TARGET, np.array([16 * 64 + 40]), "bilinear")


def test_a_value_that_went_missing_is_seen() -> None:
    weights = point_weights(SOURCE.lat, SOURCE.lon, np.ones(SOURCE.shape, bool), TARGET, np.array([700, 701]), "area")
    image = smooth(SOURCE)[weights.rows, weights.columns]
    image[0, 0] = np.nan
    found = weights(image)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
    with pytest.raises(ShapeError, match="window to map"):
        weights(image[1:])


def test_a_single_place_serves_everywhere() -> None:
    weights = point_weights(np.array([45.0]), np.array([123.0]), np.ones((1, 1), bool), TARGET, np.arange(9), "area")
    np.testing.assert_array_equal(weights(np.array([[7.0]])), np.full(9, 7.0))
    with pytest.raises(ShapeError, match="mask of valid places"):
        point_weights(SOURCE.lat, SOURCE.lon, np.ones((1, 1), bool), TARGET, np.arange(9), "area")
