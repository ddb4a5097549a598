"""Curvelet frames by name: this package's own, and two others with the same protocol.

=============  ================================================================================================
`ours`         `Curvelet2D`, the default; it needs no other package.
`curvelops`    CurveLab 2.1.3 through `curvelops`, the reference implementation of the same transform. Its licence
               forbids redistribution, so each user installs it. Complex arithmetic, loops over members.
`udct`         The uniform discrete curvelet transform of the package `curvelets` (extra `curvelets`): another
               transform, with other windows. Curvelets at the finest scale only.
=============  ================================================================================================

All three are Parseval frames with exact variances and the same boundaries, so the same analysis runs with each of
them. Only `Curvelet2D` has batches, threads, single precision and the operations on wedges.
"""

from __future__ import annotations

import importlib.util
from typing import Literal

from landda_hpc.curvelet.backends.curvelops import CurvelopsFrame
from landda_hpc.curvelet.backends.protocol import Frame
from landda_hpc.curvelet.backends.udct import UdctFrame
from landda_hpc.curvelet.boundary import Boundary, extended_shape
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.plan import make_tiling
from landda_hpc.curvelet.windows import Finest, Sizes
from landda_hpc.errors import ConfigError

Backend = Literal["ours", "curvelops", "udct"]
BACKENDS: tuple[Backend, ...] = ("ours", "curvelops", "udct")

_PACKAGES = {"curvelops": "curvelops", "udct": "curvelets"}
_INSTALL = {
    "curvelops": "It needs CurveLab, whose licence you accept at curvelet.org; then see github.com/PyLops/curvelops",
    "udct": "Install it with: pip install 'landda-hpc[curvelets]'",
}


def is_installed(backend: Backend) -> bool:
    """Whether the package of a backend is installed; it is not imported."""
    return backend == "ours" or importlib.util.find_spec(_PACKAGES[backend]) is not None


def make_frame(
    shape: tuple[int, int],
    backend: Backend = "ours",
    angles_coarse: int = 16,
    finest: Finest = "curvelets",
    scales: int | None = None,
    sizes: Sizes = "smooth",
    boundary: Boundary = "none",
) -> Frame:
    """Return a frame of real float64 images of N1 x N2 cells.

    Parameters
    ----------
    shape, angles_coarse, finest, scales, boundary : as in `Curvelet2D`; `udct` needs multiples of 12 angles.
    backend : name of the backend.
    sizes : wedge sizes, for `ours` only: the others have their own.

    Raises
    ------
    ConfigError
        If the backend is unknown or not installed, or does not support the arguments.
    """
    _require_backend(backend)
    if backend == "curvelops":
        return CurvelopsFrame(shape, angles_coarse, finest, scales, boundary)
    if backend == "udct":
        return UdctFrame(shape, angles_coarse, finest, scales, boundary)
    return Curvelet2D(shape, angles_coarse, finest, scales, sizes, boundary)


def check_frame(
    shape: tuple[int, int],
    backend: Backend = "ours",
    angles_coarse: int = 16,
    finest: Finest = "curvelets",
    scales: int | None = None,
    sizes: Sizes = "smooth",
    boundary: Boundary = "none",
) -> None:
    """Raise the errors of `make_frame` with the same arguments; for `ours` without building the frame."""
    _require_backend(backend)
    if backend == "ours":
        make_tiling(extended_shape(shape, boundary), angles_coarse, finest, scales, sizes, real=True)
    else:
        make_frame(shape, backend, angles_coarse, finest, scales, sizes, boundary)


def _require_backend(backend: Backend) -> None:
    if backend not in BACKENDS:
        raise ConfigError(f"backend={backend!r}; expected one of {', '.join(BACKENDS)}.")
    if not is_installed(backend):
        raise ConfigError(
            f"backend={backend!r} needs the package '{_PACKAGES[backend]}', which is not installed. "
            f"{_INSTALL[backend]}. Or choose backend='ours'."
        )


__all__ = ["BACKENDS", "Backend", "CurvelopsFrame", "Frame", "UdctFrame", "check_frame", "is_installed", "make_frame"]
