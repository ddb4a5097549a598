"""`landda warm-up` compiles everything that a campaign needs, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from landda_hpc.commands.warm_up import _TWIN
from landda_hpc.config import parse_config
from tests.campaign.conftest import Landda


@pytest.mark.verify
def test_a_campaign_after_it_compiles_nothing(landda: Landda, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    landda.environment["NUMBA_CACHE_DIR"] = str(code)
    file = landda.write(observations={"kind": "twin", "gaps": "swaths", "missing_fraction": 0.5})
    first, second = (landda(1, "warm-up", file, timeout=300) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert " compiled, " in first.stdout
    assert "all are compiled" in second.stdout
    kept = {path: path.stat().st_mtime_ns for path in code.rglob("*.code")}
    assert kept
    loops = Counter((path.parent.name, path.name.partition(".")[0]) for path in kept)
    assert [loop for loop, number in loops.items() if number > 1] == [], "compiled for more than one kind of argument"
    assert landda(1, "run", file, "-o", "out").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in code.rglob("*.code")} == kept


@pytest.mark.parametrize("physics", ["soil_water", "land_surface"])
def test_the_twins_without_a_file_are_valid(physics: str) -> None:
    assert parse_config({**_TWIN, "model": {"physics": physics}}).twin is not None


def test_overrides_need_a_file(landda: Landda) -> None:
    done = landda.here("warm-up", "--set", "seed=2")
    assert done.returncode == 2
    assert "give its FILE" in done.stdout + done.stderr
