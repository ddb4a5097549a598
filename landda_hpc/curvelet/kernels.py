"""Compiled loops of the transform: window times spectrum, wrap, unwrap and add, squares.

Complex arrays come as their real view (re, im, re, im ...), flat and contiguous. A *segment* is a stretch of
a wrapped wedge array that reads a stretch of the spectrum: columns (destination, source, length, direction).
Direction +1 reads forward; -1 reads backward and conjugates, which is how the half spectrum of a real image
gives its other half. Plain loops in index order: the same bits whatever the thread count or the batch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from landda_hpc.compiled_code import compiled

RealArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


@compiled()
def window_and_wrap(spectrum: RealArray, segments: IntArray, values: RealArray, out: RealArray) -> None:
    """Write W(k) X(k) at k mod L, and zero everywhere else."""
    # Unsigned indices spare the test for negative ones: twice as fast on segments of about 30 elements.
    one, two = np.uint64(1), np.uint64(2)
    # Zeroing the whole of `out` is a memset, which does not fetch cold memory first; zeroing gaps only is slower.
    for i in range(np.uint64(out.size)):
        out[i] = 0
    at = np.uint64(0)
    for s in range(segments.shape[0]):
        target, source, n = (
            np.uint64(2 * segments[s, 0]),
            np.uint64(2 * segments[s, 1]),
            np.uint64(segments[s, 2]),
        )
        if segments[s, 3] > 0:
            for i in range(n):
                w, step = values[at + i], two * i
                out[target + step] = w * spectrum[source + step]
                out[target + step + one] = w * spectrum[source + step + one]
        else:
            for i in range(n):
                w, step = values[at + i], two * i
                out[target + step] = w * spectrum[source - step]
                out[target + step + one] = -(w * spectrum[source - step + one])
        at += n


@compiled()
def unwrap_and_add(
    wrapped: RealArray, segments: IntArray, values: RealArray, factor: float, spectrum: RealArray
) -> None:
    """Add factor W(k) Y(k mod L) to the spectrum at k: the adjoint of `window_and_wrap` up to the factor."""
    one, two = np.uint64(1), np.uint64(2)
    f = values.dtype.type(factor)
    at = np.uint64(0)
    for s in range(segments.shape[0]):
        target, source, n = (
            np.uint64(2 * segments[s, 0]),
            np.uint64(2 * segments[s, 1]),
            np.uint64(segments[s, 2]),
        )
        if segments[s, 3] > 0:
            for i in range(n):
                w, step = f * values[at + i], two * i
                spectrum[source + step] += w * wrapped[target + step]
                spectrum[source + step + one] += w * wrapped[target + step + one]
        else:
            for i in range(n):
                w, step = f * values[at + i], two * i
                spectrum[source - step] += w * wrapped[target + step]
                spectrum[source - step + one] -= w * wrapped[target + step + one]
        at += n


@compiled()
def double_columns(spectrum: RealArray, n_rows: int, n_cols: int, is_even: bool) -> None:
    """Double columns k2 = 0 and, if the full width is even, k2 = N2 / 2 of a half spectrum."""
    for i in range(n_rows):
        row = 2 * n_cols * i
        spectrum[row] *= 2
        spectrum[row + 1] *= 2
        if is_even:
            last = row + 2 * n_cols - 2
            spectrum[last] *= 2
            spectrum[last + 1] *= 2


@compiled()
def add_energy_complex(c: RealArray, out: RealArray) -> None:
    """Add |c|^2 to `out`; c holds (re, im) pairs."""
    for i in range(out.size):
        out[i] += c[2 * i] * c[2 * i] + c[2 * i + 1] * c[2 * i + 1]


@compiled()
def add_energy_real(c: RealArray, out: RealArray) -> None:
    """Add c^2 to `out`."""
    for i in range(out.size):
        out[i] += c[i] * c[i]


@compiled()
def scale_complex(c: RealArray, gain: RealArray, out: RealArray) -> None:
    """Write gain c to `out`; c and `out` hold (re, im) pairs and may be one array."""
    for i in range(gain.size):
        g = gain[i]
        out[2 * i] = g * c[2 * i]
        out[2 * i + 1] = g * c[2 * i + 1]


@compiled()
def scale_real(c: RealArray, gain: RealArray, out: RealArray) -> None:
    """Write gain c to `out`; c and `out` may be one array."""
    for i in range(gain.size):
        out[i] = gain[i] * c[i]
