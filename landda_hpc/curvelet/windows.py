"""Frequency windows of the wrapping curvelet transform: scales, wedges, supports, wrapped sizes.

Source: Candes, Demanet, Donoho, Ying (2006), *Fast Discrete Curvelet Transforms*, SIAM MMS 5(3), 861-899,
written for rectangular grids. Wavenumbers k = (k1, k2) are centred integers; a window is a real function of k
whose squares, summed over all scales and wedges, are one at every k: that is what makes the transform a
Parseval frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import ConfigError, ShapeError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Finest = Literal["curvelets", "wavelets"]
Sizes = Literal["smooth", "curvelab"]

# Window values below this are dropped: their squares (1e-36) are far below rounding, and narrower supports
# need smaller FFTs. Windows have values between this and zero only in the last 2.5 % of their ramps.
NEGLIGIBLE = 2.0**-60
MIN_SIDE = 17


@dataclass(frozen=True)
class Window:
    """One window W(k) as runs of non-zero values along k2, and the size of its wrapped array.

    Run i covers k1 = `k1[i]`, k2 = `k2[i]` ... `k2[i] + length[i] - 1`; its values start at `start[i]` in
    `values`.
    """

    scale: int
    wedge: int
    quadrant: int
    k1: IntArray
    k2: IntArray
    length: IntArray
    start: IntArray
    values: FloatArray

    def elements(self) -> tuple[IntArray, IntArray]:
        """Return (k1, k2) of every value."""
        k1 = np.repeat(self.k1, self.length)
        k2 = np.repeat(self.k2 - self.start, self.length) + np.arange(self.values.size)
        return k1, k2

    def box(self) -> tuple[int, int, FloatArray]:
        """Return the first k1, the first k2 and the dense window on its bounding box."""
        low1, low2 = int(self.k1.min()), int(self.k2.min())
        high1, high2 = int(self.k1.max()), int((self.k2 + self.length).max())
        dense = np.zeros((high1 - low1 + 1, high2 - low2))
        k1, k2 = self.elements()
        dense[k1 - low1, k2 - low2] = self.values
        return low1, low2, dense


def default_scales(shape: tuple[int, int]) -> int:
    """Return the number of scales J = ceil(log2(min(N1, N2)) - 3).

    Raises
    ------
    ShapeError
        If a side is below 17: J would be 1, and a single scale cannot be a frame of this kind.
    """
    if min(shape) < MIN_SIDE:
        raise ShapeError(
            f"The transformed image is {shape[0]} x {shape[1]}; curvelets need at least {MIN_SIDE} cells a "
            "side. Use a larger domain, or boundary='reflect', which doubles both sides."
        )
    return math.ceil(math.log2(min(shape)) - 3)


def check_scales(shape: tuple[int, int], scales: int) -> None:
    """Raise ConfigError unless the coarsest of `scales` windows has a radius of one wavenumber or more."""
    if scales < 2 or 4.0 * min(shape) / 3.0 * 2.0**-scales < 1.0:
        most = math.floor(math.log2(4.0 * min(shape) / 3.0))
        raise ConfigError(f"scales={scales} does not fit a grid of {shape[0]} x {shape[1]}; choose 2 to {most}.")


def angles_at(scale: int, angles_coarse: int) -> int:
    """Return the number of wedges n_s = n_coarse 2^ceil((s - 1) / 2) at a directional scale s >= 1."""
    return int(angles_coarse * 2 ** math.ceil((scale - 1) / 2))


def radius(n: int, scale: int, scales: int) -> float:
    """Return R_i(s) = (4/3) N_i 2^-(J - s), the wavenumber at which the low-pass window of scale s ends."""
    return 4.0 / 3.0 * n * 2.0 ** -(scales - scale)


def ramp(t: FloatArray) -> FloatArray:
    """Return the smooth step r(t): 1 for t <= 0, 0 for t >= 1, r(t)^2 + r(1 - t)^2 = 1."""

    def bump(t: FloatArray) -> FloatArray:
        out = np.zeros_like(t)
        inside = (t > 0.0) & (t < 1.0)
        out[t <= 0.0] = 1.0
        out[inside] = np.exp(1.0 + 1.0 / np.expm1(1.0 - 1.0 / t[inside]))
        return out

    with np.errstate(over="ignore", divide="ignore", under="ignore"):
        rising, falling = bump(t), bump(1.0 - t)
        return np.asarray(rising / np.hypot(rising, falling), dtype=np.float64)


def _low_pass(k: IntArray, r: float) -> FloatArray:
    return ramp(2.0 * np.abs(k) / r - 1.0)


def _radial(k1: IntArray, k2: IntArray, shape: tuple[int, int], scale: int, scales: int) -> FloatArray:
    """Return H_s on the box k1 x k2."""
    outer = np.multiply.outer(
        _low_pass(k1, radius(shape[0], scale, scales)), _low_pass(k2, radius(shape[1], scale, scales))
    )
    if scale == 0:
        return outer
    inner = np.multiply.outer(
        _low_pass(k1, radius(shape[0], scale - 1, scales)), _low_pass(k2, radius(shape[1], scale - 1, scales))
    )
    return np.asarray(outer * np.sqrt(1.0 - inner**2), dtype=np.float64)


def _as_runs(scale: int, wedge: int, quadrant: int, low1: int, low2: int, dense: FloatArray) -> Window:
    mask = np.zeros((dense.shape[0], dense.shape[1] + 2), dtype=np.int8)
    mask[:, 1:-1] = dense > NEGLIGIBLE
    change = np.diff(mask, axis=1)
    row, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]
    length = last - first
    start = np.concatenate(([0], np.cumsum(length)[:-1])).astype(np.int64)
    return Window(scale, wedge, quadrant, row + low1, first + low2, length, start, dense[mask[:, 1:-1] == 1])


def window_of(
    shape: tuple[int, int], scale: int, wedge: int, k1: IntArray, k2: IntArray, values: npt.NDArray[np.floating]
) -> Window:
    """Return the window with the given values at wavenumbers (k1, k2), known modulo `shape`.

    It is unrolled from the periodic plane to where its box is smallest.
    """
    low = []
    for n, k in zip(shape, (k1, k2), strict=True):
        used = np.unique(k % n)
        # The box starts behind the widest gap between used wavenumbers, the one across the seam included.
        gaps = np.diff(np.append(used, used[0] + n))
        first = int(used[(int(np.argmax(gaps)) + 1) % used.size])
        low.append(first - n if first > n // 2 else first)
    at1, at2 = (k1 - low[0]) % shape[0], (k2 - low[1]) % shape[1]
    dense = np.zeros((int(at1.max()) + 1, int(at2.max()) + 1))
    dense[at1, at2] = values
    return _as_runs(scale, wedge, 0, low[0], low[1], dense)


def coarse_window(shape: tuple[int, int], scales: int) -> Window:
    """Return the low-pass window of scale 0."""
    m1, m2 = (math.floor(radius(n, 0, scales)) for n in shape)
    dense = _radial(np.arange(-m1, m1 + 1), np.arange(-m2, m2 + 1), shape, 0, scales)
    return _as_runs(0, 0, 0, -m1, -m2, dense)


def wavelet_window(shape: tuple[int, int], scales: int) -> Window:
    """Return the isotropic window of the finest scale, H = sqrt(1 - l_{J-2}^2) on the plain grid."""
    n1, n2 = shape
    k1, k2 = np.arange(-(n1 // 2), (n1 + 1) // 2), np.arange(-(n2 // 2), (n2 + 1) // 2)
    inner = np.multiply.outer(
        _low_pass(k1, radius(n1, scales - 2, scales)), _low_pass(k2, radius(n2, scales - 2, scales))
    )
    return _as_runs(scales - 1, 0, 0, -(n1 // 2), -(n2 // 2), np.sqrt(1.0 - inner**2))


def _angular(theta: FloatArray, wedge: int, nd: int) -> FloatArray:
    def boundary(p: int) -> float:
        return math.atan2(-1.0 + p / nd, 1.0)

    middle = boundary(2 * wedge + 1)
    start = math.atan2(-1.0, 1.0 - 1.0 / nd) if wedge == 0 else boundary(2 * wedge - 1)
    end = math.atan2(1.0, 1.0 - 1.0 / nd) if wedge == nd - 1 else boundary(2 * wedge + 3)
    return np.where(theta < middle, ramp((middle - theta) / (middle - start)), ramp((theta - middle) / (end - middle)))


def wedge_window(shape: tuple[int, int], scale: int, scales: int, n_angles: int, index: int) -> Window:
    """Return the window W = H_s A of one wedge; numbers run through quadrants 0 to 3, n_angles / 4 each."""
    nd = n_angles // 4
    quadrant, wedge = divmod(index, nd)
    along = quadrant % 2  # the axis that the wedge points along: k1 in quadrants 0 and 2, k2 in 1 and 3
    r_along, r_across = radius(shape[along], scale, scales), radius(shape[1 - along], scale, scales)
    m_along, m_across = math.floor(r_along), math.floor(r_across)

    # The bounding box follows from the wedge's two edges b/a = tan(theta), a = k_along / R_along in (0, 1].
    def slope(p: int, corner: bool) -> float:
        value = -1.0 + p / nd
        return value if not corner else math.copysign(math.inf if nd == 1 else 1.0 / (1.0 - 1.0 / nd), value)

    low, high = slope(2 * wedge - 1, wedge == 0), slope(2 * wedge + 3, wedge == nd - 1)
    first = -m_across if low < 0 and low * r_across < -m_across else math.floor(min(low, 0.0) * r_across)
    last = m_across if high * r_across > m_across else math.ceil(max(high, 0.0) * r_across)
    a = np.arange(max(1, math.floor((1.0 - 1.0 / nd) * r_along / 4.0)), m_along + 1)
    b = np.arange(first, last + 1)
    sign_a = 1 if quadrant in (1, 2) else -1
    sign_b = 1 if quadrant in (0, 1) else -1
    theta = np.arctan2(b[None, :] / r_across, a[:, None] / r_along)
    box = _angular(theta, wedge, nd)
    k_along, k_across = sign_a * a, sign_b * b
    if sign_a < 0:
        k_along, box = k_along[::-1], box[::-1, :]
    if sign_b < 0:
        k_across, box = k_across[::-1], box[:, ::-1]
    k1, k2 = (k_along, k_across) if along == 0 else (k_across, k_along)
    dense = (box if along == 0 else box.T) * _radial(k1, k2, shape, scale, scales)
    return _as_runs(scale, index, quadrant, int(k1[0]), int(k2[0]), dense)


def reference_size(shape: tuple[int, int], scale: int, scales: int, n_angles: int, quadrant: int) -> tuple[int, int]:
    """Return CurveLab 2.1.3's wrapped size: ceil(3/4 R_a + R_a / 4 nd) by ceil(4 R_b / nd), made odd."""
    nd = n_angles // 4
    along = quadrant % 2
    r_along, r_across = radius(shape[along], scale, scales), radius(shape[1 - along], scale, scales)
    l_along = math.ceil(0.75 * r_along + r_along / (4 * nd)) | 1
    l_across = math.ceil(4.0 * r_across / nd) | 1
    return (l_along, l_across) if along == 0 else (l_across, l_along)


def smooth_numbers(limit: int) -> list[int]:
    """Return the 5-smooth integers up to `limit`, ascending."""
    found = []
    p2 = 1
    while p2 <= limit:
        p3 = p2
        while p3 <= limit:
            p5 = p3
            while p5 <= limit:
                found.append(p5)
                p5 *= 5
            p3 *= 3
        p2 *= 2
    return sorted(found)


def collides(window: Window, size: tuple[int, int]) -> bool:
    """Return whether two wavenumbers of the window's support fall on the same cell of the wrapped array."""
    if window.values.size > size[0] * size[1]:
        return True
    k1, k2 = window.elements()
    used = np.zeros(size[0] * size[1], dtype=np.bool_)
    used[(k1 % size[0]) * size[1] + k2 % size[1]] = True
    return int(np.count_nonzero(used)) != window.values.size


def smooth_size(windows: list[Window], reference: tuple[int, int]) -> tuple[int, int]:
    """Return the smallest 5-smooth size on which no window of the list collides with itself when wrapped.

    Any size free of collisions gives an exact Parseval frame; `reference` (see `reference_size`) starts the
    search.
    """
    # A run along k2, or a column along k1, can never be longer than the array is wide or high.
    least2 = max(int(w.length.max()) for w in windows)
    least1 = 1
    for w in windows:
        _, k2 = w.elements()
        least1 = max(least1, int(np.bincount(k2 - k2.min()).max()))
    area = max(w.values.size for w in windows)
    numbers = smooth_numbers(4 * max(reference) + 16)
    sides1 = [n for n in numbers if least1 <= n <= 2 * reference[0] + 16]
    sides2 = [n for n in numbers if least2 <= n <= 2 * reference[1] + 16]
    candidates = sorted((a * b, abs(a - b), a, b) for a in sides1 for b in sides2 if a * b >= area)
    # The reference's proportions are close to the best ones: far narrower or flatter arrays only cost tests.
    for _, _, a, b in candidates:
        if a < 0.8 * (reference[0] - 1) or b < 0.8 * (reference[1] - 1):
            continue
        if not any(collides(w, (a, b)) for w in windows):
            return a, b
    raise ConfigError(f"No wedge size free of collisions near {reference}; use fewer angles or fewer scales.")


def coarse_size(shape: tuple[int, int], scales: int, sizes: Sizes) -> tuple[int, int]:
    """Return the size of the scale-0 array: 2 floor(R) + 1, or the next 5-smooth one."""
    odd = [2 * math.floor(radius(n, 0, scales)) + 1 for n in shape]
    if sizes == "smooth":
        odd = [next(n for n in smooth_numbers(2 * m) if n >= m) for m in odd]
    return odd[0], odd[1]
