"""Effect of a mask on a spectrum: energy leaks from the large scales, which hold the errors, to the small scales."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from landda_hpc.analysis.frame_protocol import FrameBlock, ImageFrame, Pooling
from landda_hpc.analysis.protocol import MemberSums
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.parallel.pieces import Piece, PieceSharing
from landda_hpc.random_fields.keyed import keyed_generator

K = TypeVar("K")

_ITERATIONS = 200
"""Number of iterations of ``unmixed``; more iterations change a gain by less than 1e-3."""

_COST_OF_WHITE = 0.6
"""Time of ``WedgeGroups.white`` relative to that of ``WedgeGroups.energy``."""


class WedgeGroups:
    """Groups of wedges, and sums over them.

    Parameters
    ----------
    frame : frame that defines the wedges.
    pooling : 'per_wedge': each wedge is a group; 'per_scale': all wedges of a scale are a group.
    """

    def __init__(self, frame: ImageFrame, pooling: Pooling) -> None:
        self._frame = frame
        blocks: Sequence[FrameBlock] = frame.blocks
        self.of_block: IntArray = np.array(
            [block.scale if pooling == "per_scale" else number for number, block in enumerate(blocks)], dtype=np.int64
        )
        """Index of each wedge's group, (n_blocks,)."""
        self._sizes = [math.prod(block.shape) for block in blocks]
        self.n = int(self.of_block.max()) + 1
        self.scale_of: IntArray = np.zeros(self.n, dtype=np.int64)
        """Scale of each group, (n,)."""
        self.scale_of[self.of_block] = [block.scale for block in blocks]

    def by_scale(self, values: FloatArray) -> FloatArray:
        """Return sums over the groups of each scale, (n,) -> (n_scales,)."""
        sums: FloatArray = np.bincount(self.scale_of, values).astype(np.float64)
        return sums

    def sums(self, variance: FloatArray) -> FloatArray:
        """Return sums over the coefficients of each group, (n_var,) -> (n,)."""
        out = np.zeros(self.n)
        for group, block in zip(self.of_block.tolist(), self._frame.blocks, strict=True):
            out[group] += variance[block.variances].sum()
        return out

    def expand(self, values: FloatArray) -> FloatArray:
        """Return the value of its group for each coefficient, (n,) -> (n_var,)."""
        expanded: FloatArray = np.repeat(values[self.of_block], self._sizes)
        return expanded

    def pool(self, variance: FloatArray) -> FloatArray:
        """Return the sum over its group for each coefficient, (n_var,) -> (n_var,)."""
        return self.expand(self.sums(variance))

    def energy(self, image: FloatArray) -> FloatArray:
        """Return the energy of one image in each group, (n,)."""
        energy = np.zeros(self._frame.n_var)
        self._frame.accumulate_energy(image, energy)
        return self.sums(energy)

    def product(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the inner product of the coefficients of two images in each group, (n,)."""
        return _combined([self.energy(x + y), self.energy(x - y)])

    def white(self, cells: BoolArray) -> FloatArray:
        """Return the energy of white errors of unit variance on the cells in each group, (n,)."""
        return self.by_block(self._frame.wedge_variance(cells.astype(np.float64)))

    def energy_pieces(self, image: FloatArray) -> list[Piece]:
        """``energy`` for ``shared_sums``."""
        return [Piece(lambda: self.energy(image), self.n)]

    def product_pieces(self, x: FloatArray, y: FloatArray) -> list[Piece]:
        """``product`` for ``shared_sums``."""
        return [Piece(lambda: self.energy(x + y), self.n), Piece(lambda: self.energy(x - y), self.n)]

    def white_pieces(self, cells: BoolArray) -> list[Piece]:
        """``white`` for ``shared_sums``."""
        return [Piece(lambda: self.white(cells), self.n, _COST_OF_WHITE)]

    def by_block(self, values: FloatArray) -> FloatArray:
        """Return sums over the wedges of each group, (n_blocks,) -> (n,)."""
        out = np.zeros(self.n)
        np.add.at(out, self.of_block, values)
        return out


def shared_sums(sharing: PieceSharing, wanted: Mapping[K, Sequence[Piece]]) -> dict[K, FloatArray]:
    """Return energies and products that the processes of a group compute together. Collective over the group.

    Parameters
    ----------
    wanted : pieces from ``WedgeGroups``: of an energy, a product, or the energy of white errors.

    Returns
    -------
    The sums of each, (n,).
    """
    results = iter(sharing.results([piece for pieces in wanted.values() for piece in pieces]))
    return {name: _combined([next(results) for _ in pieces]) for name, pieces in wanted.items()}


def _combined(energies: Sequence[FloatArray]) -> FloatArray:
    """Return an energy, or the inner product of two images from the energies of their sum and their difference."""
    if len(energies) == 1:
        return energies[0]
    product: FloatArray = 0.25 * (energies[0] - energies[1])
    return product


def mixing_matrix(
    frame: ImageFrame, groups: WedgeGroups, cells: BoolArray, probes: MemberSums, seed: int, time_key: str
) -> FloatArray:
    """Return the energy, in all groups, of errors with unit variance in one group, after masking.

    Parameters
    ----------
    cells : the mask, (n_lat, n_lon).
    probes : distribution of the random images over the root group; their number is a multiple of ``groups.n``.
    seed, time_key : key the random numbers.

    Returns
    -------
    A, (n, n): E[energy in group i] = sum over j of A_ij s_j for errors with covariance C^T diag(s) C on these cells.
    Each row sums exactly to the energy of white errors.

    Notes
    -----
    Collective. The method follows power spectra on a cut sky: Hivon et al. (2002), Astrophys. J., 567, 2-17.
    """
    n = groups.n

    def add(block: range, sums: FloatArray) -> None:
        rows = sums.reshape(n, n)
        for member in block:
            rows[:, member % n] += probe_energy(frame, groups, member % n, cells, seed, time_key, member)

    matrix = probes.sum_blocks(n * n, add).reshape(n, n)
    return with_row_sums(matrix, groups.white(cells))


def probe_energy(
    frame: ImageFrame, groups: WedgeGroups, group: int, cells: BoolArray, seed: int, *key: str | int
) -> FloatArray:
    """Return the energy in each group, (n,), of a masked random image of unit variance in one group. Local."""
    generator = keyed_generator(seed, "mixing of wedges by a mask", *key)
    wedges = [block.coefficients for block, owner in zip(frame.blocks, groups.of_block, strict=True) if owner == group]
    # The stream of a generator is sequential, so numbers beyond the last wedge of the group need not be drawn.
    noise = generator.standard_normal(max(wedge.stop for wedge in wedges))
    only = np.zeros(frame.n_coef)
    for wedge in wedges:
        only[wedge] = noise[wedge]
    return groups.energy(np.where(cells, frame.inverse(only), 0.0))


def with_row_sums(matrix: FloatArray, sums: FloatArray) -> FloatArray:
    """Scale the rows of a matrix of probe energies, (n, n), to sums that are known exactly, (n,)."""
    total = matrix.sum(axis=1)
    factor = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0.0)
    scaled: FloatArray = factor[:, None] * matrix
    return scaled


def unmixed(energy: FloatArray, mixing: FloatArray, noise: FloatArray) -> FloatArray:
    """Return s_b >= 0 for which A (s_b + s_r) is closest to the measured energies, with known s_r.

    Parameters
    ----------
    energy : measured energies, (n,).
    mixing : A, (n, n).
    noise : s_r, (n,).

    Returns
    -------
    s_b, (n,). For a diagonal A it tends to max(0, energy / A - s_r).

    Notes
    -----
    The multiplicative iteration of Richardson (1972, J. Opt. Soc. Am., 62, 55) and Lucy (1974, Astron. J., 79, 745)
    with a known background. It is never negative, and stable if the mask hardly allows groups to be separated.
    """
    weight = mixing.sum(axis=0)
    white = mixing.sum(axis=1)
    floor = (mixing * noise).sum(axis=1)
    # The initial estimate is positive everywhere, because zero would stay zero.
    mean = float(energy.sum()) / max(float(white.sum()), np.finfo(np.float64).tiny)
    s = np.full(energy.size, mean)
    for _ in range(_ITERATIONS):
        expected = (mixing * s).sum(axis=1) + floor
        quotient = np.divide(energy, expected, out=np.zeros_like(energy), where=expected > 0.0)
        gain = (mixing * quotient[:, None]).sum(axis=0)
        s = s * np.divide(gain, weight, out=np.zeros_like(gain), where=weight > 0.0)
    return s
