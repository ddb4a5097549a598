"""``landda schema``: every key of the configuration."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def command(
    indent: Annotated[int, typer.Option(help="Number of spaces of indentation.")] = 2,
    parts: Annotated[
        bool,
        typer.Option(
            "--parts", help="List methods, models, products ... by name, including those of installed packages."
        ),
    ] = False,
) -> None:
    """Print the JSON schema of the configuration: every key with its unit, meaning, range and default.

    Editors that support JSON schema can check and complete the YAML file of a campaign with it. The schema includes
    parts of installed packages (docs/plugins.md).
    """
    from landda_hpc.config import CampaignConfig

    if parts:
        for line in _parts():
            typer.echo(line)
    else:
        typer.echo(json.dumps(CampaignConfig.model_json_schema(), indent=indent))


def _parts() -> list[str]:
    """The names that a configuration can give, by kind; those of other packages with their package."""
    from landda_hpc.config import CHECKS, METHODS, MODELS, PRODUCT_ENTRIES, STATION_ENTRIES
    from landda_hpc.methods.base.error_section import ERROR_MODELS

    lines = []
    for registry in (METHODS, ERROR_MODELS, PRODUCT_ENTRIES, STATION_ENTRIES, MODELS, CHECKS):
        lines.append(f"{registry.what} ({registry.key}):")
        for name in registry:
            source = registry.source_of(name)
            lines.append(f"  {name}" if source.startswith("module ") else f"  {name}: {source}")
    return lines
