"""The benchmark measures what it says, on small images; its bars are compared, not its times."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from landda_hpc.curvelet.bench import measure
from landda_hpc.curvelet.bench_bars import bars


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return measure((24, 32), batch=5, rounds=1, large=(32, 48), large_rounds=1, start_up=False)


def test_the_numbers_are_finite_and_go_to_json(result: dict[str, Any]) -> None:
    def numbers(part: Any) -> list[float]:
        if isinstance(part, dict):
            return [number for value in part.values() for number in numbers(value)]
        return [float(part)] if isinstance(part, int | float) else []

    assert json.loads(json.dumps(result))["shape"] == [24, 32]
    found = numbers(result)
    assert len(found) > 30 and all(math.isfinite(number) and number >= 0.0 for number in found)
    for finest in ("curvelets", "wavelets"):
        assert result[finest]["plan_s"] > 0.0 and min(result[finest]["ms_per_field"].values()) > 0.0


def test_every_bar_finds_its_number(result: dict[str, Any]) -> None:
    found = bars(result)
    assert found and all(bar.is_met in (True, False, None) for bar in found)
    assert any(bar.is_met is not None for bar in found)
