"""The one partition rule and the layout built on it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import ShapeError
from landda_hpc.parallel.partition import even_partition, overlaps, partition
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.parallel.reduction import BlockTree, tree_sum


@given(st.lists(st.integers(0, 20), max_size=200), st.integers(1, 40))
def test_partition_covers_everything_once_and_is_balanced(cost: list[int], n_parts: int) -> None:
    bounds = partition(np.array(cost, dtype=np.int64), n_parts)
    assert bounds.shape == (n_parts + 1,)
    assert bounds[0] == 0 and bounds[-1] == len(cost)
    assert np.all(np.diff(bounds) >= 0)
    loads = [sum(cost[a:b]) for a, b in itertools.pairwise(bounds)]
    if cost:
        assert max(loads) <= sum(cost) / n_parts + max(cost)


def test_even_partition_differs_by_at_most_one() -> None:
    for n in range(30):
        for parts in range(1, 12):
            sizes = np.diff(even_partition(n, parts))
            assert sizes.sum() == n and sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 50), st.integers(0, 50))
def test_overlaps_are_the_parts_of_each_element(sizes: list[int], first: int, stop: int) -> None:
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    n = int(bounds[-1])
    elements = slice(min(first, n), min(stop, n))
    of_element = np.repeat(np.arange(len(sizes)), sizes)
    found = [(part, k) for part, own in overlaps(bounds, elements) for k in range(own.start, own.stop)]
    assert found == [(int(of_element[k]), k) for k in range(elements.start, elements.stop)]


def test_partition_refuses_nonsense() -> None:
    with pytest.raises(ShapeError):
        partition(np.array([1, -1]), 2)
    with pytest.raises(ShapeError):
        partition(np.array([1]), 0)


@given(
    st.integers(1, 9), st.integers(1, 6), st.lists(st.integers(1, 3), min_size=0, max_size=40),
    st.integers(1, 5), st.integers(1, 12),
)  # fmt: skip
def test_layout_gives_every_tile_of_every_instance_to_one_rank(
    n_ranks: int, n_instances: int, tiles: list[int], groups: int, roots: int
) -> None:
    layout = make_layout(n_ranks, n_instances, np.array(tiles, dtype=np.int64), groups, roots)
    assert 1 <= layout.n_roots <= n_ranks
    for instance in range(n_instances):
        held = np.zeros(sum(tiles), dtype=int)
        for rank in range(n_ranks):
            if instance in layout.instances_of(rank):
                held[layout.tiles_of(rank)] += 1
        assert np.all(held == 1)
        assert sum(layout.cells_held(r, instance) for r in range(n_ranks)) == len(tiles)


def test_tree_sum_is_the_stated_tree() -> None:
    a, b, c, d, e = (np.array([x]) for x in (1e16, 1.0, -1e16, 1.0, 3.0))
    expected = ((a + b) + (c + d)) + e
    assert tree_sum(np.stack([a, b, c, d, e])) == expected


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10, 64, 135])
def test_a_tree_sum_is_the_stated_tree_and_holds_few_terms(n: int) -> None:
    rng = np.random.default_rng(n)
    terms = [rng.normal(size=3) * np.exp(rng.normal(scale=20, size=3)) for _ in range(n)]
    tree = BlockTree(n)
    for number, term in enumerate(terms):
        tree.add(term.copy(), number)
        assert len(tree.totals) <= n.bit_length()
    assert len(tree.totals) == 1
    assert tree.totals[0].tobytes() == tree_sum(np.stack(terms)).tobytes()


@pytest.mark.parametrize("cut", range(1, 11))
def test_parts_of_a_tree_sum_add_to_the_whole(cut: int) -> None:
    """As on several processes, each with some of the terms."""
    rng = np.random.default_rng(3)
    terms = [rng.normal(size=2) * np.exp(rng.normal(scale=20, size=2)) for _ in range(11)]
    whole = BlockTree(11)
    for part in (range(cut), range(cut, 11)):
        tree = BlockTree(11)
        for number in part:
            tree.add(terms[number].copy(), number)
        for total, (level, index) in zip(tree.totals, tree.places, strict=True):
            whole.add(total, index, level)
    assert whole.totals[0].tobytes() == tree_sum(np.stack(terms)).tobytes()
