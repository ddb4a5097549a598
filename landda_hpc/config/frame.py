"""The curvelet frame that analyses work in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.section import Section

if TYPE_CHECKING:
    from landda_hpc.config.domain import GridConfig


class FrameConfig(Section):
    """The curvelet frame."""

    backend: Literal["ours", "curvelops", "udct"] = Field(
        "ours", description="whose transform; the others need their packages (udct: angles_coarse 12, 24 ...)"
    )
    angles_coarse: int = Field(16, ge=4, le=1024, multiple_of=4, description="angles at the coarsest directional scale")
    finest: Literal["curvelets", "wavelets"] = Field("curvelets", description="kind of the finest scale")
    scales: int | None = Field(None, ge=2, le=12, description="number of scales; by the image's size if absent")
    sizes: Literal["smooth", "curvelab"] = Field("smooth", description="wedge sizes: fast, or the reference's")
    boundary: Literal["none", "reflect", "double_fourier_sphere"] = Field(
        "none", description="what happens at the image's edges; 'none' is the papers' plain wrap"
    )

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.backend == "udct" and self.finest != "curvelets":
            raise ValueError(
                "backend udct has curvelets at the finest scale only: with wavelets it is not a tight frame"
            )
        if self.backend == "udct" and self.angles_coarse % 12:
            raise ValueError(f"backend udct takes 12, 24 ... angles_coarse; found {self.angles_coarse}")
        if self.backend != "ours" and self.sizes != "smooth":
            raise ValueError(f"sizes: {self.sizes} is a choice of backend ours; backend {self.backend} has its own")
        return self

    def problems(self, grid: GridConfig) -> list[str]:
        """What does not fit between frame and grid, one line each."""
        if self.boundary == "double_fourier_sphere" and (not grid.is_global or grid.n_lon % 2):
            return ["boundary double_fourier_sphere needs the globe and an even number of longitudes"]
        return []
