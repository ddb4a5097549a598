"""Registries of extensible parts (analysis methods, error models and others), built in or from an installed package.

A part is a configuration section, a subclass of ``Section``. It names itself by one literal field (``method``,
``kind`` or ``product``) and says how it is built. Built-in parts are the sections that the modules of one package
define, without its subpackages. Another package adds parts through entry points of a group (``docs/plugins.md``)::

    [project.entry-points."landda_hpc.methods"]
    nudging = "my_package.nudging:NudgingRun"
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from importlib.metadata import EntryPoint, entry_points
from operator import or_
from typing import Annotated, Any, Generic, TypeGuard, TypeVar, get_args

from pydantic import BaseModel, Discriminator, Field, GetCoreSchemaHandler, Tag
from pydantic.errors import PydanticUserError
from pydantic_core import CoreSchema, SchemaError

from landda_hpc.errors import ConfigError

T = TypeVar("T", bound=BaseModel)


class Registry(Generic[T]):
    """The parts of one kind, by name. They are loaded when they are first asked for.

    Parameters
    ----------
    what : name of the kind, for messages: 'analysis method'.
    base : class of its sections, or its place as "module:name" where that module is above this one.
    key : the literal field that names a part.
    package : package whose modules define the built-in parts.
    order : names of built-in parts in the order in which users read them; others follow.
    group : of the entry points; by default the name of ``package``.
    """

    def __init__(
        self,
        what: str,
        base: type[Any] | str,
        key: str,
        package: str,
        order: tuple[str, ...] = (),
        *,
        group: str | None = None,
    ) -> None:
        self.what, self.key, self.package, self.group = what, key, package, group or package
        self._given_base, self._order = base, order
        self._parts: dict[str, type[T]] | None = None
        self._sources: dict[str, str] = {}

    def __getitem__(self, name: str) -> type[T]:
        """The section of a name; ConfigError with a suggestion where there is none."""
        parts = self._loaded()
        if name not in parts:
            raise ConfigError(f"{self.what} {not_known(name, tuple(parts))}")
        return parts[name]

    def make(self, name: str, **settings: Any) -> T:
        """The section of a name with these settings, and defaults for all others."""
        return self[name].model_validate({self.key: name, **settings})

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def sections(self) -> tuple[type[T], ...]:
        """The sections of all parts."""
        return tuple(self._loaded().values())

    def source_of(self, name: str) -> str:
        """Origin of a part, in words: a module of this package, or an entry point of another one."""
        _ = self[name]
        return self._sources[name]

    @cached_property
    def _base(self) -> type[Any]:
        if not isinstance(self._given_base, str):
            return self._given_base
        module, _, name = self._given_base.partition(":")
        base: type[Any] = getattr(importlib.import_module(module), name)
        return base

    def _loaded(self) -> dict[str, type[T]]:
        if self._parts is None:
            self._sources = {}
            found = self._built_in()
            for entry in sorted(entry_points(group=self.group), key=lambda e: (e.name, e.value)):
                self._add(found, self._load(entry), _origin(entry))
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
        """The section of an entry point; ConfigError that names its package where it cannot be used."""
        where = f"{self.what} '{entry.name}' of {_origin(entry)}"
        try:
            part = entry.load()
        except Exception as error:
            raise ConfigError(
                f"{where} cannot be loaded [{type(error).__name__}: {error}]. Repair or uninstall that package."
            ) from error
        if not self._is_part(part) or self._name_of(part) != entry.name:
            raise ConfigError(
                f"{where} is {part!r}; expected a subclass of {self._base.__module__}.{self._base.__name__} with "
                f"{self.key}: Literal['{entry.name}']. Repair or uninstall that package."
            )
        problem = _problem_of(part)
        if problem:
            raise ConfigError(f"{where} is not a valid section: {problem}. Repair or uninstall that package.")
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
            raise ConfigError(
                f"two parts have the name of {self.what} '{name}': {self._sources[name]} and {source}. Rename one of "
                "them, or uninstall one of the packages."
            )
        found[name], self._sources[name] = part, source

    def _name_of(self, part: type[BaseModel]) -> str | None:
        """The value of the literal field; None for a base class that has none."""
        field = part.model_fields.get(self.key)
        names = get_args(field.annotation) if field is not None else ()
        return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def not_known(name: str, known: Sequence[str]) -> str:
    """Words for an unknown name, with a suggestion: "'xx' is not known; there are ..."."""
    close = difflib.get_close_matches(name[:80], known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"'{name[:80]}' is not known; there are {', '.join(known)}.{hint}"


def _origin(entry: EntryPoint) -> str:
    """An entry point and its package, in words."""
    package = f"package {entry.dist.name} {entry.dist.version}" if entry.dist is not None else "a package"
    return f"{package} ({entry.value})"


def _problem_of(part: type[BaseModel]) -> str:
    """Why a section of another package cannot be used, in words; empty if it can."""
    missing = sorted(getattr(part, "__abstractmethods__", ()))
    if missing:
        return f"it does not define {', '.join(missing)}"
    try:
        part.model_rebuild()
        part.model_json_schema()
    except (PydanticUserError, SchemaError, NameError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


class AnyOf:
    """Annotation of a field: any section of one or several registries, chosen by its literal field.

    Parameters
    ----------
    registries : of the sections; they have the same ``key``.
    but : names of parts that do not fit here.
    default : name of the part where the section does not name one; None: it must.

    Notes
    -----
    The sections are looked up when pydantic first validates: classes with such a field have ``defer_build``.
    """

    def __init__(self, *registries: Registry[Any], but: tuple[str, ...] = (), default: str | None = None) -> None:
        self._registries, self._but, self._default = registries, but, default
        self._key = registries[0].key
        assert all(registry.key == self._key for registry in registries), "one field chooses"

    def sections(self) -> tuple[type[BaseModel], ...]:
        """The sections that fit.

        Raises
        ------
        ConfigError : two registries have a part of the same name.
        """
        found: dict[str, type[BaseModel]] = {}
        for number, registry in enumerate(self._registries):
            for name in registry:
                if name in self._but:
                    continue
                for other in self._registries[:number]:
                    if name in other:
                        raise ConfigError(
                            f"two parts have the name '{name}': {other.what} of {other.source_of(name)} and "
                            f"{registry.what} of {registry.source_of(name)}. Rename one of them, or uninstall one of "
                            "the packages."
                        )
                found[name] = registry[name]
        return tuple(found.values())

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        sections = self.sections()
        if self._default is not None:
            # Each choice with the value of its literal field as tag.
            choices: list[Any] = [
                Annotated[section, Tag(name)]
                for section in sections
                for name in get_args(section.model_fields[self._key].annotation)
            ]
            chosen: Any = reduce(or_, choices[1:], choices[0])
            return handler.generate_schema(
                chosen if len(choices) == 1 else Annotated[chosen, Discriminator(self._name_in)]
            )
        first, *others = sections
        if not others:
            return handler.generate_schema(first)
        union: Any = reduce(or_, others, first)
        return handler.generate_schema(Annotated[union, Field(discriminator=self._key)])

    def _name_in(self, value: Any) -> str:
        """Tag of a section given as plain data or as an object."""
        if isinstance(value, dict):
            return str(value.get(self._key, self._default))
        return str(getattr(value, self._key, self._default))
