"""The plan of a transform, shared by equal frames: windows as copy lists, the layout of coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import windows as win
from landda_hpc.curvelet.windows import Finest, Sizes, Window
from landda_hpc.errors import ConfigError

IntArray = npt.NDArray[np.int64]

# Wedges that are processed together fit a 1 MiB cache: fewer calls on small images, no cache misses on large ones.
GROUP_BYTES = 2**20
BYTES_PER_CELL = 16

_WindowSet = tuple[list[Window], tuple[int, int], bool]
"""Windows of wedges of one size, that size, and whether their coefficients are real."""


@dataclass(frozen=True)
class Block:
    """Position of one stored wedge in the flat arrays.

    Attributes
    ----------
    scale, wedge : numbers of the scale (0 is the coarsest) and of the wedge in it.
    shape : (L1, L2), the wedge array.
    is_real : whether its coefficients are real numbers (scale 0 and finest wavelets of a real image).
    offset, size : first entry and number of entries in the flat coefficient array (last axis).
    var_offset, var_size : the same in a variance or gain array: one real entry per coefficient.
    multiplicity : wedges of the full set that it represents (2 for the stored half of a real image's wedges).
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
class Stack:
    """Consecutive wedges of one size in a group: one FFT call.

    `start` and `size` are entries of the group's flat coefficients.
    """

    count: int
    shape: tuple[int, int]
    start: int
    size: int


@dataclass(frozen=True)
class Group:
    """Consecutive wedges of one scale that are wrapped together and fit a cache.

    `number` is its place in `Plan.groups`; `segments` and `values` are the copy list of kernels.py. A real
    group is a single wedge, wrapped into its half spectrum.
    """

    number: int
    scale: int
    is_real: bool
    offset: int
    size: int
    var_offset: int
    var_size: int
    stacks: tuple[Stack, ...]
    segments: IntArray
    values: npt.NDArray[np.floating]

    @property
    def coefficients(self) -> slice:
        """The group's entries in the last axis of a coefficient array."""
        return slice(self.offset, self.offset + self.size)

    @property
    def half_shape(self) -> tuple[int, int]:
        """Shape of the half spectrum of a real group's wedge."""
        n1, n2 = self.stacks[0].shape
        return n1, n2 // 2 + 1


@dataclass(frozen=True)
class Tiling:
    """The windows of a transform of N1 x N2 images, and their wrapped sizes.

    `angles` are the wedges of each scale in the full set; of a real image the first half is needed.
    """

    shape: tuple[int, int]
    scales: int
    angles: tuple[int, ...]
    finest: Finest
    sizes: Sizes
    is_real: bool

    def sets(self) -> Iterator[_WindowSet]:
        """Yield the windows in storage order, as many of one size together as GROUP_BYTES allow."""
        shape, scales = self.shape, self.scales
        yield [win.coarse_window(shape, scales)], win.coarse_size(shape, scales, self.sizes), self.is_real
        for scale in range(1, scales if self.finest == "curvelets" else scales - 1):
            n = self.angles[scale]
            for quadrant in range(2 if self.is_real else 4):
                wedges = range(quadrant * n // 4, (quadrant + 1) * n // 4)
                windows = [win.wedge_window(shape, scale, scales, n, w) for w in wedges]
                size = self._size(windows, scale, quadrant)
                most = max(1, GROUP_BYTES // (size[0] * size[1] * BYTES_PER_CELL))
                for i in range(0, len(windows), most):
                    yield windows[i : i + most], size, False
        if self.finest == "wavelets":
            yield [win.wavelet_window(shape, scales)], shape, self.is_real

    def _size(self, windows: list[Window], scale: int, quadrant: int) -> tuple[int, int]:
        n1, n2 = self.shape
        n = self.angles[scale]
        if any(w.values.size == 0 for w in windows):
            raise ConfigError(
                f"Scale {scale} of a {n1} x {n2} image has no wavenumber in some of its {n} wedges; use fewer angles "
                "or fewer scales."
            )
        size = win.reference_size(self.shape, scale, self.scales, n, quadrant)
        if self.sizes == "smooth":
            return win.smooth_size(windows, size)
        if any(win.collides(w, size) for w in windows):
            raise ConfigError(
                f"CurveLab's wedge size {size} wraps scale {scale} of a {n1} x {n2} image onto itself; use "
                "sizes='smooth'."
            )
        return size


@dataclass(frozen=True)
class Plan:
    """All constant parts of a frame; see `make_plan`."""

    tiling: Tiling
    blocks: tuple[Block, ...]
    groups: tuple[Group, ...]

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The windows themselves, one per block; made at the first use, as only exact variances need them."""
        return tuple(w for windows, _, _ in self.tiling.sets() for w in windows)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the transformed image."""
        return self.tiling.shape

    @property
    def scales(self) -> int:
        """Number of scales J."""
        return self.tiling.scales

    @property
    def angles(self) -> tuple[int, ...]:
        """Wedges of each scale in the full set."""
        return self.tiling.angles

    @property
    def is_real(self) -> bool:
        """Whether images are real."""
        return self.tiling.is_real

    @property
    def n_coef(self) -> int:
        """Entries of a coefficient array."""
        return self.groups[-1].offset + self.groups[-1].size

    @property
    def n_var(self) -> int:
        """Entries of a variance array."""
        return self.groups[-1].var_offset + self.groups[-1].var_size

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


def _together(sets: Iterable[_WindowSet]) -> Iterator[list[_WindowSet]]:
    """Yield the sets that make one group: consecutive ones of a scale, as many as GROUP_BYTES allow."""
    members: list[_WindowSet] = []
    room = 0
    for windows, size, is_real in sets:
        needed = len(windows) * size[0] * size[1] * BYTES_PER_CELL
        if members and (is_real or needed > room or members[0][0][0].scale != windows[0].scale):
            yield members
            members = []
        if not members:
            room = 0 if is_real else GROUP_BYTES
        members.append((windows, size, is_real))
        room -= needed
    yield members


def _make_group(
    members: list[_WindowSet], shape: tuple[int, int], real: bool, dtype: str, before: Group | None
) -> Group:
    """Build the group of some window sets, stored behind the group `before`."""
    is_real = members[0][2]
    stacks, segments, values = [], [], []
    cells = 0
    # A complex frame stores complex entries; a real one stores re and im of its wedges as two entries.
    entries = 2 if real and not is_real else 1
    for windows, size, _ in members:
        area = len(windows) * size[0] * size[1]
        part, part_values = _copy_list(windows, size, shape, real, is_real)
        part[:, 0] += cells
        stacks.append(Stack(len(windows), size, entries * cells, entries * area))
        segments.append(part)
        values.append(part_values)
        cells += area
    return Group(
        0 if before is None else before.number + 1,
        members[0][0][0].scale,
        is_real,
        0 if before is None else before.offset + before.size,
        entries * cells,
        0 if before is None else before.var_offset + before.var_size,
        cells,
        tuple(stacks),
        np.concatenate(segments),
        np.concatenate(values).astype(dtype),
    )


def make_tiling(
    shape: tuple[int, int], angles_coarse: int, finest: Finest, scales: int | None, sizes: Sizes, real: bool
) -> Tiling:
    """Determine scales and angles of a plan; no window is built, so it is fast for any image.

    Parameters
    ----------
    shape, angles_coarse, finest, scales, sizes, real : as in `make_plan`.

    Raises
    ------
    ConfigError, ShapeError
        If the image is too small, or cannot have so many scales or angles.
    """
    if angles_coarse < 4 or angles_coarse % 4:
        raise ConfigError(f"angles_coarse={angles_coarse}; expected a positive multiple of 4, for example 16.")
    default = win.default_scales(shape)
    n_scales = default if scales is None else int(scales)
    win.check_scales(shape, n_scales)
    last_directional = n_scales - 1 if finest == "curvelets" else n_scales - 2
    angles = (1, *(win.angles_at(s, angles_coarse) for s in range(1, last_directional + 1)))
    angles = angles if finest == "curvelets" else (*angles, 1)

    return Tiling(shape, n_scales, angles, finest, sizes, real)


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
    tiling = make_tiling(shape, angles_coarse, finest, scales, sizes, real)
    blocks: list[Block] = []
    groups: list[Group] = []
    for members in _together(tiling.sets()):
        groups.append(_make_group(members, shape, real, dtype, groups[-1] if groups else None))
        offset, var_offset = groups[-1].offset, groups[-1].var_offset
        for windows, size, is_real in members:
            area = size[0] * size[1]
            # The stored half of a real image's wedges stands for all: complex, so two entries per coefficient.
            is_half = real and not is_real
            entries = 2 * area if is_half else area
            for window in windows:
                blocks.append(
                    Block(
                        window.scale,
                        window.wedge,
                        size,
                        is_real,
                        offset,
                        entries,
                        var_offset,
                        area,
                        2 if is_half else 1,
                    )
                )
                offset += entries
                var_offset += area
    return Plan(tiling, tuple(blocks), tuple(groups))
