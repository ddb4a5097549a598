"""Pages that the package itself writes: commands from their help, keys of a configuration from its schema."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx
from typer.cli import get_docs_for_click

from landda_hpc.commands.application import app as landda
from landda_hpc.config import CampaignConfig

FOLDER = "reference/_generated"


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages when a build begins."""
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True}


def _write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("commands.md", commands_page()), ("configuration.md", configuration_page())):
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def commands_page() -> str:
    """Help of every command, as Markdown."""
    command = typer.main.get_command(landda)
    context = typer.Context(command, info_name="landda")
    text = unescape(get_docs_for_click(obj=command, ctx=context, name="landda"))
    lines = text.replace("```console\n", "```text\n").splitlines()
    return "\n".join(["# Commands", "", *lines[2:], ""])


def configuration_page() -> str:
    """Every section of a campaign's configuration: keys, types, defaults, ranges, units and meaning."""
    schema = CampaignConfig.model_json_schema()
    parts = schema["$defs"]
    text = [
        "# Keys of a configuration", "",
        "`landda schema` prints the same as JSON schema, with the parts of installed plug-ins. A key without default",
        "must be given.", "",
        "(campaign)=", "## A campaign", "", *_table(schema, parts),
    ]  # fmt: skip
    for name in sorted(parts, key=lambda name: (_named_by(parts[name]).partition(":")[0], name)):
        if parts[name].get("properties"):
            description = _sentence(parts[name].get("description", ""))
            heading = _named_by(parts[name]) or name
            text += [
                f"({_anchor(name)})=",
                f"## {heading}",
                "",
                f"`{name}`. {description}",
                "",
                *_table(parts[name], parts),
            ]
    return "\n".join(text) + "\n"


def _named_by(section: dict[str, Any]) -> str:
    """Return the field that names a part among its alternatives, e.g. ``method: learned``; empty if there are none."""
    for key in ("method", "kind", "product"):
        node = section["properties"].get(key, {}) if "properties" in section else {}
        if "const" in node:
            return f"{key}: {node['const']}"
    return ""


def _table(section: dict[str, Any], parts: dict[str, Any]) -> list[str]:
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    required = section.get("required", ())
    for key, node in section["properties"].items():
        plain = "" if key in required else _plain(node.get("default", {}))
        meaning = node.get("description") or parts.get(node.get("$ref", "").rsplit("/", 1)[-1], {}).get(
            "description", ""
        )
        rows.append(f"| `{key}` | {_value(node)} | {plain and f'`{plain}`'} | {_cell(_sentence(meaning))} |")
    return [*rows, ""]


def _value(node: dict[str, Any]) -> str:
    """Return what a key accepts, with links to the sections."""
    if "$ref" in node:
        return _link(node["$ref"])
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    for several in ("anyOf", "oneOf"):
        if several in node:
            return " or ".join(dict.fromkeys(_value(part) for part in node[several]))
    kind = node.get("type", "any")
    if kind == "array":
        inside = node.get("items") or {"anyOf": node.get("prefixItems", [{}])}
        return f"list of {_value(inside)}"
    if kind == "object":
        return "section"
    if kind in ("number", "integer"):
        return f"{kind}{_range(node)}"
    return {"null": "none", "string": "text", "boolean": "true or false"}.get(kind, kind)


def _range(node: dict[str, Any]) -> str:
    low = (
        f"≥ {node['minimum']:g}"
        if "minimum" in node
        else f"> {node['exclusiveMinimum']:g}"
        if "exclusiveMinimum" in node
        else ""
    )
    high = (
        f"≤ {node['maximum']:g}"
        if "maximum" in node
        else f"< {node['exclusiveMaximum']:g}"
        if "exclusiveMaximum" in node
        else ""
    )
    bounds = ", ".join(bound for bound in (low, high) if bound)
    return f" {bounds}" if bounds else ""


def _link(reference: str) -> str:
    name = reference.rsplit("/", 1)[-1]
    return f"[{name}](#{_anchor(name)})"


def _anchor(name: str) -> str:
    return f"section-{name.lower()}"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return "see the section" if len(text) > 40 else _cell(text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sentence(text: str) -> str:
    """Return a description that MyST shows as it is: no emphasis, no references, no formulas by accident."""
    first, *_ = text.split("\n\n")
    return "".join(f"\\{c}" if c in "*_$<[" else c for c in first.replace("\n", " "))
