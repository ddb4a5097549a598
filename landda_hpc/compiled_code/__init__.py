"""Compiled loops and the cache of their machine code.

numba's cache checks only the file of the function. It does not detect changes of functions or constants from other
files that were compiled into it, and it raises an error without a writable folder. Our cache (`KernelCache`) identifies
the code of a module by the content of all sources that it imports (`sources`). It uses the first writable folder
(`folders`), and compiles without a cache if there is none. It serves the loops of this package only: the environment
and numba's settings are not changed, and NUMBA_CACHE_DIR is respected.

numba is loaded when a loop is first called: it takes longer than the other imports of a module with loops.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import RLock
from typing import Any, Literal, TypeVar

import numpy as np

__all__ = ["compiled", "n_compiled"]

F = TypeVar("F", bound=Callable[..., Any])

_LOADING = RLock()
"""One thread makes the dispatcher of a loop; a loop that it calls is made in the same thread."""


def compiled(*, nogil: bool = True, error_model: Literal["numpy", "python"] = "numpy") -> Callable[[F], F]:
    """Return the decorator that compiles a function with numba at its first call and keeps its machine code.

    Parameters
    ----------
    nogil : whether other Python threads run while the function does.
    error_model : division by zero gives infinity or NaN ("numpy"), or raises ZeroDivisionError ("python").

    Notes
    -----
    No fastmath and no parallel loops: sums keep their order, which gives the same bits on any number of ranks. Only
    compiled loops can call the function in their code, and it cannot call itself.
    """
    # C callbacks, which nothing uses, would take 7 % of the compilation.
    options: dict[str, Any] = {"nogil": nogil, "error_model": error_model, "no_cfunc_wrapper": True}

    def decorate(function: F) -> F:
        kernel: Any = _Kernel(function, options)
        kept: F = kernel
        return kept

    return decorate


class _Kernel:
    """A compiled function whose numba dispatchers are made at their first use.

    One serves Python, the other the code of loops that call the function (see `libraries`).
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._options = options
        self._made: Any = None
        self._part: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return (self._made or self._dispatcher())(*map(_like_any_other, arguments))

    def __getattr__(self, name: str) -> Any:
        """Attributes of the dispatcher, for example its signatures."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._dispatcher(), name)

    @property
    def _numba_type_(self) -> Any:
        """What numba takes this object for in the code of another loop."""
        from numba.core import types

        from landda_hpc.compiled_code.libraries import Part

        with _LOADING:
            if self._part is None:
                self._part = self._jit(Part, no_cpython_wrapper=True)
        return types.Dispatcher(self._part)

    def _dispatcher(self) -> Any:
        with _LOADING:
            if self._made is None:
                from landda_hpc.compiled_code.kernel_cache import KernelCache
                from landda_hpc.compiled_code.libraries import Whole

                dispatcher = self._jit(Whole)
                # With NUMBA_DISABLE_JIT numba returns the function itself.
                if dispatcher is not self.py_func:
                    dispatcher._cache = KernelCache(self.py_func)
                self._made = dispatcher
        return self._made

    def _jit(self, pipeline: type, **options: Any) -> Any:
        import numba

        options |= {**self._options, "pipeline_class": pipeline}
        return numba.njit(**options)(self.py_func)


def _like_any_other(argument: Any) -> Any:
    """A view of a read-only array as numba takes an array that can be written to; other arguments unchanged.

    numba would compile a loop a second time for read-only arrays. No loop of the package writes to what it only reads.
    """
    if not isinstance(argument, np.ndarray) or argument.flags.writeable:
        return argument
    return np.asarray(_Writeable(argument))


class _Writeable:
    """Describes the memory of an array to numpy, without the mark that it is read-only."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def n_compiled() -> int:
    """Number of loops called by Python that this process has compiled instead of loading them."""
    from landda_hpc.compiled_code.kernel_cache import KernelCache

    return KernelCache.n_compiled
