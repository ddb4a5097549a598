"""Which weather a configuration asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.config import CampaignConfig, ForcingConfig, NetcdfForcing, dump_config, load_config, parse_config
from landda_hpc.errors import ConfigError

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"

BASE: dict[str, Any] = {
    "name": "t",
    "time": {"start": "2022-06-01T00:00", "assimilation_end": "2022-06-02T00:00", "end": "2022-06-02T00:00"},
    "observations": {"kind": "twin"},
    "twin": {"weather_correlation": 1.0},
}
FILES = {"kind": "netcdf", "dataset": "era5", "folder": "x"}


def parse(**changes: Any) -> CampaignConfig:
    return parse_config({**BASE, **changes})


def test_a_forcing_section_without_kind_is_the_generators() -> None:
    assert parse().forcing == ForcingConfig()
    assert parse(forcing={"step_hours": 6}).forcing == ForcingConfig(step_hours=6)
    config = parse(forcing={**FILES, "variables": {"shortwave": {"offset_minutes": -30.0}}})
    assert isinstance(config.forcing, NetcdfForcing)
    assert parse_config(yaml.safe_load(dump_config(config))) == config


def test_physics_decides_how_consistent_weather_is() -> None:
    land = {"physics": "land_surface"}
    assert not parse().consistent_weather
    assert parse(model=land).consistent_weather
    assert not parse(model=land, forcing={"consistent": False}).consistent_weather
    assert parse(forcing={"consistent": True}).consistent_weather
    assert not parse(model=land, forcing=FILES).consistent_weather


def test_mistakes_are_named() -> None:
    for forcing, message in (
        ({"kind": "files"}, "forcing.kind: 'files' is not known; there are stochastic, netcdf."),
        ({"step": 3}, "forcing.step: unknown key"),
        ({**FILES, "dataset": "era6"}, "forcing.dataset"),
        ({**FILES, "variables": {"shortwave": {"nam": "x"}}}, "nam: unknown key. Did you mean 'name'?"),
        ({**FILES, "step_minutes": 7}, "step_minutes = 7 does not divide a day"),
        ({**FILES, "step_minutes": 20}, "model.timestep_s = 1800 does not divide the forcing step of 1200 s"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            parse(forcing=forcing)
    with pytest.raises(ConfigError, match=r"the nature run also has the weather of the files; set 1\.0"):
        parse(forcing=FILES, twin={"weather_correlation": 0.5})


def test_the_experiment_with_real_data_takes_forcing_from_files() -> None:
    config = load_config(EXPERIMENTS / "bai2026_real.yaml")
    assert isinstance(config.forcing, NetcdfForcing) and config.physics == "land_surface"
