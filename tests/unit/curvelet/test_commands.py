"""`landda curvelet`: pictures and guarantees."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from landda_hpc.commands.application import app
from landda_hpc.curvelet.guarantees import measure_guarantees
from landda_hpc.grid import gaussian_grid


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    grid = gaussian_grid(32, 64)
    rng = np.random.default_rng(0)
    values = np.where(rng.random(grid.shape) < 0.6, 0.25 + 0.1 * rng.standard_normal(grid.shape), np.nan)
    with netCDF4.Dataset(tmp_path / "image.nc", "w") as file:
        for name, axis, units in (("lat", grid.lat, "degrees_north"), ("lon", grid.lon, "degrees_east")):
            file.createDimension(name, axis.size)
            file.createVariable(name, "f8", (name,))[:] = axis
            file[name].units = units
        file.createVariable("sm", "f8", ("lat", "lon"), fill_value=-999.0)[:] = np.ma.masked_invalid(values)
        file["sm"].units = "m3 m-3"
    return tmp_path / "image.nc"


@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
def test_decompose_draws_every_mode(image_file: Path, tmp_path: Path, finest: str) -> None:
    picture = tmp_path / "new" / "modes.png"
    result = invoke(
        "curvelet", "decompose", image_file, "-o", picture, "--finest", finest, "--boundary", "double_fourier_sphere"
    )
    assert result.exit_code == 0, result.output
    assert "100." not in result.output  # white noise is in every mode
    shares = [float(line.split("│")[4]) for line in result.output.splitlines() if line.startswith("│")]
    assert sum(shares) == pytest.approx(100.0, abs=0.05)
    assert imread(picture).shape[0] > imread(picture).shape[1]


def test_tiling_is_drawn(tmp_path: Path) -> None:
    result = invoke("curvelet", "tiling", "--shape", 45, 36, "--finest", "wavelets", "-o", tmp_path / "tiling.png")
    assert result.exit_code == 0, result.output
    assert imread(tmp_path / "tiling.png").std() > 0.05


@pytest.mark.verify
def test_guarantees_are_kept() -> None:
    found = measure_guarantees(seed=3)
    assert all(g.is_kept for g in found), [g for g in found if not g.is_kept]
    assert len({g.name for g in found}) == len(found) == 11


def test_group_helps_without_arguments() -> None:
    for group in ("curvelet", "bench"):
        assert "Usage" in invoke(group).output
