"""Model of the time of a cycle: work, communication and files, fitted to runs on some numbers of ranks.

The CPU time of a rank in a step is a sum of units of work, which the layout gives exactly, times costs that are fitted:

    t_step(rank) = sum over units of cost(step, unit) * units(rank),  all costs >= 0.

Bytes and messages of a rank are fitted in the same way. The time of a cycle is

    T = sum over steps of max over ranks t_step + latency * (messages + calls * log2 P) + bytes / bandwidth + files,

with the constants of a short benchmark of the machine. Waiting for other ranks is contained in the maxima.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import nnls

from landda_hpc.campaign.timing import STEPS
from landda_hpc.constants import FloatArray
from landda_hpc.studies.scaling.exchange_cost import SHARE_OF_STEPS
from landda_hpc.studies.scaling.layout_units import SERIAL, Units
from landda_hpc.studies.scaling.runs import Measured

STEP_UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "forecast": ("tiles",),
    "aggregate": ("cells", "root", "calls"),
    "observe": ("first", "root", "calls"),
    "analyse": ("members", "root", "calls"),
    "distribute": ("cells", "root", "calls"),
    "checkpoint": ("state", "first", "calls"),
    "diagnostics": ("files", "first", "calls"),
}
"""Units of which the CPU time of each step consists, besides that of its exchanges. It grows with the number of ranks
that an exchange names and is measured (``exchange_cost``), because a few ranks do not show it."""

Costs = Mapping[str, float]
"""Cost by name of the unit; not negative."""


@dataclass(frozen=True)
class Machine:
    """Constants of a machine, see ``landda bench machine``."""

    latency_s: float
    bytes_per_s: float
    write_bytes_per_s: float

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Machine:
        """Take the constants from the file of the benchmark."""
        return cls(float(found["latency_s"]), float(found["bytes_per_s"]), float(found["write_bytes_per_s"]))


@dataclass(frozen=True)
class Model:
    """The fitted costs.

    Attributes
    ----------
    steps : seconds per unit of work, by step.
    weather : seconds per pixel of weather of a cycle.
    traffic : bytes per unit of traffic; ``messages``: messages per unit.
    memory : bytes per unit: ``state``, ``root``, and ``base`` of every rank.
    calls : collective calls of a cycle per instance.
    file_bytes : bytes to files per pixel and cycle, checkpoints included.
    machine : its constants.
    """

    steps: Mapping[str, Costs]
    weather: float
    traffic: Costs
    messages: Costs
    memory: Costs
    calls: float
    file_bytes: float
    machine: Machine


@dataclass(frozen=True)
class Prediction:
    """What the model says of a layout, per cycle.

    Attributes
    ----------
    ranks : number of ranks.
    steps : CPU seconds of computing on the busiest rank, by step.
    compute : their sum.
    compute_mean : CPU seconds of computing on the mean rank.
    bytes_max, bytes_mean, messages_max : communication.
    weather : seconds of weather that ranks compute together for many cycles, divided by these cycles; not in ``steps``.
    network : seconds in the network; ``files``: seconds of writing.
    serial : seconds of the pieces of work that do not fall with the number of ranks, by step and unit.
    peak : largest memory of a rank, bytes.
    """

    ranks: int
    steps: Mapping[str, float]
    compute: float
    compute_mean: float
    bytes_max: float
    bytes_mean: float
    messages_max: float
    weather: float
    network: float
    files: float
    serial: Mapping[str, float]
    peak: float

    @property
    def seconds(self) -> float:
        """Time of a cycle."""
        return self.compute + self.weather + self.network + self.files

    @property
    def serial_share(self) -> float:
        """Share of all serial pieces in a cycle."""
        return sum(self.serial.values()) / self.seconds

    def largest_serial(self) -> tuple[str, float]:
        """Name and share of the largest serial piece."""
        name = max(self.serial, key=lambda key: self.serial[key], default="none")
        return name, self.serial.get(name, 0.0) / self.seconds


def fit_costs(units: Mapping[str, FloatArray], values: FloatArray, weights: FloatArray) -> dict[str, float]:
    """Find the costs >= 0 with the smallest weighted squares of the residuals.

    Parameters
    ----------
    units : amounts of each unit, (n,) each.
    values : measured, (n,).
    weights : of the residuals, (n,), positive.

    Returns
    -------
    Cost of each unit; 0 for a unit without amounts.
    """
    names = list(units)
    matrix = np.stack([units[name] for name in names], axis=1) * weights[:, None]
    scale = np.sqrt((matrix**2).sum(axis=0))
    scale[scale == 0.0] = 1.0
    found, _ = nnls(matrix / scale, values * weights)
    return {name: float(cost) for name, cost in zip(names, found / scale, strict=True)}


def fit(samples: Sequence[tuple[Units, Measured]], machine: Machine, per_partner: float, weather: float) -> Model:
    """Fit the model to runs. Every rank of a run counts; every run has the same weight, relative to its busiest rank.

    Parameters
    ----------
    samples : layout and measurements of at least one run.
    machine : its constants.
    per_partner : CPU seconds per rank that an exchange names, see ``cost_per_partner``.
    weather : CPU seconds per pixel of weather of a cycle, see ``weather_cost``.
    """
    steps = {}
    for number, step in enumerate(STEPS):
        known = {
            "partners": SHARE_OF_STEPS.get(step, 0.0) * per_partner,
            "alone": weather if step == "forecast" else 0.0,
        }
        known = {name: cost for name, cost in known.items() if cost}
        values = [m.compute[number] - _total(known, u.work) for u, m in samples]
        chosen = [{name: u.work[name] for name in STEP_UNITS[step]} for u, _ in samples]
        steps[step] = _fit_all(chosen, values) | known
    peaks = [{"state": u.work["state"], "root": u.work["root"], "base": np.ones(m.ranks)} for u, m in samples]
    per_pixel = [(m.written + m.checkpoint / m.checkpoint_every) / (m.grid[0] * m.grid[1]) for _, m in samples]
    calls = [float(m.n_calls.sum(axis=0).max()) / u.layout.n_instances for u, m in samples]
    return Model(
        steps=steps,
        weather=weather,
        traffic=_fit_all([u.traffic for u, _ in samples], [m.n_bytes.sum(axis=0) for _, m in samples]),
        messages=_fit_all([u.messages for u, _ in samples], [m.n_messages.sum(axis=0) for _, m in samples]),
        memory=_fit_all(peaks, [m.peak for _, m in samples]),
        calls=float(np.mean(calls)),
        file_bytes=float(np.mean(per_pixel)),
        machine=machine,
    )


def predict(model: Model, units: Units, pixels: int) -> Prediction:
    """Predict a cycle on a layout. Local.

    Parameters
    ----------
    pixels : cells of the grid.
    """
    n = units.layout.n_ranks
    by_step = {step: _total(costs, units.work) for step, costs in model.steps.items()}
    n_bytes, messages = _total(model.traffic, units.traffic), _total(model.messages, units.messages)
    peak = _total(model.memory, {**units.work, "base": np.ones(n)})
    calls = model.calls * units.layout.n_instances * math.ceil(math.log2(n)) if n > 1 else 0.0
    machine = model.machine
    serial = {
        f"{step}: {name}": float((cost * units.work[name])[int(np.argmax(by_step[step]))])
        for step, costs in model.steps.items()
        for name, cost in costs.items()
        if name in SERIAL and cost > 0.0
    }
    return Prediction(
        ranks=n,
        steps={step: float(seconds.max()) for step, seconds in by_step.items()},
        compute=sum(float(seconds.max()) for seconds in by_step.values()),
        compute_mean=sum(float(seconds.mean()) for seconds in by_step.values()),
        bytes_max=float(n_bytes.max()),
        bytes_mean=float(n_bytes.mean()),
        messages_max=float(messages.max()),
        weather=model.weather * float((units.work["weather"] - units.work["alone"]).max()),
        network=machine.latency_s * (float(messages.max()) + calls) + float(n_bytes.max()) / machine.bytes_per_s,
        files=model.file_bytes * pixels / machine.write_bytes_per_s,
        serial=serial,
        peak=float(peak.max()),
    )


def held_back(ranks: Sequence[int]) -> tuple[int, ...]:
    """Numbers of ranks that the fit does not use: the third of three or four, the middle and last of more."""
    ordered = sorted(ranks)
    if len(ordered) < 3:
        return ()
    if len(ordered) < 5:
        return (ordered[2],)
    return ordered[len(ordered) // 2], ordered[-1]


def _fit_all(units: Sequence[Mapping[str, FloatArray]], values: Sequence[FloatArray]) -> dict[str, float]:
    """Fit all ranks of some runs; a run has the weight 1, whatever its number of ranks and size."""
    weights = [np.full(v.size, 1.0 / (max(float(v.max(initial=0.0)), 1e-12) * math.sqrt(v.size))) for v in values]
    together = {name: np.concatenate([one[name] for one in units]) for name in units[0]}
    return fit_costs(together, np.concatenate(values), np.concatenate(weights))


def _total(costs: Costs, units: Mapping[str, FloatArray]) -> FloatArray:
    total: FloatArray = np.zeros(next(iter(units.values())).size)
    for name, cost in costs.items():
        total += cost * units[name]
    return total
