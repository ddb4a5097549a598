"""Sources: the twin's errors, files by pattern, the survey before a run, the real GLDAS file."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from landda_hpc.config import FileObservations, parse_config
from landda_hpc.errors import ConfigError, DataError, MissingFileError, ShapeError
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.gldas import GLDAS_NOAH
from landda_hpc.formats.products.product import Product, ProductVariable, SoilMoistureProfile
from landda_hpc.grid import regular_grid
from landda_hpc.observation.files import ProductSource
from landda_hpc.observation.source import ObservationSource
from landda_hpc.observation.twin_gaps import GapKind, is_missing
from landda_hpc.observation.twin_observations import TwinObservationSource
from landda_hpc.random_fields.sphere import grid_spacing_km
from tests.configured import source_of

GRID = regular_grid(64, 128)
SOIL = np.random.default_rng(0).random(GRID.shape) < 0.4
TRUTH = np.where(SOIL, 0.25, np.nan)
TIME = datetime(2022, 6, 2, 6)
PATTERN = "gldas/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
REAL_TIME = datetime(2016, 1, 1, 3)


def test_twin_errors_have_the_stated_moments_and_stay_on_soil() -> None:
    source = TwinObservationSource(1, GRID, SOIL, (0.0, 0.1), error_std=0.06)
    obs = source.at(TIME, TRUTH)
    error = (obs.values - TRUTH)[SOIL]
    assert np.isnan(obs.values[~SOIL]).all()
    assert obs.n_used == SOIL.sum() == error.size
    # Five standard errors.
    assert abs(error.mean()) < 5 * 0.06 / np.sqrt(error.size)
    assert abs(error.std() / 0.06 - 1) < 5 / np.sqrt(2 * error.size)
    assert (obs.time, obs.depth_m, obs.source) == (TIME, (0.0, 0.1), "twin")


def test_twin_errors_depend_on_seed_time_and_cell_alone() -> None:
    def error(seed: int, time: datetime, soil: np.ndarray, missing: float = 0.0) -> np.ndarray:
        return TwinObservationSource(seed, GRID, soil, (0.0, 0.1), 0.06, missing).at(time, np.zeros(soil.shape)).values

    first = error(1, TIME, SOIL)
    np.testing.assert_array_equal(first, error(1, TIME, SOIL))
    everywhere = error(1, TIME, np.ones_like(SOIL))
    np.testing.assert_array_equal(first[SOIL], everywhere[SOIL])
    some = error(1, TIME, SOIL, 0.5)
    np.testing.assert_array_equal(some[np.isfinite(some)], first[np.isfinite(some)])
    for other in (error(2, TIME, SOIL), error(1, TIME + timedelta(hours=6), SOIL)):
        assert abs(np.corrcoef(first[SOIL], other[SOIL])[0, 1]) < 0.1


def test_twin_errors_may_be_correlated_beside_white_ones() -> None:
    """Moments over many times; the correlation of neighbours is the field's share of the variance times its own."""
    length = 2.0 * grid_spacing_km(GRID)
    source = TwinObservationSource(
        1, GRID, np.ones_like(SOIL), (0.0, 0.1), 0.05, correlated_std=0.033, correlated_length_km=length
    )
    truth = np.full(GRID.shape, 0.25)
    observed = [source.at(TIME + timedelta(hours=6 * n), truth) for n in range(40)]
    error = np.array([one.values for one in observed])[:, 24:40] - 0.25  # near the equator, where cells are square
    total = np.hypot(0.05, 0.033)
    assert error.std() == pytest.approx(total, rel=0.02)
    neighbours = np.mean(error[:, :, 1:] * error[:, :, :-1]) / total**2
    assert neighbours == pytest.approx((0.033 / total) ** 2 * np.exp(-0.125), abs=0.02)
    assert observed[0].error_std is not None
    np.testing.assert_allclose(observed[0].error_std, total)
    plain = TwinObservationSource(1, GRID, np.ones_like(SOIL), (0.0, 0.1), 0.05).at(TIME, truth)
    assert plain.error_std is None


@pytest.mark.parametrize("kind", ["random", "swaths", "blobs", "stripes"])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_gaps_have_their_share_and_their_kind(kind: GapKind, fraction: float) -> None:
    times = [TIME + timedelta(hours=6 * n) for n in range(24)]
    missing = np.array([is_missing(kind, fraction, GRID, 1, time) for time in times])
    assert missing.mean() == pytest.approx(fraction, abs=0.05)
    same = bool((missing == missing[0]).all())
    assert same == (kind in ("blobs", "stripes") or fraction in (0.0, 1.0))
    if kind == "swaths" and fraction == 0.5:
        assert missing.any(axis=0).all() and not missing.all(axis=0).any()  # every place is seen, none always
    if kind in ("swaths", "stripes", "blobs") and 0.0 < fraction < 1.0:
        edges = np.mean(missing[0][:, 1:] != missing[0][:, :-1])
        assert edges < 0.7 * 2.0 * fraction * (1.0 - fraction) + 0.02  # connected: fewer edges than cells at random


def test_twin_gaps_are_counted() -> None:
    obs = TwinObservationSource(1, GRID, SOIL, (0.0, 0.1), 0.06, missing_fraction=0.3).at(TIME, TRUTH)
    share = obs.counts["missing"] / SOIL.sum()
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / SOIL.sum())
    assert obs.counts["missing"] + obs.n_used == SOIL.sum()
    everything = TwinObservationSource(1, GRID, SOIL, (0.0, 0.1), 0.06, missing_fraction=1.0).at(TIME, TRUTH)
    assert everything.n_used == 0


def test_twin_needs_the_truth() -> None:
    source: ObservationSource = TwinObservationSource(1, GRID, SOIL, (0.0, 0.1), 0.06)
    with pytest.raises(DataError, match="need the nature run's image"):
        source.at(TIME)
    with pytest.raises(ShapeError, match="truth has shape"):
        source.at(TIME, TRUTH[:3])
    assert source.survey([TIME]).problems == ()


def gldas(root: Path, missing: Literal["skip", "error"] = "skip", pattern: str = PATTERN) -> ProductSource:
    return ProductSource(Dataset(GLDAS_NOAH, root, pattern), FileObservations(missing=missing), GRID, SOIL)


def test_survey_finds_files_before_the_run(tmp_path: Path) -> None:
    times = [TIME + timedelta(hours=6 * k) for k in range(8)]
    (tmp_path / "gldas").mkdir()
    nothing = gldas(tmp_path).survey(times)
    assert len(nothing.missing) == 8
    with pytest.raises(DataError, match=r"any of the 8 analysis times \(e.g. 2022-06-02T06:00:00: .*A20220602.0600"):
        nothing.require()
    for time in times[2:5]:
        (tmp_path / time.strftime(PATTERN)).touch()
    some = gldas(tmp_path).survey(times)
    some.require()
    assert some.describe() == "GLDAS Noah: 3 of 8 analysis times have observations"
    assert [time for time, _ in some.found] == times[2:5]
    strict = gldas(tmp_path, "error").survey(times)
    with pytest.raises(DataError, match="missing at 5 of 8 analysis times"):
        strict.require()
    assert gldas(tmp_path).survey([]).problems == ()


def test_the_files_of_the_next_observation_are_read_ahead(tmp_path: Path) -> None:
    """Also after a gap or an error; only the survey counts, and the last time has no next one."""
    times = [TIME + timedelta(hours=6 * k) for k in range(4)]
    (tmp_path / "gldas").mkdir()
    for n, time in enumerate(times[1:], start=1):
        (tmp_path / time.strftime(PATTERN)).write_bytes(bytes(10**n))
    source = gldas(tmp_path)
    source.survey(times)
    assert source.at(times[0]) is None
    assert source.ahead.wait(60.0) and source.ahead.n_bytes == 10
    for n, time in enumerate(times[1:], start=1):
        with pytest.raises(DataError, match=time.strftime("%Y%m%d.%H00")):
            source.at(time)
        assert source.ahead.wait(60.0) and source.ahead.n_bytes == sum(10**k for k in range(1, min(n + 1, 3) + 1))


def test_a_missing_file_is_skipped_or_an_error(tmp_path: Path) -> None:
    assert gldas(tmp_path).at(TIME) is None
    with pytest.raises(MissingFileError, match=r"A20220602\.0600.*set observations.missing: skip"):
        gldas(tmp_path, "error").at(TIME)


@pytest.mark.parametrize("pattern", ["/etc/%Y.nc", "../%Y.nc", "a/../../b.nc", "", "a\0b"])
def test_patterns_that_leave_the_folder_are_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="relative to data_root"):
        gldas(tmp_path, pattern=pattern)


def test_the_real_file_becomes_an_observation(shared: Path) -> None:
    grid = regular_grid(128, 256)
    soil = np.ones(grid.shape, dtype=bool)
    dataset = Dataset(GLDAS_NOAH, shared / "data", PATTERN)
    source = ProductSource(dataset, FileObservations(), grid, soil)
    obs = source.at(REAL_TIME)
    assert obs is not None
    assert (obs.source, obs.time, obs.depth_m) == ("GLDAS Noah", REAL_TIME, (0.0, 0.1))
    assert obs.n_used == 7685
    assert obs.counts["missing"] == grid.n_cells - 7685
    assert 0.019 < np.nanmin(obs.values) < np.nanmax(obs.values) < 0.477
    again = source.at(REAL_TIME)
    assert again is not None
    np.testing.assert_array_equal(obs.values, again.values)
    deeper = ProductSource(dataset, FileObservations(depth_m=(0.0, 0.4)), grid, soil).at(REAL_TIME)
    assert deeper is not None
    assert deeper.n_used == 7685


def test_a_renamed_file_is_an_error(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "gldas").mkdir()
    shutil.copy(shared / "data" / REAL_TIME.strftime(PATTERN), tmp_path / TIME.strftime(PATTERN))
    with pytest.raises(DataError, match="valid at 2016-01-01T03:00:00; expected 2022-06-02T06:00:00"):
        gldas(tmp_path).at(TIME)


class MadeUpFile:
    """Two layers, 0.1 above 0.3, of the one time; the third file read is on another grid."""

    n_read = 0
    times = (TIME,)

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, time: datetime, depth_m: object = None, region: object = None) -> SoilMoistureProfile:
        MadeUpFile.n_read += 1
        grid = regular_grid(90, 180) if MadeUpFile.n_read < 3 else regular_grid(45, 90)
        values = np.stack([np.full(grid.shape, 0.1), np.full(grid.shape, 0.3)])
        return SoilMoistureProfile(values, ((0.0, 0.05), (0.05, 0.2)), grid, time, "made up", self.path)

    def __enter__(self) -> MadeUpFile:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def test_a_further_product_needs_a_reader_alone(tmp_path: Path) -> None:
    layers = tuple(
        ProductVariable(f"sm{k}", "", None, ("1",), (0.0, 1.0), depth_m=depth)
        for k, depth in enumerate([(0.0, 0.05), (0.05, 0.2)])
    )
    product = Product(
        "made_up", "made up", layers, "", "instant", timedelta(hours=6), MadeUpFile, False, False, False, ""
    )  # fmt: skip
    (tmp_path / "day.nc").touch()
    source = ProductSource(Dataset(product, tmp_path, "day.nc"), FileObservations(), GRID, SOIL)
    for _ in range(3):
        obs = source.at(TIME)
        assert obs is not None
        np.testing.assert_allclose(obs.values[SOIL], 0.2, rtol=1e-12)
    with pytest.raises(ConfigError, match="not covered by the product's layers"):
        ProductSource(Dataset(product, tmp_path, "day.nc"), FileObservations(depth_m=(0.0, 0.5)), GRID, SOIL)


def test_the_configuration_chooses_the_source(tmp_path: Path) -> None:
    raw = {
        "name": "test",
        "data_root": str(tmp_path),
        "time": {
            "start": "2022-06-02T00:00",
            "assimilation_end": "2022-06-03T00:00",
            "end": "2022-06-04T00:00",
        },
        "twin": {},
        "observations": {"kind": "twin", "error_std": 0.05, "missing_fraction": 0.1},
    }
    twin = source_of(parse_config(raw), GRID, SOIL)
    assert isinstance(twin, TwinObservationSource)
    assert (twin.error_std, twin.missing_fraction, twin.seed) == (0.05, 0.1, 1)
    raw["observations"] = {"kind": "gldas", "path": PATTERN, "depth_m": [0.1, 0.4], "missing": "error"}
    files = source_of(parse_config(raw), GRID, SOIL)
    assert isinstance(files, ProductSource)
    assert files.depth_m == (0.1, 0.4)
    with pytest.raises(MissingFileError, match=r"/gldas/GLDAS_NOAH025_3H\.A20220602\.0600\.021\.nc4' does not exist"):
        files.at(TIME)
