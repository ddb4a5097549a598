"""Parts that can be added: analysis methods, error models and others, built in or from an installed package.

A part is a configuration section, a subclass of ``Section``. It names itself by one literal field (``method`` or
``kind``) and says how it is built. Built-in parts are the sections that the modules of one package define, its
subpackages apart. Another package adds parts through entry points whose group is the name of that package::

    [project.entry-points."landda_hpc.methods"]
    nudging = "my_package.nudging:NudgingRun"
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from operator import or_
from typing import Annotated, Any, Generic, TypeGuard, TypeVar, get_args

from pydantic import BaseModel, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from landda_hpc.errors import ConfigError

T = TypeVar("T", bound=BaseModel)


class Registry(Generic[T]):
    """The parts of one kind, by name. They are loaded when they are first asked for.

    Parameters
    ----------
    what : name of the kind, for messages: 'analysis method'.
    base : class of its sections.
    key : the literal field that names a part.
    package : package whose modules define the built-in parts; also the group of entry points.
    order : names of built-in parts in the order in which users read them; others follow.
    """

    def __init__(self, what: str, base: type[Any], key: str, package: str, order: tuple[str, ...] = ()) -> None:
        self.what, self.key, self.package = what, key, package
        self._base, self._order = base, order
        self._parts: dict[str, type[T]] | None = None

    def __getitem__(self, name: str) -> type[T]:
        """The section of a name; ConfigError with a suggestion where there is none."""
        parts = self._loaded()
        if name not in parts:
            close = difflib.get_close_matches(name, parts, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise ConfigError(f"{self.what} '{name}' is not known; there are {', '.join(parts)}.{hint}")
        return parts[name]

    def make(self, name: str) -> T:
        """The section of a name with all its defaults."""
        return self[name].model_validate({self.key: name})

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def sections(self) -> tuple[type[T], ...]:
        """The sections of all parts."""
        return tuple(self._loaded().values())

    def _loaded(self) -> dict[str, type[T]]:
        if self._parts is None:
            found = self._built_in()
            for entry in sorted(entry_points(group=self.package), key=lambda e: e.name):
                self._add(found, self._load(entry), f"entry point '{entry.name}' ({entry.value})")
            rank = {name: k for k, name in enumerate(self._order)}
            self._parts = dict(sorted(found.items(), key=lambda item: rank.get(item[0], len(rank))))
        return self._parts

    def _built_in(self) -> dict[str, type[T]]:
        found: dict[str, type[T]] = {}
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.ispkg:
                continue
            loaded = importlib.import_module(f"{self.package}.{module.name}")
            for part in vars(loaded).values():
                if self._is_part(part) and part.__module__ == loaded.__name__:
                    self._add(found, part, f"module {loaded.__name__}")
        return found

    def _load(self, entry: EntryPoint) -> type[T]:
        try:
            part = entry.load()
        except Exception as error:
            raise ConfigError(
                f"{self.what} '{entry.name}': its package cannot be loaded from {entry.value} "
                f"[{type(error).__name__}: {error}]. Repair or uninstall that package."
            ) from error
        if not self._is_part(part) or self._name_of(part) != entry.name:
            raise ConfigError(
                f"{self.what} '{entry.name}': {entry.value} is {part!r}; expected a subclass of "
                f"{self._base.__module__}.{self._base.__name__} with {self.key}: Literal['{entry.name}']."
            )
        return part

    def _is_part(self, candidate: object) -> TypeGuard[type[T]]:
        """Whether an object is a section with a name, not the base class of others."""
        return (
            isinstance(candidate, type) and issubclass(candidate, self._base) and self._name_of(candidate) is not None
        )

    def _add(self, found: dict[str, type[T]], part: type[T], source: str) -> None:
        name = self._name_of(part)
        assert name is not None, "the callers look at it first"
        if name in found:
            raise ConfigError(f"{self.what} '{name}' of {source} has the name of {found[name].__module__}; rename it.")
        found[name] = part

    def _name_of(self, part: type[BaseModel]) -> str | None:
        """The value of the literal field; None for a base class that has none."""
        field = part.model_fields.get(self.key)
        names = get_args(field.annotation) if field is not None else ()
        return names[0] if len(names) == 1 and isinstance(names[0], str) else None


class AnyOf:
    """Annotation of a field: any section of a registry, chosen by its literal field.

    Parameters
    ----------
    registry : of the sections.
    but : names of parts that do not fit here.

    Notes
    -----
    The sections are looked up when pydantic first validates: classes with such a field have ``defer_build``.
    """

    def __init__(self, registry: Registry[Any], but: tuple[str, ...] = ()) -> None:
        self._registry, self._but = registry, but

    def sections(self) -> tuple[type[BaseModel], ...]:
        """The sections that fit."""
        return tuple(self._registry[name] for name in self._registry if name not in self._but)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        first, *others = self.sections()
        if not others:
            return handler.generate_schema(first)
        union: Any = reduce(or_, others, first)
        return handler.generate_schema(Annotated[union, Field(discriminator=self._registry.key)])
