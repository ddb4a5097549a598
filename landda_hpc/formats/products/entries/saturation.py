"""Products in percent of saturation, which are converted with a porosity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from landda_hpc.config.section import DepthM, Word
from landda_hpc.formats.products.entry import GriddedEntry

if TYPE_CHECKING:
    from landda_hpc.formats.products.product import Product

Porosity = Annotated[float, Field(ge=0.05, le=0.95)]


class SaturationEntry(GriddedEntry):
    """Keys of products in percent of saturation."""

    porosity: Literal["model"] | Porosity = Field(
        "model",
        description="porosity that converts saturation to volumetric content: that of the model at the observed depth "
        "in each cell, for assimilated products; or a number, m3 m-3, which verification needs",
    )

    @property
    def given_porosity(self) -> float | None:
        """The porosity, m3 m-3; None for that of the model."""
        return None if self.porosity == "model" else self.porosity


class AscatEntry(SaturationEntry):
    """Surface soil moisture of ASCAT on a grid of latitude and longitude, e.g. H SAF images, percent of saturation."""

    product: Literal["ascat"]
    variable: Word = Field("surface_soil_moisture", description="name of the variable in the files")

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.saturation import ascat_product

        return ascat_product(self.variable, self.given_porosity)


class CglsSwiEntry(SaturationEntry):
    """Soil Water Index of the Copernicus Global Land Service, from ASCAT (and Sentinel-1), percent of saturation."""

    product: Literal["cgls_swi"]
    time_constant_days: Literal[1, 2, 5, 10, 15, 20, 40, 60, 100] = Field(
        5, description="time constant T of the exponential filter, days: variable SWI_005 for 5"
    )
    depth_m: tuple[DepthM, DepthM] = Field(
        description="top and bottom of the soil that this index stands for, m. The product does not define it; it "
        "follows from T and the soil"
    )
    min_quality: float = Field(
        70.0, ge=0.0, le=100.0, description="values whose quality flag is lower are not recommended, percent"
    )

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        from landda_hpc.formats.products.saturation import swi_product

        return swi_product(self.time_constant_days, self.depth_m, self.given_porosity, self.min_quality)
