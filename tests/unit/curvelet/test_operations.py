"""Scales, thresholds, energies, atoms, directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError

from .conftest import frames, random_like


@settings(max_examples=15)
@given(frame=frames(), seed=st.integers(0, 2**31))
def test_scales_add_up(frame, seed):
    x = random_like(frame, seed, 2, *frame.shape)
    parts = frame.scales(x)
    assert parts.shape == (frame.n_scales, *x.shape)
    assert np.abs(parts.sum(axis=0) - x).max() < 1e-13 * np.abs(x).max()
    c = frame.forward(x[0])
    for scale in range(frame.n_scales):
        gain = np.zeros(frame.n_var)
        for block in frame.blocks:
            if block.scale == scale:
                gain[block.variances] = 1.0
        assert np.abs(frame.inverse(frame.scale_by(c, gain)) - parts[scale, 0]).max() < 1e-13


@settings(max_examples=15)
@given(frame=frames(), seed=st.integers(0, 2**31))
def test_energies_and_blocks_cover_everything(frame, seed):
    x = random_like(frame, seed, 3, *frame.shape)
    c = frame.forward(x)
    energy = frame.energy(c)
    assert energy.shape == (3, frame.n_var)
    total = np.sum(np.abs(x) ** 2, axis=(-2, -1))
    assert np.allclose(energy.sum(axis=-1), total, rtol=1e-13)
    assert np.allclose(frame.wedge_energies(c).sum(axis=-1), total, rtol=1e-13)
    covered = np.zeros(frame.n_coef, dtype=int)
    covered_var = np.zeros(frame.n_var, dtype=int)
    for block in frame.blocks:
        covered[block.coefficients] += 1
        covered_var[block.variances] += 1
        view = frame.block(c, block.scale, block.wedge)
        assert view.shape == (3, *block.shape)
        assert np.shares_memory(view, c)
        assert np.allclose(np.abs(view.reshape(3, -1)) ** 2, energy[:, block.variances], rtol=1e-14)
    assert np.all(covered == 1)
    assert np.all(covered_var == 1)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_threshold_by_rank_keeps_that_share_of_the_full_set(real, fraction):
    frame = Curvelet2D((40, 52), real=real)
    c = frame.forward(random_like(frame, 5, *frame.shape))
    kept = frame.scale_by(c, frame.rank_mask(c, fraction))
    wedges = frame.wedges(kept)
    moduli = np.concatenate([np.abs(w).ravel() for row in frame.wedges(c) for w in row])
    n_kept = sum(np.count_nonzero(w) for row in wedges for w in row)
    assert abs(n_kept - fraction * moduli.size) <= 2
    if 0.0 < fraction < 1.0:
        limit = np.quantile(moduli, 1.0 - fraction)
        smallest = min(np.abs(w[w != 0]).min() for row in wedges for w in row if np.any(w))
        assert abs(smallest / limit - 1.0) < 1e-2
    if fraction == 1.0:
        assert np.array_equal(kept, c)


def test_threshold_by_rank_is_by_member():
    frame = Curvelet2D((24, 24))
    x = random_like(frame, 5, 3, *frame.shape)
    c = frame.forward(x)
    together = frame.rank_mask(c, 0.3)
    for i in range(3):
        assert np.array_equal(together[i], frame.rank_mask(c[i], 0.3))


@settings(max_examples=15)
@given(frame=frames(), seed=st.integers(0, 2**31), quadrature=st.booleans())
def test_atom_gives_its_coefficient(frame, seed, quadrature):
    rng = np.random.default_rng(seed)
    block = frame.blocks[rng.integers(len(frame.blocks))]
    quadrature = quadrature and not block.is_real
    position = (int(rng.integers(block.shape[0])), int(rng.integers(block.shape[1])))
    atom = frame.atom(block.scale, block.wedge, position, quadrature)
    x = random_like(frame, seed + 1, *frame.shape)
    coefficient = frame.block(frame.forward(x), block.scale, block.wedge)[position]
    product = np.vdot(atom, x)
    if frame.real and quadrature:
        assert abs(product - coefficient.imag) < 1e-13 * np.linalg.norm(x)
    elif frame.real:
        assert abs(product - coefficient.real) < 1e-13 * np.linalg.norm(x)
    elif quadrature:
        assert abs(product - -1j * coefficient) < 1e-13 * np.linalg.norm(x)
    else:
        assert abs(product - coefficient) < 1e-13 * np.linalg.norm(x)


def test_atom_sits_where_documented():
    frame = Curvelet2D((64, 96), real=False)
    block = next(b for b in frame.blocks if b.scale == 2 and b.wedge == 3)
    position = (block.shape[0] // 3, block.shape[1] // 2)
    atom = np.abs(frame.atom(2, 3, position))
    peak = np.unravel_index(np.argmax(atom), atom.shape)
    for axis in (0, 1):
        centre = position[axis] * frame.shape[axis] / block.shape[axis]
        assert abs(peak[axis] - centre) <= 1.0


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("degrees", [0.0, 20.0, 45.0, 70.0, 90.0, 115.0, 160.0])
def test_rose_finds_the_direction_of_a_wave(real, degrees):
    frame = Curvelet2D((128, 128), real=real)
    angle = np.deg2rad(degrees)
    row, column = np.meshgrid(np.arange(128), np.arange(128), indexing="ij")
    k1, k2 = np.round(26 * np.sin(angle)), np.round(26 * np.cos(angle))
    wave = np.cos(2 * np.pi * (k1 * row + k2 * column) / 128)
    directions, energies = frame.rose(frame.forward(wave if real else wave + 0j), scale=2)
    assert directions.shape == energies.shape == (frame.angles[2] // 2,)
    found = directions[np.argmax(energies)]
    difference = abs((found - degrees + 90.0) % 180.0 - 90.0)
    assert difference < 180.0 / len(directions)


def test_bad_requests():
    frame = Curvelet2D((32, 32), finest="wavelets")
    c = np.zeros(frame.n_coef)
    with pytest.raises(ConfigError, match="No stored wedge"):
        frame.block(c, 1, 5)
    with pytest.raises(ConfigError, match="directions"):
        frame.rose(c, 1)
    with pytest.raises(ConfigError, match="fraction"):
        frame.rank_mask(c, 1.5)
    with pytest.raises(ConfigError, match="position"):
        frame.atom(0, 0, (100, 0))
    with pytest.raises(ConfigError, match="quadrature"):
        frame.atom(0, 0, (0, 0), quadrature=True)


@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
@pytest.mark.parametrize("shape", [(64, 64), (45, 36)])
def test_frequency_tiling(finest, shape):
    """Every wave puts most energy where the tiling says; the full set covers the plane; wedges come in pairs."""
    frame = Curvelet2D(shape, finest=finest)
    scale_of, wedge_of = frame.frequency_tiling()
    assert scale_of.shape == wedge_of.shape == shape
    for scale in range(frame.n_scales):
        found = set(wedge_of[scale_of == scale].tolist())
        assert found == set(range(frame.angles[scale]))
    full = Curvelet2D(shape, finest=finest, real=False)
    for a, b in zip(full.frequency_tiling(), (scale_of, wedge_of), strict=True):
        assert np.mean(a == b) > 0.97  # ties on the edges of windows
    rng = np.random.default_rng(6)
    row, column = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    for _ in range(20):
        k = [int(rng.integers(-(n // 2) + 1, n // 2)) for n in shape]
        wave = np.exp(2j * np.pi * (k[0] * row / shape[0] + k[1] * column / shape[1]))
        energies = full.wedge_energies(full.forward(wave))
        at = k[0] + shape[0] // 2, k[1] + shape[1] // 2
        chosen = [i for i, b in enumerate(full.blocks) if (b.scale, b.wedge) == (scale_of[at], wedge_of[at])]
        assert energies[chosen[0]] > 0.99 * energies.max()
