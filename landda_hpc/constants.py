"""Physical constants and the vertical grid of CoLM (SI units unless the name says otherwise)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

RHO_WATER: Final = 1000.0  # kg m-3
RHO_ICE: Final = 917.0  # kg m-3
GRAVITY: Final = 9.80616  # m s-2
ZERO_CELSIUS: Final = 273.15  # K
T_FREEZE: Final = 273.16  # K, CoLM's freezing point (docs/column.md: T_f)
LATENT_HEAT_VAPORISATION: Final = 2.5104e6  # J kg-1
LATENT_HEAT_FUSION: Final = 0.3336e6  # J kg-1
LATENT_SUBLIMATION: Final = 2.5104e6 + 0.3336e6  # J kg-1
HEAT_WATER: Final = 4188.0  # J kg-1 K-1
HEAT_ICE: Final = 2117.27  # J kg-1 K-1
SPECIFIC_HEAT_AIR: Final = 1004.64  # J kg-1 K-1
MOLAR_MASS_RATIO: Final = 0.622  # water vapour to dry air, 1
VON_KARMAN: Final = 0.4
STEFAN_BOLTZMANN: Final = 5.67e-8  # W m-2 K-4
GAS_CONSTANT_VAPOUR: Final = 461.5  # J kg-1 K-1
GAS_CONSTANT_AIR: Final = 287.04  # J kg-1 K-1
CONDUCTIVITY_WATER: Final = 0.57  # W m-1 K-1, still liquid water
ALBEDO_WATER: Final = 0.08
SECONDS_PER_DAY: Final = 86400
EARTH_RADIUS: Final = 6.371e6  # m

N_SOIL: Final = 10
N_SNOW: Final = 5
N_UPPER: Final = 3
"""Uppermost soil layers, which [S24] analyses one by one: nodes at 0.7, 2.8 and 6.2 cm, down to 9.1 cm."""

FROZEN_ICE: Final = 0.01
"""kg m-2; a layer with more ice than this is frozen and never updated (docs/methods.md, "State, layers and
operators")."""

DRY_SHARE: Final = 0.01
"""Lower bound of liquid water as a share of porosity, or theta_r where that is larger (docs/methods.md)."""

LEAST_POTENTIAL: Final = -1.0e8
"""mm; matric potential of the driest soil (CoLM's smpmin)."""

CoLM_MISSING: Final = -1.0e36
"""CoLM's missing value; its files carry no _FillValue attribute."""

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def soil_layers(n_soil: int = N_SOIL) -> tuple[FloatArray, FloatArray, FloatArray]:
    """CoLM's exponential soil grid.

    Parameters
    ----------
    n_soil : number of layers.

    Returns
    -------
    z, dz, zi : node depths (n_soil,), thicknesses (n_soil,), and interface depths (n_soil + 1,)
        starting at 0; all in m, positive downward.

    References
    ----------
    docs/methods.md, "State, layers and operators": z_j = 0.025 (exp(0.5 (j - 0.5)) - 1), interfaces half-way.
    """
    j = np.arange(1, n_soil + 1, dtype=np.float64)
    z = 0.025 * (np.exp(0.5 * (j - 0.5)) - 1.0)
    zi = np.empty(n_soil + 1)
    zi[0] = 0.0
    zi[1:n_soil] = 0.5 * (z[:-1] + z[1:])
    zi[n_soil] = z[-1] + 0.5 * (z[-1] - z[-2])
    return z, np.diff(zi), zi


SOIL_Z, SOIL_DZ, SOIL_ZI = soil_layers()
"""Node depths, thicknesses, interfaces of the ten soil layers, m."""
