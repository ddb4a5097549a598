"""Innovations by scale over time: autocorrelation against a known one, the file, and the figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from matplotlib.image import imread

from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.evaluation.innovation_diagnostics import N_LAGS, autocorrelation, directions
from landda_hpc.evaluation.stored_innovations import StoredAnalysis, StoredInnovations
from landda_hpc.formats.own.innovation_file import (
    InnovationDiagnostics,
    read_innovation_diagnostics,
    write_innovation_diagnostics,
)
from landda_hpc.verification.figures.innovation_scales import (
    draw_innovation_directions,
    draw_innovation_scales,
    plan_innovations,
)

SHAPE = (64, 96)
FRAME = Curvelet2D(SHAPE, angles_coarse=8)
START = datetime(2022, 6, 1)


def innovations(rho: float, n: int, *, swaths: bool = False, missing: tuple[int, ...] = ()) -> StoredInnovations:
    """White in space, AR(1) in time."""
    rng = np.random.default_rng(2)
    found: dict[datetime, StoredAnalysis] = {}
    d, domain = rng.standard_normal(SHAPE), np.ones(SHAPE, dtype=np.bool_)
    for k in range(n):
        d = rho * d + np.sqrt(1.0 - rho**2) * rng.standard_normal(SHAPE)
        seen = (np.arange(SHAPE[1]) + 13 * k) % SHAPE[1] < 60 if swaths else np.ones(SHAPE[1], dtype=np.bool_)
        observation = np.where(seen[None], 0.3 + 0.05 * d, np.nan)
        time = START + timedelta(hours=6 * k)
        pair = ImagePair(np.full(SHAPE, 0.3), observation, domain, time.isoformat())
        if k not in missing:
            found[time] = StoredAnalysis(time, pair, np.zeros(SHAPE))
    return StoredInnovations("run", tuple(found), "images", found.__getitem__)


@pytest.mark.parametrize("rho", [0.0, 0.6])
@pytest.mark.parametrize("swaths", [False, True])
def test_the_autocorrelation_of_each_scale(rho: float, swaths: bool) -> None:
    lag, correlation, pairs = autocorrelation(innovations(rho, 30, swaths=swaths), WedgeGroups(FRAME, "per_scale"))
    np.testing.assert_array_equal(lag, 6.0 * np.arange(1, N_LAGS + 1))
    np.testing.assert_array_equal(pairs, [29, 28, 27, 26])
    for k in range(N_LAGS):
        np.testing.assert_allclose(correlation[k, 1:], rho ** (k + 1), atol=0.06)


def test_missing_times_make_fewer_pairs() -> None:
    _, correlation, pairs = autocorrelation(innovations(0.6, 12, missing=(5, 6)), WedgeGroups(FRAME, "per_scale"))
    np.testing.assert_array_equal(pairs, [8, 6, 5, 4])
    assert np.isfinite(correlation).all()


def diagnostics(name: str = "learned") -> InnovationDiagnostics:
    rng = np.random.default_rng(len(name))
    n, n_wedges, n_scales = 12, len(FRAME.blocks), FRAME.n_scales
    residual, chi = rng.uniform(0.02, 0.04, (n, n_wedges)), rng.uniform(0.3, 3.0, (n, n_scales))
    if name == "control":
        residual[:], chi[:] = np.nan, np.nan
    return InnovationDiagnostics(
        run=name,
        times=tuple(START + timedelta(hours=6 * k) for k in range(n)),
        scale=np.array([block.scale for block in FRAME.blocks]),
        direction=directions(FRAME),
        innovation_by_wedge=rng.uniform(0.05, 0.08, (n, n_wedges)),
        residual_by_wedge=residual,
        innovation=rng.uniform(0.05, 0.08, (n, n_scales)),
        residual=rng.uniform(0.02, 0.04, (n, n_scales)),
        gain=rng.uniform(0.2, 0.7, (n, n_scales)),
        chi_square=chi,
        assumed=np.full(n_scales, 0.06),
        lag=np.array([6.0, 12.0]),
        autocorrelation=rng.uniform(-0.2, 0.5, (2, n_scales)),
        pairs=np.array([11.0, 10.0]),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one, path = diagnostics("control"), tmp_path / "innovations_control.nc"
    write_innovation_diagnostics(path, one, {"title": "test"})
    found = read_innovation_diagnostics(path)
    assert (found.run, found.times) == (one.run, one.times)
    for name in ("innovation_by_wedge", "residual_by_wedge", "gain", "chi_square", "autocorrelation", "direction"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one, name))
    with netCDF4.Dataset(path) as file:
        assert file.Conventions.startswith("CF-")
        assert all(variable.units for variable in file.variables.values())
    with netCDF4.Dataset(tmp_path / "other.nc", "w") as file:
        file.createDimension("time", 1)
    with pytest.raises(DataError, match="has no innovations by scale"):
        read_innovation_diagnostics(tmp_path / "other.nc")
    with pytest.raises(ShapeError, match="gain has shape"):
        replace(one, gain=one.gain[:3])


def test_figures_of_scales_and_directions(tmp_path: Path) -> None:
    files = [tmp_path / f"innovations_{name}.nc" for name in ("control", "learned")]
    for name, path in zip(("control", "learned"), files, strict=True):
        write_innovation_diagnostics(path, diagnostics(name))
    parts = plan_innovations(files, tmp_path / "figures")
    assert [part.make() for part in parts] == ["O-B and O-A by scale.", "O-B and O-A by direction."]
    shapes = {part.path.name: imread(part.path).shape for part in parts}
    assert set(shapes) == {"innovation_scales.png", "innovation_directions.png"}
    assert all(shape[0] > 400 and shape[1] > 600 for shape in shapes.values())
    assert plan_innovations([], tmp_path) == []


def test_runs_with_other_scales_are_not_drawn_together(tmp_path: Path) -> None:
    one = diagnostics()
    other = replace(one, scale=one.scale * 2, **{
        name: np.pad(getattr(one, name), ((0, 0), (0, FRAME.n_scales - 1)), constant_values=1.0)
        for name in ("innovation", "residual", "gain", "chi_square", "autocorrelation")
    }, assumed=np.pad(one.assumed, (0, FRAME.n_scales - 1)))  # fmt: skip
    for draw in (draw_innovation_scales, draw_innovation_directions):
        with pytest.raises(DataError, match="scales"):
            draw([one, other], tmp_path / "a.png", title="")
