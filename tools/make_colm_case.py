"""Make a small synthetic CoLM202X case: mesh, patches, constant restart, restart of the start, forcing, namelists.

    python tools/make_colm_case.py FOLDER [KIND ...]

KIND adds the files of a build of CoLM with more than patches: pft, urban, bgc, gridriver.

The files have CoLM's layout and names, so that everything that reads or writes them can be tested without the model;
tools/colm_stand_in runs the case, colm.x itself does not (it wants many more constants). Soil and climate are those
of the package's static fields, the weather is made of sines and keyed random showers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np

from landda_hpc.config import TilesConfig
from landda_hpc.constants import N_SOIL, FloatArray, IntArray
from landda_hpc.formats.colm.names import const_name, state_name, time_label
from landda_hpc.grid import regular_grid
from landda_hpc.model.column.initial import initial_state, soil_water_by_climate
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.forcing.climatology import load_climatology
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.state import PatchType, Tiles, TileState
from landda_hpc.variables import DIMENSIONS, SOIL_WATER_STATE, STATE

NAME, LC_YEAR, CELL = "synthetic", 2005, 1.25
START = datetime(2010, 6, 1)
SOUTH, NORTH, WEST, EAST = 32.5, 37.5, 112.5, 117.5
"""16 cells in four blocks of 5 degrees."""


KINDS = {"pft": "pft", "urban": "urb", "bgc": "bgc"}
"""Further kinds of files in blocks: name in the time-varying restart, name in the constant one."""


def make_case(folder: Path, kinds: Sequence[str] = ()) -> Path:
    """Write the case below a folder; returns its namelist.

    Parameters
    ----------
    kinds : further kinds of files, of ``KINDS`` (one per block) or 'gridriver' (one for all).
    """
    grid = regular_grid(4, 4, south=SOUTH, north=NORTH, west=WEST, east=EAST)
    tiles = build_tiles(grid, TilesConfig(min_land_fraction=0.0, min_fraction=0.05))
    climate = tile_climate(tiles, load_climatology(grid))
    theta = soil_water_by_climate(tiles, climate)
    state = initial_state(tiles, AnnualWave(climate.temperature), START, theta)
    root = folder.absolute() / NAME
    blocks = _blocks(tiles)
    _write_mesh(root / "landdata" / "mesh" / f"{LC_YEAR}" / "mesh.nc")
    for block in sorted(set(blocks)):
        mine = np.flatnonzero(blocks == block)
        _write_patches(root / "landdata" / "landpatch" / f"{LC_YEAR}", block, tiles, mine)
        _write_constants(root / "restart" / "const", block, tiles, mine)
        _write_state(root / "restart" / time_label(START), block, state, mine)
        for kind in (kind for kind in kinds if kind in KINDS):
            _write_kind(root / "restart", kind, block, mine.size)
    with _create(root / "restart" / "const" / const_name(NAME, LC_YEAR, None)) as file:
        for name, value in (("wimp", 0.05), ("smpmin", -1.0e8), ("pondmx", 10.0), ("ssi", 0.033)):
            file.createVariable(name, "f8", ())[...] = value
    _write_forcing(folder.absolute() / "forcing")
    (folder / "forcing.nml").write_text(FORCING.replace("@ROOT@", str(folder.absolute() / "forcing")), "utf-8")
    namelist = NAMELIST.replace("@ROOT@", str(folder.absolute()))
    if "gridriver" in kinds:
        catchments = folder.absolute() / "unitcatchments.nc"
        _write_rivers(catchments, root / "restart" / time_label(START))
        namelist = namelist.replace("\n/", f"\n   DEF_UnitCatchment_file = '{catchments}'\n/")
    (folder / "case.nml").write_text(namelist, "utf-8")
    return folder / "case.nml"


def _blocks(tiles: Tiles) -> np.ndarray:
    lat, lon = (5 * np.floor(x / 5.0).astype(int) for x in (tiles.lat, tiles.lon))
    return np.array([f"e{x:03d}_n{y:02d}" for y, x in zip(lat, lon, strict=True)])


def _create(path: Path) -> netCDF4.Dataset:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = netCDF4.Dataset(path, "w", format="NETCDF4")
    file.setncattr("create_time", datetime.now().isoformat())
    return file


def _write_mesh(path: Path) -> None:
    with _create(path) as file:
        n_lat, n_lon = round(180 / CELL), round(360 / CELL)
        file.createDimension("latitude", n_lat)
        file.createDimension("longitude", n_lon)
        file.createVariable("latitude", "f8", ("latitude",))[:] = 90.0 - CELL * (np.arange(n_lat) + 0.5)
        file.createVariable("longitude", "f8", ("longitude",))[:] = -180.0 + CELL * (np.arange(n_lon) + 0.5)


def _elements(tiles: Tiles) -> IntArray:
    row = np.floor((90.0 - tiles.lat) / CELL).astype(np.int64)
    column = np.floor((tiles.lon + 180.0) / CELL).astype(np.int64)
    elements: IntArray = row * round(360 / CELL) + column + 1
    return elements


def _write_patches(folder: Path, block: str, tiles: Tiles, mine: IntArray) -> None:
    with _create(folder / f"landpatch_{block}.nc") as file:
        file.createDimension("landpatch", mine.size)
        file.createVariable("eindex", "i8", ("landpatch",))[:] = _elements(tiles)[mine]
        file.createVariable("settyp", "i4", ("landpatch",))[:] = _land_class(tiles)[mine]
    with _create(folder / f"patchfrac_elm_{block}.nc") as file:
        file.createDimension("patch", mine.size)
        total = np.bincount(tiles.cell, weights=tiles.area_fraction)[tiles.cell]
        file.createVariable("patchfrac_elm", "f8", ("patch",))[:] = (tiles.area_fraction / total)[mine]


def _land_class(tiles: Tiles) -> IntArray:
    classes = {
        PatchType.SOIL: 10,
        PatchType.URBAN: 13,
        PatchType.WETLAND: 11,
        PatchType.GLACIER: 15,
        PatchType.LAKE: 17,
    }
    return np.array([classes[PatchType(kind)] for kind in tiles.patchtype], dtype=np.int64)


def _write_constants(folder: Path, block: str, tiles: Tiles, mine: IntArray) -> None:
    local = tiles.take(mine)
    with _create(folder / const_name(NAME, LC_YEAR, block)) as file:
        file.createDimension("patch", mine.size)
        file.createDimension("soil", N_SOIL)
        for name, values, kind in (
            ("patchclass", _land_class(local), "i4"), ("patchtype", local.patchtype, "i4"),
            ("patchmask", np.ones(mine.size), "i1"), ("patchlonr", np.deg2rad(local.lon), "f8"),
            ("patchlatr", np.deg2rad(local.lat), "f8"),
        ):  # fmt: skip
            file.createVariable(name, kind, ("patch",), zlib=True, complevel=1, fill_value=False)[:] = values
        for name in ("porsl", "theta_r", "psi0", "bsw", "hksati"):
            values = getattr(local, name)
            file.createVariable(name, "f8", ("patch", "soil"), zlib=True, complevel=1, fill_value=False)[:] = values


def _write_state(folder: Path, block: str, state: TileState, mine: IntArray) -> None:
    with _create(folder / state_name(NAME, time_label(START), LC_YEAR, block)) as file:
        file.createDimension("patch", mine.size)
        for name, length in DIMENSIONS.items():
            file.createDimension(name, length)

        def put(name: str, dims: tuple[str, ...], values: FloatArray) -> None:
            variable = file.createVariable(name, "f8", ("patch", *dims), zlib=True, complevel=1, fill_value=False)
            variable[:] = values

        for variable in (STATE[name] for name in SOIL_WATER_STATE):
            put(variable.name, variable.dims, state[variable.name][mine])
        generator = keyed_generator(1, "other variables", block)
        for name, dims in (("sag", ()), ("lai", ()), ("fveg", ()), ("mss_dst1", ("snow",))):
            put(name, dims, generator.random((mine.size, *(DIMENSIONS[d] for d in dims))))


def _write_kind(folder: Path, kind: str, block: str, n_patch: int) -> None:
    """A block of a further kind of file, in the constant and in the time-varying restart: two of them per patch."""
    generator = keyed_generator(1, "further kinds of files", kind, block)
    const = f"{NAME}_restart_{KINDS[kind]}_const_lc{LC_YEAR}_{block}.nc"
    state = state_name(NAME, time_label(START), LC_YEAR, block, kind)
    for path in (folder / "const" / const, folder / time_label(START) / state):
        with _create(path) as file:
            file.createDimension(kind, 2 * n_patch)
            variable = file.createVariable(f"state_of_{kind}", "f8", (kind,), zlib=True, complevel=1, fill_value=False)
            variable[:] = generator.random(2 * n_patch)


def _write_rivers(catchments: Path, folder: Path) -> None:
    """Unit catchments, and their water in one file for all blocks."""
    for path in (catchments, folder / state_name(NAME, time_label(START), LC_YEAR, "", "gridriver")):
        with _create(path) as file:
            file.createDimension("ucatch", 7)
            file.createVariable("wdsrf_ucat", "f8", ("ucatch",))[:] = np.arange(7.0)


def _write_forcing(folder: Path) -> None:
    """Two months of records every three hours on a grid of 2.5 degrees."""
    lat, lon = np.arange(SOUTH, NORTH + 1, 2.5), np.arange(WEST, EAST + 1, 2.5)
    south_north, west_east = np.meshgrid(lat, lon, indexing="ij")
    for month in (datetime(2010, 5, 1), datetime(2010, 6, 1)):
        days = ((month + timedelta(days=32)).replace(day=1) - month).days
        hours = 3.0 * np.arange(8 * days)
        local = ((hours[:, None, None] + 1.5 + west_east / 15.0) % 24.0 - 12.0) * np.pi / 12.0
        generator = keyed_generator(1, "showers", month.isoformat())
        showers = generator.random((hours.size, *west_east.shape))
        files: dict[str, dict[str, FloatArray]] = {
            "TPHWL/f.TPQWL.": {
                "TBOT": 295.0 + 5.0 * np.cos(local - 0.5), "QBOT": np.full(local.shape, 0.009),
                "PSRF": np.full(local.shape, 9.8e4), "WIND": 2.5 + 0.5 * np.cos(local),
                "FLDS": 360.0 + 20.0 * np.cos(local),
            },
            "Precip/f.Prec.": {"PRECTmms": np.where(showers > 0.93, (showers - 0.93) * 6.0e-3, 0.0)},
            "Solar/f.Solr.": {"FSDS": np.maximum(0.0, 800.0 * np.cos(local))},
        }  # fmt: skip
        for prefix, variables in files.items():
            with _create(folder / f"{prefix}{month:%Y-%m}.nc") as file:
                file.createDimension("time", hours.size)
                file.createDimension("lat", lat.size)
                file.createDimension("lon", lon.size)
                time = file.createVariable("time", "f8", ("time",))
                time.units = f"hours since {month:%Y-%m-%d} 00:00:00"
                time[:] = hours
                file.createVariable("LATIXY", "f8", ("lat", "lon"))[:] = south_north
                file.createVariable("LONGXY", "f8", ("lat", "lon"))[:] = west_east
                for name, values in variables.items():
                    file.createVariable(name, "f4", ("time", "lat", "lon"), zlib=True)[:] = values


NAMELIST = f"""&nl_colm
   DEF_CASE_NAME = '{NAME}'   ! a synthetic case
   DEF_simulation_time%greenwich    = .TRUE.
   DEF_simulation_time%start_year   = 2010
   DEF_simulation_time%start_month  = 6
   DEF_simulation_time%start_day    = 1
   DEF_simulation_time%start_sec    = 0
   DEF_simulation_time%end_year     = 2010
   DEF_simulation_time%end_month    = 6
   DEF_simulation_time%end_day      = 30
   DEF_simulation_time%end_sec      = 86400
   DEF_simulation_time%timestep     = 1800.
   DEF_dir_output  = '@ROOT@'
   DEF_LC_YEAR = {LC_YEAR}
   DEF_forcing_namelist = '@ROOT@/forcing.nml'
   DEF_WRST_FREQ = 'DAILY'
/
"""

FORCING = """&nl_colm_forcing
   DEF_dir_forcing  = '@ROOT@'
   DEF_forcing%dataset    = 'GSWP3'
   DEF_forcing%NVAR       = 8
   DEF_forcing%startyr    = 2010
   DEF_forcing%startmo    = 5
   DEF_forcing%endyr      = 2010
   DEF_forcing%endmo      = 6
   DEF_forcing%dtime      = 10800 10800 10800 10800 0 10800 10800 10800
   DEF_forcing%offset     = 0 0 0 0 0 0 0 0
   DEF_forcing%latname    = 'LATIXY'
   DEF_forcing%lonname    = 'LONGXY'
   DEF_forcing%groupby    = 'month'
   DEF_forcing%fprefix(1) = 'TPHWL/f.TPQWL.'
   DEF_forcing%fprefix(2) = 'TPHWL/f.TPQWL.'
   DEF_forcing%fprefix(3) = 'TPHWL/f.TPQWL.'
   DEF_forcing%fprefix(4) = 'Precip/f.Prec.'
   DEF_forcing%fprefix(5) = 'NULL'
   DEF_forcing%fprefix(6) = 'TPHWL/f.TPQWL.'
   DEF_forcing%fprefix(7) = 'Solar/f.Solr.'
   DEF_forcing%fprefix(8) = 'TPHWL/f.TPQWL.'
   DEF_forcing%vname      = 'TBOT' 'QBOT' 'PSRF' 'PRECTmms' 'NULL' 'WIND' 'FSDS' 'FLDS'
/
"""

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(make_case(Path(sys.argv[1]), sys.argv[2:]))
