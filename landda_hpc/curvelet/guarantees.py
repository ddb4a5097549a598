"""Guarantees of the transform, measured; `landda curvelet guarantees` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet.boundary import Boundary
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.windows import Finest

SHAPES = ((17, 23), (33, 46), (64, 64), (45, 36), (61, 122), (128, 256))
BOUNDARIES: tuple[Boundary, ...] = ("none", "reflect", "double_fourier_sphere")
FINEST: tuple[Finest, ...] = ("curvelets", "wavelets")


@dataclass(frozen=True)
class Guarantee:
    """A guarantee: `measured` is at most `limit`."""

    name: str
    measured: float
    limit: float
    promise: str

    @property
    def is_kept(self) -> bool:
        """Whether the guarantee is met (NaN is not)."""
        return self.measured <= self.limit


def measure_guarantees(seed: int = 0) -> list[Guarantee]:
    """Return the largest error of each kind over shapes, kinds of finest scale, boundaries, real and complex images."""
    rng = np.random.default_rng(seed)
    worst: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        worst[name] = max(worst.get(name, 0.0), value)

    for dtype, label in ((np.float64, "float64"), (np.float32, "float32")):
        for frame in _frames(dtype):
            x, d = _random(rng, frame, *frame.shape), _random(rng, frame, frame.n_coef)
            c = frame.forward(x)
            wide = [np.asarray(a, dtype=np.complex128).ravel() for a in (x, d, c, frame.adjoint(d))]
            norms = [float(np.linalg.norm(a)) for a in wide]
            note(f"Parseval, | ||C x|| / ||x|| - 1 |, {label}", abs(norms[2] / norms[0] - 1.0))
            product = abs(np.vdot(wide[2], wide[1]) - np.vdot(wide[0], wide[3]))
            note(f"dot test, |<C x, d> - <x, C^T d>| / ||x|| ||d||, {label}", float(product) / norms[0] / norms[1])
            note(
                f"reconstruction, max |C^T C x - x| / max |x|, {label}",
                float(np.abs(frame.inverse(c) - x).max() / np.abs(x).max()),
            )
    for frame in _frames(np.float64):
        if frame.shape == (33, 46):
            x = _random(rng, frame, 3, *frame.shape)
            loop = np.stack([frame.forward(image) for image in x])
            note("batch on two threads less a loop", float(np.abs(frame.forward(x, threads=2) - loop).max()))
    for frame in _frames(np.float64):
        if max(frame.shape) < 40:
            sigma2 = rng.random(frame.shape) ** 3
            errors = np.sqrt(sigma2).ravel()[:, None, None] * np.eye(sigma2.size).reshape(-1, *frame.shape)
            direct = frame.energy(frame.forward(errors)).sum(axis=0)
            note(
                "exact variance less sum |phi|^2 sigma^2, relative",
                float(np.abs(frame.variance(sigma2) / direct - 1.0).max()),
            )
    limits = {"float32": (1e-5, "1e-5"), "float64": (1e-13, "1e-13"), "loop": (0.0, "0"), "relative": (1e-12, "1e-12")}
    found = []
    for name, value in worst.items():
        limit, text = limits[name.replace(",", " ").split()[-1]]
        found.append(Guarantee(name, value, limit, text))
    return found + _leakage()


def _frames(dtype: npt.DTypeLike) -> Iterator[Curvelet2D]:
    for shape in SHAPES:
        for finest in FINEST:
            for boundary in BOUNDARIES:
                if boundary == "double_fourier_sphere" and shape[1] % 2:
                    continue
                for real in (True, False):
                    yield Curvelet2D(shape, finest=finest, boundary=boundary, dtype=dtype, real=real)


def _random(rng: np.random.Generator, frame: Curvelet2D, *shape: int) -> npt.NDArray[np.inexact]:
    values = rng.standard_normal(shape)
    if not frame.real:
        return np.asarray(values + 1j * rng.standard_normal(shape), dtype=frame.coef_dtype)
    return np.asarray(values, dtype=frame.coef_dtype)


def _leakage() -> list[Guarantee]:
    """Return the share of a smooth field's energy in the finest scale: z + 3/4 x y on the sphere, 128 x 256."""
    latitude = np.deg2rad(-90.0 + (np.arange(128) + 0.5) * 180.0 / 128)[:, None]
    longitude = np.deg2rad((np.arange(256) + 0.5) * 360.0 / 256)[None, :]
    field = np.sin(latitude) + 0.75 * np.cos(latitude) ** 2 * np.cos(longitude) * np.sin(longitude)
    promises = {
        "none": (0.0096, "0.95 % (the raw grid's jump)"),
        "reflect": (1e-6, "1e-6"),
        "double_fourier_sphere": (1e-25, "1e-25"),
    }
    found = []
    for boundary in BOUNDARIES:
        frame = Curvelet2D((128, 256), boundary=boundary)
        energies = frame.wedge_energies(frame.forward(field))
        finest = [i for i, b in enumerate(frame.blocks) if b.scale == frame.n_scales - 1]
        share = float(energies[finest].sum() / energies.sum())
        limit, text = promises[boundary]
        found.append(Guarantee(f"smooth field's energy in the finest scale, boundary {boundary}", share, limit, text))
    return found
