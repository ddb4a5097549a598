"""The transform of one image, group by group: what every method of the frame is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ducc0
import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import kernels
from landda_hpc.curvelet.boundary import Boundary, extend, fold
from landda_hpc.curvelet.plan import Group, Plan

AnyArray = npt.NDArray[Any]


class Workspace:
    """Buffers of one thread, and the views of them that every member needs.

    `image` is the extended image, `spectrum` its (half) spectrum, `total` the spectrum being summed,
    `groups[g]` room for the coefficients of group g, `scaled[g]` for them times a gain, `halves[g]` for the
    half spectrum of a real group; groups share buffers.
    """

    def __init__(self, plan: Plan, extended: bool, real: npt.DTypeLike, coefficient: npt.DTypeLike) -> None:
        complex_type = np.result_type(real, np.complex64)
        self.image: AnyArray = np.empty(plan.shape if extended else (0, 0), dtype=coefficient)
        self.spectrum: AnyArray = np.empty(plan.spectrum_shape, dtype=complex_type)
        self.total: AnyArray = np.empty(plan.spectrum_shape, dtype=complex_type)
        self.spectrum_flat = self.spectrum.reshape(-1).view(real)
        self.total_flat = self.total.reshape(-1).view(real)
        largest = max(g.size for g in plan.groups)
        group, scaled = np.empty(largest, dtype=coefficient), np.empty(largest, dtype=coefficient)
        half = np.empty(
            max((g.half_shape[0] * g.half_shape[1] for g in plan.groups if g.is_real), default=0),
            dtype=complex_type,
        )
        self.groups = [group[: g.size] for g in plan.groups]
        self.scaled = [scaled[: g.size] for g in plan.groups]
        self.halves = [
            half[: g.half_shape[0] * g.half_shape[1]].reshape(g.half_shape) if g.is_real else half[:0]
            for g in plan.groups
        ]


class Engine:
    """Spectrum, wedges and back for one image at a time; safe to use from several threads.

    Parameters
    ----------
    plan, boundary : of the frame.
    dtype : real type of images and coefficients.
    """

    def __init__(self, plan: Plan, boundary: Boundary, dtype: np.dtype[Any]) -> None:
        self.plan = plan
        self.boundary: Boundary = boundary
        self.dtype = dtype
        self.complex_dtype = np.result_type(dtype, np.complex64)
        self.coef_dtype = dtype if plan.is_real else self.complex_dtype
        self._free: deque[Workspace] = deque()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Lend buffers; they are kept for the next borrower (allocating costs as much as a transform)."""
        try:
            work = self._free.pop()
        except IndexError:
            work = Workspace(self.plan, self.boundary != "none", self.dtype, self.coef_dtype)
        try:
            yield work
        finally:
            self._free.append(work)

    def spectrum(self, image: AnyArray, work: Workspace) -> None:
        """Write the unitary DFT of the extended image to `work.spectrum`."""
        source = image
        if self.boundary != "none":
            source = extend(image, self.boundary, work.image)
        transform = ducc0.fft.r2c if self.plan.is_real else ducc0.fft.c2c
        transform(source, axes=(0, 1), forward=True, inorm=1, out=work.spectrum, nthreads=1)

    def analyse(self, group: Group, work: Workspace, target: AnyArray) -> None:
        """Write the coefficients of one group to `target`, flat."""
        if group.is_real:
            half = work.halves[group.number]
            wrapped = half.reshape(-1).view(self.dtype)
            kernels.window_and_wrap(work.spectrum_flat, group.segments, group.values, wrapped)
            ducc0.fft.c2r(
                half, axes=(0, 1), lastsize=group.shape[1], forward=False, inorm=1,
                out=target.reshape(group.shape), nthreads=1, allow_overwriting_input=True,
            )  # fmt: skip
            return
        entries = target if self.plan.is_real else target.view(self.dtype)
        kernels.window_and_wrap(work.spectrum_flat, group.segments, group.values, entries)
        wedges = target.view(self.complex_dtype).reshape(group.stack_shape)
        ducc0.fft.c2c(wedges, axes=(1, 2), forward=False, inorm=1, out=wedges, nthreads=1)

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

    def accumulate(self, group: Group, work: Workspace, coefficients: AnyArray) -> None:
        """Add the part of one group, flat coefficients, to the spectrum `work.total`."""
        if group.is_real:
            half = work.halves[group.number]
            ducc0.fft.r2c(coefficients.reshape(group.shape), axes=(0, 1), forward=True, inorm=1, out=half, nthreads=1)
            entries, factor = half.reshape(-1).view(self.dtype), 1.0
        else:
            scratch = work.groups[group.number].view(self.complex_dtype).reshape(group.stack_shape)
            wedges = coefficients.view(self.complex_dtype).reshape(group.stack_shape)
            ducc0.fft.c2c(wedges, axes=(1, 2), forward=True, inorm=1, out=scratch, nthreads=1)
            entries = scratch.reshape(-1).view(self.dtype)
            factor = 0.5 if self.plan.is_real else 1.0
        kernels.unwrap_and_add(entries, group.segments, group.values, factor, work.total_flat)

    def finish(self, image: AnyArray, work: Workspace) -> None:
        """Write the image whose spectrum is `work.total`."""
        target = image if self.boundary == "none" else work.image
        if self.plan.is_real:
            ducc0.fft.c2r(
                work.total, axes=(0, 1), lastsize=self.plan.shape[1], forward=False, inorm=1,
                out=target, nthreads=1, allow_overwriting_input=True,
            )  # fmt: skip
        else:
            ducc0.fft.c2c(work.total, axes=(0, 1), forward=False, inorm=1, out=target, nthreads=1)
        if self.boundary != "none":
            fold(target, self.boundary, image)

    def synthesise(self, coefficients: AnyArray, image: AnyArray, work: Workspace, scale: int | None = None) -> None:
        """Write C^T c of one member, or of one scale of it, to `image`."""

        def add(group: Group) -> None:
            if scale is None or group.scale == scale:
                self.accumulate(group, work, coefficients[group.offset : group.offset + group.size])

        self.sum_groups(work, add)
        self.finish(image, work)

    def add_energy(self, wedges: AnyArray, group: Group, out: AnyArray) -> None:
        """Add |c|^2 of one group to the variance array `out`."""
        part = out[group.var_offset : group.var_offset + group.var_size]
        if group.is_real:
            kernels.add_energy_real(wedges, part)
        else:
            kernels.add_energy_complex(wedges.view(self.dtype), part)

    def scale(self, wedges: AnyArray, gain: AnyArray, group: Group, out: AnyArray) -> None:
        """Write gain c of one group to `out`, which may be `wedges`; `gain` is the whole gain array."""
        part = gain[group.var_offset : group.var_offset + group.var_size]
        if group.is_real:
            kernels.scale_real(wedges, part, out)
        else:
            kernels.scale_complex(wedges.view(self.dtype), part, out.view(self.dtype))
