"""The plan of a transform, shared by equal frames: windows as copy lists, the layout of coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import windows as win
from landda_hpc.curvelet.windows import Finest, Sizes, Window
from landda_hpc.errors import ConfigError

IntArray = npt.NDArray[np.int64]

GROUP_BYTES = 2**20


@dataclass(frozen=True)
class Block:
    """Where one stored wedge lies in the flat arrays.

    Attributes
    ----------
    scale, wedge : numbers of the scale (0 is the coarsest) and of the wedge in it.
    shape : (L1, L2), the wedge array.
    is_real : whether its coefficients are real numbers (scale 0 and finest wavelets of a real image).
    offset, size : first entry and number of entries in the flat coefficient array (last axis).
    var_offset, var_size : the same in a variance or gain array: one real entry per coefficient.
    multiplicity : wedges of the full set that it stands for (2 for the stored half of a real image's wedges).
    """

    scale: int
    wedge: int
    shape: tuple[int, int]
    is_real: bool
    offset: int
    size: int
    var_offset: int
    var_size: int
    multiplicity: int

    @property
    def coefficients(self) -> slice:
        """The block's entries in the last axis of a coefficient array."""
        return slice(self.offset, self.offset + self.size)

    @property
    def variances(self) -> slice:
        """The block's entries in the last axis of a variance or gain array."""
        return slice(self.var_offset, self.var_offset + self.var_size)


@dataclass(frozen=True)
class Group:
    """Consecutive wedges of one size, transformed by one FFT call.

    `number` is its place in `Plan.groups`; `segments` and `values` are the copy list of kernels.py; a real
    group wraps into its half spectrum.
    """

    number: int
    scale: int
    count: int
    shape: tuple[int, int]
    is_real: bool
    offset: int
    size: int
    var_offset: int
    var_size: int
    segments: IntArray
    values: npt.NDArray[np.floating]

    @property
    def coefficients(self) -> slice:
        """The group's entries in the last axis of a coefficient array."""
        return slice(self.offset, self.offset + self.size)

    @property
    def stack_shape(self) -> tuple[int, int, int]:
        """Shape of the group's wedges together."""
        return self.count, self.shape[0], self.shape[1]

    @property
    def half_shape(self) -> tuple[int, int]:
        """Shape of the half spectrum of a real group's array."""
        return self.shape[0], self.shape[1] // 2 + 1


@dataclass(frozen=True)
class Plan:
    """Everything that a frame needs and that does not change: see `make_plan`."""

    shape: tuple[int, int]
    scales: int
    angles: tuple[int, ...]
    is_real: bool
    windows: tuple[Window, ...]
    blocks: tuple[Block, ...]
    groups: tuple[Group, ...]
    n_coef: int
    n_var: int

    @property
    def spectrum_shape(self) -> tuple[int, int]:
        """Shape of the (half) spectrum of the transformed image."""
        return self.shape[0], (self.shape[1] // 2 + 1 if self.is_real else self.shape[1])


def _copy_list(
    windows: list[Window], size: tuple[int, int], shape: tuple[int, int], real_image: bool, real_group: bool
) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return segments and values that wrap the windows, one after the other, from an image's spectrum."""
    n1, n2 = shape
    columns = size[1] // 2 + 1 if real_group else size[1]
    all_segments, all_values = [], []
    for number, window in enumerate(windows):
        k1, k2 = window.elements()
        values = window.values
        target_column = k2 % size[1]
        if real_group:
            keep = target_column < columns
            k1, k2, values, target_column = k1[keep], k2[keep], values[keep], target_column[keep]
        target = (number * size[0] + k1 % size[0]) * columns + target_column
        column = k2 % n2
        if real_image:
            mirrored = column > n2 // 2
            source = np.where(mirrored, (-k1 % n1) * (n2 // 2 + 1) + (n2 - column), (k1 % n1) * (n2 // 2 + 1) + column)
            direction = np.where(mirrored, -1, 1)
        else:
            source = (k1 % n1) * n2 + column
            direction = np.ones_like(k1)
        order = np.argsort(target, kind="stable")
        target, source, direction, values = target[order], source[order], direction[order], values[order]
        breaks = np.ones(target.size, dtype=np.bool_)
        breaks[1:] = (np.diff(target) != 1) | (np.diff(source) != direction[1:]) | (direction[1:] != direction[:-1])
        first = np.nonzero(breaks)[0]
        length = np.diff(np.append(first, target.size))
        all_segments.append(np.stack([target[first], source[first], length, direction[first]], axis=1))
        # Half of a real image's wedges carry the energy of all: scaled by sqrt 2.
        all_values.append(values if real_group or not real_image else np.sqrt(2.0) * values)
    segments = np.ascontiguousarray(np.concatenate(all_segments), dtype=np.int64)
    return segments, np.concatenate(all_values)


@lru_cache(maxsize=16)
def make_plan(
    shape: tuple[int, int],
    angles_coarse: int,
    finest: Finest,
    scales: int | None,
    sizes: Sizes,
    real: bool,
    dtype: str,
) -> Plan:
    """Build the windows and copy lists of a transform of N1 x N2 images; equal arguments share one plan.

    Parameters
    ----------
    shape : (N1, N2) of the image that is transformed (after the boundary extension).
    angles_coarse, finest, scales, sizes, real : as in `Curvelet2D`.
    dtype : name of the real type of the window values.
    """
    if angles_coarse < 4 or angles_coarse % 4:
        raise ConfigError(f"angles_coarse={angles_coarse}; expected a positive multiple of 4, for example 16.")
    default = win.default_scales(shape)
    n_scales = default if scales is None else int(scales)
    win.check_scales(shape, n_scales)
    last_directional = n_scales - 1 if finest == "curvelets" else n_scales - 2
    angles = (1, *(win.angles_at(s, angles_coarse) for s in range(1, last_directional + 1)))
    angles = angles if finest == "curvelets" else (*angles, 1)

    sets: list[tuple[list[Window], tuple[int, int], bool]] = [
        ([win.coarse_window(shape, n_scales)], win.coarse_size(shape, n_scales, sizes), real)
    ]
    for scale in range(1, last_directional + 1):
        n = angles[scale]
        for quadrant in range(2 if real else 4):
            wedges = range(quadrant * n // 4, (quadrant + 1) * n // 4)
            windows = [win.wedge_window(shape, scale, n_scales, n, w) for w in wedges]
            if any(w.values.size == 0 for w in windows):
                raise ConfigError(
                    f"Scale {scale} of a {shape[0]} x {shape[1]} image has no wavenumber in some of its {n} "
                    "wedges; use fewer angles or fewer scales."
                )
            size = win.reference_size(shape, scale, n_scales, n, quadrant)
            if sizes == "smooth":
                size = win.smooth_size(windows, size)
            elif any(win.collides(w, size) for w in windows):
                raise ConfigError(
                    f"CurveLab's wedge size {size} wraps scale {scale} of a {shape[0]} x {shape[1]} image "
                    "onto itself; use sizes='smooth'."
                )
            # One FFT call takes as many wedges as fit a 1 MiB cache: fewer calls on small images, no cache
            # misses on large.
            most = max(1, GROUP_BYTES // (size[0] * size[1] * 16))
            sets.extend((windows[i : i + most], size, False) for i in range(0, len(windows), most))
    if finest == "wavelets":
        sets.append(([win.wavelet_window(shape, n_scales)], shape, real))

    blocks: list[Block] = []
    groups: list[Group] = []
    offset = var_offset = 0
    for windows, size, is_real in sets:
        area = size[0] * size[1]
        # A complex frame stores complex entries; a real one stores re and im of its wedges as two entries.
        entries = 2 * area if real and not is_real else area
        segments, values = _copy_list(windows, size, shape, real, is_real)
        scale = windows[0].scale
        count = len(windows)
        groups.append(
            Group(
                len(groups),
                scale,
                count,
                size,
                is_real,
                offset,
                count * entries,
                var_offset,
                count * area,
                segments,
                values.astype(dtype),
            )
        )
        for window in windows:
            multiplicity = 2 if real and not is_real else 1
            blocks.append(Block(scale, window.wedge, size, is_real, offset, entries, var_offset, area, multiplicity))
            offset += entries
            var_offset += area
    return Plan(
        shape,
        n_scales,
        angles,
        real,
        tuple(w for s in sets for w in s[0]),
        tuple(blocks),
        tuple(groups),
        offset,
        var_offset,
    )
