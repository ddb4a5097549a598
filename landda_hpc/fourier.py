"""Fourier transforms by one of two libraries: ducc0 (GPL, the default) or scipy.fft (BSD).

Both compute the same transforms to round-off, not to the last bit. The library is therefore a key of a campaign
(``fourier``), part of its trajectory, and named in the provenance of its files. Nothing falls back: a library that is
not installed is an error that names the other.

``ducc0`` transforms stacks of small arrays with vector instructions and is about twice as fast. The digests of the
shipped experiments were computed with it. Spherical harmonics follow the same choice (``random_fields.harmonics``):
ducc0's, or loops of this package.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import ConfigError

AnyArray = npt.NDArray[Any]
FourierName = Literal["ducc0", "scipy"]
FOURIER_LIBRARIES: Final[tuple[FourierName, ...]] = get_args(FourierName)
DEFAULT: Final[FourierName] = "ducc0"
VARIABLE: Final = "LANDDA_FOURIER"
"""Environment variable: the library of commands that no campaign's configuration decides."""

Norm = Literal[0, 1, 2]
"""Scale of a transform of N points: 1, 1 / sqrt N, 1 / N."""


class FourierLibrary(Protocol):
    """Transforms over some axes of an array, with one thread; results go to ``out`` where it is given.

    ``c2c`` is in place where ``out`` is ``array`` itself. ``r2c`` goes forward and ``c2r`` back; both halve the last of
    ``axes``, of which ``c2r`` gives back ``last`` points. ``c2r`` may overwrite its input. Precision is the array's.
    """

    name: FourierName

    def c2c(
        self, array: AnyArray, axes: tuple[int, ...], *, forward: bool, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        """Complex to complex."""

    def r2c(self, array: AnyArray, axes: tuple[int, ...], *, norm: Norm, out: AnyArray | None = None) -> AnyArray:
        """Real to complex, forward."""

    def c2r(
        self, array: AnyArray, axes: tuple[int, ...], last: int, *, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        """Complex to real, backward."""


class _Ducc0:
    name: FourierName = "ducc0"

    def __init__(self) -> None:
        import ducc0

        self._fft = ducc0.fft

    def c2c(
        self, array: AnyArray, axes: tuple[int, ...], *, forward: bool, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        found: AnyArray = self._fft.c2c(array, axes=axes, forward=forward, inorm=norm, out=out, nthreads=1)
        return found

    def r2c(self, array: AnyArray, axes: tuple[int, ...], *, norm: Norm, out: AnyArray | None = None) -> AnyArray:
        found: AnyArray = self._fft.r2c(array, axes=axes, forward=True, inorm=norm, out=out, nthreads=1)
        return found

    def c2r(
        self, array: AnyArray, axes: tuple[int, ...], last: int, *, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        found: AnyArray = self._fft.c2r(
            array,
            axes=axes,
            lastsize=last,
            forward=False,
            inorm=norm,
            out=out,
            nthreads=1,
            allow_overwriting_input=True,
        )
        return found


# scipy names a scale by the direction that has it.
_FORWARD: Final = {0: "backward", 1: "ortho", 2: "forward"}
_BACKWARD: Final = {0: "forward", 1: "ortho", 2: "backward"}


class _Scipy:
    name: FourierName = "scipy"

    def __init__(self) -> None:
        import scipy.fft

        self._fft = scipy.fft

    def c2c(
        self, array: AnyArray, axes: tuple[int, ...], *, forward: bool, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        transform, norms = (self._fft.fftn, _FORWARD) if forward else (self._fft.ifftn, _BACKWARD)
        return _given(transform(array, axes=axes, norm=norms[norm], overwrite_x=out is array), out)

    def r2c(self, array: AnyArray, axes: tuple[int, ...], *, norm: Norm, out: AnyArray | None = None) -> AnyArray:
        return _given(self._fft.rfftn(array, axes=axes, norm=_FORWARD[norm]), out)

    def c2r(
        self, array: AnyArray, axes: tuple[int, ...], last: int, *, norm: Norm, out: AnyArray | None = None
    ) -> AnyArray:
        shape = [array.shape[axis] for axis in axes[:-1]] + [last]
        return _given(self._fft.irfftn(array, s=shape, axes=axes, norm=_BACKWARD[norm], overwrite_x=True), out)


def _given(found: AnyArray, out: AnyArray | None) -> AnyArray:
    """The result of a transform, in ``out``; scipy transforms in place if it can, but has no such argument."""
    if out is None:
        return found
    if not np.may_share_memory(found, out):
        out[...] = found
    return out


def is_installed(name: FourierName) -> bool:
    """Whether a library is installed; it is not imported."""
    return importlib.util.find_spec(name) is not None


def library(name: FourierName | None = None) -> FourierLibrary:
    """Return a library by name; without a name, the process's choice.

    Raises
    ------
    ConfigError : it is unknown or not installed.
    """
    return _loaded(chosen() if name is None else name)


@cache
def version(name: FourierName) -> str:
    """Name and version of an installed library, for provenance: ``ducc0 0.42.0``."""
    return f"{name} {importlib.metadata.version(name)}"


def chosen() -> FourierName:
    """The process's choice: the last ``choose``, else the environment variable ``LANDDA_FOURIER``, else ducc0."""
    if _choice:
        return _choice[-1]
    named = os.environ.get(VARIABLE) or DEFAULT
    for name in FOURIER_LIBRARIES:
        if named == name:
            return name
    raise ConfigError(f"{VARIABLE}={named!r}; expected {' or '.join(FOURIER_LIBRARIES)}, or nothing for {DEFAULT}.")


def choose(name: FourierName) -> None:
    """Set the process's choice: on every rank, where the parts of a campaign are built (``instances.domain``).

    Objects that exist keep the library that they were made with.

    Raises
    ------
    ConfigError : it is unknown or not installed; the choice stays as it was.
    """
    _loaded(name)
    _choice[:] = [name]


@contextmanager
def chosen_for(name: FourierName) -> Iterator[None]:
    """A block with a different choice, to compare the two libraries in one process."""
    before = list(_choice)
    choose(name)
    try:
        yield
    finally:
        _choice[:] = before


_choice: list[FourierName] = []


@cache
def _loaded(name: FourierName) -> FourierLibrary:
    if name not in FOURIER_LIBRARIES:
        raise ConfigError(f"fourier={name!r}; expected {' or '.join(FOURIER_LIBRARIES)}.")
    if not is_installed(name):
        other = next(other for other in FOURIER_LIBRARIES if other != name)
        extra = " (GPL): pip install 'landda-hpc[ducc0]'" if name == "ducc0" else f": pip install {name}"
        raise ConfigError(
            f"Fourier transforms need {name}, which is not installed. Install it{extra}. Or choose {other}: "
            f"'fourier: {other}' in the configuration of a campaign (--set fourier={other}), or {VARIABLE}={other} in "
            "the environment for other commands. Results agree to round-off; digests differ."
        )
    return _Ducc0() if name == "ducc0" else _Scipy()
