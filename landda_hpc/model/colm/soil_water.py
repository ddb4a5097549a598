"""Matric potential and hydraulic conductivity in CoLM's restart, which depend on the liquid soil water.

The real model has two options, chosen when it is built and in its namelist:

- retention curve: Campbell (1974), or van Genuchten-Mualem with an air-entry value (Ippisch et al. 2006);
- soil water scheme: ``vsf``, the variably saturated flow (DEF_USE_VariablySaturatedFlow, the default), or
  ``colm2014``, the scheme of CoLM2014 (Campbell only).

The kernels are plain numba loops, so the result of a patch is bitwise independent of its position in an array.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    GRAVITY,
    LATENT_HEAT_FUSION,
    LEAST_POTENTIAL,
    RHO_ICE,
    RHO_WATER,
    SOIL_DZ,
    SOIL_Z,
    T_FREEZE,
    BoolArray,
    FloatArray,
)
from landda_hpc.errors import ConfigError
from landda_hpc.formats.colm.restart import SoilConstants

ICE_IMPEDANCE: Final = 6.0
"""Exponent of the ice impedance: conductivity is multiplied by 10^(-6 ice fraction of the pores)."""

_NODE_DISTANCE: Final[FloatArray] = np.diff(1000.0 * SOIL_Z)
"""mm, distance between the nodes of adjacent soil layers."""


class SoilWaterScheme(StrEnum):
    """Soil water scheme of the model."""

    VSF = "vsf"
    COLM2014 = "colm2014"


def follow_liquid_water(
    soil: SoilConstants,
    wliq: FloatArray,
    wice: FloatArray,
    temperature: FloatArray,
    where: BoolArray,
    smp: FloatArray,
    hk: FloatArray,
    scheme: SoilWaterScheme,
) -> None:
    """Compute matric potential and conductivity of some layers from their water, in place.

    Parameters
    ----------
    soil : hydraulic parameters of n_patch columns.
    wliq, wice : kg m-2, (n_patch, 10).
    temperature : K, (n_patch, 10).
    where : layers to compute, (n_patch, 10); all others keep their values.
    smp : matric potential, mm, (n_patch, 10), changed in place.
    hk : hydraulic conductivity, mm s-1, (n_patch, 10), changed in place. In the CoLM2014 scheme it belongs to the
        interface below the layer.
    scheme : soil water scheme of the model.

    Raises
    ------
    ConfigError : the CoLM2014 scheme with van Genuchten's curve, a combination that CoLM does not support.

    Notes
    -----
    Local: no communication. The VSF scheme computes both from the state at the end of its step; for restarts of the
    real model, this function therefore reproduces the values in the file, to rounding. The CoLM2014 scheme stores the
    values at the beginning of its last step.

    References
    ----------
    Campbell (1974), Soil Sci. 117, 311-314; Ippisch et al. (2006), Adv. Water Resour. 29, 1780-1789;
    Fuchs et al. (1978), Soil Sci. Soc. Am. J. 42, 379-385 (potential of frozen soil).
    """
    require_retention(soil, scheme)
    kernel = _vsf if scheme is SoilWaterScheme.VSF else _colm2014
    kernel(soil, wliq, wice, temperature, where, smp, hk)


def require_retention(soil: SoilConstants, scheme: SoilWaterScheme) -> None:
    """Raise ConfigError if CoLM does not support the retention curve with the scheme."""
    if scheme is SoilWaterScheme.COLM2014 and not soil.is_campbell:
        raise ConfigError(
            "the CoLM2014 soil water scheme supports only Campbell's retention curve, but the constant restart has van "
            "Genuchten's (alpha_vgm). Is DEF_USE_VariablySaturatedFlow really .false.?"
        )


def effective_porosity(soil: SoilConstants, wice: FloatArray) -> FloatArray:
    """Porosity minus ice, at least wimp, as in the VSF scheme; m3 m-3, (n_patch, 10)."""
    share: FloatArray = np.maximum(soil.wimp, soil.porsl - np.minimum(soil.porsl, wice / (SOIL_DZ * RHO_ICE)))
    return share


@compiled(nogil=False, error_model="python")
def _vsf(
    soil: SoilConstants,
    wliq: FloatArray,
    wice: FloatArray,
    temperature: FloatArray,
    where: BoolArray,
    smp: FloatArray,
    hk: FloatArray,
) -> None:
    for p in range(wliq.shape[0]):
        for k in range(wliq.shape[1]):
            if not where[p, k]:
                continue
            ice = min(soil.porsl[p, k], wice[p, k] / (SOIL_DZ[k] * RHO_ICE))
            room = max(soil.wimp, soil.porsl[p, k] - ice)
            liquid = min(room, max(0.0, wliq[p, k] / (SOIL_DZ[k] * RHO_WATER)))
            if room <= max(soil.wimp, soil.theta_r[p, k]):
                liquid = 0.0
            air_entry = soil.psi0[p, k]
            residual = soil.theta_r[p, k]
            if liquid >= room:
                psi = air_entry
            elif liquid <= max(residual, 1.0e-8):
                psi = LEAST_POTENTIAL
            elif soil.is_campbell:
                psi = max(air_entry * (liquid / room) ** (-soil.bsw[p, k]), LEAST_POTENTIAL)
            else:
                n = soil.n_vgm[p, k]
                m = 1.0 - 1.0 / n
                saturation = (liquid - residual) / (room - residual)
                psi = -(((saturation * soil.sc_vgm[p, k]) ** (-1.0 / m) - 1.0) ** (1.0 / n)) / soil.alpha_vgm[p, k]
                psi = max(psi, LEAST_POTENTIAL)
            if psi >= air_entry:
                conductivity = soil.hksati[p, k]
            elif soil.is_campbell:
                conductivity = soil.hksati[p, k] * (psi / air_entry) ** (-3.0 / soil.bsw[p, k] - 2.0)
            else:
                n = soil.n_vgm[p, k]
                m = 1.0 - 1.0 / n
                saturation = (1.0 + (-soil.alpha_vgm[p, k] * psi) ** n) ** (-m) / soil.sc_vgm[p, k]
                share = (1.0 - (1.0 - (saturation * soil.sc_vgm[p, k]) ** (1.0 / m)) ** m) / soil.fc_vgm[p, k]
                conductivity = soil.hksati[p, k] * saturation ** soil.L_vgm[p, k] * share**2
            if temperature[p, k] <= T_FREEZE:
                conductivity *= 10.0 ** (-ICE_IMPEDANCE * max(ice, 0.0) / soil.porsl[p, k])
            smp[p, k] = psi
            hk[p, k] = conductivity


@compiled(nogil=False, error_model="python")
def _colm2014(
    soil: SoilConstants,
    wliq: FloatArray,
    wice: FloatArray,
    temperature: FloatArray,
    where: BoolArray,
    smp: FloatArray,
    hk: FloatArray,
) -> None:
    n_layers = wliq.shape[1]
    room = np.empty(n_layers)
    liquid = np.empty(n_layers)
    ice_share = np.empty(n_layers)
    for p in range(wliq.shape[0]):
        for k in range(n_layers):
            ice = min(soil.porsl[p, k], wice[p, k] / (SOIL_DZ[k] * RHO_ICE))
            room[k] = max(0.01, soil.porsl[p, k] - ice)
            liquid[k] = min(room[k], wliq[p, k] / (SOIL_DZ[k] * RHO_WATER))
            ice_share[k] = 0.0 if soil.porsl[p, k] < 1.0e-6 else min(1.0, ice / soil.porsl[p, k])
            if not where[p, k]:
                continue
            if temperature[p, k] < T_FREEZE:
                psi = 1.0e3 * LATENT_HEAT_FUSION / GRAVITY * (temperature[p, k] - T_FREEZE) / temperature[p, k]
            elif soil.porsl[p, k] < 1.0e-6:
                psi = soil.psi0[p, k]
            else:
                wetness = min(1.0, max(liquid[k] / soil.porsl[p, k], 0.01))
                psi = soil.psi0[p, k] * wetness ** (-soil.bsw[p, k])
            smp[p, k] = max(soil.smpmin, psi)
        for k in range(n_layers):
            if not where[p, k]:
                continue
            below = min(n_layers - 1, k + 1)
            if room[k] < soil.wimp or room[below] < soil.wimp or liquid[k] <= 1.0e-3:
                hk[p, k] = 0.0
                continue
            # Upstream weighting: water rises where the potential below exceeds that above by more than gravity.
            source = k
            if k < n_layers - 1 and (smp[p, k + 1] - smp[p, k]) / _NODE_DISTANCE[k] - 1.0 > 0.0:
                source = k + 1
            conductivity = soil.hksati[p, source] * (liquid[source] / soil.porsl[p, source]) ** (
                2.0 * soil.bsw[p, source] + 3.0
            )
            hk[p, k] = conductivity * 10.0 ** (-ICE_IMPEDANCE * 0.5 * (ice_share[k] + ice_share[below]))
