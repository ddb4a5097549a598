"""Predictions of `landda check` compared with the use of campaigns: memory of the ranks, disk, time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.campaign.estimate import Needs, measure, needs
from landda_hpc.campaign.trial import Trial, TrialError, run_trial
from landda_hpc.config import CampaignConfig, load_config, parse_config
from tests.campaign.conftest import CONFIG, Landda

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
SHORT_TWIN = {"time.assimilation_end": "2022-06-03T12:00", "time.end": "2022-06-04T00:00", "model.spinup_days": 1}
QUARTER_DEGREE = {
    "grid.n_lat": 720, "grid.n_lon": 1440, "model.spinup_days": 0, "time.assimilation_end": "2022-06-02T18:00",
    "time.end": "2022-06-03T00:00",
}  # fmt: skip


def taken(folder: Path) -> tuple[float, float]:
    """Peak memory of the fullest rank in the cycles, and disk of the folder, bytes."""
    seconds = [json.loads(line) for line in (folder / "seconds.jsonl").read_text().splitlines()]
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return 1e6 * max(line["peak_memory_mb_max"] for line in seconds), disk


def predicted(config: CampaignConfig, ranks: int) -> Needs:
    return needs(config, measure(config, ranks), run_trial(config, timeout_s=900.0))


@pytest.mark.verify
def test_the_trial_of_a_campaign_has_every_kind_of_file(landda: Landda) -> None:
    changes: dict[str, Any] = {
        "checkpoint": {"every_hours": 6, "restarts": True},
        "output": {"every_hours": 12, "layers": True, "series": {}, "profiles": [[40.0, 250.0]], "figures": False},
    }
    file = landda.write(**changes)
    config = load_config(file)
    found = predicted(config, 1)
    assert set(found.parts) == {"checkpoints", "restarts", "images", "series", "records"}
    done = landda(1, "run", file, "-o", "out")
    assert done.returncode == 0, done.stderr
    memory, disk = taken(landda.folder / "out")
    assert found.disk == pytest.approx(disk, rel=0.25)
    assert found.memory == pytest.approx(memory, rel=0.25)
    assert found.core_seconds is not None and found.core_seconds > 0.0
    shown = landda.here("check", file).stdout
    assert "measured in three cycles" in shown and "of one core here" in shown


def test_without_a_trial_it_says_so(landda: Landda) -> None:
    shown = landda.here("check", landda.write(), "--no-trial").stdout
    assert "estimated from sizes" in shown and "not measured: --no-trial" in shown


def test_files_that_are_not_kept_need_no_space() -> None:
    """A year of one image and one file of series per day: 10 of the newest and the first of 11 months stay."""
    time = {"start": "2022-01-02T00:00", "assimilation_end": "2022-12-31T00:00", "end": "2022-12-31T00:00"}
    keep = {"last": 10, "monthly": True}
    output = {"every_hours": 24, "figures": False}
    every = parse_config({**CONFIG, "time": time, "output": output | {"series": {}}})
    few = {"keep_images": keep, "series": {"means": True, "keep": keep}}
    kept = parse_config({**CONFIG, "time": time, "output": output | few})
    sizes = measure(every, 1)
    first, second = needs(every, sizes, None).parts, needs(kept, sizes, None).parts
    assert second["images"] == pytest.approx(first["images"] * 21 / 363)
    assert second["series"] == pytest.approx(first["series"] * 21 / 364)
    assert second["means"] == pytest.approx(first["series"] / 4) and "means" not in first


def test_a_trial_that_fails_gives_its_reason(landda: Landda) -> None:
    config = parse_config(yaml.safe_load(yaml.safe_dump(CONFIG)))
    with pytest.raises(TrialError, match="longer than"):
        run_trial(config, timeout_s=0.01)


def test_ranks_share_states_and_nothing_else() -> None:
    config = parse_config(yaml.safe_load(yaml.safe_dump(CONFIG)))
    one, four = measure(config, 1), measure(config, 4)
    trial = Trial(**dict.fromkeys(Trial.__dataclass_fields__, 100000000.0))
    first, second = needs(config, one, trial), needs(config, four, trial)
    assert first.memory == pytest.approx(1e8)
    assert second.memory < first.memory and second.disk == first.disk
    more = needs(config, one, replace(trial, images=2e8))
    assert more.parts["images"] > first.parts["images"] and more.memory == first.memory


@pytest.mark.verify
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("name", "changes", "ranks"),
    [
        ("smoke", {}, 1),
        ("smoke", {}, 2),
        ("twin", SHORT_TWIN, 1),
        ("twin", SHORT_TWIN, 2),
        ("smoke", QUARTER_DEGREE, 1),
    ],
)
def test_memory_and_disk_are_right_to_a_quarter(landda: Landda, name: str, changes: dict[str, Any], ranks: int) -> None:
    file = EXPERIMENTS / f"{name}.yaml"
    found = predicted(load_config(file, changes), ranks)
    overrides = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    done = landda(ranks, "run", file, "-o", "out", *overrides, timeout=2000)
    assert done.returncode == 0, done.stderr
    memory, disk = taken(landda.folder / "out")
    print(f"{name} on {ranks}: memory {found.memory / 1e9:.3f} / {memory / 1e9:.3f} GB, "  # noqa: T201 - the result
          f"disk {found.disk / 1e6:.1f} / {disk / 1e6:.1f} MB (predicted / taken)")  # fmt: skip
    assert found.memory == pytest.approx(memory, rel=0.25)
    assert found.disk == pytest.approx(disk, rel=0.25)
