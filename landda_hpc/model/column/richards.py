"""One step of a column's soil-water equation: linearised implicit Richards, with bounds that conserve water.

Vertical positions and water amounts are in mm (1 mm of water is 1 kg m-2), fluxes in mm s-1, positive
downward: q = -K (d psi / d z - 1). Fluxes at the end of the step are expanded to first order in theta of the
two adjacent layers, which gives a tridiagonal system (Zeng and Decker 2009, J. Hydrometeorol., 10, 308-319,
without the equilibrium term; docs/column.md). The conductivity of an interface follows Campbell at the mean
saturation of both layers or, as an option, is that of the layer which the water leaves.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import LEAST_POTENTIAL, N_SOIL, FloatArray
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM, MIN_SATURATION, MIN_THETA, NODE_DISTANCE_MM
from landda_hpc.model.column.powers import take_exponentials, take_logarithms
from landda_hpc.model.column.records import N_POWER, Record

_PER_DISTANCE: Final[FloatArray] = 1.0 / NODE_DISTANCE_MM


@compiled()
def column_hydraulics(soil: Record, water: Record) -> None:
    """Compute potential at nodes and conductivity at interfaces, with derivatives, from ``water.liquid``.

    Parameters
    ----------
    soil : constants of the column.
    water : reads liquid and impedance (0 seals an interface), writes theta, psi, dpsi, k_below, dk, dk_next.
    """
    for j in range(N_SOIL):
        water.wetness[j] = min(1.0, max(MIN_SATURATION, water.liquid[j] / soil.pores[j]))
    for j in range(N_SOIL - 1):
        share = soil.pore_share[j]
        mean = share * water.wetness[j] + (1.0 - share) * water.wetness[j + 1]
        water.wetness[N_SOIL + j] = min(1.0, mean)
    water.wetness[N_POWER - 1] = water.wetness[N_SOIL - 1]
    take_logarithms(water)
    for j in range(N_SOIL):
        water.power[j] = soil.log_psi0[j] - soil.b[j] * water.log_wetness[j]
        water.power[N_SOIL + j] = soil.log_k_below[j] + soil.exponent_below[j] * water.log_wetness[N_SOIL + j]
    take_exponentials(water)
    for j in range(N_SOIL):
        water.theta[j] = soil.porosity[j] * water.wetness[j]
        water.psi[j] = max(LEAST_POTENTIAL, -water.power[j])
        water.dpsi[j] = -soil.b[j] * water.psi[j] / water.theta[j]
    for j in range(N_SOIL):
        below = min(j + 1, N_SOIL - 1)
        is_dry = water.liquid[j] <= MIN_THETA * LAYER_DZ_MM[j] or water.liquid[below] <= MIN_THETA * LAYER_DZ_MM[below]
        k = 0.0 if is_dry else water.impedance[j] * water.power[N_SOIL + j]
        water.k_below[j] = k
        water.dk[j] = soil.exponent_below[j] * k / (water.theta[j] + water.theta[below])
        water.dk_next[j] = water.dk[j]
        if soil.is_upstream and below > j:
            _take_upstream(j, is_dry, soil, water)


@compiled()
def _take_upstream(j: int, is_dry: bool, soil: Record, water: Record) -> None:
    """Set conductivity and derivatives of an interface to those of the layer which the water leaves."""
    rises = water.psi[j + 1] - water.psi[j] > NODE_DISTANCE_MM[j]
    source = j + 1 if rises else j
    k = 0.0 if is_dry else water.impedance[j] * water.power[N_SOIL + source]
    slope = soil.exponent_below[source] * k / water.theta[source]
    water.k_below[j] = k
    water.dk[j] = 0.0 if rises else slope
    water.dk_next[j] = slope if rises else 0.0


@compiled()
def solve_column(step: float, top: float, k_slope: float, water: Record) -> float:
    """Solve for the change of theta over a step and the corresponding fluxes.

    Parameters
    ----------
    step : s.
    top : water through the surface over the step, kg m-2, positive into the soil.
    k_slope : 1 to expand the conductivity, too. With 0 the matrix is an M-matrix, which always has a solution.
    water : reads the output of ``column_hydraulics`` and sink, writes change and flux.

    Returns
    -------
    Largest change of theta of any layer, m3 m-3; -1 if the elimination failed.
    """
    for j in range(N_SOIL - 1):
        dk, dk_next = k_slope * water.dk[j], k_slope * water.dk_next[j]
        k = water.k_below[j]
        gradient = (water.psi[j + 1] - water.psi[j]) * _PER_DISTANCE[j] - 1.0
        water.q_below[j] = -k * gradient
        water.dq_up[j] = k * water.dpsi[j] * _PER_DISTANCE[j] - dk * gradient
        water.dq_down[j] = -k * water.dpsi[j + 1] * _PER_DISTANCE[j] - dk_next * gradient
    # Free drainage: unit gradient below the last layer; its theta is used on both sides of the interface.
    last = N_SOIL - 1
    water.q_below[last] = water.k_below[last]
    water.dq_up[last] = 2.0 * k_slope * water.dk[last]
    water.dq_down[last] = 0.0
    # Thomas algorithm; the eliminated right-hand side goes to ``change``.
    per_step = 1.0 / step
    inflow = top * per_step
    above = 0.0
    for j in range(N_SOIL):
        storage = LAYER_DZ_MM[j] * per_step
        diagonal = storage + water.dq_up[j]
        right = inflow - water.q_below[j] - water.sink[j] * per_step
        if j > 0:
            diagonal -= water.dq_down[j - 1]
            lower = -water.dq_up[j - 1]
            diagonal -= lower * above
            right -= lower * water.change[j - 1]
        if not diagonal > 0.01 * storage:
            return -1.0
        pivot = 1.0 / diagonal
        above = water.dq_down[j] * pivot
        water.upper[j] = above
        water.change[j] = right * pivot
        inflow = water.q_below[j]
    worst = 0.0
    for j in range(N_SOIL - 2, -1, -1):
        water.change[j] -= water.upper[j] * water.change[j + 1]
    for j in range(N_SOIL):
        worst = max(worst, abs(water.change[j]))
    if not worst < math.inf:
        return -1.0
    water.flux[0] = top
    for j in range(N_SOIL):
        below = water.change[j + 1] if j < N_SOIL - 1 else 0.0
        water.flux[j + 1] = step * (water.q_below[j] + water.dq_up[j] * water.change[j] + water.dq_down[j] * below)
    # The expansion may overshoot if the last layer dries quickly; free drainage is never upward.
    water.flux[N_SOIL] = max(0.0, water.flux[N_SOIL])
    return worst


@compiled()
def apply_fluxes(evaporation: float, water: Record) -> tuple[float, float]:
    """Move water through the interfaces, and reduce fluxes that would violate a bound.

    Lower bound: if a layer would fall below it, first its root uptake is reduced, then its evaporation, then its
    outflow to other layers. One sweep down and one up are sufficient, because each sweep reduces only outflow in its
    own direction, to layers that it has not yet visited. Upper bound: excess water moves upward; the function returns
    the water that leaves the top layer.

    Parameters
    ----------
    evaporation : from the top layer over the step, kg m-2; ``flux[0]`` is infiltration minus this.
    water : reads least and most; updates liquid, sink and flux.

    Returns
    -------
    evaporation, overflow : kg m-2, the actual evaporation and the water that left at the surface.
    """
    for j in range(N_SOIL):
        lack = _lower_bound(j, water) - (water.liquid[j] + water.flux[j] - water.flux[j + 1] - water.sink[j])
        if lack > 0.0:
            evaporation, lack = _reduce_sinks(j, evaporation, lack, water)
            water.flux[j + 1] -= min(lack, max(0.0, water.flux[j + 1]))
    for j in range(N_SOIL - 1, -1, -1):
        lack = _lower_bound(j, water) - (water.liquid[j] + water.flux[j] - water.flux[j + 1] - water.sink[j])
        if lack > 0.0:
            evaporation, lack = _reduce_sinks(j, evaporation, lack, water)
            if j > 0:
                water.flux[j] += min(lack, max(0.0, -water.flux[j]))
    for j in range(N_SOIL):
        water.liquid[j] += water.flux[j] - water.flux[j + 1] - water.sink[j]
    excess = 0.0
    for j in range(N_SOIL - 1, -1, -1):
        filled = water.liquid[j] + excess
        excess = max(0.0, filled - water.most[j])
        water.liquid[j] = filled - excess
    return evaporation, excess


@compiled()
def _lower_bound(j: int, water: Record) -> float:
    """Lower bound of a layer; a layer that is already drier must not lose more water."""
    bound: float = min(water.least[j], water.liquid[j])
    return bound


@compiled()
def _reduce_sinks(j: int, evaporation: float, lack: float, water: Record) -> tuple[float, float]:
    cut = min(lack, water.sink[j])
    water.sink[j] -= cut
    lack -= cut
    if j == 0:
        cut = min(lack, evaporation)
        evaporation -= cut
        water.flux[0] += cut
        lack -= cut
    return evaporation, lack
