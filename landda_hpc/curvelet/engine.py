"""The transform of one image, group by group; all methods of the frame use it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import kernels
from landda_hpc.curvelet.boundary import Boundary, extend, fold
from landda_hpc.curvelet.plan import Group, Plan
from landda_hpc.fourier import FourierLibrary

AnyArray = npt.NDArray[Any]


class Part(NamedTuple):
    """Views of one group's coefficients of a batch, made once per batch: making them per member costs 5 %.

    The loops use `entries`: (batch, real numbers), complex ones as (re, im). The FFTs use `stacks`: (batch,
    count, L1, L2) complex, or (batch, L1, L2) of a real group.
    """

    entries: AnyArray
    stacks: tuple[AnyArray, ...]


def make_part(group: Group, coefficients: AnyArray, real: npt.DTypeLike) -> Part:
    """Return the views of a group's coefficients, (batch, group.size), contiguous in the last axis."""
    batch = coefficients.shape[0]
    if group.is_real:
        return Part(coefficients, (coefficients.reshape(batch, *group.stacks[0].shape),))
    pairs = coefficients.view(np.result_type(real, np.complex64))
    per_entry = coefficients.shape[1] // pairs.shape[1]
    stacks = tuple(
        pairs[:, s.start // per_entry : (s.start + s.size) // per_entry].reshape(batch, s.count, *s.shape)
        for s in group.stacks
    )
    return Part(coefficients.view(real), stacks)


class Workspace:
    """Buffers of one thread.

    `image` is the extended image, `spectrum` its (half) spectrum, `total` the spectrum being summed,
    `groups[g]` room for the coefficients of group g, `scaled[g]` for them times a gain, `halves[g]` for the
    half spectrum of a real group; groups share buffers. `*_flat` are views as real numbers.
    """

    def __init__(self, plan: Plan, extended: bool, real: npt.DTypeLike, coefficient: npt.DTypeLike) -> None:
        complex_type = np.result_type(real, np.complex64)
        self.image: AnyArray = np.empty(plan.shape if extended else (0, 0), dtype=coefficient)
        self.spectrum: AnyArray = np.empty(plan.spectrum_shape, dtype=complex_type)
        self.total: AnyArray = np.empty(plan.spectrum_shape, dtype=complex_type)
        self.spectrum_flat = self.spectrum.reshape(-1).view(real)
        self.total_flat = self.total.reshape(-1).view(real)
        largest = max(g.size for g in plan.groups)
        group, scaled = np.empty((1, largest), dtype=coefficient), np.empty((1, largest), dtype=coefficient)
        half = np.empty(
            max((g.half_shape[0] * g.half_shape[1] for g in plan.groups if g.is_real), default=0),
            dtype=complex_type,
        )
        self.groups = [make_part(g, group[:, : g.size], real) for g in plan.groups]
        self.scaled = [make_part(g, scaled[:, : g.size], real) for g in plan.groups]
        self.halves = [
            half[: g.half_shape[0] * g.half_shape[1]].reshape(g.half_shape) if g.is_real else half[:0]
            for g in plan.groups
        ]
        self.halves_flat = [h.reshape(-1).view(real) for h in self.halves]


class Engine:
    """Spectrum, wedges and back for one image at a time; safe to use from several threads.

    Parameters
    ----------
    plan, boundary : of the frame.
    dtype : real type of images and coefficients.
    fft : library of its Fourier transforms.
    """

    def __init__(self, plan: Plan, boundary: Boundary, dtype: np.dtype[Any], fft: FourierLibrary) -> None:
        self._fft = fft
        self.plan = plan
        self.boundary: Boundary = boundary
        self.dtype = dtype
        self.complex_dtype = np.result_type(dtype, np.complex64)
        self.coef_dtype = dtype if plan.is_real else self.complex_dtype
        self._free: deque[Workspace] = deque()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Lend buffers; they are kept for the next use (allocation costs as much as a transform)."""
        try:
            work = self._free.pop()
        except IndexError:
            work = Workspace(self.plan, self.boundary != "none", self.dtype, self.coef_dtype)
        try:
            yield work
        finally:
            self._free.append(work)

    def parts(self, coefficients: AnyArray) -> list[Part]:
        """Return the views of every group of a batch of coefficients, (batch, n_coef), contiguous."""
        return [make_part(g, coefficients[:, g.coefficients], self.dtype) for g in self.plan.groups]

    def spectrum(self, image: AnyArray, work: Workspace) -> None:
        """Write the unitary DFT of the extended image to `work.spectrum`."""
        source = image
        if self.boundary != "none":
            source = extend(image, self.boundary, work.image)
        if self.plan.is_real:
            self._fft.r2c(source, (0, 1), norm=1, out=work.spectrum)
        else:
            self._fft.c2c(source, (0, 1), forward=True, norm=1, out=work.spectrum)

    def analyse(self, group: Group, work: Workspace, target: Part, member: int) -> None:
        """Write the coefficients of one group to `target`, for one member of it."""
        if group.is_real:
            wrapped = work.halves_flat[group.number]
            kernels.window_and_wrap(work.spectrum_flat, group.segments, group.values, wrapped)
            half, real = work.halves[group.number], target.stacks[0][member]
            self._fft.c2r(half, (0, 1), group.stacks[0].shape[1], norm=1, out=real)
            return
        kernels.window_and_wrap(work.spectrum_flat, group.segments, group.values, target.entries[member])
        for stack in target.stacks:
            wedges = stack[member]
            self._fft.c2c(wedges, (1, 2), forward=False, norm=1, out=wedges)

    def sum_groups(self, work: Workspace, add: Callable[[Group], None]) -> None:
        """Zero `work.total` and call `add`, which accumulates into it, for every group."""
        work.total[...] = 0
        for group in self.plan.groups:
            if not group.is_real:
                add(group)
        if self.plan.is_real:
            # x = Re sum sqrt2 W Y e^ikx: half of it belongs to k, half to -k. Columns 0 and N2/2 hold both,
            # and c2r takes their real part, so they get the whole. Real groups have k and -k already and come
            # after.
            rows, columns = self.plan.spectrum_shape
            kernels.double_columns(work.total_flat, rows, columns, self.plan.shape[1] % 2 == 0)
            for group in self.plan.groups:
                if group.is_real:
                    add(group)

    def accumulate(self, group: Group, work: Workspace, coefficients: Part, member: int) -> None:
        """Add one group of one member to the spectrum `work.total`; overwrites `work.groups`."""
        if group.is_real:
            self._fft.r2c(coefficients.stacks[0][member], (0, 1), norm=1, out=work.halves[group.number])
            entries, factor = work.halves_flat[group.number], 1.0
        else:
            scratch = work.groups[group.number]
            for stack, room in zip(coefficients.stacks, scratch.stacks, strict=True):
                self._fft.c2c(stack[member], (1, 2), forward=True, norm=1, out=room[0])
            entries, factor = scratch.entries[0], 0.5 if self.plan.is_real else 1.0
        kernels.unwrap_and_add(entries, group.segments, group.values, factor, work.total_flat)

    def finish(self, image: AnyArray, work: Workspace) -> None:
        """Write the image whose spectrum is `work.total`."""
        target = image if self.boundary == "none" else work.image
        if self.plan.is_real:
            self._fft.c2r(work.total, (0, 1), self.plan.shape[1], norm=1, out=target)
        else:
            self._fft.c2c(work.total, (0, 1), forward=False, norm=1, out=target)
        if self.boundary != "none":
            fold(target, self.boundary, image)

    def synthesise(
        self, parts: list[Part], member: int, image: AnyArray, work: Workspace, scale: int | None = None
    ) -> None:
        """Write C^T c of one member, or of one scale of it, to `image`."""

        def add(group: Group) -> None:
            part = parts[group.number]
            # Wedges without energy add zeros to the spectrum: without their FFTs, an image of one wedge costs a fifth.
            if (scale is None or group.scale == scale) and part.entries[member].any():
                self.accumulate(group, work, part, member)

        self.sum_groups(work, add)
        self.finish(image, work)

    def add_energy(self, wedges: Part, member: int, group: Group, out: AnyArray) -> None:
        """Add |c|^2 of one group of one member to the variance array `out`."""
        part = out[group.var_offset : group.var_offset + group.var_size]
        (kernels.add_energy_real if group.is_real else kernels.add_energy_complex)(wedges.entries[member], part)

    def scale(self, wedges: Part, gain: AnyArray, group: Group, out: Part, member: int) -> None:
        """Write gain c of one group of one member to `out`, which may be `wedges`; `gain` is the whole gain array."""
        part = gain[group.var_offset : group.var_offset + group.var_size]
        kernel = kernels.scale_real if group.is_real else kernels.scale_complex
        kernel(wedges.entries[member], part, out.entries[member])
