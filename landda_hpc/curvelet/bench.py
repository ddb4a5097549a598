"""Timings of the transform, and of other curvelet packages that are installed.

`measure` returns numbers for a JSON file; `bench_bars` compares them with their bars. All packages run in the same
process with one thread each and take turns (round by round), so that other load on the machine affects all of them
alike. Values are medians over rounds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import bench_process, kernels
from landda_hpc.curvelet.backends import is_installed
from landda_hpc.curvelet.boundary import Boundary
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.plan import make_plan
from landda_hpc.curvelet.windows import Finest
from landda_hpc.fourier import FOURIER_LIBRARIES, chosen, library, version
from landda_hpc.fourier import is_installed as is_library_installed

Array = npt.NDArray[Any]
Action = Callable[[], object]
FINEST: tuple[Finest, ...] = ("curvelets", "wavelets")


def measure(
    shape: tuple[int, int] = (128, 256),
    batch: int = 50,
    rounds: int = 15,
    large: tuple[int, int] | None = (1800, 3600),
    large_rounds: int = 5,
    start_up: bool = True,
) -> dict[str, Any]:
    """Time the transform in float64, with boundary `none` and one thread unless stated otherwise.

    Parameters
    ----------
    shape, batch : of the images.
    rounds : repetitions; values are medians.
    large : shape for the growth of cost and memory; None omits this part.
    large_rounds : repetitions for the large shape.
    start_up : also time the first use in new processes, with and without compiled loops on disk.

    Returns
    -------
    A JSON-able dictionary. `curvelets` and `wavelets`, by the kind of the finest scale: see `measure_transform`.
    `fourier`: see `measure_libraries`. `variance_s`: see `measure_variance`. `growth`: see `measure_growth`.
    `memory`, `start`: see `bench_process`. Machine, versions, load.
    """
    packages = ["numpy", "scipy", "numba", "llvmlite"]
    packages += ["ducc0"] if is_library_installed("ducc0") else []
    packages += ["curvelets"] if is_installed("udct") else []
    packages += ["curvelops"] if is_installed("curvelops") else []
    result: dict[str, Any] = {
        "shape": list(shape),
        "batch": batch,
        "rounds": rounds,
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "load_before": os.getloadavg()[0],
    }
    for finest in FINEST:
        result[finest] = measure_transform(shape, finest, batch, rounds)
    result["fourier"] = measure_libraries(shape, batch, rounds)
    result["variance_s"] = measure_variance(shape)
    if large is not None:
        result["growth"] = measure_growth(shape, large, large_rounds)
        result["memory"] = bench_process.measure_memory(large)
    if start_up:
        result["start"] = bench_process.measure_start(shape)
    result["load_after"] = os.getloadavg()[0]
    return result


def measure_transform(shape: tuple[int, int], finest: Finest, batch: int, rounds: int) -> dict[str, Any]:
    """Time one kind of frame.

    Returns
    -------
    `plan_s` : building the plan, seconds. `ms_per_field`, milliseconds per image: forward and inverse of a batch whose
    coefficients are all kept, with one and two threads; both together, ours and the others', for such a batch
    (`batch_`) and field by field in the same memory (`by_field_`); `stream`, the sum of energies;
    `bare_ffts_of_a_forward` and `windows_of_a_forward`, its FFTs alone and the rest of its arithmetic alone, in warm
    memory.
    `times_faster_than` : the others' forward + inverse over ours. `second_thread` : one thread's time over two's.
    `analysis_over_forwards` : a `batch`-member analysis (both sampled variances, the update) over 2 `batch` forward
    transforms, field by field.
    """
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, *shape))
    start = time.perf_counter()
    make_plan.__wrapped__(shape, 16, finest, None, "smooth", True, "float64")
    plan = time.perf_counter() - start
    frame = Curvelet2D(shape, finest=finest)
    c = np.empty((batch, frame.n_coef))
    back = np.empty_like(images)
    energy = np.zeros(frame.n_var)

    def both() -> None:
        frame.inverse(frame.forward(images, out=c), out=back)

    def by_field() -> None:
        for image in images:
            frame.inverse(frame.forward(image, out=c[0]), out=back[0])

    def forward_by_field() -> None:
        for image in images:
            frame.forward(image, out=c[0])

    def stream() -> None:
        for image in images:
            frame.accumulate_energy(image, energy)

    bare, windows = bare_ffts(frame, is_round_trip=False), bare_windows(frame)

    def floor() -> None:
        for _ in range(batch):
            bare()

    def wrap() -> None:
        for _ in range(batch):
            windows()

    actions: dict[str, Action] = {
        "forward": lambda: frame.forward(images, out=c),
        "inverse": lambda: frame.inverse(c, out=back),
        "forward_two_threads": lambda: frame.forward(images, out=c, threads=2),
        "inverse_two_threads": lambda: frame.inverse(c, out=back, threads=2),
        "batch_ours": both,
        "by_field_ours": by_field,
        "forward_by_field": forward_by_field,
        "stream": stream,
        "bare_ffts_of_a_forward": floor,
        "windows_of_a_forward": wrap,
        "analysis": _analysis(frame, images, images[::-1].copy()),
    }
    actions |= _udct(shape, finest, images) | _curvelops(shape, finest, images)
    seconds = _interleaved(actions, rounds)
    return {
        "plan_s": plan,
        "redundancy": frame.redundancy,
        "ms_per_field": {k: 1e3 * v / batch for k, v in seconds.items() if k != "analysis"},
        "analysis_s": seconds["analysis"],
        "analysis_over_forwards": seconds["analysis"] / (2.0 * seconds["forward_by_field"]),
        "second_thread": {k: seconds[k] / seconds[f"{k}_two_threads"] for k in ("forward", "inverse")},
        "times_faster_than": {
            f"{other}_{way}": seconds[f"{way}_{other}"] / seconds[f"{way}_ours"]
            for other in ("udct", "curvelops")
            for way in ("batch", "by_field")
            if f"{way}_{other}" in seconds
        },
    }


def measure_libraries(shape: tuple[int, int], batch: int, rounds: int) -> dict[str, Any]:
    """Time the same transforms with each installed library of Fourier transforms, in pairs.

    Returns
    -------
    By kind of the finest scale and library: `ms_per_field` of forward + inverse and of the sum of energies; and, paired
    round by round, the median of the times over those of ducc0, with its quartiles.
    """
    images = np.random.default_rng(0).standard_normal((batch, *shape))
    installed = [name for name in FOURIER_LIBRARIES if is_library_installed(name)]
    found: dict[str, Any] = {"chosen": chosen(), "libraries": [version(name) for name in installed]}
    for finest in FINEST:
        actions: dict[str, Action] = {}
        for name in installed:
            frame = Curvelet2D(shape, finest=finest, fft=name)
            c, back = np.empty(frame.n_coef), np.empty(shape)
            energy = np.zeros(frame.n_var)

            def transform(frame: Curvelet2D = frame, c: Array = c, back: Array = back) -> None:
                for image in images:
                    frame.inverse(frame.forward(image, out=c), out=back)

            def stream(frame: Curvelet2D = frame, energy: Array = energy) -> None:
                for image in images:
                    frame.accumulate_energy(image, energy)

            actions |= {f"forward_inverse {name}": transform, f"stream {name}": stream}
        seconds = _rounds(actions, rounds)
        found[finest] = {"ms_per_field": {k: 1e3 * median(v) / batch for k, v in seconds.items()}}
        if len(installed) == 2:
            for way in ("forward_inverse", "stream"):
                ratio = np.array(seconds[f"{way} scipy"]) / np.array(seconds[f"{way} ducc0"])
                low, middle, high = np.quantile(ratio, (0.25, 0.5, 0.75)).tolist()
                found[finest][f"{way}, scipy over ducc0"] = {"median": middle, "quartiles": [low, high]}
    return found


def measure_growth(small: tuple[int, int], large: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Time forward + inverse of one image and their bare FFTs at two sizes, curvelets at the finest scale.

    Returns
    -------
    Seconds per image at both sizes, and `over_ffts`: growth of the transform over growth of its FFTs.
    """
    seconds: dict[str, dict[str, float]] = {}
    for name, shape in (("small", small), ("large", large)):
        frame = Curvelet2D(shape)
        image = np.random.default_rng(0).standard_normal(shape)
        c, back = np.empty(frame.n_coef), np.empty(shape)
        repeats = max(1, (large[0] * large[1]) // (shape[0] * shape[1]) // 4)
        ffts = bare_ffts(frame, is_round_trip=True)

        def transform(frame: Curvelet2D = frame, image: Array = image, c: Array = c, back: Array = back) -> None:
            frame.inverse(frame.forward(image, out=c), out=back)

        def repeated(action: Action, n: int = repeats) -> Action:
            def run() -> None:
                for _ in range(n):
                    action()

            return run

        measured = _interleaved({"transform": repeated(transform), "ffts": repeated(ffts)}, rounds)
        seconds[name] = {k: v / repeats for k, v in measured.items()}
    growth = {k: seconds["large"][k] / seconds["small"][k] for k in ("transform", "ffts")}
    return {
        "small": list(small),
        "large": list(large),
        "seconds_per_field": seconds,
        "growth": growth,
        "over_ffts": growth["transform"] / growth["ffts"],
    }


def bare_ffts(frame: Curvelet2D, is_round_trip: bool) -> Action:
    """Return only the FFTs of a forward (and an inverse) transform, in warm memory: the lower limit of the cost."""
    image = np.zeros(frame.transform_shape)
    spectrum = np.zeros(frame.plan.spectrum_shape, dtype=np.complex128)
    room = np.zeros(max(g.size for g in frame.plan.groups))
    stacks, halves = [], []
    fft = library(frame.fft)
    for group in frame.plan.groups:
        for s in group.stacks:
            part = room[s.start : s.start + s.size]
            if group.is_real:
                halves.append((np.zeros(group.half_shape, dtype=np.complex128), part.reshape(s.shape)))
            else:
                stacks.append(part.view(np.complex128).reshape(s.count, *s.shape))

    def run() -> None:
        fft.r2c(image, (0, 1), norm=0, out=spectrum)
        for direction in (False, True) if is_round_trip else (False,):
            for stack in stacks:
                fft.c2c(stack, (1, 2), forward=direction, norm=1, out=stack)
        for half, wedge in halves:
            fft.c2r(half, (0, 1), wedge.shape[1], norm=0, out=wedge)
            if is_round_trip:
                fft.r2c(wedge, (0, 1), norm=0, out=half)
        if is_round_trip:
            fft.c2r(spectrum, (0, 1), image.shape[1], norm=0, out=image)

    return run


def bare_windows(frame: Curvelet2D) -> Action:
    """Return the work of a forward transform without its FFTs: windows times spectrum, wrapped, in warm memory."""
    spectrum = np.zeros(frame.plan.spectrum_shape, dtype=np.complex128).reshape(-1).view(np.float64)
    work = []
    for group in frame.plan.groups:
        n1, n2 = group.half_shape
        work.append((group, np.zeros(2 * n1 * n2 if group.is_real else group.size)))

    def run() -> None:
        for group, room in work:
            kernels.window_and_wrap(spectrum, group.segments, group.values, room)

    return run


def measure_variance(shape: tuple[int, int]) -> dict[str, dict[str, float]]:
    """Time exact variances of errors on a random half of the cells.

    Returns
    -------
    Seconds by boundary and kind of finest scale: `first` for a new map, `again` for a multiple of a previous map.
    """
    sigma2 = 0.0225 * (np.random.default_rng(0).random(shape) < 0.5)
    boundaries: tuple[Boundary, ...] = ("none", "double_fourier_sphere", "reflect")
    found = {}
    for boundary in boundaries:
        for finest in FINEST:
            Curvelet2D((32, 32), finest=finest, boundary=boundary).variance(np.ones((32, 32)))  # compiles
            frame = Curvelet2D(shape, finest=finest, boundary=boundary)
            seconds = []
            for factor in (1.0, 0.5):
                start = time.perf_counter()
                frame.variance(factor * sigma2)
                seconds.append(time.perf_counter() - start)
            found[f"{boundary}, {finest}"] = {"first": seconds[0], "again": seconds[1]}
    return found


def _processor() -> str:
    """Name of the processor, if the system reports it."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _interleaved(actions: dict[str, Action], rounds: int) -> dict[str, float]:
    """Return the median seconds of each action; every round runs each of them once."""
    return {name: median(values) for name, values in _rounds(actions, rounds).items()}


def _rounds(actions: dict[str, Action], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each action in every round, which runs each of them once."""
    for action in actions.values():
        action()  # first use: compiled loops, FFT plans, page faults
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _udct(shape: tuple[int, int], finest: Finest, images: Array) -> dict[str, Action]:
    """Return forward + inverse over the batch with `curvelets` (UDCT), or nothing if it is missing."""
    if not is_installed("udct"):
        return {}
    transform = importlib.import_module("curvelets.numpy").UDCT(
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
    if not is_installed("curvelops"):
        return {}
    package = importlib.import_module("curvelops")
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
