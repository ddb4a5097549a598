"""The threshold study: reconstructions, their errors, correlation with distance, and the figures."""

from __future__ import annotations

import itertools
from datetime import datetime

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.grid import grid_from_centres, regular_grid
from landda_hpc.studies.distance_correlation import correlate_by_distance, study_distances
from landda_hpc.studies.threshold_figures import (
    draw_distance_correlation,
    draw_error_densities,
    draw_reconstructions,
)
from landda_hpc.studies.threshold_statistics import (
    ReconstructionStudy,
    recommend,
    reconstruct,
    study_reconstructions,
)
from landda_hpc.verification.figures.minimisation import KnownMinimisation, MinimisationRecord, draw_minimisation
from landda_hpc.verification.statistics.scores import score

REGION = regular_grid(24, 31, south=23.0, north=68.0, west=73.0, east=117.0)
FRAME = Curvelet2D(REGION.shape)


def images(n: int, seed: int = 0, missing: float = 0.0) -> FloatArray:
    """A climate with structure at all scales, changing in time."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:24j, 0:1:31j]
    base = 0.25 + 0.12 * np.sin(5.0 * x) * np.cos(4.0 * y)
    series = np.empty((n, *REGION.shape))
    for t in range(n):
        series[t] = base + 0.05 * np.sin(9.0 * x + 7.0 * y + 0.5 * t) + 0.02 * rng.standard_normal(REGION.shape)
    series[rng.random(series.shape) < missing] = np.nan
    return series


LAND = np.random.default_rng(9).random(REGION.shape) < 0.8


# ------------------------------------------------------------------ reconstructions


@given(st.integers(0, 1000))
def test_everything_is_the_image_and_nothing_is_nothing(seed: int) -> None:
    image = images(1, seed)[0]
    nothing, half, everything = reconstruct(FRAME, image, (0.0, 0.5, 1.0))
    assert not nothing.any()
    np.testing.assert_allclose(everything, image, atol=1e-13)
    assert 0.0 < np.sum((half - image) ** 2) < np.sum(image**2)


def test_errors_fall_as_more_is_kept() -> None:
    study = study_reconstructions(FRAME, images(5), LAND, (0.05, 0.2, 0.5, 0.8, 1.0))
    for name, sign in (("rmse", -1), ("std", -1), ("scc", 1), ("share_small", 1)):
        values = np.array([getattr(e, name) for e in study.errors])
        assert np.all(sign * np.diff(values) >= 0.0), name
    assert study.errors[-1].rmse < 1e-13
    assert study.errors[-1].scc == pytest.approx(1.0)
    assert np.isnan(study.errors[-1].kurtosis)


def test_statistics_are_those_of_the_pooled_errors() -> None:
    """Against numpy on all errors at once, with gaps."""
    series, fractions = images(7, missing=0.1), (0.1, 0.5)
    study = study_reconstructions(FRAME, iter(series), LAND, fractions)
    assert study.n_images == 7
    assert study.fractions == fractions
    for i, fraction in enumerate(fractions):
        reconstructed = np.array([reconstruct(FRAME, image, (fraction,))[0] for image in series])
        error = np.where(LAND, reconstructed - series, np.nan)
        pooled = error[np.isfinite(error)]
        z = (pooled - pooled.mean()) / pooled.std()
        got = study.errors[i]
        assert got.std == pytest.approx(pooled.std(), rel=1e-10)
        assert got.skewness == pytest.approx(np.mean(z**3), abs=1e-9)
        assert got.kurtosis == pytest.approx(np.mean(z**4) - 3.0, abs=1e-9)
        assert got.share_small == pytest.approx(np.mean(np.abs(pooled) <= 0.02))
        scores = [score(a, b, LAND) for a, b in zip(reconstructed, series, strict=True)]
        assert got.scc == pytest.approx(np.mean([s.scc for s in scores]))
        assert got.rmse == pytest.approx(np.mean([s.rmse for s in scores]))
        step = got.values[1] - got.values[0]
        assert np.sum(got.density) * step == pytest.approx(np.mean(np.abs(pooled) <= 5 * got.std), abs=0.01)
        assert np.sum(got.density * got.values**2) * step == pytest.approx(1.0, abs=0.05)
        np.testing.assert_allclose(study.mean_error[i][LAND], np.nanmean(error[:, LAND], axis=0), atol=1e-13)
    np.testing.assert_allclose(study.mean_original[LAND], np.nanmean(series, axis=0)[LAND], rtol=1e-12)
    assert np.isnan(study.mean_original[~LAND]).all()


def test_white_noise_is_recommended_away() -> None:
    """A smooth image in white noise: the recommended threshold drops something near to normal, and says so."""
    study = study_reconstructions(FRAME, images(20), LAND, (0.1, 0.3, 0.5, 0.7, 0.9))
    chosen = recommend(study, min_scc=0.95)
    error = next(e for e in study.errors if e.fraction == chosen.fraction)
    assert abs(error.skewness) < 0.2
    assert abs(error.kurtosis) < 1.0
    assert f"sigma = {chosen.fraction:g}" in chosen.reason
    assert "closest to a normal" in chosen.reason
    assert "none of the" in recommend(study, min_scc=1.0).reason
    exact = ReconstructionStudy(1, study.mean_original, study.mean_reconstruction, study.mean_error, ())
    with pytest.raises(DataError, match="below 1"):
        recommend(exact)


def test_neighbours_of_white_and_of_smooth_errors() -> None:
    """Correlation of neighbours distinguishes noise from structure: an error of one large curvelet, and of noise."""

    class Biased:
        """A frame whose reconstruction lacks a given field."""

        shape = REGION.shape

        def __init__(self, lacking: FloatArray) -> None:
            self.lacking = lacking

        def forward(self, x: FloatArray, /) -> FloatArray:
            return x

        def inverse(self, c: FloatArray, /) -> FloatArray:
            return c - self.lacking

        def rank_mask(self, c: FloatArray, fraction: float, /) -> np.ndarray:
            return np.ones(1, dtype=np.bool_)

        def scale_by(self, c: FloatArray, gain: FloatArray, /) -> FloatArray:
            return c

    series = images(3)
    x = np.linspace(0.0, 2.0 * np.pi, 31)[None, :] * np.ones((24, 1))
    smooth = study_reconstructions(Biased(0.05 * np.sin(x)), series, LAND, (0.5,)).errors[0]
    noise = 0.05 * np.random.default_rng(3).standard_normal(REGION.shape)
    white = study_reconstructions(Biased(noise), series, LAND, (0.5,)).errors[0]
    assert smooth.neighbour_correlation > 0.95
    assert abs(white.neighbour_correlation) < 0.1


# ------------------------------------------------------------------ distance


def test_correlation_by_distance_is_that_of_every_pair() -> None:
    """Against np.corrcoef and the haversine formula, pair by pair."""
    rng = np.random.default_rng(0)
    lat, lon = np.deg2rad(rng.uniform(-80, 80, 300)), np.deg2rad(rng.uniform(0, 360, 300))
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    series = rng.standard_normal((12, 300)) + np.outer(rng.standard_normal(12), np.sin(lon))
    series[:, 17] = 0.3  # never changes
    edges = np.array([0.0, 500.0, 2000.0, 7000.0])
    distances, n_pairs, means = correlate_by_distance([series], points, edges, least_std=1e-9)
    i, j = np.triu_indices(300, k=1)
    half = np.sin((lat[i] - lat[j]) / 2) ** 2 + np.cos(lat[i]) * np.cos(lat[j]) * np.sin((lon[i] - lon[j]) / 2) ** 2
    km = 2 * EARTH_RADIUS / 1000 * np.arcsin(np.sqrt(half))
    varying = (i != 17) & (j != 17)
    with np.errstate(invalid="ignore"):
        r = np.corrcoef(series.T)[i, j]
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (km >= low) & (km < high)
        assert n_pairs[k] == inside.sum()
        assert distances[k] == pytest.approx(km[inside].mean(), rel=1e-10)
        assert means[0, k] == pytest.approx(r[inside & varying].mean(), rel=1e-10)


def test_bands_add_up_and_all_of_them_are_the_original() -> None:
    result = study_distances(FRAME, images(8), REGION, LAND, (0.05, 0.3, 1.0), np.arange(0.0, 2001.0, 250.0))
    assert result.limits == (0.05, 0.3, 1.0)
    full = np.isfinite(result.original)
    assert full.sum() >= 7
    np.testing.assert_allclose(result.cumulative[-1][full], result.original[full], atol=1e-9)
    np.testing.assert_allclose(result.cumulative[0][full], result.bands[0][full], atol=1e-12)
    assert np.all(np.diff(result.distances_km[full]) > 0.0)
    assert result.original[full][0] > result.original[full][3]
    assert np.isnan(result.reach_km(0.999))
    assert result.reach_km(-1.0) == result.distances_km[full][-1]


def test_large_coefficients_reach_farther() -> None:
    """The paper's finding: the structure that a band holds is the smaller, the smaller its coefficients."""
    edges = np.arange(0.0, 1001.0, 200.0)
    result = study_distances(FRAME, images(12), REGION, LAND, (0.1, 0.5, 1.0), edges)
    near = 1
    assert result.bands[0, near] > result.bands[1, near] + 0.05
    assert abs(result.bands[2, near]) < 0.1


def test_cells_with_gaps_are_left_out() -> None:
    series = images(6)
    whole = study_distances(FRAME, series, REGION, LAND, (1.0,))
    series[2, :, :5] = np.nan
    less = study_distances(FRAME, series, REGION, LAND, (1.0,))
    kept = LAND.copy()
    kept[:, :5] = False
    assert less.n_pairs.sum() < whole.n_pairs.sum()
    again = study_distances(FRAME, images(6), REGION, kept, (1.0,))
    np.testing.assert_allclose(less.original, again.original, rtol=1e-12)


# ------------------------------------------------------------------ what is refused


def test_mistakes_are_told() -> None:
    with pytest.raises(DataError, match="without values"):
        reconstruct(FRAME, np.full(REGION.shape, np.nan), (0.5,))
    with pytest.raises(ConfigError, match="shares from 0 to 1"):
        study_reconstructions(FRAME, images(1), LAND, (0.5, 1.5))
    with pytest.raises(ShapeError, match="the domain has"):
        study_reconstructions(FRAME, images(1), LAND[1:], (0.5,))
    with pytest.raises(ShapeError, match="image has shape"):
        study_reconstructions(FRAME, images(1)[:, 1:], LAND, (0.5,))
    with pytest.raises(DataError, match="empty"):
        study_reconstructions(FRAME, [], LAND, (0.5,))
    with pytest.raises(ShapeError, match="ascending"):
        study_distances(FRAME, images(4), REGION, LAND, (0.5, 0.3))
    with pytest.raises(DataError, match="three or more"):
        study_distances(FRAME, images(2), REGION, LAND)
    with pytest.raises(DataError, match="two cells"):
        study_distances(FRAME, images(4), REGION, np.zeros(REGION.shape, dtype=np.bool_))
    with pytest.raises(ShapeError, match="grid's shape"):
        study_distances(FRAME, images(4), regular_grid(20, 20), LAND)
    with pytest.raises(DataError, match="no minimisation in the diagnostics"):
        MinimisationRecord.from_diagnostics({"gain_mean": 0.5})


# ------------------------------------------------------------------ figures


def test_figures_of_the_study(pictures, tmp_path) -> None:
    study = study_reconstructions(FRAME, images(4), LAND, (0.1, 0.5))
    draw_reconstructions(study, REGION, LAND, datetime(2016, 5, 25, 18), tmp_path / "maps.png")
    draw_error_densities(study, tmp_path / "density.png", recommendation=recommend(study, 0.9))
    exact = study_reconstructions(FRAME, images(2), LAND, (0.5, 1.0))
    draw_error_densities(exact, tmp_path / "exact.png")
    result = study_distances(FRAME, images(4), REGION, LAND, (0.1, 0.5, 1.0))
    draw_distance_correlation(result, tmp_path / "distance.png")
    for name in ("maps", "density", "exact", "distance"):
        width, height = pictures.png_size(tmp_path / f"{name}.png")
        assert min(width, height) > 500


def test_figure_of_the_minimisation(pictures, tmp_path) -> None:
    one = MinimisationRecord.from_diagnostics(
        {
            "cost": [1121.0, 900.0, 863.1],
            "cost_background": [0.0, 20.0, 30.0],
            "cost_image": [1121.0, 880.0, 833.1],
            "cost_observation": [0.0, 0.0, 0.0],
            "gradient_norm": [80.0, 1.0, 1e-10],
            "iterations": 2.0,
        }
    )
    assert set(one.parts) == {"background", "image"}
    other = MinimisationRecord([9e4, 1e3], [1e3, 1e-10], {})
    draw_minimisation(
        {"var3d_image": one},
        tmp_path / "one.png",
        known=KnownMinimisation("[S24]", ((0, 1121.0), (2, 863.1)), 22),
        tolerance=1e-9,
    )
    draw_minimisation({"var3d_image": one, "var3d_point": other}, tmp_path / "two.png")
    for name in ("one", "two"):
        width, height = pictures.png_size(tmp_path / f"{name}.png")
        assert width > height > 400
    with pytest.raises(DataError, match="no minimisation to draw"):
        draw_minimisation({}, tmp_path / "none.png")
    with pytest.raises(DataError, match="different length"):
        draw_minimisation({"a": MinimisationRecord([1.0, 2.0], [1.0], {})}, tmp_path / "none.png")


def test_era5_over_china(shared) -> None:
    """[S24]'s findings on 72 hours of ERA5: half of the coefficients give SCC > 0.99 and errors within 0.02."""
    with netCDF4.Dataset(shared / "data" / "era5" / "ERA5_China_2024_07_01_03.nc") as file:
        lat = np.asarray(file["latitude"][:], np.float64)[::-1]
        lon = np.asarray(file["longitude"][:], np.float64)
        series = np.ma.filled(file["swvl1"][:].astype(np.float64), np.nan)[:, ::-1]
    grid = grid_from_centres(lat, lon)
    frame, land = Curvelet2D(grid.shape), np.isfinite(series).all(axis=0)
    study = study_reconstructions(frame, series, land, (0.1, 0.5))
    tenth, half = study.errors
    assert half.scc > 0.99 > tenth.scc
    assert half.share_small > 0.99
    assert half.std < 0.3 * tenth.std
    assert abs(half.skewness) < 0.2
    assert abs(half.kurtosis) < 1.0
    assert abs(half.neighbour_correlation) < 0.2
    distances = study_distances(frame, series, grid, land, (0.01, 0.1, 0.5), np.arange(0.0, 601.0, 50.0))
    near = distances.distances_km < 400.0
    gap = np.abs(distances.cumulative - distances.original)[:, near].max(axis=1)
    assert gap[1] < 0.25
    assert gap[2] < 0.08 < gap[0]
    assert distances.reach_km(0.5) > 100.0
