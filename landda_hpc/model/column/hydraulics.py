"""Campbell hydraulics in the packed form used by the kernels; diagnosed matric potential and conductivity.

psi = psi0 s^-b and K = K_s s^(2b + 3) 10^(-6 f_ice), with s = theta_liquid / porosity within [0.01, 1] and
f_ice the fraction of the pore space filled by ice, at most 1 (Campbell 1974, Soil Sci., 117, 311-314;
docs/column.md). Each power is computed with one logarithm and one exponential: ln|psi| = ln|psi0| - b ln s.

In frozen layers, too, the matric potential follows from liquid water. At the supercooled limit this equals the
freezing-point relation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    GRAVITY,
    LATENT_HEAT_FUSION,
    LEAST_POTENTIAL,
    N_SNOW,
    N_SOIL,
    RHO_ICE,
    SOIL_DZ,
    SOIL_Z,
    T_FREEZE,
    FloatArray,
    IntArray,
)
from landda_hpc.model.column.records import SOIL, Records, new_records
from landda_hpc.state import PatchType, Tiles, TileState

MIN_SATURATION: Final = 0.01
PSI_WILTING: Final = -1.5e5  # mm; roots take up no water from drier soil
PSI_AIR_DRY: Final = -1.0e7  # mm
MIN_EFFECTIVE_POROSITY: Final = 0.05  # CoLM's wimp; below it a layer is sealed by ice
MIN_THETA: Final = 1.0e-3  # m3 m-3; below it water does not move
FREEZING_SUCTION: Final = 1.0e3 * LATENT_HEAT_FUSION / GRAVITY  # mm
LAYER_DZ_MM: Final[FloatArray] = 1000.0 * SOIL_DZ
"""Layer thickness, mm; a layer of pure water of that thickness has the same mass in kg m-2."""

NODE_DISTANCE_MM: Final[FloatArray] = 1000.0 * np.diff(SOIL_Z)
"""Distance of a layer's node from the next one, mm."""

SATURATED_DECAY: Final = {"colm": 0.125 * 2.0, "topmodel": 0.5 * 2.5}
"""Decay of the saturated fraction with the depth of the water table, m-1, by ``Hydrology.saturated_fraction``."""

_LOG_ICE_IMPEDANCE: Final = -6.0 * math.log(10.0)
_SOIL: Final = int(PatchType.SOIL)
_WETLAND: Final = int(PatchType.WETLAND)


@dataclass(frozen=True)
class Hydrology:
    """Alternatives of the soil-water scheme (docs/column.md, "Alternatives").

    Attributes
    ----------
    saturated_fraction : how fast it decreases with the depth of the water table; see ``SATURATED_DECAY``.
    interface_conductivity : 'mean' = at the mean saturation of the two layers, 'upstream' = that of the layer which the
        water leaves.
    """

    saturated_fraction: Literal["colm", "topmodel"] = "colm"
    interface_conductivity: Literal["mean", "upstream"] = "mean"


COLM_HYDROLOGY: Final = Hydrology()


def soil_records(tiles: Tiles, hydrology: Hydrology = COLM_HYDROLOGY) -> Records:
    """Hydraulic constants of the tiles for the kernels, (n_tile,) records ``SOIL``. Local.

    Notes
    -----
    Conductivity and exponent of an interface are the geometric and the arithmetic mean of both layers, at the bottom
    those of the last layer. With upstream conductivity they are those of the layer above, and the kernel chooses the
    layer from the direction of the flow. ``root``, multiplied by 1 - psi / psi_wilting, is the stress factor of
    docs/column.md.
    """
    soils = new_records(SOIL, len(tiles))
    log_k = _log(np.ascontiguousarray(tiles.hksati))
    soils.porosity = tiles.porsl
    soils.log_psi0 = _log(-tiles.psi0)
    soils.b = tiles.bsw
    soils.log_k_below[:, :-1] = 0.5 * (log_k[:, :-1] + log_k[:, 1:])
    soils.log_k_below[:, -1] = log_k[:, -1]
    soils.exponent_below[:, :-1] = (tiles.bsw[:, :-1] + tiles.bsw[:, 1:]) + 3.0
    soils.exponent_below[:, -1] = 2.0 * tiles.bsw[:, -1] + 3.0
    soils.k_saturated = tiles.hksati
    soils.root = tiles.root_fraction / (1.0 - tiles.psi0 / PSI_WILTING)
    soils.pores = tiles.porsl * LAYER_DZ_MM
    soils["pore_share"] = 1.0
    soils["pore_share"][:, :-1] = tiles.porsl[:, :-1] / (tiles.porsl[:, :-1] + tiles.porsl[:, 1:])
    if hydrology.interface_conductivity == "upstream":
        soils.is_upstream = True
        soils.log_k_below = log_k
        soils.exponent_below = 2.0 * tiles.bsw + 3.0
        soils.pore_share = 1.0
    soils.saturated_decay = SATURATED_DECAY[hydrology.saturated_fraction]
    _describe_surface(soils)
    return soils


@compiled()
def _describe_surface(soils: Records) -> None:
    """Fill ``theta_air`` and ``tortuosity`` (Moldrup et al. in Swenson and Lawrence 2014)."""
    for i in range(soils.size):
        soil = soils[i]
        porosity = soil.porosity[0]
        b = soil.b[0]
        dryness = min(0.0, (soil.log_psi0[0] - math.log(-PSI_AIR_DRY)) / b)
        soil.theta_air = porosity * math.exp(dryness)
        pores = porosity - soil.theta_air
        shape = math.exp(3.0 / b * math.log(max(1.0e-3, pores / porosity)))
        soil.tortuosity = max(1.0e-3, pores * pores * shape)


@compiled()
def _log(values: FloatArray) -> FloatArray:
    """Natural logarithm by scalar calls; with a vector library, the last bit may depend on the array length."""
    flat = values.copy().ravel()
    for i in range(flat.size):
        flat[i] = math.log(flat[i])
    return flat.reshape(values.shape)


@compiled()
def ice_impedance(ice_volume: float, porosity: float) -> float:
    """Reduction of conductivity by ice, 10^(-6 f_ice); ice_volume and porosity in m3 m-3."""
    if ice_volume <= 0.0:
        return 1.0
    return math.exp(_LOG_ICE_IMPEDANCE * min(1.0, ice_volume / porosity))


@compiled()
def supercooled(temperature: float, log_psi0: float, b: float, pores: float) -> float:
    """Liquid water that does not freeze, kg m-2: pores (psi(T) / psi0)^(-1/b) (Niu and Yang 2006; docs/column.md)."""
    suction = FREEZING_SUCTION * (T_FREEZE - temperature) / temperature
    if suction <= 0.0:
        return pores
    return pores * math.exp(min(0.0, (log_psi0 - math.log(suction)) / b))


@compiled()
def diagnose_tiles(
    wliq: FloatArray,
    wice: FloatArray,
    patchtype: IntArray,
    soils: Records,
    smp: FloatArray,
    hk: FloatArray,
) -> None:
    """Write matric potential (mm) and conductivity (mm s-1) at the nodes of soil and wetland tiles.

    Each value depends only on the water of its own layer. Values of other tiles are kept.

    Parameters
    ----------
    wliq, wice : kg m-2, shape (n_tile, 15).
    patchtype : (n_tile,).
    soils : from ``soil_records``, (n_tile,).
    smp, hk : written, (n_tile, n_soil).
    """
    for i in range(patchtype.size):
        if patchtype[i] != _SOIL and patchtype[i] != _WETLAND:
            continue
        soil = soils[i]
        for j in range(N_SOIL):
            porosity = soil.porosity[j]
            theta = wliq[i, N_SNOW + j] / LAYER_DZ_MM[j]
            ice_volume = wice[i, N_SNOW + j] * (1000.0 / RHO_ICE) / LAYER_DZ_MM[j]
            log_s = math.log(min(1.0, max(MIN_SATURATION, theta / porosity)))
            psi = -math.exp(soil.log_psi0[j] - soil.b[j] * log_s)
            smp[i, j] = max(LEAST_POTENTIAL, psi)
            if porosity - ice_volume < MIN_EFFECTIVE_POROSITY or theta <= MIN_THETA:
                hk[i, j] = 0.0
            else:
                exponent = 2.0 * soil.b[j] + 3.0
                relative = math.exp(exponent * log_s) * ice_impedance(ice_volume, porosity)
                hk[i, j] = soil.k_saturated[j] * relative


def diagnose_state(state: TileState, patchtype: IntArray, soils: Records) -> None:
    """Update smp and hk of a state from its water, in place; see ``diagnose_tiles``."""
    diagnose_tiles(state["wliq_soisno"], state["wice_soisno"], patchtype, soils, state["smp"], state["hk"])
