"""Measurements that need a separate process: peak memory, and the cost of the first use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from landda_hpc.process_memory import peak_bytes

_PROBE = "import sys; from landda_hpc.curvelet import bench_process as b; b.{probe}({n1}, {n2})"
_START = """
import time; start = time.perf_counter()
import landda_hpc.curvelet
from landda_hpc.curvelet import bench_process
bench_process.probe_start({n1}, {n2}, time.perf_counter() - start)
"""


def measure_memory(shape: tuple[int, int]) -> dict[str, Any]:
    """Measure the peak memory of forward and inverse of one float64 image, boundary `none`, in a new process.

    Returns
    -------
    `peak_mb` above the process with the package loaded and warm, plan, image, coefficients and result included;
    `coefficients_mb` of one member; `fields_beside_coefficients`, the rest in images of that shape.
    """
    found = _in_fresh_process(_PROBE.format(probe="probe_memory", n1=shape[0], n2=shape[1]))
    field = shape[0] * shape[1] * 8 / 2**20
    rest = found["peak_mb"] - found["coefficients_mb"]
    return {"shape": list(shape), "field_mb": field, **found, "fields_beside_coefficients": rest / field}


def measure_start(shape: tuple[int, int]) -> dict[str, float]:
    """Measure the cost of the first use in a new process.

    Returns
    -------
    `import_s` : importing the package. `first_use_ever_s` : loading numba and ducc0, plan, forward and inverse of one
    image with no compiled loops on disk; `first_use_s` : the same with them.
    """
    code = _START.format(n1=shape[0], n2=shape[1])
    with tempfile.TemporaryDirectory() as cache:
        ever = _in_fresh_process(code, NUMBA_CACHE_DIR=cache)
        later = _in_fresh_process(code, NUMBA_CACHE_DIR=cache)
    return {
        "import_s": later["import_s"],
        "first_use_s": later["first_use_s"],
        "first_use_ever_s": ever["first_use_s"],
    }


def probe_memory(n1: int, n2: int) -> None:
    """Print the peak memory of one image as JSON; for a new process."""
    from landda_hpc.curvelet.frame import Curvelet2D

    warm = Curvelet2D((32, 32))
    warm.inverse(warm.forward(np.zeros((32, 32))))
    before = peak_bytes() / 2**20
    frame = Curvelet2D((n1, n2))
    image = np.random.default_rng(0).standard_normal((n1, n2))
    coefficients = frame.forward(image)
    frame.inverse(coefficients)
    found = {"peak_mb": peak_bytes() / 2**20 - before, "coefficients_mb": coefficients.nbytes / 2**20}
    sys.stdout.write(json.dumps(found))


def probe_start(n1: int, n2: int, import_s: float) -> None:
    """Print the time of the first transform as JSON; for a new process."""
    from landda_hpc.curvelet.frame import Curvelet2D

    image = np.random.default_rng(0).standard_normal((n1, n2))
    start = time.perf_counter()
    frame = Curvelet2D((n1, n2))
    frame.inverse(frame.forward(image))
    sys.stdout.write(json.dumps({"import_s": import_s, "first_use_s": time.perf_counter() - start}))


def _in_fresh_process(code: str, **environment: str) -> Any:
    done = subprocess.run(  # noqa: S603 - our own code in our own interpreter
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    return json.loads(done.stdout)
