"""Identify the state of the sources of a compiled function."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import landda_hpc

_BODIES: Final = ("body", "orelse", "handlers", "finalbody", "cases")
"""Attributes of statements that hold further statements."""


@functools.cache
def sources_key(module: str) -> str | None:
    """Return a key of the sources that code compiled in a module depends on.

    Parameters
    ----------
    module : full name of an imported module of a package.

    Returns
    -------
    16 hexadecimal digits from the content of the module and of every module of its package that it imports, directly
    or indirectly, because their functions and constants may be compiled into its own. None if there are no source
    files, or if one has changed since this process began, because the running code may then differ from that on disk.
    """
    found = hashlib.sha256()
    try:
        folder = _package_folder(module)
        for name in sorted(_imported(module, folder)):
            path = _source(name, folder)
            if path is None or path.stat().st_ctime > landda_hpc.IMPORTED_AT:
                return None
            found.update(f"{name} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return found.hexdigest()[:16]


def _package_folder(module: str) -> Path:
    """Folder of the top-level package of a module; ValueError if it has none."""
    file = getattr(sys.modules.get(module.partition(".")[0]), "__file__", None)
    if "." not in module or not file:
        raise ValueError(module)
    return Path(file).parent


def _source(module: str, folder: Path) -> Path | None:
    """Source file of a module of the package in `folder`; None if there is none."""
    path = folder.joinpath(*module.split(".")[1:])
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _imported(module: str, folder: Path) -> set[str]:
    """Names of the module and of all modules of its package that it imports, directly or not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports_of(name, folder))
    return found


@functools.cache
def _imports_of(module: str, folder: Path) -> frozenset[str]:
    """Modules of the same package that a module names in its import statements, at any place."""
    path = _source(module, folder)
    if path is None:
        raise ValueError(module)
    package = module.partition(".")[0]
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            levels = parent.split(".")
            base = levels[: len(levels) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            within = {name for name in names if source.partition(".")[0] == package and _source(name, folder)}
            # A name that is not a module comes from the file of `source` itself.
            found |= within if len(within) == len(names) else within | {source}
    return frozenset(name for name in found if name.partition(".")[0] == package)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements of a module, nested ones included; not their expressions, which are most of a tree."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _BODIES:
            waiting.extend(getattr(node, name, ()))
