"""Compiled loops and the cache of their machine code.

numba's cache checks only the file of the function. It does not detect changes of functions or constants from other
files that were compiled into it, and it raises an error without a writable folder. Our cache (`KernelCache`) identifies
the code of a module by the content of all sources that it imports (`sources`). It uses the first writable folder
(`folders`), and compiles without a cache if there is none. It serves the loops of this package only: the environment
and numba's settings are not changed, and NUMBA_CACHE_DIR is respected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numba

from landda_hpc.compiled_code.kernel_cache import KernelCache

__all__ = ["compiled", "n_compiled"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*, nogil: bool = True, error_model: Literal["numpy", "python"] = "numpy") -> Callable[[F], F]:
    """Return the decorator that compiles a function with numba at its first call and keeps its machine code.

    Parameters
    ----------
    nogil : whether other Python threads run while the function does.
    error_model : division by zero gives infinity or NaN ("numpy"), or raises ZeroDivisionError ("python").

    Notes
    -----
    No fastmath and no parallel loops: sums keep their order, which gives the same bits on any number of ranks.
    """
    # C callbacks, which nothing uses, would take 7 % of the compilation.
    options: dict[str, Any] = {"nogil": nogil, "error_model": error_model, "no_cfunc_wrapper": True}

    def decorate(function: F) -> F:
        dispatcher: Any = numba.njit(**options)(function)
        # With NUMBA_DISABLE_JIT numba returns the function itself.
        if dispatcher is not function:
            dispatcher._cache = KernelCache(function)
        kept: F = dispatcher
        return kept

    return decorate


def n_compiled() -> int:
    """Number of loops that this process has compiled instead of loading them."""
    return KernelCache.n_compiled
