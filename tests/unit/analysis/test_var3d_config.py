"""From the configuration of a 3D-Var run to its method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.background_archive import archive_of, write_archive
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.campaign.variational import make_fill, make_var3d
from landda_hpc.config import Var3dBothRun, Var3dImageRun, Var3dPointRun, Var3dRun, parse_config
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.grid import regular_grid

GRID = regular_grid(32, 32, south=23.0, north=68.0, west=73.0, east=117.0)
FRAME = Curvelet2D(GRID.shape)


def campaign(*runs: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "test",
        "time": {"start": "2016-05-01", "assimilation_end": "2016-05-02", "end": "2016-05-03"},
        "grid": {"n_lat": 32, "n_lon": 32, "south": 23, "north": 68, "west": 73, "east": 117},
        "twin": {},
        "observations": {"kind": "twin"},
        "runs": list(runs),
    }


def pair(seed: int = 0) -> ImagePair:
    rng = np.random.default_rng(seed)
    domain = rng.random(GRID.shape) < 0.8
    background = np.where(domain, rng.uniform(0.05, 0.4, GRID.shape), np.nan)
    return ImagePair(background, rng.uniform(0.05, 0.4, GRID.shape), domain, "t")


def test_runs_by_method_name() -> None:
    config = parse_config(
        campaign(
            {"method": "control"},
            {"method": "var3d_point", "observation_std": 0.01, "observation_std_china": 0.30},
            {"method": "var3d_image", "keep_fraction": 0.3, "frame": {"boundary": "reflect"}},
            {"method": "var3d_both", "name": "both_terms", "image_std": 1.0},
        )
    )
    assert [type(run) for run in config.runs[1:]] == [Var3dPointRun, Var3dImageRun, Var3dBothRun]
    assert [run.name for run in config.runs[1:]] == ["var3d_point", "var3d_image", "both_terms"]
    assert parse_config(config.model_dump(mode="json")) == config


def test_mistakes_are_told_with_their_place() -> None:
    with pytest.raises(ConfigError, match="keep_fraction"):
        parse_config(campaign({"method": "var3d_point", "keep_fraction": 0.5}))
    with pytest.raises(ConfigError, match=r"unknown key. Did you mean 'image_std'"):
        parse_config(campaign({"method": "var3d_image", "imagestd": 0.5}))
    with pytest.raises(ConfigError, match="double_fourier_sphere needs the globe"):
        parse_config(campaign({"method": "var3d_both", "frame": {"boundary": "double_fourier_sphere"}}))
    with pytest.raises(ConfigError, match="greater than 0"):
        parse_config(campaign({"method": "var3d_image", "image_std": 0}))


@pytest.mark.parametrize("run", [Var3dPointRun(), Var3dImageRun(), Var3dBothRun(), Var3dImageRun(fill="harmonic")])
def test_each_run_analyses(run: Var3dRun) -> None:
    images = pair()
    analysis = make_var3d(run, GRID, FRAME).analyse(images)
    assert analysis.diagnostics["converged"] == 1.0
    gain = analysis.diagnostics["gain_mean"]
    assert isinstance(gain, float)
    # 0.16^2 against 0.10^2 for one term or for two; half of the coefficients hold most of the image.
    low, high = {Var3dPointRun: (0.719, 0.7192), Var3dImageRun: (0.55, 0.72), Var3dBothRun: (0.75, 0.84)}[type(run)]
    assert low < gain < high


def test_china_error_map_leaves_china_to_the_background() -> None:
    """[S24] Fig. 7c: the analysis is the observation outside China and near the background inside."""
    images = pair()
    method = make_var3d(Var3dPointRun(observation_std=0.01, observation_std_china=0.30), GRID, None)
    analysis = method.analyse(images)
    gain = analysis.increment[images.observed] / images.innovation[images.observed]
    inside, outside = 0.16**2 / (0.16**2 + 0.30**2), 0.16**2 / (0.16**2 + 0.01**2)
    np.testing.assert_allclose(np.where(gain > 0.5, outside, inside), gain, rtol=1e-9)
    assert 0.2 < np.mean(gain < 0.5) < 0.7


def test_background_errors_from_an_archive(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    std = rng.uniform(0.05, 0.25, GRID.shape)
    series = [(std * rng.standard_normal((1, *GRID.shape)), np.zeros((1, *GRID.shape))) for _ in range(60)]
    statistics = archive_of(series)
    write_archive(tmp_path / "b.nc", GRID, statistics, "a test")
    run = Var3dPointRun(background_archive=Path("b.nc"))
    images = pair()
    analysis = make_var3d(run, GRID, None, tmp_path).analyse(images)
    b = statistics.variance[0]
    expected = np.where(images.observed, b / (b + 0.10**2) * images.innovation, 0.0)
    np.testing.assert_allclose(analysis.increment, expected, atol=1e-10)
    with pytest.raises(DataError, match="1 layers, the analysis 3"):
        make_var3d(run, GRID, None, tmp_path, n_layers=3)
    with pytest.raises(MissingFileError):
        make_var3d(run, GRID, None, tmp_path / "elsewhere")


def test_fills_keep_what_is_known() -> None:
    rng = np.random.default_rng(2)
    image, known = rng.uniform(0.1, 0.4, GRID.shape), rng.random(GRID.shape) < 0.6
    for name in ("mean", "zero", "harmonic"):
        filled = make_fill(name, GRID)(np.where(known, image, 0.0), known)
        assert np.array_equal(filled[known], image[known])
        assert np.isfinite(filled).all()
    harmonic = make_fill("harmonic", GRID)(image, known)
    assert image[known].min() - 1e-12 <= harmonic.min() <= harmonic.max() <= image[known].max() + 1e-12
