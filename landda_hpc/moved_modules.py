"""Former names of modules: an import of one gives the module of today, with a deprecation warning."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Moved(MetaPathFinder, Loader):
    """Finds modules of a package under their former names."""

    def __init__(self, package: str, moved: Mapping[str, str]) -> None:
        self._moved = {f"{package}.{old}": f"{package}.{new}" for old, new in moved.items()}

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in self._moved else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = self._moved[spec.name]
        warnings.warn(f"{spec.name} is now {new}: change the import", DeprecationWarning, stacklevel=2)
        return _Alias(spec.name, importlib.import_module(new))

    def exec_module(self, module: ModuleType) -> None:
        # The module itself, not the alias, is what `import` binds from now on.
        if isinstance(module, _Alias):
            sys.modules[module.__name__] = module.present


class _Alias(ModuleType):
    """Stands for a moved module while it is imported."""

    def __init__(self, name: str, present: ModuleType) -> None:
        super().__init__(name)
        self.present = present


def install(package: str, moved: Mapping[str, str]) -> None:
    """Make former names of a package's modules importable.

    Parameters
    ----------
    package : its full name.
    moved : former name of each module within the package, and its present one.
    """
    sys.meta_path.append(_Moved(package, moved))
