"""`landda study threshold`: the study of [S24] Figs 3 to 5 on a series of images."""

from __future__ import annotations

import csv
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import ConfigError
from landda_hpc.formats.products.image_series import open_image_series
from landda_hpc.grid import regular_grid
from landda_hpc.regions import GLOBE, Region
from landda_hpc.studies.threshold_study import SHEN2024, ThresholdSettings, cut_grid, study_thresholds
from tests.campaign.conftest import Landda

GRID = regular_grid(32, 31, south=22.5, north=67.5, west=73.125, east=116.71875)


def write_noisy_waves(path: Path, n_times: int = 8) -> Path:
    """A smooth pattern that moves, with white noise of 0.02 m3 m-3, ocean in a corner."""
    rng = np.random.default_rng(3)
    y, x = np.meshgrid(GRID.lat, GRID.lon, indexing="ij")
    with netCDF4.Dataset(path, "w") as file:
        for axis, centres, unit in (("lat", GRID.lat, "degrees_north"), ("lon", GRID.lon, "degrees_east")):
            file.createDimension(axis, centres.size)
            file.createVariable(axis, "f8", (axis,))[:] = centres
            file[axis].units = unit
        file.createDimension("time", n_times)
        file.createVariable("time", "f8", ("time",))[:] = 6.0 * np.arange(n_times)
        file["time"].units = "hours since 2016-05-01 00:00"
        sm = file.createVariable("sm", "f8", ("time", "lat", "lon"), fill_value=np.nan)
        sm.units = "m3 m-3"
        for t in range(n_times):
            image = 0.25 + 0.12 * np.sin(0.15 * x + 0.4 * t) * np.cos(0.12 * y) + rng.normal(0.0, 0.02, GRID.shape)
            image[:4, -4:] = np.nan
            sm[t] = image
    return path


def test_it_writes_what_it_promises(landda: Landda) -> None:
    write_noisy_waves(landda.folder / "s.nc")
    done = landda.here("threshold", "s.nc", "-o", "out", "--set", "boundary=reflect")
    assert done.returncode == 0, done.stderr
    out = landda.folder / "out"
    pictures = ("reconstructions.png", "error_densities.png", "distance_correlation.png")
    for name in (*pictures, "threshold.md"):
        assert (out / name).stat().st_size > 0, name
    assert all(f"]({name})" in (out / "threshold.md").read_text() for name in pictures)
    rows = list(csv.DictReader((out / "threshold.csv").open()))
    assert [float(row["fraction"]) for row in rows] == [0.1, 0.4, 0.5, 0.6, 0.7, 0.8]
    scc, std = ([float(row[key]) for row in rows] for key in ("scc", "std_m3_m-3"))
    assert scc == sorted(scc) and std == sorted(std, reverse=True)
    (chosen,) = [row for row in rows if row["recommended"] == "1"]
    assert f"Recommended: sigma = {float(chosen['fraction']):g}" in " ".join(done.stdout.split())
    assert "kurtosis" in done.stdout
    curves = list(csv.DictReader((out / "distance_correlation.csv").open()))
    np.testing.assert_allclose(
        [float(r["cumulative_1"]) for r in curves if r["original"]],
        [float(r["original"]) for r in curves if r["original"]],
        atol=1e-10,
    )


def test_the_region_and_the_period_are_cut(landda: Landda) -> None:
    write_noisy_waves(landda.folder / "s.nc")
    done = landda.here(
        "threshold", "s.nc", "-o", "out", "--region", "80,112,24,60", "--first", "2016-05-01T12:00", "--every", "2",
        "--fractions", "0.5,0.9", "--maps", "0.5", "--no-distances",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 images, 26 x 23 cells" in " ".join(done.stdout.split())
    assert not (landda.folder / "out" / "distance_correlation.png").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--region", "mars"), "expected globe, shen2024"),
        (("--region", "100,110,30,40"), "curvelets need 17"),
        (("--fractions", "0.5,2"), "expected fractions above 0 and up to 1"),
        (("--spacing", "0.7"), "expected degrees that divide 180"),
        (("--set", "boundry=none"), "Did you mean 'boundary'?"),
        (("--variable", "x"), "found lat, lon, time, sm"),
    ],
)
def test_bad_options_are_told(landda: Landda, options: tuple[str, ...], text: str) -> None:
    write_noisy_waves(landda.folder / "s.nc", 3)
    done = landda.here("threshold", "s.nc", "-o", "out", *options)
    assert done.returncode == 2 and text in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr and not (landda.folder / "out").exists()


def test_the_paper_domain_on_the_global_grid() -> None:
    grid, index = cut_grid(regular_grid(128, 256), SHEN2024)
    assert grid.shape == (32, 31) and grid.same_points(GRID) and not grid.is_periodic
    np.testing.assert_allclose(grid.lon_edges, GRID.lon_edges)
    assert np.arange(128 * 256).reshape(128, 256)[index].shape == (32, 31)
    whole, _ = cut_grid(regular_grid(128, 256), GLOBE)
    assert whole.is_periodic
    across, index = cut_grid(regular_grid(18, 36), Region("Americas and more", -50.0, 50.0, -120.0, 60.0))
    assert across.shape == (10, 18) and across.lon[0] == -115.0
    assert index[1].ravel()[0] == 24


def test_memory_is_asked_for_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landda_hpc.studies.threshold_study.MAX_BYTES", 1e6)
    with pytest.raises(ConfigError, match="--no-distances"):
        study_thresholds(open_image_series([write_noisy_waves(tmp_path / "s.nc")]), tmp_path / "o", ThresholdSettings())
    assert not (tmp_path / "o").exists()


def test_real_era5_hours(shared: Path, landda: Landda) -> None:
    done = landda.here("threshold", shared / "data/era5/ERA5_China_2024_07_01_03.nc", "-o", "out")
    assert done.returncode == 0, done.stderr
    half = next(r for r in csv.DictReader((landda.folder / "out/threshold.csv").open()) if r["fraction"] == "0.5")
    # [S24] Fig. 3e at sigma = 0.5: SCC above 0.99, errors within 0.02 m3 m-3.
    assert float(half["scc"]) > 0.99 and float(half["share_within_0.02"]) > 0.99
