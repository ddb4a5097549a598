"""A real GLDAS file all the way to flags: methods of regridding, a region cut out, checks in a campaign."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.observation_preparation import ObservationProcessing
from landda_hpc.campaign.observation_report import report_observations
from landda_hpc.config import parse_config
from landda_hpc.formats.products.gldas import read_gldas
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.instances.domain import make_domain
from landda_hpc.observation.image_observation import Flag
from landda_hpc.regridding.regrid import Regridder
from tests.configured import source_of

PATTERN = "gldas/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
TIME = datetime(2016, 1, 1, 3)
CHINA = regular_grid(32, 31, south=22.5, north=67.5, west=73.125, east=116.71875)
SEAM = regular_grid(20, 30, south=-40.0, north=-12.0, west=-21.0, east=21.0)


def config_of(shared: Path, **observations: Any) -> Any:
    return parse_config(
        {
            "name": "real",
            "data_root": str(shared / "data"),
            "time": {"start": "2015-12-31T21:00", "assimilation_end": "2016-01-01T03:00", "end": "2016-01-01T09:00"},
            "grid": {"n_lat": 64, "n_lon": 128},
            "observations": {"kind": "gldas", "path": PATTERN, **observations},
            "runs": [{"method": "control"}],
        }
    )


@pytest.mark.parametrize("grid", [CHINA, SEAM, gaussian_grid(32, 64)])
@pytest.mark.parametrize("method", ["bilinear", "conservative"])
def test_what_is_read_of_a_region_gives_the_same_as_the_whole_file(shared: Path, grid: Grid, method: str) -> None:
    source = source_of(config_of(shared, regridding={"method": method}), grid, np.ones(grid.shape, dtype=bool))
    observation = source.at(TIME)
    assert observation is not None
    profile = read_gldas(shared / "data" / TIME.strftime(PATTERN), (0.0, 0.1))
    whole = Regridder(profile.grid, grid, method)(profile.values[0])  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.isfinite(observation.given), np.isfinite(whole))
    np.testing.assert_allclose(observation.given, whole, rtol=1e-6)


def test_the_real_file_is_counted_and_checked(shared: Path) -> None:
    config = config_of(
        shared,
        regridding={"method": "conservative", "min_valid_fraction": 0.9},
        representativeness_std=0.03,
        error_std=0.04,
        quality={"vegetation_fraction": 0.9, "range_sigmas": 0.0},
    )
    domain = make_domain(config, 1)
    source = source_of(config, domain.grid, domain.is_soil)
    report = report_observations(config.observations, config.time, domain, source, config.data_root, config.seed)
    assert report.times == [TIME]
    assert report.statistics["error_std"] == pytest.approx(0.05)
    assert 0.2 < report.statistics["mean"] < 0.3
    assert sum(report.counts.values()) > domain.is_soil.sum()
    assert report.counts["dense vegetation"] > 0
    given = source.at(TIME)
    assert given is not None
    frozen = domain.grid.lat[:, None] + np.zeros(domain.grid.shape) > 45.0
    checked = ObservationProcessing(
        config.observations, [run.name for run in config.runs], domain, config.data_root, config.seed
    )(given, frozen, None, {})
    assert (checked.flags[frozen] != Flag.USED).all()
    assert checked.n_used < report.counts["used"]
    porosity = domain.porosity[checked.is_used]
    assert np.all((checked.values[checked.is_used] >= 0.0) & (checked.values[checked.is_used] <= porosity))
