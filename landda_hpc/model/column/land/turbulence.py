"""Monin-Obukhov similarity: exchange between a surface and the air at reference height.

Flux-profile relations of Businger et al. (1971) and Dyer (1974) as collected by Zeng et al. (1998, J. Climate, 11,
2628-2644), with their strongly stable branch and gustiness; zeta = z / L is limited to -100 to 2.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import GRAVITY, VON_KARMAN

MAX_STABLE: Final = 2.0
MAX_UNSTABLE: Final = -100.0
MIN_WIND: Final = 0.1  # m s-1
BOUNDARY_LAYER: Final = 1000.0  # m, depth of convection that causes gusts


@compiled()
def stable_change(zeta: float, near: float) -> float:
    """Difference of the integrated stability function between two heights, zeta = z / L at least 0."""
    return _stable(zeta) - _stable(near)


@compiled()
def _stable(zeta: float) -> float:
    if zeta <= 1.0:
        return -5.0 * zeta
    return -4.0 * math.log(zeta) - zeta - 4.0


@compiled()
def momentum_change(zeta: float, near: float) -> float:
    """Difference of the integrated stability function of momentum between two heights, zeta = z / L of one sign."""
    if zeta >= 0.0:
        return stable_change(zeta, near)
    x2, y2 = math.sqrt(1.0 - 16.0 * zeta), math.sqrt(1.0 - 16.0 * near)
    x, y = math.sqrt(x2), math.sqrt(y2)
    ratio = (1.0 + x) / (1.0 + y)
    return math.log(ratio * ratio * (1.0 + x2) / (1.0 + y2)) - 2.0 * math.atan((x - y) / (1.0 + x * y))


@compiled()
def heat_change(zeta: float, near: float) -> float:
    """The same for heat and vapour."""
    if zeta >= 0.0:
        return stable_change(zeta, near)
    return 2.0 * math.log((1.0 + math.sqrt(1.0 - 16.0 * zeta)) / (1.0 + math.sqrt(1.0 - 16.0 * near)))


@compiled()
def first_zeta(height: float, log_m: float, wind: float, virtual: float, difference: float) -> float:
    """First estimate of zeta from the bulk Richardson number.

    Parameters
    ----------
    height : above displacement, m.
    log_m : ln(height / roughness).
    wind : m s-1.
    virtual, difference : virtual potential temperature of the air, and air minus surface, K.
    """
    richardson = GRAVITY * height * difference / (virtual * wind * wind)
    if richardson >= 0.0:
        zeta: float = richardson * log_m / (1.0 - 5.0 * min(richardson, 0.19))
        return min(MAX_STABLE, max(0.01, zeta))
    return max(MAX_UNSTABLE, min(-0.01, richardson * log_m))


@compiled()
def exchange(
    zeta: float, height: float, scalar_height: float, log_m: float, log_h: float, z0m: float, z0h: float, wind: float
) -> tuple[float, float]:
    """Friction velocity, m s-1, and aerodynamic resistance of heat and vapour, s m-1, at a given zeta.

    Parameters
    ----------
    zeta : at the height of wind.
    height, scalar_height : of wind, and of temperature and humidity, above displacement, m.
    log_m, log_h : ln(height / z0m), ln(scalar_height / z0h).
    z0m, z0h : roughness lengths, m.
    wind : m s-1.
    """
    per_height = zeta / height
    momentum = log_m - momentum_change(zeta, per_height * z0m)
    heat = log_h - heat_change(per_height * scalar_height, per_height * z0h)
    # The profiles hold only above the roughness length; the bound applies if the reference height is close to it.
    friction = VON_KARMAN * wind / max(0.5, momentum)
    return friction, max(0.5, heat) / (VON_KARMAN * friction)


@compiled()
def next_zeta(
    friction: float, resistance: float, height: float, wind: float, virtual: float, difference: float
) -> tuple[float, float]:
    """The zeta implied by the fluxes, and the wind including gusts of free convection, m s-1.

    Parameters
    ----------
    friction, resistance : from ``exchange``.
    height : of wind above displacement, m.
    wind : mean wind, m s-1.
    virtual, difference : as in ``first_zeta``.
    """
    scale = difference / (resistance * friction)
    zeta = height * VON_KARMAN * GRAVITY * scale / (friction * friction * virtual)
    if zeta >= 0.0:
        return min(MAX_STABLE, max(0.01, zeta)), wind
    convective = math.exp(math.log(max(1.0e-12, -GRAVITY * friction * scale * BOUNDARY_LAYER / virtual)) / 3.0)
    return max(MAX_UNSTABLE, min(-0.01, zeta)), math.sqrt(wind * wind + convective * convective)
