"""Former names of keys and values: translated, one warning for each use, refused next to the present name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.config import (
    METHODS,
    TwinObservations,
    apply_overrides,
    current,
    deprecated,
    dump_config,
    load_config,
    parse_config,
    parse_section,
    read_resolved,
)
from landda_hpc.errors import ConfigError
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.methods.errors.reported import ReportedErrorsConfig
from landda_hpc.methods.var3d import Var3dPointRun

FORMER: dict[str, Any] = {
    "name": "x",
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-04T00:00"},
    "twin": {},
    "observations": {"kind": "twin"},
    "runs": [
        {"method": "control"},
        {"method": "enkf_like", "observation_errors": {"kind": "told"}},
        {"method": "var3d_point", "told_errors": True},
    ],
}


def uses(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == deprecated.__name__ and r.levelno == logging.WARNING]


def test_former_names_give_the_same_configuration_and_one_warning_each(caplog: pytest.LogCaptureFixture) -> None:
    config = parse_config(FORMER)
    first, second = config.runs[1:]
    assert isinstance(first, EnkfLikeRun) and isinstance(first.observation_errors, ReportedErrorsConfig)
    assert isinstance(second, Var3dPointRun) and second.reported_errors
    found = uses(caplog)
    assert len(found) == 2
    assert "runs.1.observation_errors.kind: told is now reported" in found[0]
    assert "runs.2.told_errors is now named reported_errors" in found[1]
    caplog.clear()
    assert parse_config(yaml.safe_load(dump_config(config))) == config
    assert uses(caplog) == [], "the resolved configuration has present names"
    assert FORMER["runs"][2]["told_errors"], "the caller's data stay as they are"


def test_a_former_key_in_a_section_of_the_observations(caplog: pytest.LogCaptureFixture) -> None:
    withheld = {"fraction": 0.2, "anew": True}
    config = parse_config(FORMER | {"observations": {"kind": "twin", "withheld": withheld}, "runs": FORMER["runs"][:1]})
    assert isinstance(config.observations, TwinObservations)
    assert config.observations.withheld is not None and config.observations.withheld.redraw
    assert [text.count("observations.withheld.anew is now named redraw") for text in uses(caplog)] == [1]


def test_former_names_in_files_and_overrides(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(yaml.safe_dump(FORMER), encoding="utf-8")
    config = load_config(path, {"runs.var3d_point.told_errors": False, "runs.1.observation_errors": {"kind": "told"}})
    assert isinstance(config.runs[2], Var3dPointRun) and not config.runs[2].reported_errors
    assert len(uses(caplog)) == 4, "two in the file, two in overrides"
    caplog.clear()
    assert read_resolved(path).runs[1:] != config.runs[1:]
    assert uses(caplog) == [], "nobody wrote a resolved file by hand"


def test_former_names_in_one_section(caplog: pytest.LogCaptureFixture) -> None:
    plain = {"method": "var3d_point", "told_errors": True}
    assert parse_section(METHODS["var3d_point"], plain, within="runs.*") == Var3dPointRun(reported_errors=True)
    changed = apply_overrides({"method": "var3d_point"}, {"told_errors": True}, within="runs.*")
    assert changed == {"method": "var3d_point", "reported_errors": True}
    assert len(uses(caplog)) == 2
    with pytest.raises(ConfigError, match="unknown key"):
        parse_section(METHODS["var3d_point"], plain)


def test_errors_inside_china_are_those_of_a_region(caplog: pytest.LogCaptureFixture) -> None:
    """The form of the value changes too: in files, overrides, sections of a run and where there was none."""
    run = {"method": "var3d_point", "observation_std": 0.01, "observation_std_china": 0.3}
    config = parse_config({**FORMER, "observations": {"kind": "twin", "error_std_china": 0.25}, "runs": [run]})
    assert len(uses(caplog)) == 2
    assert isinstance(config.observations, TwinObservations) and isinstance(config.runs[0], Var3dPointRun)
    (observed,), (assumed,) = config.observations.error_std_regions, config.runs[0].observation_std_regions
    assert (observed.name, observed.std, assumed.std) == ("China", 0.25, 0.3)
    present = {"observations": {"kind": "twin", "error_std_regions": [observed.model_dump(mode="json")]}}
    assert parse_config({**FORMER, **present, "runs": [run]}) == config
    plain = apply_overrides({"observations": {}}, {"observations.error_std_china": 0.25})
    assert plain["observations"]["error_std_regions"][0]["std"] == 0.25
    nowhere = current({"observations": {"kind": "twin", "error_std_china": None}}, warn=False)
    assert nowhere == {"observations": {"kind": "twin", "error_std_regions": []}}
    with pytest.raises(ConfigError, match=r"observations\.error_std_regions\.0\.std"):
        parse_config({**FORMER, "observations": {"kind": "twin", "error_std_china": 30.0}})


def test_both_names_are_refused() -> None:
    run = {"method": "var3d_point", "told_errors": True, "reported_errors": False}
    with pytest.raises(ConfigError, match=r"runs\.0\.told_errors is now named reported_errors, and both are given"):
        parse_config({**FORMER, "runs": [run]})


def test_only_the_place_counts(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A relative of the shipped names: other keys of the same name, other values, and sections that move with a key."""
    monkeypatch.setattr(deprecated, "RENAMED_KEYS", {"a.*.old": "new", "top": "first"})
    monkeypatch.setattr(deprecated, "RENAMED_VALUES", {"a.*.new.kind": {"x": "y"}, "first": {"1": "2"}})
    raw = {"a": {"b": {"old": {"kind": "x", "old": 1}}, "old": 2}, "old": 3, "top": "1", "kind": "x", "list": [None, 1]}
    assert current(raw) == {
        "a": {"b": {"new": {"kind": "y", "old": 1}}, "old": 2},
        "old": 3,
        "first": "2",
        "kind": "x",
        "list": [None, 1],
    }
    assert len(uses(caplog)) == 4
    caplog.clear()
    assert current(raw, warn=False)["first"] == "2" and uses(caplog) == []
