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
    assert result["microseconds_per_tile_step"] > result["bare_kernel"] > 0.0
    assert {k for k, v in result["by_kind"].items() if v["tiles"]} >= {"soil with canopy", "soil under snow"}
    assert result["solves"] >= 1.0 and result["sub_steps"] >= 1.0
