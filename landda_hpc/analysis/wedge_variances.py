"""Error variances by scale and direction: one number per wedge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landda_hpc.analysis.frame_protocol import FrameBlock, ImageFrame
from landda_hpc.analysis.frame_protocol import Pooling as Pooling
from landda_hpc.analysis.mixing import WedgeGroups, probe_energy, unmixed, with_row_sums
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError

_PROBES = 8
"""Number of random images per wedge from which the mixing by the masks of an archive is estimated."""


@dataclass(frozen=True, eq=False)
class WedgeSpectrum:
    """Variance s per wedge, m6 m-6, of errors with the covariance C^T diag(s) C.

    White errors of standard deviation sigma have s = sigma^2 in every wedge. s describes the errors, not the cells in
    which they are observed. Wedges overlap, and a mask moves energy between them: errors on a domain have the energy
    sum_j A_ij s_j in wedge i (``mixing_matrix``), which is s_i times the white energy only if all s are equal. Energies
    measured on a domain are therefore unmixed once (``unmixed``, ``archive_spectrum``).

    Attributes
    ----------
    scale, wedge : indices of each stored wedge of the frame, (n_blocks,).
    variance : s >= 0, m6 m-6, (n_blocks,).
    """

    scale: IntArray
    wedge: IntArray
    variance: FloatArray

    def __post_init__(self) -> None:
        if not self.scale.shape == self.wedge.shape == self.variance.shape or self.variance.ndim != 1:
            raise ShapeError(
                f"scale {self.scale.shape}, wedge {self.wedge.shape} and variance {self.variance.shape} of a wedge "
                "spectrum differ in shape; expected one number per wedge."
            )
        if not np.all(np.isfinite(self.variance)) or np.any(self.variance < 0.0):
            raise DataError("a wedge spectrum needs finite, non-negative variances.")

    @classmethod
    def of(cls, frame: ImageFrame, variance: FloatArray) -> WedgeSpectrum:
        """Return the spectrum with these variances on the frame's wedges, in storage order."""
        scale = np.array([block.scale for block in frame.blocks], dtype=np.int64)
        wedge = np.array([block.wedge for block in frame.blocks], dtype=np.int64)
        return cls(scale, wedge, variance)

    def require(self, frame: ImageFrame) -> None:
        """Raise DataError unless the wedges of the spectrum are those of this frame."""
        mine, other = list(zip(self.scale, self.wedge, strict=True)), [(b.scale, b.wedge) for b in frame.blocks]
        if mine != other:
            raise DataError(
                f"the wedge spectrum has {len(mine)} wedges in {len(set(self.scale.tolist()))} scales; the frame "
                f"stores {len(other)} in {len({b.scale for b in frame.blocks})}. Use the same frame: "
                "the same angles_coarse, finest, scales, boundary and shape of images."
            )

    def expand(self, frame: ImageFrame) -> FloatArray:
        """Return s of every coefficient, (n_var,)."""
        return expand(self.variance, frame)

    def total(self, frame: ImageFrame) -> float:
        """Return the variance of a cell as mean over the image, m6 m-6."""
        atoms = block_sums(frame.variance(np.ones(frame.shape)), frame.blocks)
        return float(np.sum(self.variance * atoms)) / (frame.shape[0] * frame.shape[1])


def block_sums(values: FloatArray, blocks: Sequence[FrameBlock]) -> FloatArray:
    """Return the sum of a variance array over each wedge, (n_var,) -> (n_blocks,)."""
    return np.array([values[block.variances].sum() for block in blocks])


def expand(values: FloatArray, frame: ImageFrame) -> FloatArray:
    """Return the number of its wedge for each coefficient, (n_blocks,) -> (n_var,)."""
    out = np.empty(frame.n_var)
    for value, block in zip(values, frame.blocks, strict=True):
        out[block.variances] = value
    return out


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, 0 where the denominator is 0 (wedges without support on observed cells)."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0.0)


def archive_spectrum(
    frame: ImageFrame, images: Sequence[FloatArray], domain: BoolArray, about_mean: bool = True
) -> WedgeSpectrum:
    """Return the spectrum of an archive of error images: forecast differences, or model minus observation.

    Parameters
    ----------
    images : m3 m-3, (n_lat, n_lon) each; NaN where missing.
    domain : cells that are used.
    about_mean : subtract each cell's mean over the archive first (variance); otherwise keep it (mean square).

    Returns
    -------
    The spectrum that gives the mean energies of the archive after masking with the cells of each image.

    Raises
    ------
    DataError : fewer than two images, or none with a value in the domain.

    Notes
    -----
    Local. An archive of model minus observation has the spectrum B + R. Subtract R, or use the sum as [S24] does.
    The effect of the images' masks on the spectrum is estimated from random images; see ``mixing_matrix``.
    """
    if len(images) < (2 if about_mean else 1):
        raise DataError(f"an archive of {len(images)} images has no variance; provide two or more.")
    mean = np.zeros(domain.shape)
    if about_mean:
        count = np.zeros(domain.shape)
        for image in images:
            seen = domain & np.isfinite(image)
            mean += np.where(seen, image, 0.0)
            count += seen
        mean = mean / np.maximum(count, 1.0)
    groups = WedgeGroups(frame, "per_wedge")
    n, n_probes = groups.n, _PROBES * groups.n
    energy, white, mixing = np.zeros(frame.n_var), np.zeros(n), np.zeros((n, n))
    for number, image in enumerate(images):
        seen = domain & np.isfinite(image)
        white += groups.white(seen)
        frame.accumulate_energy(np.where(seen, image - mean, 0.0), energy)
        # The probes are spread over the images, so that the mixing is the mean over their masks.
        for probe in range(number * n_probes // len(images), (number + 1) * n_probes // len(images)):
            mixing[:, probe % n] += probe_energy(frame, groups, probe % n, seen, 0, "archive", probe)
    if not white.any():
        raise DataError("no image of the archive has a value in the domain.")
    unbiased = len(images) / (len(images) - 1.0) if about_mean else 1.0
    measured = unbiased * block_sums(energy, frame.blocks)
    return WedgeSpectrum.of(frame, unmixed(measured, with_row_sums(mixing, white), np.zeros(n)))
