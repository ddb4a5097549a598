"""Processing of observations before assimilation: checks, regridding, errors, bias treatment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from landda_hpc.config.section import Fraction, Hours, Section, SoilWater, Word
from landda_hpc.plugins import AnyOf, Registry


class SpikeCheck(Section):
    """Check of temporal changes: an observation is rejected if it differs too much from the cell's last accepted one.

    If the next observation agrees with a rejected one, the change was a step, and observations are accepted again.
    """

    max_rise: SoilWater = Field(0.30, description="maximum increase between two observations, m3 m-3; rain acts fast")
    max_fall: SoilWater = Field(0.15, description="maximum decrease between two observations, m3 m-3; drying is slow")
    within_hours: Hours = Field(48.0, description="maximum age of the earlier observation, h")


class InnovationCheck(Section):
    """Check of the innovation (O-B) against the expected errors of observation and background."""

    sigmas: float = Field(
        4.0,
        ge=0.01,
        le=1000.0,
        description="an observation is rejected if |O-B| exceeds this factor times sqrt(std_o^2 + background_std^2)",
    )
    background_std: SoilWater = Field(0.15, description="assumed standard deviation of background errors, m3 m-3")
    run: Word | None = Field(
        None,
        description="run whose background is used. Default: an observation is accepted if it agrees with the "
        "background of any run, because all runs use the same observations",
    )


class AnyCheck(Section):
    """A further check of observations. A subclass has ``kind``, a literal, and its own keys.

    ``observation.check_section.CheckSection`` says how a check is built.
    """

    needs_model: ClassVar[bool] = False
    """Whether the check depends on the model's state; a report from files alone omits such checks."""
    needs_surface: ClassVar[bool] = False
    """Whether the check receives the model's ground temperature and snow."""
    needs_vegetation: ClassVar[bool] = False
    """Whether the check receives the model's vegetation cover."""
    needs_backgrounds: ClassVar[bool] = False
    """Whether the check receives the backgrounds of all runs."""

    if TYPE_CHECKING:
        kind: str


CHECKS: Final[Registry[AnyCheck]] = Registry(
    "quality check",
    "landda_hpc.observation.check_section:CheckSection",
    "kind",
    "landda_hpc.observation.checks",
    ("range", "frozen_soil", "cold_ground", "snow", "dense_vegetation"),
    group="landda_hpc.quality_checks",
)
"""Quality checks by their ``kind``."""

Check = Annotated[AnyCheck, AnyOf(CHECKS)]
"""A quality check of any kind."""

Condition = Literal["not_recommended", "frozen", "snow", "dense_vegetation", "water"]
"""Conditions of a pixel that the flags of a product report."""


class QualityConfig(Section):
    """Quality control: every check counts its rejections; the first check that fails gives the reason."""

    # Until a configuration is read, checks need not be loaded.
    model_config = ConfigDict(defer_build=True)

    range_sigmas: float | None = Field(
        4.0,
        ge=0.0,
        le=1000.0,
        description="values are rejected if they lie outside [0, porosity] by more than this number of error "
        "standard deviations; none = no check",
    )
    frozen_model: bool = Field(
        True, description="observations are rejected where the model has ice in the observed layers"
    )
    frozen_temperature: float | None = Field(
        None,
        ge=150.0,
        le=350.0,
        description="observations are rejected where the model's ground is colder than this, K, e.g. 273.15; none = "
        "no check",
    )
    snow_amount: float | None = Field(
        None,
        ge=0.0,
        le=100000.0,
        description="observations are rejected where the model has more snow than this, kg m-2, e.g. 1; none = no "
        "check",
    )
    vegetation_fraction: Fraction | None = Field(
        None,
        description="observations are rejected where the model's vegetation covers more than this fraction of the "
        "soil; none = no check",
    )
    refuse: tuple[Condition, ...] = Field(
        ("not_recommended", "frozen", "snow", "dense_vegetation", "water"),
        description="pixels with these flags of the product are excluded before regridding",
    )
    spike: SpikeCheck | None = Field(None, description="temporal check; none = no check")
    innovation: InnovationCheck | None = Field(None, description="check against the background; none = no check")
    checks: tuple[Check, ...] = Field(
        (),
        max_length=100,
        description="further checks, also from installed packages (docs/plugins.md), in this order and after those "
        "above",
    )

    def standard_checks(self) -> tuple[AnyCheck, ...]:
        """Checks that the keys switch on and that need neither memory nor background, in their order."""
        asked: tuple[tuple[str, str, object], ...] = (
            ("range", "sigmas", self.range_sigmas),
            ("frozen_soil", "", self.frozen_model or None),
            ("cold_ground", "below", self.frozen_temperature),
            ("snow", "above", self.snow_amount),
            ("dense_vegetation", "above", self.vegetation_fraction),
        )
        return tuple(
            CHECKS.make(kind, **({key: limit} if key else {})) for kind, key, limit in asked if limit is not None
        )

    @property
    def all_checks(self) -> tuple[AnyCheck, ...]:
        """All checks: the standard checks and those from the list."""
        return self.standard_checks() + self.checks

    @property
    def needs_surface(self) -> bool:
        """Whether a check needs the model's ground temperature or snow."""
        return any(check.needs_surface for check in self.all_checks)


class RegriddingConfig(Section):
    """Regridding of a product to the model grid."""

    method: Literal["bilinear", "conservative"] = Field(
        "bilinear",
        description="'bilinear' interpolates between cell centres, as in both papers; 'conservative' takes the mean "
        "over the cell's area (superobservation)",
    )
    min_valid_fraction: Fraction = Field(
        0.5,
        gt=0.0,
        description="minimum fraction of a cell's weight that comes from valid pixels; otherwise the cell is missing",
    )
    cache: Path | None = Field(
        None,
        description="folder under data_root that stores weights for later campaigns; none = weights are computed at "
        "every start",
    )


class ConstantErrors(Section):
    """Constant observation errors: error_std."""

    kind: Literal["constant"] = "constant"


class MapErrors(Section):
    """Observation errors per cell from a file, bilinear on the model grid."""

    kind: Literal["map"] = "map"
    file: Path = Field(description="netCDF image of the standard deviation, m3 m-3; path under data_root")
    variable: Word | None = Field(None, description="variable of the image; default: the only image in the file")


class ProductErrors(Section):
    """Observation errors from the product's own uncertainty field, reduced as pixels are averaged."""

    kind: Literal["product"] = "product"
    correlation: Fraction = Field(
        1.0,
        description="correlation between the errors of averaged pixels: with 1 the variance of the mean is that of "
        "a pixel, with 0 it is divided by n",
    )
    minimum: SoilWater = Field(0.01, description="lower bound of the standard deviation, m3 m-3")


ObservationErrors = Annotated[ConstantErrors | MapErrors | ProductErrors, Field(discriminator="kind")]


class NoBias(Section):
    """Observations without bias treatment, as in both papers."""

    kind: Literal["none"] = "none"


class BiasConfig(Section):
    """Keys common to all bias treatments."""

    file: Path = Field(
        description="file with climatologies of model and product, written by 'landda observations climatology'"
    )
    min_count: int = Field(
        20,
        ge=2,
        le=1_000_000,
        description="minimum number of times in a cell's climatology; observations of cells with fewer are not changed",
    )


class MeanVarianceMatching(BiasConfig):
    """Match mean and variance of each cell's observations to the model's."""

    kind: Literal["mean_variance"] = "mean_variance"
    max_scale: float = Field(
        4.0, ge=1.0, le=1000.0, description="maximum factor on anomalies, and maximum of its inverse"
    )


class CdfMatching(BiasConfig):
    """Match the distribution of each cell's observations to the model's."""

    kind: Literal["cdf"] = "cdf"


class SeasonalBias(BiasConfig):
    """Keys common to the bias treatments by season; the file needs seasons."""

    min_count: int = Field(
        20,
        ge=2,
        le=1_000_000,
        description="minimum number of values in a cell's climatology of the season, and of the year",
    )
    fallback: Literal["annual", "untreated"] = Field(
        "annual",
        description="treatment of a cell whose season has fewer values: with the climatology of the year (cells with "
        "fewer values than min_count in the year are not changed), or none. The numbers of cells are reported for "
        "every season",
    )


class SeasonalCdfMatching(SeasonalBias):
    """Match the distribution of each cell's observations in a season to the model's in that season."""

    kind: Literal["seasonal_cdf"] = "seasonal_cdf"


class AnomalyAssimilation(SeasonalBias):
    """Add the anomaly of each observation about the product's mean of the season to the model's mean of the season."""

    kind: Literal["anomalies"] = "anomalies"


BiasTreatment = Annotated[
    NoBias | MeanVarianceMatching | CdfMatching | SeasonalCdfMatching | AnomalyAssimilation,
    Field(discriminator="kind"),
]
