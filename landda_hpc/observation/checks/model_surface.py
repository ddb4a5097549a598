"""Surfaces through which soil moisture is not observed, as the model has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import Field

from landda_hpc.config.section import Fraction
from landda_hpc.errors import ShapeError
from landda_hpc.observation.check_section import CheckContext, CheckInput, CheckSection, QualityCheck

if TYPE_CHECKING:
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.observation.image_observation import ImageObservation

    Image = TypeVar("Image", BoolArray, FloatArray)


class FrozenSoilCheck(CheckSection):
    """Cells where the model has ice in the observed layers."""

    reason: ClassVar[str] = "frozen soil"
    needs_model: ClassVar[bool] = True

    kind: Literal["frozen_soil"] = "frozen_soil"

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def is_frozen(_: ImageObservation, given: CheckInput, /) -> BoolArray:
            return _given(given.surface.is_frozen, self.words)

        return is_frozen


class ColdGroundCheck(CheckSection):
    """Cells where the model's ground is cold."""

    reason: ClassVar[str] = "frozen soil"
    needs_surface: ClassVar[bool] = True

    kind: Literal["cold_ground"] = "cold_ground"
    below: float = Field(273.15, ge=150.0, le=350.0, description="temperature of the ground, K")

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def is_cold(_: ImageObservation, given: CheckInput, /) -> BoolArray:
            return _given(given.surface.temperature, self.words) < self.below

        return is_cold


class SnowCheck(CheckSection):
    """Cells where the model has snow."""

    reason: ClassVar[str] = "snow"
    needs_surface: ClassVar[bool] = True

    kind: Literal["snow"] = "snow"
    above: float = Field(1.0, ge=0.0, le=100000.0, description="snow mass, kg m-2")

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def has_snow(_: ImageObservation, given: CheckInput, /) -> BoolArray:
            return _given(given.surface.snow, self.words) > self.above

        return has_snow


class VegetationCheck(CheckSection):
    """Cells where the model's vegetation covers the soil."""

    reason: ClassVar[str] = "dense vegetation"
    needs_vegetation: ClassVar[bool] = True

    kind: Literal["dense_vegetation"] = "dense_vegetation"
    above: Fraction = Field(0.8, description="share of the soil that vegetation covers, 1")

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def is_dense(_: ImageObservation, given: CheckInput, /) -> BoolArray:
            return _given(given.surface.vegetation, self.words) > self.above

        return is_dense


def _given(image: Image | None, what: str) -> Image:
    if image is None:
        raise ShapeError(f"quality control: the check of {what} is on, but the model's image of it is missing.")
    return image
