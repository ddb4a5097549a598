"""The two steps of a hybrid analysis: scales, points, memory, ensembles, configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.ensemble.grid_filters import Letkf
from landda_hpc.analysis.ensemble.layers import layer_slopes
from landda_hpc.analysis.ensemble.local_transform import LocalTransform
from landda_hpc.analysis.ensemble.mean_update import MeanUpdate
from landda_hpc.analysis.ensemble.protocol import EnsembleMethod, ordered_mean
from landda_hpc.analysis.hybrid import ChosenScales, Hybrid, HybridOfEnsemble
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.config import METHODS, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.parallel.communicator import SerialCommunicator
from tests.campaign.conftest import CONFIG
from tests.unit.analysis.test_ensemble_filters import FRAME, GRID, NO_INFLATION, errors, members, pair_of

STD = 0.03


def with_stations(pair: ImagePair, number: int, seed: int = 5) -> ImagePair:
    rng = np.random.default_rng(seed)
    stations = np.full(GRID.shape, np.nan)
    cells = rng.choice(np.flatnonzero(pair.domain), number, replace=False)
    stations.flat[cells] = 0.3 + 0.05 * rng.standard_normal(number)
    return replace(pair, stations=stations, stations_std=np.full(GRID.shape, STD))


def hybrid(**keys: Any) -> Hybrid:
    run = METHODS.make("hybrid", **{"image": {"method": "pointwise", "gain": 0.3}, **keys})
    method = make_method(run, GRID, SerialCommunicator(), seed=3)
    assert isinstance(method, Hybrid)
    return method


def test_one_station_alone_corrects_the_residual_of_the_image() -> None:
    pair = with_stations(pair_of(2).mean, 1)
    assert pair.stations is not None
    image = Pointwise(0.3).analyse(pair).increment
    found = hybrid(points={"errors": "given", "background_std": 0.04, "cutoff_km": 1.0}).analyse(pair)
    at = np.isfinite(pair.stations)
    residual = (pair.stations - pair.background - image)[at]
    np.testing.assert_allclose((found.increment - image)[at], residual * 0.04**2 / (0.04**2 + STD**2), rtol=1e-9)
    np.testing.assert_array_equal(found.increment[~at], image[~at])
    assert found.diagnostics["points"] == 1.0


def test_without_stations_or_residuals_the_image_analysis_remains() -> None:
    pair = pair_of(2).mean
    image = Pointwise(0.3).analyse(pair).increment
    np.testing.assert_array_equal(hybrid().analyse(pair).increment, image)
    fitted = replace(with_stations(pair, 30), stations=np.where(pair.domain, pair.background + image, np.nan))
    np.testing.assert_array_equal(hybrid().analyse(fitted).increment, image)
    nothing = replace(pair, observation=np.full(GRID.shape, np.nan))
    assert not hybrid().analyse(nothing).increment.any()


def test_named_scales_belong_to_the_image_and_the_others_to_the_pixels() -> None:
    pair = pair_of(2).mean
    scales = ChosenScales(FRAME, (1,))
    used = scales.of(pair, pair.innovation)
    coarse = scales.restricted(0.3 * pair.innovation, used)
    points = {"source": "pixels", "errors": "given", "background_std": 0.04, "pixel_std": 0.05, "cutoff_km": 1.0}
    frame = {"angles_coarse": 8, "scales": 2}
    image = {
        "method": "enkf_like",
        "background_std": 0.3,
        "observation_std": 1e-6,
        "estimator": "exact",
        "frame": frame,
    }
    found = hybrid(image=image, scales=[1], points=points).analyse(pair)
    assert found.diagnostics["image_scales"][0] == 1.0 and sum(found.diagnostics["image_scales"]) == 1.0
    assert not found.increment[~pair.domain].any()
    assert np.abs(coarse).max() > 0.0
    with pytest.raises(ConfigError, match=r"scales: found 9; the frame of this grid has the scales 1 to"):
        hybrid(scales=[1, 9])


def test_learned_scales_are_those_with_a_large_gain() -> None:
    pair, scales = pair_of(2).mean, ChosenScales(FRAME, None)
    assert scales.of(pair, 0.6 * pair.innovation).all()
    assert not scales.of(pair, 0.4 * pair.innovation).any()
    assert scales.white_share(np.ones(scales.of(pair, pair.innovation).size)) == pytest.approx(1.0)


def test_regions_limit_the_points() -> None:
    pair = with_stations(pair_of(2).mean, 60)
    image = Pointwise(0.3).analyse(pair).increment
    found = hybrid(points={"regions": "coherent", "threshold": 0.8, "min_cells": 3}).analyse(pair)
    assert found.regions is not None and found.regions.max() > 1
    changed = found.increment != image
    assert changed.any() and not changed[found.regions == 0].any()


def test_the_memory_holds_both_steps_and_gives_the_same_analyses() -> None:
    pairs = [
        replace(with_stations(pair_of(2, seed=k).mean, 80, seed=k), time_key=f"2022-06-02T{6 * k:02d}:00:00")
        for k in range(4)
    ]
    keys = {"image": {"method": "learned", "frame": {"angles_coarse": 8, "scales": 2}}}
    one, other = hybrid(**keys), hybrid(**keys)
    for pair in pairs[:3]:
        one.applied(one.analyse(pair).increment)
    other.restore(one.state())
    np.testing.assert_array_equal(other.analyse(pairs[3]).increment, one.analyse(pairs[3]).increment)
    assert {"residual_sums"} < set(one.state())


def of_ensemble(kind: str) -> tuple[EnsembleMethod, HybridOfEnsemble]:
    def make() -> EnsembleMethod:
        if kind == "mean":
            return MeanUpdate(Pointwise(0.3))
        return Letkf(LocalTransform(GRID, 1500.0), errors(), NO_INFLATION, members(6))

    return make(), HybridOfEnsemble(make(), hybrid()._points)


@pytest.mark.parametrize("kind", ["mean", "letkf"])
def test_all_members_receive_the_increment_of_the_points(kind: str) -> None:
    pair = pair_of(6)
    pair = replace(pair, mean=with_stations(pair.mean, 60))
    image, both = (method.analyse(pair) for method in of_ensemble(kind))
    added = pair.of_cells(both.mean.increment - image.mean.increment)
    assert np.abs(added).max() > 1e-3
    expected: FloatArray = added
    if kind == "mean":
        assert both.observed is not None and image.observed is not None
        extra = both.observed - image.observed
    else:
        assert both.layers is not None and image.layers is not None
        extra, expected = both.layers - image.layers, layer_slopes(pair) * added[:, None]
        np.testing.assert_allclose(ordered_mean(extra) @ pair.weights, added, atol=1e-12)
    np.testing.assert_allclose(extra, np.repeat(expected[None], 6, axis=0), atol=1e-12)


TWIN = {"kind": "twin", "number": 40}


@pytest.mark.parametrize(
    ("run", "changes", "message"),
    [
        ({}, {"stations": None}, "run 'hybrid': it assimilates stations, but the section 'stations' is missing"),
        ({"image": {"method": "hybrid"}}, {}, "image.*hybrid"),
        ({"image": {"method": "control"}}, {}, "image.*control"),
        ({"image": {"method": "pointwise", "drift": {}}}, {}, "image: found drift; expected these in the run itself"),
        ({"image": {"method": "letkf"}}, {}, "image: method letkf analyses an ensemble of model states"),
        ({"image": {"method": "var3d_point", "layers": "upper_three"}}, {}, "image: .*set layers: observed"),
        ({"points": {"source": "pixels"}}, {}, "points.source = pixels uses the scales .* name the scales"),
        ({"scales": []}, {}, "scales: found an empty list"),
        ({"points": {"cutoff": 5}}, {}, "cutoff_km"),
        ({}, {"stations": {"kind": "stations", "entry": "here"}}, "stations.entry: needs an entry of stations"),
        ({}, {"stations": {**TWIN, "withheld_fraction": 1.5}}, "withheld_fraction"),
    ],
)  # fmt: skip
def test_configuration_errors(run: Mapping[str, Any], changes: Mapping[str, Any], message: str) -> None:
    config = {**CONFIG, "stations": TWIN, "runs": [{"method": "hybrid", "image": {"method": "pointwise"}, **run}]}
    with pytest.raises(ConfigError) as caught:
        parse_config(config | dict(changes))
    assert re.search(message, str(caught.value).replace("\n", " ")), caught.value
