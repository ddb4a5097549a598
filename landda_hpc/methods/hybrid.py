"""An image analysis, followed by a point analysis of what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.runs import METHODS
from landda_hpc.config.section import Count, LengthKm, Section, SoilWater, changed_fields
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.methods.learned import LearnedRun
from landda_hpc.plugins import AnyOf

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.hybrid import Hybrid, HybridOfEnsemble, PointStep
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class PointsConfig(Section):
    """The point update of the residual of the image analysis: optimal interpolation."""

    source: Literal["stations", "pixels"] = Field(
        "stations",
        description="'stations' = those of the section 'stations' that are not withheld; 'pixels' = the observed image "
        "in the scales that the image update does not use (see 'scales')",
    )
    cutoff_km: LengthKm = Field(
        1500.0, description="distance at which the correlation of the residual errors vanishes (Gaspari-Cohn), km"
    )
    errors: Literal["learned", "given"] = Field(
        "learned",
        description="'learned' = variances of the residual errors and of the stations from the residuals at pairs of "
        "stations, with the given ones as first estimates (pixels: of the residual errors, from the variance of the "
        "residuals); 'given' = as given",
    )
    background_std: SoilWater = Field(
        0.03, description="standard deviation of the errors that the image analysis leaves, m3 m-3"
    )
    pixel_std: SoilWater = Field(
        0.10, description="pixels: standard deviation of the errors of an image that reports none, m3 m-3"
    )
    memory_analyses: float = Field(
        20.0, ge=1.0, le=1e6, description="learned: analyses in the exponential mean of the residuals' products"
    )
    regions: Literal["everywhere", "coherent"] = Field(
        "everywhere",
        description="'coherent' = points count, and change cells, only inside regions of coherent change: connected "
        "cells in which the increment of the image has one sign and exceeds 'threshold'",
    )
    threshold: float = Field(
        1.0, ge=0.0, le=100.0, description="coherent: smallest increment, in root-mean-square increments of the image"
    )
    min_cells: Count = Field(4, description="coherent: smallest number of cells of a region")


class HybridRun(AnalysingRun):
    """An image update by another method, in all or some scales, then a point update of the residual."""

    # The methods are complete when the configuration is read.
    model_config = ConfigDict(defer_build=True)

    method: Literal["hybrid"] = "hybrid"
    name: str = Field("hybrid", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    image: Annotated[AnalysingRun, AnyOf(METHODS, but=("hybrid", "control"))] = Field(
        default_factory=LearnedRun,
        description="method of the image update with its keys; depth, drift, ensemble and perturbation are keys of the "
        "run itself",
    )
    scales: Literal["all", "learned"] | tuple[Count, ...] = Field(
        "all",
        description="scales of the image update: 'all', numbers (1 is the coarsest), or 'learned' = those in which "
        "the increment is at least half of the innovation",
    )
    points: PointsConfig = Field(default_factory=PointsConfig)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        of_run = sorted(changed_fields(self.image) & {"depth", "drift", "ensemble", "perturbation"})
        if of_run:
            raise ValueError(f"image: found {', '.join(of_run)}; expected these in the run itself, next to 'image'")
        if self.scales == ():
            raise ValueError("scales: found an empty list; expected all, learned, or numbers of scales")
        if self.points.source == "pixels" and self.scales == "all":
            raise ValueError(
                "points.source = pixels uses the scales of the observed image that the image update does not use, but "
                "scales = all: name the scales of the image update, e.g. [1, 2], or set scales: learned"
            )
        return self

    @property
    def shared_members(self) -> int | None:
        """See ``AnyRun.shared_members``."""
        return self.image.shared_members

    @property
    def uses_referee(self) -> bool:
        """See ``AnyRun.uses_referee``."""
        return self.image.uses_referee

    @property
    def uses_stations(self) -> bool:
        """See ``AnyRun.uses_stations``."""
        return self.points.source == "stations"

    @property
    def finds_regions(self) -> bool:
        """See ``AnyRun.finds_regions``."""
        return self.points.regions == "coherent"

    @property
    def is_checked_by_building(self) -> bool:
        """See ``AnyRun.is_checked_by_building``: the number of scales depends on the grid."""
        return isinstance(self.scales, tuple)

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """See ``AnyRun.curvelet_frame``."""
        return self.image.curvelet_frame or (None if self.scales == "all" else FrameConfig())

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        image = self.image.model_copy(update={"ensemble": self.ensemble})
        problems = super().problems(observations, parallel)
        problems += [f"image: {problem}" for problem in image.problems(observations, parallel)]
        if image.n_analysed_layers:
            problems.append(
                "image: it analyses soil layers separately, points the observed depth: set layers: observed"
            )
        return problems

    def build(self, context: MethodContext) -> Hybrid:
        """See ``AnalysingRun.build``; ConfigError if the frame lacks a scale."""
        from landda_hpc.analysis.hybrid import Hybrid

        return Hybrid(self.image.build(context), self._points(context))

    def build_ensemble(self, context: MethodContext, n_members: int) -> HybridOfEnsemble:
        """See ``AnalysingRun.build_ensemble``."""
        from landda_hpc.analysis.hybrid import HybridOfEnsemble

        return HybridOfEnsemble(self.image.build_ensemble(context, n_members), self._points(context))

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``: those of the image method."""
        return self.image.assumed_errors(frame, context)

    @property
    def _learned_from(self) -> Literal["pairs", "variance"] | None:
        if self.points.errors == "given":
            return None
        return "pairs" if self.points.source == "stations" else "variance"

    def _points(self, context: MethodContext) -> PointStep:
        from landda_hpc.analysis.hybrid import ChosenScales, PointSettings, PointStep
        from landda_hpc.analysis.point_update import PointUpdate
        from landda_hpc.analysis.residual_variances import ResidualVariances

        asked, frame, scales = self.points, self.curvelet_frame, None
        if self.scales != "all" and frame is not None:
            scales = ChosenScales(context.frame(frame), None if self.scales == "learned" else self.scales)
        threshold = asked.threshold if self.finds_regions else None
        return PointStep(
            PointSettings(asked.source, asked.pixel_std, threshold, asked.min_cells),
            PointUpdate(context.grid, asked.cutoff_km),
            ResidualVariances(asked.background_std, self._learned_from, asked.memory_analyses),
            scales,
            is_periodic=context.grid.is_periodic,
        )
