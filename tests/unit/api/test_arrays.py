"""Analyses and scores of arrays in memory: closed forms, labels, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import landda_hpc
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import regular_grid

GRID = regular_grid(24, 48)


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    background = rng.uniform(0.1, 0.4, GRID.shape)
    background[:2] = np.nan
    observation = background + 0.05 * rng.standard_normal(GRID.shape)
    observation[5, 5] = np.nan
    return background, observation


def test_the_constant_gain_has_its_closed_form() -> None:
    background, observation = images()
    result = landda_hpc.analyse(background, observation, "pointwise", gain=0.25)
    expected = np.where(np.isfinite(background) & np.isfinite(observation), 0.25 * (observation - background), 0.0)
    np.testing.assert_allclose(result.increment, expected, atol=1e-15)


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    background, observation = images()
    first, again, other = (
        landda_hpc.analyse(background, observation, members=4, seed=seed).increment for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes() and first.tobytes() != other.tobytes()


def test_labelled_images_come_back_on_their_coordinates() -> None:
    coords = {"lat": GRID.lat, "lon": GRID.lon}
    background, observation = (xr.DataArray(image, coords, ("lat", "lon")) for image in images())
    result = landda_hpc.analyse(background, observation.transpose("lon", "lat"), members=4)
    assert set(result) == {"analysis", "increment", "spread"}
    assert result.analysis.attrs["units"] == "m3 m-3"
    xr.testing.assert_allclose(result.analysis, background + result.increment)
    plain = landda_hpc.analyse(background.values, observation.values, members=4)
    inside = np.isfinite(background.values)
    np.testing.assert_array_equal(result.increment.values[inside], plain.increment[inside])


@pytest.mark.parametrize(
    ("method", "settings", "error", "text"),
    [
        ("nudge", {}, ConfigError, "method 'nudge' is not known; there are control, pointwise"),
        ("pointwis", {}, ConfigError, "Did you mean 'pointwise'"),
        ("control", {}, ConfigError, "does not analyse"),
        ("pointwise", {"gian": 0.2}, ConfigError, "Did you mean 'gain'"),
        ("var3d_point", {"layers": "upper_three"}, ConfigError, "one image|an image is one layer"),
        ("pointwise", {"grid": regular_grid(8, 16)}, ShapeError, "its grid has"),
    ],
)
def test_mistakes_are_refused(method: str, settings: dict[str, object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        landda_hpc.analyse(*images(), method, **settings)


def test_mixed_and_shifted_labels_are_refused() -> None:
    background, observation = images()
    labelled = xr.DataArray(background, {"lat": GRID.lat, "lon": GRID.lon}, ("lat", "lon"))
    with pytest.raises(ConfigError, match="one of each"):
        landda_hpc.analyse(labelled, observation)
    with pytest.raises(ShapeError, match="coordinate lon"):
        landda_hpc.analyse(labelled, labelled.assign_coords(lon=GRID.lon + 1.0))


def test_scores_are_weighted_by_latitude_where_it_is_known() -> None:
    background, observation = images()
    labelled = xr.DataArray(background, {"lat": GRID.lat, "lon": GRID.lon}, ("lat", "lon"))
    weights = np.repeat(np.cos(np.radians(GRID.lat))[:, None], GRID.shape[1], axis=1)
    assert landda_hpc.score(labelled, observation) == landda_hpc.score(background, observation, weights=weights)
    plain = landda_hpc.score(background, observation)
    both = np.isfinite(background) & np.isfinite(observation)
    assert plain.n_cells == both.sum()
    assert plain.rmse == pytest.approx(np.sqrt(np.mean((background - observation)[both] ** 2)))
