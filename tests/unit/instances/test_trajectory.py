"""Which keys bind a campaign that has begun, and the hashes of campaigns of version 0.1.0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.config import CampaignConfig, apply_overrides, dump_config, parse_config
from landda_hpc.errors import ConfigError
from landda_hpc.instances.trajectory import (
    FREE,
    RECORD_KEYS,
    accepted_identities,
    changed_records,
    changed_trajectory,
    config_hash,
    identity,
    presented,
    require_same_records,
    require_same_trajectory,
)
from tests.campaign.conftest import CONFIG

OF_0_1_0 = {"twin": "f8bb4a74c022c59afd136998f3032669", "colm": "86cdad2f060f1cc9a6bd47d1f8a45afc"}
"""What version 0.1.0 wrote into the checkpoints of the configurations next to this file."""

REAL: dict[str, Any] = {
    **CONFIG,
    "twin": None,
    "catalogue": {
        "mine": {"product": "era5_land", "path": "%Y.nc"},
        "other": {"product": "gldas_noah", "path": "%Y%j.nc4"},
        "net": {"product": "ismn", "path": "stations"},
    },
    "observations": {"kind": "catalogue", "entry": "mine", "depth_m": [0.0, 0.07]},
    "output": {"series": {}},
}


def changed(raw: dict[str, Any], overrides: dict[str, Any]) -> tuple[CampaignConfig, CampaignConfig]:
    return parse_config(raw), parse_config(apply_overrides(raw, overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        {"name": "another", "description": "a line", "data_root": "/elsewhere"},
        {"parallel": {"member_groups": 3, "roots": 2}, "checkpoint": {"every_hours": 12, "keep_last": 7}},
        {"output": {"figures": True, "layers": True, "every_hours": 6, "series": {"to_depth_m": 2.0}, "fields": []}},
        {
            "verification": {
                "discard_days": 1,
                "min_pairs": 4,
                "replicates": 60,
                "days": ["2022-06-02"],
                "place": "bilinear",
                "tolerance_minutes": 5,
                "anomaly": {"kind": "climatology"},
                "stations": [{"entry": "net", "accept": ["U"]}],
                "references": [{"entry": "other"}],
                "precipitation": "other",
            }
        },
        {"catalogue.other.path": "new.nc4", "catalogue.more": {"product": "cma_csv", "path": "x"}},
        {"observations.feedback": True},
    ],
)
def test_what_concerns_presentation_alone_changes_no_hash(overrides: dict[str, Any]) -> None:
    before, after = changed(REAL, overrides)
    assert before != after
    assert config_hash(before) == config_hash(after) and changed_trajectory(before, after) == []
    require_same_trajectory(before, after, "a change")
    require_same_records(before.verification, after.verification, "a change")


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ({"seed": 8}, "seed"),
        ({"time.end": "2022-06-03T18:00"}, "time.end"),
        ({"grid.n_lat": 33}, "grid.n_lat"),
        ({"model.spinup_days": 1}, "model.spinup_days"),
        ({"runs.2.members": 5}, "runs.2.members"),
        ({"runs": [{"method": "control"}]}, "runs"),
        ({"catalogue.mine.path": "new_%Y.nc"}, "catalogue.mine.path"),
        ({"observations.late": "use"}, "observations.late"),
        ({"observations.depth_m": [0.0, 0.05]}, "observations.depth_m.1"),
        ({"observations.withheld": {"fraction": 0.1}}, "observations.withheld"),
        ({"tiles.max_soil_tiles": 1}, "tiles.max_soil_tiles"),
        ({"forcing.step_hours": 6}, "forcing.step_hours"),
    ],
)
def test_what_decides_the_trajectory_is_refused_by_name(overrides: dict[str, Any], key: str) -> None:
    before, after = changed(REAL, overrides)
    assert config_hash(before) != config_hash(after)
    assert changed_trajectory(before, after) == [key]
    words = rf"a change: {key} would change the trajectory.*Only these keys may change: parallel"
    with pytest.raises(ConfigError, match=words):
        require_same_trajectory(before, after, "a change")


@pytest.mark.parametrize(
    ("key", "value"), [("depths_m", [[0.0, 0.2]]), ("min_soil_fraction", 0.3), ("unobserved", True)]
)
def test_what_the_scores_of_every_cycle_are_taken_of_changes_no_state(key: str, value: object) -> None:
    assert key in RECORD_KEYS and key in FREE
    before, after = changed(CONFIG, {f"verification.{key}": value})
    assert config_hash(before) == config_hash(after)
    assert changed_records(before.verification, after.verification) == [f"verification.{key}"]
    with pytest.raises(ConfigError, match="two kinds"):
        require_same_records(before.verification, after.verification, "a resume")
    seen = presented(before, parse_config({**CONFIG, "verification": {key: value, "min_pairs": 9}}))
    assert getattr(seen.verification, key) == getattr(before.verification, key)
    assert seen.verification.min_pairs == 9


def test_a_campaign_is_looked_at_as_it_is_asked_for() -> None:
    before = parse_config(REAL)
    asked = parse_config(
        apply_overrides(
            REAL,
            {
                "catalogue.other.path": "new.nc4",
                "verification.precipitation": "other",
                "data_root": "/elsewhere",
                "output.figures": False,
                "output.series": {"to_depth_m": 3.0},
            },
        )
    )
    seen = presented(before, asked)
    assert seen.verification.precipitation == "other" and seen.catalogue["other"].path == "new.nc4"
    assert str(seen.data_root) == "/elsewhere" and not seen.output.figures
    assert seen.output.series == before.output.series, "as it was recorded"
    assert config_hash(seen) == config_hash(before)


@pytest.mark.parametrize("name", list(OF_0_1_0))
def test_campaigns_of_version_0_1_0_are_accepted(name: str, tmp_path: Path) -> None:
    file = Path(__file__).parent / f"config_0_1_0_{name}.yaml"
    assert OF_0_1_0[name] in accepted_identities(file)
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    moved = tmp_path / "config.yaml"
    moved.write_text(yaml.safe_dump({**plain, "data_root": "/moved", "description": "x"}, sort_keys=False))
    assert OF_0_1_0[name] in accepted_identities(moved)
    moved.write_text(yaml.safe_dump({**plain, "seed": 2}, sort_keys=False))
    assert OF_0_1_0[name] not in accepted_identities(moved)


def test_the_identity_is_that_of_the_file_and_of_what_it_means(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    config = parse_config(CONFIG)
    file.write_text(dump_config(config), encoding="utf-8")
    assert identity(file) == config_hash(config)
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    # An earlier version did not know a key: the file lacks it, its meaning does not.
    del plain["tiles"]["min_land_fraction"]
    file.write_text(yaml.safe_dump(plain), encoding="utf-8")
    assert identity(file) != config_hash(config)
    assert {identity(file), config_hash(config)} <= set(accepted_identities(file))
