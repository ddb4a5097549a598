"""The model of a cycle's time: known constants are found again, and layouts are counted exactly."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.campaign.timing import STEPS
from landda_hpc.parallel.process_layout import Layout, make_layout
from landda_hpc.studies.scaling.exchange_cost import collect_cost_of, cost_per_partner
from landda_hpc.studies.scaling.layout_units import Size, Units, count
from landda_hpc.studies.scaling.model import STEP_UNITS, Machine, Model, fit, fit_costs, held_back, predict
from landda_hpc.studies.scaling.runs import Measured

MACHINE = Machine(latency_s=2e-6, bytes_per_s=5e9, write_bytes_per_s=1e8)
PIXELS = 4096
PER_PARTNER = 2e-6
WEATHER = 2e-7


def layout(ranks: int, n_instances: int = 4) -> tuple[Layout, np.ndarray]:
    tiles = np.random.default_rng(1).integers(1, 4, 900)
    cost = 10 * tiles + np.random.default_rng(2).integers(0, 20, 900)
    return make_layout(ranks, n_instances, tiles, 1, None, 50, cost), cost


def units(ranks: int) -> Units:
    return count(*layout(ranks), Size(PIXELS, 50))


def true_model(scale: float = 1.0) -> Model:
    steps = {
        "forecast": {"tiles": 3e-6, "alone": WEATHER},
        "aggregate": {"cells": 4e-7, "root": 1e-8, "calls": 1e-4, "partners": PER_PARTNER},
        "observe": {"first": 1e-7, "root": 3e-8},
        "analyse": {"members": 5e-8, "root": 2e-8},
        "distribute": {"cells": 9e-7, "calls": 3e-5, "partners": 2 * PER_PARTNER},
        "checkpoint": {"state": 2e-6, "first": 1e-7, "calls": 1e-3},
        "diagnostics": {"files": 6e-8, "first": 8e-8},
    }
    return Model(
        steps={step: {name: scale * cost for name, cost in costs.items()} for step, costs in steps.items()},
        weather=scale * WEATHER,
        traffic={"collect": 88.0, "share": 88.0, "scatter": 16.0, "pieces": 40.0, "objects": 30.0, "observation": 8.0},
        messages={"collect": 2.0, "share": 2.0, "scatter": 1.0, "pieces": 4.0},
        memory={"state": 3000.0, "root": 300.0, "base": 2e8},
        calls=12.0,
        file_bytes=20.0,
        machine=MACHINE,
    )


def measured(model: Model, u: Units, noise: float = 0.0) -> Measured:
    """A run as the model says, with relative noise."""
    n = u.layout.n_ranks
    random = np.random.default_rng(n)

    def total(costs: dict[str, float], amounts: dict[str, np.ndarray]) -> np.ndarray:
        exact = sum((cost * amounts[name] for name, cost in costs.items()), np.zeros(n))
        return exact * (1.0 + noise * random.standard_normal(n))

    zeros = np.zeros((len(STEPS), n))
    compute = np.stack([total(model.steps[step], u.work) for step in STEPS])
    sent, messages, calls = zeros.copy(), zeros.copy(), zeros.copy()
    sent[0], messages[0] = total(model.traffic, u.traffic), total(model.messages, u.messages)
    calls[0] = model.calls * u.layout.n_instances
    peak = total(model.memory, {**u.work, "base": np.ones(n)})
    return Measured(
        n, (64, 64), compute, compute, compute, sent, messages, calls, peak, model.file_bytes * PIXELS, 0.0, 1.0
    )


@settings(max_examples=30, deadline=None)
@given(
    costs=st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e3)), min_size=3, max_size=3),
    seed=st.integers(0, 10**6),
)
def test_the_fit_finds_known_costs(costs: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    amounts = {name: random.random(40) * 10.0**power for name, power in (("a", 0), ("b", 6), ("c", -3))}
    exact = sum((cost * amounts[name] for cost, name in zip(costs, amounts, strict=True)), np.zeros(40))
    found = fit_costs(amounts, exact, np.ones(40))
    again = sum((found[name] * amounts[name] for name in amounts), np.zeros(40))
    assert all(cost >= 0.0 for cost in found.values())
    assert np.allclose(again, exact, rtol=1e-6, atol=1e-9 * max(exact.max(), 1e-30))


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e3))
def test_held_back_ranks_are_predicted_from_exact_runs(scale: float) -> None:
    model = true_model(scale)
    found = fit(
        [(units(n), measured(model, units(n))) for n in (1, 2, 4, 16)], MACHINE, scale * PER_PARTNER, scale * WEATHER
    )
    for n in (8, 32, 64):
        said, true = predict(found, units(n), PIXELS), predict(model, units(n), PIXELS)
        assert said.compute == pytest.approx(true.compute, rel=1e-4)
        assert said.bytes_max == pytest.approx(true.bytes_max, rel=1e-4)
        assert said.bytes_mean == pytest.approx(true.bytes_mean, rel=1e-4)
        assert said.peak == pytest.approx(true.peak, rel=1e-4)
        assert said.network == pytest.approx(true.network, rel=1e-4)
        assert said.files == pytest.approx(true.files, rel=1e-4)


def test_noise_of_two_percent_leaves_errors_of_few_percent() -> None:
    model = true_model()
    found = fit([(units(n), measured(model, units(n), 0.02)) for n in (1, 2, 4, 16)], MACHINE, PER_PARTNER, WEATHER)
    for n in (8, 64):
        said, true = predict(found, units(n), PIXELS), predict(model, units(n), PIXELS)
        assert said.compute == pytest.approx(true.compute, rel=0.1)
        assert said.bytes_max == pytest.approx(true.bytes_max, rel=0.1)


def test_serial_pieces_are_named_and_grow_in_share() -> None:
    few, many = (predict(true_model(), units(n), PIXELS) for n in (2, 64))
    assert many.serial_share > few.serial_share
    name, share = many.largest_serial()
    step, unit = name.split(": ")
    assert step in STEPS and unit in (*STEP_UNITS[step], "partners") and 0.0 < share <= many.serial_share < 1.0
    parallel = replace(true_model(), steps={step: {"tiles": 1e-6} for step in STEPS})
    assert predict(parallel, units(4), PIXELS).serial_share == 0.0


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 64, 1000])
def test_units_share_the_whole_work(ranks: int) -> None:
    found = units(ranks)
    made, cost = layout(ranks)
    assert found.work["tiles"].sum() == cost.sum() * 4
    assert found.work["cells"].sum() == 900 * 4 and found.work["state"].sum() == made.n_tiles * 4
    assert found.work["members"].sum() == 50 * PIXELS
    assert found.work["first"].sum() == PIXELS and found.work["root"].sum() == PIXELS * made.n_roots
    assert all(np.all(amount >= 0.0) and amount.shape == (ranks,) for amount in found.traffic.values())
    if ranks == 1:
        assert all(amount.sum() == 0.0 for amount in (*found.traffic.values(), *found.messages.values()))


def test_cells_that_are_collected_are_counted_one_by_one() -> None:
    made, cost = layout(7)
    found = count(made, cost, Size(PIXELS, 50))
    owner = np.repeat(np.arange(made.n_roots), np.diff(np.linspace(0, 900, made.n_roots + 1).round().astype(int)))
    for rank in range(7):
        mine = owner[made.cells_of(rank)]
        assert found.traffic["collect"][rank] == pytest.approx(4 * np.count_nonzero(mine != rank), abs=8)
    holder = np.concatenate([np.full(np.diff(made.cell_bounds[0])[rank], rank) for rank in range(7)])
    pairs = np.unique(np.stack([owner, holder])[:, owner != holder], axis=1)
    assert np.array_equal(found.work["partners"], 4 * np.bincount(pairs.ravel(), minlength=7))


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [((1,), ()), ((1, 2), ()), ((1, 2, 3), (3,)), ((1, 2, 4, 8), (4,)), ((1, 2, 4, 8, 16), (4, 16))],
)
def test_some_numbers_of_ranks_are_held_back(ranks: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert held_back(ranks) == expected


def test_latency_and_bandwidth_enter_the_time() -> None:
    slow = replace(true_model(), machine=Machine(1e-3, 1e6, 1e8))
    fast, late = (predict(model, units(8), PIXELS) for model in (true_model(), slow))
    calls = 12.0 * 4 * math.ceil(math.log2(8))
    assert late.network == pytest.approx(1e-3 * (late.messages_max + calls) + late.bytes_max / 1e6)
    assert late.seconds > fast.seconds and late.compute == fast.compute


def test_an_exchange_costs_time_per_rank_that_it_names() -> None:
    assert 0.0 <= cost_per_partner() < 1e-4
    (_, few), (_, many) = collect_cost_of(64, 1), collect_cost_of(1000, 50)
    assert 0 < many < few < 64
