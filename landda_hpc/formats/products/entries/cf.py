"""CF netCDF files with configured variables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.section import THINNEST_M, DepthM, Hours, Word
from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product


class CfEntry(GriddedEntry):
    """CF netCDF files of any provider."""

    product: Literal["cf"]
    variables: Annotated[dict[Word, tuple[DepthM, DepthM]], Field(min_length=1, max_length=1000)] = Field(
        description="variables of soil moisture, with top and bottom of each, m; name[0], name[1] ... are positions "
        "along a further dimension, e.g. of layers",
    )
    units: Word | dict[Word, Word] | None = Field(
        None,
        description="units that replace those in the files, for all variables or by variable: m3 m-3, percent (by "
        "volume), kg m-2 or mm (in the layer), kg m-3",
    )
    step_hours: Hours = Field(24.0, description="hours between two times; averages over longer periods are rejected")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if isinstance(self.units, dict) and (unknown := set(self.units) - set(self.variables)):
            raise ValueError(f"units name {', '.join(sorted(unknown))}, not in variables: {', '.join(self.variables)}")
        for name, (top, bottom) in self.variables.items():
            if not top + THINNEST_M <= bottom:
                raise ValueError(
                    f"variable {name}, {top} to {bottom} m: expected 0 <= top < bottom, at least 1 mm thick"
                )
        return self

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.cf_layers import cf_product

        return cf_product(self.variables, timedelta(hours=self.step_hours), self.units)
