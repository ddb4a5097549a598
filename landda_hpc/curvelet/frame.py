"""The curvelet frame of images of one shape: forward, inverse, energies, gains, variances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import operations, variance
from landda_hpc.curvelet.boundary import Boundary, extended_shape
from landda_hpc.curvelet.engine import Engine, Workspace
from landda_hpc.curvelet.plan import Block, Group, Plan, make_plan
from landda_hpc.curvelet.wedge_variance import WedgeVariance
from landda_hpc.curvelet.windows import Finest, Sizes
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.fourier import FourierName, library

AnyArray = npt.NDArray[Any]
RealArray = npt.NDArray[np.floating]


class Curvelet2D:
    """A Parseval frame of curvelets for images of N1 x N2 cells.

    C is linear, ||C x|| = ||x|| and C^T C = 1, so the inverse is the adjoint. The frame is redundant: C C^T
    is a projection, not the identity, and a diagonal covariance of coefficients is an approximation.

    Parameters
    ----------
    shape : (N1, N2) of the images.
    angles_coarse : wedges at the coarsest directional scale, a multiple of 4; doubled at every second finer
        scale.
    finest : `curvelets` (redundancy about 7) or `wavelets` (isotropic, about 2.6) at the finest scale.
    scales : number of scales J; by default ceil(log2(min side) - 3) of the transformed image.
    sizes : wedge arrays of 5-smooth sizes (`smooth`, fast) or of the reference's (`curvelab`, to compare with
        it).
    boundary : `none`, `reflect` (regions) or `double_fourier_sphere` (global images); see boundary.py.
    dtype : np.float64 or np.float32, the precision of images, coefficients and variances.
    real : images are real, and half of the wedges is stored; False for complex images, all wedges.
    fft : library of the Fourier transforms, `ducc0` or `scipy` (see `landda_hpc.fourier`); by default the
        process's choice.

    Attributes
    ----------
    shape, transform_shape : of the image, and of its extension, which is transformed.
    n_coef : entries of the flat coefficient array (last axis).
    n_var : entries of a variance or gain array: one per coefficient.
    coef_dtype : `dtype` if `real`, else the matching complex type.
    blocks : position of each stored wedge, in storage order (`Block`).
    n_scales, angles : J, and the number of wedges of each scale in the full set.

    Notes
    -----
    *Storage.* The last axis holds scale 0, then the wedges of scale 1, 2 ... in order, each a C-contiguous L1
    x L2 array. If `real`, all entries are real numbers: scale 0 and finest wavelets one entry per
    coefficient, every other wedge (re, im) pairs; only the first half of the wedges of a scale is stored,
    scaled by sqrt 2 (the other half is its complex conjugate), so that the dot product of two coefficient
    arrays is the inner product of the images. If not `real`, every entry is a complex coefficient.

    *Bits.* Each member is transformed separately, with one thread inside every FFT: results do not depend on the
    batch, on the order of members or on `threads`.

    NaN in an image spreads to all of its coefficients; fill missing cells first. Local: no communication.

    References
    ----------
    Candes, Demanet, Donoho, Ying (2006), SIAM Multiscale Model. Simul. 5(3), 861-899.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        angles_coarse: int = 16,
        finest: Finest = "curvelets",
        scales: int | None = None,
        sizes: Sizes = "smooth",
        boundary: Boundary = "none",
        dtype: npt.DTypeLike = np.float64,
        real: bool = True,
        fft: FourierName | None = None,
    ) -> None:
        transforms = library(fft)
        if finest not in ("curvelets", "wavelets"):
            raise ConfigError(f"finest={finest!r}; expected 'curvelets' or 'wavelets'.")
        if sizes not in ("smooth", "curvelab"):
            raise ConfigError(f"sizes={sizes!r}; expected 'smooth' or 'curvelab'.")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ConfigError(f"dtype={self.dtype}; expected float32 or float64 (complex images: real=False).")
        if len(shape) != 2 or min(shape) < 1:
            raise ShapeError(f"shape={shape}; expected two positive numbers of cells, (N1, N2).")
        self.shape = (int(shape[0]), int(shape[1]))
        self.boundary: Boundary = boundary
        self.real = bool(real)
        self.fft: FourierName = transforms.name
        self._fft = transforms
        setting = (int(angles_coarse), finest, scales, sizes)
        self._arguments = (self.shape, *setting, boundary, self.dtype.name, self.real, transforms.name)
        self.transform_shape = extended_shape(self.shape, boundary)
        self.plan: Plan = make_plan(self.transform_shape, *setting, self.real, self.dtype.name)
        self.finest: Finest = finest
        self.n_scales = self.plan.scales
        self.angles = self.plan.angles
        self.blocks: tuple[Block, ...] = self.plan.blocks
        self.n_coef = self.plan.n_coef
        self.n_var = self.plan.n_var
        self._engine = Engine(self.plan, boundary, self.dtype, transforms)
        self.coef_dtype = self._engine.coef_dtype
        self._diagonal_variance = variance.DiagonalVariance(self.plan, boundary, transforms)
        self._wedge_variance = WedgeVariance(self.plan, boundary)

    def __reduce__(self) -> tuple[type[Curvelet2D], tuple[Any, ...]]:
        return Curvelet2D, self._arguments

    def __repr__(self) -> str:
        n1, n2 = self.shape
        return (
            f"Curvelet2D({n1} x {n2}, scales={self.n_scales}, angles={self.angles}, "
            f"boundary={self.boundary!r}, real={self.real}, dtype={self.dtype.name}, fft={self.fft!r}, "
            f"n_coef={self.n_coef})"
        )

    @property
    def redundancy(self) -> float:
        """Number of stored values per value of the image."""
        return self.n_coef / (self.shape[0] * self.shape[1])

    # ------------------------------------------------------------------ transforms

    def forward(self, x: npt.ArrayLike, out: AnyArray | None = None, threads: int = 1) -> AnyArray:
        """Return the coefficients C x.

        Parameters
        ----------
        x : images, (..., N1, N2).
        out : array of shape (..., n_coef) and dtype `coef_dtype`, contiguous, to write to; reuse saves time.
        threads : members are shared among this many threads; the result does not depend on it.

        Returns
        -------
        (..., n_coef), dtype `coef_dtype`; see the class notes for the layout.

        Raises
        ------
        ShapeError
            For another shape, or a complex image in a real frame.
        """
        images, batch = self._images(x)
        coefficients = self._output(out, (*batch, self.n_coef)).reshape(math.prod(batch), self.n_coef)
        parts = self._engine.parts(coefficients)

        def one(i: int, work: Workspace) -> None:
            self._engine.spectrum(images[i], work)
            for group, part in zip(self.plan.groups, parts, strict=True):
                self._engine.analyse(group, work, part, i)

        self._for_each(one, images.shape[0], threads)
        return coefficients.reshape(*batch, self.n_coef)

    def adjoint(self, c: npt.ArrayLike, out: AnyArray | None = None, threads: int = 1) -> AnyArray:
        """Return C^T c, shape (..., N1, N2), for coefficients c of shape (..., n_coef).

        `out` and `threads` as in `forward`. Raises ShapeError for another shape, or complex c in a real
        frame.
        """
        coefficients, batch = self._coefficients(c)
        images = self._output(out, (*batch, *self.shape)).reshape(math.prod(batch), *self.shape)
        parts = self._engine.parts(coefficients)

        def one(i: int, work: Workspace) -> None:
            self._engine.synthesise(parts, i, images[i], work)

        self._for_each(one, coefficients.shape[0], threads)
        return images.reshape(*batch, *self.shape)

    def inverse(self, c: npt.ArrayLike, out: AnyArray | None = None, threads: int = 1) -> AnyArray:
        """Return the image whose coefficients are c: the adjoint, as C^T C = 1.

        For c that are not the coefficients of any image this is the least-squares solution.
        """
        return self.adjoint(c, out, threads)

    def apply_gain(
        self, x: npt.ArrayLike, gain: npt.ArrayLike, out: AnyArray | None = None, threads: int = 1
    ) -> AnyArray:
        """Return C^T diag(gain) C x without storing coefficients.

        Parameters
        ----------
        x : images, (..., N1, N2).
        gain : (n_var,), one real factor per coefficient.
        out, threads : as in `forward`.

        Returns
        -------
        (..., N1, N2). The bits of `adjoint(scale_by(forward(x), gain))`.
        """
        engine = self._engine
        images, batch = self._images(x)
        factors = self._real_vector(gain, "gain")
        results = self._output(out, (*batch, *self.shape)).reshape(math.prod(batch), *self.shape)

        def one(i: int, work: Workspace) -> None:
            def add(group: Group) -> None:
                wedges = work.groups[group.number]
                engine.analyse(group, work, wedges, 0)
                # Not in place: an FFT in place may round differently from the one that `adjoint` does.
                scaled = work.scaled[group.number]
                engine.scale(wedges, factors, group, scaled, 0)
                engine.accumulate(group, work, scaled, 0)

            engine.spectrum(images[i], work)
            engine.sum_groups(work, add)
            engine.finish(results[i], work)

        self._for_each(one, images.shape[0], threads)
        return results.reshape(*batch, *self.shape)

    # ------------------------------------------------------------------ variance layout

    def energy(self, c: npt.ArrayLike) -> AnyArray:
        """Return ``|c|^2`` in the variance layout, (..., n_var), for coefficients (..., n_coef)."""
        coefficients, batch = self._coefficients(c)
        out = np.zeros((coefficients.shape[0], self.n_var), dtype=self.dtype)
        parts = self._engine.parts(coefficients)
        for i in range(coefficients.shape[0]):
            for group, part in zip(self.plan.groups, parts, strict=True):
                self._engine.add_energy(part, i, group, out[i])
        return out.reshape(*batch, self.n_var)

    def accumulate_energy(self, x: npt.ArrayLike, out: AnyArray) -> None:
        """Add ``|C x|^2`` of one image to `out`, without storing coefficients.

        Parameters
        ----------
        x : one image, (N1, N2).
        out : (n_var,), dtype of the frame or float64, contiguous; changed in place. Sums over members are in
            the order of calls.
        """
        images, batch = self._images(x)
        if batch:
            raise ShapeError(f"accumulate_energy needs one image of shape {self.shape}; found {np.shape(x)}.")
        if out.shape != (self.n_var,) or out.dtype not in (self.dtype, np.float64) or not out.flags.c_contiguous:
            raise ShapeError(
                f"out is {out.shape} {out.dtype}; expected a contiguous ({self.n_var},) array of "
                f"{self.dtype} or float64."
            )
        with self._engine.workspace() as work:
            self._engine.spectrum(images[0], work)
            for group in self.plan.groups:
                wedges = work.groups[group.number]
                self._engine.analyse(group, work, wedges, 0)
                self._engine.add_energy(wedges, 0, group, out)

    def scale_by(self, c: npt.ArrayLike, gain: npt.ArrayLike, out: AnyArray | None = None) -> AnyArray:
        """Return diag(gain) c: each coefficient times its real factor.

        Parameters
        ----------
        c : coefficients, (..., n_coef).
        gain : (n_var,), the variance layout.
        out : array like c to write to; may be c itself.
        """
        coefficients, batch = self._coefficients(c)
        factors = self._real_vector(gain, "gain")
        result = self._output(out, (*batch, self.n_coef)).reshape(math.prod(batch), self.n_coef)
        parts, scaled = self._engine.parts(coefficients), self._engine.parts(result)
        for i in range(coefficients.shape[0]):
            for group in self.plan.groups:
                self._engine.scale(parts[group.number], factors, group, scaled[group.number], i)
        return result.reshape(*batch, self.n_coef)

    def variance(self, sigma2: npt.ArrayLike) -> AnyArray:
        """Return the exact ``E|c|^2`` of errors that are independent from cell to cell, variance sigma2(x).

        See `variance.DiagonalVariance`. Shape (n_var,); sigma2 is (N1, N2), in the square of the image's
        unit.
        """
        exact = self._diagonal_variance(variance.checked_map(sigma2, self.shape, "sigma2"))
        return exact.astype(self.dtype, copy=False)

    def wedge_variance(self, sigma2: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the sum of `variance` over each block, (len(blocks),), exactly, at the cost of one transform."""
        return self._wedge_variance(variance.checked_map(sigma2, self.shape, "sigma2"))

    def local_variance(self, sigma2: npt.ArrayLike) -> AnyArray:
        """Return `variance` without the cross terms of a boundary extension, (n_var,), at the cost of transforms.

        See `variance.DiagonalVariance.local`. For shares of wedges: where errors are large, not how large.
        """
        of_block = self.local_variances([sigma2])
        return np.concatenate([of_block(number)[0] for number in range(len(self.blocks))])

    def local_variances(self, maps: Sequence[npt.ArrayLike]) -> Callable[[int], AnyArray]:
        """Return `local_variance` of several maps, as a function of the number of a block.

        Parameters
        ----------
        maps : variances of independent errors, (N1, N2) each.

        Returns
        -------
        The function returns (number of maps, size of the block). Together the blocks cost a few FFTs each.
        """
        of_block = self._diagonal_variance.local([variance.checked_map(one, self.shape, "sigma2") for one in maps])
        return lambda number: of_block(number).astype(self.dtype, copy=False)

    def variance_from_spectrum(self, power: npt.ArrayLike) -> AnyArray:
        """Return the exact ``E|c|^2`` of errors that are homogeneous on the (periodic) N1 x N2 grid.

        See `variance.spectral_variance`. Shape (n_var,); power is (N1, N2), E|X(k)|^2 of the unitary DFT in
        the order of np.fft.fft2, so that white errors have power = sigma^2 everywhere.
        """
        spectrum = variance.checked_map(power, self.shape, "power")
        if self.real:
            spectrum = variance.even_spectrum(spectrum)
        if self.boundary == "reflect":
            exact = variance.sum_over_modes(self, spectrum, self.real)
        else:
            exact = variance.spectral_variance(self.plan, self.boundary, spectrum, self._fft)
        return exact.astype(self.dtype, copy=False)

    # ------------------------------------------------------------------ wedges, scales, thresholds

    def block(self, c: AnyArray, scale: int, wedge: int) -> AnyArray:
        """Return the stored wedge as a view, (..., L1, L2): complex, or real where `Block.is_real`."""
        return operations.block_view(self, c, scale, wedge)

    def wedges(self, c: npt.ArrayLike) -> list[list[AnyArray]]:
        """Return the full set of wedges, [scale][wedge], complex (..., L1, L2), without the factor sqrt 2."""
        return operations.full_wedges(self, self._coefficients_like(c))

    def scales(self, x: npt.ArrayLike) -> AnyArray:
        """Return the part of the images in each scale, (J, ..., N1, N2); the parts add up to x."""
        return operations.reconstruct_scales(self, x)

    def synthesise_scale(self, c: AnyArray, scale: int, out: AnyArray) -> None:
        """Write the image of one scale of one member's coefficients, (n_coef,), to `out`, (N1, N2)."""
        parts = self._engine.parts(c.reshape(1, self.n_coef))
        with self._engine.workspace() as work:
            self._engine.synthesise(parts, 0, out, work, scale)

    def wedge_energies(self, c: npt.ArrayLike) -> AnyArray:
        """Return the energy of each stored block, (..., len(blocks)); they add up to ||x||^2."""
        return operations.wedge_energies(self, self._coefficients_like(c))

    def rank_mask(self, c: npt.ArrayLike, fraction: float) -> npt.NDArray[np.bool_]:
        """Return a mask of the coefficients in the top fraction by modulus, in the variance layout.

        See `operations.rank_mask`.
        """
        return operations.rank_mask(self, self._coefficients_like(c), fraction)

    def atom(self, scale: int, wedge: int, position: tuple[int, int], quadrature: bool = False) -> AnyArray:
        """Return one curvelet as an image, (N1, N2); `quadrature` for its partner, shifted by a quarter wave."""
        return operations.atom(self, scale, wedge, position, quadrature)

    def rose(self, c: npt.ArrayLike, scale: int) -> tuple[npt.NDArray[np.float64], AnyArray]:
        """Return the directions (degrees) of a scale's wedges, and the energy in each.

        See `operations.energy_rose`.
        """
        return operations.energy_rose(self, self._coefficients_like(c), scale)

    def frequency_tiling(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return scale and wedge of the largest window at each wavenumber, centred, (N1, N2) of `transform_shape`."""
        return operations.frequency_tiling(self)

    # ------------------------------------------------------------------ threads and checks

    def _for_each(self, one: Callable[[int, Workspace], None], count: int, threads: int) -> None:
        """Call one(i, workspace) for every member; each thread takes a fixed share."""
        if threads < 1:
            raise ConfigError(f"threads={threads}; expected 1 or more.")
        workers = min(threads, count)

        def share(worker: int) -> None:
            with self._engine.workspace() as work:
                for i in range(worker * count // workers, (worker + 1) * count // workers):
                    one(i, work)

        if workers <= 1:
            if count:
                share(0)
            return
        with ThreadPoolExecutor(workers - 1) as pool:
            others = pool.map(share, range(1, workers))
            share(0)
            list(others)

    def _images(self, x: npt.ArrayLike) -> tuple[AnyArray, tuple[int, ...]]:
        array = np.asarray(x)
        if array.shape[-2:] != self.shape:
            raise ShapeError(f"The image has shape {array.shape}; expected (..., {self.shape[0]}, {self.shape[1]}).")
        batch = array.shape[:-2]
        return self._typed(array, "image").reshape(math.prod(batch), *self.shape), batch

    def _coefficients_like(self, c: npt.ArrayLike) -> AnyArray:
        array = np.asarray(c)
        if array.shape[-1:] != (self.n_coef,):
            raise ShapeError(f"The coefficients have shape {array.shape}; expected (..., {self.n_coef}).")
        return self._typed(array, "coefficient array")

    def _coefficients(self, c: npt.ArrayLike) -> tuple[AnyArray, tuple[int, ...]]:
        array = self._coefficients_like(c)
        batch = array.shape[:-1]
        return array.reshape(math.prod(batch), self.n_coef), batch

    def _typed(self, array: AnyArray, what: str) -> AnyArray:
        if self.real and np.iscomplexobj(array):
            raise ShapeError(f"The {what} is {array.dtype}; this frame is real. Build it with real=False.")
        return np.ascontiguousarray(array, dtype=self.coef_dtype)

    def _real_vector(self, values: npt.ArrayLike, name: str) -> AnyArray:
        array = np.ascontiguousarray(values, dtype=self.dtype)
        if array.shape != (self.n_var,):
            raise ShapeError(f"{name} has shape {array.shape}; expected ({self.n_var},), one per coefficient.")
        return array

    def _output(self, out: AnyArray | None, shape: Sequence[int]) -> AnyArray:
        if out is None:
            return np.empty(shape, dtype=self.coef_dtype)
        if out.shape != tuple(shape) or out.dtype != self.coef_dtype or not out.flags.c_contiguous:
            raise ShapeError(f"out is {out.shape} {out.dtype}; expected contiguous {tuple(shape)} {self.coef_dtype}.")
        return out
