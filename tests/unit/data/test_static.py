"""The shipped static fields: consistent with themselves, the Earth, and an independent land mask."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import netCDF4
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landda_hpc.data import SOIL_CLASSES, STATIC_CREDIT, static_path
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES

Floats = npt.NDArray[np.floating]

EARTH_AREA = 510.1  # million km2


@pytest.fixture(scope="module")
def static() -> Iterator[dict[str, Floats]]:
    with netCDF4.Dataset(static_path()) as data:
        data.set_auto_mask(False)
        yield {name: data[name][:] for name in data.variables}


def cell_areas(static: dict[str, Floats]) -> Floats:
    """Share of the sphere of each cell."""
    sine = np.sin(np.deg2rad(static["lat_bnds"]))
    return np.repeat((sine[:, 1] - sine[:, 0])[:, None], 720, axis=1) / 1440.0


def area(static: dict[str, Floats], share: Floats) -> float:
    """Area in million km2."""
    return float((cell_areas(static) * share).sum() * EARTH_AREA)


def at(field: Floats, lat: float, lon: float) -> Floats:
    """The cell that holds a point."""
    return field[..., int((lat + 90.0) * 2), int(lon % 360.0 * 2)]


def test_small_packed_and_credited() -> None:
    assert static_path().stat().st_size <= 800_000
    with netCDF4.Dataset(static_path()) as data:
        assert data.Conventions.startswith("CF-1.")
        assert data.credit == STATIC_CREDIT
        fields = [v for v in data.variables.values() if {"lat", "lon"} <= set(v.dimensions)]
        assert {v.dtype for v in fields} == {np.dtype("u1"), np.dtype("i2")}
        assert all("source" in v.ncattrs() and "units" in v.ncattrs() for v in fields)
        assert data["climate_class"].flag_meanings.split() == ["ocean", *KOPPEN_CLASSES]
        np.testing.assert_array_equal(data["soil_class"].sand, [c.sand for c in SOIL_CLASSES])
    credits_text = static_path().with_name("CREDITS.md").read_text(encoding="utf-8")
    assert all(name in credits_text for name in ("EUPL-1.2", "MIT License", "BSD 3-Clause License"))


def test_grid(static: dict[str, Floats]) -> None:
    np.testing.assert_array_equal(static["lat"], np.arange(-89.75, 90.0, 0.5))
    np.testing.assert_array_equal(static["lon"], np.arange(0.25, 360.0, 0.5))


def test_fractions_are_consistent(static: dict[str, Floats]) -> None:
    land, lake = static["land_fraction"], static["lake_fraction"]
    glacier, wetland, soil = (
        static["glacier_fraction"],
        static["wetland_fraction"],
        static["soil_class_fraction"],
    )
    # Counts of 1/200 and of 1/100: the tolerance is one rounding of the unpacking.
    assert (land + lake).max() <= 1.0 + 1e-12
    assert (glacier + wetland).max() <= 1.0 + 1e-12
    assert not (glacier + wetland)[land == 0].any()
    filled = land + lake > 0
    np.testing.assert_allclose(soil.sum(axis=0)[filled], 1.0, rtol=0, atol=1e-12)
    assert not soil[:, ~filled].any()
    np.testing.assert_array_equal(static["climate_class"] > 0, filled)
    assert static["climate_class"].max() == 30
    arid = (static["climate_class"] >= 4) & (static["climate_class"] <= 7)
    assert not soil[5:, arid].any() and not wetland[arid].any()
    vegetation = static["high_vegetation_fraction"] + static["low_vegetation_fraction"]
    assert vegetation.max() <= 1.0 + 1e-12
    assert static["albedo"][filled].min() > 0.07


def test_areas_of_the_earth(static: dict[str, Floats]) -> None:
    land, lake = static["land_fraction"], static["lake_fraction"]
    total = float((cell_areas(static) * (land + lake)).sum())
    assert 0.285 < total < 0.295  # 29 % of the sphere
    assert 0.37 + 0.24 < area(static, lake) < 2.7  # at least the Caspian Sea and the Great Lakes
    ice = land * static["glacier_fraction"]
    south = static["lat"][:, None] < -60.0
    assert 11.9 < area(static, ice * south) < 13.9  # grounded Antarctica 12.3, with shelves 13.9
    assert 1.7 < area(static, ice * ~south) < 2.8  # Greenland 1.7 to 1.8, ice caps 0.6
    assert 1.0 < area(static, land * static["wetland_fraction"]) < 6.0
    mean_elevation = area(static, land * static["elevation"]) / area(static, land)
    assert 780.0 < mean_elevation < 850.0  # about 800 m (ETOPO: 797 m)


def test_known_places(static: dict[str, Floats]) -> None:
    lake, land = static["lake_fraction"], static["land_fraction"]
    for lat, lon in ((42.0, 50.5), (47.6, 273.0), (-1.0, 33.0)):  # Caspian Sea, Lake Superior, Lake Victoria
        assert at(lake, lat, lon) == 1.0
    # Black Sea, Mediterranean, Baltic, Red Sea
    for lat, lon in ((43.0, 34.0), (35.0, 20.0), (58.5, 20.0), (20.0, 38.5)):
        assert at(lake, lat, lon) == at(land, lat, lon) == 0.0
    for lat, lon in ((72.0, 320.0), (-80.0, 90.0)):  # Greenland, Antarctica
        assert at(static["glacier_fraction"], lat, lon) == 1.0
    # Sahara, Amazon, Moscow, Rome; rain in summer: Vindhya hills, Sierra Madre, Srednekolymsk, Fort Yukon
    classes = {
        (25.0, 5.0): "BWh", (-3.2, 295.2): "Af", (55.8, 37.6): "Dfb", (41.9, 12.6): "Csa",
        (24.0, 80.0): "Cwa", (25.0, 253.5): "Cwb", (67.5, 153.7): "Dwc", (66.6, 214.7): "Dwc",
    }  # fmt: skip
    for (lat, lon), name in classes.items():
        assert KOPPEN_CLASSES[at(static["climate_class"], lat, lon) - 1] == name
    assert at(static["elevation"], 33.0, 88.0) > 4500.0  # Tibet
    assert at(static["soil_class_fraction"], 53.25, 276.25)[5] > 0.9  # peat south of Hudson Bay
    assert at(static["wetland_fraction"], 53.25, 276.25) == 0.5
    assert at(static["high_vegetation_fraction"], -5.0, 295.0) > 0.9  # Amazon


def test_temperature_is_complete_and_plausible(static: dict[str, Floats]) -> None:
    temperature = static["land_surface_temperature"]
    assert temperature.shape == (12, 48, 96)
    assert 200.0 < temperature.min() < 230.0 and 300.0 < temperature.max() < 320.0
    north, south = temperature[:, 36:42].mean(axis=(1, 2)), temperature[:, 12:18].mean(axis=(1, 2))
    assert north.argmax() in (6, 7) and south.argmax() in (0, 1)


def test_classes_of_dry_summers_have_no_summer_rain(static: dict[str, Floats], shared: Path) -> None:
    """Where both criteria hold, the wetter half of the year decides (Peel et al. 2007), by ITU's precipitation."""
    with netCDF4.Dataset(shared / "data" / "derived" / "itu_monthly_precip_t2m_128x256.nc") as data:
        rain, lat, lon = (np.asarray(data[name][:]) for name in ("precip", "lat", "lon"))
    row = np.abs(lat[:, None] - static["lat"]).argmin(axis=0)
    column = np.abs((lon[:, None] - static["lon"] + 180.0) % 360.0 - 180.0).argmin(axis=0)
    here = rain[:, row][:, :, column]
    april, october = here[3:9], np.concatenate([here[9:], here[:3]])
    north = static["lat"][:, None] >= 0.0
    summer, winter = np.where(north, april, october), np.where(north, october, april)
    is_wet = (summer.max(axis=0) > 10.0 * winter.min(axis=0)) & (summer.sum(axis=0) > winter.sum(axis=0))
    second = np.array([" ", *(name[1] for name in KOPPEN_CLASSES)])[static["climate_class"]]
    cold = np.array([False, *(name[0] in "CD" for name in KOPPEN_CLASSES)])[static["climate_class"]]
    is_dry_summer = cold & (second == "s")
    assert is_dry_summer.sum() > 2000
    assert (is_dry_summer & is_wet).sum() < 0.03 * is_dry_summer.sum()


def test_land_mask_agrees_with_an_independent_one(static: dict[str, Floats], shared: Path) -> None:
    with netCDF4.Dataset(shared / "data" / "static" / "isca_era-spectral_T85_128x256.nc") as data:
        other = data["land_mask"][:].filled(0.0) > 0.5
        lat = data["lat"][:].filled()
    row_edges = np.sin(np.deg2rad(np.concatenate([[-90.0], 0.5 * (lat[1:] + lat[:-1]), [90.0]])))
    fine_edges = np.sin(np.deg2rad(np.linspace(-90.0, 90.0, 361)))
    low, high = (
        np.maximum(fine_edges[:-1], row_edges[:-1, None]),
        np.minimum(fine_edges[1:], row_edges[1:, None]),
    )
    land = np.clip(high - low, 0.0, None) @ static["land_fraction"] / np.diff(row_edges)[:, None]
    # A cell is 32 and a column of the other grid 90 of 23040; the other's first column is centred on 0 E.
    land = np.roll(np.repeat(land, 32, axis=1), 45, axis=1).reshape(128, 256, 90).mean(axis=2)
    agreement = ((land > 0.5) == other).mean()
    assert agreement > 0.96  # measured 0.966; the other has ice shelves and no lakes


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    pytest.importorskip("PIL", reason="needs Pillow, as the tool does")
    folder = str(Path(__file__).resolve().parents[3] / "tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("make_static")


@given(shares=arrays(np.float64, (7, 3, 4), elements=st.floats(0.0, 1.0)))
def test_percentages_add_to_100(tool: ModuleType, shares: Floats) -> None:
    shares[2] += 0.01
    percent = tool.percentages(shares)
    np.testing.assert_array_equal(percent.sum(axis=0, dtype=np.int64), 100)
    assert np.abs(percent - 100.0 * shares / shares.sum(axis=0)).max() < 1.0


def test_flood_stops_at_land_and_goes_round_the_earth(tool: ModuleType) -> None:
    water = np.array(
        [[1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 1]],
        dtype=bool,
    )
    seed = np.zeros_like(water)
    seed[0, 0] = True
    expected = np.zeros_like(water)
    expected[0, [0, 1, 5]] = True  # round the date line, not diagonally over land, not to the lakes
    np.testing.assert_array_equal(tool.flood(seed, water), expected)


def test_area_sum_conserves(tool: ModuleType) -> None:
    field = np.random.default_rng(1).random((9, 14))
    rows, columns = np.linspace(-1.0, 1.0, 10), np.linspace(0.0, 360.0, 15)
    in_y = tool.overlaps(rows, np.linspace(-1.0, 1.0, 5))
    in_x = tool.overlaps(columns, np.linspace(0.0, 360.0, 4))
    total = (field * np.diff(rows)[:, None] * np.diff(columns)).sum()
    np.testing.assert_allclose(tool.area_sum(field, in_y, in_x).sum(), total, rtol=1e-13)


def test_fills(tool: ModuleType) -> None:
    lat = np.array([-10.0, 0.0, 10.0])
    field = np.array([[1.0, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0], [5.0, 9.0, 7.0, 9.0]])
    known = field < 9.0
    along = tool.fill_along_parallels(field, known, lat)
    np.testing.assert_allclose(along, np.array([[1, 1, 1, 1], [3, 3.5, 4, 3.5], [5, 6, 7, 6]]))
    nearest = tool.fill_from_neighbours(
        np.array([[3, 0, 0, 0, 0, 0, 8]]), np.eye(1, 7, dtype=bool), np.ones((1, 7), bool)
    )
    np.testing.assert_array_equal(nearest, 3)


def test_nodes_count_quarter_boxes(tool: ModuleType) -> None:
    assert (tool.nodes_to_cells(np.ones((1801, 3600), bool)) == 100).all()
    one = np.zeros((1801, 3600), bool)
    one[5, 0] = True  # a corner of four cells, across the meridian of Greenwich
    counts = tool.nodes_to_cells(one)
    assert counts[0, 0] == counts[1, 0] == counts[0, -1] == counts[1, -1] == 1 and counts.sum() == 4


def test_soil_classes_are_the_centroids_of_their_polygons() -> None:
    sand, clay = np.meshgrid((np.arange(500) + 0.5) / 5.0, (np.arange(500) + 0.5) / 5.0)
    medium = (clay < 35) & (sand >= 15) & ~((clay < 18) & (sand > 65))
    regions = (
        (clay < 18) & (sand > 65),
        medium,
        (clay < 35) & (sand < 15),
        (clay >= 35) & (clay < 60),
        clay >= 60,
    )
    for texture, region in zip(SOIL_CLASSES, regions, strict=False):
        inside = region & (sand + clay <= 100.0)
        assert texture.sand == pytest.approx(sand[inside].mean(), abs=0.2)
        assert texture.clay == pytest.approx(clay[inside].mean(), abs=0.2)
    assert all(c.wilting_point < c.field_capacity < c.porosity < 1.0 for c in SOIL_CLASSES)
    assert [c.index for c in SOIL_CLASSES] == list(range(1, 8))
