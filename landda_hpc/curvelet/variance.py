"""Exact variances of curvelet coefficients of random images: no ensemble, no sampling noise.

For errors that are independent from cell to cell, E|c_m|^2 = sum_x |phi_m(x)|^2 sigma^2(x). With W the window
of a wedge of L cells on a transformed image of N cells, R(q) = sum_k W(k) W(k + q), and S the unnormalised
DFT of sigma^2,

    v_m = 1 / (N L) sum_q R(q) S(q mod N) exp(2 pi i q.m / L).

A boundary extension E copies each error to its mirror images P x, which adds the cross terms Re sum
sigma^2(x) phi(x) phi*(P x). In wavenumbers a mirrored axis couples k and k' through k + k' instead of k' - k,
so those are sums over pairs of rows (`_mirror_*`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from landda_hpc.compiled_code import compiled
from landda_hpc.curvelet.boundary import Boundary, extend
from landda_hpc.curvelet.plan import Block
from landda_hpc.curvelet.windows import Window, smooth_numbers
from landda_hpc.errors import ShapeError
from landda_hpc.fourier import FourierLibrary, library

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


@compiled()
def _fold_product(r: FloatArray, s: ComplexArray, h1: int, h2: int, out: ComplexArray) -> None:
    """Add R(q) S(q) to out at q mod L for |q| < h; terms with q1 > 0 count twice, for q and -q."""
    p1, p2 = r.shape
    n1, n2 = s.shape
    l1, l2 = out.shape
    for q1 in range(h1):
        weight = 1.0 if q1 == 0 else 2.0
        for q2 in range(-h2 + 1, h2):
            out[q1 % l1, q2 % l2] += weight * r[q1 % p1, q2 % p2] * s[q1 % n1, q2 % n2]


@compiled()
def _fold(g: ComplexArray, out: ComplexArray) -> None:
    """Add G(d), d1 = 0 ... h1 - 1, d2 = -(h2 - 1) ... h2 - 1, to out at d mod L; d1 > 0 counts twice."""
    h1 = g.shape[0]
    h2 = (g.shape[1] + 1) // 2
    l1, l2 = out.shape
    for d1 in range(h1):
        weight = 1.0 if d1 == 0 else 2.0
        for d2 in range(-h2 + 1, h2):
            out[d1 % l1, d2 % l2] += weight * g[d1, d2 + h2 - 1]


@compiled()
def _row_limits(w: FloatArray) -> npt.NDArray[np.int64]:
    limits = np.zeros((w.shape[0], 2), dtype=np.int64)
    for i in range(w.shape[0]):
        first, last = 0, 0
        for j in range(w.shape[1]):
            if w[i, j] != 0.0:
                if last == 0:
                    first = j
                last = j + 1
        limits[i, 0], limits[i, 1] = first, last
    return limits


@compiled()
def _mirror_sphere(w: FloatArray, low1: int, low2: int, s: ComplexArray) -> ComplexArray:
    """Return the cross term of the double Fourier sphere, G(d) for d1 >= 0.

    The mirror is x1 -> -1 - x1, x2 -> x2 + N2 / 2:
    G(d) = sum_k W(k) W(k') exp(2 pi i k1' / N1) (-1)^k2' conj S(k1 + k1', -d2), k' = k + d.
    """
    h1, h2 = w.shape
    n1, n2 = s.shape
    limits = _row_limits(w)
    signed = np.empty_like(w)
    for j in range(h2):
        sign = 1.0 if (low2 + j) % 2 == 0 else -1.0
        for i in range(h1):
            signed[i, j] = sign * w[i, j]
    out = np.zeros((h1, 2 * h2 - 1), dtype=np.complex128)
    line = np.empty(2 * h2 - 1)
    for d1 in range(h1):
        for i in range(h1 - d1):
            line[:] = 0.0
            a0, a1 = limits[i, 0], limits[i, 1]
            b0, b1 = limits[i + d1, 0], limits[i + d1, 1]
            b = signed[i + d1, b0:b1]
            for j in range(a0, a1):
                first = b0 - j + h2 - 1
                target = line[first : first + b1 - b0]
                a = w[i, j]
                for m in range(b.size):
                    target[m] += a * b[m]
            k1 = low1 + i
            angle = 2.0 * math.pi * ((k1 + d1) % n1) / n1
            turn = complex(math.cos(angle), math.sin(angle))
            p1 = (2 * k1 + d1) % n1
            for m in range(max(0, b0 - a1 + h2), min(2 * h2 - 1, b1 - a0 + h2 - 1)):
                d2 = m - (h2 - 1)
                out[d1, m] += line[m] * turn * np.conj(s[p1, (-d2) % n2])
    return out


@compiled()
def _mirror_reflect(w: FloatArray, low1: int, low2: int, table: FloatArray) -> FloatArray:
    """Return the three cross terms of reflection, the real G(d) for d1 >= 0.

    G(d) = sum_k W(k) W(k') [D(p1, d2) + D(d1, p2) + D(p1, p2)], k' = k + d, p = k + k', where D(a, b), stored
    at `table[|a|, |b|]`, is the cosine transform of sigma^2; the phase exp(i pi d / N) is the caller's.
    """
    h1, h2 = w.shape
    limits = _row_limits(w)
    out = np.zeros((h1, 2 * h2 - 1))
    plain = np.empty(2 * h2 - 1)
    mirrored = np.empty(2 * h2 - 1)
    weights = np.empty(2 * h2 - 1)
    for d1 in range(h1):
        for i in range(h1 - d1):
            plain[:] = 0.0
            mirrored[:] = 0.0
            a0, a1 = limits[i, 0], limits[i, 1]
            b0, b1 = limits[i + d1, 0], limits[i + d1, 1]
            p1 = abs(2 * (low1 + i) + d1)
            for m in range(2 * h2 - 1):  # p2 = 2 low2 + m, m = j + j'
                p2 = abs(2 * low2 + m)
                weights[m] = table[d1, p2] + table[p1, p2]
            b = w[i + d1, b0:b1]
            for j in range(a0, a1):
                first = b0 - j + h2 - 1
                t1 = plain[first : first + b1 - b0]
                t2 = mirrored[first : first + b1 - b0]
                f = weights[j + b0 : j + b1]
                a = w[i, j]
                for m in range(b.size):
                    product = a * b[m]
                    t1[m] += product
                    t2[m] += product * f[m]
            for m in range(2 * h2 - 1):
                out[d1, m] += plain[m] * table[p1, abs(m - (h2 - 1))] + mirrored[m]
    return out


def _next_smooth(n: int) -> int:
    return next(m for m in smooth_numbers(2 * n + 2) if m >= n)


def _autocorrelation(w: FloatArray, fft: FourierLibrary) -> FloatArray:
    """Return R(q) = sum_k W(k) W(k + q) at q mod its shape, which exceeds 2 h - 2 in each axis."""
    padded = np.zeros((_next_smooth(2 * w.shape[0] - 1), _next_smooth(2 * w.shape[1] - 1)))
    padded[: w.shape[0], : w.shape[1]] = w
    spectrum = fft.r2c(padded, (0, 1), norm=0)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.complex128)
    return fft.c2r(power, (0, 1), padded.shape[1], norm=2)


def _cosine_table(s: ComplexArray, reach: tuple[int, int]) -> FloatArray:
    """Return D(a, b) = exp(-i pi (a / N1 + b / N2)) S(a, b) up to `reach`; real for reflected sigma^2."""
    n1, n2 = s.shape
    a, b = np.arange(reach[0] + 1), np.arange(reach[1] + 1)
    turn = np.multiply.outer(np.exp(-1j * np.pi * a / n1), np.exp(-1j * np.pi * b / n2))
    return np.ascontiguousarray((turn * s[np.ix_(a % n1, b % n2)]).real)


class WindowedFrame(Protocol):
    """Input of the closed form from a frame: c_m = sqrt(multiplicity / L) sum_k W(k) X(k) exp(2 pi i k.m / L).

    X is the unitary DFT of the transformed image of shape `shape`; windows and blocks go together.
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def windows(self) -> Sequence[Window]: ...

    @property
    def blocks(self) -> Sequence[Block]: ...

    @property
    def n_var(self) -> int: ...


class DiagonalVariance:
    """E|c|^2 for errors that are independent from cell to cell, exactly.

    Parameters
    ----------
    frame : windows and layout of the coefficients.
    boundary : of the frame; `frame.shape` is that of the extended image.
    fft : library of the Fourier transforms; None: the process's choice.

    Notes
    -----
    Without a boundary extension the cost is a few FFTs per wedge, 0.01 s at 128 x 256. Mirrored axes cost a
    sum over pairs of wavenumbers of each wedge, O(N^2 / number of wedges): 0.1 to 0.3 s (sphere) or 0.4 to
    1.5 s (reflection; wavelets are slower). The results of the last two maps are therefore stored in that case;
    together they are as large as one member's coefficients. Maps that are multiples of each other, such as those
    of a campaign's background and observation errors, share one result.
    """

    def __init__(self, frame: WindowedFrame, boundary: Boundary, fft: FourierLibrary | None = None) -> None:
        self._frame = frame
        self._fft = fft or library()
        self._boundary: Boundary = boundary
        self._kept: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=0 if boundary == "none" else 2)

    def __call__(self, sigma2: FloatArray) -> FloatArray:
        """Return the variances, (n_var,), in the unit of sigma2.

        Parameters
        ----------
        sigma2 : variance of the error in each cell, (N1, N2), zero or positive, no NaN.
        """
        # The FFTs transform sigma^2 / max: the variances of maps that are multiples of each other are the same
        # multiples, to the last bit. A gain B / (B + R) is then right even where both variances are tiny, far
        # from any error, and consist of rounding errors only.
        peak = float(np.max(sigma2, initial=0.0))
        if peak == 0.0:
            return np.zeros(self._frame.n_var)
        relative = sigma2 / peak
        for known, variances in tuple(self._kept):
            if np.array_equal(known, relative):
                return peak * variances
        variances = _diagonal_variance(self._frame, self._boundary, relative, self._fft)
        self._kept.append((relative, variances))
        return peak * variances

    def local(self, maps: Sequence[FloatArray]) -> Callable[[int], FloatArray]:
        """Return the variances as if the copies that a boundary extension makes of a cell had independent errors.

        A few FFTs per wedge for every boundary. The cross terms that it leaves out matter at poles and edges only, and
        cancel where two of these variances are compared.

        Parameters
        ----------
        maps : variances of the error in each cell, (N1, N2) each.

        Returns
        -------
        A function of the number of a block, which returns (number of maps, size of the block).
        """
        frame, fft = self._frame, self._fft
        spectra = [_extended_spectrum(sigma2, frame, self._boundary, fft) for sigma2 in maps]

        def of_block(number: int) -> FloatArray:
            block, (_, _, w) = frame.blocks[number], frame.windows[number].box()
            correlation = _autocorrelation(w, fft)
            return np.stack([_atoms(_folded(correlation, s, w, block), frame, block, fft) for s in spectra])

        return of_block


def _diagonal_variance(frame: WindowedFrame, boundary: Boundary, sigma2: FloatArray, fft: FourierLibrary) -> FloatArray:
    n1, n2 = frame.shape
    out = np.empty(frame.n_var)
    s = _extended_spectrum(sigma2, frame, boundary, fft)
    for window, block in zip(frame.windows, frame.blocks, strict=True):
        low1, low2, w = window.box()
        h1, h2 = w.shape
        folded = _folded(_autocorrelation(w, fft), s, w, block)
        if boundary == "double_fourier_sphere":
            _fold(_mirror_sphere(w, low1, low2, s), folded)
        elif boundary == "reflect":
            reach1 = max(abs(2 * low1), abs(2 * (low1 + h1 - 1)), h1)
            reach2 = max(abs(2 * low2), abs(2 * (low2 + h2 - 1)), h2)
            g = _mirror_reflect(w, low1, low2, _cosine_table(s, (reach1, reach2)))
            phase1 = np.exp(1j * np.pi * np.arange(h1) / n1)
            phase2 = np.exp(1j * np.pi * np.arange(-h2 + 1, h2) / n2)
            _fold(g * phase1[:, None] * phase2[None, :], folded)
        out[block.variances] = _atoms(folded, frame, block, fft)
    return out


def _extended_spectrum(
    sigma2: FloatArray, frame: WindowedFrame, boundary: Boundary, fft: FourierLibrary
) -> ComplexArray:
    """Return S, the unnormalised DFT of sigma^2 on the extended image."""
    # E carries 1 / sqrt 2 (sphere) or 1 / 2 (reflection), and sigma^2 its square.
    amplitude = {"none": 1.0, "reflect": 0.5, "double_fourier_sphere": math.sqrt(0.5)}[boundary]
    extended = extend(amplitude * sigma2, boundary, np.empty(frame.shape))
    return fft.c2c(extended.astype(np.complex128), (0, 1), forward=True, norm=0)


def _folded(correlation: FloatArray, s: ComplexArray, w: FloatArray, block: Block) -> ComplexArray:
    """Return R(q) S(q) of a wedge with the window w, added up at q mod L."""
    folded = np.zeros(block.shape, dtype=np.complex128)
    _fold_product(correlation, s, w.shape[0], w.shape[1], folded)
    return folded


def _atoms(folded: ComplexArray, frame: WindowedFrame, block: Block, fft: FourierLibrary) -> FloatArray:
    """Return the variance of each coefficient of a wedge, (size of the block,)."""
    v = fft.c2c(folded, (0, 1), forward=False, norm=0).real
    v *= block.multiplicity / (math.prod(frame.shape) * math.prod(block.shape))
    # The true value is a sum of squares; rounding may give -1e-20 for atoms without errors in their support.
    variances: FloatArray = np.maximum(v, 0.0).reshape(-1)
    return variances


def _extended_modes(n1: int, fft: FourierLibrary) -> tuple[ComplexArray, ComplexArray]:
    """Return the unitary DFT of E times each Fourier mode of a meridian, for even and odd k2: (2 N1, N1)."""
    x = np.arange(n1)
    modes = np.exp(2j * np.pi * (np.multiply.outer(x, x) % n1) / n1) / math.sqrt(n1)
    both = []
    for sign in (1.0, -1.0):
        z = math.sqrt(0.5) * np.concatenate([modes, sign * modes[::-1]])
        both.append(fft.c2c(z, (0,), forward=True, norm=1))
    return both[0], both[1]


def spectral_variance(
    frame: WindowedFrame, boundary: Boundary, power: FloatArray, fft: FourierLibrary | None = None
) -> FloatArray:
    """Return E|c|^2 for errors homogeneous on the periodic N1 x N2 grid, exactly; boundaries none and sphere.

    Parameters
    ----------
    frame, boundary : windows and layout; for `reflect`, which couples both axes, see `sum_over_modes`.
    power : P(k) = E|X(k)|^2 of the unitary DFT, (N1, N2), np.fft order.
    fft : library of the Fourier transforms; None: the process's choice.

    Returns
    -------
    (n_var,). Without a boundary v = sum_k W^2 P / L, one number per wedge. On the sphere v varies with
    latitude: the doubled axis couples the wavenumbers of one meridian's two halves.
    """
    out = np.empty(frame.n_var)
    n1, n2 = power.shape
    fft = fft or library()
    modes = _extended_modes(n1, fft) if boundary == "double_fourier_sphere" else None
    for window, block in zip(frame.windows, frame.blocks, strict=True):
        l1, l2 = block.shape
        if modes is None:
            k1, k2 = window.elements()
            total = float(np.sum(window.values**2 * power[k1 % n1, k2 % n2]))
            out[block.variances] = block.multiplicity * total / (l1 * l2)
            continue
        low1, low2, w = window.box()
        rows = np.arange(low1, low1 + w.shape[0])
        v = np.zeros(l1)
        for j in range(w.shape[1]):
            column = low2 + j
            spectrum = modes[column % 2][rows % frame.shape[0]] * w[:, j, None]
            wrapped = np.zeros((l1, n1), dtype=np.complex128)
            np.add.at(wrapped, rows % l1, spectrum)
            c = fft.c2c(wrapped, (0,), forward=False, norm=1)
            v += np.sum((c.real**2 + c.imag**2) * power[None, :, column % n2], axis=1)
        out[block.variances] = np.repeat(block.multiplicity * v / l2, l2)
    return out


class _Streaming(Protocol):
    @property
    def n_var(self) -> int: ...

    def accumulate_energy(self, x: npt.ArrayLike, out: npt.NDArray[Any], /) -> None: ...


def sum_over_modes(frame: _Streaming, power: FloatArray, real: bool) -> FloatArray:
    """Return E|c|^2 of homogeneous errors, (n_var,), by one transform per Fourier mode: exact for every boundary."""
    out = np.zeros(frame.n_var)
    for mode in spectral_modes(power, real):
        frame.accumulate_energy(mode, out)
    return out


def checked_map(values: npt.ArrayLike, shape: tuple[int, int], name: str) -> FloatArray:
    """Return a map as float64; ShapeError for another shape, for negative and for missing values."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ShapeError(f"{name} has shape {array.shape}; expected {shape}.")
    if not np.all(array >= 0.0):
        raise ShapeError(f"{name} has negative or missing values; fill missing cells with zero variance.")
    return array


def even_spectrum(power: FloatArray) -> FloatArray:
    """Return a power spectrum; ShapeError if it is not that of a real field."""
    mirrored = np.roll(power[::-1, ::-1], (1, 1), axis=(0, 1))
    if not np.allclose(power, mirrored, rtol=1e-6, atol=1e-12 * float(np.max(power, initial=0.0))):
        raise ShapeError("The power spectrum of a real field is even, P(k) = P(-k); this one is not.")
    return power


def spectral_modes(power: FloatArray, real: bool) -> Iterator[npt.NDArray[np.complex128] | FloatArray]:
    """Yield one image per cell; their |C x|^2 add up to E|c|^2 of homogeneous errors of the given power.

    Real pairs cos and sin for a real frame (P even), complex exponentials otherwise.
    """
    n1, n2 = power.shape
    x1, x2 = np.arange(n1)[:, None], np.arange(n2)[None, :]
    for k1 in range(n1):
        for k2 in range(n2):
            m1, m2 = -k1 % n1, -k2 % n2
            if power[k1, k2] == 0.0 or (real and (m1, m2) < (k1, k2)):
                continue
            angle = 2.0 * math.pi * ((k1 * x1 % n1) / n1 + (k2 * x2 % n2) / n2)
            amplitude = math.sqrt(power[k1, k2] / (n1 * n2))
            if not real:
                yield amplitude * np.exp(1j * angle)
            elif (m1, m2) == (k1, k2):
                yield amplitude * np.cos(angle)
            else:
                yield math.sqrt(2.0) * amplitude * np.cos(angle)
                yield math.sqrt(2.0) * amplitude * np.sin(angle)
