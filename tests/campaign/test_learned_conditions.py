"""`learned` under different conditions: it finds R, and its analyses are better than the blend and the control.

The twins have white observation errors of 0.06 m3 m-3 (the product does not say so), 32 x 64 cells, ten days.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from landda_hpc.config import parse_yaml
from landda_hpc.instances.case_config import starter_config
from tests.campaign.conftest import Landda
from tests.unit.model.colm_cases import STAND_IN, make_synthetic

ERROR_STD = 0.06
ANALYSES = [f"2022-06-{2 + (i + 1) // 4:02d}T{(i + 1) % 4 * 6:02d}:00" for i in range(40)]
EXPERIMENT = Path(__file__).parents[2] / "experiments" / "compare_learned.yaml"

CONDITIONS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "regional": {
        "grid": {"n_lat": 32, "n_lon": 31, "south": 22.5, "north": 67.5, "west": 73.125, "east": 116.71875},
        "options": {"frame": {"boundary": "reflect"}},
    },
    "depth and drift": {"options": {"depth": {"kind": "regression"}, "drift": {}}},
    "swaths, solve": {"observations": {"gaps": "swaths", "missing_fraction": 0.5}, "options": {"missing": "solve"}},
    "daily": {"observations": {"withheld": {"times": [t for t in ANALYSES if not t.endswith("T12:00")]}}},
    "land surface": {"model": {"physics": "land_surface"}},
    "reflect": {"options": {"frame": {"boundary": "reflect"}}},
    "double Fourier sphere": {"options": {"frame": {"boundary": "double_fourier_sphere"}}},
    "blobs": {"observations": {"gaps": "blobs", "missing_fraction": 0.4}},
    "blobs, zero fill": {
        "observations": {"gaps": "blobs", "missing_fraction": 0.4},
        "options": {"missing": "zero_fill"},
    },
    "per scale": {"options": {"pooling": "per_scale"}},
    "one B everywhere": {"options": {"local": False}},
    "irregular": {"observations": {"withheld": {"times": [t for i, t in enumerate(ANALYSES) if i % 7 in (1, 2, 5)]}}},
}


def campaign(changes: Mapping[str, Any]) -> dict[str, Any]:
    shipped = yaml.safe_load(EXPERIMENT.read_text(encoding="utf-8"))
    return {
        "name": "conditions",
        "seed": 31,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-12T00:00", "end": "2022-06-12T00:00"},
        "grid": changes.get("grid", {"n_lat": 32, "n_lon": 64}),
        "model": {"spinup_days": 20},
        "twin": shipped["twin"] | {"length_cells": 3.0},
        "observations": {"kind": "twin", "error_std": ERROR_STD, **changes.get("observations", {})},
        "runs": [{"method": "control"}, {"method": "pointwise"}, {"method": "learned", **changes.get("options", {})}],
        "output": {"fields": [], "figures": False},
    }


def last_scores(folder: Path, stage: str) -> dict[str, float]:
    """Mean ubRMSE against the truth at 0-10 cm over the last five days, m3 m-3, by run."""
    found: dict[str, list[float]] = {}
    for line in map(json.loads, (folder / "scores.jsonl").read_text().splitlines()):
        kind = (line["reference"], line["layer"], line["stage"])
        if kind == ("truth", "0-10 cm", stage) and line["cycle"] > 20:
            found.setdefault(line["run"], []).append(line["ubrmse"])
    return {run: float(np.mean(values)) for run, values in found.items()}


@pytest.mark.verify
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CONDITIONS)
def test_errors_are_learned_and_analyses_are_better(landda: Landda, name: str) -> None:
    file = landda.folder / "conditions.yaml"
    file.write_text(yaml.safe_dump(campaign(CONDITIONS[name])), encoding="utf-8")
    done = landda(1, "run", file, "-o", "out", timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr

    records = [json.loads(line) for line in (landda.folder / "out" / "cycles.jsonl").read_text().splitlines()]
    learned = [record for record in records if record["run"] == "learned" and "observation_std_by_scale" in record]
    errors = np.array(learned[-1]["observation_std_by_scale"])
    assert abs(errors[-1] / ERROR_STD - 1) < 0.15, errors
    scores = last_scores(landda.folder / "out", "background" if name in ("daily", "irregular") else "analysis")
    control = last_scores(landda.folder / "out", "forecast")["control"]
    assert scores["learned"] < min(control, 0.95 * scores["pointwise"]), (control, scores)


@pytest.mark.verify
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_runs_that_init_writes_are_better_than_a_good_control(
    landda: Landda, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Background errors of 0.02 and observation errors of 0.05 m3 m-3: from cycle 10 on all runs have smaller errors.

    Runs, observations and kind of twin are those of `landda init --from-colm`; the model is the embedded one in its
    spun-up state.
    """
    written = parse_yaml(starter_config(make_synthetic(landda.folder / "case"), STAND_IN), "what init writes")
    config = {
        "name": "good_control",
        "seed": seed,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-07T00:00", "end": "2022-06-07T00:00"},
        "grid": {"n_lat": 32, "n_lon": 64},
        "model": {"physics": "land_surface", "initial": "spun_up", "spinup_days": 0},
        "twin": {"weather_correlation": 1.0, **written["twin"], "wetness_sigma": 0.07},
        "observations": written["observations"],
        "runs": written["runs"],
        "output": {"fields": [], "figures": False},
    }
    (landda.folder / "own.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = landda(1, "run", "own.yaml", "-o", "out", timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[int, float]] = {}
    for line in map(json.loads, (landda.folder / "out" / "scores.jsonl").read_text().splitlines()):
        is_state = line["stage"] == ("forecast" if line["run"] == "control" else "analysis")
        if is_state and (line["reference"], line["layer"]) == ("truth", "0-10 cm"):
            found.setdefault(line["run"], {})[line["cycle"]] = line["ubrmse"]
    title = f"\nubRMSE against the truth, 0-10 cm, seed {seed}: cycle 1; mean of cycles 10 to 20 (range), m3 m-3\n"
    late = {run: [of_cycle[cycle] for cycle in range(10, 21)] for run, of_cycle in found.items()}
    with capsys.disabled():
        sys.stdout.write(title)
        for run, values in late.items():
            words = f"{np.mean(values):.4f} ({min(values):.4f}-{max(values):.4f})"
            sys.stdout.write(f"{run:10s} {found[run][1]:.4f}; {words}\n")
    control = found.pop("control")
    assert 0.017 < control[10] < 0.025
    for run, of_cycle in found.items():
        assert all(of_cycle[cycle] < control[cycle] for cycle in range(10, 21)), run
