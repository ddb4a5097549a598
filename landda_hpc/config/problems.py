"""What is wrong with a configuration, in words."""

from __future__ import annotations

import difflib
import reprlib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from landda_hpc.config.deprecated import current
from landda_hpc.config.documents import shorten
from landda_hpc.config.section import NO_KEY
from landda_hpc.errors import ConfigError
from landda_hpc.plugins import AnyOf

T = TypeVar("T", bound=BaseModel)

_MAX_PROBLEMS: Final = 50
_MAX_LENGTH: Final = 1500
"""Characters of a problem: the longest list of known keys has 700."""
_REPR: Final = reprlib.Repr()
_REPR.maxlevel, _REPR.maxdict, _REPR.maxlist, _REPR.maxtuple, _REPR.maxstring, _REPR.maxother = 2, 3, 5, 5, 80, 80


def problems_of(error: ValidationError, root: Any) -> list[str]:
    """Every problem of a pydantic error, one line each, naming its key; suggestions for unknown keys.

    Parameters
    ----------
    root : the section, or union of sections, that was validated.
    """
    sections = _sections(root)
    problems: list[str] = []
    items = error.errors(include_url=False)
    for item in items[:_MAX_PROBLEMS]:
        location = [part for part in item["loc"] if not str(part).startswith(NO_KEY)]
        keys, last = _keys_on_the_way(location, sections), location[-1:]
        where = shorten(".".join(str(part) for part, _ in keys), 200) or "configuration"
        if item["type"] == "extra_forbidden":
            known = sorted({name for model in keys[-1][1] for name in model.model_fields})
            key = str(last[0])
            close = difflib.get_close_matches(key[:80], known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known keys: {', '.join(known)}."
            # A letter of another alphabet may look the same.
            foreign = "" if key.isascii() else f" It holds other letters than a to z: {key[:80]!a}."
            problems.append(f"{where}: unknown key.{foreign}{hint}")
        elif item["type"] == "value_error":
            problems.extend(f"{where}: {line}" for line in str(item["ctx"]["error"]).splitlines())
        elif item["type"] == "too_short" and any(
            i["loc"][: len(item["loc"])] == item["loc"] != i["loc"] for i in items
        ):
            continue  # only because of what is wrong with its parts
        else:
            found = "" if item["type"] == "missing" else f" (found {_in_words(item['input'])})"
            problems.append(f"{where}: {item['msg']}{found}")
    if len(items) > _MAX_PROBLEMS:
        problems.append(f"and {len(items) - _MAX_PROBLEMS} more problems")
    return [shorten(problem, _MAX_LENGTH) for problem in problems]


def _in_words(value: Any) -> str:
    """A value that was found, however large or strange, in one short line."""
    return shorten(_REPR.repr(value).replace("\n", " "), 100)


def parse_section(section: type[T], plain: Mapping[str, Any], within: str = "") -> T:
    """Validate one section given as plain data.

    Parameters
    ----------
    section : class of the section.
    plain : keys and values.
    within : dotted place of the section in a campaign's configuration, e.g. ``runs.*``: former names are accepted.

    Raises
    ------
    ConfigError : with every problem found, each naming its key.
    """
    try:
        return section.model_validate(current(plain, within))
    except ValidationError as error:
        raise ConfigError(problems_of(error, section)) from error


def _keys_on_the_way(location: list[Any], sections: list[type[BaseModel]]) -> list[tuple[Any, list[type[BaseModel]]]]:
    """Keys of a pydantic error location, each with the sections that may hold it.

    The location also names branches of unions by their tag, which is no key: these are left out.
    """
    candidates, keys = sections, list[tuple[Any, list[type[BaseModel]]]]()
    for part in location:
        tagged = [
            m
            for m in candidates
            if any((part,) == get_args(f.annotation) for n, f in m.model_fields.items() if n in ("kind", "method"))
        ]
        if tagged and isinstance(part, str) and not any(part in m.model_fields for m in candidates):
            candidates = tagged
            continue
        keys.append((part, candidates))
        following: list[type[BaseModel]] = []
        for model in candidates:
            if isinstance(part, str) and part in model.model_fields:
                following += _sections(model.model_fields[part].annotation)
            elif isinstance(part, int):
                following.append(model)
        candidates = following or candidates
    return keys


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, AnyOf):
        return list(annotation.sections())
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, Annotated):
        return [model for arg in get_args(annotation) for model in _sections(arg)]
    return []
