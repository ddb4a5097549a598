"""Timing of analyses: every method is timed under the same conditions."""

from __future__ import annotations

import pytest

from landda_hpc.errors import ConfigError
from landda_hpc.studies.analysis_bench import Timing, growth, measure


def test_every_method_on_every_size_with_both_masks() -> None:
    timings = measure([(32, 64), (48, 64)], ["learned", "pointwise"], rounds=1)
    assert len(timings) == 2 * 2 * 3
    assert {t.method for t in timings} == {"enkf_like", "learned", "pointwise"}
    assert all(t.ratio == 1.0 for t in timings if t.method == "enkf_like")
    assert all(t.seconds > 0.0 for t in timings)


def test_growth_is_relative_to_that_of_a_transform() -> None:
    small, large = (Timing("m", shape, False, seconds, 1.0) for shape, seconds in (((16, 16), 1.0), ((64, 64), 24.0)))
    assert growth([small, large], "m", False) == pytest.approx(24.0 / (16.0 * 12.0 / 8.0))


def test_methods_without_analyses_are_refused() -> None:
    with pytest.raises(ConfigError, match="makes no analyses"):
        measure([(32, 64)], ["control"])
    with pytest.raises(ConfigError, match="learned"):
        measure([(32, 64)], ["lerned"])
