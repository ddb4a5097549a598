"""What becomes of observations before they are assimilated: checks, regridding, errors, bias treatment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from landda_hpc.config.section import Fraction, Hours, Section, SoilWater, Word
from landda_hpc.plugins import AnyOf, Registry


class SpikeCheck(Section):
    """Change of a cell's observation since the last one that was accepted; too large a change is not used.

    The next observation confirms it, if it agrees: then it was a step, and counts from there on.
    """

    max_rise: SoilWater = Field(0.30, description="largest increase between two observations, m3 m-3; rain is quick")
    max_fall: SoilWater = Field(0.15, description="largest decrease between two observations, m3 m-3; drying is slow")
    within_hours: Hours = Field(48.0, description="largest age of the observation that is compared, h")


class InnovationCheck(Section):
    """Departure of an observation from the background (O-B) against the errors expected of both."""

    sigmas: float = Field(
        4.0, ge=0.01, le=1000.0, description="rejected where |O-B| exceeds so many sqrt(std_o^2 + background_std^2)"
    )
    background_std: SoilWater = Field(0.15, description="standard deviation of background errors, m3 m-3")
    run: Word | None = Field(
        None,
        description="whose background judges; none: an observation stays if it agrees with the background of any run "
        "(all runs of a campaign take the same observations)",
    )


class AnyCheck(Section):
    """A further check of observations. A subclass has ``kind``, a literal, and its own keys.

    ``observation.check_section.CheckSection`` says how a check is built.
    """

    needs_model: ClassVar[bool] = False
    """Whether it depends on the model's state: a report from files alone leaves such checks out."""
    needs_surface: ClassVar[bool] = False
    """Whether the check is given ground temperature and snow of the model."""
    needs_vegetation: ClassVar[bool] = False
    """Whether it is given the model's vegetation cover."""
    needs_backgrounds: ClassVar[bool] = False
    """Whether it is given the backgrounds of all runs."""

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
"""What a product's own flags may say of a pixel."""


class QualityConfig(Section):
    """Quality control: each check that is on gives its own counted reason; the first that fails is the reason."""

    # Until a configuration is read, checks need not be loaded.
    model_config = ConfigDict(defer_build=True)

    range_sigmas: float | None = Field(
        4.0,
        ge=0.0,
        le=1000.0,
        description="values outside [0, porosity] by more error standard deviations are rejected; none: no check",
    )
    frozen_model: bool = Field(True, description="reject where the model has ice in the observed layers")
    frozen_temperature: float | None = Field(
        None,
        ge=150.0,
        le=350.0,
        description="reject where the model's ground is colder, K, e.g. 273.15; none: no check",
    )
    snow_amount: float | None = Field(
        None, ge=0.0, le=100000.0, description="reject where the model has more snow, kg m-2, e.g. 1; none: no check"
    )
    vegetation_fraction: Fraction | None = Field(
        None, description="reject where the model's vegetation shades a larger share of the soil, 1; none: no check"
    )
    refuse: tuple[Condition, ...] = Field(
        ("not_recommended", "frozen", "snow", "dense_vegetation", "water"),
        description="pixels that the product flags so are left out before regridding",
    )
    spike: SpikeCheck | None = Field(None, description="temporal check; none: no check")
    innovation: InnovationCheck | None = Field(None, description="check against the background; none: no check")
    checks: tuple[Check, ...] = Field(
        (),
        max_length=100,
        description="further checks, after those above and in this order, also of installed packages (docs/plugins.md)",
    )

    def standard_checks(self) -> tuple[AnyCheck, ...]:
        """The checks that the keys switch on and that need no memory and no background, in their order."""
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
        """The standard checks and the further ones."""
        return self.standard_checks() + self.checks


class RegriddingConfig(Section):
    """How a product comes to the model grid."""

    method: Literal["bilinear", "conservative"] = Field(
        "bilinear", description="between cell centres, as both papers; or the mean over the cell's area (superobbing)"
    )
    min_valid_fraction: Fraction = Field(
        0.5, gt=0.0, description="share of a cell's weight that must come from valid pixels, else it is missing, 1"
    )
    cache: Path | None = Field(
        None, description="folder that keeps weights between runs, under data_root; none: computed at every start"
    )


class ConstantErrors(Section):
    """Observation errors of one size: error_std."""

    kind: Literal["constant"] = "constant"


class MapErrors(Section):
    """Observation errors per cell from a file, bilinear on the model grid."""

    kind: Literal["map"] = "map"
    file: Path = Field(description="netCDF image of the standard deviation, m3 m-3, under data_root")
    variable: Word | None = Field(None, description="its variable; none: the only image in the file")


class ProductErrors(Section):
    """Observation errors from the product's own uncertainty field, reduced as pixels are averaged."""

    kind: Literal["product"] = "product"
    correlation: Fraction = Field(
        1.0, description="correlation of the errors of pixels that are averaged, 1: 1 keeps their size, 0 divides by n"
    )
    minimum: SoilWater = Field(0.01, description="smallest standard deviation believed, m3 m-3")


ObservationErrors = Annotated[ConstantErrors | MapErrors | ProductErrors, Field(discriminator="kind")]


class NoBias(Section):
    """Observations as they are: the papers' default."""

    kind: Literal["none"] = "none"


class BiasConfig(Section):
    """What the treatments share."""

    file: Path = Field(description="climatologies of model and product, made by landda observations climatology")
    min_count: int = Field(
        20, ge=2, le=1_000_000, description="times that a cell's climatology needs; cells with fewer stay as is"
    )


class MeanVarianceMatching(BiasConfig):
    """Mean and variance of each cell's observations become the model's."""

    kind: Literal["mean_variance"] = "mean_variance"
    max_scale: float = Field(4.0, ge=1.0, le=1000.0, description="largest factor on anomalies (and its inverse), 1")


class CdfMatching(BiasConfig):
    """The distribution of each cell's observations becomes the model's."""

    kind: Literal["cdf"] = "cdf"


BiasTreatment = Annotated[NoBias | MeanVarianceMatching | CdfMatching, Field(discriminator="kind")]
