"""Image -> tiles: every updatable tile of the cell gets the increment, within bounds; the ledger counts the water."""

from __future__ import annotations

import numpy as np

from landda_hpc.cell_means import cell_starts
from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    DRY_SHARE,
    FROZEN_ICE,
    RHO_ICE,
    RHO_WATER,
    SOIL_DZ,
    BoolArray,
    FloatArray,
    IntArray,
)
from landda_hpc.state import Tiles, TileState
from landda_hpc.water_ledger import WaterLedger


def distribute(tiles: Tiles, state: TileState, increment: FloatArray, layers: BoolArray) -> WaterLedger:
    """Add a volumetric increment per cell to the liquid water of its soil tiles, in place.

    Parameters
    ----------
    tiles : this rank's tiles.
    state : their state; only ``wliq_soisno`` changes.
    increment : m3 m-3 per cell, shape (n_cells_local, n_soil); every updatable tile of the cell gets the same.
        NaN counts as zero. A zero changes no bit.
    layers : layers that are updated, shape (n_soil,) (those that overlap the analysed depth).

    Returns
    -------
    The ledger.

    Notes
    -----
    Local: no communication. Before bounds aggregate(distribute(d)) = d, i.e. H D = I. The bounds limit what
    the increment adds; a value that already lies outside is never "repaired" (docs/methods.md).
    """
    first = cell_starts(tiles.cell)
    columns = np.where(layers, np.asarray(increment, dtype=np.float64), 0.0)
    accounts, changed = _distribute(
        first,
        tiles.is_updatable,
        tiles.area_fraction,
        np.ascontiguousarray(tiles.porsl),
        np.maximum(tiles.theta_r, DRY_SHARE * tiles.porsl),
        columns,
        state.soil("wliq_soisno"),
        state.soil("wice_soisno"),
    )
    requested, applied, clipped_wet, clipped_dry, frozen = (accounts[:, i].copy() for i in range(5))
    return WaterLedger(requested, applied, clipped_wet, clipped_dry, frozen, changed)


@compiled(nogil=False, error_model="python")
def _distribute(
    first: IntArray,
    updatable: BoolArray,
    area: FloatArray,
    porosity: FloatArray,
    dry_bound: FloatArray,
    increment: FloatArray,
    wliq: FloatArray,
    wice: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    n_cells = first.size - 1
    accounts = np.zeros((n_cells, 5))
    changed = np.zeros(wliq.shape, dtype=np.bool_)
    for c in range(n_cells):
        total = 0.0
        for t in range(first[c], first[c + 1]):
            if updatable[t]:
                total += area[t]
        for t in range(first[c], first[c + 1]):
            if not updatable[t]:
                continue
            share = area[t] / total
            for k in range(SOIL_DZ.size):
                wanted = increment[c, k]
                if wanted == 0.0 or np.isnan(wanted):
                    continue
                mass = RHO_WATER * SOIL_DZ[k]
                accounts[c, 0] += share * wanted * mass
                if wice[t, k] > FROZEN_ICE:
                    accounts[c, 4] += share * wanted * mass
                    continue
                old = wliq[t, k] / mass
                new = old + wanted
                if wanted > 0.0:
                    new = min(new, max(old, porosity[t, k] - wice[t, k] / (RHO_ICE * SOIL_DZ[k])))
                    accounts[c, 2] += share * (old + wanted - new) * mass
                else:
                    new = max(new, min(old, dry_bound[t, k]))
                    accounts[c, 3] += share * (old + wanted - new) * mass
                accounts[c, 1] += share * (new - old) * mass
                if new != old:
                    wliq[t, k] = new * mass
                    changed[t, k] = True
    return accounts, changed
