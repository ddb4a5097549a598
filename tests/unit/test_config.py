"""Configuration: everything wrong is reported at once, with a suggestion; the resolved file reads back the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from landda_hpc.config import CampaignConfig, ColmModelConfig, dump_config, load_config, parse_config
from landda_hpc.errors import ConfigError, MissingFileError

MINIMAL = {
    "name": "x",
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-04T00:00"},
    "twin": {},
    "observations": {"kind": "twin"},
}


def problems(**changes: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config({**MINIMAL, **changes})
    return list(caught.value.problems)


def test_minimal_config_has_the_papers_defaults() -> None:
    config = parse_config(dict(MINIMAL))
    assert config.grid.n_lat == 128 and config.grid.n_lon == 256
    assert config.time.n_cycles == 8 and config.time.n_analyses == 4
    assert config.instance_names == ("nature", "control", "enkf_like")


def test_resolved_config_reads_back_the_same() -> None:
    import yaml

    config = parse_config(dict(MINIMAL))
    assert parse_config(yaml.safe_load(dump_config(config))) == config


def test_unknown_keys_come_with_a_suggestion() -> None:
    assert problems(time={**MINIMAL["time"], "cycle_hour": 6}) == [  # type: ignore[dict-item]
        "time.cycle_hour: unknown key. Did you mean 'cycle_hours'?"
    ]
    found = problems(runs=[{"method": "enkf_like", "membrs": 4, "frame": {"boundry": "none"}}])
    # Keys as they stand in the file, without the tags of the union's branches.
    assert "runs.0.membrs: unknown key. Did you mean 'members'?" in found
    assert "runs.0.frame.boundry: unknown key. Did you mean 'boundary'?" in found
    assert all("at least 1 item" not in p for p in problems(runs=[7]))
    assert any("Did you mean 'observations'?" in p for p in problems(observation={}))


def test_all_problems_are_reported_together() -> None:
    found = problems(seed=-1, grid={"n_lat": 5}, model={"timestep_s": "fast"}, zzz=1)
    assert len(found) == 4
    assert any(p.startswith("grid.n_lat") and "17" in p for p in found)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"time": {**MINIMAL["time"], "cycle_hours": 5}}, "does not divide 24"),  # type: ignore[dict-item]
        ({"time": {**MINIMAL["time"], "end": "2022-06-02T12:00"}}, "expected start"),  # type: ignore[dict-item]
        ({"time": {**MINIMAL["time"], "start": "2022-06-02T00:00+08:00"}}, "UTC"),  # type: ignore[dict-item]
        ({"twin": None}, "needs the section 'twin'"),
        ({"runs": [{"method": "control"}, {"method": "pointwise", "name": "control"}]}, "a different name"),
        ({"runs": [{"method": "control", "name": "nature"}]}, "name of the nature run"),
        ({"checkpoint": {"every_hours": 7}}, "not a multiple"),
        (
            {
                "time": {
                    "start": "2022-06-02T03:00",
                    "assimilation_end": "2022-06-02T09:00",
                    "end": "2022-06-02T09:00",
                },
                "output": {"series": {"means": True}},
            },
            "ends at midnight",
        ),
        ({"verification": {"depths_m": [[0.1, 0.1]]}}, "expected 0 <= top < bottom"),
        ({"grid": {"kind": "gaussian", "south": 0}}, "Gaussian grid is global"),
        ({"runs": [{"method": "kalman"}]}, "enkf_like"),
        (
            {
                "grid": {"south": 0, "n_lon": 32},
                "runs": [{"method": "enkf_like", "frame": {"boundary": "double_fourier_sphere"}}],
            },
            "needs the globe",
        ),
        ({"observations": {"kind": "twin", "withheld": {"times": ["2022-06-02T06:00Z"]}}}, "carry no offset"),
        ({"observations": {"kind": "twin", "withheld": {"times": ["2022-06-02T05:00"]}}}, "is not an analysis time"),
        ({"observations": {"kind": "twin", "withheld": {"boxes": [[10, 5, 0, 10]]}}}, "expected south < north"),
        ({"observations": {"kind": "twin", "withheld": {}}}, "no observation is withheld"),
        ({"output": {"times": ["2022-06-02T06:00Z"]}}, "carry no offset"),
    ],
)
def test_bad_values_are_explained(changes: dict[str, object], text: str) -> None:
    assert any(text in p for p in problems(**changes)), problems(**changes)


@pytest.mark.parametrize("key", ["start", "assimilation_end", "end"])
@pytest.mark.parametrize("year", ["0001", "1582", "9999"])
def test_times_at_the_edge_of_the_calendar_are_refused(key: str, year: str) -> None:
    """Reckoning with spin-up, discarded days and cycles from there would leave the calendar."""
    time = {"start": "2022-06-02", "assimilation_end": "2022-06-03", "end": "2022-06-04"}
    assert "is outside the years 1700 to 9900" in "".join(problems(time=time | {key: f"{year}-06-02"}))
    assert "less than or equal to 36500" in "".join(problems(verification={"discard_days": 10**9}))


def test_load_resolves_paths_and_overrides(tmp_path: Path) -> None:
    import yaml

    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({**MINIMAL, "data_root": "../data"}))
    config = load_config(file, {"time.cycle_hours": 12, "grid.n_lat": 64})
    assert config.data_root == (tmp_path.parent / "data").resolve()
    assert config.time.cycle_hours == 12 and config.grid.n_lat == 64
    with pytest.raises(MissingFileError, match="experiments"):
        load_config(tmp_path / "none.yaml")
    file.write_text("a: [1")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(file)
    file.write_text("- 1")
    with pytest.raises(ConfigError, match="expected keys"):
        load_config(file)
    with pytest.raises(ConfigError, match="has no such key"):
        load_config_with_bad_override(tmp_path)


def load_config_with_bad_override(folder: Path) -> CampaignConfig:
    import yaml

    file = folder / "d.yaml"
    file.write_text(yaml.safe_dump({**MINIMAL, "runs": [{"method": "control"}]}))
    return load_config(file, {"runs.7.gain": 1.0})


def test_experiments_of_the_package_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = Path("experiments/smoke.yaml")
    shipped = load_config(name)
    assert shipped.name == "smoke"
    name.parent.mkdir()
    name.write_text(dump_config(shipped).replace("name: smoke", "name: own"))
    assert load_config(name).name == "own"
    assert load_config(Path("package:experiments/smoke.yaml")) == shipped
    for unknown in ("smoke.yaml", "experiments/none.yaml", "package:none.yaml"):
        with pytest.raises(MissingFileError, match=rf"'{unknown}' does not exist.*experiments/NAME.yaml: .*, smoke,"):
            load_config(Path(unknown))


def test_a_number_is_the_value_of_an_environment_variable() -> None:
    outside = {"grid": {"kind": "case"}, "case": {"namelist": "case.nml"}, "twin": {"wetness_sigma": 0.1}}
    model = {"kind": "colm", "executable": "colm.x", "environment": {"OMP_NUM_THREADS": 8, "A": "b"}}
    config = parse_config({**MINIMAL, **outside, "model": model})
    assert isinstance(config.model, ColmModelConfig)
    assert config.model.environment == {"OMP_NUM_THREADS": "8", "A": "b"}
    model["environment"] = {"A": True}
    assert problems(**outside, model=model) == ["model.environment.A: Input should be a valid string (found True)"]
