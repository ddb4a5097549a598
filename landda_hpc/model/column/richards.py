"""One step of a column's soil-water equation: linearised implicit Richards, with bounds that conserve water.

Vertical positions and water amounts are in mm (1 mm of water is 1 kg m-2), fluxes in mm s-1, positive
downward: q = -K (d psi / d z - 1). Fluxes at the end of the step are expanded to first order in theta of the
two adjacent layers, which gives a tridiagonal system (Zeng and Decker 2009, J. Hydrometeorol., 10, 308-319,
without the equilibrium term; docs/column.md). The conductivity of an interface follows Campbell at the mean
saturation of both layers.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import LEAST_POTENTIAL, N_SOIL, FloatArray
from landda_hpc.model.column.hydraulics import (
    BSW,
    EXPONENT_BELOW,
    LOG_K_BELOW,
    LOG_PSI0,
    MIN_SATURATION,
    MIN_THETA,
    PORSL,
)

# Rows of the column's work array, each (n_soil + 1,); index j is layer j, or the interface below layer j - 1.
W: Final = 0  # liquid water, kg m-2
W_MIN: Final = 1  # lower bound
W_MAX: Final = 2  # pore space not filled by ice
IMPEDANCE: Final = 3  # 10^(-6 f_ice) at the interface below layer j
PSI: Final = 4  # matric potential, mm
DPSI: Final = 5  # its derivative with respect to theta, mm
THETA: Final = 6  # volumetric liquid water within the limits of the hydraulics
SINK: Final = 7  # root uptake over the step, kg m-2
FLUX: Final = 8  # water through the top of layer j over the step, kg m-2
DQ_UP: Final = 9  # derivative of the flux below layer j with respect to theta of layer j, mm s-1
DQ_DOWN: Final = 10  # the same with respect to theta of layer j + 1
CHANGE: Final = 11  # change of theta
Q_BELOW: Final = 12  # flux below layer j at the start of the step, mm s-1
UPPER: Final = 13  # upper diagonal over pivot
K_BELOW: Final = 14  # conductivity of the interface below layer j, mm s-1
DK: Final = 15  # its derivative with respect to theta of either adjacent layer, mm s-1
N_WORK: Final = 16


def work_array() -> FloatArray:
    """Scratch array of one column, initially zero, shape (N_WORK, n_soil + 1); rows as named above."""
    return np.zeros((N_WORK, N_SOIL + 1))


@compiled()
def column_hydraulics(i: int, parameters: FloatArray, layer_dz: FloatArray, c: FloatArray) -> None:
    """Compute potential at nodes and conductivity at interfaces, with derivatives, from the water in ``c[W]``.

    Parameters
    ----------
    i : the tile's row in ``parameters`` (see ``hydraulics.pack_parameters``).
    layer_dz : mm, (n_soil,).
    c : work array; reads W and IMPEDANCE (0 seals an interface), writes THETA, PSI, DPSI, K_BELOW, DK.
    """
    n = layer_dz.size
    for j in range(n):
        porosity = parameters[i, PORSL, j]
        b = parameters[i, BSW, j]
        theta = min(porosity, max(MIN_SATURATION * porosity, c[W, j] / layer_dz[j]))
        psi = max(LEAST_POTENTIAL, -math.exp(parameters[i, LOG_PSI0, j] - b * math.log(theta / porosity)))
        c[THETA, j] = theta
        c[PSI, j] = psi
        c[DPSI, j] = -b * psi / theta
    for j in range(n):
        below = min(j + 1, n - 1)
        theta_sum = c[THETA, j] + c[THETA, below]
        is_dry = c[W, j] <= MIN_THETA * layer_dz[j] or c[W, below] <= MIN_THETA * layer_dz[below]
        if c[IMPEDANCE, j] == 0.0 or is_dry:
            c[K_BELOW, j] = 0.0
            c[DK, j] = 0.0
            continue
        s = theta_sum / (parameters[i, PORSL, j] + parameters[i, PORSL, below])
        exponent = parameters[i, EXPONENT_BELOW, j]
        k = c[IMPEDANCE, j] * math.exp(parameters[i, LOG_K_BELOW, j] + exponent * math.log(min(1.0, s)))
        c[K_BELOW, j] = k
        c[DK, j] = exponent * k / theta_sum


@compiled()
def solve_column(
    step: float,
    top: float,
    layer_dz: FloatArray,
    node_distance: FloatArray,
    uses_slope_of_k: bool,
    c: FloatArray,
) -> float:
    """Solve for the change of theta over a step and the corresponding fluxes.

    Parameters
    ----------
    step : s.
    top : water through the surface over the step, kg m-2, positive into the soil.
    layer_dz : mm.
    node_distance : from node j to node j + 1, mm, (n_soil - 1,).
    uses_slope_of_k : also expand the conductivity. Otherwise the matrix is an M-matrix, which always has a
        solution.
    c : work array; reads the output of ``column_hydraulics`` and SINK, writes CHANGE and FLUX: FLUX[j] is the
        water through the top of layer j over the step, FLUX[n_soil] the drainage, kg m-2.

    Returns
    -------
    Largest change of theta of any layer, m3 m-3; -1 if the elimination failed.
    """
    n = layer_dz.size
    for j in range(n):
        dk = c[DK, j] if uses_slope_of_k else 0.0
        k = c[K_BELOW, j]
        if j < n - 1:
            gradient = (c[PSI, j + 1] - c[PSI, j]) / node_distance[j] - 1.0
            c[Q_BELOW, j] = -k * gradient
            c[DQ_UP, j] = k * c[DPSI, j] / node_distance[j] - dk * gradient
            c[DQ_DOWN, j] = -k * c[DPSI, j + 1] / node_distance[j] - dk * gradient
        else:
            # Free drainage: unit gradient below the last layer; its theta is used on both sides of the interface.
            c[Q_BELOW, j] = k
            c[DQ_UP, j] = 2.0 * dk
            c[DQ_DOWN, j] = 0.0
    # Thomas algorithm; the eliminated right-hand side goes to CHANGE.
    worst = 0.0
    inflow = top / step
    above = 0.0
    for j in range(n):
        storage = layer_dz[j] / step
        diagonal = storage + c[DQ_UP, j]
        right = inflow - c[Q_BELOW, j] - c[SINK, j] / step
        if j > 0:
            diagonal -= c[DQ_DOWN, j - 1]
            lower = -c[DQ_UP, j - 1]
            diagonal -= lower * above
            right -= lower * c[CHANGE, j - 1]
        if not diagonal > 0.01 * storage:
            return -1.0
        above = c[DQ_DOWN, j] / diagonal
        c[UPPER, j] = above
        c[CHANGE, j] = right / diagonal
        inflow = c[Q_BELOW, j]
    for j in range(n - 2, -1, -1):
        c[CHANGE, j] -= c[UPPER, j] * c[CHANGE, j + 1]
    for j in range(n):
        worst = max(worst, abs(c[CHANGE, j]))
    if not worst < math.inf:
        return -1.0
    c[FLUX, 0] = top
    for j in range(n):
        below = c[CHANGE, j + 1] if j < n - 1 else 0.0
        c[FLUX, j + 1] = step * (c[Q_BELOW, j] + c[DQ_UP, j] * c[CHANGE, j] + c[DQ_DOWN, j] * below)
    # The expansion may overshoot if the last layer dries quickly; free drainage is never upward.
    c[FLUX, n] = max(0.0, c[FLUX, n])
    return worst


@compiled()
def apply_fluxes(evaporation: float, n: int, c: FloatArray) -> tuple[float, float]:
    """Move water through the interfaces, and reduce fluxes that would violate a bound.

    Lower bound: if a layer would fall below it, first its root uptake is reduced, then its evaporation, then its
    outflow to other layers. One sweep down and one up are sufficient, because each sweep reduces only outflow in its
    own direction, to layers that it has not yet visited. Upper bound: excess water moves upward; the function returns
    the water that leaves the top layer.

    Parameters
    ----------
    evaporation : from the top layer over the step, kg m-2; FLUX[0] is infiltration minus this.
    n : number of layers.
    c : work array; reads W_MIN, W_MAX; updates W, SINK and FLUX.

    Returns
    -------
    evaporation, overflow : kg m-2, the actual evaporation and the water that left at the surface.
    """
    for j in range(n):
        lack = _lower_bound(j, c) - (c[W, j] + c[FLUX, j] - c[FLUX, j + 1] - c[SINK, j])
        if lack > 0.0:
            evaporation, lack = _reduce_sinks(j, evaporation, lack, c)
            c[FLUX, j + 1] -= min(lack, max(0.0, c[FLUX, j + 1]))
    for j in range(n - 1, -1, -1):
        lack = _lower_bound(j, c) - (c[W, j] + c[FLUX, j] - c[FLUX, j + 1] - c[SINK, j])
        if lack > 0.0:
            evaporation, lack = _reduce_sinks(j, evaporation, lack, c)
            if j > 0:
                c[FLUX, j] += min(lack, max(0.0, -c[FLUX, j]))
    for j in range(n):
        c[W, j] += c[FLUX, j] - c[FLUX, j + 1] - c[SINK, j]
    excess = 0.0
    for j in range(n - 1, -1, -1):
        water = c[W, j] + excess
        excess = max(0.0, water - c[W_MAX, j])
        c[W, j] = water - excess
    return evaporation, excess


@compiled()
def _lower_bound(j: int, c: FloatArray) -> float:
    """Lower bound of a layer; a layer that is already drier must not lose more water."""
    bound: float = min(c[W_MIN, j], c[W, j])
    return bound


@compiled()
def _reduce_sinks(j: int, evaporation: float, lack: float, c: FloatArray) -> tuple[float, float]:
    cut = min(lack, c[SINK, j])
    c[SINK, j] -= cut
    lack -= cut
    if j == 0:
        cut = min(lack, evaporation)
        evaporation -= cut
        c[FLUX, 0] += cut
        lack -= cut
    return evaporation, lack
