"""Base section of error models, and the error models from which a method can choose."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Final, Literal

from landda_hpc.config.section import Section
from landda_hpc.plugins import AnyOf, Registry

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import ErrorModel
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.methods.base.context import MethodContext


Purpose = Literal["background", "observation"]


class ErrorSection(Section):
    """An error model. A subclass has ``kind: Literal["its_name"]``, its own keys, and ``build``."""

    @property
    def varies(self) -> bool:
        """Whether the errors become known at each analysis only, so that ``build`` cannot make a model of them."""
        return False

    @property
    def constant_std(self) -> float | None:
        """Standard deviation if it is one number and the errors are independent from cell to cell; None otherwise."""
        return None

    @abstractmethod
    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> ErrorModel:
        """Make the error model.

        Parameters
        ----------
        frame : of the coefficients.
        purpose : errors of the background or of the observation; keys the random numbers.
        context : grid, root group, seed, folder of external data.

        Raises
        ------
        MissingFileError, DataError : a file that the section names is missing or not usable.
        """


ERROR_MODELS: Final[Registry[ErrorSection]] = Registry(
    "error model",
    ErrorSection,
    "kind",
    "landda_hpc.methods.errors",
    ("white", "correlated", "climatological", "learned", "reported"),
)
"""Error models by the ``kind`` of their section."""

Errors = Annotated[ErrorSection, AnyOf(ERROR_MODELS, but=("reported",))]
"""An error model that does not depend on the observation of a cycle."""

ErrorsOfObservations = Annotated[ErrorSection, AnyOf(ERROR_MODELS)]
"""An error model of observations, which may report their own errors."""
