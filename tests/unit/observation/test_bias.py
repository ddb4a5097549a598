"""Bias treatments in closed form, their climatologies, the file, and what they do to structure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import gaussian_grid, regular_grid
from landda_hpc.observation import bias
from landda_hpc.observation.bias import (
    PROBABILITIES,
    CdfTreatment,
    ClimatologyPair,
    MeanVarianceTreatment,
    SeasonalClimatologies,
    Untreated,
    fit_climatologies,
    match_quantiles,
)
from landda_hpc.observation.bias_file import read_climatologies, write_climatologies
from landda_hpc.observation.bias_report import StructureEffect, add_image, correlation
from landda_hpc.observation.image_observation import ImageObservation

SHAPE = (4, 6)
STD = np.full(SHAPE, 0.05)


def observation(given_values: np.ndarray) -> ImageObservation:
    soil = np.ones(given_values.shape, dtype=bool)
    return ImageObservation.flagged(given_values, soil, datetime(2022, 6, 2), (0.0, 0.1), "test")


def archive(n: int = 60, seed: int = 0, gaps: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Model and product, (n, 4, 6): other mean, spread and shape; the first cell never seen, the second seldom."""
    generator = np.random.default_rng(seed)
    model = 0.25 + 0.05 * generator.standard_normal((n, *SHAPE))
    product = 0.15 + 0.10 * generator.random((n, *SHAPE)) ** 2 + np.linspace(0.0, 0.1, 6)
    product[generator.random(product.shape) < gaps] = np.nan
    product[:, 0, 0] = np.nan
    product[5:, 0, 1] = np.nan
    return model, product


def fit(model: np.ndarray, product: np.ndarray) -> ClimatologyPair:
    return fit_climatologies(len(model), lambda i: (model[i], product[i]), model.shape[1:])


def test_climatologies_are_those_of_numpy_over_common_times() -> None:
    model, product = archive()
    pair = fit(model, product)
    common = np.where(np.isfinite(product), model, np.nan)
    np.testing.assert_array_equal(pair.count, np.isfinite(product).sum(axis=0))
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        for one, values in ((pair.model, common), (pair.product, product)):
            np.testing.assert_allclose(one.mean, np.nanmean(values, axis=0), rtol=1e-12)
            np.testing.assert_allclose(one.std, np.nanstd(values, axis=0), rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(one.quantiles, np.nanquantile(values, PROBABILITIES, axis=0), rtol=1e-12)


def test_blocks_of_rows_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    model, product = archive()
    whole = fit(model, product)
    monkeypatch.setattr(bias, "_BLOCK_VALUES", 2 * len(model) * SHAPE[1])
    rows = fit(model, product)
    for one, other in ((whole.model, rows.model), (whole.product, rows.product)):
        for name in ("mean", "std", "quantiles"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_mean_and_variance_become_the_models() -> None:
    model, product = archive()
    pair = fit(model, product)
    treatment = MeanVarianceTreatment(pair, 20, 10.0)
    images = [treatment(observation(image), STD) for image in product]
    treated = np.stack([image.given for image, _ in images])
    cells = treatment.treated
    assert not cells[0, :2].any()
    assert cells.sum() == 22
    np.testing.assert_allclose(np.nanmean(treated[:, cells], axis=0), pair.model.mean[cells], rtol=1e-12)
    np.testing.assert_allclose(np.nanstd(treated[:, cells], axis=0), pair.model.std[cells], rtol=1e-9)
    np.testing.assert_array_equal(treated[:, ~cells], product[:, ~cells])
    np.testing.assert_allclose(images[0][1][cells], (0.05 * pair.model.std / pair.product.std)[cells], rtol=1e-12)
    np.testing.assert_array_equal(images[0][1][~cells], 0.05)
    np.testing.assert_array_equal(images[3][0].untreated, product[3])
    limited = MeanVarianceTreatment(pair, 20, 1.2)
    assert limited.scale[cells].max() <= 1.2
    assert limited.scale[cells].min() >= 1 / 1.2


def test_the_distribution_becomes_the_models() -> None:
    model, product = archive(gaps=0.0)
    pair = fit(model, product)
    treatment = CdfTreatment(pair, 20)
    treated = np.stack([treatment(observation(image), STD)[0].given for image in product])
    cells = treatment.treated
    after = np.quantile(treated, PROBABILITIES, axis=0)
    # Quantiles between order statistics are carried over exactly only where these are quantiles themselves.
    np.testing.assert_allclose(after[:, cells], pair.model.quantiles[:, cells], atol=0.012)
    np.testing.assert_allclose(after[[0, -1]][:, cells], pair.model.quantiles[[0, -1]][:, cells], rtol=1e-12)
    # Ranks stay.
    np.testing.assert_array_equal(np.argsort(treated[:, cells], axis=0), np.argsort(product[:, cells], axis=0))


@given(st.floats(0.05, 3.0), st.floats(-0.2, 0.2), st.integers(0, 1000))
def test_matching_undoes_a_linear_distortion(scale: float, shift: float, seed: int) -> None:
    model = np.random.default_rng(seed).random((50, *SHAPE))
    pair = fit(model, shift + scale * model)
    for treatment in (CdfTreatment(pair, 2), MeanVarianceTreatment(pair, 2, 100.0)):
        treated, _ = treatment(observation(shift + scale * model[7]), STD)
        np.testing.assert_allclose(treated.given, model[7], atol=1e-9)


def test_beyond_the_known_range_the_difference_goes_on_and_flat_steps_do_no_harm() -> None:
    product = np.array([0.1, 0.1, 0.2, 0.2, 0.3])[:, None]
    model = np.array([0.2, 0.3, 0.35, 0.4, 0.5])[:, None]
    values = np.array([[0.0], [0.1], [0.15], [0.2], [0.25], [0.3], [0.4], [np.nan]])
    matched = np.array([match_quantiles(value, product, model)[0] for value in values])
    np.testing.assert_allclose(matched, [0.1, 0.3, 0.325, 0.4, 0.45, 0.5, 0.6, np.nan], rtol=1e-12)


def test_nothing_is_done_by_default() -> None:
    obs = observation(np.full(SHAPE, 0.2))
    same, std = Untreated()(obs, STD)
    assert same is obs
    assert std is STD
    assert obs.untreated is None


def test_too_little_to_learn_from() -> None:
    image = np.full(SHAPE, 0.2)
    with pytest.raises(DataError, match="1 time"):
        fit_climatologies(1, lambda _: (image, image), SHAPE)
    with pytest.raises(DataError, match="no cell"):
        fit_climatologies(2, lambda _: (image, np.full(SHAPE, np.nan)), SHAPE)
    with pytest.raises(ShapeError, match="image 0 of a climatology"):
        fit_climatologies(2, lambda _: (image[:2], image), SHAPE)


@pytest.mark.parametrize(
    "grid", [gaussian_grid(4, 6), regular_grid(4, 6, south=20.0, north=30.0, west=70.0, east=80.0)]
)
def test_the_file_gives_back_what_it_got(tmp_path: Path, grid: object) -> None:
    model, product = archive()
    pair, path = fit(model, product), tmp_path / "bias.nc"
    write_climatologies(path, grid, SeasonalClimatologies(pair), (0.0, 0.1), "a test")  # type: ignore[arg-type]
    found = read_climatologies(path, grid, (0.0, 0.1))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.count, pair.count)
    np.testing.assert_array_equal(found.probabilities, PROBABILITIES)
    for one, other in ((found.model, pair.model), (found.product, pair.product)):
        for name in ("mean", "std", "quantiles"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    with pytest.raises(DataError, match="the model is on"):
        read_climatologies(path, regular_grid(8, 12), (0.0, 0.1))
    with pytest.raises(DataError, match=r"are of \[0.0, 0.1\] m; the observed depth is \[0.0, 0.07\]"):
        read_climatologies(path, grid, (0.0, 0.07))  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"bias\.nc"):
        read_climatologies(path, grid, (0.0, 0.1))  # type: ignore[arg-type]


def test_what_a_treatment_does_to_structure() -> None:
    generator = np.random.default_rng(0)
    pattern, model = generator.random((2, 20, 30))
    effect = StructureEffect()

    def energies(image: np.ndarray) -> dict[str, float]:
        return {"all": float(np.sum(image**2))}

    for seed in range(3):
        before = pattern + 0.1 * np.random.default_rng(seed).standard_normal(pattern.shape)
        before[0, :5] = np.nan
        add_image(effect, before, 0.5 * before + 0.1, model, energies)
    assert effect.n_images == 3
    assert effect.scc == pytest.approx(1.0)
    assert effect.scc_model_after == pytest.approx(effect.scc_model_before)
    assert effect.std_after == pytest.approx(0.5 * effect.std_before)
    assert effect.energy_after["all"] == pytest.approx(0.25 * effect.energy_before["all"])
    assert effect.energy_before["all"] == pytest.approx(effect.std_before**2 * 595, rel=0.01)
    add_image(effect, np.full((20, 30), np.nan), pattern, model, energies)
    assert effect.n_images == 3
    assert correlation(np.ones(4), np.arange(4.0)) == 0.0
    with pytest.raises(ShapeError, match="differ"):
        add_image(effect, pattern, pattern[:3], model, energies)
