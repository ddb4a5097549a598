"""Innovations by scale over time: autocorrelation against a known one, the file, and the figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.evaluation.innovation_diagnostics import N_LAGS, autocorrelation, directions
from landda_hpc.evaluation.regional_innovations import RegionCells, RegionScales, regional_innovations
from landda_hpc.evaluation.stored_innovations import StoredAnalysis, StoredInnovations
from landda_hpc.formats.own.innovation_file import (
    InnovationDiagnostics,
    RegionalInnovations,
    read_innovation_diagnostics,
    write_innovation_diagnostics,
)
from landda_hpc.grid import regular_grid
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures.innovation_scales import (
    draw_innovation_directions,
    draw_innovation_scales,
    plan_innovations,
)
from landda_hpc.verification.figures.spectra import plan_spectra
from landda_hpc.verification.pages.campaign_charts import region_table
from landda_hpc.verification.tables.spectra import (
    BEFORE,
    INCREMENT,
    has_spectra,
    spectra,
    write_innovation_csv,
    write_spectra_csv,
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


def test_innovations_by_region_are_those_of_known_errors() -> None:
    """Bias 0.02 and standard deviation 0.05 in the north; in the south the same field with assumed errors of half."""
    north = np.arange(SHAPE[0])[:, None] >= SHAPE[0] // 2
    shifted, cells = innovations(0.6, 30, swaths=True), RegionCells(
        (GLOBE, Region("north", 0.0, 90.0, -180.0, 180.0), Region("south", -90.0, -1e-6, -180.0, 180.0)),
        regular_grid(*SHAPE),
    )  # fmt: skip

    def read(time: datetime) -> StoredAnalysis:
        one = shifted._read(time)
        return replace(one, pair=replace(one.pair, observation=one.pair.observation + np.where(north, 0.02, 0.0)))

    stored = replace(shifted, _read=read)
    _, correlation, _ = autocorrelation(stored, cells)
    assumed = np.where(north, 0.05, 0.025) * np.ones(SHAPE)
    scales = WedgeGroups(FRAME, "per_scale")
    parts = RegionScales(cells, FRAME, scales)
    _, of_parts, _ = autocorrelation(stored, parts, n_lags=1)
    by_scale = np.full(scales.n, 0.05)
    found = regional_innovations(stored, parts, assumed, by_scale, correlation, parts.table(of_parts[0]))
    assert found.names == ("Globe", "north", "south")
    np.testing.assert_array_equal(found.count, [30 * 60 * 64, 30 * 60 * 32, 30 * 60 * 32])
    # The fields are AR(1) in time with rho 0.6: a quarter of the 57600 values of a half counts as independent.
    np.testing.assert_allclose(found.mean, [0.01, 0.02, 0.0], atol=0.002)
    np.testing.assert_allclose(found.std, [np.hypot(0.05, 0.01), 0.05, 0.05], rtol=0.02)
    np.testing.assert_allclose(found.normalised_std[1:], [1.0, 2.0], rtol=0.02)
    np.testing.assert_allclose(correlation[0, 2], 0.6, atol=0.02)
    # About zero: (0.6 s^2 + m^2) / (s^2 + m^2)
    np.testing.assert_allclose(correlation[0, 1], (0.6 * 0.05**2 + 0.02**2) / (0.05**2 + 0.02**2), atol=0.02)
    values = np.concatenate([(o.pair.innovation / assumed)[o.pair.observed] for o in stored])
    assert found.normalised_std[0] == pytest.approx(values.std(), rel=1e-9)
    # By scale: the means add up to the region's; so do the energies of the departures from it (Parseval).
    np.testing.assert_allclose(found.scale_mean.sum(axis=1), found.mean, rtol=1e-9)
    np.testing.assert_allclose(found.scale_std[1:, 1:], 0.05, rtol=0.05)
    np.testing.assert_allclose(found.scale_normalised_std, found.scale_std / 0.05)
    times_seen = sum(one.pair.observed.astype(np.float64) for one in stored)
    for number, mask in enumerate(cells.masks):
        white = scales.by_block(FRAME.wedge_variance(np.where(mask, times_seen, 0.0)))
        energy = (white * found.scale_std[number] ** 2).sum()
        assert energy == pytest.approx(found.count[number] * found.std[number] ** 2, rel=1e-9)
    np.testing.assert_allclose(found.scale_autocorrelation[2, 1:], 0.6, atol=0.04)
    unknown = np.full(scales.n, np.nan)
    without = regional_innovations(stored, parts, None, unknown, correlation, found.scale_autocorrelation)
    assert np.isnan(without.normalised_std).all() and np.isnan(without.scale_normalised_std).all()
    nothing = RegionScales(RegionCells((Region("x", 0.0, 0.1, 0.1, 0.2),), regular_grid(*SHAPE)), FRAME, scales)
    nowhere = regional_innovations(stored, nothing, None, unknown, correlation[:, :1], unknown[None])
    assert nowhere.count[0] == 0 and np.isnan(nowhere.mean[0]) and np.isnan(nowhere.std[0])
    assert np.isnan(nowhere.scale_mean).all() and np.isnan(nowhere.scale_std).all()


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
        regions=RegionalInnovations(
            ("Globe", "Sahel"), np.array([90.0, 0.0]), np.array([-0.012, np.nan]), np.array([0.05, np.nan]),
            np.array([np.nan, np.nan]) if name == "control" else np.array([1.25, np.nan]),
            np.array([[0.31, np.nan], [0.1, np.nan]]),
            *(np.stack([np.arange(n_scales) / 100.0 + shift, np.full(n_scales, np.nan)]) for shift in (-0.01, 1, 2, 3)),
        ),
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one, path = diagnostics("control"), tmp_path / "innovations_control.nc"
    write_innovation_diagnostics(path, one, {"title": "test"})
    found = read_innovation_diagnostics(path)
    assert (found.run, found.times) == (one.run, one.times)
    for name in ("innovation_by_wedge", "residual_by_wedge", "gain", "chi_square", "autocorrelation", "direction"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one, name))
    assert found.regions is not None and one.regions is not None
    assert found.regions.names == ("Globe", "Sahel")
    for name in ("count", "mean", "std", "normalised_std", "autocorrelation", "scale_mean", "scale_autocorrelation"):
        np.testing.assert_array_equal(getattr(found.regions, name), getattr(one.regions, name))
    write_innovation_diagnostics(tmp_path / "without.nc", replace(one, regions=None))
    assert read_innovation_diagnostics(tmp_path / "without.nc").regions is None
    with netCDF4.Dataset(path) as file:
        assert file.Conventions.startswith("CF-")
        assert all(v.units for name, v in file.variables.items() if name != "region_name")
    with netCDF4.Dataset(tmp_path / "other.nc", "w") as file:
        file.createDimension("time", 1)
    with pytest.raises(DataError, match="has no innovations by scale"):
        read_innovation_diagnostics(tmp_path / "other.nc")
    with pytest.raises(ShapeError, match="gain has shape"):
        replace(one, gain=one.gain[:3])


def test_the_table_of_regions() -> None:
    lines = region_table([diagnostics("control"), diagnostics()]).splitlines()
    assert lines[0].startswith("| region | run | values | mean")
    minus = "\N{MINUS SIGN}"
    assert lines[2:] == [
        f"| Globe | control | 90 | {minus}0.0120 | 0.0500 | - | +0.31 (6 h) |",
        f"| Globe | learned | 90 | {minus}0.0120 | 0.0500 | 1.25 | +0.31 (6 h) |",
        "| Sahel | control | 0 | - | - | - | - |",
        "| Sahel | learned | 0 | - | - | - | - |",
    ]
    assert region_table([replace(diagnostics(), regions=None)]) == ""
    lines = region_table([diagnostics()], by_scale=True).splitlines()
    assert lines[0].startswith("| region | run | scale | values | mean")
    assert lines[2:4] == [
        f"| Globe | learned | 0 | 90 | {minus}0.0100 | 1.0000 | 2.00 | +3.00 (6 h) |",
        "| Globe | learned | 1 | 90 | 0.0000 | 1.0100 | 2.01 | +3.01 (6 h) |",
    ]


def test_the_tables_of_scales(tmp_path: Path) -> None:
    one = diagnostics()
    cycles = [
        {"time": time.isoformat(), "run": "learned", BEFORE: [0.3 + k, 0.4], INCREMENT: [0.1, 0.2]}
        for k, time in enumerate(one.times[:4])
    ]
    until = START + timedelta(hours=12)
    assert has_spectra(cycles) and not has_spectra([{"run": "control"}])
    found = spectra(cycles, [one], START + timedelta(hours=6), until)
    of = {(s.window, s.quantity): s for s in found}
    before = of["assimilation", "background minus truth"]
    assert before.n_times == 2
    np.testing.assert_allclose(before.values, [np.sqrt((1.3**2 + 2.3**2) / 2), 0.4])
    np.testing.assert_allclose(of["forecast", "background minus truth"].values, [3.3, 0.4])
    departures = of["assimilation", "observation minus background"]
    np.testing.assert_allclose(departures.values, np.sqrt((one.innovation[1:3] ** 2).mean(axis=0)))
    write_spectra_csv(tmp_path / "spectra.csv", found)
    table = pd.read_csv(tmp_path / "spectra.csv").set_index(["window", "quantity", "scale"])
    assert table.loc[("assimilation", "background minus truth", 1), "std"] == pytest.approx(0.4)
    write_innovation_csv(tmp_path / "innovations.csv", [one])
    rows = pd.read_csv(tmp_path / "innovations.csv").set_index(["region", "scale"])
    assert rows.loc[("Globe", "all"), "mean"] == pytest.approx(-0.012) and rows.loc[("Globe", "1"), "std"] == 1.01
    assert len(rows) == 2 * (1 + FRAME.n_scales) and np.isnan(rows.loc[("Sahel", "0"), "mean"])
    part = plan_spectra(lambda: found, tmp_path)[0]
    assert part.make() is not None and imread(part.path).shape[1] > 600


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
    one = replace(diagnostics(), regions=None)
    other = replace(one, scale=one.scale * 2, **{
        name: np.pad(getattr(one, name), ((0, 0), (0, FRAME.n_scales - 1)), constant_values=1.0)
        for name in ("innovation", "residual", "gain", "chi_square", "autocorrelation")
    }, assumed=np.pad(one.assumed, (0, FRAME.n_scales - 1)))  # fmt: skip
    for draw in (draw_innovation_scales, draw_innovation_directions):
        with pytest.raises(DataError, match="scales"):
            draw([one, other], tmp_path / "a.png", title="")
