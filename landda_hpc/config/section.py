"""What all sections of a configuration share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]


def _without_offset(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("times are UTC and carry no offset: write 2022-06-02T00:00")
    return value


UtcTime = Annotated[datetime, AfterValidator(_without_offset)]
"""A time, UTC. One with an offset would never be equal to a time of the campaign."""


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def changed_fields(section: Section) -> set[str]:
    """Names of the fields that do not have their default value."""
    fields = type(section).model_fields
    return {name for name, f in fields.items() if getattr(section, name) != f.get_default(call_default_factory=True)}
