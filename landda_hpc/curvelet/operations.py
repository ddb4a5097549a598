"""Operations on coefficients: wedges, scales, thresholds, energies, directions, atoms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from landda_hpc.curvelet.backends.protocol import Frame
    from landda_hpc.curvelet.frame import Curvelet2D
    from landda_hpc.curvelet.plan import Block

AnyArray = npt.NDArray[Any]


def find_block(frame: Curvelet2D, scale: int, wedge: int) -> Block:
    """Return the stored block of a wedge; ConfigError if the frame does not store it."""
    for block in frame.blocks:
        if (block.scale, block.wedge) == (scale, wedge):
            return block
    stored = sum(b.scale == scale for b in frame.blocks)
    raise ConfigError(
        f"No stored wedge {wedge} at scale {scale}: the frame has scales 0 to {frame.n_scales - 1} and "
        f"stores {stored} wedges there (a real frame stores the first half)."
    )


def _view(frame: Curvelet2D, c: AnyArray, block: Block) -> AnyArray:
    part = c[..., block.coefficients]
    if frame.real and not block.is_real:
        part = part.view(np.result_type(c.dtype, np.complex64))
    return part.reshape(*c.shape[:-1], *block.shape)


def block_view(frame: Curvelet2D, c: AnyArray, scale: int, wedge: int) -> AnyArray:
    """Return a stored wedge, (..., L1, L2), as a view of c, which must be contiguous in its last axis."""
    if c.shape[-1:] != (frame.n_coef,):
        raise ShapeError(f"The coefficients have shape {c.shape}; expected (..., {frame.n_coef}).")
    return _view(frame, c, find_block(frame, scale, wedge))


def full_wedges(frame: Curvelet2D, c: AnyArray) -> list[list[AnyArray]]:
    """Return [scale][wedge] complex arrays (..., L1, L2) of the full set, without the factor sqrt 2."""
    complex_type = np.result_type(c.dtype, np.complex64)
    result: list[list[AnyArray]] = [[] for _ in range(frame.n_scales)]
    for block in frame.blocks:
        scale = 1.0 / math.sqrt(block.multiplicity)
        result[block.scale].append(_view(frame, c, block).astype(complex_type) * c.real.dtype.type(scale))
    if frame.real:
        for scale, wedges in enumerate(result):
            if frame.angles[scale] > 1:
                wedges.extend([w.conj() for w in wedges])
    return result


def reconstruct_scales(frame: Curvelet2D, x: npt.ArrayLike) -> AnyArray:
    """Return C^T P_s C x for the projection P_s on each scale s, (J, ..., N1, N2)."""
    coefficients = frame.forward(x)
    flat = coefficients.reshape(-1, frame.n_coef)
    out = np.empty((frame.n_scales, flat.shape[0], *frame.shape), dtype=frame.coef_dtype)
    for scale in range(frame.n_scales):
        for member in range(flat.shape[0]):
            frame.synthesise_scale(flat[member], scale, out[scale, member])
    return out.reshape(frame.n_scales, *coefficients.shape[:-1], *frame.shape)


def wedge_energies(frame: Curvelet2D, c: AnyArray) -> AnyArray:
    """Return sum |c|^2 of each stored block, (..., len(blocks)), in storage order."""
    energy = frame.energy(c)
    flat = energy.reshape(-1, frame.n_var)
    out = np.empty((flat.shape[0], len(frame.blocks)), dtype=energy.dtype)
    for member in range(flat.shape[0]):
        for i, block in enumerate(frame.blocks):
            out[member, i] = np.sum(flat[member, block.variances])
    return out.reshape(*energy.shape[:-1], len(frame.blocks))


def _squared_moduli(frame: Frame, c: AnyArray) -> AnyArray:
    """Return |c|^2 of the full, unscaled set, variance layout: a stored half-set wedge holds twice that."""
    energy = frame.energy(c)
    for block in frame.blocks:
        if block.multiplicity > 1:
            energy[..., block.variances] /= block.multiplicity
    return energy


def rank_mask(frame: Frame, c: AnyArray, fraction: float) -> npt.NDArray[np.bool_]:
    """Return a mask (..., n_var) of the coefficients with moduli in the top `fraction` of the full set.

    A stored wedge of a real image counts twice (it and its conjugate are kept or dropped together). Equal
    moduli at the limit are all kept; fraction 1 keeps all, 0 none. For one S on background and observation,
    take the mask of the observation and apply it to both.

    References
    ----------
    Shen et al. (2024), section on the threshold S of Eq. 5: hard threshold by rank.
    """
    if not 0.0 <= fraction <= 1.0:
        raise ConfigError(f"fraction={fraction}; expected a number from 0 to 1.")
    moduli = _squared_moduli(frame, c)
    flat = moduli.reshape(-1, frame.n_var)
    weight = np.empty(frame.n_var, dtype=np.int64)
    for block in frame.blocks:
        weight[block.variances] = block.multiplicity
    keep = round(fraction * int(weight.sum()))
    mask = np.zeros(flat.shape, dtype=np.bool_)
    for member in range(flat.shape[0]):
        if keep == 0:
            continue
        order = np.argsort(flat[member], kind="stable")[::-1]
        last = int(np.searchsorted(np.cumsum(weight[order]), keep))
        mask[member] = flat[member] >= flat[member, order[min(last, frame.n_var - 1)]]
    return mask.reshape(moduli.shape)


def atom(frame: Curvelet2D, scale: int, wedge: int, position: tuple[int, int], quadrature: bool) -> AnyArray:
    """Return C^T of the unit (or imaginary unit) coefficient at `position` of a stored wedge, (N1, N2).

    Its centre is at x_i = position_i N_i / L_i of the transformed image.
    """
    block = find_block(frame, scale, wedge)
    if not all(0 <= p < n for p, n in zip(position, block.shape, strict=True)):
        raise ConfigError(
            f"position={position}; wedge {wedge} of scale {scale} is {block.shape[0]} x {block.shape[1]}."
        )
    if quadrature and block.is_real:
        raise ConfigError(f"Scale {scale} of a real frame has real coefficients, so no quadrature atom.")
    c = np.zeros(frame.n_coef, dtype=frame.coef_dtype)
    _view(frame, c, block)[position] = 1j if quadrature else 1.0
    return frame.adjoint(c)


def energy_rose(frame: Curvelet2D, c: AnyArray, scale: int) -> tuple[npt.NDArray[np.float64], AnyArray]:
    """Return the energy of a scale by direction.

    Returns
    -------
    directions : (n_angles / 2,), degrees in [0, 180), the direction of the wedge's central wavevector in
        grid units (cycles per cell), from axis 2 (columns, east) towards axis 1 (rows); features lie at right
        angles to it.
    energies : (..., n_angles / 2), both of each pair of opposite wedges together.
    """
    if not 0 < scale < frame.n_scales or frame.angles[scale] == 1:
        raise ConfigError(f"Scale {scale} has no directions; directional scales have more than one of {frame.angles}.")
    n = frame.angles[scale]
    energies = wedge_energies(frame, c)
    columns = [i for i, b in enumerate(frame.blocks) if b.scale == scale]
    part = energies[..., columns]
    if not frame.real:
        part = part[..., : n // 2] + part[..., n // 2 :]
    directions = wedge_directions(n)
    order = np.argsort(directions)
    return directions[order], part[..., order]


def wedge_directions(n_angles: int) -> npt.NDArray[np.float64]:
    """Return the directions of the first half of a scale's wedges, (n_angles / 2,), as `energy_rose` does.

    They are in the order of the wedges; the other half has opposite wavevectors.
    """
    nd = n_angles // 4
    directions = np.empty(n_angles // 2)
    for wedge in range(n_angles // 2):
        quadrant, w = divmod(wedge, nd)
        across = -1.0 + (2 * w + 1) / nd  # b / a on the wedge's centre line, with frequencies k_i / N_i
        f1, f2 = (-1.0, across) if quadrant == 0 else (across, 1.0)
        directions[wedge] = math.degrees(math.atan2(f1, f2)) % 180.0
    return directions


def frequency_tiling(frame: Curvelet2D) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the scale and wedge whose window is largest at each wavenumber of the transformed image.

    Returns
    -------
    Two arrays of `frame.transform_shape`; row i is k1 = i - N1 // 2, column j is k2 = j - N2 // 2. Wedges are those
    of the full set.
    """
    n1, n2 = frame.transform_shape
    largest = np.zeros((n1, n2))
    scale_of, wedge_of = np.zeros((n1, n2), dtype=np.int64), np.zeros((n1, n2), dtype=np.int64)
    for window, block in zip(frame.plan.windows, frame.blocks, strict=True):
        k1, k2 = window.elements()
        half = frame.angles[block.scale] // 2
        for sign, wedge in ((1, block.wedge), (-1, block.wedge + half))[: block.multiplicity]:
            at = (sign * k1 + n1 // 2) % n1, (sign * k2 + n2 // 2) % n2
            # At the finest curvelets a wavenumber occurs twice, as k and as k - N: the larger window is shown.
            wins = window.values > largest[at]
            places = at[0][wins], at[1][wins]
            largest[places] = window.values[wins]
            scale_of[places], wedge_of[places] = block.scale, wedge
    return scale_of, wedge_of
