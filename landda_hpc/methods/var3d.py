"""The 3D-Var methods of Shen et al. (2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from landda_hpc.config.domain import RegionStd
from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.section import SoilWater, SoilWaterOrZeroOrFile
from landda_hpc.constants import N_UPPER, SOIL_ZI, BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.methods.base.error_section import Errors, ErrorSection, ErrorsOfObservations
from landda_hpc.methods.base.errors_of_method import assumed_errors_of, learning_problems, with_errors
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.minimise import StoppingRule
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.analysis.var3d import ImageConstraint, ImageFill, Var3d
    from landda_hpc.config import Observations, ParallelConfig, Run
    from landda_hpc.grid import Grid
    from landda_hpc.methods.base.context import MethodContext


_STANDARD_DEVIATIONS: Final = {
    "background_std",
    "background_archive",
    "observation_std",
    "observation_std_regions",
    "reported_errors",
    "image_std",
}


class Var3dRun(AnalysingRun):
    """Keys of all 3D-Var methods [S24, Eq. 5]; B is diagonal."""

    HAS_OBSERVATION_TERM: ClassVar[bool] = False

    layers: Literal["observed", "upper_three"] = Field(
        "observed",
        description="analysed layers: 'observed' = the mean over the observed depth, with one increment for its "
        "layers; 'upper_three' = CoLM's layers 1-3 separately, as in [S24], each with its own B and increment, "
        "and the same observation",
    )
    background_std: SoilWater = Field(
        0.16, description="standard deviation of background errors without an archive, m3 m-3 (0.16: [S24]'s control)"
    )
    background_archive: Path | None = Field(
        None,
        description="netCDF file of model-minus-observation statistics, under data_root; it gives B per cell and layer",
    )
    archive_holds: Literal["difference", "background"] = Field(
        "difference",
        description="content of the archive: 'difference' = model minus observation, whose variance is B + R; "
        "'background' = model minus truth, whose variance is B",
    )
    archive_observation_std: SoilWaterOrZeroOrFile | None = Field(
        None,
        description="with archive_holds: difference, standard deviation of the observation errors, m3 m-3, a number "
        "or a netCDF image under data_root. Its square, R, is subtracted; if absent, R remains in B, as in [S24]",
    )
    background_about: Literal["mean", "zero"] = Field(
        "mean",
        description="B from the archive: variance about the mean difference, or mean square (which counts the bias "
        "as error)",
    )
    background_floor: SoilWater = Field(
        0.01, description="smallest standard deviation of background errors from the archive, m3 m-3"
    )
    background_errors: Errors | None = Field(
        None,
        description="error model of the background, for layers: observed; its standard deviations give B. Needs "
        "observation_errors",
    )
    observation_errors: ErrorsOfObservations | None = Field(
        None,
        description="error model of the observations; its standard deviations replace observation_std and image_std",
    )
    tolerance: float = Field(
        1e-9, ge=1e-30, le=1e6, description="the minimisation ends at this norm of the cost function's gradient"
    )
    tolerance_is_relative: bool = Field(
        False, description="the tolerance is relative to the gradient at the start; it is absolute in [S24]"
    )
    max_iterations: int = Field(1000, ge=1, le=100000, description="largest number of conjugate-gradient iterations")

    @model_validator(mode="after")
    def _archive_makes_sense(self) -> Self:
        if self.archive_observation_std is not None and self.background_archive is None:
            raise ValueError("archive_observation_std needs an archive: name one in background_archive")
        if self.archive_observation_std is not None and self.archive_holds == "background":
            raise ValueError(
                "archive_observation_std: an archive that holds background errors contains no observation errors; "
                "remove the key"
            )
        return self

    @model_validator(mode="after")
    def _errors_replace_standard_deviations(self) -> Self:
        given = {name for name in ("background_errors", "observation_errors") if getattr(self, name) is not None}
        if not given:
            return self
        if len(given) == 1:
            raise ValueError(
                f"found {given.pop()} alone: give both background_errors and observation_errors, or neither"
            )
        # A campaign stores every key, so that a default counts as absent.
        fields = type(self).model_fields
        other = sorted(k for k in _STANDARD_DEVIATIONS & set(fields) if getattr(self, k) != fields[k].default)
        if other:
            raise ValueError(f"error models replace {', '.join(other)}: remove these, or the error models")
        if self.layers != "observed":
            raise ValueError("error models describe the observed depth: set layers: observed, or give an archive")
        return self

    @property
    def n_analysed_layers(self) -> int:
        """See ``AnyRun.n_analysed_layers``."""
        return N_UPPER if self.layers == "upper_three" else 0

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """See ``AnyRun.curvelet_frame``: errors that are learned need one."""
        return FrameConfig() if self.background_errors is not None else None

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems, (top, bottom) = super().problems(observations, parallel), observations.depth_m
        if self.layers == "upper_three" and bottom > SOIL_ZI[N_UPPER]:
            problems.append(
                f"layers: upper_three reaches down to {SOIL_ZI[N_UPPER]:.4f} m; the observed depth is {top}-{bottom} "
                f"m: "
                "observe a depth within these layers, or set layers: observed"
            )
        return problems + learning_problems(self.background_errors, self.observation_errors)

    def build(self, context: MethodContext) -> AnalysisMethod:
        """See ``AnalysingRun.build``.

        Raises
        ------
        MissingFileError, DataError, ShapeError : the archive is not usable, or has another number of layers.
        """
        if self.background_errors is not None and self.observation_errors is not None:
            return self._of_errors(self.background_errors, self.observation_errors, context)
        return self._by_errors(context)(None)

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``: B of the mean over the analysed layers, R of J_O, else of J_I."""
        from landda_hpc.analysis.assumed_errors import AssumedErrors
        from landda_hpc.analysis.error_models import WhiteErrors

        if self.background_errors is not None:
            return assumed_errors_of(self.background_errors, self.observation_errors, frame, context)
        deviation = np.sqrt(self._background_variance(context)).mean(axis=0)
        std = self._assumed_std(context)
        return AssumedErrors(
            WhiteErrors(deviation, context.seed, "background"),
            None if std is None else WhiteErrors(std, context.seed, "observation"),
        )

    def _assumed_std(self, context: MethodContext) -> float | FloatArray | None:
        """Standard deviation of the observation errors, m3 m-3; None if each observation reports it."""
        return None

    def _of_errors(self, background: ErrorSection, observation: ErrorSection, context: MethodContext) -> AnalysisMethod:
        """The method with error models."""
        from landda_hpc.analysis.var3d import Var3dOfErrors

        image, rule = self._image(context), self._stopping_rule()
        return with_errors(
            lambda b, r: Var3dOfErrors(b, r, self.HAS_OBSERVATION_TERM, image, rule),
            background,
            observation,
            context.frame(self.curvelet_frame or FrameConfig()),
            context,
        )

    def _stopping_rule(self) -> StoppingRule:
        from landda_hpc.analysis.minimise import StoppingRule

        return StoppingRule(self.tolerance, self.tolerance_is_relative, self.max_iterations)

    def _by_errors(self, context: MethodContext) -> Callable[[float | FloatArray | None], Var3d]:
        """Build all parts of the method that do not depend on the observation errors.

        Returns
        -------
        Function: standard deviation of observation errors, m3 m-3, a number or a map (None without J_O) -> the method.
        """
        from landda_hpc.analysis.var3d import Var3d

        rule = self._stopping_rule()
        variance, image = self._background_variance(context), self._image(context)
        return lambda std: Var3d(variance, observation_std=std, image=image, rule=rule)

    def _image(self, context: MethodContext) -> ImageConstraint | None:
        """The image term J_I; None for a method without it."""
        return None

    def _background_variance(self, context: MethodContext) -> FloatArray:
        """Diagonal of B, m6 m-6, (n_layer, n_lat, n_lon); cells outside the archive take the layer's mean."""
        from landda_hpc.analysis.background_archive import read_archive

        n_layers, shape = self.n_analysed_layers or 1, context.grid.shape
        if self.background_archive is None:
            return np.full((n_layers, *shape), self.background_std**2)
        path = context.data_root / self.background_archive
        statistics = read_archive(path, context.grid)
        found = statistics.count.shape[0]
        if found != n_layers:
            raise DataError(
                f"archive '{path}' has {found} layer{'' if found == 1 else 's'}; the analysis has {n_layers} (layers: "
                f"{self.layers}). Name another archive; landda study archive --layers makes one with three layers."
            )
        observation_std = self.archive_observation_std
        return statistics.background_variance(
            np.ones(shape, dtype=np.bool_),
            about=self.background_about,
            floor_std=self.background_floor,
            observation_std=0.0 if observation_std is None else context.std(observation_std),
        )


class Var3dObservationTerm(Var3dRun):
    """J_O: the distance from the observation, cell by cell."""

    HAS_OBSERVATION_TERM: ClassVar[bool] = True

    observation_std: SoilWater = Field(
        0.10, description="standard deviation of observation and operator errors that J_O assumes, m3 m-3"
    )
    reported_errors: bool = Field(
        False, description="J_O uses the errors that each observation reports (observations.errors) instead"
    )
    observation_std_regions: tuple[RegionStd, ...] = Field(
        (),
        max_length=100,
        description="regions where J_O assumes another standard deviation; if regions overlap, the last one is used",
    )

    @model_validator(mode="after")
    def _reported_errors_are_of_one_layer(self) -> Self:
        if self.reported_errors and self.layers == "upper_three":
            raise ValueError(
                "reported_errors hold for the observed depth: with layers: upper_three give observation_std"
            )
        return self

    def build(self, context: MethodContext) -> AnalysisMethod:
        """See ``Var3dRun.build``; DataError also for the file of a region."""
        if self.background_errors is not None:
            return super().build(context)
        from landda_hpc.analysis.reported_errors import WithReportedErrors

        by_errors = self._by_errors(context)
        if self.reported_errors:
            return WithReportedErrors(by_errors)
        return by_errors(self._assumed_std(context))

    def _assumed_std(self, context: MethodContext) -> float | FloatArray | None:
        from landda_hpc.regions import std_by_region

        if self.reported_errors:
            return None
        return std_by_region(context.grid, self.observation_std, self.observation_std_regions, context.data_root)


class Var3dImageTerm(Var3dRun):
    """J_I: the distance from the observed image's largest curvelet coefficients."""

    keep_fraction: float = Field(
        0.5, ge=1e-6, le=1.0, description="sigma: share of the observed image's coefficients that are compared, by rank"
    )
    image_std: float = Field(
        0.10,
        ge=1e-6,
        le=100.0,
        description="s, error of the image's coefficients, m3 m-3; 1 in [S24] Eq. 5 as printed: little update",
    )
    fill: Literal["mean", "zero", "harmonic"] = Field(
        "mean", description="values of cells outside the soil while coefficients are ranked"
    )
    gaps: Literal["zero_innovation", "excluded"] = Field(
        "zero_innovation", description="unobserved cells are filled with the background, or are not compared"
    )
    frame: FrameConfig = Field(default_factory=FrameConfig)

    @property
    def curvelet_frame(self) -> FrameConfig:
        """See ``AnyRun.curvelet_frame``."""
        return self.frame

    def _assumed_std(self, context: MethodContext) -> float | FloatArray | None:
        return self.image_std

    def _image(self, context: MethodContext) -> ImageConstraint:
        from landda_hpc.analysis.var3d import ImageConstraint

        fill = make_fill(self.fill, context.grid)
        return ImageConstraint(context.frame(self.frame), self.keep_fraction, self.image_std, fill, self.gaps)


class Var3dPointRun(Var3dObservationTerm):
    """Conventional 3D-Var, J_B + J_O."""

    method: Literal["var3d_point"] = "var3d_point"
    name: str = Field("var3d_point", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    @property
    def static_background_std(self) -> float | None:
        """See ``AnyRun.static_background_std``."""
        if self.background_archive is not None or self.background_errors is not None:
            return None
        return self.background_std


class Var3dImageRun(Var3dImageTerm):
    """3D-Var with the image term in place of the observation term, J_B + J_I."""

    method: Literal["var3d_image"] = "var3d_image"
    name: str = Field("var3d_image", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class Var3dBothRun(Var3dObservationTerm, Var3dImageTerm):
    """3D-Var with both terms, J_B + J_O + J_I."""

    method: Literal["var3d_both"] = "var3d_both"
    name: str = Field("var3d_both", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


def absolute_tolerance(runs: Iterable[Run]) -> float | None:
    """The gradient tolerance of the 3D-Var runs among some, if all have the same absolute one."""
    rules = {None if run.tolerance_is_relative else run.tolerance for run in runs if isinstance(run, Var3dRun)}
    return rules.pop() if len(rules) == 1 else None


def make_fill(name: str, grid: Grid) -> ImageFill:
    """Return the filling of cells outside the soil while coefficients are ranked: 'mean', 'zero' or 'harmonic'."""
    from landda_hpc.analysis.inpainting import HarmonicInpainting
    from landda_hpc.analysis.var3d import fill_with_mean, fill_with_zero

    if name == "harmonic":
        inpaint = HarmonicInpainting(grid, None)

        def fill(image: FloatArray, known: BoolArray) -> FloatArray:
            return inpaint(image, known, np.ones(known.shape, dtype=np.bool_))

        return fill
    return {"mean": fill_with_mean, "zero": fill_with_zero}[name]
