"""Two kinds of compilation: of the loops that Python calls, and of the functions that they call.

numba optimises each function together with all functions that it calls, and makes machine code of all of them, again
for each caller. A loop with a hundred functions in ten levels of calls is optimised and generated ten times. Here a
function is only translated for the loops that call it (`Part`). The loop that Python calls is linked with all its
parts, optimised once, and generated once (`Whole`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Final

from numba._dynfunc import make_function
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment

_ENVIRONMENT: Final = "_ZN08NumbaEnv"
"""Start of the names of the variables of the code that point to a function's Python objects."""


class _PartLibrary(JITCodeLibrary):
    """Code of a function without the functions that it calls. It is never run."""

    def finalize(self) -> None:
        """Neither link nor optimise; `_WholeLibrary` does."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002 - numba's method
        """Return 0: there is no machine code."""
        return 0


class _WholeLibrary(JITCodeLibrary):
    """Code of a function and of all functions that it calls."""

    def finalize(self) -> None:
        """Link all parts, direct and indirect, optimise, and make machine code."""
        libraries = dict.fromkeys(self._linking_libraries)
        waiting = list(libraries)
        while waiting:
            library = waiting.pop(0)
            if isinstance(library, _PartLibrary):
                found = [part for part in library._linking_libraries if part not in libraries]
                libraries |= dict.fromkeys(found)
                waiting += found
        self._linking_libraries = list(libraries)
        super().finalize()  # type: ignore[no-untyped-call]
        codegen: Any = self._codegen
        for variable in self._final_module.global_variables:
            if variable.name.startswith(_ENVIRONMENT):
                environment = lookup_environment(variable.name)  # type: ignore[no-untyped-call]
                if environment is not None:
                    codegen.set_env(variable.name, environment)


class Part(Compiler):
    """numba's compiler for a function in the code of another loop."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Translate a Python function."""
        target = self.state.targetctx  # a copy for this function
        target.get_executable = _not_executable
        self.state.library = _PartLibrary(target.codegen(), func.__qualname__)  # type: ignore[no-untyped-call]
        return super().compile_extra(func)  # type: ignore[no-untyped-call]


class Whole(Compiler):
    """numba's compiler for a function that Python calls."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Translate a Python function and its parts, and make machine code."""
        codegen = self.state.targetctx.codegen()
        self.state.library = _WholeLibrary(codegen, func.__qualname__)  # type: ignore[no-untyped-call]
        self.state.library.enable_object_caching()
        collected = gc.isenabled()
        gc.disable()  # a tenth of the time; little is garbage
        try:
            return super().compile_extra(func)  # type: ignore[no-untyped-call]
        finally:
            if collected:
                gc.enable()


def _not_executable(library: _PartLibrary, description: Any, environment: Any) -> Any:
    """Return the key of a part in numba's tables, where a function with machine code would be; it cannot be called."""
    return make_function(description.lookup_module(), description.qualname, "", 0, environment, (library,))
