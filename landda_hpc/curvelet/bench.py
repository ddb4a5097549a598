"""Measurements of the transform, side by side with other curvelet packages that are installed.

`measure` returns plain numbers for a JSON file. Competitors run in the same process, one thread each, in turn
(round by round), so that a busy machine is unfair to nobody; figures are medians over rounds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import ducc0
import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.plan import make_plan
from landda_hpc.curvelet.windows import Finest

Array = npt.NDArray[Any]
Action = Callable[[], object]


def _interleaved(actions: dict[str, Action], rounds: int) -> dict[str, float]:
    """Return the median seconds of each action; every round runs each of them once."""
    for action in actions.values():
        action()  # first use: compiled loops, FFT plans, page faults
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def _bare_ffts(frame: Curvelet2D) -> Action:
    """Return the FFTs of one forward transform and nothing else, in warm memory: the floor."""
    image = np.zeros(frame.transform_shape, dtype=frame.dtype)
    stacks = [np.zeros(g.stack_shape, dtype=np.complex128) for g in frame.plan.groups if not g.is_real]
    halves = [(np.zeros(g.half_shape, dtype=np.complex128), g.shape[1]) for g in frame.plan.groups if g.is_real]

    def run() -> None:
        ducc0.fft.r2c(image, axes=(0, 1), nthreads=1)
        for stack in stacks:
            ducc0.fft.c2c(stack, axes=(1, 2), forward=False, out=stack, nthreads=1)
        for half, last in halves:
            ducc0.fft.c2r(half, axes=(0, 1), lastsize=last, forward=False, nthreads=1)

    return run


def _udct(shape: tuple[int, int], finest: Finest, images: Array) -> dict[str, Action]:
    """Return forward + inverse over the batch with `curvelets` (UDCT), or nothing if it is missing."""
    try:
        package = importlib.import_module("curvelets.numpy")
    except ImportError:
        return {}
    transform = package.UDCT(
        shape,
        num_scales=4,
        wedges_per_direction=3,
        high_frequency_mode="curvelet" if finest == "curvelets" else "wavelet",
    )

    def batch() -> None:
        for coefficients in [transform.forward(image) for image in images]:
            transform.backward(coefficients)

    def by_field() -> None:
        for image in images:
            transform.backward(transform.forward(image))

    return {"batch_udct": batch, "by_field_udct": by_field}


def _curvelops(shape: tuple[int, int], finest: Finest, images: Array) -> dict[str, Action]:
    """Return forward + inverse over the batch with curvelops (CurveLab), or nothing if it is missing."""
    try:
        package = importlib.import_module("curvelops")
    except ImportError:
        return {}
    transform = package.FDCT2D(shape, nbangles_coarse=16, allcurvelets=finest == "curvelets", dtype="complex128")

    fields = [image.ravel().astype(np.complex128) for image in images]

    def batch() -> None:
        for coefficients in [transform @ field for field in fields]:
            transform.H @ coefficients

    def by_field() -> None:
        for field in fields:
            transform.H @ (transform @ field)

    return {"batch_curvelops": batch, "by_field_curvelops": by_field}


def _analysis(frame: Curvelet2D, backgrounds: Array, observations: Array) -> Action:
    """Return the analysis of the mean image with sampled variances; no coefficient is stored."""

    def run() -> Array:
        variances = []
        means = []
        for members in (backgrounds, observations):
            mean = members.mean(axis=0)
            total = np.zeros(frame.n_var, dtype=frame.dtype)
            for member in members:
                frame.accumulate_energy(member - mean, total)
            variances.append(total / (len(members) - 1))
            means.append(mean)
        gain = variances[0] / (variances[0] + variances[1])
        analysis: Array = means[0] + frame.apply_gain(means[1] - means[0], gain)
        return analysis

    return run


def measure(
    shape: tuple[int, int] = (128, 256),
    batch: int = 50,
    rounds: int = 15,
    others: bool = True,
) -> dict[str, Any]:
    """Time the transform for images of one shape, float64, boundary `none`, one thread.

    Parameters
    ----------
    shape, batch : of the images.
    rounds : repetitions; figures are medians.
    others : also time `curvelets` and `curvelops` where they are installed.

    Returns
    -------
    A JSON-able dictionary: machine and versions and, for each finest scale, `plan_s` and `start_s` (plan and
    first call of this process), milliseconds per field of forward, inverse, streaming energy, two threads and
    the bare FFTs of one forward transform; forward + inverse of ours and of the others, with the coefficients
    of the whole batch kept (`batch_`) or field by field (`by_field_`), and the ratios; the time of a
    `batch`-member analysis (two sampled variances and the update) over that of 2 `batch` forward transforms.
    """
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, *shape))
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "ducc0", "numba")}
    result: dict[str, Any] = {
        "shape": list(shape),
        "batch": batch,
        "rounds": rounds,
        "machine": platform.machine(),
        "processor": platform.processor(),
        "versions": versions,
    }
    finest_scales: tuple[Finest, ...] = ("curvelets", "wavelets")
    for finest in finest_scales:
        start = time.perf_counter()
        frame = Curvelet2D(shape, finest=finest)
        plan_first = time.perf_counter() - start
        start = time.perf_counter()
        make_plan.__wrapped__(shape, 16, finest, None, "smooth", True, "float64")
        plan = time.perf_counter() - start
        coefficients = np.empty((batch, frame.n_coef))
        back = np.empty_like(images)
        energy = np.zeros(frame.n_var)
        observed = images[::-1].copy()

        start = time.perf_counter()
        frame.inverse(frame.forward(images[0]))
        first = time.perf_counter() - start

        def both(frame: Curvelet2D = frame, c: Array = coefficients, back: Array = back) -> None:
            frame.inverse(frame.forward(images, out=c), out=back)

        def by_field(frame: Curvelet2D = frame, c: Array = coefficients, back: Array = back) -> None:
            for image in images:
                frame.inverse(frame.forward(image, out=c[0]), out=back[0])

        def stream(frame: Curvelet2D = frame, energy: Array = energy) -> None:
            for image in images:
                frame.accumulate_energy(image, energy)

        bare = _bare_ffts(frame)

        def floor(bare: Action = bare) -> None:
            for _ in range(batch):
                bare()

        def forward(frame: Curvelet2D = frame, c: Array = coefficients, threads: int = 1) -> None:
            frame.forward(images, out=c, threads=threads)

        def inverse(frame: Curvelet2D = frame, c: Array = coefficients, back: Array = back) -> None:
            frame.inverse(c, out=back)

        def forward_two(forward: Callable[..., None] = forward) -> None:
            forward(threads=2)

        actions: dict[str, Action] = {
            "forward": forward,
            "inverse": inverse,
            "batch_ours": both,
            "by_field_ours": by_field,
            "stream": stream,
            "forward_two_threads": forward_two,
            "bare_ffts_of_a_forward": floor,
            "analysis": _analysis(frame, images, observed),
        }
        if others:
            actions |= _udct(shape, finest, images) | _curvelops(shape, finest, images)
        seconds = _interleaved(actions, rounds)
        figures: dict[str, Any] = {
            "plan_s": plan,
            "start_s": plan_first + first,
            "redundancy": frame.redundancy,
            "ms_per_field": {k: 1e3 * v / batch for k, v in seconds.items() if k != "analysis"},
            "analysis_s": seconds["analysis"],
            "analysis_over_forwards": seconds["analysis"] / (2.0 * seconds["forward"]),
            "times_faster_than": {
                f"{other}_{way}": seconds[f"{way}_{other}"] / seconds[f"{way}_ours"]
                for other in ("udct", "curvelops")
                for way in ("batch", "by_field")
                if f"{way}_{other}" in seconds
            },
        }
        result[finest] = figures
    return result
