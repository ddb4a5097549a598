"""Several products in one campaign: a list in 'observations' becomes the sections of the products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final


def or_a_list(schema: dict[str, Any]) -> None:
    """Extend the JSON schema of a product to that of a product or a list of them, in place."""
    product = {key: schema.pop(key) for key in list(schema) if key not in ("title", "description")}
    schema["anyOf"] = [product, {"type": "array", "items": product, "minItems": 1}]


ROLES: Final = ("assimilate", "referee", "verify")


def with_products(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return plain data of a campaign in which a list of observations is divided into sections. Local.

    The first product with the role ``assimilate`` becomes the section 'observations', the referee the section
    'referee', and every other one an item of the section 'products', by its name. A mapping stays as it is.

    Raises
    ------
    ValueError : with one line per problem of names and roles.
    """
    listed = raw.get("observations")
    if not isinstance(listed, list | tuple):
        return raw
    problems = _problems(raw, listed)
    if problems:
        raise ValueError("\n".join(problems))
    divided = {key: value for key, value in raw.items() if key != "observations"}
    for product in listed:
        role = product.get("role", "assimilate")
        if role == "assimilate" and "observations" not in divided:
            divided["observations"] = {key: value for key, value in product.items() if key != "role"}
        elif role == "referee":
            divided["referee"] = {key: value for key, value in product.items() if key not in ("role", "name")}
        else:
            divided.setdefault("products", {})[product["name"]] = {k: v for k, v in product.items() if k != "name"}
    return divided


def _problems(raw: Mapping[str, Any], listed: list[Any] | tuple[Any, ...]) -> list[str]:
    wrong = [number for number, product in enumerate(listed) if not isinstance(product, Mapping)]
    if not listed or wrong:
        found = f"item {wrong[0]} is {type(listed[wrong[0]]).__name__}" if wrong else "the list is empty"
        return [f"observations: {found}; expected a list of products, each with name, role and kind"]
    problems = []
    roles = [product.get("role", "assimilate") for product in listed]
    unknown = next((role for role in roles if role not in ROLES), None)
    if unknown is not None:
        problems.append(f"observations: found role '{unknown}'; expected {', '.join(ROLES)}")
    if "assimilate" not in roles:
        problems.append(
            "observations: no product has the role assimilate; give it to one (with monitor_only: true nothing is "
            "assimilated)"
        )
    if roles.count("referee") > 1:
        problems.append(f"observations: {roles.count('referee')} products have the role referee; expected at most one")
    names = [product.get("name") for product in listed]
    if len(listed) > 1 and None in names:
        problems.append(f"observations: product {names.index(None)} of the list has no name; every one needs a name")
    twice = next((name for name, count in Counter(names).items() if count > 1 and name is not None), None)
    if twice is not None:
        problems.append(f"observations: '{twice}' is the name of two products")
    for key, role in (("referee", "referee"), ("products", None)):
        if raw.get(key) and (role is None or role in roles):
            problems.append(f"observations: a list of products and the section '{key}' are given; use the list alone")
    return problems
