"""Variances of coefficients of errors on a masked domain: against closed forms and against sampling.

E|C e|^2 of errors with the covariance S, cut to a domain by the mask P, is diag(C P S P C^T). It follows exactly from
the eigenvectors of P S P: the sum of |C q|^2 over them, each times its eigenvalue.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from landda_hpc.analysis.error_models import (
    ClimatologicalErrors,
    CorrelatedErrors,
    ErrorModel,
    PlaneField,
    WhiteErrors,
)
from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra
from landda_hpc.analysis.mixing import WedgeGroups, mixing_matrix
from landda_hpc.analysis.protocol import ImagePair, MemberSums
from landda_hpc.analysis.wedge_variances import WedgeSpectrum, archive_spectrum, block_sums
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.curvelet import Curvelet2D

Share = Callable[[int], MemberSums]
PairOf = Callable[..., ImagePair]

SHAPE = (24, 36)
WHOLE = np.ones(SHAPE, dtype=np.bool_)


def coast() -> BoolArray:
    """Two islands: a coast, and cells without any neighbour on the other side."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return ((column - 14) ** 2 / 90 + (row - 11) ** 2 / 50 < 1) | ((column - 30) ** 2 + (row - 6) ** 2 < 20)


def steep(frame: Curvelet2D) -> FloatArray:
    """Most variance at the large scales, as of background errors."""
    return np.array([0.03 * 0.12**block.scale + 0.0005 for block in frame.blocks])


def exact_variance(frame: Curvelet2D, errors: ErrorModel, domain: BoolArray) -> FloatArray:
    """diag(C P S P C^T), (n_var,), from the model's own covariance."""
    cells = np.flatnonzero(domain.reshape(-1))
    covariance = np.empty((cells.size, cells.size))
    for column, cell in enumerate(cells):
        unit = np.zeros(domain.size)
        unit[cell] = 1.0
        covariance[:, column] = errors.covariance_times(frame, unit.reshape(SHAPE)).reshape(-1)[cells]
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    variance = np.zeros(frame.n_var)
    for value, vector in zip(values, vectors.T, strict=True):
        image = np.zeros(domain.size)
        image[cells] = vector * np.sqrt(max(0.0, value))
        frame.accumulate_energy(image.reshape(SHAPE), variance)
    return variance


def sampled_variance(frame: Curvelet2D, errors: ErrorModel, domain: BoolArray, n: int) -> FloatArray:
    energy = np.zeros(frame.n_var)
    for member in range(n):
        frame.accumulate_energy(errors.perturbation(domain, "a time of its own", member), energy)
    return energy / n


def models(frame: Curvelet2D, members: Share) -> dict[str, ErrorModel]:
    rough = np.where(coast(), 0.05 + 0.1 * np.random.default_rng(4).random(SHAPE), 0.1)
    field = PlaneField(SHAPE, 2.5)
    return {
        "white": WhiteErrors(rough, 1, "background"),
        "correlated": CorrelatedErrors(field, 0.1, 0.02, 1, "background", members(400), "field"),
        "climatological": ClimatologicalErrors(
            frame, WedgeSpectrum.of(frame, steep(frame)), 1, "background", members(400)
        ),
    }


@pytest.mark.parametrize("boundary", ["none", "double_fourier_sphere"])
@pytest.mark.parametrize("kind", ["white", "correlated", "climatological"])
def test_variance_is_that_of_the_model_on_the_domain(members: Share, boundary: str, kind: str) -> None:
    """Against the closed form and against realisations, coefficient by coefficient and in sums over wedges."""
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary=boundary)  # type: ignore[arg-type]
    domain, errors = coast(), models(frame, members)[kind]
    variance, exact = errors.variance(frame, domain), exact_variance(frame, errors, domain)
    strong = exact > 0.01 * exact.max()
    if kind == "white":
        np.testing.assert_allclose(variance, exact, rtol=1e-9, atol=1e-15)
    else:
        # 400 realisations: 7 % of a real coefficient's variance, 5 % of a complex one's.
        assert np.sqrt(np.mean((variance / exact - 1.0)[strong] ** 2)) < 0.09
        # Correlated errors on the islands have a handful of degrees of freedom: 400 draws are good to 3 %.
        np.testing.assert_allclose(block_sums(variance, frame.blocks), block_sums(exact, frame.blocks), rtol=0.08)
    sampled = sampled_variance(frame, errors, domain, 400)
    np.testing.assert_allclose(block_sums(sampled, frame.blocks), block_sums(exact, frame.blocks), rtol=0.1)


def test_a_mask_moves_energy_to_small_scales(members: Share) -> None:
    """What s times the white energy, taken for the variance before, would miss."""
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary="double_fourier_sphere")
    s, domain = steep(frame), coast()
    errors = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, s), 1, "background", members(400))
    groups = WedgeGroups(frame, "per_scale")
    found = groups.sums(errors.variance(frame, domain))
    naive = groups.sums(WedgeSpectrum.of(frame, s).expand(frame) * frame.variance(domain.astype(float)))
    assert found[0] < 0.9 * naive[0] and found[-1] > 1.15 * naive[-1]
    # The same energies by the mixing of scales.
    of_scale = np.array([s[groups.of_block == k][0] for k in range(groups.n)])
    mixing = mixing_matrix(frame, groups, domain, members(60 * groups.n), 1, "t")
    np.testing.assert_allclose(mixing @ of_scale, found, rtol=0.04)


def test_variance_is_estimated_once_per_domain_and_without_help(members: Share) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    spectrum = WedgeSpectrum.of(frame, steep(frame))
    alone, shared = (ClimatologicalErrors(frame, spectrum, 1, "background", draws) for draws in (None, members(200)))
    first = alone.variance(frame, coast())
    assert first is alone.variance(frame, coast())
    assert np.array_equal(first, shared.variance(frame, coast()))
    assert not np.array_equal(first, alone.variance(frame, WHOLE))


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_an_archive_gives_the_spectrum_of_its_errors(share: float) -> None:
    """Coasts and gaps that change from image to image are taken out; the spectrum gives the archive's energies."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    s, rng, domain = steep(frame), np.random.default_rng(2), coast()
    errors = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, s), 3, "background")
    images = []
    for member in range(120):
        seen = domain & (rng.random(SHAPE) < share)
        images.append(np.where(seen, errors.perturbation(domain, "archive", member), np.nan))
    found = archive_spectrum(frame, images, domain, about_mean=False)
    groups, scales = WedgeGroups(frame, "per_scale"), found.scale
    for scale in range(groups.n):
        assert found.variance[scales == scale].mean() == pytest.approx(s[scales == scale].mean(), rel=0.12)
    again = ClimatologicalErrors(frame, found, 1, "background")
    if share == 1.0:
        energy = np.mean([groups.energy(np.where(domain, image, 0.0)) for image in images], axis=0)
        np.testing.assert_allclose(groups.sums(again.variance(frame, domain)), energy, rtol=0.05)


def test_a_given_spectrum_is_unmixed_once(members: Share, pair_of: PairOf) -> None:
    """Observation errors with a spectrum: learned and given background errors need the same spectrum of R.

    ``InnovationSpectra`` takes the mask out of the energies that the model of R reports: what is left is R's spectrum.
    """
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    domain, s = coast(), steep(frame)
    r = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, s), 1, "observation", members(400))
    method = InnovationSpectra(frame, "per_scale", r, 20.0, members, 1)
    _, spectrum = method._on_domain(domain)
    expected = [s[0], *(s[WedgeGroups(frame, "per_scale").of_block == k][0] for k in range(1, spectrum.size))]
    np.testing.assert_allclose(spectrum, expected, rtol=0.15)
    # And the gain is that of the given spectra: B twice R in every wedge.
    b = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, 2.0 * s), 2, "background", members(400))
    known = GivenSpectra(frame, "per_scale", b, r).analyse(pair_of(np.zeros(SHAPE), domain, domain))
    np.testing.assert_allclose(known.diagnostics["gain_by_scale"], 2.0 / 3.0, atol=0.02)
    for cycle in range(30):
        errors = r.perturbation(domain, "o", cycle) - b.perturbation(domain, "b", cycle)
        learned = method.analyse(pair_of(errors, domain, domain, f"t{cycle}"))
    np.testing.assert_allclose(learned.diagnostics["gain_by_scale"], 2.0 / 3.0, atol=0.08)
