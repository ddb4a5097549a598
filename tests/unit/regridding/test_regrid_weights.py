"""Regridding against areas and interpolation computed cell by cell, over random grids; error sizes; kept weights."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from landda_hpc.errors import ShapeError
from landda_hpc.formats.products.gldas import read_gldas
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.regridding import regrid_cache
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.regridding.regrid_cache import WeightCache
from landda_hpc.regridding.regrid_weights import Method

METHODS: tuple[Method, ...] = ("bilinear", "conservative")


@st.composite
def grids(draw: st.DrawFn, *, globe: bool = False) -> Grid:
    """Rows and columns of random width, global or a region, anywhere on the circle."""
    is_global = globe or draw(st.booleans())
    seed, n_lat, n_lon = draw(st.integers(0, 2**20)), draw(st.integers(2, 9)), draw(st.integers(2, 11))
    generator = np.random.default_rng(seed)

    def edges(low: float, high: float, n: int) -> np.ndarray:
        inner = np.cumsum(generator.uniform(0.3, 1.0, n))
        return low + (high - low) * np.concatenate(([0.0], inner / inner[-1]))

    south, north = (-90.0, 90.0) if is_global else np.sort(generator.uniform(-90.0, 90.0, 2)) + np.array([-0.5, 0.5])
    west = draw(st.sampled_from([-180.0, -7.3, 0.0, 100.0]))
    lat = edges(max(south, -90.0), min(north, 90.0), n_lat)
    lon = edges(west, west + (360.0 if is_global else generator.uniform(20.0, 200.0)), n_lon)
    share = generator.uniform(0.3, 0.7, 2)
    return Grid(
        lat=lat[:-1] + share[0] * np.diff(lat),
        lon=lon[:-1] + share[1] * np.diff(lon),
        lat_edges=lat,
        lon_edges=lon,
        is_periodic=is_global,
    )


def overlap_areas(source: Grid, target: Grid) -> np.ndarray:
    """Common area of every pair of cells on the unit sphere, (n_target, n_source): loops, no weights."""
    areas = np.zeros((target.n_cells, source.n_cells))
    for t in range(target.n_cells):
        i, j = divmod(t, target.lon.size)
        for s in range(source.n_cells):
            k, m = divmod(s, source.lon.size)
            low = max(target.lat_edges[i], source.lat_edges[k])
            high = min(target.lat_edges[i + 1], source.lat_edges[k + 1])
            width = 0.0
            for turn in range(-3, 4):
                west = max(target.lon_edges[j], source.lon_edges[m] + 360.0 * turn)
                east = min(target.lon_edges[j + 1], source.lon_edges[m + 1] + 360.0 * turn)
                width += max(0.0, east - west)
            if high > low:
                areas[t, s] = np.deg2rad(width) * (np.sin(np.deg2rad(high)) - np.sin(np.deg2rad(low)))
    return areas


@settings(max_examples=25)
@given(grids(), grids(), st.integers(0, 1000), st.floats(0.0, 0.7))
def test_conservative_is_the_area_mean_over_valid_cells(source: Grid, target: Grid, seed: int, gaps: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random(source.shape)
    values[generator.random(source.shape) < gaps] = np.nan
    areas, known = overlap_areas(source, target), np.isfinite(values).ravel()
    valid = areas @ known
    whole = np.outer(
        np.diff(np.sin(np.deg2rad(target.lat_edges))), np.deg2rad(np.diff(target.lon_edges))
    ).ravel()  # fmt: skip
    regrid = Regridder(source, target, "conservative", min_weight=0.4)
    result = regrid(values).ravel()
    clear = np.abs(valid / whole - 0.4) > 1e-6
    np.testing.assert_array_equal(np.isfinite(result)[clear], (valid / whole > 0.4)[clear])
    got = np.isfinite(result)
    expected = (areas @ np.where(known, values.ravel(), 0.0))[got] / valid[got]
    np.testing.assert_allclose(result[got], expected, rtol=1e-7)


@settings(max_examples=25)
@given(grids(globe=True), grids(globe=True), st.integers(0, 1000), st.floats(0.0, 0.5))
def test_the_integral_over_valid_cells_is_conserved(source: Grid, target: Grid, seed: int, gaps: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random(source.shape)
    is_valid = generator.random(source.shape) >= gaps
    # Every target cell that has any valid area counts.
    regrid = Regridder(source, target, "conservative", min_weight=1e-6)
    result = regrid(np.where(is_valid, values, np.nan))
    total = np.nansum(target.area * regrid.coverage(is_valid) * result)
    np.testing.assert_allclose(total, np.sum((source.area * values)[is_valid]), rtol=1e-8)


@settings(max_examples=25)
@given(grids(), grids(), st.floats(-1.0, 1.0))
def test_constants_stay_wherever_there_is_a_value(source: Grid, target: Grid, constant: float) -> None:
    for method in METHODS:
        result = Regridder(source, target, method)(np.full(source.shape, constant))
        np.testing.assert_allclose(result[np.isfinite(result)], constant, rtol=1e-13, atol=1e-15)


@settings(max_examples=25)
@given(grids(), grids(), st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_bilinear_is_linear_and_agrees_with_scipy_between_the_centres(
    source: Grid, target: Grid, a: float, b: float
) -> None:
    lon = source.lon[0] + np.mod(target.lon - source.lon[0], 360.0)
    inside = np.outer(
        (target.lat >= source.lat[0]) & (target.lat <= source.lat[-1]), (lon >= source.lon[0]) & (lon <= source.lon[-1])
    )
    linear = 0.1 + a * source.lat[:, None] + b * source.lon[None, :]
    result = Regridder(source, target)(linear)
    expected = 0.1 + a * target.lat[:, None] + b * lon[None, :]
    np.testing.assert_allclose(result[inside], expected[inside], atol=1e-9)
    values = np.random.default_rng(0).random(source.shape)
    where = np.stack(np.broadcast_arrays(target.lat[:, None], lon[None, :]), axis=-1)[inside]
    independent = RegularGridInterpolator((source.lat, source.lon), values)(where)
    np.testing.assert_allclose(Regridder(source, target)(values)[inside], independent, atol=1e-8)


def dense(regrid: Regridder) -> np.ndarray:
    """The whole matrix of weights, (n_target, n_source), by unit images."""
    columns = np.empty((regrid.target.n_cells, regrid.source.n_cells))
    for i in range(regrid.source.n_cells):
        unit = np.zeros(regrid.source.n_cells)
        unit[i] = 1.0
        columns[:, i] = regrid(unit.reshape(regrid.source.shape)).ravel()
    return columns


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_errors_of_regridded_values_are_those_of_the_weights(method: Method, correlation: float) -> None:
    # The bilinear target has a row beyond the last one, whose weights come from two sides of the pole.
    source, target = regular_grid(6, 8), gaussian_grid(9, 16)
    generator = np.random.default_rng(3)
    std = generator.uniform(0.02, 0.1, source.shape)
    is_valid = np.ones(source.shape, dtype=bool)
    regrid = Regridder(source, target, method)
    weights = dense(regrid)
    covariance = np.outer(std, std) * (correlation + (1.0 - correlation) * np.eye(source.n_cells))
    expected = np.sqrt(np.einsum("ts,sr,tr->t", weights, covariance, weights)).reshape(target.shape)
    np.testing.assert_allclose(regrid.error_std(std, is_valid, correlation), expected, rtol=1e-12)


def test_errors_of_n_equal_cells_shrink_as_they_should() -> None:
    # Equal weights: one row that the equator halves has cells of equal area.
    source, target = regular_grid(2, 12), regular_grid(1, 3)
    regrid = Regridder(source, target, "conservative")
    std, every = np.full(source.shape, 0.06), np.ones(source.shape, dtype=bool)
    np.testing.assert_allclose(regrid.error_std(std, every, 0.0), 0.06 / np.sqrt(8.0), rtol=1e-12)
    np.testing.assert_allclose(regrid.error_std(std, every, 1.0), 0.06, rtol=1e-12)
    np.testing.assert_allclose(regrid.error_std(std, every, 0.3), 0.06 * np.sqrt(0.7 / 8 + 0.3), rtol=1e-12)
    half = np.arange(12) % 2 == 0
    np.testing.assert_allclose(regrid.error_std(std, half & every, 0.0), 0.06 / 2.0, rtol=1e-12)
    assert np.isnan(regrid.error_std(np.where(half, std, np.nan), ~half & every, 0.0)).all()
    with pytest.raises(ShapeError, match="correlation"):
        regrid.error_std(std, every, 1.5)


# ------------------------------------------------------------------ kept weights


@pytest.mark.parametrize("method", METHODS)
def test_kept_weights_give_the_same_bits(tmp_path: Path, method: Method) -> None:
    source, target = regular_grid(60, 120, south=-60.0), gaussian_grid(32, 64)
    cache = WeightCache(tmp_path / "weights")
    values = np.random.default_rng(0).random(source.shape)
    expected = Regridder(source, target, method)(values)
    for _ in range(2):
        np.testing.assert_array_equal(Regridder(source, target, method, cache=cache)(values), expected)
    assert [path.suffix for path in cache.folder.iterdir()] == [".weights"]


def test_weights_are_read_and_not_made_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, cache = regular_grid(6, 12), regular_grid(4, 8), WeightCache(tmp_path)
    Regridder(source, target, cache=cache)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(regrid_cache, "build_terms", never)
    Regridder(source, target, cache=cache)
    with pytest.raises(AssertionError):
        Regridder(source, target, "conservative", cache=cache)


def test_every_part_of_a_grid_is_in_the_key() -> None:
    cache = WeightCache(Path("weights"))
    one, target = gaussian_grid(8, 16), regular_grid(4, 8)
    moved = [
        Grid(one.lat + 1e-12, one.lon, one.lat_edges, one.lon_edges, True),
        Grid(one.lat, one.lon + 1e-12, one.lat_edges, one.lon_edges, True),
        Grid(one.lat, one.lon, np.clip(one.lat_edges * (1 - 1e-9), -90, 90), one.lon_edges, True),
        Grid(one.lat, one.lon, one.lat_edges, one.lon_edges + 1e-12, True),
        Grid(one.lat, one.lon, one.lat_edges, one.lon_edges, False),
    ]
    paths = {cache.path(grid, target, method) for grid in (one, *moved) for method in METHODS}
    assert len(paths) == 12
    assert cache.path(one, target, "bilinear") != cache.path(target, one, "bilinear")
    assert cache.path(gaussian_grid(8, 16), target, "bilinear") in paths


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(["flip", "cut", "empty", "foreign"]))
def test_damaged_weights_are_made_anew_and_told(tmp_path_factory: pytest.TempPathFactory, place: int, how: str) -> None:
    source, target = regular_grid(6, 12), regular_grid(4, 8)
    cache = WeightCache(tmp_path_factory.mktemp("weights"))
    values = np.random.default_rng(0).random(source.shape)
    expected = Regridder(source, target, cache=cache)(values)
    path = cache.path(source, target, "bilinear")
    good = path.read_bytes()
    bad = bytearray(good)
    if how == "flip":
        bad[place % len(bad)] ^= 0x10
    path.write_bytes({"flip": bytes(bad), "cut": good[: place % len(good)], "empty": b"", "foreign": b"CDF" * 99}[how])
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    regrid_cache.logger.addHandler(handler)
    try:
        np.testing.assert_array_equal(Regridder(source, target, cache=cache)(values), expected)
    finally:
        regrid_cache.logger.removeHandler(handler)
    assert any("damaged" in record.getMessage() and str(path) in record.getMessage() for record in records)
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(good).digest()


def test_weights_that_cannot_be_kept_are_used_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "weights").write_text("a file where the folder should be", encoding="utf-8")
    source, target = regular_grid(6, 12), regular_grid(4, 8)
    values = np.random.default_rng(0).random(source.shape)
    with caplog.at_level(logging.WARNING):
        result = Regridder(source, target, cache=WeightCache(tmp_path / "weights"))(values)
    np.testing.assert_array_equal(result, Regridder(source, target)(values))
    assert "not stored" in caplog.text


# ------------------------------------------------------------------ a real file


def test_the_real_file_keeps_its_water(shared: Path) -> None:
    profile = read_gldas(shared / "data/gldas/GLDAS_NOAH025_3H.A20160101.0300.021.nc4", (0.0, 0.1))
    image, source = profile.values[0], profile.grid
    target = gaussian_grid(128, 256)
    is_valid = np.isfinite(image)
    regrid = Regridder(source, target, "conservative", min_weight=1e-6)
    coarse = regrid(image)
    total = np.nansum(target.area * regrid.coverage(is_valid) * coarse)
    np.testing.assert_allclose(total, np.nansum(source.area * image), rtol=1e-9)
    assert np.nanmin(image) <= np.nanmin(coarse) <= np.nanmax(coarse) <= np.nanmax(image)
    # A coast cell is missing where less than half of it has pixels.
    half = Regridder(source, target, "conservative")
    assert np.isfinite(half(image)).sum() < np.isfinite(coarse).sum()
    np.testing.assert_array_equal(np.isfinite(half(image)), half.is_covered(is_valid))
