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


@pytest.mark.parametrize(
    ("consistent", "physics", "co_varies"),
    [
        (None, "soil_water", False),
        (None, "land_surface", True),
        (False, "land_surface", False),
        (True, "soil_water", True),
    ],
)
def test_generated_variables_co_vary_with_the_land_surface_unless_said(
    consistent: bool | None, physics: str, co_varies: bool
) -> None:
    assert ForcingConfig(consistent=consistent).co_varies(physics) == co_varies


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
    with pytest.raises(ConfigError, match=r"the nature run has the weather of the files, too; set it to 1\.0"):
        parse(forcing=FILES, twin={"weather_correlation": 0.5})


def test_the_experiment_with_real_data_takes_forcing_from_files() -> None:
    config = load_config(EXPERIMENTS / "bai2026_real.yaml")
    assert isinstance(config.forcing, NetcdfForcing) and config.physics == "land_surface"
