"""The benchmark runs and says what it measured; how fast this machine is, is nobody's failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landda_hpc.commands.application import app
from landda_hpc.curvelet.backends import is_installed
from landda_hpc.curvelet.bench_bars import bars

pytestmark = pytest.mark.bench


def test_figures_are_complete(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "curvelet.json"
    arguments = ["bench", "curvelet", "--json", str(file), "--batch", "4", "--rounds", "2"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    print(done.output)
    result = json.loads(file.read_text())
    for finest in ("curvelets", "wavelets"):
        times = result[finest]["ms_per_field"]
        assert all(value > 0.0 for value in times.values())
        assert ("batch_udct" in times) == is_installed("udct")
        assert ("batch_curvelops" in times) == is_installed("curvelops")
        assert result[finest]["plan_s"] > 0.0
    # Memory does not depend on the machine's speed: image, result, two spectra, plan, and room for a few wedges.
    assert 2.0 < result["memory"]["fields_beside_coefficients"] < 12.0
    assert result["start"]["first_use_ever_s"] > result["start"]["first_use_s"] > 0.0
    found = bars(result)
    assert all(bar.measured is None or bar.measured > 0.0 for bar in found)
    assert {bar.why for bar in found if bar.measured is None} <= {"not installed"}
