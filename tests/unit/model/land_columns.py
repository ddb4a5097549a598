"""Empty work arrays of the land model's kernels, and columns of made tiles."""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import (
    N_SOIL,
    SOIL_DZ,
    SOIL_Z,
    SOIL_ZI,
)
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM, pack_parameters
from landda_hpc.model.column.land import layout as a


def empty() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((a.N_LAYER_ROW, a.N_SLOT)), np.zeros(a.N_SCALAR)


def soil_column(tiles) -> a.Column:
    n = len(tiles)
    thermal = np.zeros((n, a.N_THERMAL, N_SOIL))
    return a.Column(
        tiles.patchtype, pack_parameters(tiles), thermal, np.zeros((n, a.N_PROPERTY)), LAYER_DZ_MM,
        1000.0 * np.diff(SOIL_Z), SOIL_DZ, SOIL_Z, SOIL_ZI,
    )  # fmt: skip
