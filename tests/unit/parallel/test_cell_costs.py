"""Costs of land cells from counted work and measured times: closed forms, any layout, and the partition they give."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.errors import ShapeError
from landda_hpc.parallel import cell_costs
from landda_hpc.parallel.cell_costs import CellCosts, avoidable, imbalance, n_parts, piece_of_work
from landda_hpc.parallel.process_layout import Layout, make_layout

N = 900
RULE = np.random.default_rng(1).integers(1, 60, N)
TRUE = RULE * (1.0 + 0.6 * np.sin(np.arange(N) / 90.0))


def layout_of(costs: CellCosts, ranks: int, groups: int = 1) -> Layout:
    return make_layout(ranks, groups, np.ones(costs.rule.size, dtype=np.int64), groups, cell_cost=costs.values)


def took(layout: Layout, scale: float = 1.0) -> np.ndarray:
    return scale * np.array([TRUE[layout.cells_of(rank)].sum() for rank in range(layout.n_ranks)])


def pieces(layout: Layout, work: np.ndarray) -> list[cell_costs.WorkPiece]:
    parts = [layout.cells_of(rank) for rank in range(layout.n_ranks)]
    return [piece_of_work(work[part], part, work.size) for part in parts if part.start < part.stop]


def test_without_measurements_the_rule_holds() -> None:
    costs = CellCosts.of_rule(RULE)
    assert costs.values is costs.rule
    layout = layout_of(costs, 4)
    assert costs.counted([]) is costs and costs.measured(layout, np.zeros(4)) is costs
    alone = layout_of(costs, 3, groups=3)
    assert costs.measured(alone, np.ones(3)) is costs, "ranks alone in their groups show nothing"
    assert imbalance(alone, np.array([1.0, 2.0, 3.0])) == 0.0


@pytest.mark.parametrize(("ranks", "groups"), [(1, 1), (7, 1), (7, 2), (1000, 1)])
@pytest.mark.parametrize("most", [16384, 100])
def test_counted_work_is_the_cost_on_any_layout(
    monkeypatch: pytest.MonkeyPatch, ranks: int, groups: int, most: int
) -> None:
    monkeypatch.setattr(cell_costs, "MOST_PARTS", most)
    costs = CellCosts.of_rule(RULE)
    found = costs.counted(pieces(layout_of(costs, ranks, groups), TRUE))
    assert found.work.size == n_parts(N) == min(most, N)
    # Each group counts all cells once.
    again = costs.counted(pieces(layout_of(costs, 1), 3.0 * TRUE))
    assert np.allclose(found.work, again.work, rtol=1e-12)
    expected = TRUE / TRUE.mean() if most > N else None
    if expected is not None:
        assert np.allclose(found.values / found.values.mean(), expected, rtol=2e-3, atol=1e-3)
    for n in (2, 8):
        assert imbalance(layout_of(found, n), took(layout_of(found, n))) < 0.02


def test_measured_times_are_the_costs_of_the_parts() -> None:
    costs = CellCosts.of_rule(RULE)
    layout = layout_of(costs, 8)
    seconds = took(layout)  # thousands of seconds: no noise
    found = costs.measured(layout, seconds)
    sums = np.array([found.values[layout.cells_of(rank)].sum() for rank in range(8)])
    assert np.allclose(sums / sums.sum(), seconds / seconds.sum(), rtol=5e-3)
    assert np.all(found.work == 1.0)
    few = layout_of(costs, 5)
    little = costs.measured(few, 1e-6 * took(few))
    assert np.abs(little.correction - 1.0).max() < 0.01, "a short time of few ranks is mostly noise"


def test_short_times_count_if_neighbours_agree() -> None:
    costs = CellCosts.of_rule(RULE)
    layout = layout_of(costs, 32)
    generator = np.random.default_rng(7)
    noise = np.exp(0.05 * generator.standard_normal(32))
    before, seconds = imbalance(layout, took(layout)), 1e-6 * took(layout) * noise
    again = layout_of(costs.measured(layout, seconds), 32)
    assert before > 0.4 and imbalance(again, took(again)) < 0.2
    # Without misjudged costs nothing is learned from noise.
    right = costs.counted(pieces(layout, TRUE))
    even = layout_of(right, 32)
    moved = [
        np.abs(np.log(right.measured(even, 1e-6 * took(even) * np.exp(x)).correction)).max()
        for x in 0.05 * generator.standard_normal((20, 32))
    ]
    assert np.median(moved) < 0.02


def test_repeated_measurements_balance_the_ranks() -> None:
    costs, found = CellCosts.of_rule(RULE), []
    for _ in range(5):
        layout = layout_of(costs, 8)
        found.append(imbalance(layout, took(layout)))
        costs = costs.measured(layout, took(layout))
    assert found[0] > 0.25 and found[-1] < 0.02, found


def test_what_could_be_saved_is_that_of_the_slowest_group() -> None:
    layout = layout_of(CellCosts.of_rule(RULE), 4, groups=2)
    assert avoidable(layout, np.array([1.0, 3.0, 1.0, 1.0])) == 1.0
    assert imbalance(layout, np.array([1.0, 3.0, 1.0, 1.0])) == 0.5


@pytest.mark.parametrize("wrong", [np.ones(3), np.zeros(N), np.full(N, np.nan)])
def test_nonsense_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="positive numbers"):
        CellCosts(RULE, np.ones(N), wrong)
