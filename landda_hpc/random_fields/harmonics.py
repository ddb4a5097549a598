"""Spherical-harmonic transforms on rows of a grid, by ducc0 or, if ``fourier`` uses scipy, by loops of this module.

scipy has no spherical-harmonic transform. The loops use the usual recurrence in l, order by order, for all rows at
once; the transform along a row is an FFT.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc import fourier
from landda_hpc.compiled_code import compiled
from landda_hpc.constants import FloatArray

ComplexArray = npt.NDArray[np.complex128]

_OFF_RING_ACCURACY = 1.0e-12
"""Relative accuracy of ducc0's synthesis if longitudes are not part of an equally spaced circle."""

_BIG = 2.0**300


def ring_synthesis(
    coefficients: ComplexArray, degree: int, colatitude: FloatArray, first_longitude: float, n_ring: int
) -> FloatArray:
    """Evaluate sum a_lm Y_lm on whole circles of latitude; shape (n_lat, n_ring). Local, one thread.

    Parameters
    ----------
    coefficients : a_lm for m >= 0 of a real field, m-major, shape (n_coef,).
    colatitude : of the circles, radians, shape (n_lat,).
    first_longitude : longitude of the first point of every circle, radians.
    n_ring : number of equally spaced points of a circle; also fewer than 2 ``degree`` points are samples of the field.
    """
    n_lat = colatitude.size
    if fourier.chosen() == "ducc0":
        ducc0 = _ducc0()
        image: npt.NDArray[Any] = ducc0.sht.synthesis(
            alm=coefficients[None],
            theta=colatitude,
            lmax=degree,
            nphi=np.full(n_lat, n_ring, dtype=np.uint64),
            phi0=np.full(n_lat, first_longitude),
            ringstart=np.arange(n_lat, dtype=np.uint64) * np.uint64(n_ring),
            spin=0,
            nthreads=1,
        )
        values: FloatArray = image[0].reshape(n_lat, n_ring)
        return values
    orders = _orders(coefficients, degree, colatitude)
    orders *= np.exp(1j * first_longitude * np.arange(degree + 1))[:, None]
    circle = np.zeros((n_lat, n_ring), dtype=np.complex128)
    # On the points of a circle, m and m + n_ring are identical.
    for m in range(degree + 1):
        circle[:, m % n_ring] += orders[m]
    return fourier.library("scipy").c2c(circle, (1,), forward=False, norm=0).real.copy()


def ring_analysis(ring: FloatArray, degree: int, colatitude: FloatArray, first_longitude: float) -> ComplexArray:
    """Return the adjoint of ``ring_synthesis``: sum over points of f conj(Y_lm), shape (n_coef,). Local, one thread.

    Parameters
    ----------
    ring : f, shape (n_lat, n_ring).
    degree, colatitude, first_longitude : as for ``ring_synthesis``.
    """
    n_lat, n_ring = ring.shape
    if fourier.chosen() == "ducc0":
        ducc0 = _ducc0()
        coefficients: npt.NDArray[Any] = ducc0.sht.adjoint_synthesis(
            map=ring.reshape(1, -1),
            theta=colatitude,
            lmax=degree,
            nphi=np.full(n_lat, n_ring, dtype=np.uint64),
            phi0=np.full(n_lat, first_longitude),
            ringstart=np.arange(n_lat, dtype=np.uint64) * np.uint64(n_ring),
            spin=0,
            nthreads=1,
        )
        summed: ComplexArray = coefficients[0]
        return summed
    spectrum = fourier.library("scipy").c2c(ring.astype(np.complex128), (1,), forward=True, norm=0)
    m = np.arange(degree + 1)
    orders = np.ascontiguousarray((spectrum[:, m % n_ring] * np.exp(-1j * first_longitude * m)).T)
    out = np.empty((degree + 1) * (degree + 2) // 2, dtype=np.complex128)
    _sum_rows(orders, degree, np.cos(colatitude), np.sin(colatitude), out)
    return out


def point_synthesis(
    coefficients: ComplexArray, degree: int, colatitude: FloatArray, longitude: FloatArray
) -> FloatArray:
    """Evaluate sum a_lm Y_lm at every pair of a colatitude and a longitude, radians; shape (n_lat, n_lon). Local."""
    if fourier.chosen() == "ducc0":
        places = np.empty((colatitude.size, longitude.size, 2))
        places[..., 0] = colatitude[:, None]
        places[..., 1] = longitude[None, :]
        values: npt.NDArray[Any] = _ducc0().sht.synthesis_general(
            alm=coefficients[None],
            loc=places.reshape(-1, 2),
            lmax=degree,
            spin=0,
            epsilon=_OFF_RING_ACCURACY,
            nthreads=1,
        )
        found: FloatArray = values[0].reshape(places.shape[:2])
        return found
    orders = _orders(coefficients, degree, colatitude)
    out = np.zeros((colatitude.size, longitude.size))
    for m in range(degree + 1):  # a loop fixes the order of additions, unlike a matrix product
        turn = np.exp(1j * m * longitude)
        out += np.multiply.outer(orders[m].real, turn.real) - np.multiply.outer(orders[m].imag, turn.imag)
    return out


def _ducc0() -> Any:
    fourier.library("ducc0")  # raises an error that says how to install it
    import ducc0

    return ducc0


def _orders(coefficients: ComplexArray, degree: int, colatitude: FloatArray) -> ComplexArray:
    """F_m = sum over l of a_lm P_lm for every row, doubled for m > 0, so that the field is Re sum F_m e^(i m phi)."""
    out = np.zeros((degree + 1, colatitude.size), dtype=np.complex128)
    _sum_degrees(np.ascontiguousarray(coefficients), degree, np.cos(colatitude), np.sin(colatitude), out)
    out[1:] *= 2.0
    return out


@compiled()
def _next_order(m: int, sine: FloatArray, first: FloatArray, scale: npt.NDArray[np.int64]) -> int:
    """Advance P_mm = ``first`` 2^(-600 scale) to order m; return the number of rows with a scale above 0.

    From m = 100 on, P_mm near the poles is below the smallest floating-point number, while P_lm with large l is not.
    """
    factor = -math.sqrt((2.0 * m + 1.0) / (2.0 * m)) if m else 0.0
    n_scaled = 0
    for r in range(sine.size):
        if m == 0:
            first[r] = math.sqrt(0.25 / math.pi)
            scale[r] = 0
        else:
            first[r] *= factor * sine[r]
            if 0.0 < abs(first[r]) < 1.0 / _BIG:
                first[r] *= _BIG * _BIG
                scale[r] += 1
        if scale[r] > 0:
            n_scaled += 1
    return n_scaled


@compiled()
def _next_degree(
    ell: int,
    m: int,
    cosine: FloatArray,
    before: FloatArray,
    now: FloatArray,
    scale: npt.NDArray[np.int64],
    n_scaled: int,
) -> int:
    """Advance ``now`` from P_(l-1)m to P_lm; return the number of rows that still have a scale above 0."""
    square, last = float(ell * ell), float((ell - 1) * (ell - 1))
    a = math.sqrt((4.0 * square - 1.0) / (square - m * m))
    b = math.sqrt((last - m * m) / (4.0 * last - 1.0)) if ell - 1 > m else 0.0
    for r in range(cosine.size):
        value = a * (cosine[r] * now[r] - b * before[r])
        before[r] = now[r]
        now[r] = value
    if n_scaled:
        for r in range(cosine.size):
            if scale[r] > 0 and abs(now[r]) > _BIG:
                now[r] /= _BIG * _BIG
                before[r] /= _BIG * _BIG
                scale[r] -= 1
                if scale[r] == 0:
                    n_scaled -= 1
    return n_scaled


@compiled()
def _sum_degrees(
    coefficients: ComplexArray, degree: int, cosine: FloatArray, sine: FloatArray, out: ComplexArray
) -> None:
    n = cosine.size
    first, now, before = np.zeros(n), np.zeros(n), np.zeros(n)
    first_scale, scale = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    real, imaginary = np.zeros(n), np.zeros(n)
    place = 0
    for m in range(degree + 1):
        n_scaled = _next_order(m, sine, first, first_scale)
        now[:] = first
        scale[:] = first_scale
        before[:] = 0.0
        real[:] = 0.0
        imaginary[:] = 0.0
        for ell in range(m, degree + 1):
            if ell > m:
                n_scaled = _next_degree(ell, m, cosine, before, now, scale, n_scaled)
            a, b = coefficients[place].real, coefficients[place].imag
            place += 1
            if n_scaled == 0:
                for r in range(n):
                    real[r] += a * now[r]
                    imaginary[r] += b * now[r]
            else:
                for r in range(n):
                    if scale[r] == 0:
                        real[r] += a * now[r]
                        imaginary[r] += b * now[r]
        for r in range(n):
            out[m, r] = complex(real[r], imaginary[r])


@compiled()
def _sum_rows(orders: ComplexArray, degree: int, cosine: FloatArray, sine: FloatArray, out: ComplexArray) -> None:
    n = cosine.size
    first, now, before = np.zeros(n), np.zeros(n), np.zeros(n)
    first_scale, scale = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    place = 0
    for m in range(degree + 1):
        n_scaled = _next_order(m, sine, first, first_scale)
        now[:] = first
        scale[:] = first_scale
        before[:] = 0.0
        for ell in range(m, degree + 1):
            if ell > m:
                n_scaled = _next_degree(ell, m, cosine, before, now, scale, n_scaled)
            total = 0.0 + 0.0j
            for r in range(n):
                if scale[r] == 0:
                    total += orders[m, r] * now[r]
            out[place] = total
            place += 1
