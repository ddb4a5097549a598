"""Messages about the problems of a configuration."""

from __future__ import annotations

import difflib
import reprlib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from landda_hpc.config.deprecated import current
from landda_hpc.config.documents import shorten
from landda_hpc.config.section import NO_KEY
from landda_hpc.errors import ConfigError
from landda_hpc.plugins import AnyOf, not_known

T = TypeVar("T", bound=BaseModel)

_LITERALS: Final = ("kind", "method", "product")
"""Fields that select a section among others."""
_MAX_PROBLEMS: Final = 50
_MAX_LENGTH: Final = 1500
"""Largest length of a message, characters; the longest list of known keys has 700."""
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
        where = shorten(".".join(str(key.name) for key in keys), 200) or "configuration"
        if item["type"] == "extra_forbidden":
            known = sorted({name for model in keys[-1].sections for name in model.model_fields})
            key = str(last[0])
            close = difflib.get_close_matches(key[:80], known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known keys: {', '.join(known)}."
            # A letter of another alphabet may look the same.
            other_letters = "" if key.isascii() else f" The key has characters that are not ASCII: {key[:80]!a}."
            problems.append(f"{where}: unknown key.{other_letters}{hint}")
        elif item["type"] == "union_tag_invalid":
            problems.append(f"{where}{_not_a_choice(item['ctx'], keys, sections)}")
        elif item["type"] == "union_tag_not_found":
            known = [str(name) for section in (keys[-1].following if keys else sections) for name in _names_of(section)]
            problems.append(
                f"{where}: the key {item['ctx']['discriminator']} is missing; it is one of {', '.join(known)}"
            )
        elif item["type"] == "value_error":
            problems.extend(f"{where}: {line}" for line in str(item["ctx"]["error"]).splitlines())
        elif item["type"] == "too_short" and any(
            i["loc"][: len(item["loc"])] == item["loc"] != i["loc"] for i in items
        ):
            continue  # a consequence of problems in its parts
        else:
            found = "" if item["type"] == "missing" else f" (found {_in_words(item['input'])})"
            problems.append(f"{where}: {item['msg']}{found}")
    if len(items) > _MAX_PROBLEMS:
        problems.append(f"and {len(items) - _MAX_PROBLEMS} more problems")
    return [shorten(problem, _MAX_LENGTH) for problem in problems]


def _not_a_choice(context: Mapping[str, Any], keys: list[_Key], sections: list[type[BaseModel]]) -> str:
    """Message about an unknown name of a part (a method, a product, a kind of model), with the known names."""
    key = str(context["discriminator"]).strip("'")
    if not key.isidentifier():  # the choice has a default: pydantic names a function
        following = keys[-1].following if keys else sections
        key = next((name for name in _LITERALS if any(name in one.model_fields for one in following)), "kind")
    known = [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
    return f".{key}: {not_known(str(context['tag']), known)}"


def _in_words(value: Any) -> str:
    """A value of any size and type in one short line."""
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


@dataclass(frozen=True)
class _Key:
    """A key of an error's location.

    Attributes
    ----------
    name : the key, or the place in a list.
    sections : sections that may contain it; ``following``: sections that its value may be.
    """

    name: Any
    sections: list[type[BaseModel]]
    following: list[type[BaseModel]]


def _keys_on_the_way(location: list[Any], sections: list[type[BaseModel]]) -> list[_Key]:
    """Keys of a pydantic error location, each with the sections that may hold it.

    The location also names branches of unions by their tag, which is not a key: these are omitted.
    """
    candidates, keys, is_name = sections, list[_Key](), False
    for part in location:
        tagged = [] if is_name else [m for m in candidates if part in _names_of(m)]
        if tagged and isinstance(part, str) and not any(part in m.model_fields for m in candidates):
            candidates = tagged
            continue
        following: list[type[BaseModel]] = []
        leads_to_names = False
        for model in candidates:
            if is_name or isinstance(part, int):
                following.append(model)
            elif part in model.model_fields:
                found = model.model_fields[part]
                following += _sections(found.annotation)
                following += [one for note in found.metadata for one in _sections(note)]
                leads_to_names = leads_to_names or get_origin(found.annotation) is dict
        is_name = leads_to_names  # the user's own, as of entries of the catalogue
        keys.append(_Key(part, candidates, following))
        candidates = following or candidates
    return keys


def _names_of(section: type[BaseModel]) -> tuple[Any, ...]:
    """The value of the literal field that selects a section; empty without one."""
    named = [get_args(section.model_fields[key].annotation) for key in _LITERALS if key in section.model_fields]
    return tuple(names[0] for names in named if len(names) == 1)


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, AnyOf):
        return list(annotation.sections())
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, Annotated):
        return [model for arg in get_args(annotation) for model in _sections(arg)]
    return []
