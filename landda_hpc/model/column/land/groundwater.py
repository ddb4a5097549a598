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
from landda_hpc.constants import N_SNOW, N_SOIL, RHO_ICE, SOIL_DZ, SOIL_ZI
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM
from landda_hpc.model.column.land.records import Record

DEEPEST: Final = 80.0  # m
MIN_YIELD: Final = 0.02
MAX_BASEFLOW: Final = 5.5e-3  # kg m-2 s-1
BASEFLOW_DECAY: Final = 2.5  # m-1
NEGLIGIBLE_BASEFLOW: Final = 12.0  # m; deeper tables give less than 1e-15 kg m-2 s-1
SEALING: Final = 3.0  # coefficient of the effect of ice on baseflow


@compiled()
def layer_of(depth: float) -> int:
    """Index of the soil layer at a depth, m; for depths below the column, that of the lowest layer."""
    for j in range(N_SOIL - 1):
        if depth < SOIL_ZI[j + 1]:
            return j
    return N_SOIL - 1


@compiled()
def specific_yield(table: float, j: int, column: Record) -> float:
    """Specific yield at the depth of the table, m3 m-3: porsl (1 - (1 - 1000 zwt / psi0)^(-1/b)), at least 0.02."""
    suction = math.log(1.0 + 1000.0 * table * math.exp(-column.soil.log_psi0[j]))
    share: float = max(MIN_YIELD, column.soil.porosity[j] * (1.0 - math.exp(-suction / column.soil.b[j])))
    return share


@compiled()
def sealed_by_ice(table: float, j: int, column: Record, tile: Record) -> float:
    """Fraction of the ground where ice prevents baseflow, 0..1.

    (exp(-3 (1 - f)) - exp(-3)) / (1 - exp(-3)), where f is the mean ice-filled fraction of the pores from the layer
    above the table downwards, or of the lowest layer if the table is below it (Niu and Yang 2006, J. Hydrometeorol., 7,
    937-952; Oleson et al. 2010, NCAR/TN-478, section 7.5; also in CoLM).
    """
    first = N_SOIL - 1 if table > SOIL_ZI[N_SOIL] else max(0, j - 1)
    filled = 0.0
    depth = 0.0
    for k in range(first, N_SOIL):
        ice = tile.ice[N_SNOW + k] * (1000.0 / RHO_ICE) / LAYER_DZ_MM[k]
        filled += SOIL_DZ[k] * min(1.0, ice / column.soil.porosity[k])
        depth += SOIL_DZ[k]
    if filled <= 0.0:
        return 0.0
    nothing = math.exp(-SEALING)
    return (math.exp(-SEALING * (1.0 - filled / depth)) - nothing) / (1.0 - nothing)


@compiled()
def baseflow(step: float, table: float, j: int, column: Record, tile: Record) -> float:
    """Subsurface runoff over a step, kg m-2: impedance x 5.5e-3 exp(-2.5 zwt) (SIMTOP; docs/column.md)."""
    if table > NEGLIGIBLE_BASEFLOW:
        return 0.0
    open_share = 1.0 - sealed_by_ice(table, j, column, tile)
    return step * open_share * MAX_BASEFLOW * math.exp(-BASEFLOW_DECAY * table)


@compiled()
def move_table(step: float, recharge: float, column: Record, tile: Record) -> float:
    """Advance aquifer and water table by a step.

    Parameters
    ----------
    step : s.
    recharge : drainage of the lowest layer, kg m-2.
    tile : reads ice, updates aquifer and water_table.

    Returns
    -------
    Baseflow, kg m-2.
    """
    table = tile.water_table
    j = layer_of(table)
    flow = baseflow(step, table, j, column, tile)
    tile.aquifer += recharge - flow
    rise = (recharge - flow) / (1000.0 * specific_yield(table, j, column))
    tile.water_table = min(DEEPEST, max(0.0, table - rise))
    return flow
