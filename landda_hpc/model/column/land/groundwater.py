"""The water table, the aquifer below the soil, and what leaves them to rivers.

Below the soil column the table moves by what drains into the aquifer and what leaves it, over the specific yield of the
lowest layer (COLM.md). An aquifer that is full up to the soil takes no more: the column then fills from below, and the
table is where layers stop being saturated. A layer counts as partly saturated between the saturation that it has in
equilibrium with a table at its lower end and full pores.
"""

from __future__ import annotations

import math
from typing import Final

import numba

from landda_hpc.constants import N_SNOW, FloatArray
from landda_hpc.model.column.hydraulics import BSW, LOG_PSI0, PORSL, ice_impedance
from landda_hpc.model.column.land.layout import ICE, TH_DRAINED, WA, ZWT, Column
from landda_hpc.model.column.richards import DK, K_BELOW, PSI, W_MAX, W

DEEPEST: Final = 80.0  # m
MIN_YIELD: Final = 0.02
MAX_BASEFLOW: Final = 5.5e-3  # kg m-2 s-1
BASEFLOW_DECAY: Final = 2.5  # m-1
NEGLIGIBLE_BASEFLOW: Final = 12.0  # m; deeper tables give less than 1e-15 kg m-2 s-1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def specific_yield(i: int, table: float, column: Column) -> float:
    """What a table at this depth takes to rise, m3 m-3: porsl (1 - (1 - 1000 zwt / psi0)^(-1/b)), at least 0.02."""
    j = column.dz.size - 1
    h = column.hydraulic
    suction = math.log(1.0 + 1000.0 * table * math.exp(-h[i, LOG_PSI0, j]))
    share: float = max(MIN_YIELD, h[i, PORSL, j] * (1.0 - math.exp(-suction / h[i, BSW, j])))
    return share


@numba.njit(cache=True, nogil=True, error_model="numpy")
def restrain_drainage(table: float, column: Column, c: FloatArray) -> None:
    """Reduce the conductivity below the lowest layer to what a table at this depth lets through.

    The gradient between the lowest node and the table is 1 + psi / distance (Niu et al. 2007, J. Geophys. Res., 112,
    D07103), unity for a deep table; water does not rise out of the aquifer, and a full one takes none.
    """
    n = column.dz.size
    gradient = 0.0
    if table > column.zi[n]:
        gradient = max(0.0, 1.0 + c[PSI, n - 1] / (1000.0 * (table - column.z[n - 1])))
    c[K_BELOW, n - 1] *= gradient
    c[DK, n - 1] *= gradient


@numba.njit(cache=True, nogil=True, error_model="numpy")
def baseflow(i: int, step: float, table: float, s: FloatArray, column: Column) -> float:
    """Subsurface runoff over a step, kg m-2: impedance x 5.5e-3 exp(-2.5 zwt) (SIMTOP; COLM.md)."""
    if table > NEGLIGIBLE_BASEFLOW:
        return 0.0
    j = column.dz.size - 1
    porosity = column.hydraulic[i, PORSL, j]
    ice = s[ICE, N_SNOW + j] * (1000.0 / 917.0) / column.dz_mm[j]
    return step * ice_impedance(ice, porosity) * MAX_BASEFLOW * math.exp(-BASEFLOW_DECAY * table)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def saturated_share(i: int, j: int, column: Column, c: FloatArray) -> float:
    """Share of layer j that is below the table, judged by its water."""
    drained = column.thermal[i, TH_DRAINED, j]
    share: float = min(1.0, max(0.0, (c[W, j] / max(1.0e-9, c[W_MAX, j]) - drained) / (1.0 - drained)))
    return share


@numba.njit(cache=True, nogil=True, error_model="numpy")
def table_in_column(i: int, column: Column, c: FloatArray) -> float:
    """Depth of the table above a full aquifer, m."""
    n = column.dz.size
    for j in range(n - 1, -1, -1):
        share = saturated_share(i, j, column, c)
        if share < 0.99:
            depth: float = column.zi[j + 1] - share * column.dz[j]
            return depth
    return 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def drain_column(i: int, wanted: float, column: Column, c: FloatArray) -> float:
    """Take water out of the saturated part of the column from its upper end down; what it did not hold, kg m-2."""
    n = column.dz.size
    first = n
    for j in range(n - 1, -1, -1):
        if saturated_share(i, j, column, c) <= 0.0:
            break
        first = j
    for j in range(first, n):
        if wanted <= 0.0:
            break
        keeps = column.thermal[i, TH_DRAINED, j] * c[W_MAX, j]
        taken = min(wanted, max(0.0, c[W, j] - keeps))
        c[W, j] -= taken
        wanted -= taken
    return wanted


@numba.njit(cache=True, nogil=True, error_model="numpy")
def move_table(
    i: int, step: float, recharge: float, s: FloatArray, column: Column, x: FloatArray, c: FloatArray
) -> tuple[float, float]:
    """Bring aquifer and table to the end of a step.

    Parameters
    ----------
    i, step : tile, s.
    recharge : what drained out of the lowest layer, kg m-2.
    s : layers (ice).
    x : scalars; updates WA, ZWT.
    c : the column's water; may give up baseflow and take back what a full aquifer refuses.

    Returns
    -------
    Baseflow and what the column had no room for (at its upper end), kg m-2.
    """
    n = column.dz.size
    bottom = column.zi[n]
    table = x[ZWT]
    flow = baseflow(i, step, table, s, column)
    excess = 0.0
    if table >= bottom:
        yields = 1000.0 * specific_yield(i, table, column)
        rise = (recharge - flow) / yields
        if table - rise < bottom:
            refused = (rise - (table - bottom)) * yields
            x[WA] += recharge - flow - refused
            x[ZWT] = bottom
            excess = push_up(refused, n, c)
        else:
            x[WA] += recharge - flow
            x[ZWT] = min(DEEPEST, table - rise)
    else:
        left = drain_column(i, flow, column, c)
        x[WA] += recharge - left
        x[ZWT] = bottom + left / (1000.0 * specific_yield(i, bottom, column))
    if x[ZWT] <= bottom:
        x[ZWT] = table_in_column(i, column, c)
    return flow, excess


@numba.njit(cache=True, nogil=True, error_model="numpy")
def push_up(water: float, n: int, c: FloatArray) -> float:
    """Put water into the column from below; what finds no room in any layer, kg m-2."""
    for j in range(n - 1, -1, -1):
        if water <= 0.0:
            return 0.0
        taken = min(water, max(0.0, c[W_MAX, j] - c[W, j]))
        c[W, j] += taken
        water -= taken
    return water
