"""Input and output of every analysis method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
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
    observation_std : standard deviation of the reported observation errors, m3 m-3, same shape; None if the observation
        reports none. Only methods that use reported errors read it.
    referee : soil moisture of the referee, which is not assimilated, m3 m-3, same shape, NaN where missing; None
        without a referee at this time. Only methods that learn their errors read it.
    stations, stations_std : soil moisture at stations, in the cells that have any, and standard deviation of its errors
        as the mean of the cell, m3 m-3, same shape, NaN elsewhere; None without stations at this time. Only methods
        that assimilate stations read them.
    """

    background: FloatArray
    observation: FloatArray
    domain: BoolArray
    time_key: str
    observation_std: FloatArray | None = None
    referee: FloatArray | None = None
    stations: FloatArray | None = None
    stations_std: FloatArray | None = None

    def __post_init__(self) -> None:
        shapes = {self.background.shape, self.observation.shape, self.domain.shape}
        others = (self.observation_std, self.referee, self.stations, self.stations_std)
        shapes |= {image.shape for image in others if image is not None}
        if len(shapes) > 1:
            raise ShapeError(
                f"background {self.background.shape}, observation {self.observation.shape}, its errors, referee, "
                f"stations or domain {self.domain.shape} differ in shape; they must be on one grid."
            )

    @cached_property
    def observed(self) -> BoolArray:
        """Cells of the domain with an observation and a background. Not to be changed."""
        return self.domain & np.isfinite(self.observation) & np.isfinite(self.background)

    @cached_property
    def innovation(self) -> FloatArray:
        """d = y - H x_b in observed cells, zero elsewhere (zero fill), m3 m-3, (n_lat, n_lon). Not to be changed."""
        return np.where(self.observed, self.observation - self.background, 0.0)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Result of one image analysis.

    Attributes
    ----------
    increment : x_a - x_b, m3 m-3, (n_lat, n_lon); zero outside the domain.
    spread : standard deviation of background errors, m3 m-3, NaN off the domain; None if the method assumes none.
    diagnostics : named numbers for the cycle record.
    layers : analyses of the uppermost soil layers, from the top down, if these were analysed one by one; ``increment``
        is then their mean over the observed depth. Empty if the observed depth itself was analysed.
    warnings : sentences for the log, without the name of the run; rank 0 writes them.
    regions : number of the region of coherent change of each cell, 0 outside, (n_lat, n_lon); None if the method
        identifies none.
    """

    increment: FloatArray
    spread: FloatArray | None = None
    diagnostics: dict[str, float | list[float]] = field(default_factory=dict)
    layers: tuple[Analysis, ...] = ()
    warnings: tuple[str, ...] = ()
    regions: IntArray | None = None

    @property
    def parts(self) -> tuple[Analysis, ...]:
        """Analyses whose increments are added to the soil: those of the layers if there are any, else this one."""
        return self.layers or (self,)


class MemberSums(Protocol):
    """Distribution of members over the processes of the root group, with sums in a fixed order."""

    @property
    def n_members(self) -> int: ...

    @property
    def blocks(self) -> tuple[range, ...]:
        """Numbers of the members in each block that this process computes."""
        ...

    def sum_blocks(self, n: int, add: Callable[[range, FloatArray], None]) -> FloatArray:
        """Return the sum over all members on every process, (n,). Collective.

        ``add`` adds the terms of the members of a block to an array of zeros, (n,); it is called for each block of this
        process in turn, so that few block sums are held.
        """
        ...


class AnalysisMethod(Protocol):
    """An analysis method: computes an increment from background and observation."""

    def analyse(self, pair: ImagePair) -> Analysis:
        """Analyse one image. Collective over the root group: all processes pass the same pair, get the same result."""
        ...


@runtime_checkable
class HearsIncrements(Protocol):
    """A method that needs the increments that the model actually received, after the bounds of its layers."""

    def applied(self, increment: FloatArray) -> None:
        """Store what is needed of H x_a - H x_b after the bounds, m3 m-3, (n_lat, n_lon), zero off the domain. Local.

        Called after every analysis, on every process of the root group with the same image.
        """
        ...
