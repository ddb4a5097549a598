"""Timing of analyses: every method is timed under the same conditions."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.errors import ConfigError
from landda_hpc.studies.analysis_bench import Timing, growth, measure, parts


def test_every_method_on_every_size_with_both_masks() -> None:
    timings = measure([(32, 64), (48, 64)], ["learned", "pointwise"], rounds=1)
    assert len(timings) == 2 * 2 * 3
    assert {t.method for t in timings} == {"enkf_like", "learned", "pointwise"}
    assert all(t.ratio == 1.0 for t in timings if t.method == "enkf_like")
    assert all(t.seconds > 0.0 for t in timings)


def test_the_parts_of_an_analysis_begin_with_the_whole() -> None:
    found = parts([(32, 64)], ["pointwise"], rounds=1, warm_up=1)
    assert {part.method for part in found} == {"enkf_like", "pointwise"}
    whole = next(part for part in found if part.method == "enkf_like")
    assert whole.function == "analysis.enkf_like.analyse" and whole.calls == 1.0
    assert all(part.cpu_seconds <= whole.cpu_seconds for part in found if part.method == "enkf_like")


def test_growth_is_relative_to_that_of_a_transform() -> None:
    small, large = (
        Timing("m", shape, False, seconds, seconds, 1.0, 0.0) for shape, seconds in (((16, 16), 1.0), ((64, 64), 24.0))
    )
    assert growth([small, large], "m", False) == pytest.approx(24.0 / (16.0 * 12.0 / 8.0))


def test_methods_without_analyses_are_refused() -> None:
    with pytest.raises(ConfigError, match="makes no analyses"):
        measure([(32, 64)], ["control"])
    with pytest.raises(ConfigError, match="learned"):
        measure([(32, 64)], ["lerned"])


def test_the_bytes_of_an_analysis_do_not_grow_with_the_members() -> None:
    """Block sums are added as they are made, and of each member only the cells of the domain are kept."""
    import tracemalloc

    from landda_hpc.methods.base.context import MethodContext
    from landda_hpc.studies import analysis_bench as bench

    shape = (96, 192)
    context = MethodContext(bench.regular_grid(*shape), bench.SerialCommunicator(), 1)
    domain = np.zeros(shape, dtype=np.bool_)
    domain[:32] = True
    pair = bench._pair(shape, domain, 0, False)
    peaks = []
    for members in (10, 80):
        section = bench.METHODS["enkf_like"].model_validate({"method": "enkf_like", "members": members})
        method = bench.make_method(section, context.grid, context.root_group, context.seed)
        assert method is not None
        method.analyse(pair)  # builds buffers and the plan
        tracemalloc.start()
        method.analyse(pair)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    images = 70 * 8 * int(domain.sum())  # what 70 more members keep
    n_var = 3.5 * domain.size * 8
    assert peaks[1] - peaks[0] < 1.1 * images + 3 * n_var
