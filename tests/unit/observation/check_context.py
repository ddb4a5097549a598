"""What quality checks are built from, for tests that need no place on Earth."""

from __future__ import annotations

import numpy as np

from landda_hpc.grid import Grid, regular_grid
from landda_hpc.observation.check_section import CheckContext


def context(porosity: np.ndarray, grid: Grid | None = None) -> CheckContext:
    """A context of this porosity; the built-in checks do not look at the grid."""
    return CheckContext(grid or regular_grid(18, 36), porosity)
