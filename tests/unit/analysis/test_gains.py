"""Gains per scale and wedge: closed forms, masks, and what is kept from cycle to cycle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.error_models import ClimatologicalErrors, CorrelatedErrors, PlaneField, WhiteErrors
from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra
from landda_hpc.analysis.missing import Solve
from landda_hpc.analysis.mixing import WedgeGroups, mixing_matrix, unmixed
from landda_hpc.analysis.protocol import ImagePair, MemberSums
from landda_hpc.analysis.running_statistics import MethodMemory, running_mean
from landda_hpc.analysis.wedge_variances import Pooling, WedgeSpectrum
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ShapeError

Share = Callable[[int], MemberSums]
PairOf = Callable[..., ImagePair]
SHAPE = (32, 48)
WHOLE = np.ones(SHAPE, dtype=np.bool_)


@pytest.mark.parametrize("boundary", ["none", "double_fourier_sphere"])
@pytest.mark.parametrize("pooling", ["per_scale", "per_wedge"])
def test_white_errors_give_the_blend_on_any_mask(pair_of: PairOf, boundary: str, pooling: Pooling) -> None:
    frame = Curvelet2D(SHAPE, boundary=boundary)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    domain = rng.random(SHAPE) < 0.5
    observed = domain & (rng.random(SHAPE) < 0.7)
    innovation = rng.standard_normal(SHAPE)
    method = GivenSpectra(frame, pooling, WhiteErrors(0.15, 1, "b"), WhiteErrors(0.10, 1, "o"))
    analysis = method.analyse(pair_of(innovation, observed, domain))
    np.testing.assert_allclose(analysis.increment, np.where(observed, 9 / 13 * innovation, 0.0), atol=1e-12)
    assert analysis.diagnostics["gain_mean"] == pytest.approx(9 / 13, abs=1e-12)


@pytest.mark.parametrize("pooling", ["per_scale", "per_wedge"])
def test_given_gain_is_the_ratio_of_mean_energies(members: Share, pair_of: PairOf, pooling: Pooling) -> None:
    """Against energies of many draws, coefficient by coefficient, without the formulas of the error models."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    b = CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.03, 1, "background", members(10))
    r = CorrelatedErrors(PlaneField(SHAPE, 1.0), 0.03, 0.05, 1, "observation", members(10))
    method = GivenSpectra(frame, pooling, b, r)
    analysis = method.analyse(pair_of(np.zeros(SHAPE), WHOLE, WHOLE))
    energy = np.zeros((2, frame.n_var))
    for member in range(200):
        for row, errors in zip(energy, (b, r), strict=True):
            frame.accumulate_energy(errors.perturbation(WHOLE, "t", member), row)
    expected = []
    for scale in range(frame.n_scales):
        part = np.concatenate(
            [np.arange(k.var_offset, k.var_offset + k.var_size) for k in frame.blocks if k.scale == scale]
        )
        expected.append(energy[0, part].sum() / energy[:, part].sum())
    if pooling == "per_scale":
        np.testing.assert_allclose(analysis.diagnostics["gain_by_scale"], expected, atol=0.01)
    assert not analysis.increment.any()


def test_mixing_by_no_mask_is_diagonal_for_separate_bands_and_rows_are_exact(members: Share) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    groups = WedgeGroups(frame, "per_scale")
    mask = np.random.default_rng(3).random(SHAPE) < 0.4
    for cells in (WHOLE, mask):
        mixing = mixing_matrix(frame, groups, cells, members(8 * groups.n), 1, "t")
        np.testing.assert_allclose(mixing.sum(axis=1), groups.white(cells), rtol=1e-12)
    # A whole image mixes neighbouring scales alone, whose windows overlap; a mask with holes mixes all.
    full = mixing_matrix(frame, groups, WHOLE, members(8 * groups.n), 1, "t")
    if groups.n > 2:
        assert full[0, 2] < 1e-20
    assert mixing[-1, 0] > 0.02 * mixing[0, 0]


def test_mixing_predicts_energies_of_masked_errors(members: Share) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary="double_fourier_sphere")
    groups = WedgeGroups(frame, "per_scale")
    mask = np.random.default_rng(3).random(SHAPE) < 0.4
    mixing = mixing_matrix(frame, groups, mask, members(100 * groups.n), 1, "t")
    s = np.linspace(0.04, 0.001, groups.n)
    errors = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, s[groups.of_block]), 2, "background")
    found = np.mean([groups.energy(errors.perturbation(mask, "t", m)) for m in range(300)], axis=0)
    np.testing.assert_allclose((mixing * s).sum(axis=1), found, rtol=0.06)


@given(st.lists(st.floats(0.0, 2.0), min_size=4, max_size=4), st.floats(0.0, 0.5))
@settings(max_examples=50, deadline=None)
def test_unmixed_inverts_a_diagonal_and_is_never_negative(energy: list[float], noise: float) -> None:
    white = np.array([10.0, 20.0, 40.0, 80.0])
    s = unmixed(np.array(energy) * white, np.diag(white), np.full(4, noise))
    assert np.all(s >= 0.0)
    expected = np.maximum(0.0, np.array(energy) - noise)
    # Multiplicative steps come close to zero, not to it.
    np.testing.assert_allclose(s, expected, atol=0.02)


def test_unmixed_recovers_a_spectrum_that_a_mask_has_mixed() -> None:
    mixing = np.array([[9.0, 1.0, 0.5], [2.0, 12.0, 3.0], [5.0, 9.0, 30.0]])
    truth, noise = np.array([0.05, 0.02, 0.004]), np.full(3, 0.003)
    np.testing.assert_allclose(unmixed(mixing @ (truth + noise), mixing, noise), truth, rtol=0.02)


@pytest.mark.parametrize("pooling", ["per_scale", "per_wedge"])
@pytest.mark.parametrize("share_observed", [1.0, 0.3])
def test_learned_gain_comes_near_the_known_one(
    members: Share, pair_of: PairOf, pooling: Pooling, share_observed: float
) -> None:
    """R known, B not; masks that change from cycle to cycle and a coast. Ten cycles."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    rng = np.random.default_rng(1)
    domain = rng.random(SHAPE) < 0.9
    spectrum = WedgeSpectrum.of(frame, np.array([0.03 if k.scale == 0 else 0.003 for k in frame.blocks]))
    b = ClimatologicalErrors(frame, spectrum, 1, "background")
    r = WhiteErrors(0.06, 1, "observation")
    learned = InnovationSpectra(frame, pooling, r, 20.0, members, 1, Solve(1e-6))
    known = GivenSpectra(frame, pooling, b, r, Solve(1e-6))
    errors = []
    for cycle in range(10):
        observed = domain & (rng.random(SHAPE) < share_observed)
        e_b, e_o = b.perturbation(domain, "truth", cycle), r.perturbation(domain, "truth", cycle)
        pair = pair_of(e_o - e_b, observed, domain, f"t{cycle}")
        # The pair's background is 0.25 everywhere, the truth 0.25 - e_b.
        errors.append([float(np.mean((e_b + m.analyse(pair).increment)[domain] ** 2)) for m in (learned, known)])
        background_error = float(np.mean(e_b[domain] ** 2))
    found, best = np.sqrt(np.mean(errors[4:], axis=0))
    assert found < 1.06 * best
    assert best < 0.8 * np.sqrt(background_error)


def test_memory_is_kept_to_the_bit(members: Share, pair_of: PairOf) -> None:
    """Five cycles, a new object with the state, five more: the same as ten."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    rng = np.random.default_rng(2)
    pairs = [pair_of(0.1 * rng.standard_normal(SHAPE), rng.random(SHAPE) < 0.6, WHOLE, f"t{n}") for n in range(10)]

    def make() -> InnovationSpectra:
        return InnovationSpectra(frame, "per_wedge", WhiteErrors(0.06, 1, "o"), 4.0, members, 1)

    whole = make()
    expected = [whole.analyse(p).increment.tobytes() for p in pairs]
    first = make()
    found = [first.analyse(p).increment.tobytes() for p in pairs[:5]]
    second = make()
    assert isinstance(second, MethodMemory)
    second.restore(first.state())
    found += [second.analyse(p).increment.tobytes() for p in pairs[5:]]
    assert found == expected
    with pytest.raises(ShapeError, match="same grid, same method"):
        second.restore({"cycles": np.zeros(1)})


def test_nothing_observed_changes_nothing(members: Share, pair_of: PairOf) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    method = InnovationSpectra(frame, "per_scale", WhiteErrors(0.06, 1, "o"), 4.0, members, 1)
    before = method.state()
    analysis = method.analyse(pair_of(np.ones(SHAPE), ~WHOLE, WHOLE))
    assert not analysis.increment.any()
    assert all(np.array_equal(a, before[name]) for name, a in method.state().items())


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_running_mean_is_the_mean_until_its_memory_is_full(values: list[float]) -> None:
    mean: FloatArray = np.zeros(1)
    count: FloatArray = np.zeros(1)
    where = np.ones(1, dtype=np.bool_)
    for value in values:
        mean, count = running_mean(mean, count, np.array([value]), where, 10.0)
    if len(values) <= 10:
        np.testing.assert_allclose(mean, np.mean(values), atol=1e-14)
    assert count[0] == min(len(values), 10)
    assert abs(mean[0]) <= 1.0 + 1e-12
    unseen = running_mean(mean, count, np.array([np.nan]), ~where, 10.0)
    assert np.array_equal(unseen[0], mean) and np.array_equal(unseen[1], count)
