"""Background variances from an archive, the product at the nodes, and the China error map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.analysis.background_archive import (
    BackgroundArchive,
    archive_of,
    read_archive,
    write_archive,
)
from landda_hpc.analysis.layer_nodes import at_nodes, node_weights
from landda_hpc.config import RegionStd
from landda_hpc.constants import SOIL_Z, FloatArray
from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.regions import Region, named_regions, std_by_region
from landda_hpc.studies.reproduction.paper_regions import INSIDE_CHINA

GRID = regular_grid(18, 20, south=20.0, north=56.0, west=73.0, east=117.0)


def series(n_times: int, seed: int = 0, missing: float = 0.2) -> list[tuple[FloatArray, FloatArray]]:
    """Pairs of images (3, n_lat, n_lon) with gaps in both."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.0, 0.5, (n_times, 2, 3, *GRID.shape)) + rng.normal(0.0, 0.1, (1, 2, 3, *GRID.shape))
    images[rng.random(images.shape) < missing] = np.nan
    return [(one[0], one[1]) for one in images]


@given(st.integers(1, 15), st.integers(0, 1000), st.floats(0.0, 1.0))
def test_running_statistics_are_numpys(n_times: int, seed: int, missing: float) -> None:
    pairs = series(n_times, seed, missing)
    result = archive_of(iter(pairs))
    differences = np.array([b - y for b, y in pairs])
    count = np.isfinite(differences).sum(axis=0)
    assert np.array_equal(result.count, count)
    masked = np.ma.masked_invalid(differences)
    mean = np.ma.filled(masked.mean(axis=0), np.nan)
    np.testing.assert_allclose(result.mean, mean, atol=1e-13)
    variance = np.where(count > 1, np.ma.filled(masked.var(axis=0), 0.0) * count / np.maximum(count - 1, 1), np.nan)
    np.testing.assert_allclose(result.variance, variance, atol=1e-13)
    assert np.isnan(result.mean[count == 0]).all()


def test_variance_about_the_mean_and_about_zero() -> None:
    pairs = series(40, missing=0.0)
    result, domain = archive_of(pairs), np.random.default_rng(1).random(GRID.shape) < 0.6
    differences = np.array([b - y for b, y in pairs])
    about_mean = result.background_variance(domain)
    about_zero = result.background_variance(domain, about="zero")
    np.testing.assert_allclose(about_mean[:, domain], differences.var(axis=0, ddof=1)[:, domain], rtol=1e-12)
    np.testing.assert_allclose(about_zero[:, domain], (differences**2).mean(axis=0)[:, domain], rtol=1e-12)
    assert np.isnan(about_mean[:, ~domain]).all()
    less = result.background_variance(domain, observation_std=0.05)
    np.testing.assert_allclose(less[:, domain], about_mean[:, domain] - 0.05**2, rtol=1e-12)


def test_floor_and_cells_that_the_archive_does_not_cover() -> None:
    pairs = series(30, missing=0.0)
    for background, observation in pairs:
        background[:, 0, 0] = observation[:, 0, 0] + 0.1  # a bias and nothing else
        background[1, 3, 4] = np.nan
    result, domain = archive_of(pairs), np.ones(GRID.shape, dtype=np.bool_)
    variance = result.background_variance(domain, floor_std=0.02)
    assert variance[:, 0, 0] == pytest.approx(0.02**2)
    others = np.ones(GRID.shape, dtype=np.bool_)
    others[3, 4] = False
    assert variance[1, 3, 4] == pytest.approx(variance[1][others].mean())
    assert result.background_variance(domain, about="zero")[:, 0, 0] == pytest.approx(0.1**2)
    with pytest.raises(DataError, match=r"with 31 times; the maximum is 30"):
        result.background_variance(domain, min_count=31)
    with pytest.raises(ShapeError, match="the domain on"):
        result.background_variance(domain[1:])


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    result = archive_of(series(5, missing=0.5))
    path = tmp_path / "archives" / "b.nc"
    write_archive(path, GRID, result, "a test")
    again = read_archive(path, GRID)
    assert np.array_equal(again.count, result.count)
    np.testing.assert_array_equal(again.mean, result.mean)
    np.testing.assert_allclose(again.variance, result.variance, rtol=1e-15)
    with pytest.raises(ShapeError, match="archive"):
        read_archive(path, regular_grid(18, 20))
    with pytest.raises(MissingFileError, match="does not exist"):
        read_archive(tmp_path / "none.nc", GRID)


def test_series_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="empty"):
        archive_of([])
    archive = BackgroundArchive((1, 4, 5))
    with pytest.raises(ShapeError, match="observation has shape"):
        archive.add(np.zeros((1, 4, 5)), np.zeros((1, 5, 4)))


# ------------------------------------------------------------------ nodes


def test_era5_land_at_colms_upper_nodes() -> None:
    """0.71, 2.79, 6.23 cm: the first two lie above the middle of 0-7 cm, the third takes 19 % of 7-28 cm."""
    alone = node_weights([(0.0, 0.07)], SOIL_Z[:3])
    assert np.array_equal(alone, np.ones((3, 1)))
    weights = node_weights([(0.0, 0.07), (0.07, 0.28), (0.28, 1.0)], SOIL_Z[:3])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    assert np.array_equal(weights[:2], [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert weights[2, 1] == pytest.approx((SOIL_Z[2] - 0.035) / 0.14)
    assert weights[2, 1] == pytest.approx(0.195, abs=0.005)


def test_linear_profiles_stay_linear_and_gaps_stay_gaps() -> None:
    depths = [(0.0, 0.07), (0.07, 0.28), (0.28, 1.0)]
    middles = np.array([0.5 * (a + b) for a, b in depths])
    product = np.broadcast_to((0.1 + 0.3 * middles)[:, None, None], (3, 4, 5)).copy()
    product[1, 2, 2] = np.nan
    nodes = np.array([0.04, 0.1, 0.5])
    result = at_nodes(product, node_weights(depths, nodes))
    np.testing.assert_allclose(result[:, 0, 0], 0.1 + 0.3 * nodes, rtol=1e-12)
    assert np.isnan(result[:, 2, 2]).all()
    only_first = at_nodes(product, node_weights(depths, np.array([0.01])))
    assert np.isfinite(only_first).all()
    with pytest.raises(ShapeError, match="top down"):
        node_weights([(0.1, 0.3), (0.0, 0.1)])
    with pytest.raises(ShapeError, match="expected"):
        at_nodes(product[:2], node_weights(depths))


# ------------------------------------------------------------------ China


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_china_is_where_it_is(west: float) -> None:
    grid = regular_grid(180, 360, west=west, east=west + 360.0)
    (china,) = named_regions((INSIDE_CHINA,), Path())
    inside = china.mask(grid)

    def at(lat: float, lon: float) -> bool:
        column = int(np.argmin(np.abs((grid.lon - lon + 180.0) % 360.0 - 180.0)))
        return bool(inside[int(np.argmin(np.abs(grid.lat - lat))), column])

    for lat, lon in ((39.5, 116.5), (31.5, 91.5), (43.5, 87.5), (23.5, 113.5), (30.5, 104.5), (45.5, 126.5)):
        assert at(lat, lon), (lat, lon)
    for lat, lon in (
        (47.5, 107.5),
        (28.5, 77.5),
        (37.5, 127.5),
        (35.5, 139.5),
        (21.5, 105.5),
        (55.5, 92.5),
        (0.5, 0.5),
    ):
        assert not at(lat, lon), (lat, lon)
    area = grid.area[inside].sum() / 1e12
    assert area == pytest.approx(9.6, rel=0.04)  # million km2


def test_china_error_map() -> None:
    grid = regular_grid(32, 32, south=23.0, north=68.0, west=73.0, east=117.0)
    china = RegionStd(**INSIDE_CHINA.model_dump(), std=0.30)
    errors = np.asarray(std_by_region(grid, 0.01, (china,), Path()))
    assert set(np.unique(errors)) == {0.01, 0.30}
    assert 0.35 < np.mean(errors == 0.30) < 0.6


def test_outlines_in_either_sense_and_a_plain_square() -> None:
    grid = regular_grid(18, 36)
    square = ((-12.0, -20.0), (38.0, -20.0), (38.0, 30.0), (-12.0, 30.0))
    inside = Region.polygon("square", (square,)).mask(grid)
    lon = (grid.lon + 180.0) % 360.0 - 180.0
    expected = ((grid.lat > -20) & (grid.lat < 30))[:, None] & ((lon > -12) & (lon < 38))[None, :]
    assert np.array_equal(inside, expected)
    assert np.array_equal(Region.polygon("square", (square[::-1],)).mask(grid), expected)
