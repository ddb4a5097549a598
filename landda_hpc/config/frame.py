"""The curvelet frame of an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.section import Section

if TYPE_CHECKING:
    from landda_hpc.config.domain import GridConfig


class FrameConfig(Section):
    """The curvelet frame."""

    backend: Literal["ours", "curvelops", "udct"] = Field(
        "ours", description="implementation; others than 'ours' need their packages (udct: angles_coarse 12, 24 ...)"
    )
    angles_coarse: int = Field(16, ge=4, le=1024, multiple_of=4, description="angles at the coarsest directional scale")
    finest: Literal["curvelets", "wavelets"] = Field("curvelets", description="kind of the finest scale")
    scales: int | None = Field(None, ge=2, le=12, description="number of scales; default: from the image size")
    sizes: Literal["smooth", "curvelab"] = Field(
        "smooth", description="wedge sizes: fast, or as in the reference implementation"
    )
    boundary: Literal["none", "reflect", "double_fourier_sphere"] = Field(
        "none", description="treatment of the image's edges; 'none' wraps periodically, as in the papers"
    )

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.backend == "udct" and self.finest != "curvelets":
            raise ValueError(
                "backend udct has curvelets at the finest scale only: with wavelets it is not a tight frame"
            )
        if self.backend == "udct" and self.angles_coarse % 12:
            raise ValueError(f"backend udct needs angles_coarse = 12, 24 ...; found {self.angles_coarse}")
        if self.backend != "ours" and self.sizes != "smooth":
            raise ValueError(
                f"sizes: {self.sizes} exists for backend ours only; backend {self.backend} has its own sizes"
            )
        return self

    def problems(self, grid: GridConfig) -> list[str]:
        """Conflicts between frame and grid, one line each."""
        if self.boundary == "double_fourier_sphere" and (not grid.is_global or grid.n_lon % 2):
            return ["boundary double_fourier_sphere needs the globe and an even number of longitudes"]
        return []
