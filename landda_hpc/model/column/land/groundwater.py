"""Water table, aquifer below the soil, and baseflow.

As in CoLM2014, the lowest layer drains freely into the aquifer, baseflow leaves the aquifer, and the table moves by the
difference divided by the specific yield of the soil at its depth (docs/column.md, "Formulas of the soil-water scheme").
The table may lie within the soil column although the layers below it are not saturated; it determines the saturated
fraction of the surface and the baseflow.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, RHO_ICE, FloatArray
from landda_hpc.model.column.hydraulics import BSW, LOG_PSI0, PORSL
from landda_hpc.model.column.land.layout import ICE, WA, ZWT, Column

DEEPEST: Final = 80.0  # m
MIN_YIELD: Final = 0.02
MAX_BASEFLOW: Final = 5.5e-3  # kg m-2 s-1
BASEFLOW_DECAY: Final = 2.5  # m-1
NEGLIGIBLE_BASEFLOW: Final = 12.0  # m; deeper tables give less than 1e-15 kg m-2 s-1
SEALING: Final = 3.0  # coefficient of the effect of ice on baseflow


@compiled()
def layer_of(depth: float, column: Column) -> int:
    """Index of the soil layer at a depth, m; for depths below the column, that of the lowest layer."""
    n = column.dz.size
    for j in range(n - 1):
        if depth < column.zi[j + 1]:
            return j
    return n - 1


@compiled()
def specific_yield(i: int, table: float, j: int, column: Column) -> float:
    """Specific yield at the depth of the table, m3 m-3: porsl (1 - (1 - 1000 zwt / psi0)^(-1/b)), at least 0.02."""
    h = column.hydraulic
    suction = math.log(1.0 + 1000.0 * table * math.exp(-h[i, LOG_PSI0, j]))
    share: float = max(MIN_YIELD, h[i, PORSL, j] * (1.0 - math.exp(-suction / h[i, BSW, j])))
    return share


@compiled()
def sealed_by_ice(i: int, table: float, j: int, s: FloatArray, column: Column) -> float:
    """Fraction of the ground where ice prevents baseflow, 0..1.

    (exp(-3 (1 - f)) - exp(-3)) / (1 - exp(-3)), where f is the mean ice-filled fraction of the pores from the layer
    above the table downwards, or of the lowest layer if the table is below it (Niu and Yang 2006, J. Hydrometeorol., 7,
    937-952; Oleson et al. 2010, NCAR/TN-478, section 7.5; also in CoLM).
    """
    n = column.dz.size
    first = n - 1 if table > column.zi[n] else max(0, j - 1)
    filled = 0.0
    depth = 0.0
    for k in range(first, n):
        ice = s[ICE, N_SNOW + k] * (1000.0 / RHO_ICE) / column.dz_mm[k]
        filled += column.dz[k] * min(1.0, ice / column.hydraulic[i, PORSL, k])
        depth += column.dz[k]
    if filled <= 0.0:
        return 0.0
    nothing = math.exp(-SEALING)
    return (math.exp(-SEALING * (1.0 - filled / depth)) - nothing) / (1.0 - nothing)


@compiled()
def baseflow(i: int, step: float, table: float, j: int, s: FloatArray, column: Column) -> float:
    """Subsurface runoff over a step, kg m-2: impedance x 5.5e-3 exp(-2.5 zwt) (SIMTOP; docs/column.md)."""
    if table > NEGLIGIBLE_BASEFLOW:
        return 0.0
    open_share = 1.0 - sealed_by_ice(i, table, j, s, column)
    return step * open_share * MAX_BASEFLOW * math.exp(-BASEFLOW_DECAY * table)


@compiled()
def move_table(i: int, step: float, recharge: float, s: FloatArray, column: Column, x: FloatArray) -> float:
    """Advance aquifer and water table by a step.

    Parameters
    ----------
    i, step : tile, s.
    recharge : drainage of the lowest layer, kg m-2.
    s : layers (ice).
    x : scalars; updates WA, ZWT.

    Returns
    -------
    Baseflow, kg m-2.
    """
    table = x[ZWT]
    j = layer_of(table, column)
    flow = baseflow(i, step, table, j, s, column)
    x[WA] += recharge - flow
    rise = (recharge - flow) / (1000.0 * specific_yield(i, table, j, column))
    x[ZWT] = min(DEEPEST, max(0.0, table - rise))
    return flow
