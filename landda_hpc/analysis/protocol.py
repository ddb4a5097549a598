"""Input and output of every analysis method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Background and observation on the model grid.

    Attributes
    ----------
    background : H x_b, m3 m-3, shape (n_lat, n_lon); NaN off the land cells.
    observation : y, m3 m-3, same shape; NaN where missing or rejected.
    domain : cells that an analysis may change (updatable soil), same shape.
    time_key : valid time as ISO text; keys every random number of the analysis.
    observation_std : standard deviation of the errors that the observation reports, m3 m-3, same shape; None if it
        reports none. Only methods that use reported errors read it.
    referee : soil moisture of another product, or of stations, that is not assimilated, m3 m-3, same shape; NaN where
        it has none; None without a referee at this time. Only methods that learn their errors read it.
    """

    background: FloatArray
    observation: FloatArray
    domain: BoolArray
    time_key: str
    observation_std: FloatArray | None = None
    referee: FloatArray | None = None

    def __post_init__(self) -> None:
        shapes = {self.background.shape, self.observation.shape, self.domain.shape}
        shapes |= {image.shape for image in (self.observation_std, self.referee) if image is not None}
        if len(shapes) > 1:
            raise ShapeError(
                f"background {self.background.shape}, observation {self.observation.shape}, its errors, referee or "
                f"domain {self.domain.shape} differ in shape; they must be on one grid."
            )

    @property
    def observed(self) -> BoolArray:
        """Cells of the domain with an observation and a background."""
        return self.domain & np.isfinite(self.observation) & np.isfinite(self.background)

    @property
    def innovation(self) -> FloatArray:
        """d = y - H x_b where observed, zero elsewhere (zero fill in innovation space), shape (n_lat, n_lon)."""
        return np.where(self.observed, self.observation - self.background, 0.0)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Result of one image analysis.

    Attributes
    ----------
    increment : x_a - x_b, m3 m-3, (n_lat, n_lon); zero outside the domain.
    spread : standard deviation of the background's perturbed images, m3 m-3; NaN off the domain; None where
        the method has no ensemble.
    diagnostics : named numbers for the cycle record.
    layers : the analyses of the uppermost soil layers, from the top down, where these were analysed one by one;
        ``increment`` is then their mean over the observed depth. Empty where the observed depth itself was analysed.
    warnings : sentences for the log, without the name of the run; rank 0 writes them.
    """

    increment: FloatArray
    spread: FloatArray | None = None
    diagnostics: dict[str, float | list[float]] = field(default_factory=dict)
    layers: tuple[Analysis, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Analysis, ...]:
        """Analyses whose increments go to the soil: those of the layers if there are any, else this one."""
        return self.layers or (self,)


class MemberSums(Protocol):
    """Distribution of members over the processes of the root group, with sums in a fixed order."""

    @property
    def n_members(self) -> int: ...

    @property
    def blocks(self) -> tuple[range, ...]:
        """Member numbers of the blocks that this process computes."""
        ...

    def sum_blocks(self, block_sums: FloatArray) -> FloatArray:
        """(blocks here, n) -> (n,): the sum over all blocks, on every process. Collective."""
        ...


class AnalysisMethod(Protocol):
    """An analysis method: background and observation in, increment out."""

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group: each of its processes gives the same pair and gets the same result."""
        ...


@runtime_checkable
class HearsIncrements(Protocol):
    """A method that needs the increments that the model really received, within the bounds of its layers."""

    def applied(self, increment: FloatArray) -> None:
        """Take note of H x_a - H x_b after the bounds, m3 m-3, (n_lat, n_lon), zero off the domain. Local: roots.

        Called after every analysis, on every process of the root group with the same image.
        """
        ...
