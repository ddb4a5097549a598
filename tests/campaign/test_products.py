"""Several products in one campaign: their roles, their combination, records, feedback and report."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.observation_report import counts_of_records
from landda_hpc.config import parse_config
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.observation.combination import combined
from landda_hpc.observation.feedback import read_feedback
from landda_hpc.observation.image_observation import Flag, ImageObservation
from tests.campaign.conftest import CONFIG, Landda

SMAP = {"name": "smap", "kind": "twin", "error_std": 0.03, "missing_fraction": 0.4, "feedback": True}
MODEL = {
    "name": "model", "kind": "twin", "error_std": 0.01, "correlated_std": 0.05, "persistence_hours": 240,
    "persistent": "correlated",
}  # fmt: skip
OTHER = {"name": "other", "role": "verify", "kind": "twin", "error_std": 0.02}
SMALL = {
    "grid": {"n_lat": 18, "n_lon": 36},
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"},
    "checkpoint": {"every_hours": 6},
    "output": {"figures": False},
}


def records(folder: Path, name: str = "cycles") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = Landda(tmp_path_factory.mktemp("products"))
    runs = [{"method": "control"}, {"method": "pointwise", "gain": 0.5}]
    done = program.here("run", program.write(**SMALL, observations=[SMAP, MODEL, OTHER], runs=runs), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not program.unknown_files()
    return program.folder / "out"


def test_records_name_the_products(campaign: Path) -> None:
    lines = [line for line in records(campaign) if line["run"] == "pointwise" and line["cycle"] == 1]
    assert list(lines[0]["products"]) == ["smap", "model", "other"]
    of_product = lines[0]["products"]
    assert of_product["smap"]["n_observations"] < of_product["model"]["n_observations"] == lines[0]["n_observations"]
    assert of_product["model"]["innovation_std"] > of_product["smap"]["innovation_std"]
    references = {line["reference"] for line in records(campaign, "scores")}
    assert references >= {"smap, assimilated", "model, assimilated", "other, not assimilated"}
    n_times, counts = counts_of_records(records(campaign), "smap")
    assert n_times == 3 and counts["used"] < counts_of_records(records(campaign))[1]["used"]
    page = (campaign / "observations.md").read_text()
    assert all(f"## Product {name}" in page for name in ("smap", "model", "other"))


def test_feedback_has_the_combination_and_each_product(campaign: Path) -> None:
    found = read_feedback(campaign / "feedback" / "20220602T0600.nc")
    assert list(found.products) == ["smap", "model", "other"]
    smap, model = found.products["smap"], found.products["model"]
    both = (smap.flag == Flag.USED) & (model.flag == Flag.USED)
    alone = np.isnan(smap.value) & (model.flag == Flag.USED)
    assert both.sum() > 20 and alone.sum() > 20
    weights = [np.where(both, 1.0 / one.error_std**2, 0.0) for one in (smap, model)]
    mean = (weights[0] * smap.value + weights[1] * model.value)[both] / (weights[0] + weights[1])[both]
    np.testing.assert_allclose(found.value[both], mean, rtol=1e-14)
    np.testing.assert_allclose(found.error_std[both], (weights[0] + weights[1])[both] ** -0.5, rtol=1e-14)
    np.testing.assert_array_equal(found.value[alone], model.value[alone])
    np.testing.assert_allclose(model.error_std[alone], np.hypot(0.01, 0.05))
    # The verified product has no part in the analysis of the run, which has a gain of one half.
    used = found.flag == Flag.USED
    background, analysis = found.background[1][used], found.analysis[1][used]
    inside = np.abs(analysis - background) > 0.0
    np.testing.assert_allclose(analysis[inside], (0.5 * (background + found.value[used]))[inside], atol=0.02)


@pytest.mark.verify
def test_the_same_bits_on_more_ranks_and_after_a_resume(landda: Landda, campaign: Path) -> None:
    runs = [{"method": "control"}, {"method": "pointwise", "gain": 0.5}]
    spikes = {**SMAP, "quality": {"spike": {}}}
    file = landda.write(**SMALL, observations=[spikes, {**MODEL, "quality": {"spike": {}}}, OTHER], runs=runs)
    for ranks, name in ((1, "one"), (3, "three")):
        done = landda(ranks, "run", file, "-o", name)
        assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("three") == landda.digest("one")
    sorted((landda.folder / "three" / "checkpoints").glob("checkpoint_*.h5"))[-1].unlink()
    done = landda(2, "resume", "three")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("three") == landda.digest("one")
    for name in ("cycles.jsonl", "scores.jsonl"):
        assert (landda.folder / "three" / name).read_bytes() == (landda.folder / "one" / name).read_bytes()


def test_a_list_of_one_is_the_product_alone() -> None:
    assert parse_config({**CONFIG, "observations": [{"kind": "twin"}]}) == parse_config(
        {**CONFIG, "observations": {"kind": "twin"}}
    )
    listed = parse_config({**CONFIG, "observations": [SMAP, {**OTHER, "name": "second"}, {**MODEL, "role": "verify"}]})
    assert list(listed.products) == ["second", "model"] and listed.observations.name == "smap"
    assert parse_config(listed.model_dump(mode="json")) == listed, "the resolved configuration has sections"


@pytest.mark.parametrize(
    ("observations", "message"),
    [
        ([], "the list is empty"),
        ([SMAP, {"kind": "twin"}], "product 1 of the list has no name"),
        ([SMAP, SMAP], "'smap' is the name of two products"),
        ([{**SMAP, "role": "verify"}], "no product has the role assimilate"),
        ([SMAP, {**MODEL, "role": "check"}], "found role 'check'; expected assimilate, referee, verify"),
        ([SMAP, {**MODEL, "role": "referee"}, {**OTHER, "role": "referee"}], "2 products have the role referee"),
        ([SMAP, {**MODEL, "depth_m": [0.0, 0.05]}], "products.model.depth_m .* same layer"),
        ([SMAP, {**MODEL, "feedback": True}], "products.model.feedback: give it to the first assimilated product"),
        ([SMAP, {**MODEL, "kind": "catalogue", "entry": "x"}], "persistence_hours"),
        ([SMAP, {"name": "c", "kind": "catalogue", "entry": "x"}], "products.c.entry = x is not in the catalogue"),
        ({**SMAP, "role": "verify"}, "observations.role = verify: this one product is assimilated"),
    ],
)
def test_configuration_errors(observations: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({**CONFIG, "observations": observations})
    assert re.search(message, str(caught.value).replace("\n", " ")), caught.value


def image(values: Mapping[int, float], std: float, flags: Mapping[int, Flag] | None = None) -> ImageObservation:
    given, soil = np.full((1, 5), np.nan), np.ones((1, 5), dtype=np.bool_)
    for cell, value in values.items():
        given[0, cell] = value
    found = ImageObservation.flagged(given, soil, datetime(2022, 6, 2), (0.0, 0.1), "p", np.full((1, 5), std))
    for cell, flag in (flags or {}).items():
        found = found.reject(np.arange(5)[None] == cell, flag)
    return found


def test_a_combination_is_the_analysis_of_all_products_at_once() -> None:
    """The closed form of the analysis with stacked observations, for B = 0.05^2 and a background of 0.2."""
    one, other = image({0: 0.30, 1: 0.31, 2: 0.32}, 0.02, {2: Flag.SNOW}), image({0: 0.26, 3: 0.28, 2: 0.1}, 0.04)
    both = combined([one, other])
    assert both.error_std is not None
    b = 0.05**2
    stacked = np.array([[b, b], [b, b]]) + np.diag([0.02**2, 0.04**2])
    analysis = 0.2 + np.array([b, b]) @ np.linalg.solve(stacked, np.array([0.30, 0.26]) - 0.2)
    r = both.error_std[0, 0] ** 2
    assert 0.2 + b / (b + r) * (both.values[0, 0] - 0.2) == pytest.approx(analysis, abs=1e-15)
    np.testing.assert_array_equal(both.values[0, 1:], [0.31, 0.1, 0.28, np.nan])
    np.testing.assert_array_equal(both.error_std[0, 1:4], [0.02, 0.04, 0.04])
    rejected = combined([image({}, 0.02), image({2: 0.1}, 0.04, {2: Flag.SPIKE})])
    assert rejected.flags[0].tolist() == [Flag.MISSING, Flag.MISSING, Flag.SPIKE, Flag.MISSING, Flag.MISSING]
    assert combined([one]) is one
    with pytest.raises(DataError, match="the same layer"):
        combined([one, ImageObservation(one.given, one.flags, one.time, (0.0, 0.05), "q", one.error_std)])
