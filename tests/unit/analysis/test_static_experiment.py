"""The table of docs/methods.md, "Static experiment", and the mask-aware strategies on the same errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.analysis.enkf_like import EnkfLike
from landda_hpc.analysis.error_models import CorrelatedErrors, ErrorModel, PlaneField, SphereField, WhiteErrors
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra
from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.missing import AdjustedVariance, Inpaint, Solve, ZeroFill
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import AnalysisMethod, ImagePair, MemberSums
from landda_hpc.analysis.smoothed import Smoothed
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.data import static_path
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.regridding.regrid import Regridder

Share = Callable[[int], MemberSums]
ROOT = Path(__file__).resolve().parents[3]
SHAPE = (128, 256)

# background, observation: correlated std, length in cells, white std; then the table's five columns.
TABLE = {
    "white": ((0.0, 1.0, 0.15), (0.0, 1.0, 0.10), (0.150, 0.083, 0.083, 0.083, 0.083)),
    "corr 3": ((0.10, 3.0, 0.03), (0.0, 1.0, 0.06), (0.103, 0.0523, 0.0519, 0.0335, 0.0342)),
    "corr 3, obs corr 1.5": ((0.10, 3.0, 0.03), (0.03, 1.5, 0.05), (0.104, 0.0514, 0.0508, 0.0389, 0.0395)),
    "corr 2": ((0.12, 2.0, 0.03), (0.0, 1.0, 0.10), (0.122, 0.0789, 0.0774, 0.0499, 0.0503)),
}
COLUMNS = ("background", "blend", "best_pointwise", "per_coefficient", "per_wedge")


_TRUTH = 0.25
"""True value, m3 m-3; every method is linear in the innovation, so any value serves."""


@dataclass(frozen=True)
class StaticScore:
    """Root mean square error against the truth, m3 m-3, in observed and in unobserved cells (NaN if there are none)."""

    observed: float
    unobserved: float


def static_experiment(
    background: ErrorModel,
    observation: ErrorModel,
    domain: BoolArray,
    methods: Mapping[str, AnalysisMethod],
    observed: BoolArray | None = None,
    n_samples: int = 8,
) -> dict[str, StaticScore]:
    """Scores by name; 'best_pointwise' is the constant gain that is best for these images, unknown in practice."""
    seen = domain if observed is None else domain & observed
    errors: dict[str, list[FloatArray]] = {name: [] for name in ("background", *methods)}
    innovations: list[FloatArray] = []
    for sample in range(n_samples):
        e_b = background.perturbation(domain, "static experiment", sample)
        e_o = observation.perturbation(domain, "static experiment", sample)
        pair = ImagePair(
            background=np.where(domain, _TRUTH + e_b, np.nan),
            observation=np.where(seen, _TRUTH + e_o, np.nan),
            domain=domain,
            time_key=f"static experiment {sample}",
        )
        innovations.append(np.where(seen, e_o - e_b, 0.0))
        errors["background"].append(e_b)
        for name, method in methods.items():
            errors[name].append(e_b + method.analyse(pair).increment)
    best = _best_gain(errors["background"], innovations)
    constant = [e + best * d for e, d in zip(errors["background"], innovations, strict=True)]
    every = {"background": errors["background"], "best_pointwise": constant} | errors
    return {name: StaticScore(_rms(images, seen), _rms(images, domain & ~seen)) for name, images in every.items()}


def standard_methods(
    frame: ImageFrame, members: MemberSums, background: ErrorModel, observation: ErrorModel
) -> dict[str, AnalysisMethod]:
    """The columns of the table in docs/methods.md, "Static experiment": blend 9/13, and gains with known errors."""
    return {
        "blend": Pointwise(9.0 / 13.0),
        "per_coefficient": EnkfLike(frame, members, background, observation, "exact"),
        "per_wedge": GivenSpectra(frame, "per_wedge", background, observation),
    }


def _best_gain(errors: list[FloatArray], innovations: list[FloatArray]) -> float:
    """K that minimises sum (e_b + K d)^2."""
    product = sum(float(np.sum(e * d)) for e, d in zip(errors, innovations, strict=True))
    return -product / sum(float(np.sum(d**2)) for d in innovations)


def _rms(images: list[FloatArray], cells: BoolArray) -> float:
    if not cells.any():
        return float("nan")
    return float(np.sqrt(np.mean([np.mean(image[cells] ** 2) for image in images])))


def land() -> tuple[Grid, BoolArray]:
    """The real land mask on Gaussian latitudes, or the package's own on regular ones."""
    path = ROOT.parent / "shared" / "data" / "static" / "isca_era-spectral_T85_128x256.nc"
    if path.is_file():
        with netCDF4.Dataset(path) as file:
            mask = np.asarray(file["land_mask"][:]) > 0.5
            return gaussian_grid(*SHAPE), mask if file["lat"][0] < 0 else mask[::-1]
    grid = regular_grid(*SHAPE)
    fine, fields = read_static(static_path(), ["land_fraction"])
    return grid, Regridder(fine, grid, "conservative")(fields["land_fraction"]) > 0.5


def errors(parts: tuple[float, float, float], purpose: str, members: Share) -> ErrorModel:
    std, length, white = parts
    if std == 0.0:
        return WhiteErrors(white, 1, purpose)
    return CorrelatedErrors(PlaneField(SHAPE, length), std, white, 1, purpose, members(200))


def show(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}")


@pytest.mark.verify
@pytest.mark.parametrize("row", TABLE)
def test_static_table(members: Share, capsys: pytest.CaptureFixture[str], row: str) -> None:
    """Errors of one analysis, m3 m-3. Where errors are correlated an image's background error has a spread of 3 %."""
    background, observation, expected = TABLE[row]
    b, r = errors(background, "background", members), errors(observation, "observation", members)
    methods = standard_methods(Curvelet2D(SHAPE), members(50), b, r)
    _, domain = land()
    scores = static_experiment(b, r, domain, methods, n_samples=8)
    found = [scores[name].observed for name in COLUMNS]
    parts = [f"{name} {a:.4f} ({e:g})" for name, a, e in zip(COLUMNS, found, expected, strict=True)]
    show(capsys, f"{row:22s}" + "  ".join(parts))
    np.testing.assert_allclose(found[0], expected[0], rtol=0.035)
    np.testing.assert_allclose(found[1:], expected[1:], atol=0.0007)


@pytest.mark.verify
@pytest.mark.parametrize("mask", ["swath", "blobs of 2 cells", "stripes of 12 cells", "10 %", "50 %", "90 %"])
def test_errors_at_unobserved_cells(members: Share, capsys: pytest.CaptureFixture[str], mask: str) -> None:
    """Background errors correlated over 3 cells, std 0.10, white 0.03; observations white 0.06; 'n %' missing."""
    grid, domain = land()
    cell = 156.4
    rng = np.random.default_rng(5)
    rows, columns = np.indices(SHAPE)
    blobs = SphereField(grid, 2.0 * cell).draw(9, "blobs")
    observed = {
        "swath": (columns + rows // 2) % 36 < 18,
        "blobs of 2 cells": blobs > np.median(blobs[domain]),
        "stripes of 12 cells": (columns // 12) % 2 == 0,
    }.get(mask)
    if observed is None:
        observed = rng.random(SHAPE) >= float(mask.split()[0]) / 100
    field = SphereField(grid, 3.0 * cell)
    b = CorrelatedErrors(field, 0.10, 0.03, 1, "background", members(100))
    exact = CorrelatedErrors(field, 0.10, 0.03, 1, "background", members(100), "field")
    r = WhiteErrors(0.06, 1, "observation")
    frame = Curvelet2D(SHAPE, boundary="double_fourier_sphere")
    methods = {
        "blend": Pointwise(9.0 / 13.0),
        "smoothed": Smoothed(grid, 150.0, 0.93),
        "zero_fill": EnkfLike(frame, members(50), b, r, "exact", ZeroFill()),
        "inpaint": EnkfLike(frame, members(50), b, r, "exact", Inpaint(HarmonicInpainting(grid, 500.0))),
        "variance": EnkfLike(frame, members(50), b, r, "exact", AdjustedVariance(members(50))),
        "solve": EnkfLike(frame, members(50), b, r, "exact", Solve(1e-3)),
        "solve, field": GivenSpectra(frame, "per_wedge", exact, r, Solve(1e-3)),
        "solve, B learned": InnovationSpectra(frame, "per_scale", r, 20.0, members, 1, Solve(1e-3)),
    }
    scores = static_experiment(b, r, domain, methods, observed, n_samples=4)
    parts = [f"{name} {s.observed:.4f}/{s.unobserved:.4f}" for name, s in scores.items()]
    show(capsys, f"{mask:20s} observed/unobserved  " + "  ".join(parts))
    unobserved = {name: s.unobserved for name, s in scores.items()}
    assert unobserved["blend"] == pytest.approx(unobserved["background"])
    assert unobserved["solve, field"] == min(unobserved.values())
    assert scores["solve, field"].observed == min(s.observed for s in scores.values())
    assert unobserved["solve"] < 1.15 * unobserved["solve, field"]
    assert unobserved["solve"] < 1.01 * unobserved["inpaint"] < unobserved["zero_fill"] < unobserved["blend"]
    assert unobserved["variance"] < unobserved["zero_fill"]
    assert unobserved["solve, B learned"] < 1.2 * unobserved["solve"]


def test_white_errors_leave_nothing_to_win(members: Share) -> None:
    domain = np.random.default_rng(1).random((32, 48)) < 0.4
    b, r = WhiteErrors(0.15, 1, "background"), WhiteErrors(0.10, 1, "observation")
    scores = static_experiment(b, r, domain, standard_methods(Curvelet2D((32, 48)), members(50), b, r))
    for name in ("blend", "per_coefficient", "per_wedge"):
        assert scores[name].observed == pytest.approx(0.15 * 0.10 / np.hypot(0.15, 0.10), rel=0.03)
        assert scores[name].observed == pytest.approx(scores["blend"].observed, rel=1e-9)
        assert np.isnan(scores[name].unobserved)
    assert scores["best_pointwise"].observed <= scores["blend"].observed


def test_correlated_errors_are_where_scale_matters(members: Share) -> None:
    shape = (32, 48)
    b = CorrelatedErrors(PlaneField(shape, 3.0), 0.10, 0.03, 1, "background", members(10))
    r = WhiteErrors(0.06, 1, "observation")
    whole = np.ones(shape, dtype=np.bool_)
    scores = static_experiment(b, r, whole, standard_methods(Curvelet2D(shape), members(50), b, r))
    assert scores["per_coefficient"].observed < 0.75 * scores["best_pointwise"].observed
    assert scores["per_wedge"].observed < 0.75 * scores["best_pointwise"].observed
