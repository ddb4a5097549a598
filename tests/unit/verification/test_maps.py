"""Maps: whole files of a sane size for global, regional, masked and empty images."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import gaussian_grid, grid_from_centres, regular_grid
from landda_hpc.regions import GLOBE, Region, named_regions
from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.image_set import DIFFERENCES, ImageSet
from landda_hpc.verification.figures.maps import Coastline, Ground, MapStyle, _outlines, default_panels, draw_maps
from landda_hpc.verification.figures.report_figures import MapFrame, MapSource, plan_maps
from landda_hpc.verification.statistics.region_windows import window_of

TIME = datetime(2022, 6, 2, 6)
STYLE = MapStyle(time=TIME)
CHINA, UNITED_STATES = named_regions(BAI2026_REGIONS, Path())
NAMES = ("background", "observation", "analysis", "increment")


@pytest.mark.parametrize("grid", [regular_grid(32, 64), gaussian_grid(24, 48)], ids=["regular", "gaussian"])
def test_global_map(pictures, tmp_path, grid):
    land = pictures.example_land(grid)
    images = pictures.example_images(grid, land, NAMES)
    images["observation"][20:, :10] = np.nan
    path = tmp_path / "figures" / "map.png"
    draw_maps(images, Ground(grid, land, scored=land & (grid.lat[:, None] > -60.0)), path, STYLE)
    width, height = pictures.png_size(path)
    assert 1200 <= width <= 2200
    assert 700 <= height <= 2200
    assert [p.name for p in path.parent.iterdir()] == ["map.png"]


def test_same_images_same_bytes(pictures, tmp_path):
    grid = regular_grid(20, 40)
    land = pictures.example_land(grid)
    images = pictures.example_images(grid, land, ("background",))
    for name in "ab":
        draw_maps(images, Ground(grid, land), tmp_path / f"{name}.png", STYLE)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_regions_side_by_side_with_a_finer_coast(pictures, tmp_path):
    grid, fine = regular_grid(64, 128), regular_grid(90, 180)
    land = pictures.example_land(grid)
    draw_maps(
        pictures.example_images(grid, land, NAMES),
        Ground(grid, land, Coastline(fine, pictures.example_land(fine).astype(float))), tmp_path / "regions.png",
        MapStyle(time=TIME, labels={"observation": "GLDAS"}), regions=(CHINA, UNITED_STATES),
        panels=("background", "background minus observation", "increment"),
    )  # fmt: skip
    width, height = pictures.png_size(tmp_path / "regions.png")
    assert min(width, height) > 800


@pytest.mark.parametrize(
    "grid",
    [
        regular_grid(31, 31, south=23.0, north=68.0, west=73.0, east=117.0),
        regular_grid(20, 30, south=-40.0, north=10.0, west=150.0, east=230.0),  # across the date line
    ],
    ids=["asia", "pacific"],
)
def test_regional_grid(pictures, tmp_path, grid):
    land = np.ones(grid.shape, bool)
    land[:4] = False
    draw_maps(pictures.example_images(grid, land, NAMES), Ground(grid, land), tmp_path / "map.png", STYLE)
    assert min(pictures.png_size(tmp_path / "map.png")) > 500


def test_nothing_but_gaps(pictures, tmp_path):
    grid = regular_grid(20, 40)
    land = pictures.example_land(grid)
    empty = np.full(grid.shape, np.nan)
    images = {"background": empty, "observation": empty, "increment": empty}
    draw_maps(images, Ground(grid, land), tmp_path / "a.png", STYLE)
    draw_maps({"background": empty}, Ground(grid, np.zeros(grid.shape, bool)), tmp_path / "b.png", STYLE)
    for name in "ab":
        assert min(pictures.png_size(tmp_path / f"{name}.png")) > 200


def test_real_climatology(pictures, tmp_path, shared):
    with xr.open_dataset(shared / "data/speedyweather/soil_moisture.nc", decode_times=False) as dataset:
        values = dataset["swl1"].values[6, ::-1].astype(float)
        grid = grid_from_centres(dataset["lat"].values[::-1].astype(float), dataset["lon"].values.astype(float))
    land = np.isfinite(values) & (values > 0.0)
    draw_maps({"background": np.where(land, values, np.nan)}, Ground(grid, land), tmp_path / "map.png", STYLE)
    assert min(pictures.png_size(tmp_path / "map.png")) > 400


def test_regions_of_coherent_change_are_outlined():
    grid = regular_grid(4, 8)
    regions = np.zeros(grid.shape)
    regions[1, 2:4], regions[2, 3], regions[0, 0] = 1.0, 2.0, np.nan
    window = window_of(grid, GLOBE)
    lines = _outlines(regions[window.index], window)
    assert len(lines) == 6 + 4 - 1  # the perimeters in cells, and the edge that both regions share
    x, y = ([place[k] for line in lines for place in line] for k in (0, 1))
    assert (min(x), max(x), min(y), max(y)) == (
        grid.lon_edges[2],
        grid.lon_edges[4],
        grid.lat_edges[1],
        grid.lat_edges[3],
    )


def test_default_panels():
    images = dict.fromkeys(("increment", "background", "analysis", "observation", "innovation"), np.zeros((1, 1)))
    assert default_panels(images) == (
        "background", "analysis", "observation", "background minus observation", "analysis minus observation",
        "increment",
    )  # fmt: skip
    with_truth = dict.fromkeys(("forecast", "observation", "truth"), np.zeros((1, 1)))
    assert default_panels(with_truth)[3:] == ("forecast minus observation", "forecast minus truth")
    assert default_panels({"innovation": np.zeros((1, 1))}) == ("innovation",)
    assert default_panels({}) == ()


def test_bad_input_is_named(tmp_path):
    grid = regular_grid(20, 40)
    land = np.ones(grid.shape, bool)
    images = {"background": np.zeros(grid.shape)}
    path = tmp_path / "map.png"
    with pytest.raises(ShapeError, match=r"image 'background' has shape \(3, 4\)"):
        draw_maps({"background": np.zeros((3, 4))}, Ground(grid, land), path, STYLE)
    with pytest.raises(ShapeError, match="image 'land'"):
        draw_maps(images, Ground(grid, land[1:]), path)
    with pytest.raises(DataError, match="needs analysis; given background"):
        draw_maps(images, Ground(grid, land), path, STYLE, panels=("analysis minus background",))
    with pytest.raises(DataError, match="nothing to draw"):
        draw_maps({}, Ground(grid, land), path, STYLE)
    asia = regular_grid(20, 20, south=20.0, north=60.0, west=70.0, east=120.0)
    with pytest.raises(DataError, match="'United States' does not touch the grid"):
        draw_maps({"background": np.zeros((20, 20))}, Ground(asia, np.ones((20, 20), bool)), path,
                  regions=(CHINA, UNITED_STATES))  # fmt: skip
    with pytest.raises(ShapeError, match="land fraction"):
        Coastline(grid, np.zeros((2, 2)))
    assert list(tmp_path.iterdir()) == []


def test_region_masks():
    grid = regular_grid(180, 360)
    mask = UNITED_STATES.mask(grid)
    assert mask.sum() == 25 * 60
    rows, columns = np.nonzero(mask)
    assert (grid.lat[rows].min(), grid.lat[rows].max()) == (25.5, 49.5)
    assert (grid.lon[columns].min(), grid.lon[columns].max()) == (235.5, 294.5)
    assert GLOBE.mask(grid).all()
    west = regular_grid(180, 360, west=-180.0, east=180.0)
    assert UNITED_STATES.mask(west).sum() == 25 * 60
    with pytest.raises(DataError, match="south < north"):
        Region("nowhere", 10.0, 5.0, 0.0, 20.0)


def test_windows_are_continuous_in_longitude():
    grid = regular_grid(18, 36)
    image = np.arange(grid.n_cells, dtype=float).reshape(grid.shape)
    window = window_of(grid, Region("Africa", -40.0, 40.0, -20.0, 50.0))
    np.testing.assert_allclose(window.lon, np.arange(-15.0, 50.0, 10.0))
    np.testing.assert_allclose(window.lon_edges, np.arange(-20.0, 51.0, 10.0))
    np.testing.assert_allclose(window.lat_edges, np.arange(-40.0, 41.0, 10.0))
    assert image[window.index].shape == (8, 7)
    assert image[window.index][0, 0] == image[5, 34]
    assert window_of(grid, GLOBE).lon_edges.tolist() == np.arange(-180.0, 181.0, 10.0).tolist()
    split = regular_grid(18, 34, west=10.0, east=350.0)
    with pytest.raises(DataError, match="cut in two"):
        window_of(split, Region("Africa", -40.0, 40.0, -20.0, 50.0))


def test_difference_bands_are_centred_and_cover_98_percent():
    rng = np.random.default_rng(1)
    for scale in (1e-4, 0.03, 0.1, 2.0):
        values = scale * rng.normal(size=5000)
        bounds = appearance.difference_scale([values])[1].boundaries
        np.testing.assert_allclose(bounds, -bounds[::-1], rtol=1e-12)
        assert np.mean(np.abs(values) > bounds[-1]) <= 0.02
    assert appearance.difference_scale([np.full(3, np.nan)])[1].boundaries[-1] > 0.0


def test_maps_of_one_report_have_the_same_bands_of_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands hold the larger difference and the median increment, whichever figure is drawn.

    An image that cannot be read fails its own figure only.
    """
    scale, bands = appearance.difference_scale, []

    def recorded(*args: Any) -> Any:
        bands.append(scale(*args)[1].boundaries)
        return scale(*args)

    def broken() -> ImageSet:
        raise DataError("damaged")

    grid = regular_grid(6, 12)
    frame = MapFrame(Ground(grid, np.ones(grid.shape, dtype=bool)), (), "0-10 cm")
    time = datetime(2022, 6, 2)
    sizes = {"small": 0.01, "large": 0.1}
    sources = [
        MapSource.of(ImageSet(run, time, grid, {name: np.full(grid.shape, size) for name in DIFFERENCES}))
        for run, size in sizes.items()
    ]
    small, large, bad = plan_maps([*sources, MapSource("bad", time, broken)], tmp_path, frame)
    monkeypatch.setattr(appearance, "difference_scale", recorded)
    small.make()
    large.make()
    for difference, increment in (bands[:2], bands[2:]):
        np.testing.assert_array_equal(difference, scale([], 0.1)[1].boundaries)
        np.testing.assert_array_equal(increment, scale([], 0.055)[1].boundaries)
    with pytest.raises(DataError, match="damaged"):
        bad.make()


def test_axis_labels():
    assert [appearance.longitude_label(v) for v in (-180, -75, 0, 100, 285, 180)] == [
        "180°", "75°W", "0°", "100°E", "75°W", "180°",
    ]  # fmt: skip
    assert [appearance.latitude_label(v) for v in (-30, 0, 45)] == ["30°S", "0°", "45°N"]
