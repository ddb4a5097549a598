"""Error models of the background and of observations, as analyses take them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.section import NonNegative, Positive, Section


class FrameConfig(Section):
    """The curvelet frame."""

    backend: Literal["ours", "curvelops", "udct"] = Field(
        "ours", description="whose transform; the others need their packages (udct: angles_coarse 12, 24 ...)"
    )
    angles_coarse: int = Field(16, ge=4, multiple_of=4, description="angles at the coarsest directional scale")
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


class WhiteErrorsConfig(Section):
    """Errors that are independent from cell to cell."""

    kind: Literal["white"] = "white"
    std: Positive | Path = Field(
        description="standard deviation, m3 m-3: a number, or a netCDF image of it under data_root"
    )


class CorrelatedErrorsConfig(Section):
    """Errors with the correlation exp(-1/2 (d / L)^2), and a white part."""

    kind: Literal["correlated"] = "correlated"
    std: Positive | Path = Field(
        description="standard deviation of the correlated part, m3 m-3: a number, or a netCDF image under data_root"
    )
    length_km: Positive = Field(description="correlation length L along meridians, km")
    length_lon_km: Positive | None = Field(
        None, description="correlation length along parallels at the equator, km; as along meridians if absent"
    )
    white_std: NonNegative | Path = Field(
        0.0, description="standard deviation of the white part, m3 m-3: a number, or a netCDF image under data_root"
    )
    geometry: Literal["sphere", "plane"] = Field(
        "sphere",
        description="d: great-circle distance, or distance in cells (of a row's spacing) on the periodic image",
    )
    covariance: Literal["coefficients", "field"] = Field(
        "coefficients",
        description="missing: solve works with a covariance that is diagonal in the coefficients, or the field's own",
    )
    draws: int = Field(
        200, ge=10, le=10000, description="realisations that variances of coefficients come from, drawn once"
    )


class ClimatologicalErrorsConfig(Section):
    """Errors with one variance per wedge of the frame, from an archive."""

    kind: Literal["climatological"] = "climatological"
    file: Path = Field(description="CSV file under data_root: scale, wedge, variance in m6 m-6")
    holds: Literal["errors", "difference"] = Field(
        "errors",
        description="what the variances are of: 'errors' = these errors alone; 'difference' = model minus observation, "
        "B + R together",
    )
    other_std: NonNegative | None = Field(
        None,
        description="holds: difference: standard deviation of the other side's white errors, m3 m-3, taken off every "
        "wedge as a variance; if absent they stay in",
    )

    @model_validator(mode="after")
    def _holds_them(self) -> Self:
        if self.other_std is not None and self.holds != "difference":
            raise ValueError("other_std is taken off a difference of two: say holds: difference, or leave it out")
        return self


class ToldErrorsConfig(Section):
    """White errors of the size that each observation brings: observations.errors, bias treatment and all."""

    kind: Literal["told"] = "told"


Errors = Annotated[WhiteErrorsConfig | CorrelatedErrorsConfig | ClimatologicalErrorsConfig, Field(discriminator="kind")]


ErrorsOfObservations = Annotated[
    WhiteErrorsConfig | CorrelatedErrorsConfig | ClimatologicalErrorsConfig | ToldErrorsConfig,
    Field(discriminator="kind"),
]
