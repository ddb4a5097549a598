"""Scores of ensembles against their definitions and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.verification.statistics.ensembles import crps, effective_size, rank_histogram, ranks


def test_crps_is_its_definition() -> None:
    rng = np.random.default_rng(1)
    members, value = rng.standard_normal((7, 50)), rng.standard_normal(50)
    error = np.abs(members - value).mean(axis=0)
    pairs = np.abs(members[:, None] - members[None]).sum(axis=(0, 1)) / (2 * 7 * 6)
    assert np.allclose(crps(members, value), error - pairs)


def test_crps_of_one_member_is_the_absolute_error() -> None:
    assert crps(np.array([[0.3, 0.1]]), np.array([0.1, 0.4])).tolist() == pytest.approx([0.2, 0.3])


@pytest.mark.parametrize("n_members", [3, 10, 100])
def test_crps_does_not_depend_on_the_size_of_a_gaussian_ensemble(n_members: int) -> None:
    """Expectation for members and truth from the same distribution: sigma / sqrt(pi)."""
    rng = np.random.default_rng(2)
    found = crps(rng.standard_normal((n_members, 20000)), rng.standard_normal(20000))
    assert found.mean() == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.03)


def test_ranks_are_flat_for_a_reliable_ensemble_and_for_ties() -> None:
    rng = np.random.default_rng(3)
    counts = rank_histogram(rng.standard_normal((4, 50000)), rng.standard_normal(50000), rng)
    assert counts.sum() == 50000
    assert counts / 10000.0 == pytest.approx(np.ones(5), abs=0.05)
    tied = rank_histogram(np.zeros((4, 50000)), np.zeros(50000), rng)
    assert tied / 10000.0 == pytest.approx(np.ones(5), abs=0.05)
    assert ranks(np.array([[0.1], [0.2]]), np.array([0.15]), rng).tolist() == [1]


def test_effective_size_counts_independent_directions() -> None:
    rng = np.random.default_rng(4)
    free = rng.standard_normal((10, 5000))
    assert effective_size(free - free.mean(axis=0)) == pytest.approx(9.0, rel=0.01)
    one = np.outer(np.arange(10.0) - 4.5, rng.standard_normal(5000))
    assert effective_size(one) == pytest.approx(1.0)
    assert effective_size(np.zeros((10, 5))) == 0.0
