"""Extensions of an image beyond its edges, E, and their exact adjoints, E^T, with E^T E = 1.

An FFT joins the last row to the first and the last column to the first. On a sphere or in a region this creates
a jump, and jumps leak into the fine scales. Each extension mirrors the image so that no jump remains, and is
scaled so that it conserves energy; the frame C E is then also a Parseval frame.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import ConfigError, ShapeError

Boundary = Literal["none", "reflect", "double_fourier_sphere"]
AnyArray = npt.NDArray[Any]


def extended_shape(shape: tuple[int, int], boundary: Boundary) -> tuple[int, int]:
    """Return the shape of E x for an image x of the given shape.

    Raises
    ------
    ConfigError
        For an unknown boundary.
    ShapeError
        For the sphere with an odd number of longitudes: the meridian opposite a cell centre must also have
        cell centres.
    """
    n1, n2 = shape
    if boundary == "none":
        return n1, n2
    if boundary == "reflect":
        return 2 * n1, 2 * n2
    if boundary == "double_fourier_sphere":
        if n2 % 2:
            raise ShapeError(
                f"boundary='double_fourier_sphere' needs an even number of longitudes; the image is {n1} x "
                f"{n2}. Use an even grid, or boundary='none'."
            )
        return 2 * n1, n2
    raise ConfigError(f"boundary={boundary!r}; expected 'none', 'reflect' or 'double_fourier_sphere'.")


def extend(x: AnyArray, boundary: Boundary, out: AnyArray) -> AnyArray:
    """Write E x to `out` and return it.

    Parameters
    ----------
    x : image, (N1, N2); the axes are latitude (either direction) and longitude for the sphere.
    boundary : `reflect` mirrors about every edge (half a cell outside the last centre) and scales by 1/2;
        `double_fourier_sphere` continues a meridian beyond the pole along the opposite one, f at longitude +
        180 degrees, and scales by 1 / sqrt 2; `none` copies.
    out : array of shape `extended_shape`.
    """
    n1, n2 = x.shape
    if boundary == "none":
        out[...] = x
    elif boundary == "reflect":
        np.multiply(x, 0.5, out=out[:n1, :n2])
        out[:n1, n2:] = out[:n1, n2 - 1 :: -1]
        out[n1:] = out[n1 - 1 :: -1]
    else:
        half = n2 // 2
        np.multiply(x, math.sqrt(0.5), out=out[:n1])
        out[n1:, :half] = out[n1 - 1 :: -1, half:]
        out[n1:, half:] = out[n1 - 1 :: -1, :half]
    return out


def fold(z: AnyArray, boundary: Boundary, out: AnyArray) -> AnyArray:
    """Write E^T z to `out`, shape (N1, N2), and return it; the exact adjoint of `extend`."""
    n1, n2 = out.shape
    if boundary == "none":
        out[...] = z
    elif boundary == "reflect":
        np.add(z[:n1, :n2], z[:n1, : n2 - 1 : -1], out=out)
        out += z[: n1 - 1 : -1, :n2]
        out += z[: n1 - 1 : -1, : n2 - 1 : -1]
        out *= 0.5
    else:
        half = n2 // 2
        np.add(z[:n1, :half], z[: n1 - 1 : -1, half:], out=out[:, :half])
        np.add(z[:n1, half:], z[: n1 - 1 : -1, :half], out=out[:, half:])
        out *= math.sqrt(0.5)
    return out
