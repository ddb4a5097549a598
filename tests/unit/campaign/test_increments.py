"""How increments go down: H D = I whatever the slopes, no bit changed by nothing, and the pairs' seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.vertical import VerticalRegression, write_regression
from landda_hpc.campaign.increments import VerticalSpreading, make_vertical_spreading
from landda_hpc.campaign.preflight import find_problems
from landda_hpc.config import AssimilatingRun, CampaignConfig, TwinObservations, parse_config
from landda_hpc.constants import N_SOIL, RHO_WATER, SOIL_DZ, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.image.aggregate import aggregate, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain, make_domain, make_grid
from landda_hpc.observation.source import Survey
from landda_hpc.regridding.depth import observe
from landda_hpc.state import TileState
from landda_hpc.studies.comparison import plan_comparison
from landda_hpc.studies.regression import pair_configs

RAW: dict[str, Any] = {
    "name": "small",
    "seed": 7,
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-04T00:00"},
    "grid": {"n_lat": 17, "n_lon": 20, "south": 20.0, "north": 60.0, "west": 60.0, "east": 120.0},
    "twin": {"sand_sigma": 20.0},
    "observations": {"kind": "twin"},
    "runs": [{"method": "pointwise", "drift": {}}],
}


def config_of(depth: dict[str, Any], **changes: Any) -> CampaignConfig:
    return parse_config(RAW | {"runs": [{"method": "pointwise", "depth": depth}]} | changes)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return make_domain(parse_config(RAW), 1)


def moist(domain: Domain) -> TileState:
    state = TileState.filled(len(domain.tiles))
    state.soil("wliq_soisno")[:] = 0.5 * domain.tiles.porsl * RHO_WATER * SOIL_DZ
    return state


def slopes_file(domain: Domain, folder: Path) -> Path:
    observed = domain.observed_weights > 0.0
    slopes = np.random.default_rng(1).uniform(0.0, 1.0, (N_SOIL, *domain.grid.shape))
    slopes[observed] = 1.0
    slopes[:, ~domain.is_soil] = np.nan
    pooled = np.where(observed, 1.0, 0.5)
    write_regression(folder / "v.nc", domain.grid, VerticalRegression(slopes, pooled, (0.0, 0.1)), "test")
    return folder / "v.nc"


def spreading_of(config: CampaignConfig, domain: Domain) -> VerticalSpreading:
    return make_vertical_spreading(config.runs[0], domain, 0, config.observations.depth_m, config.data_root)


def descents(domain: Domain, folder: Path) -> list[VerticalSpreading]:
    file = {"kind": "regression", "file": str(slopes_file(domain, folder))}
    configs = [config_of(depth) for depth in ({"kind": "overlap"}, {"kind": "regression"}, file, file | {"share": 0.3})]
    return [spreading_of(config, domain) for config in configs]


def test_h_d_is_the_identity_for_any_descent(domain: Domain, tmp_path: Path) -> None:
    increment: FloatArray = np.random.default_rng(2).uniform(-0.03, 0.03, (len(domain.cells), 1))
    deep = []
    for spreading in descents(domain, tmp_path):
        state = moist(domain)
        old = aggregate(domain.tiles, volumetric_water(state))
        distribute(domain.tiles, state, spreading.columns(increment), spreading.layers)
        gained = aggregate(domain.tiles, volumetric_water(state)) - old
        soil = np.isfinite(gained[:, 0])
        np.testing.assert_allclose(observe(gained, domain.observed_weights)[soil], increment[soil, 0], atol=1e-14)
        deep.append(np.abs(gained[soil, -1]).max())
    assert deep[0] == 0.0 and deep[3] < deep[2] and min(deep[1:]) > 0.0


def test_a_zero_increment_changes_no_bit(domain: Domain, tmp_path: Path) -> None:
    for spreading in descents(domain, tmp_path):
        state = moist(domain)
        before = {name: state[name].tobytes() for name in state}
        ledger = distribute(domain.tiles, state, spreading.columns(np.zeros((len(domain.cells), 1))), spreading.layers)
        assert {name: state[name].tobytes() for name in state} == before
        assert not ledger.rows.any()


def test_overlap_is_what_it_was(domain: Domain) -> None:
    config = parse_config(RAW)
    spreading = spreading_of(config, domain)
    increment = np.random.default_rng(3).normal(size=(len(domain.cells), 1))
    assert spreading.columns(increment).tobytes() == np.repeat(increment, N_SOIL, axis=1).tobytes()
    assert np.array_equal(spreading.layers, domain.observed_weights > 0.0)


@pytest.mark.parametrize("depth", [{"kind": "overlap"}, {"kind": "regression", "file": "v.nc"}])
def test_upper_layers_take_their_own_increments(tmp_path: Path, depth: dict[str, Any]) -> None:
    """Layers 1-3 get what they were given, H D of it is its mean over the observed depth, others take their part."""
    run = {"method": "var3d_point", "layers": "upper_three", "depth": depth}
    observations = {"kind": "twin", "depth_m": [0.0, 0.07]}
    config = parse_config(RAW | {"runs": [run], "observations": observations, "data_root": str(tmp_path)})
    shallow = make_domain(config, 1)
    slopes = np.broadcast_to(np.linspace(1.0, 0.1, N_SOIL)[:, None, None], (N_SOIL, *shallow.grid.shape)).copy()
    slopes[:3] = 1.0
    write_regression(tmp_path / "v.nc", shallow.grid, VerticalRegression(slopes, slopes[:, 0, 0], (0.0, 0.07)), "test")
    spreading = spreading_of(config, shallow)
    assert spreading.n_increments == 3
    given = np.random.default_rng(4).uniform(-0.03, 0.03, (len(shallow.cells), 3))
    state = moist(shallow)
    old = aggregate(shallow.tiles, volumetric_water(state))
    distribute(shallow.tiles, state, spreading.columns(given), spreading.layers)
    gained = aggregate(shallow.tiles, volumetric_water(state)) - old
    soil = np.isfinite(gained[:, 0])
    np.testing.assert_allclose(gained[soil, :3], given[soil], atol=1e-14)
    mean = observe(given, shallow.observed_weights[:3])
    np.testing.assert_allclose(observe(gained, shallow.observed_weights)[soil], mean[soil], atol=1e-14)
    below = slopes[3:, 0, 0] * mean[soil, None] if depth["kind"] == "regression" else 0.0
    np.testing.assert_allclose(gained[soil, 3:], np.broadcast_to(below, gained[soil, 3:].shape), atol=1e-14)
    before = {name: state[name].tobytes() for name in state}
    distribute(shallow.tiles, state, spreading.columns(np.zeros_like(given)), spreading.layers)
    assert {name: state[name].tobytes() for name in state} == before


def test_configuration_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="landda study regress"):
        config_of({"kind": "regression"}, observations={"kind": "twin", "depth_m": [0.0, 0.05]})
    config = config_of({"kind": "regression", "file": "nowhere.nc"})
    survey = Survey((), (), (), "error")
    assert any("nowhere.nc" in problem for problem in find_problems(config, survey, make_grid(config.grid)))
    with pytest.raises(ConfigError, match="unknown key"):
        parse_config(RAW | {"runs": [{"method": "control", "drift": {}}]})
    with pytest.raises(ConfigError, match="limit"):
        parse_config(RAW | {"runs": [{"method": "var3d_both", "drift": {"limit": -1.0}}]})


def test_pairs_have_other_seeds_than_the_campaign() -> None:
    config = parse_config(RAW)
    pairs = pair_configs(config, 3)
    assert config.seed not in [pair.seed for pair in pairs] and len({pair.seed for pair in pairs}) == 3
    assert all(pair.instance_names == ("nature", "control") and pair.twin == config.twin for pair in pairs)
    assert pairs[0].time.end == config.time.assimilation_end
    real = parse_config(RAW | {"observations": {"kind": "gldas", "path": "none.nc4", "error_std": 0.08}})
    assert pair_configs(real, 1)[0].observations == TwinObservations(depth_m=(0.0, 0.1), error_std=0.08)
    cycled = pair_configs(config, 1, run="pointwise")[0].runs[0]
    assert isinstance(cycled, AssimilatingRun) and cycled.drift is None
    with pytest.raises(ConfigError, match="truth must not be used"):
        pair_configs(config, 3, first_seed=5)
    with pytest.raises(ConfigError, match="no assimilating run"):
        pair_configs(config, 1, run="control")
    with pytest.raises(ConfigError, match="section 'twin'"):
        pair_configs(config.model_copy(update={"twin": None}), 1)


def test_a_comparison_tells_the_options_of_its_runs() -> None:
    methods = ["pointwise:name=a;depth.kind=regression;drift.share=0.1", "smoothed"]
    assert plan_comparison(parse_config(RAW | {"runs": [{"method": "pointwise"}]}), methods).describe() == [
        "a: pointwise, {depth: {kind: regression}, drift: {share: 0.1}}",
        "smoothed: smoothed, defaults",
    ]


@pytest.mark.parametrize("bottom", [0.05, 0.1, 0.3])
def test_by_fraction_the_water_is_that_of_the_observed_depth(domain: Domain, bottom: float, tmp_path: Path) -> None:
    raw = RAW | {"observations": {"kind": "twin", "depth_m": [0.0, bottom]}}
    here = make_domain(parse_config(raw), 1)
    config = config_of({"kind": "fraction"})
    n = here.cells.cell.size
    spreading = make_vertical_spreading(config.runs[0], here, slice(0, n), (0.0, bottom), tmp_path)
    increments = np.linspace(-0.05, 0.05, n)[:, None]
    columns = np.where(spreading.layers, spreading.columns(increments), 0.0)
    np.testing.assert_allclose((columns * SOIL_DZ).sum(axis=1), increments[:, 0] * bottom, rtol=1e-13, atol=1e-18)


def test_the_change_of_the_observed_depth_by_fraction(domain: Domain, tmp_path: Path) -> None:
    """0.918 of the increment for 0-10 cm, because the layer at 10 cm reaches down to 16.6 cm."""
    spreading = make_vertical_spreading(
        config_of({"kind": "fraction"}).runs[0], domain, slice(0, 3), (0.0, 0.1), tmp_path
    )
    seen = observe(spreading.columns(np.ones((3, 1))), domain.observed_weights)
    np.testing.assert_allclose(seen, 0.918, atol=5e-4)


def test_layers_of_their_own_have_no_fraction() -> None:
    with pytest.raises(ConfigError, match="fraction is for one increment of the observed depth"):
        parse_config(
            RAW | {"runs": [{"method": "var3d_image", "layers": "upper_three", "depth": {"kind": "fraction"}}]}
        )
