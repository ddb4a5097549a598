"""Base section of quality checks: the input of a check, and its construction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from landda_hpc.config.quality import AnyCheck
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.grid import Grid
from landda_hpc.observation.image_observation import ImageObservation


@dataclass(frozen=True, eq=False)
class ModelSurface:
    """State of the model's surface at the time of an observation: images (n_lat, n_lon), None if not requested.

    Attributes
    ----------
    is_frozen : cells with ice in the observed layers.
    temperature : of the ground, K; NaN without soil.
    snow : snow mass, kg m-2.
    vegetation : share of the soil that vegetation covers, 1.
    """

    is_frozen: BoolArray | None = None
    temperature: FloatArray | None = None
    snow: FloatArray | None = None
    vegetation: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class CheckContext:
    """Data that a check can use when it is built.

    Attributes
    ----------
    grid : the model grid.
    porosity : of the model's soil over the observed depth, m3 m-3, (n_lat, n_lon); NaN without soil.
    data_root : folder of external data.
    seed : of the campaign.
    """

    grid: Grid
    porosity: FloatArray
    data_root: Path = Path()
    seed: int = 1


@dataclass(frozen=True, eq=False)
class CheckInput:
    """Input of a check at each time, besides the observation.

    Attributes
    ----------
    error_std : standard deviation of the observation's errors, m3 m-3, (n_lat, n_lon).
    surface : of the model; temperature and snow only if ``needs_surface``, vegetation only if ``needs_vegetation``.
    backgrounds : at the observed depth by run, m3 m-3, (n_lat, n_lon), NaN without soil; empty unless
        ``needs_backgrounds``.
    """

    error_std: FloatArray
    surface: ModelSurface = field(default_factory=ModelSurface)
    backgrounds: Mapping[str, FloatArray] = field(default_factory=dict)


class QualityCheck(Protocol):
    """Decides which cells of an observation are not used.

    A check that remembers former observations is a ``CheckMemory`` too. Checks are called once per time, in order of
    time.
    """

    def __call__(self, observation: ImageObservation, given: CheckInput, /) -> BoolArray:
        """Cells to reject, shape (n_lat, n_lon); cells that are not used already are ignored.

        Notes
        -----
        Local: no communication; rank 0 holds the observation.
        """
        ...


@runtime_checkable
class CheckMemory(Protocol):
    """A check that remembers former observations. Its arrays are part of the checkpoint, their shapes never change."""

    def state(self) -> dict[str, FloatArray]:
        """Copies of all arrays on which later checks depend. Local."""
        ...

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restore arrays returned by ``state``; ShapeError if a name is missing or a shape differs. Local."""
        ...


class CheckSection(AnyCheck):
    """A quality check. A subclass has ``kind: Literal["its_name"]``, its own keys, and ``build``."""

    reason: ClassVar[str] = ""
    """Why a cell is rejected, for tables and feedback files; by default the kind, with blanks."""

    @property
    def words(self) -> str:
        """The reason in words."""
        return self.reason or self.kind.replace("_", " ")

    @abstractmethod
    def build(self, context: CheckContext) -> QualityCheck:
        """Make the check, on rank 0.

        Raises
        ------
        MissingFileError, DataError : a file that the section names is missing or not usable.
        """
