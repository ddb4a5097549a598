"""Timings of one analysis of every method, on images of several sizes, with masks that stay or change.

All methods run in the same process and take turns round by round, so that other load on the machine affects them alike.
"""

from __future__ import annotations

import cProfile
import math
import pstats
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from landda_hpc.analysis.protocol import AnalysisMethod, HearsIncrements, ImagePair
from landda_hpc.config import METHODS
from landda_hpc.constants import BoolArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.process_memory import peak_bytes
from landda_hpc.random_fields.plane import gaussian_power, periodic_field

REFERENCE: Final = "enkf_like"
"""Method whose time the others are compared with: 50 members by default."""

_PACKAGE: Final = Path(__file__).parents[1]
_SMALLEST_PART: Final = 0.05
"""Share of an analysis from which a function is reported."""

_LAND_SHARE: Final = 0.3
_WARM_UP: Final = 2


@dataclass(frozen=True)
class Timing:
    """Time of one analysis.

    Attributes
    ----------
    method : name of the method, with its default settings.
    shape : of the image.
    mask_changes : whether another half of the domain is observed in every analysis, as by swaths.
    seconds : median over the rounds, of the slowest process.
    cpu_seconds : median over the rounds of the CPU time, of the process that used most.
    ratio : median over the rounds of the time relative to ``REFERENCE`` in the same round.
    peak_bytes : largest memory of a process up to the end of these rounds.
    """

    method: str
    shape: tuple[int, int]
    mask_changes: bool
    seconds: float
    cpu_seconds: float
    ratio: float
    peak_bytes: float


@dataclass(frozen=True)
class Part:
    """CPU time of a function in an analysis.

    Attributes
    ----------
    method, shape, mask_changes : see ``Timing``.
    function : module and name.
    calls : of an analysis.
    cpu_seconds : of an analysis, with the functions that it calls; profiling makes many short calls longer.
    """

    method: str
    shape: tuple[int, int]
    mask_changes: bool
    function: str
    calls: float
    cpu_seconds: float


def measure(
    shapes: Sequence[tuple[int, int]],
    methods: Sequence[str] = (REFERENCE, "learned", "per_wedge"),
    rounds: int = 5,
    warm_up: int = _WARM_UP,
    masks: Sequence[bool] = (False, True),
    group: Communicator | None = None,
) -> list[Timing]:
    """Time the methods on one thread per process, in float64. Collective over the group.

    Parameters
    ----------
    shapes : of the images, (rows, columns).
    methods : names of analysis methods; ``REFERENCE`` is always timed too.
    rounds : analyses per method that are counted.
    warm_up : analyses before them, which build what later ones use again.
    masks : whether the mask changes.
    group : processes that share the analysis, as the roots of a campaign do; None: this process alone.

    Raises
    ------
    ConfigError : an unknown method, or one without analyses.
    """
    names = _with_reference(methods)
    return [
        timing
        for shape in shapes
        for mask_changes in masks
        for timing in _measure(shape, names, (warm_up, rounds), mask_changes, group or SerialCommunicator())
    ]


def parts(
    shapes: Sequence[tuple[int, int]],
    methods: Sequence[str],
    rounds: int = 5,
    warm_up: int = _WARM_UP,
    masks: Sequence[bool] = (False,),
    group: Communicator | None = None,
) -> list[Part]:
    """Profile the methods: functions of this package with at least 5 % of an analysis, means of the rounds. Collective.

    Parameters
    ----------
    shapes, methods, rounds, warm_up, masks, group : as of ``measure``.

    Returns
    -------
    Of this process, from long to short for each shape, mask and method.

    Raises
    ------
    ConfigError : see ``measure``.
    """
    names = _with_reference(methods)
    return [
        part
        for shape in shapes
        for mask_changes in masks
        for name in names
        for part in _parts(shape, name, (warm_up, rounds), mask_changes, group or SerialCommunicator())
    ]


def growth(timings: Sequence[Timing], method: str, mask_changes: bool) -> float:
    """Growth of the time from the smallest to the largest image, relative to that of N log N with N cells."""
    found = [t for t in timings if t.method == method and t.mask_changes == mask_changes]
    first, last = found[0], found[-1]
    n, m = (float(np.prod(t.shape)) for t in (first, last))
    return last.seconds / first.seconds / (m * math.log(m) / (n * math.log(n)))


def _with_reference(methods: Sequence[str]) -> list[str]:
    """The methods with the reference first; ConfigError for one without analyses."""
    names = list(dict.fromkeys((REFERENCE, *methods)))
    for name in names:
        if not issubclass(METHODS[name], AnalysingRun):
            raise ConfigError(f"'{name}' makes no analyses; choose other methods to time.")
    return names


def _parts(
    shape: tuple[int, int], name: str, rounds: tuple[int, int], mask_changes: bool, group: Communicator
) -> list[Part]:
    method = _build(name, MethodContext(regular_grid(*shape), group, 1))
    domain, profile = _domain(shape), cProfile.Profile(time.process_time)
    for cycle in range(sum(rounds)):
        pair = _pair(shape, domain, cycle, mask_changes)
        if cycle < rounds[0]:
            _analyse(method, pair)
        else:
            profile.runcall(_analyse, method, pair)
    found = []
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = vars(pstats.Stats(profile))["stats"]
    for (file, _, function), (_, calls, _, seconds, _) in stats.items():
        if _PACKAGE in Path(file).parents and function != _analyse.__name__ and function.isidentifier():
            module = ".".join(Path(file).relative_to(_PACKAGE).with_suffix("").parts)
            numbers = calls / rounds[1], seconds / rounds[1]
            found.append(Part(name, shape, mask_changes, f"{module}.{function}", *numbers))
    found.sort(key=lambda part: -part.cpu_seconds)
    return [part for part in found if part.cpu_seconds >= _SMALLEST_PART * found[0].cpu_seconds]


def _measure(
    shape: tuple[int, int], names: Sequence[str], rounds: tuple[int, int], mask_changes: bool, group: Communicator
) -> list[Timing]:
    context = MethodContext(regular_grid(*shape), group, 1)
    methods = {name: _build(name, context) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    peaks: dict[str, float] = {}
    domain = _domain(shape)
    for cycle in range(sum(rounds)):
        pair = _pair(shape, domain, cycle, mask_changes)
        for name, method in methods.items():
            group.barrier()  # a process that is late with its pair must not count as a slow analysis of the others
            begun, used = time.perf_counter(), time.process_time()
            _analyse(method, pair)
            mine = time.perf_counter() - begun, time.process_time() - used, peak_bytes()
            slowest = np.max(group.all_gather(mine), axis=0).tolist()
            seconds[name].append(slowest[0])
            cpu[name].append(slowest[1])
            peaks[name] = slowest[2]
    counted = {name: values[rounds[0] :] for name, values in seconds.items()}
    return [
        Timing(
            name,
            shape,
            mask_changes,
            median(counted[name]),
            median(cpu[name][rounds[0] :]),
            median(a / b for a, b in zip(counted[name], counted[REFERENCE], strict=True)),
            peaks[name],
        )
        for name in names
    ]


def _build(name: str, context: MethodContext) -> AnalysisMethod:
    method = make_method(METHODS[name].model_validate({"method": name}), context.grid, context.root_group, context.seed)
    assert method is not None, "looked at before"
    return method


def _analyse(method: AnalysisMethod, pair: ImagePair) -> None:
    analysis = method.analyse(pair)
    if isinstance(method, HearsIncrements):
        method.applied(analysis.increment)


def _domain(shape: tuple[int, int]) -> BoolArray:
    field = periodic_field(gaussian_power(shape, shape[0] / 20, shape[0] / 20), 1, "land")
    land: BoolArray = field > np.sqrt(2 * _LAND_SHARE)
    return land


def _pair(shape: tuple[int, int], domain: BoolArray, cycle: int, mask_changes: bool) -> ImagePair:
    noise = np.random.default_rng(cycle).standard_normal((2, *shape))
    observed = domain
    if mask_changes:
        columns = (np.arange(shape[1]) + 7 * cycle) % (shape[1] // 4) < shape[1] // 8
        observed = domain & columns
    when = (datetime(2022, 6, 1) + timedelta(hours=6 * cycle)).isoformat()
    background = 0.3 + 0.04 * noise[0]
    return ImagePair(background, np.where(observed, 0.3 + 0.06 * noise[1], np.nan), domain, when)
