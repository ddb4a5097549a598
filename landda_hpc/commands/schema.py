"""``landda schema``: every key of the configuration."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from landda_hpc.config import CampaignConfig


def command(
    indent: Annotated[int, typer.Option(help="Number of spaces of indentation.")] = 2,
) -> None:
    """Print the JSON schema of the configuration: every key with its unit, meaning, range and default.

    Editors that support JSON schema can check and complete the YAML file of a campaign with it.
    """
    typer.echo(json.dumps(CampaignConfig.model_json_schema(), indent=indent))
