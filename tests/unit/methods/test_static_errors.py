"""The baseline of static errors: which runs are it, and what the pages say."""

from __future__ import annotations

from pathlib import Path

import pytest

from landda_hpc.campaign.experiment_facts import run_words
from landda_hpc.config import METHODS, load_config

WHITE = {"background_errors": {"kind": "white", "std": 0.05}, "observation_errors": {"kind": "white", "std": 0.1}}
WORDS = "errors assumed: background 0.05, observation 0.1 m³ m⁻³; baseline: the static background error of operational"


@pytest.mark.parametrize(
    ("method", "keys", "std"),
    [
        ("pointwise", WHITE, 0.05),
        ("pointwise", {}, None),
        ("pointwise", WHITE | {"background_errors": {"kind": "white", "std": "map.nc"}}, None),
        ("var3d_point", {"background_std": 0.05}, 0.05),
        ("var3d_point", {"background_archive": "archive.nc"}, None),
        ("var3d_both", {"background_std": 0.05}, None),
        ("enkf_like", {"background_std": 0.05}, None),
        ("control", {}, None),
    ],
)
def test_the_static_background_error_of_a_run(method: str, keys: dict[str, object], std: float | None) -> None:
    run = METHODS.make(method, **keys)
    assert run.static_background_std == std
    assert (WORDS in run_words(run, [])) == (std == 0.05)
    assert ("gain assumed" in run_words(run, [])) == (method == "pointwise" and not keys), "a gain that is not used"


@pytest.mark.parametrize("name", ["bai2026", "bai2026_real", "shen2024", "shen2024_real", "compare_recipe_f"])
def test_the_papers_have_the_baseline(name: str) -> None:
    runs = load_config(Path(f"experiments/{name}.yaml")).runs
    assert [run.name for run in runs if run.static_background_std == 0.05] == ["static_error"]
