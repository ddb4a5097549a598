"""Stations matched to a model: cells, layers, times; real stations."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.constants import SOIL_Z, SOIL_ZI
from landda_hpc.formats.stations.station import StationSeries
from landda_hpc.grid import Grid, regular_grid
from landda_hpc.regions import GLOBE, named_regions
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
from landda_hpc.verification.statistics.matching import (
    ModelCells,
    as_times,
    layer_of,
    match_times,
    place,
    sensor_weights,
)
from landda_hpc.verification.statistics.region_windows import station_regions
from landda_hpc.verification.statistics.station_set import make_station_set, representativeness

CHINA, _ = named_regions(BAI2026_REGIONS, Path())
LAYERS = [("0-10 cm", (0.0, 0.1)), ("10-40 cm", (0.1, 0.4))]
TIMES = [datetime(2022, 6, 2) + timedelta(hours=6 * i) for i in range(40)]


def station(lat: float, lon: float, depth: tuple[float, float] = (0.05, 0.05), **changes: object) -> StationSeries:
    times = as_times([t + timedelta(minutes=10) for t in TIMES])
    values = 0.2 + 0.01 * np.arange(len(TIMES)) / len(TIMES)
    given: dict[str, object] = {
        "network": "N", "station": f"{lat:g}_{lon:g}", "sensor": "s", "lat": lat, "lon": lon, "elevation_m": 10.0,
        "depth_m": depth, "variable": "soil_moisture", "units": "m3 m-3", "times": times, "values": values,
        "flags": np.full(times.size, "G"), "source": "test",
    }  # fmt: skip
    return StationSeries(**{**given, **changes})  # type: ignore[arg-type]


def everywhere(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(grid.n_cells), np.ones(grid.n_cells, bool)


def test_the_nearest_cell_by_brute_force() -> None:
    grid = regular_grid(24, 48)
    rng = np.random.default_rng(1)
    usable = rng.random(grid.n_cells) < 0.3
    lat, lon = rng.uniform(-89, 89, 50), rng.uniform(-180, 180, 50)
    placed = place(lat, lon, ModelCells(grid, np.arange(grid.n_cells), usable), max_km=30000.0)
    row, column = np.divmod(np.arange(grid.n_cells), 48)
    phi, theta = np.deg2rad(grid.lat[row]), np.deg2rad(grid.lon[column])
    for i in range(50):
        p, t = np.deg2rad(lat[i]), np.deg2rad(lon[i])
        cosine = np.sin(p) * np.sin(phi) + np.cos(p) * np.cos(phi) * np.cos(theta - t)
        best = np.argmax(np.where(usable, cosine, -2.0))
        assert cosine[placed.main_cell[i]] == pytest.approx(cosine[best], abs=1e-12)
        assert placed.distance_km[i] == pytest.approx(6371.0 * np.arccos(cosine[best]), rel=1e-6)


def test_bilinear_places_agree_with_the_regridder() -> None:
    grid = regular_grid(24, 48)
    field = np.random.default_rng(2).normal(size=grid.shape)
    target = regular_grid(5, 7, south=-40.0, north=45.0, west=-170.0, east=165.0)
    expected = Regridder(grid, target, "bilinear")(field)
    lat, lon = (a.ravel() for a in np.meshgrid(target.lat, target.lon, indexing="ij"))
    cell, usable = everywhere(grid)
    found = place(lat, lon, ModelCells(grid, cell, usable), method="bilinear").values(field.ravel())
    np.testing.assert_allclose(found.reshape(target.shape), expected, atol=1e-12)


def test_bilinear_falls_back_on_the_nearest_where_little_is_usable() -> None:
    grid = regular_grid(18, 36)
    cell, usable = everywhere(grid)
    usable[:] = False
    usable[10 * 36 + 5] = True
    near = grid.lat[10] + 2.0, grid.lon[5] + 2.0
    placed = place(
        np.array([near[0], -60.0]), np.array([near[1], 0.0]), ModelCells(grid, cell, usable), method="bilinear"
    )
    assert placed.main_cell.tolist() == [10 * 36 + 5, -1]
    assert placed.is_placed.tolist() == [True, False]
    assert np.isnan(placed.values(np.ones(grid.n_cells))[1])


def test_intervals_overlap_and_points_are_interpolated() -> None:
    interval = sensor_weights((0.0, 0.1))
    assert interval is not None
    np.testing.assert_array_equal(interval, depth_weights(0.0, 0.1))
    point = sensor_weights((0.1, 0.1))
    assert point is not None
    assert (point @ SOIL_Z) == pytest.approx(0.1, abs=1e-12), "exact for profiles that are linear between nodes"
    assert np.count_nonzero(point) == 2 and point.sum() == pytest.approx(1.0)
    shallow = sensor_weights((0.002, 0.002))
    assert shallow is not None and shallow[0] == 1.0
    assert sensor_weights((0.0, 1.0), 5) is None and sensor_weights((0.9, 0.9), 5) is None
    assert sensor_weights((-0.1, 0.0)) is None
    seen = sensor_weights((0.1, 0.2), 5)
    assert seen is not None and seen.sum() == pytest.approx(1.0) and SOIL_ZI[5] > 0.2
    depths = [depth for _, depth in LAYERS]
    assert [layer_of((d, d), depths) for d in (0.05, 0.1, 0.2, 0.5)] == [0, 0, 1, None]


def test_times_match_within_the_tolerance() -> None:
    model = as_times(TIMES[:4])
    minutes = [-20, 25, 355, 365, 725, 1100]
    observed = as_times([TIMES[0] + timedelta(minutes=m) for m in minutes])
    values = np.array([1.0, 2.0, 3.0, 4.0, np.nan, 6.0])
    np.testing.assert_array_equal(match_times(model, observed, values, 30.0), [1.0, 3.0, np.nan, 6.0])
    np.testing.assert_array_equal(match_times(model, observed, values, 4.0), [np.nan, np.nan, np.nan, np.nan])
    assert np.isnan(match_times(model, observed[:0], values[:0], 30.0)).all()
    tie = as_times([TIMES[1] - timedelta(minutes=5), TIMES[1] + timedelta(minutes=5)])
    assert match_times(model[1:2], tie, np.array([1.0, 2.0]), 30.0)[0] == 1.0, "of equally near ones the earlier"


def test_what_cannot_be_compared_is_counted() -> None:
    grid = regular_grid(18, 36)
    cell, usable = everywhere(grid)
    usable[grid.lat[cell // 36] < -50.0] = False
    series = [
        station(40.0, 100.0),
        station(40.0, 100.0),
        station(40.0, 100.0, (0.2, 0.2)),
        station(40.0, 100.0, (0.6, 0.6)),
        station(40.0, 100.0, (2.5, 2.5)),
        station(-80.0, 0.0),
        station(30.0, 20.0, units="%"),
        station(35.0, 20.0, values=np.full(len(TIMES), np.nan)),
    ]
    found = make_station_set(
        series, TIMES, ModelCells(grid, cell, usable), layers=LAYERS, n_layers=8, tolerance_minutes=30.0, min_pairs=10
    )
    assert len(found) == 2 and found.layer.tolist() == [0, 1]
    assert found.label(0) == "N/40_100, 5 cm"
    assert sum(found.left_out.values()) == 6
    assert {r for r in found.left_out if "twice" in r or "near" in r or "unit" in r or "fewer" in r or "none of" in r}
    state = np.tile(SOIL_Z[:8, None], (1, grid.n_cells))
    np.testing.assert_allclose(found.at_places(state), [0.05, 0.2], atol=1e-12)
    assert np.isfinite(found.observed).all()


def test_stations_of_one_cell_tell_what_a_point_is_worth() -> None:
    grid = regular_grid(18, 36)
    cell, usable = everywhere(grid)
    series = [station(41.0, 101.0), station(42.0, 102.0), station(10.0, 10.0)]
    series[1] = station(42.0, 102.0, values=series[0].values + 0.06)
    found = make_station_set(series, TIMES, ModelCells(grid, cell, usable), layers=LAYERS, n_layers=8)
    points = representativeness(found, grid, cell, np.full(3, 0.02))
    alike = np.array([name != "10_10" for name in found.station])
    np.testing.assert_allclose(points.among_stations[alike], 0.06 / np.sqrt(2.0), atol=1e-12)
    assert np.isnan(points.among_stations[~alike]).all()
    assert points.n_in_cell.tolist() == [2 if a else 1 for a in alike]
    assert points.cell_km[~alike][0] == pytest.approx(1100.0, rel=0.02)


def test_regions_of_maps_hold_all_stations() -> None:
    lat, lon = np.array([34.0, 45.0]), np.array([102.0, 3.0])
    found = station_regions(lat, lon, (CHINA, GLOBE))
    assert found[0] == CHINA and found[1].name == "Other stations"
    assert found[1].south < 45.0 < found[1].north and found[1].west < 3.0 < found[1].east
    (apart,) = station_regions(np.array([45.0, 46.0]), np.array([3.0, -150.0]), (CHINA, GLOBE))
    assert (apart.west, apart.east, apart.south, apart.north) == (-180.0, 180.0, -60.0, 85.0), "a globe, no strip"


def test_real_stations_of_one_cell(shared: Path) -> None:
    """MAQU, Tibet: two stations at 5 cm, some kilometres apart, flags U and C03."""
    from landda_hpc.formats.stations.station_ismn import read_ismn

    series = read_ismn(shared / "data" / "ismn_maqu" / "MAQU")
    times = [datetime(2009, 6, 1) + timedelta(hours=6 * i) for i in range(360)]
    kept = [s.selected(("G", "U")).between(times[0] - timedelta(hours=1), times[-1]) for s in series]
    grid = regular_grid(128, 256)
    cell, usable = everywhere(grid)
    found = make_station_set(kept, times, ModelCells(grid, cell, usable), layers=LAYERS, n_layers=8, min_pairs=50)
    assert set(found.station) == {"CST_01", "CST_02"} and set(found.network) == {"MAQU"}
    assert found.inside(CHINA).all() and found.layer.tolist() == [0] * len(found)
    known = found.observed[np.isfinite(found.observed)]
    assert known.min() > 0.0 and known.max() < 0.7
    points = representativeness(found, grid, cell, np.zeros(len(found)))
    if found.placement.main_cell[0] == found.placement.main_cell[1]:
        assert 0.0 < points.among_stations[0] < 0.2
    assert (found.placement.distance_km < 120.0).all()
