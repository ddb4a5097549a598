"""Compiled loops, and where their machine code is kept between processes.

numba's own cache looks at the file of the function alone. It does not see that a function or a constant from another
file, which was compiled into it, has changed. It stops with an error where it finds no folder to write to. Ours
(`KernelCache`) keeps the code of a module by the content of all sources that it imports (`sources`), in the first
folder that can be written (`folders`), and compiles without a cache where there is none. It serves the loops of this
package only: the environment and numba's settings stay as they are, and NUMBA_CACHE_DIR is respected.
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
    No fastmath and no parallel loops: sums keep their order, so the same bits on any number of ranks.
    """

    def decorate(function: F) -> F:
        dispatcher: Any = numba.njit(nogil=nogil, error_model=error_model)(function)
        # With NUMBA_DISABLE_JIT numba returns the function itself.
        if dispatcher is not function:
            dispatcher._cache = KernelCache(function)
        kept: F = dispatcher
        return kept

    return decorate


def n_compiled() -> int:
    """Count the loops that this process has compiled, rather than found compiled."""
    return KernelCache.n_compiled
