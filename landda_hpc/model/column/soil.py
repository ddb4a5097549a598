"""Soil parameters from texture, and their perturbation for a twin's nature run."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from landda_hpc.constants import N_SOIL, BoolArray, FloatArray, IntArray
from landda_hpc.data import SOIL_CLASSES
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.model.column.vegetation import MAX_VEGETATION, root_fraction
from landda_hpc.state import Tiles

HEMIC_PEAT: Final = {"porsl": 0.88, "psi0": -10.2, "bsw": 6.1, "hksati": 2.0e-3}
"""Moderately decomposed peat: m3 m-3, mm, 1, mm s-1 (Letts et al. 2000, Atmos.-Ocean, 38, 141-160, Table 1)."""

PEAT_SHARE: Final = {6: 0.7, 7: 0.1}
"""Fraction of peat in the organic classes; the rest is mineral soil. With 0.7, porosity is within 0.02 of HTESSEL's
for organic soil (0.766). For tropical organic soil, HTESSEL uses the hydraulics of mineral soil; 0.1 is close to it."""

SAND_LIMITS: Final = (2.0, 95.0)  # percent
POROSITY_LIMITS: Final = (0.25, 0.90)  # m3 m-3
BSW_LIMITS: Final = (1.5, 20.0)
PSI0_LIMITS: Final = (-3000.0, -5.0)  # mm
HKSATI_LIMITS: Final = (1.0e-6, 0.5)  # mm s-1
"""Limits of perturbed parameters: the range of mineral and organic soils in tables of measured hydraulics."""

_SAND: Final[FloatArray] = np.array([np.nan, *(c.sand for c in SOIL_CLASSES)])
_CLAY: Final[FloatArray] = np.array([np.nan, *(c.clay for c in SOIL_CLASSES)])
_ANY_CLASS: Final = 1
PEAT_OF_CLASS: Final[FloatArray] = np.array([PEAT_SHARE.get(k, 0.0) for k in range(len(SOIL_CLASSES) + 1)])


def campbell_parameters(
    soil_class: IntArray, sand_change: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Campbell parameters of soil classes.

    Parameters
    ----------
    soil_class : ECMWF class 1..7, shape (n,).
    sand_change : added to the sand content of the class, percent, (n,); the ratio of silt to clay is kept. None: 0.

    Returns
    -------
    porsl (m3 m-3), psi0 (mm, negative), bsw (1), hksati (mm s-1), each (n,).

    Raises
    ------
    DataError : a class outside 1..7.

    Notes
    -----
    Local: no communication. Mineral soil: porsl = 0.489 - 0.00126 sand, psi0 = -10 x 10^(1.88 - 0.0131 sand),
    b = 2.91 + 0.159 clay, K_s = 0.0070556 x 10^(-0.884 + 0.0153 sand), sand and clay in percent. Mineral soil and
    peat are averaged by volume: arithmetically, but geometrically for K_s.

    References
    ----------
    Cosby et al. (1984), Water Resour. Res., 20, 682-690, Table 5, in the units of CLM and CoLM.
    """
    if soil_class.size and (soil_class.min() < 1 or soil_class.max() > len(SOIL_CLASSES)):
        raise DataError(
            f"soil classes run from {soil_class.min()} to {soil_class.max()}; expected 1..{len(SOIL_CLASSES)} (ECMWF)."
        )
    sand, clay = _SAND[soil_class], _CLAY[soil_class]
    if sand_change is not None:
        changed = np.clip(sand + sand_change, *SAND_LIMITS)
        clay = clay * (100.0 - changed) / (100.0 - sand)
        sand = changed
    peat = PEAT_OF_CLASS[soil_class]
    porsl = (1.0 - peat) * (0.489 - 0.00126 * sand) + peat * HEMIC_PEAT["porsl"]
    psi0 = (1.0 - peat) * -10.0 * 10.0 ** (1.88 - 0.0131 * sand) + peat * HEMIC_PEAT["psi0"]
    bsw = (1.0 - peat) * (2.91 + 0.159 * clay) + peat * HEMIC_PEAT["bsw"]
    mineral = 0.0070556 * 10.0 ** (-0.884 + 0.0153 * sand)
    hksati = mineral ** (1.0 - peat) * HEMIC_PEAT["hksati"] ** peat
    return porsl, psi0, bsw, hksati


def all_layers(values: FloatArray) -> FloatArray:
    """One value per tile for all soil layers, (n_tile, n_soil): a read-only view without memory per layer. Local."""
    return np.broadcast_to(values[:, None], (values.size, N_SOIL))


def with_perturbed_parameters(
    tiles: Tiles,
    *,
    sand: FloatArray | float = 0.0,
    log_b: FloatArray | float = 0.0,
    log_psi: FloatArray | float = 0.0,
    log_ksat: FloatArray | float = 0.0,
    porosity: FloatArray | float = 0.0,
    vegetation: FloatArray | float = 0.0,
) -> Tiles:
    """Change the parameters of soil tiles, within physical limits.

    Parameters
    ----------
    tiles : either built from static fields, with unperturbed parameters, or from another model's domain (soil class
        0), whose own parameters are changed. Tiles without soil stay unchanged.
    sand : added to the sand content, percent, (n_tile,) or a number; the ratio of silt to clay is kept.
    log_b, log_psi, log_ksat : added afterwards to the natural logarithms of b, |psi0| and K_s.
    porosity : added afterwards to porosity, m3 m-3.
    vegetation : added to the vegetation fraction. The root profile is kept.

    Returns
    -------
    New tiles; porsl, psi0, bsw, hksati and vegetation_fraction may differ, as well as root_fraction in tiles that had
    no roots.

    Raises
    ------
    ShapeError : an array's length is not the number of tiles.
    DataError : a perturbation is not finite.

    Notes
    -----
    Local: no communication. The bits of a tile do not depend on the other tiles if whole vectors of the global tile
    vector are given (``state.whole_vectors``). Parameters that are the same in all layers stay so, without memory per
    layer.
    """
    n = len(tiles)
    given = {"sand": sand, "log_b": log_b, "log_psi": log_psi, "log_ksat": log_ksat, "porosity": porosity}
    changes = {name: _per_tile(name, value, n) for name, value in (*given.items(), ("vegetation", vegetation))}
    soil: BoolArray = tiles.is_updatable
    porsl, psi0, bsw, hksati = _changed_texture(tiles, soil, changes["sand"])
    new_vegetation = np.where(
        soil,
        np.clip(tiles.vegetation_fraction + changes["vegetation"], 0.0, MAX_VEGETATION),
        tiles.vegetation_fraction,
    )
    is_new = soil & (new_vegetation > 0.0) & ~tiles.root_fraction.any(axis=1)
    roots = tiles.root_fraction
    if is_new.any():
        roots = roots.copy()
        roots[is_new] = root_fraction(tiles.climate_class[is_new], np.zeros(int(is_new.sum())))
    return replace(
        tiles,
        porsl=_replace(tiles.porsl, soil, np.clip(porsl + changes["porosity"][:, None], *POROSITY_LIMITS)),
        psi0=_replace(tiles.psi0, soil, np.clip(psi0 * np.exp(changes["log_psi"][:, None]), *PSI0_LIMITS)),
        bsw=_replace(tiles.bsw, soil, np.clip(bsw * np.exp(changes["log_b"][:, None]), *BSW_LIMITS)),
        hksati=_replace(tiles.hksati, soil, np.clip(hksati * np.exp(changes["log_ksat"][:, None]), *HKSATI_LIMITS)),
        vegetation_fraction=new_vegetation,
        root_fraction=roots,
    )


def _per_tile(name: str, value: FloatArray | float, n: int) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 0 and array.shape != (n,):
        raise ShapeError(f"perturbation '{name}' has shape {array.shape}; there are {n} tiles.")
    if not np.isfinite(array).all():
        raise DataError(f"perturbation '{name}' has values that are not finite.")
    return np.broadcast_to(array, (n,))


def _replace(values: FloatArray, where: BoolArray, new: FloatArray) -> FloatArray:
    """Values, with new ones for the marked tiles: one for all layers, (n, 1), or one per layer, (n, n_soil)."""
    if new.shape[1] == 1 and values.strides[1] == 0:
        return all_layers(np.where(where, new[:, 0], values[:, 0]))
    replaced: FloatArray = np.where(where[:, None], new, values)
    return replaced


def _changed_texture(tiles: Tiles, soil: BoolArray, sand: FloatArray) -> tuple[FloatArray, ...]:
    """porsl, psi0, bsw, hksati with new sand contents, (n, 1) or (n, n_soil); of use only for the marked soil tiles.

    Tiles without a soil class have their own parameters and an unknown texture. Their parameters change with the
    slopes of the regressions on sand; b, which depends on clay, does not change.
    """
    if (tiles.soil_class[soil] > 0).all():
        by_class = campbell_parameters(np.where(soil, tiles.soil_class, _ANY_CLASS), sand)
        return tuple(values[:, None] for values in by_class)
    more = sand[:, None]
    return (
        tiles.porsl - 0.00126 * more,
        tiles.psi0 * 10.0 ** (-0.0131 * more),
        tiles.bsw,
        tiles.hksati * 10.0 ** (0.0153 * more),
    )
