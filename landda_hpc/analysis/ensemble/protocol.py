"""Input and output of every analysis of an ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from landda_hpc.analysis.protocol import Analysis, ImagePair, MemberSums
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ShapeError

T = TypeVar("T", bound=np.generic)


class Members(MemberSums, Protocol):
    """Distribution of an ensemble over the root group: whole members, or all members in a part of the cells."""

    def by_cell(self, rows: FloatArray) -> FloatArray:
        """Exchange (members here, n_cells) for (n_members, n_owned). Collective over the root group."""
        ...

    def of_all_cells(self, owned: FloatArray, n_cells: int) -> FloatArray:
        """Values of all cells, (n_cells, ...), from those that each process owns, (n_owned, ...). Collective."""
        ...


@dataclass(frozen=True, eq=False)
class EnsemblePair:
    """Ensemble of backgrounds, and an observation.

    Attributes
    ----------
    mean : background of the ensemble mean, and the observation.
    cell : flat index of each land cell in an image, (n_cells,).
    observed : H x_b of every member, m3 m-3, (n_members, n_cells), the same on every process; NaN without soil.
    owned : land cells whose layers this process has.
    layers : soil water of every member in these cells, m3 m-3, (n_members, n_owned, n_soil); NaN without soil.
    weights : H, weights of the layers in the observed depth, (n_soil,).
    """

    mean: ImagePair
    cell: IntArray
    observed: FloatArray
    owned: slice
    layers: FloatArray
    weights: FloatArray

    def __post_init__(self) -> None:
        n_members, n_cells = self.observed.shape
        n_owned = self.owned.stop - self.owned.start
        expected = (n_members, n_owned, self.weights.size)
        if self.cell.size != n_cells or self.layers.shape != expected:
            raise ShapeError(
                f"an ensemble of {n_members} members in {n_cells} cells ({self.cell.size} indices) has layers of shape "
                f"{self.layers.shape}; expected {expected}."
            )

    @property
    def n_members(self) -> int:
        """Number of members."""
        return int(self.observed.shape[0])

    @cached_property
    def is_soil(self) -> BoolArray:
        """Land cells that the analysis may change, (n_cells,)."""
        return self.of_cells(self.mean.domain)

    @cached_property
    def anomalies(self) -> FloatArray:
        """Deviations of the members from their mean at the observed depth, (n_members, n_cells); 0 without soil."""
        return np.where(self.is_soil, deviations(self.observed), 0.0)

    def image(self, values: FloatArray) -> FloatArray:
        """Put values of the land cells, (n_cells,), into an image, (n_lat, n_lon); 0 elsewhere."""
        image = np.zeros(self.mean.domain.size)
        image[self.cell] = values
        return image.reshape(self.mean.domain.shape)

    def of_cells(self, image: npt.NDArray[T]) -> npt.NDArray[T]:
        """Values of an image in the land cells, (n_cells,)."""
        values: npt.NDArray[T] = image.reshape(-1)[self.cell]
        return values


@dataclass(frozen=True, eq=False)
class EnsembleAnalysis:
    """Result of an analysis of an ensemble.

    Attributes
    ----------
    mean : analysis of the ensemble mean; ``spread`` is the standard deviation of the background members.
    observed : increment of every member at the observed depth, m3 m-3, (n_members, n_owned); None if ``layers`` has the
        increments of all layers.
    layers : increment of every member and layer, (n_members, n_owned, n_soil); None if only the observed depth was
        analysed.
    """

    mean: Analysis
    observed: FloatArray | None = None
    layers: FloatArray | None = None


class EnsembleMethod(Protocol):
    """An analysis method of ensembles."""

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """Analyse one ensemble. Collective over the root group."""
        ...


def ordered_mean(members: FloatArray) -> FloatArray:
    """Mean over axis 0, added in order: the same bits for any part of the other axes."""
    total = np.zeros(members.shape[1:])
    for values in members:
        total += values
    mean: FloatArray = total / members.shape[0]
    return mean


def deviations(members: FloatArray) -> FloatArray:
    """Deviations from the mean over axis 0."""
    result: FloatArray = members - ordered_mean(members)
    return result


def covariance(first: FloatArray, second: FloatArray) -> FloatArray:
    """Sample covariance over axis 0 of two arrays of deviations, added in order."""
    total = np.zeros(np.broadcast_shapes(first.shape[1:], second.shape[1:]))
    for x, y in zip(first, second, strict=True):
        total += x * y
    result: FloatArray = total / (first.shape[0] - 1)
    return result


def spread_image(pair: EnsemblePair) -> FloatArray:
    """Standard deviation of the background members at the observed depth, (n_lat, n_lon); NaN off the domain."""
    std = np.sqrt(covariance(pair.anomalies, pair.anomalies))
    return np.where(pair.mean.domain, pair.image(std), np.nan)
