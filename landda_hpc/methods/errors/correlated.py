"""Errors whose correlation is a Gaussian function of distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import LengthKm, SoilWaterOrFile, SoilWaterOrZeroOrFile
from landda_hpc.methods.base.error_section import ErrorSection, Purpose

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import CorrelatedErrors, PlaneField, SphereField
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.grid import Grid
    from landda_hpc.methods.base.context import MethodContext


class CorrelatedErrorsConfig(ErrorSection):
    """Errors with the correlation exp(-1/2 (d / L)^2), and a white part."""

    kind: Literal["correlated"] = "correlated"
    std: SoilWaterOrFile = Field(
        description="standard deviation of the correlated part, m3 m-3: a number, or a netCDF image under data_root"
    )
    length_km: LengthKm = Field(description="correlation length L along meridians, km")
    length_lon_km: LengthKm | None = Field(
        None, description="correlation length along parallels at the equator, km; if absent as along meridians"
    )
    white_std: SoilWaterOrZeroOrFile = Field(
        0.0, description="standard deviation of the white part, m3 m-3: a number, or a netCDF image under data_root"
    )
    geometry: Literal["sphere", "plane"] = Field(
        "sphere",
        description="d: great-circle distance, or distance in cells (of a row's spacing) on the periodic image",
    )
    covariance: Literal["coefficients", "field"] = Field(
        "coefficients",
        description="covariance for 'missing: solve': diagonal in the coefficients, or that of the field itself",
    )
    draws: int = Field(200, ge=10, le=10000, description="realisations for the variances of coefficients, drawn once")

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> CorrelatedErrors:
        """See ``ErrorSection.build``."""
        from landda_hpc.analysis.error_models import CorrelatedErrors

        return CorrelatedErrors(
            self._unit_field(context.grid),
            context.std(self.std),
            context.std(self.white_std),
            context.seed,
            purpose,
            context.members(self.draws),
            self.covariance,
        )

    def _unit_field(self, grid: Grid) -> SphereField | PlaneField:
        from landda_hpc.analysis.error_models import PlaneField, SphereField
        from landda_hpc.random_fields.sphere import grid_spacing_km

        if self.geometry == "sphere":
            return SphereField(grid, self.length_km, self.length_lon_km)
        cell = grid_spacing_km(grid)
        columns = self.length_km if self.length_lon_km is None else self.length_lon_km
        return PlaneField(grid.shape, self.length_km / cell, columns / cell)
