"""From the configuration of a 3D-Var run to its method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.background_archive import archive_of, write_archive
from landda_hpc.analysis.error_models import ClimatologicalErrors
from landda_hpc.analysis.protocol import AnalysisMethod, ImagePair
from landda_hpc.analysis.wedge_variances import WedgeSpectrum
from landda_hpc.config import RegionStd, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.formats.own.wedge_spectra import write_wedge_spectrum
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.errors.climatological import ClimatologicalErrorsConfig
from landda_hpc.methods.var3d import Var3dBothRun, Var3dImageRun, Var3dPointRun, Var3dRun, make_fill
from landda_hpc.parallel.communicator import SerialCommunicator

GRID = regular_grid(32, 32, south=23.0, north=68.0, west=73.0, east=117.0)
FRAME = Curvelet2D(GRID.shape)
IN_CHINA = {"name": "China", "file": "package:papers/china.geojson", "std": 0.30}


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
            {"method": "var3d_point", "observation_std": 0.01, "observation_std_regions": [IN_CHINA]},
            {"method": "var3d_image", "keep_fraction": 0.3, "frame": {"boundary": "reflect"}},
            {"method": "var3d_both", "name": "both_terms", "image_std": 1.0},
        )
    )
    assert [type(run) for run in config.runs[1:]] == [Var3dPointRun, Var3dImageRun, Var3dBothRun]
    assert [run.name for run in config.runs[1:]] == ["var3d_point", "var3d_image", "both_terms"]
    assert parse_config(config.model_dump(mode="json")) == config


def made(run: Var3dRun, data_root: Path = Path()) -> AnalysisMethod:
    """The method of a run."""
    return run.build(MethodContext(GRID, SerialCommunicator(), 1, data_root))


def test_mistakes_are_told_with_their_place() -> None:
    with pytest.raises(ConfigError, match="keep_fraction"):
        parse_config(campaign({"method": "var3d_point", "keep_fraction": 0.5}))
    with pytest.raises(ConfigError, match=r"unknown key. Did you mean 'image_std'"):
        parse_config(campaign({"method": "var3d_image", "imagestd": 0.5}))
    with pytest.raises(ConfigError, match="double_fourier_sphere needs the globe"):
        parse_config(campaign({"method": "var3d_both", "frame": {"boundary": "double_fourier_sphere"}}))
    with pytest.raises(ConfigError, match="image_std: Input should be greater"):
        parse_config(campaign({"method": "var3d_image", "image_std": 0}))


@pytest.mark.parametrize("run", [Var3dPointRun(), Var3dImageRun(), Var3dBothRun(), Var3dImageRun(fill="harmonic")])
def test_each_run_analyses(run: Var3dRun) -> None:
    images = pair()
    analysis = made(run).analyse(images)
    assert analysis.diagnostics["converged"] == 1.0
    gain = analysis.diagnostics["gain_mean"]
    assert isinstance(gain, float)
    # 0.16^2 against 0.10^2 for one term or for two; half of the coefficients hold most of the image.
    low, high = {Var3dPointRun: (0.719, 0.7192), Var3dImageRun: (0.55, 0.72), Var3dBothRun: (0.75, 0.84)}[type(run)]
    assert low < gain < high


def test_china_error_map_leaves_china_to_the_background() -> None:
    """[S24] Fig. 7c: the analysis is the observation outside China and near the background inside."""
    images = pair()
    method = made(Var3dPointRun(observation_std=0.01, observation_std_regions=(RegionStd.model_validate(IN_CHINA),)))
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
    analysis = made(run, tmp_path).analyse(images)
    b = statistics.variance[0]
    expected = np.where(images.observed, b / (b + 0.10**2) * images.innovation, 0.0)
    np.testing.assert_allclose(analysis.increment, expected, atol=1e-10)
    with pytest.raises(DataError, match=r"1 layer; the analysis has 3 .*landda study archive --layers"):
        made(run.model_copy(update={"layers": "upper_three"}), tmp_path)
    with pytest.raises(MissingFileError):
        made(run, tmp_path / "elsewhere")


def test_the_observation_errors_of_an_archive_are_taken_off_when_asked(tmp_path: Path) -> None:
    """Model minus observation is B + R: with R = 0.06^2 given, B = 0.05^2 comes back; maps count by cell."""
    rng = np.random.default_rng(5)
    errors, noise = 0.05 * rng.standard_normal((2000, *GRID.shape)), 0.06 * rng.standard_normal((2000, *GRID.shape))
    write_archive(tmp_path / "b.nc", GRID, archive_of(zip(errors[:, None], noise[:, None], strict=True)), "a test")
    std = np.full(GRID.shape, 0.06)
    std[:, :16] = 0.03
    write_images(tmp_path / "r.nc", GRID, {"std": OutputField(std, {"units": "m3 m-3"})})

    def gain(**keys: Any) -> FloatArray:
        images = pair()
        run = Var3dPointRun(background_archive=Path("b.nc"), observation_std=0.06, **keys)
        increment = made(run, tmp_path).analyse(images).increment
        return np.where(images.observed, increment / np.where(images.observed, images.innovation, 1.0), np.nan)

    b, r = 0.05**2, 0.06**2
    assert np.nanmean(gain()) == pytest.approx((b + r) / (b + 2 * r), abs=2e-3)
    assert np.nanmean(gain(archive_holds="background")) == np.nanmean(gain())
    assert np.nanmean(gain(archive_observation_std=0.06)) == pytest.approx(b / (b + r), abs=2e-3)
    by_map = gain(archive_observation_std=Path("r.nc"))
    assert np.nanmean(by_map[:, 16:]) == pytest.approx(b / (b + r), abs=3e-3)
    assert np.nanmean(by_map[:, :16]) == pytest.approx((b + r - 0.03**2) / (b + 2 * r - 0.03**2), abs=3e-3)
    # More than is there: the floor stays, never a negative variance.
    assert np.nanmean(gain(archive_observation_std=0.2)) == pytest.approx(1e-4 / (1e-4 + r), rel=1e-6)


def test_what_an_archive_holds_must_make_sense() -> None:
    with pytest.raises(ConfigError, match="name one in background_archive"):
        parse_config(campaign({"method": "var3d_image", "archive_observation_std": 0.05}))
    with pytest.raises(ConfigError, match="contains no observation errors"):
        parse_config(campaign({"method": "var3d_point", "background_archive": "b.nc", "archive_holds": "background",
                               "archive_observation_std": 0.05}))  # fmt: skip
    with pytest.raises(ConfigError, match="holds: difference"):
        parse_config(campaign({"method": "per_wedge", "background_errors": {
            "kind": "climatological", "file": "w.csv", "other_std": 0.05}}))  # fmt: skip
    too_deep = campaign({"method": "var3d_point", "layers": "upper_three"})
    with pytest.raises(ConfigError, match=r"reaches down to 0\.0906 m; the observed depth is 0\.0-0\.1 m"):
        parse_config(too_deep)
    parse_config(too_deep | {"observations": {"kind": "twin", "depth_m": [0.0, 0.07]}})


def test_the_other_side_is_taken_off_a_difference_per_wedge(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    variance = np.linspace(0.001, 0.01, len(FRAME.blocks))
    spectrum = WedgeSpectrum.of(FRAME, variance)
    write_wedge_spectrum(file, spectrum.scale, spectrum.wedge, spectrum.variance)
    context = MethodContext(GRID, SerialCommunicator(), 1, tmp_path)
    domain = np.ones(GRID.shape, dtype=np.bool_)
    found = []
    for keys in ({}, {"holds": "difference"}, {"holds": "difference", "other_std": 0.05}):
        config = ClimatologicalErrorsConfig(file=Path("w.csv"), **keys)
        found.append(config.build(FRAME, "background", context).variance(FRAME, domain))
    np.testing.assert_array_equal(found[0], found[1])
    expected = ClimatologicalErrors(FRAME, WedgeSpectrum.of(FRAME, np.maximum(variance - 0.0025, 0.0)), 1, "background")
    np.testing.assert_allclose(found[2], expected.variance(FRAME, domain), rtol=1e-12)


def test_fills_keep_what_is_known() -> None:
    rng = np.random.default_rng(2)
    image, known = rng.uniform(0.1, 0.4, GRID.shape), rng.random(GRID.shape) < 0.6
    for name in ("mean", "zero", "harmonic"):
        filled = make_fill(name, GRID)(np.where(known, image, 0.0), known)
        assert np.array_equal(filled[known], image[known])
        assert np.isfinite(filled).all()
    harmonic = make_fill("harmonic", GRID)(image, known)
    assert image[known].min() - 1e-12 <= harmonic.min() <= harmonic.max() <= image[known].max() + 1e-12
