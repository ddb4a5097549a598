"""What follows when the campaign has changed the liquid water of a run in memory; the second half of a write-back."""

from __future__ import annotations

from dataclasses import replace

from landda_hpc.constants import SOIL_DZ, SOIL_ZI, FloatArray
from landda_hpc.formats.colm.restart import SoilConstants
from landda_hpc.model.colm.soil_water import SoilWaterScheme, effective_porosity, follow_liquid_water
from landda_hpc.model.colm.write_back import SoilWater, _lower_water_table


def settle(soil: SoilConstants, before: SoilWater, wliq: FloatArray, scheme: SoilWaterScheme) -> SoilWater:
    """Bring smp, hk and zwt in step with other liquid water.

    Parameters
    ----------
    soil : constants of n patches.
    before : the model's own state; not changed.
    wliq : liquid water after the analysis, kg m-2, shape (n, 10); its bounds are the caller's.
    scheme : the model's soil water scheme.

    Returns
    -------
    The state with that water. What does not depend on a changed layer keeps the bits of ``before``.

    Notes
    -----
    Local: no communication. The rules are those of ``write_back.apply_increment``.
    """
    changed = wliq != before.wliq
    smp, hk, zwt = before.smp.copy(), before.hk.copy(), before.zwt.copy()
    if changed.any():
        if scheme is SoilWaterScheme.VSF:
            _lower_water_table(changed, effective_porosity(soil, before.wice), wliq, before.wa, zwt, SOIL_DZ, SOIL_ZI)
        follow_liquid_water(soil, wliq, before.wice, before.temperature, changed, smp, hk, scheme)
    return replace(before, wliq=wliq, smp=smp, hk=hk, zwt=zwt)
