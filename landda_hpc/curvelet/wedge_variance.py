"""Exact energies of independent errors in each wedge, at the cost of one transform.

The energy of a wedge is a sum over wavenumbers, sum_k W(k)^2 |X(k)|^2, because wrapping loses nothing. For errors that
are independent from cell to cell E|X(k)|^2 follows from a sum over cells: with the copies P x that a boundary extension
makes of a cell,

    E|X(k)|^2 = 1 / N sum_x sigma^2(x) |e(k x) + sum_P e(k P x)|^2 / (number of copies),

which is a cosine transform of sigma^2 along the mirrored axes. No autocorrelation of windows is needed, as it is for
the variance of each single coefficient (`variance.DiagonalVariance`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet.boundary import Boundary
from landda_hpc.curvelet.variance import WindowedFrame

if TYPE_CHECKING:
    import scipy.sparse

FloatArray = npt.NDArray[np.float64]


class WedgeVariance:
    """Sum of E|c|^2 over each wedge for errors that are independent from cell to cell, exactly.

    Parameters
    ----------
    frame : windows and blocks; `frame.shape` is that of the extended image.
    boundary : of the frame.
    """

    def __init__(self, frame: WindowedFrame, boundary: Boundary) -> None:
        self._frame = frame
        self._boundary: Boundary = boundary
        self._squares: scipy.sparse.csr_matrix | None = None

    def __call__(self, sigma2: FloatArray) -> FloatArray:
        """Return the energies, (number of blocks,), in the unit of sigma2.

        Parameters
        ----------
        sigma2 : variance of the error in each cell, (N1, N2), zero or positive, no NaN.
        """
        power = expected_power(sigma2, self._boundary)
        return np.asarray(self._window_squares() @ power.reshape(-1), dtype=np.float64)

    def _window_squares(self) -> scipy.sparse.csr_matrix:
        """W^2 of every wedge, times its multiplicity: (number of blocks, cells of the extended image)."""
        if self._squares is None:
            import scipy.sparse  # imported here and below: it would double the time to load the package

            n1, n2 = self._frame.shape
            values, columns, ends = [], [], [0]
            for window, block in zip(self._frame.windows, self._frame.blocks, strict=True):
                k1, k2 = window.elements()
                values.append(block.multiplicity * window.values**2)
                columns.append((k1 % n1) * n2 + k2 % n2)
                ends.append(ends[-1] + k1.size)
            self._squares = scipy.sparse.csr_matrix(
                (np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=(len(values), n1 * n2)
            )
        return self._squares


def expected_power(sigma2: FloatArray, boundary: Boundary) -> FloatArray:
    """Return E|X(k)|^2 of the unitary DFT of the extended image of independent errors of variance sigma2.

    Returns
    -------
    (M1, M2) of the extended image, np.fft order.
    """
    n1, n2 = sigma2.shape
    total = float(sigma2.sum())
    if boundary == "none":
        return np.full((n1, n2), total / (n1 * n2))
    if boundary == "double_fourier_sphere":
        rows = _cosines(sigma2.sum(axis=1), axis=0)
        sign = np.where(np.arange(n2) % 2 == 0, 1.0, -1.0)
        power: FloatArray = (total + rows[:, None] * sign) / (2 * n1 * n2)
        return power
    rows = _cosines(sigma2.sum(axis=1), axis=0)
    columns = _cosines(sigma2.sum(axis=0), axis=0)
    both = _cosines(_cosines(sigma2, axis=0), axis=1)
    reflected: FloatArray = (total + rows[:, None] + columns[None, :] + both) / (4 * n1 * n2)
    return reflected


def _cosines(values: FloatArray, axis: int) -> FloatArray:
    """Return sum_x values(x) cos(2 pi k (2 x + 1) / (2 N)) for k = 0 ... 2 N - 1 along an axis of N entries."""
    import scipy.fft

    n = values.shape[axis]
    # The type-II transform has cos(pi j (2 x + 1) / (2 N)), j < N; beyond it is odd about N: j = 2 k.
    table = 0.5 * scipy.fft.dct(values, type=2, axis=axis)
    j = (2 * np.arange(2 * n)) % (4 * n)
    # cos(pi j (2 x + 1) / (2 N)) for any j: period 4 N, even about 0, odd about N.
    j = np.where(j > 2 * n, 4 * n - j, j)
    sign = np.where(j > n, -1.0, np.where(j == n, 0.0, 1.0))
    index = np.where(j > n, 2 * n - j, j)
    index = np.where(index == n, 0, index)
    shape = [1] * values.ndim
    shape[axis] = 2 * n
    out: FloatArray = np.take(table, index, axis=axis) * sign.reshape(shape)
    return out
