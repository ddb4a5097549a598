"""From the section of a run to its analysis method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.analysis.assumed_errors import AssumedErrors
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.ensemble.protocol import EnsembleMethod
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.config import Run
    from landda_hpc.grid import Grid
    from landda_hpc.parallel.communicator import Communicator


def make_method(
    run: Run,
    grid: Grid,
    root_group: Communicator,
    seed: int,
    data_root: Path = Path(),
    *,
    has_referee: bool = False,
) -> AnalysisMethod | None:
    """Return the analysis method of a run for a process of the root group; None for a run without analyses.

    Parameters
    ----------
    run : its section of the configuration.
    grid, root_group, seed, data_root, has_referee : see ``MethodContext``.

    Raises
    ------
    MissingFileError, DataError, ConfigError, ShapeError : as ``AnalysingRun.build``.
    """
    section = _analysing(run)
    return None if section is None else section.build(MethodContext(grid, root_group, seed, data_root, has_referee))


def make_ensemble_method(
    run: Run,
    grid: Grid,
    root_group: Communicator,
    seed: int,
    data_root: Path = Path(),
    *,
    has_referee: bool = False,
) -> EnsembleMethod | None:
    """Return the method that analyses the ensemble of a run; parameters and errors as ``make_method``."""
    section = _analysing(run)
    if section is None or run.ensemble is None:
        return None
    return section.build_ensemble(MethodContext(grid, root_group, seed, data_root, has_referee), run.ensemble.members)


def assumed_errors(run: Run, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
    """The errors that a run assumes, see ``AnalysingRun.assumed_errors``; nothing for a run without analyses."""
    section = _analysing(run)
    return AssumedErrors() if section is None else section.assumed_errors(frame, context)


def _analysing(run: Run) -> AnalysingRun | None:
    return run if isinstance(run, AnalysingRun) else None
