"""Results of a scaling study: table, bars, recommendation and plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from landda_hpc.campaign.timing import STEPS
from landda_hpc.studies.scaling.layouts import LayoutNumbers, Layouts
from landda_hpc.studies.scaling.model import Model, Prediction, predict
from landda_hpc.studies.scaling.runs import Measured

IMBALANCE_BAR: Final = 0.05
"""Largest imbalance of the forecast up to 64 ranks: CPU time outside of communication, busiest rank over mean."""

SERIAL_BAR: Final = 0.02
"""Largest share of a serial piece of work in a cycle on 64 ranks, in the model."""

BYTES_BAR: Final = 0.05
BYTES_RANKS: Final = (16, 64)
"""Largest deviation from 1 / P of the states' bytes on the fullest rank, between these numbers of ranks. With fewer
ranks the fullest one approaches the mean: ranks get equal costs, and more of the cheap tiles, as of glaciers."""

BAR_RANKS: Final = 64
EFFICIENCY: Final = 0.7
"""Parallel efficiency, relative to one rank, that a recommended number of ranks has in the model."""


@dataclass(frozen=True)
class Bar:
    """One bar: its text, measured value and limit, and whether it is met."""

    name: str
    value: float
    limit: float
    found: str

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit

    def describe(self) -> str:
        """One line."""
        return f"{self.name}: {self.found}; bar {100 * self.limit:g} %: {'met' if self.is_met else 'missed'}"


@dataclass(frozen=True)
class Comparison:
    """Measured and modelled numbers of one number of ranks.

    Attributes
    ----------
    measured, predicted : of the same layout.
    is_held_back : whether the fit did not use it.
    """

    measured: Measured
    predicted: Prediction
    is_held_back: bool

    @property
    def compute(self) -> float:
        """CPU seconds of computing per cycle: sum over the steps of the busiest rank."""
        return sum(self.measured.busiest(step) for step in STEPS)

    @property
    def bytes_max(self) -> float:
        """Bytes per cycle that the busiest rank sends."""
        return float(self.measured.n_bytes.sum(axis=0).max())

    @property
    def bytes_mean(self) -> float:
        """Bytes per cycle that the mean rank sends."""
        return float(self.measured.n_bytes.sum(axis=0).mean())

    def errors(self) -> dict[str, float]:
        """Relative errors of the model; NaN where nothing was measured."""
        pairs = {
            "compute": (self.predicted.compute, self.compute),
            "bytes_max": (self.predicted.bytes_max, self.bytes_max),
            "bytes_mean": (self.predicted.bytes_mean, self.bytes_mean),
            "peak": (self.predicted.peak, float(self.measured.peak.max())),
        }
        return {name: said / found - 1.0 if found > 0.0 else math.nan for name, (said, found) in pairs.items()}


def bars(
    compared: Sequence[Comparison], of_layouts: Mapping[str, Sequence[LayoutNumbers]], serial: Prediction, fine: str
) -> list[Bar]:
    """Judge the bars.

    Parameters
    ----------
    compared : runs; imbalance is judged on those with up to ``BAR_RANKS`` ranks.
    of_layouts : numbers of layouts by grid.
    serial : prediction on ``BAR_RANKS`` ranks.
    fine : grid on which bytes are judged.
    """
    runs = [c.measured for c in compared if 1 < c.measured.ranks <= BAR_RANKS]
    found = []
    if runs:
        worst = max(runs, key=lambda m: m.imbalance("forecast"))
        found.append(
            Bar(
                f"imbalance of the forecast's CPU time up to {max(m.ranks for m in runs)} ranks (runs)",
                worst.imbalance("forecast"),
                IMBALANCE_BAR,
                f"{100 * worst.imbalance('forecast'):.1f} % on {worst.ranks} ranks",
            )
        )
    for grid, numbers in of_layouts.items():
        within = [n for n in numbers if n.ranks <= BAR_RANKS]
        worst_layout = max(within, key=lambda n: n.imbalance)
        found.append(
            Bar(
                f"imbalance of the tiles' cost up to {BAR_RANKS} ranks, {grid} (layout)",
                worst_layout.imbalance,
                IMBALANCE_BAR,
                f"{100 * worst_layout.imbalance:.2f} % on {worst_layout.ranks} ranks",
            )
        )
    by_ranks = {n.ranks: n.state_bytes * n.ranks for n in of_layouts[fine]}
    few, many = BYTES_RANKS
    deviation = by_ranks[many] / by_ranks[few] - 1.0
    factor = by_ranks[many] / by_ranks[1]
    found.append(
        Bar(
            f"deviation of the states' bytes per rank from 1/P, {few} to {many} ranks, {fine} (layout)",
            abs(deviation),
            BYTES_BAR,
            f"{100 * deviation:+.2f} %, the fullest rank has {factor:.2f} of the mean",
        )
    )
    name, share = serial.largest_serial()
    found.append(
        Bar(
            f"largest serial piece on {serial.ranks} ranks (model)",
            share,
            SERIAL_BAR,
            f"{name} {100 * share:.1f} %, all pieces {100 * serial.serial_share:.1f} % of a cycle",
        )
    )
    return found


@dataclass(frozen=True)
class Recommendation:
    """Number of ranks for an allocation.

    Attributes
    ----------
    nodes, cores_per_node : the allocation.
    tried : prediction for each number of ranks.
    chosen : the largest number with the parallel efficiency ``EFFICIENCY``.
    fastest : number of ranks with the shortest cycle.
    """

    nodes: int
    cores_per_node: int
    tried: Sequence[Prediction]
    chosen: Prediction
    fastest: Prediction

    def efficiency(self, one: Prediction) -> float:
        """Parallel efficiency relative to one rank."""
        return self.tried[0].seconds / (one.ranks * one.seconds)

    def describe(self) -> str:
        """Sentences."""
        chosen = self.chosen
        nodes = -(-chosen.ranks // self.cores_per_node)
        per_node = -(-chosen.ranks // nodes)
        text = (
            f"Use {chosen.ranks} rank{'' if chosen.ranks == 1 else 's'} on {nodes} of {self.nodes} nodes: a cycle "
            f"takes {chosen.seconds:.2g} s at a parallel efficiency of {100 * self.efficiency(chosen):.0f} %. A rank "
            f"needs {chosen.peak / 1e9:.2f} GB, a node {per_node * chosen.peak / 1e9:.1f} GB."
        )
        if self.fastest.ranks != chosen.ranks:
            text += (
                f" The shortest cycle, {self.fastest.seconds:.2g} s, needs {self.fastest.ranks} ranks at "
                f"{100 * self.efficiency(self.fastest):.0f} %."
            )
        return text


def recommend(model: Model, layouts: Layouts, nodes: int, cores_per_node: int) -> Recommendation:
    """Recommend a number of ranks for an allocation, from the model. Local."""
    most = nodes * cores_per_node
    ranks = sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most})
    tried = [predict(model, layouts.units(n), layouts.pixels) for n in ranks]
    first = tried[0].seconds
    good = [p for p in tried if first / (p.ranks * p.seconds) >= EFFICIENCY]
    return Recommendation(nodes, cores_per_node, tried, good[-1], min(tried, key=lambda p: p.seconds))


@dataclass(frozen=True)
class Plan:
    """Prediction for an ensemble on another grid.

    Attributes
    ----------
    shape : of the grid; members, ranks : of the ensemble and the job.
    predicted : a cycle.
    groups : number of member groups; ``roots``: ranks of the root group.
    floor_bytes : arrays of grid, tiles and cells, which every node holds.
    parts : seconds of a cycle by part, from long to short.
    """

    shape: tuple[int, int]
    members: int
    ranks: int
    predicted: Prediction
    groups: int
    roots: int
    floor_bytes: float
    parts: tuple[tuple[str, float], ...]

    def describe(self) -> list[str]:
        """Sentences."""
        name, seconds = self.parts[0]
        total = self.predicted.seconds
        shown = ", ".join(f"{part} {value:.3g} s" for part, value in self.parts if value >= 0.005 * total)
        layout = f"{self.groups} member groups, {self.roots} roots"
        size = f"{self.shape[0]} x {self.shape[1]}, {self.members} members, {self.ranks} ranks"
        return [
            f"{size}: {layout}; a cycle takes {total:.3g} s in the model.",
            f"First bottleneck: {name}, {100 * seconds / total:.0f} % of the cycle. Parts: {shown}.",
            f"Every node holds {self.floor_bytes / 1e9:.2f} GB of grid, tiles and cells. Memory is not extrapolated.",
        ]


def plan(model: Model, layouts: Layouts, members: int, ranks: int) -> Plan:
    """Predict an ensemble on a grid. Local."""
    units = layouts.units_of_ensemble(ranks, members)
    found = predict(model, units, layouts.pixels)
    parts = {**found.steps, "weather": found.weather, "network": found.network, "files": found.files}
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    layout = units.layout
    return Plan(
        (int(layouts.shape[0]), int(layouts.shape[1])), members, ranks, found, layout.group_bounds.size - 1,
        layout.n_roots, float(layouts.floor_bytes), tuple(ordered),
    )  # fmt: skip
