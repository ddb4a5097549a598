"""Add an analysis increment to the real model's restart, and update the variables that depend on it.

Only the liquid water of unfrozen soil layers changes (wliq_soisno). Where it does, matric potential and conductivity
(smp, hk) are updated, because the model reads them in its first step (plant hydraulics). If the water table of the VSF
scheme is inside the column, the model treats the layers below the table as saturated. If an increment dries one of
them, the table (zwt) is lowered to the bottom of that layer, as the model itself would do. All other variables (wa,
ice, temperature, snow, lakes ...) stay bitwise identical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    DRY_SHARE,
    FROZEN_ICE,
    N_SNOW,
    N_SOIL,
    RHO_ICE,
    RHO_WATER,
    SOIL_DZ,
    SOIL_ZI,
    BoolArray,
    FloatArray,
    IntArray,
)
from landda_hpc.errors import ShapeError
from landda_hpc.formats.colm.restart import SoilConstants
from landda_hpc.model.colm.soil_water import (
    SoilWaterScheme,
    effective_porosity,
    follow_liquid_water,
    require_retention,
)
from landda_hpc.state import PatchType
from landda_hpc.water_ledger import WaterLedger

_UNSATURATED: Final = 1.0e-8
"""m3 m-3; a layer with a larger water deficit is not saturated (the model's own tolerance)."""


@dataclass(frozen=True, eq=False)
class SoilWater:
    """The variables of n patches that a write-back reads.

    Attributes
    ----------
    wliq, wice : liquid water and ice of the soil layers, kg m-2, shape (n, 10).
    temperature : of the soil layers, K, (n, 10).
    smp : matric potential, mm, (n, 10).
    hk : hydraulic conductivity, mm s-1, (n, 10).
    zwt : depth of the water table, m, (n,).
    wa : water in the aquifer, mm, (n,).
    """

    wliq: FloatArray
    wice: FloatArray
    temperature: FloatArray
    smp: FloatArray
    hk: FloatArray
    zwt: FloatArray
    wa: FloatArray

    @classmethod
    def of_restart(cls, values: Mapping[str, FloatArray]) -> SoilWater:
        """Make it from variables with the shapes of a restart file."""
        soil = slice(N_SNOW, N_SNOW + N_SOIL)
        return cls(
            wliq=values["wliq_soisno"][:, soil],
            wice=values["wice_soisno"][:, soil],
            temperature=values["t_soisno"][:, soil],
            smp=values["smp"],
            hk=values["hk"],
            zwt=values["zwt"],
            wa=values["wa"],
        )


def updatable(patchtype: IntArray, is_active: BoolArray) -> BoolArray:
    """Patches that an analysis may change: active soil patches.

    Excluded are urban (1), wetland (2), glacier (3), lake (4) and ocean (99), where wliq has another meaning or is
    prescribed by the model.
    """
    may: BoolArray = (patchtype == PatchType.SOIL) & is_active
    return may


def apply_increment(
    soil: SoilConstants,
    may_change: BoolArray,
    water: SoilWater,
    increment: FloatArray,
    scheme: SoilWaterScheme,
) -> tuple[SoilWater, WaterLedger]:
    """Add a volumetric increment to the liquid water of soil patches, within bounds.

    Parameters
    ----------
    soil : hydraulic parameters of n patches.
    may_change : patches that may be changed (``updatable``), shape (n,).
    water : state of the patches; not changed.
    increment : m3 m-3 per patch and layer, (n, 10). NaN counts as zero; zero leaves the state bitwise identical.
    scheme : the model's soil water scheme.

    Returns
    -------
    The state after the increment (new arrays), and the ledger per patch, kg m-2 of the patch.

    Raises
    ------
    ShapeError : increment or state differ from the parameters in the number of patches.
    ConfigError : CoLM does not support this combination of scheme and retention curve.

    Notes
    -----
    Local: no communication; the result of a patch depends only on that patch.

    - Frozen layers (ice > 0.01 kg m-2) do not change.
    - Wetting is limited to porosity minus the volume of ice, drying to max(theta_r, 0.01 porosity). A value already
      outside these bounds stays or moves towards them; it is not set to the bound.
    - A layer that cannot conduct water (rock: porosity minus ice below max(wimp, theta_r)) does not change, because the
      model excludes it from its soil-water equation. Its increment counts as clipped.
    - zwt changes only in the VSF scheme, where wa >= 0 and the table is inside the column. It is only lowered, to the
      bottom of the deepest layer below it that the increment left unsaturated.
    """
    n_patch = soil.porsl.shape[0]
    require_retention(soil, scheme)
    if increment.shape != (n_patch, N_SOIL) or water.wliq.shape != (n_patch, N_SOIL) or may_change.shape != (n_patch,):
        raise ShapeError(
            f"increment has shape {increment.shape}, liquid water {water.wliq.shape}, the mask {may_change.shape}; "
            f"the hydraulic parameters are of {n_patch} patches, {N_SOIL} layers."
        )
    wliq = water.wliq.copy()
    accounts, changed = _apply(
        may_change,
        soil.porsl,
        np.maximum(soil.theta_r, DRY_SHARE * soil.porsl),
        np.maximum(soil.theta_r, soil.wimp),
        np.ascontiguousarray(increment, dtype=np.float64),
        wliq,
        np.ascontiguousarray(water.wice),
        SOIL_DZ,
    )
    requested, applied, clipped_wet, clipped_dry, frozen = (accounts[:, i].copy() for i in range(5))
    return settle(soil, water, wliq, scheme), WaterLedger(requested, applied, clipped_wet, clipped_dry, frozen, changed)


def settle(soil: SoilConstants, before: SoilWater, wliq: FloatArray, scheme: SoilWaterScheme) -> SoilWater:
    """Update smp, hk and zwt after a change of liquid water; the second step of ``apply_increment``. Local.

    Parameters
    ----------
    soil : hydraulic parameters of n patches.
    before : the model's own state; not changed.
    wliq : liquid water after the analysis, kg m-2, shape (n, 10), already within its bounds.
    scheme : soil water scheme of the model.

    Returns
    -------
    The state with that water; variables of unchanged layers are bitwise identical to those of ``before``.
    """
    changed: BoolArray = wliq != before.wliq
    smp, hk, zwt = before.smp.copy(), before.hk.copy(), before.zwt.copy()
    if changed.any():
        if scheme is SoilWaterScheme.VSF:
            room = effective_porosity(soil, before.wice)
            _lower_water_table(changed, room, wliq, before.wa, zwt, SOIL_DZ, SOIL_ZI)
        follow_liquid_water(soil, wliq, before.wice, before.temperature, changed, smp, hk, scheme)
    return replace(before, wliq=wliq, smp=smp, hk=hk, zwt=zwt)


@compiled(nogil=False, error_model="python")
def _apply(
    may_change: BoolArray,
    porosity: FloatArray,
    dry_bound: FloatArray,
    conducting: FloatArray,
    increment: FloatArray,
    wliq: FloatArray,
    wice: FloatArray,
    dz: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    accounts = np.zeros((wliq.shape[0], 5))
    changed = np.zeros(wliq.shape, dtype=np.bool_)
    for p in range(wliq.shape[0]):
        if not may_change[p]:
            continue
        for k in range(wliq.shape[1]):
            wanted = increment[p, k]
            if wanted == 0.0 or np.isnan(wanted):
                continue
            mass = RHO_WATER * dz[k]
            accounts[p, 0] += wanted * mass
            if wice[p, k] > FROZEN_ICE:
                accounts[p, 4] += wanted * mass
                continue
            old = wliq[p, k] / mass
            room = porosity[p, k] - wice[p, k] / (RHO_ICE * dz[k])
            if room <= conducting[p, k]:
                new = old
            elif wanted > 0.0:
                new = min(old + wanted, max(old, room))
            else:
                new = max(old + wanted, min(old, dry_bound[p, k]))
            accounts[p, 2 if wanted > 0.0 else 3] += (wanted - (new - old)) * mass
            if new != old:
                before = wliq[p, k]
                wliq[p, k] = new * mass
                accounts[p, 1] += wliq[p, k] - before
                changed[p, k] = wliq[p, k] != before
    return accounts, changed


@compiled(nogil=False, error_model="python")
def _lower_water_table(
    changed: BoolArray,
    room: FloatArray,
    wliq: FloatArray,
    wa: FloatArray,
    zwt: FloatArray,
    dz: FloatArray,
    zi: FloatArray,
) -> None:
    n_layers = dz.size
    for p in range(zwt.size):
        table = zwt[p]
        if wa[p] < 0.0:
            continue
        for k in range(n_layers):
            liquid = wliq[p, k] / (RHO_WATER * dz[k])
            if changed[p, k] and liquid < room[p, k] - _UNSATURATED and table <= zi[k]:
                table = zi[k + 1]
        for k in range(n_layers):
            # In the layer with the table, the part below the table must not need more water than the layer has.
            if changed[p, k] and zi[k] < table < zi[k + 1]:
                if wliq[p, k] / RHO_WATER < room[p, k] * (zi[k + 1] - table):
                    table = zi[k + 1]
                break
        if table > zwt[p]:
            zwt[p] = table
