"""From the section of a run to its analysis method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.config import Run
    from landda_hpc.grid import Grid
    from landda_hpc.parallel.communicator import Communicator


def make_method(
    run: Run, grid: Grid, root_group: Communicator, seed: int, data_root: Path = Path()
) -> AnalysisMethod | None:
    """Return the analysis method of a run for a process of the root group; None for a run without analyses.

    Raises
    ------
    MissingFileError, DataError, ConfigError, ShapeError : as ``AnalysingRun.build``.
    """
    return run.build(MethodContext(grid, root_group, seed, data_root)) if isinstance(run, AnalysingRun) else None
