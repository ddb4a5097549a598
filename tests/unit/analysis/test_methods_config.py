"""From configuration sections to methods: defaults are the paper's, every choice builds and analyses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.wedge_variances import WedgeSpectrum
from landda_hpc.config import FrameConfig, Run, parse_config
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.formats.own.wedge_spectra import write_wedge_spectrum
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.parallel.communicator import SerialCommunicator

GRID = regular_grid(24, 32)
FRAME = {"angles_coarse": 8, "scales": 2}
PairOf = Callable[..., ImagePair]


def run_of(raw: dict[str, Any]) -> Run:
    return TypeAdapter(Run).validate_python(raw)


def analyse(raw: dict[str, Any], pair_of: PairOf, data_root: Path = Path()) -> Any:
    method = make_method(run_of(raw), GRID, SerialCommunicator(), 1, data_root)
    assert method is not None
    rng = np.random.default_rng(1)
    domain = rng.random(GRID.shape) < 0.7
    observed = domain & (rng.random(GRID.shape) < 0.6)
    return method, method.analyse(pair_of(0.1 * rng.standard_normal(GRID.shape), observed, domain))


ENKF = {"method": "enkf_like", "members": 6}
CORRELATED = {"kind": "correlated", "std": 0.1, "length_km": 2000.0, "white_std": 0.03, "draws": 20}


@pytest.mark.parametrize(
    "raw",
    [
        {"method": "adaptive_pointwise"},
        {"method": "smoothed", "length_km": 1000.0, "gain": 0.4},
        ENKF | {"background_errors": CORRELATED},
        ENKF | {"estimator": "exact", "background_errors": CORRELATED, "missing": "solve"},
        ENKF | {"background_errors": CORRELATED | {"length_lon_km": 3000.0}},
        ENKF | {"background_errors": CORRELATED | {"geometry": "plane"}, "missing": "inpaint"},
        ENKF | {"background_errors": CORRELATED, "missing": "variance"},
        {"method": "enkf_like", "background_errors": CORRELATED | {"covariance": "field"}, "missing": "solve"},
        {"method": "per_scale", "observation_errors": {"kind": "white", "std": 0.06}},
        {"method": "per_wedge", "missing": "solve"},
        {"method": "per_wedge", "background_errors": CORRELATED, "missing": "inpaint", "inpaint_length_km": None},
    ],
)  # fmt: skip
def test_every_choice_analyses(pair_of: PairOf, raw: dict[str, Any]) -> None:
    if raw["method"] in ("enkf_like", "per_scale", "per_wedge"):
        raw = raw | {"frame": FRAME}
    method, analysis = analyse(raw, pair_of)
    assert np.isfinite(analysis.increment).all() and analysis.increment.any()
    assert 0.0 <= analysis.diagnostics["gain_mean"] <= 1.0
    learns = raw["method"] in ("adaptive_pointwise", "per_scale", "per_wedge") and "background_errors" not in raw
    assert isinstance(method, MethodMemory) is learns


def test_defaults_are_the_paper_s(pair_of: PairOf) -> None:
    """Naming its white errors changes no bit."""
    plain = ENKF | {"frame": FRAME}
    named = plain | {
        "background_errors": {"kind": "white", "std": 0.15},
        "observation_errors": {"kind": "white", "std": 0.10},
        "missing": "zero_fill",
    }
    assert analyse(plain, pair_of)[1].increment.tobytes() == analyse(named, pair_of)[1].increment.tobytes()


def test_maps_and_spectra_come_from_files(pair_of: PairOf, tmp_path: Path) -> None:
    std = np.random.default_rng(2).uniform(0.05, 0.2, GRID.shape)
    attributes = {"units": "m3 m-3", "long_name": "standard deviation of background errors"}
    write_images(tmp_path / "std.nc", GRID, {"std": OutputField(std, attributes)})
    frame = make_frame(FrameConfig(angles_coarse=8, scales=2), GRID)
    spectrum = WedgeSpectrum.of(frame, np.full(len(frame.blocks), 0.0225))
    write_wedge_spectrum(tmp_path / "b.csv", spectrum.scale, spectrum.wedge, spectrum.variance)
    base = {"method": "enkf_like", "estimator": "exact", "frame": FRAME}
    flat = analyse(base | {"background_errors": {"kind": "climatological", "file": "b.csv"}}, pair_of, tmp_path)[1]
    white = analyse(base, pair_of)[1]
    np.testing.assert_allclose(flat.increment, white.increment, atol=1e-12)
    mapped = analyse(base | {"background_errors": {"kind": "white", "std": "std.nc"}}, pair_of, tmp_path)[1]
    inside = np.isfinite(mapped.spread)
    np.testing.assert_allclose(mapped.spread[inside], std[inside], rtol=1e-6)  # files hold single precision
    for kind in ({"kind": "climatological", "file": "no.csv"}, {"kind": "white", "std": "no.nc"}):
        with pytest.raises(MissingFileError):
            analyse(base | {"background_errors": kind}, pair_of, tmp_path)
    with pytest.raises(DataError, match="same frame"):
        other = base | {"frame": {"angles_coarse": 16, "scales": 2}}
        analyse(other | {"background_errors": {"kind": "climatological", "file": "b.csv"}}, pair_of, tmp_path)


def test_bad_sections_name_their_keys() -> None:
    raw = {
        "name": "x",
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T06:00", "end": "2022-06-02T06:00"},
        "twin": {},
        "observations": {"kind": "twin"},
        "runs": [
            {"method": "per_scale", "observation_errors": {"kind": "white", "std": -1.0}},
            {"method": "smoothed", "length_km": 0.0},
            {"method": "enkf_like", "background_errors": {"kind": "correlated", "std": 0.1}},
            {"method": "enkf_like", "name": "b", "missing": "guess"},
            {"method": "adaptive_pointwise", "memory_cycle": 3},
        ],
    }
    with pytest.raises(ConfigError) as error:
        parse_config(raw)
    text = str(error.value)
    for part in (
        "observation_errors",
        "length_km",
        "missing",
        "memory_cycle: unknown key. Did you mean 'memory_cycles'?",
    ):
        assert part in text, part
