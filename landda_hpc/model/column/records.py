"""Records of the column kernels: one structure of named values per tile.

A kernel takes elements of structured arrays. Compiled code reads them through a pointer, without the reference counting
that arrays need; Python reads the same elements as ``numpy.record``. Order and number of the fields have no meaning. A
name must not be one of ``numpy.record``'s own attributes (``mean``, ``size``, ...).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from landda_hpc.constants import N_SOIL

Record: TypeAlias = Any
"""An element of structured records; a field is a number, an array or another record."""

Records: TypeAlias = np.recarray[Any, np.dtype[Any]]

N_POWER: Final = 2 * N_SOIL
"""Power laws of a column: those of potential in the layers, then those of conductivity at the interfaces below them."""

_LAYERS: Final = (np.float64, (N_SOIL,))

SOIL: Final = np.dtype(
    [
        ("porosity", *_LAYERS),  # m3 m-3
        ("log_psi0", *_LAYERS),  # ln of the suction at saturation in mm
        ("b", *_LAYERS),  # Campbell's exponent
        ("log_k_below", *_LAYERS),  # ln of the saturated conductivity, mm s-1, at the interface below the layer
        ("exponent_below", *_LAYERS),  # 2 b + 3 there
        ("k_saturated", *_LAYERS),  # of the layer, mm s-1
        ("root", *_LAYERS),  # share of roots over 1 - psi0 / psi_wilting
        ("pores", *_LAYERS),  # water that fills the pores, kg m-2
        ("pore_share", *_LAYERS),  # weight of the layer in the saturation at the interface below it, 1
        ("is_upstream", np.bool_),  # conductivity of an interface: that of the layer which the water leaves
        ("saturated_decay", np.float64),  # of the saturated fraction with the depth of the water table, m-1
        ("theta_air", np.float64),  # air-dry water content of the top layer, m3 m-3
        ("tortuosity", np.float64),  # of the dry surface layer, 1
    ],
    align=True,
)
"""Hydraulic constants of a soil column."""

WATER: Final = np.dtype(
    [
        # The state, from the caller.
        ("liquid", *_LAYERS),  # kg m-2
        ("ice", *_LAYERS),  # kg m-2
        ("temperature", *_LAYERS),  # K; frozen layers supply no water to roots
        # Bounds and hydraulics.
        ("least", *_LAYERS),  # lower bound of liquid, kg m-2
        ("most", *_LAYERS),  # pore space that ice leaves, kg m-2
        ("impedance", *_LAYERS),  # 10^(-6 f_ice) at the interface below the layer; 0: sealed
        ("wetness", np.float64, (N_POWER,)),  # share of the pores within the limits of the hydraulics; see N_POWER
        ("log_wetness", np.float64, (N_POWER,)),
        ("power", np.float64, (N_POWER,)),  # suction in mm, and conductivity without ice in mm s-1
        ("theta", *_LAYERS),  # liquid within the limits of the hydraulics, m3 m-3
        ("psi", *_LAYERS),  # matric potential, mm
        ("dpsi", *_LAYERS),  # its derivative to theta, mm
        ("k_below", *_LAYERS),  # conductivity of the interface below the layer, mm s-1
        ("dk", *_LAYERS),  # its derivative to theta of the layer, mm s-1
        ("dk_next", *_LAYERS),  # the same to theta of the layer below
        # The linear system.
        ("q_below", *_LAYERS),  # flux below the layer at the start of the sub-step, mm s-1
        ("dq_up", *_LAYERS),  # derivative of that flux to theta of the layer, mm s-1
        ("dq_down", *_LAYERS),  # the same to theta of the layer below
        ("upper", *_LAYERS),  # upper diagonal over pivot
        ("change", *_LAYERS),  # change of theta, m3 m-3
        # A sub-step.
        ("share", *_LAYERS),  # of root uptake, times the demand of transpiration
        ("sink", *_LAYERS),  # root uptake, kg m-2
        ("flux", np.float64, (N_SOIL + 1,)),  # water through the top of the layer, kg m-2; the last is drainage
        ("sub_step", np.float64),  # s; the length tried next
        ("longest", np.float64),  # s
        ("remaining", np.float64),  # s, of the step
        ("infiltration", np.float64),  # kg m-2 s-1
        ("is_current", np.bool_),  # whether the hydraulics are those of the liquid water
        # Amounts over the step, kg m-2.
        ("evaporated", np.float64),
        ("transpired", np.float64),
        ("drained", np.float64),
        ("overflow", np.float64),  # left at the surface for lack of pore space
    ],
    align=True,
)
"""Work space of the water of a soil column."""

TOTALS: Final = np.dtype(
    [
        # kg m-2 over the forecast; overflow is a part of runoff.
        *((name, np.float64) for name in ("precipitation", "evaporation", "transpiration", "runoff", "drainage")),
        *((name, np.float64) for name in ("overflow", "supply")),
        # J m-2 over the forecast; zero without an energy balance.
        *((name, np.float64) for name in ("sensible", "latent", "shortwave", "longwave", "ground")),
        ("water_residual", np.float64),  # largest of any step, kg m-2
        ("energy_residual", np.float64),  # W m-2
        ("n_solves", np.int64),  # solutions of the soil-water equation
        ("n_balances", np.int64),  # sub-steps of the energy balance
        ("n_leaf", np.int64),  # iterations of the leaf temperature
        ("n_sunny", np.int64),  # model steps with sun
    ],
    align=True,
)
"""Budget of a tile in a forecast."""


def new_records(dtype: np.dtype[Any], n: int) -> Records:
    """Return ``n`` records of zeros."""
    return np.zeros(n, dtype).view(np.recarray)
