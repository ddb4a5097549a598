"""The frame against its definition: Parseval, adjoint, reference coefficients, shifts, bits."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.curvelet import Curvelet2D
from landda_hpc.curvelet.windows import ramp
from landda_hpc.errors import ConfigError, ShapeError

from .conftest import frames, random_like

GOLDEN = ["32x32_ac0", "32x32_ac1", "64x128_ac0", "64x128_ac1"]


def inner(a, b):
    return np.vdot(a, b)


@settings(max_examples=60)
@given(frame=frames(), seed=st.integers(0, 2**31))
def test_parseval_dot_product_and_reconstruction(frame, seed):
    x = random_like(frame, seed, *frame.shape)
    d = random_like(frame, seed + 1, frame.n_coef)
    c = frame.forward(x)
    assert c.shape == (frame.n_coef,)
    assert c.dtype == frame.coef_dtype
    # 1e-13: rounding of a few FFTs; measured below 2e-15.
    assert abs(inner(c, c) / inner(x, x) - 1.0) < 1e-13
    scale = np.linalg.norm(x) * np.linalg.norm(d)
    assert abs(inner(c, d) - inner(x, frame.adjoint(d))) < 1e-13 * scale
    assert np.abs(frame.inverse(c) - x).max() < 1e-13 * np.abs(x).max()


@settings(max_examples=20)
@given(frame=frames(dtype=np.float32), seed=st.integers(0, 2**31))
def test_single_precision(frame, seed):
    x = random_like(frame, seed, *frame.shape)
    d = random_like(frame, seed + 1, frame.n_coef)
    c = frame.forward(x)
    back = frame.adjoint(d)
    assert c.dtype == frame.coef_dtype
    assert back.dtype == x.dtype
    wide = np.complex128
    assert abs(np.linalg.norm(c.astype(wide)) / np.linalg.norm(x.astype(wide)) - 1.0) < 1e-5
    difference = inner(c.astype(wide), d.astype(wide)) - inner(x.astype(wide), back.astype(wide))
    assert abs(difference) < 1e-5 * np.linalg.norm(x) * np.linalg.norm(d)
    assert np.abs(frame.inverse(c) - x).max() < 1e-5 * np.abs(x).max()


@settings(max_examples=20)
@given(frame=frames(), seed=st.integers(0, 2**31), a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_linearity(frame, seed, a, b):
    x, y = random_like(frame, seed, 2, *frame.shape)
    expected = a * frame.forward(x) + b * frame.forward(y)
    size = (abs(a) + abs(b)) * np.abs(frame.forward(x)).max() + 1.0
    assert np.abs(frame.forward(a * x + b * y) - expected).max() < 1e-13 * size


@settings(max_examples=25)
@given(frame=frames(), seed=st.integers(0, 2**31), members=st.integers(1, 7), threads=st.integers(1, 3))
def test_batch_and_threads_keep_the_bits(frame, seed, members, threads):
    x = random_like(frame, seed, members, *frame.shape)
    gain = np.random.default_rng(seed).random(frame.n_var)
    c = frame.forward(x, threads=threads)
    back = frame.inverse(c, threads=threads)
    filtered = frame.apply_gain(x, gain, threads=threads)
    energy = frame.energy(c)
    scaled = frame.scale_by(c, gain)
    for i in range(members):
        one = frame.forward(x[i].copy())
        assert np.array_equal(one, c[i])
        assert np.array_equal(frame.inverse(one), back[i])
        assert np.array_equal(frame.adjoint(frame.scale_by(one, gain)), filtered[i])
        assert np.array_equal(frame.scale_by(one, gain), scaled[i])
        streamed = np.zeros(frame.n_var)
        frame.accumulate_energy(x[i], streamed)
        assert np.array_equal(streamed, energy[i])


def test_layout_of_memory_does_not_change_the_bits():
    frame = Curvelet2D((24, 34))
    x = np.random.default_rng(0).standard_normal((24, 34))
    c = frame.forward(x)
    assert np.array_equal(frame.forward(np.asfortranarray(x)), c)
    wide = np.zeros((24, 69))
    wide[:, 1::2] = x
    assert np.array_equal(frame.forward(wide[:, 1::2]), c)


def test_leading_axes_out_and_empty_batches():
    frame = Curvelet2D((20, 18), finest="wavelets")
    x = np.random.default_rng(0).standard_normal((2, 3, 20, 18))
    out = np.empty((2, 3, frame.n_coef))
    assert frame.forward(x, out=out).base is out or frame.forward(x, out=out) is out
    assert np.array_equal(out[1, 2], frame.forward(x[1, 2]))
    assert frame.inverse(out).shape == x.shape
    assert frame.forward(x[:, :0]).shape == (2, 0, frame.n_coef)
    assert frame.inverse(out[:0]).shape == (0, 3, 20, 18)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("real", [True, False])
def test_reference_coefficients(shared: Path, name: str, real: bool):
    with np.load(shared / "golden" / f"golden_{name}_nba16.npz") as data:
        reference = dict(data)
    meta = json.loads(str(reference["meta_json"]))
    finest = "curvelets" if meta["allcurvelets"] else "wavelets"
    frame = Curvelet2D(tuple(meta["shape"]), finest=finest, sizes="curvelab", real=real)
    assert frame.n_scales == meta["nbscales"]
    assert list(frame.angles) == meta["nwedges"]
    wedges = frame.wedges(frame.forward(reference["x"]))
    assert sum(w.size for scale in wedges for w in scale) == meta["ncoef"]
    for scale, row in enumerate(wedges):
        for wedge, ours in enumerate(row):
            # The reference's own window tables limit the agreement to a few 1e-12.
            assert np.abs(ours - reference[f"c_{scale}_{wedge}"].T).max() < 1e-10


@pytest.mark.parametrize("name", GOLDEN)
def test_reference_adjoint(shared: Path, name: str):
    with np.load(shared / "golden" / f"golden_{name}_nba16.npz") as data:
        reference = dict(data)
    meta = json.loads(str(reference["meta_json"]))
    finest = "curvelets" if meta["allcurvelets"] else "wavelets"
    frame = Curvelet2D(tuple(meta["shape"]), finest=finest, sizes="curvelab", real=False)
    rng = np.random.default_rng(int(reference["adj_in_seed"]))
    flat = rng.standard_normal(frame.n_coef) + 1j * rng.standard_normal(frame.n_coef)
    c = np.empty_like(flat)
    start = 0
    for block in frame.blocks:  # the reference flattens its transposed wedges
        part = flat[start : start + block.size].reshape(block.shape[::-1]).T
        frame.block(c, block.scale, block.wedge)[...] = part
        start += block.size
    assert np.abs(frame.adjoint(c) - reference["adj_out"]).max() < 1e-10


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), finest=st.sampled_from(["curvelets", "wavelets"]))
def test_real_and_complex_frames_agree(seed, finest):
    shape = (33, 46)
    real, full = Curvelet2D(shape, finest=finest), Curvelet2D(shape, finest=finest, real=False)
    x = np.random.default_rng(seed).standard_normal(shape)
    ours, theirs = real.wedges(real.forward(x)), full.wedges(full.forward(x))
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert np.abs(left - right).max() < 1e-13


def test_shift_by_whole_coefficients():
    """A shift by a whole number of both cells and coefficients shifts the wedge."""
    frame = Curvelet2D((64, 128))
    x = np.random.default_rng(3).standard_normal(frame.shape)
    c = frame.forward(x)
    shifted_any = False
    for axis in (0, 1):
        for block in frame.blocks:
            n, m = frame.shape[axis], block.shape[axis]
            step = m // math.gcd(n, m)  # coefficients that make a whole number of cells
            if step == m:
                continue
            d = frame.forward(np.roll(x, step * n // m, axis=axis))
            moved = np.roll(frame.block(c, block.scale, block.wedge), step, axis=axis)
            difference = frame.block(d, block.scale, block.wedge) - moved
            assert np.abs(difference).max() < 1e-12 * np.abs(x).max()
            shifted_any = True
    assert shifted_any


def test_shift_changes_no_wedge_energy():
    """In every wedge the energy is sum W^2 |X|^2, whatever the position of the image."""
    frame = Curvelet2D((45, 37))
    x = np.random.default_rng(4).standard_normal(frame.shape)
    before = frame.wedge_energies(frame.forward(x))
    after = frame.wedge_energies(frame.forward(np.roll(x, (5, -11), axis=(0, 1))))
    assert np.allclose(before, after, rtol=1e-12)


def test_documented_size_at_the_reference_sizes():
    assert Curvelet2D((128, 256), sizes="curvelab").n_coef == 248_759
    assert Curvelet2D((128, 256), sizes="curvelab", finest="wavelets").n_coef == 95_383
    assert Curvelet2D((128, 256)).n_coef < 248_759


@pytest.mark.parametrize("scales", [2, 3, 5, 6])
@pytest.mark.parametrize("angles", [4, 8, 12, 32])
def test_other_scales_and_angles_are_parseval_or_refused(scales, angles):
    try:
        frame = Curvelet2D((64, 96), angles_coarse=angles, scales=scales)
    except ConfigError:
        assert scales > 4 or angles > 16
        return
    x = np.random.default_rng(0).standard_normal(frame.shape)
    c = frame.forward(x)
    assert abs(np.sum(c * c) / np.sum(x * x) - 1.0) < 1e-13
    assert np.abs(frame.inverse(c) - x).max() < 1e-13


def test_ramp_keeps_energy():
    t = np.linspace(-0.5, 1.5, 2001)
    assert np.abs(ramp(t) ** 2 + ramp(1.0 - t) ** 2 - 1.0).max() < 1e-15
    assert np.all(np.diff(ramp(t)) <= 1e-16)


def test_equal_frames_share_a_plan_and_frames_pickle():
    frame = Curvelet2D((24, 24), finest="wavelets", boundary="reflect", dtype=np.float32)
    copy = pickle.loads(pickle.dumps(frame))
    assert copy.plan is frame.plan
    assert repr(copy) == repr(frame)
    assert 5.0 < Curvelet2D((24, 24)).redundancy < 8.0


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (8, 8), (1, 40)])
def test_too_small_is_a_clear_error(shape):
    with pytest.raises(ShapeError, match="at least 17"):
        Curvelet2D(shape)


def test_reflection_doubles_small_regions():
    assert Curvelet2D((9, 12), boundary="reflect").transform_shape == (18, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angles_coarse": 6}, "multiple of 4"),
        ({"finest": "ridgelets"}, "finest="),
        ({"sizes": "any"}, "sizes="),
        ({"boundary": "periodic"}, "boundary="),
        ({"dtype": np.complex128}, "real=False"),
        ({"scales": 1}, "scales=1"),
        ({"scales": 9}, "scales=9"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        Curvelet2D((32, 32), **options)


def test_bad_arrays():
    frame = Curvelet2D((32, 32))
    with pytest.raises(ShapeError, match="expected"):
        frame.forward(np.zeros((32, 31)))
    with pytest.raises(ShapeError, match="real=False"):
        frame.forward(np.zeros((32, 32), dtype=complex))
    with pytest.raises(ShapeError, match="coefficients"):
        frame.inverse(np.zeros(5))
    with pytest.raises(ShapeError, match="out is"):
        frame.forward(np.zeros((32, 32)), out=np.zeros(3))
    with pytest.raises(ShapeError, match="gain"):
        frame.scale_by(np.zeros(frame.n_coef), np.zeros(3))
    with pytest.raises(ShapeError, match="one image"):
        frame.accumulate_energy(np.zeros((2, 32, 32)), np.zeros(frame.n_var))
    with pytest.raises(ShapeError, match="even number of longitudes"):
        Curvelet2D((32, 33), boundary="double_fourier_sphere")
    with pytest.raises(ConfigError, match="threads"):
        frame.forward(np.zeros((32, 32)), threads=0)


def test_missing_values_spread():
    frame = Curvelet2D((20, 20))
    x = np.zeros((20, 20))
    x[3, 4] = np.nan
    assert np.all(np.isnan(frame.forward(x)[: frame.blocks[0].size]))
