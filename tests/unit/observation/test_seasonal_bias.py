"""Bias treatments by season against known seasonal cycles, their fall-back, and the file with seasons."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.observation.bias import (
    CdfTreatment,
    SeasonalClimatologies,
    fit_climatologies,
    fit_seasonal_climatologies,
)
from landda_hpc.observation.bias_file import read_climatologies, read_seasonal_climatologies, write_climatologies
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.seasonal_bias import AnomalyTreatment, SeasonalTreatment, outcome_warnings
from landda_hpc.observation.seasons import SEASON_KINDS, Seasons

SHAPE = (4, 6)
STD = np.full(SHAPE, 0.05)
TIMES = [datetime(2020, 1, 1) + timedelta(days=day) for day in range(731)]
MONTH = np.array([time.month - 1 for time in TIMES])
ANOMALY = 0.02 * np.random.default_rng(0).standard_normal((len(TIMES), *SHAPE))

# Known cycles: the model is wettest in January, the product in July and with half the anomalies.
MODEL_CYCLE = 0.25 + 0.08 * np.cos(2.0 * np.pi * np.arange(12) / 12.0)
PRODUCT_CYCLE = 0.20 - 0.05 * np.cos(2.0 * np.pi * np.arange(12) / 12.0)
MODEL = MODEL_CYCLE[MONTH, None, None] + ANOMALY
PRODUCT = PRODUCT_CYCLE[MONTH, None, None] + 0.5 * ANOMALY


def fit(product: np.ndarray = PRODUCT, kind: str = "month") -> SeasonalClimatologies:
    (known,) = (one for one in SEASON_KINDS if one == kind)
    return fit_seasonal_climatologies(TIMES, lambda i: (MODEL[i], product[i]), SHAPE, Seasons(known))


def treat(treatment: SeasonalTreatment, product: np.ndarray = PRODUCT) -> tuple[np.ndarray, np.ndarray]:
    soil = np.ones(SHAPE, dtype=np.bool_)
    made = [
        treatment(ImageObservation.flagged(image, soil, time, (0.0, 0.1), "test"), STD)
        for image, time in zip(product, TIMES, strict=True)
    ]
    for (image, _), before in zip(made, product, strict=True):
        np.testing.assert_array_equal(image.untreated, before)
    return np.stack([image.given for image, _ in made]), np.stack([std for _, std in made])


def by_cdf(found: SeasonalClimatologies, min_count: int = 20, *, with_annual: bool = True) -> SeasonalTreatment:
    return SeasonalTreatment(found, lambda pair: CdfTreatment(pair, min_count), with_annual=with_annual)


def by_anomalies(found: SeasonalClimatologies, min_count: int = 20, *, with_annual: bool = True) -> SeasonalTreatment:
    return SeasonalTreatment(found, lambda pair: AnomalyTreatment(pair, min_count), with_annual=with_annual)


def test_times_belong_to_seasons() -> None:
    assert [Seasons("season").index(datetime(2021, month, 1)) for month in (12, 1, 2, 3, 5, 6, 9, 11)] == [
        0, 0, 0, 1, 1, 2, 3, 3,
    ]  # fmt: skip
    window = Seasons("month_window")
    assert [m for m in range(1, 13) if window.trains(0, datetime(2021, m, 15))] == [1, 2, 12]
    assert [m for m in range(1, 13) if Seasons("month").trains(11, datetime(2021, m, 15))] == [12]
    assert [m for m in range(1, 13) if Seasons("season").trains(0, datetime(2021, m, 15))] == [1, 2, 12]
    with pytest.raises(ValueError, match="not divided"):
        Seasons().index(datetime(2021, 1, 1))


@pytest.mark.parametrize("kind", ["season", "month", "month_window"])
def test_a_season_has_the_climatology_of_its_own_times(kind: str) -> None:
    found = fit(kind=kind)
    for number, pair in enumerate(found.by_season):
        chosen = [i for i, time in enumerate(TIMES) if found.seasons.trains(number, time)]
        alone = fit_climatologies(
            len(chosen), lambda i, chosen=chosen: (MODEL[chosen[i]], PRODUCT[chosen[i]]), SHAPE
        )  # fmt: skip
        for one, other in ((pair.model, alone.model), (pair.product, alone.product)):
            for name in ("mean", "std", "quantiles"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(pair.count, alone.count)


def test_seasonal_cdf_matching_gives_the_models_cycle_and_annual_matching_does_not() -> None:
    found = fit()
    treated, std = treat(by_cdf(found))
    # In each month the product is a linear function of the model: the treated product is the model.
    np.testing.assert_allclose(treated, MODEL, atol=1e-12)
    np.testing.assert_allclose(std, 0.1, rtol=1e-9)
    annual = CdfTreatment(found.annual, 20)
    soil = np.ones(SHAPE, dtype=np.bool_)
    july = [i for i, time in enumerate(TIMES) if time.month == 7]
    wrong = [
        annual(ImageObservation.flagged(PRODUCT[i], soil, TIMES[i], (0.0, 0.1), "test"), STD)[0].given for i in july
    ]
    # The distribution over the year makes the product's wettest month as wet as the model's.
    assert np.mean(wrong) - MODEL[july].mean() > 0.1


def test_assimilated_anomalies_are_those_of_the_product_about_the_models_cycle() -> None:
    treated, std = treat(by_anomalies(fit()))
    expected = np.empty_like(treated)
    for month in range(12):
        of = month == MONTH
        expected[of] = MODEL[of].mean(axis=0) + PRODUCT[of] - PRODUCT[of].mean(axis=0)
    np.testing.assert_allclose(treated, expected, atol=1e-12)
    np.testing.assert_array_equal(std, 0.05)
    # With the exact cycles: model's cycle plus half the anomaly, within the sampling error of a month's mean anomaly.
    exact = MODEL_CYCLE[MONTH, None, None] + 0.5 * ANOMALY
    assert np.abs(treated - exact).max() < 4.0 * 0.5 * 0.02 / np.sqrt(56)


@pytest.mark.parametrize("make", [by_cdf, by_anomalies])
def test_cells_with_few_values_in_a_season_use_the_year_or_nothing_and_are_counted(make) -> None:  # type: ignore[no-untyped-def]
    product = PRODUCT.copy()
    january = np.flatnonzero(MONTH == 0)
    product[january[19:], 1, 2] = np.nan  # 19 values in January, enough in the year
    product[19:, 2, 3] = np.nan  # 19 values in the year
    found = fit(product)
    soil = np.ones(SHAPE, dtype=np.bool_)
    soil[0, 0] = False
    treatment, without = make(found), make(found, with_annual=False)
    assert treatment.outcomes(soil)["Jan"] == {"of the season": 21, "of the year": 1, "not changed": 1}
    assert without.outcomes(soil)["Jan"] == {"of the season": 21, "of the year": 0, "not changed": 2}
    assert treatment.outcomes(soil)["Feb"] == {"of the season": 22, "of the year": 0, "not changed": 1}
    texts = outcome_warnings(treatment.outcomes(soil))
    assert texts[0].startswith("Jan: 2 of 23 soil cells have no usable climatology of the season")
    assert "that of the year is used in 1, 1 are not changed" in texts[0]
    assert outcome_warnings(make(fit()).outcomes(soil)) == []
    (treated, std), (other, other_std) = treat(treatment, product), treat(without, product)
    first = january[0]
    if make is by_anomalies:
        shift = found.annual.model.mean[1, 2] - found.annual.product.mean[1, 2]
        assert treated[first, 1, 2] == pytest.approx(product[first, 1, 2] + shift)
    else:
        assert std[first, 1, 2] == pytest.approx(0.05 * (found.annual.model.std / found.annual.product.std)[1, 2])
    assert treated[first, 1, 2] != product[first, 1, 2] == other[first, 1, 2]
    assert other_std[first, 1, 2] == 0.05
    np.testing.assert_array_equal(treated[:, 2, 3], product[:, 2, 3])
    mean = treatment.model_mean(TIMES[first])
    assert mean[1, 2] == found.annual.model.mean[1, 2]
    assert mean[0, 1] == found.by_season[0].model.mean[0, 1]


def test_a_season_without_times_has_no_values() -> None:
    summer = [i for i, time in enumerate(TIMES) if time.month in (6, 7)]
    found = fit_seasonal_climatologies(
        [TIMES[i] for i in summer], lambda i: (MODEL[summer[i]], PRODUCT[summer[i]]), SHAPE, Seasons("season")
    )
    assert [int(pair.count.max()) for pair in found.by_season] == [0, 0, 122, 0]
    assert by_cdf(found).outcomes(np.ones(SHAPE, dtype=np.bool_))["DJF"]["of the year"] == 24
    assert not np.isfinite(found.by_season[0].model.quantiles).any()
    with pytest.raises(ShapeError, match="climatologies of 4 seasons; expected 12 for 'month'"):
        SeasonalClimatologies(found.annual, Seasons("month"), found.by_season)


def test_files_with_seasons_old_files_and_bad_files(tmp_path: Path) -> None:
    grid, path, old = regular_grid(*SHAPE), tmp_path / "bias.nc", tmp_path / "old.nc"
    pairs = fit(kind="season")
    write_climatologies(path, grid, pairs, (0.0, 0.1), "a test")
    found = read_seasonal_climatologies(path, grid, (0.0, 0.1))
    assert found.seasons == Seasons("season")
    annual = read_climatologies(path, grid, (0.0, 0.1))
    for one, other in zip((annual, *found.by_season), (pairs.annual, *pairs.by_season), strict=True):
        np.testing.assert_array_equal(one.count, other.count)
        for side in ("model", "product"):
            for name in ("mean", "std", "quantiles"):
                np.testing.assert_array_equal(getattr(getattr(one, side), name), getattr(getattr(other, side), name))

    _as_version_1(path, old)
    of_old = read_climatologies(old, grid, (0.0, 0.1))
    np.testing.assert_array_equal(of_old.model.quantiles, pairs.annual.model.quantiles)
    with pytest.raises(DataError, match=r"needs seasons.*--seasons month_window"):
        read_seasonal_climatologies(old, grid, (0.0, 0.1))
    write_climatologies(tmp_path / "year.nc", grid, SeasonalClimatologies(pairs.annual), (0.0, 0.1), "a test")
    with pytest.raises(DataError, match="are of the whole year"):
        read_seasonal_climatologies(tmp_path / "year.nc", grid, (0.0, 0.1))

    with netCDF4.Dataset(path, "a") as file:
        file.seasons = "month"
    with pytest.raises(DataError, match=r"seasons 'month' and the dimensions .* do not agree"):
        read_seasonal_climatologies(path, grid, (0.0, 0.1))
    with netCDF4.Dataset(path, "a") as file:
        file.format_version = np.int32(3)
    with pytest.raises(DataError, match=r"version 3, this software reads .* version 2"):
        read_climatologies(path, grid, (0.0, 0.1))


def _as_version_1(path: Path, old: Path) -> None:
    """Write a file in the former layout: no stated format, no dimension ``season``."""
    with netCDF4.Dataset(path) as new, netCDF4.Dataset(old, "w") as file:
        for name, dim in new.dimensions.items():
            if name != "season":
                file.createDimension(name, dim.size)
        for name, variable in new.variables.items():
            if name == "season_name":
                continue
            dims = tuple(dim for dim in variable.dimensions if dim != "season")
            copy = file.createVariable(name, "f8", dims)
            copy.setncatts({key: variable.getncattr(key) for key in variable.ncattrs() if key != "_FillValue"})
            copy[...] = variable[0] if "season" in variable.dimensions else variable[...]
