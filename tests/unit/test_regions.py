"""Regions: boxes, polygons with holes, across the date line, and files of them that are not what they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.config import RegionConfig, RegionStd, parse_config, parse_section
from landda_hpc.data import data_file
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.grid import regular_grid
from landda_hpc.instances.trajectory import config_hash
from landda_hpc.regions import GLOBE, Region, named_regions, std_by_region
from landda_hpc.verification.statistics.region_windows import covers
from tests.campaign.conftest import CONFIG

GRID = regular_grid(36, 72)
SQUARE = [[0.0, 0.0], [40.0, 0.0], [40.0, 40.0], [0.0, 40.0], [0.0, 0.0]]
HOLE = [[10.0, 10.0], [10.0, 30.0], [30.0, 30.0], [30.0, 10.0], [10.0, 10.0]]


def holds(region: Region, lat: float, lon: float) -> bool:
    return bool(region.holds(np.asarray(lat), np.asarray(lon)))


def of_file(folder: Path, content: Any) -> Region:
    (folder / "outline.geojson").write_text(content if isinstance(content, str) else json.dumps(content))
    (found,) = named_regions((RegionConfig(name="R", file=Path("outline.geojson")),), folder)
    return found


def test_boxes_make_one_region() -> None:
    """Fiji and New Zealand, either side of the date line."""
    boxes = ((-20.0, -15.0, 177.0, 182.0), (-48.0, -34.0, 166.0, 179.0))
    (both,) = named_regions((RegionConfig(name="both", boxes=boxes),), Path())
    assert (both.south, both.north, both.west, both.east) == (-48.0, -15.0, 166.0, 182.0)
    assert holds(both, -17.0, -179.0) and holds(both, -40.0, 175.0) and not holds(both, -30.0, 175.0)
    (one,) = named_regions((RegionConfig(name="one", boxes=boxes[:1]),), Path())
    assert one == Region("one", -20.0, -15.0, 177.0, 182.0)


@given(st.lists(st.tuples(st.floats(-360.0, 360.0), st.floats(0.5, 359.0)), min_size=2, max_size=6))
def test_the_span_of_several_boxes_holds_all_of_them(spans: list[tuple[float, float]]) -> None:
    parts = [Region("p", 0.0, 1.0, west, west + width) for west, width in spans]
    found = Region.union("u", parts)
    assert -180.0 <= found.west < 180.0
    around = Region("a", 0.0, 1.0, found.west - 1e-9, min(found.east + 1e-9, found.west - 1e-9 + 360.0))
    for west, width in spans:
        for share in (0.0, 0.3, 1.0):
            assert found.east - found.west == 360.0 or holds(around, 0.5, west + share * width)


def test_polygons_of_a_file(tmp_path: Path) -> None:
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE, HOLE]}, "properties": {}}
    ring = of_file(tmp_path, feature)
    assert holds(ring, 5.0, 5.0) and holds(ring, 5.0, 365.0) and not holds(ring, 20.0, 20.0)
    assert (ring.south, ring.north, ring.west, ring.east) == (0.0, 40.0, 0.0, 40.0)
    # Of a country on both sides of the date line each part lies on its own side (RFC 7946, 3.1.9).
    sides = [[[[170.0, 60.0], [180.0, 60.0], [180.0, 70.0]]], [[[-180.0, 60.0], [-170.0, 60.0], [-180.0, 70.0]]]]
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0.0, 0.0]}}
    features = [point, {"type": "Feature", "geometry": None}]
    features += [{"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": sides}}]
    chukotka = of_file(tmp_path, {"type": "FeatureCollection", "features": features})
    assert (chukotka.west, chukotka.east) == (170.0, 190.0)
    assert holds(chukotka, 61.0, 178.0) and holds(chukotka, 61.0, -178.0) and not holds(chukotka, 61.0, -168.0)
    assert covers(GRID, chukotka)
    # Polygons that overlap make one region.
    twice = {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [SQUARE]}] * 2}
    assert holds(of_file(tmp_path, twice), 20.0, 20.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"type": "Polygon",\n "coordinates": [[[0, 0], [1 0]]]}', r"outline\.geojson', line 2, column 30: not JSON"),
        ({"type": "Topology"}, "object of type Topology; expected GeoJSON"),
        ([1], "object of type None"),
        ({"type": "Point", "coordinates": [0, 0]}, "no Polygon or MultiPolygon"),
        ({"type": "FeatureCollection"}, "FeatureCollection without a list"),
        ({"type": "Polygon", "coordinates": []}, "polygon 1: expected a list of rings"),
        ({"type": "Polygon", "coordinates": [SQUARE, SQUARE[:2]]}, "polygon 1, ring 2: 2 corners"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [0, 100], [1, 1]]]}, r"\[0, 100\] is not a position"),
        ({"type": "Polygon", "coordinates": [[[0, 0], ["a", 1], [1, 1]]]}, "is not a position"),
        ({"type": "Polygon", "coordinates": [[[0, 5], [1, 5], [2, 5]]]}, "expected south < north"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_files_that_are_no_outline(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        of_file(tmp_path, content)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    region = RegionConfig(name="R", file=Path("none.geojson"))
    with pytest.raises(MissingFileError, match=r"region 'R': outline '.*none\.geojson' does not exist"):
        named_regions((region,), tmp_path)
    assert data_file(Path("package:papers/china.geojson"), tmp_path).is_file()
    for name in ("package:../errors.py", "package:/etc/passwd", "package:"):
        with pytest.raises(ConfigError, match="the name of a file of landda_hpc"):
            parse_section(RegionConfig, {"name": "R", "file": name})


def test_what_a_configuration_may_say() -> None:
    box = [0.0, 10.0, 0.0, 10.0]
    for region, message in (
        ({"name": "R"}, "give either boxes or a file"),
        ({"name": "R", "boxes": [box], "file": "x.geojson"}, "give either boxes or a file"),
        ({"name": "R", "boxes": [[10.0, 0.0, 0.0, 10.0]]}, "expected south < north"),
        ({"name": "", "boxes": [box]}, "name"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_config({**CONFIG, "verification": {"regions": [region]}})
    twice = [{"name": "R", "boxes": [box]}] * 2
    with pytest.raises(ConfigError, match="'R' is the name of two regions"):
        parse_config({**CONFIG, "verification": {"regions": twice}})
    with_region = parse_config({**CONFIG, "verification": {"regions": twice[:1]}})
    assert config_hash(with_region) == config_hash(parse_config(CONFIG)), "regions decide nothing of the trajectory"


def test_errors_by_region() -> None:
    assert std_by_region(GRID, 0.04, (), Path()) == 0.04
    tropics = RegionStd(name="tropics", boxes=((-20.0, 20.0, -180.0, 180.0),), std=0.2)
    africa = RegionStd(name="Africa", boxes=((-35.0, 35.0, -20.0, 50.0),), std=0.1)
    std = std_by_region(GRID, 0.04, (tropics, africa), Path())
    assert isinstance(std, np.ndarray) and std.shape == GRID.shape
    places = ((0, 20), (0, 100), (50, 20))
    at = [std[np.argmin(abs(GRID.lat - lat)), np.argmin(abs(GRID.lon - lon))] for lat, lon in places]
    assert at == [0.1, 0.2, 0.04], "the last region counts"
    assert GLOBE.mask(GRID).all()
