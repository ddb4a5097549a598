"""Warnings about too few samples state the number."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from landda_hpc.observation.bias import fit_climatologies
from landda_hpc.studies.climatologies import training_warnings
from landda_hpc.studies.threshold_study import distance_warnings
from landda_hpc.verification.statistics.groups import GroupMean
from landda_hpc.verification.statistics.sample_size import (
    FEWEST_EFFECTIVE,
    FEWEST_PAIRS,
    FEWEST_SEEDS,
    FEWEST_TIMES,
    effective_size_warnings,
    pair_warnings,
    plus_minus,
    seed_warnings,
    variance_warnings,
)
from landda_hpc.verification.tables.grid_table import change_words, words


@pytest.mark.parametrize("n", range(1, FEWEST_TIMES + 2))
def test_warnings_state_the_number_and_end_where_there_is_enough(n: int) -> None:
    for enough, found in (
        (FEWEST_SEEDS, seed_warnings(n)),
        (FEWEST_TIMES, variance_warnings(n, "The spectrum")),
        (FEWEST_PAIRS, pair_warnings(n)),
    ):
        assert bool(found) == (n < enough)
        for text in found:
            assert re.search(rf"\b{n} (seed|time|pair)", text), text
    assert bool(distance_warnings(n) if n > 1 else True) == (n < FEWEST_TIMES)


def test_the_error_of_a_variance_is_that_of_a_normal_sample() -> None:
    draws = np.random.default_rng(1).normal(size=(20_000, 4)).var(axis=1, ddof=1)
    (text,) = variance_warnings(4, "The variance of a cell")
    printed = re.search(r"is (\d+) % of it", text)
    assert printed is not None and float(printed[1]) / 100.0 == pytest.approx(draws.std(), rel=0.05)


def test_climatologies_from_few_times_are_reported() -> None:
    rng = np.random.default_rng(2)
    images = rng.normal(0.3, 0.05, (2, 25, 3, 4))
    few, enough = (fit_climatologies(n, lambda i: (images[0, i], images[1, i]), (3, 4)) for n in (4, 25))
    (text,) = training_warnings(few)
    assert "rests on 4 times" in text
    assert training_warnings(enough) == []


def mean(n_eff: float, low: float = 0.1) -> GroupMean:
    return GroupMean(0.5, low, 0.7, 0.1, n_eff, 9)


def test_intervals_on_few_effective_values_are_marked() -> None:
    weak, sound, bare = mean(3.2), mean(FEWEST_EFFECTIVE), mean(2.0, math.nan)
    assert words(weak).endswith("]†") and change_words(weak, is_bold=True) == "**+0.500 [+0.100, +0.700]†**"
    assert "†" not in words(sound) + words(bare)
    (text,) = effective_size_warnings([weak, sound, bare, mean(7.0)])
    assert text.startswith("† 2 of 3 intervals") and "the fewest are 3.2" in text
    assert effective_size_warnings([sound, bare]) == []


def test_a_number_with_its_interval() -> None:
    assert plus_minus(0.8124, 0.8084, 0.8164, 3) == "0.812±0.004"
    assert plus_minus(0.8, 0.3, 0.97, 3) == "0.800 [0.300, 0.970]"
    assert plus_minus(-0.02, -0.05, 0.01, 2, sign=True) == "-0.02±0.03"
    assert plus_minus(0.8, math.nan, math.nan, 2) == "0.80" and plus_minus(math.nan, 0.0, 1.0, 2) == "-"
