"""Base section of analysis methods."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from landda_hpc.config.runs import AssimilatingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.ensemble.protocol import EnsembleMethod
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.methods.base.context import MethodContext


class AnalysingRun(AssimilatingRun):
    """A run whose observations are assimilated by an analysis method. A subclass is a method.

    A subclass has ``method: Literal["its_name"]``, a ``name`` with a default, its own keys, and ``build``.
    """

    @abstractmethod
    def build(self, context: MethodContext) -> AnalysisMethod:
        """Make the method, for one process of the root group.

        Parameters
        ----------
        context : grid, root group, seed, and functions that build parts from their sections.

        Raises
        ------
        MissingFileError, DataError, ConfigError, ShapeError : a file that the section names, or a package that it
            needs, is missing or not usable.

        Notes
        -----
        Local: no communication. A method that learns implements ``analysis.running_statistics.MethodMemory``.
        """

    def build_ensemble(self, context: MethodContext, n_members: int) -> EnsembleMethod:
        """Make the method for an ensemble of model states; by default an analysis of the ensemble mean.

        Parameters
        ----------
        context : as of ``build``, whose errors it raises.
        n_members : of the ensemble.
        """
        from landda_hpc.analysis.ensemble.mean_update import MeanUpdate

        return MeanUpdate(self.build(context))

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """The errors that the method assumes, to be compared with innovations; nothing by default.

        Parameters
        ----------
        frame : of the comparison.
        context : as of ``build``.

        Raises
        ------
        MissingFileError, DataError : as ``build``.
        """
        from landda_hpc.analysis.assumed_errors import AssumedErrors

        return AssumedErrors()
