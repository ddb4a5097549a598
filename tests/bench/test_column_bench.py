"""The benchmark of the land model runs and says what it measured; how fast this machine is, is nobody's failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landda_hpc.commands.application import app

pytestmark = pytest.mark.bench


def test_figures_are_complete(tmp_path: Path) -> None:
    file = tmp_path / "column.json"
    arguments = ["bench", "column", "--json", str(file), "--n-lat", "24", "--rounds", "2"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    print(done.output)
    result = json.loads(file.read_text())
    assert result["snow_free"]["ratio"] > result["soil_water"]["ratio"] > 0.0
    assert 0.5 < sum(result["split"].values()) / result["snow_free"]["microseconds"] < 1.5
    assert {k for k, v in result["by_kind"].items() if v["tiles"]} >= {"soil with canopy", "soil under snow"}
    assert result["snow_free"]["solves"] >= 1.0 and result["snow_free"]["sub_steps"] >= 1.0
