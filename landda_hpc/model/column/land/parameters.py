"""Parameters of the land physics per tile, and the packed form used by the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import ALBEDO_WATER, N_SOIL, SOIL_DZ, FloatArray, IntArray
from landda_hpc.data import SOIL_CLASSES
from landda_hpc.errors import ModelError, ShapeError
from landda_hpc.model.column.hydraulics import Hydrology, soil_records
from landda_hpc.model.column.land.plants import leaf_area, mixed
from landda_hpc.model.column.land.radiation import (
    DENSE_VISIBLE,
    VISIBLE_SCATTER,
    albedo_with_leaves,
    projection,
    scattering,
)
from landda_hpc.model.column.land.records import COLUMN, Records, new_records
from landda_hpc.model.column.soil import PEAT_OF_CLASS, all_layers
from landda_hpc.model.column.static_fields import CellCover
from landda_hpc.model.column.tile_climate import TileClimate
from landda_hpc.state import PatchType, Tiles

CONDUCTIVITY_QUARTZ: Final = 7.7  # W m-1 K-1
CONDUCTIVITY_MINERAL: Final = 2.0
CONDUCTIVITY_PEAT: Final = 0.25
CONDUCTIVITY_DRY_PEAT: Final = 0.05
HEAT_MINERAL: Final = 2.0e6  # J m-3 K-1, of the solids
HEAT_PEAT: Final = 2.5e6
GRAIN_DENSITY: Final = 2700.0  # kg m-3

_SAND: Final[FloatArray] = np.array([40.0, *(c.sand for c in SOIL_CLASSES)])

ALBEDO_LIMITS: Final = (0.10, 0.45)  # of dry soil
_LIMITS: Final = {
    "canopy_albedo": (0.03, 0.5),  # near-infrared scattering of leaves is derived from it
    "stem_visible": (0.0, 0.95),
    "stem_infrared": (0.0, 0.97),
    "leaf_angle": (-0.4, 0.6),  # of Goudriaan's projection
}
WETTING: Final = 0.11  # albedo of dry minus wet soil


@dataclass(frozen=True, eq=False)
class PlantParameters:
    """Parameters of the plants of tiles; float64, one row per tile.

    Attributes
    ----------
    canopy_height : m.
    canopy_albedo : broadband albedo of a dense canopy of leaves.
    stem_visible, stem_infrared : fraction of light that stems scatter.
    leaf_angle : departure of leaf angles from random ones, see ``plants.Plant``.
    min_stomatal_resistance : per leaf area, s m-1.
    radiation_half : short-wave radiation at half of the stomatal light response, W m-2.
    leaf_width : m.
    lai, sai : area index by month of green leaves, and of stems and dead leaves, m2 m-2 of the vegetated part,
        (n_tile, 12).
    """

    canopy_height: FloatArray
    canopy_albedo: FloatArray
    stem_visible: FloatArray
    stem_infrared: FloatArray
    leaf_angle: FloatArray
    min_stomatal_resistance: FloatArray
    radiation_half: FloatArray
    leaf_width: FloatArray
    lai: FloatArray
    sai: FloatArray

    def take(self, index: slice | IntArray) -> Self:
        """The parameters of the tiles selected by a slice or an index array, in that order."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class LandParameters(PlantParameters):
    """Parameters of the land physics beyond those of ``Tiles``; float64, one row per tile.

    Attributes
    ----------
    solid_conductivity, dry_conductivity : of the solids and of the dry soil, W m-1 K-1, shape (n_tile, n_soil).
    solid_heat_capacity : of the solids, J m-3 K-1, (n_tile, n_soil).
    albedo_dry, albedo_wet : broadband albedo of bare soil, (n_tile,).
    vegetation_fraction : fraction of the ground covered by vegetation, 0..1.
    others : see ``PlantParameters``.
    """

    solid_conductivity: FloatArray
    dry_conductivity: FloatArray
    solid_heat_capacity: FloatArray
    albedo_dry: FloatArray
    albedo_wet: FloatArray
    vegetation_fraction: FloatArray

    def __post_init__(self) -> None:
        n = len(self)
        shapes = {"lai": (n, 12), "sai": (n, 12)} | dict.fromkeys(
            ("solid_conductivity", "dry_conductivity", "solid_heat_capacity"), (n, N_SOIL)
        )
        for f in fields(self):
            value = getattr(self, f.name)
            expected = shapes.get(f.name, (n,))
            if value.shape != expected:
                raise ShapeError(f"land parameter '{f.name}' has shape {value.shape}; expected {expected}.")
            low, high = _LIMITS.get(f.name, (0.0, np.inf))
            if not (np.isfinite(value) & (value >= low) & (value <= high)).all():
                raise ModelError(f"land parameter '{f.name}' has values outside [{low}, {high}], or not finite.")

    def __len__(self) -> int:
        return int(self.albedo_dry.shape[0])


@dataclass(frozen=True, eq=False)
class LandCover(PlantParameters):
    """What the parameters of tiles have in common for any porosity and vegetation fraction; one row per tile.

    Attributes
    ----------
    peat : fraction of peat in the solids, 0..1, shape (n_tile,).
    solid_conductivity, solid_heat_capacity : of the solids, W m-1 K-1 and J m-3 K-1, (n_tile,).
    albedo : of the snow-free ground with its leaves, from a climatology, (n_tile,).
    depth : annual mean area index of leaves and stems over their projection, (n_tile,).
    visible, infrared : fraction of light that leaves and stems together scatter, (n_tile,).
    shade : fraction of the ground below plants that they cover, 0..1, (n_tile,).
    others : see ``PlantParameters``.
    """

    peat: FloatArray
    solid_conductivity: FloatArray
    solid_heat_capacity: FloatArray
    albedo: FloatArray
    depth: FloatArray
    visible: FloatArray
    infrared: FloatArray
    shade: FloatArray


def land_cover(tiles: Tiles, cells: CellCover, climate: TileClimate) -> LandCover:
    """Derive from texture, climate class, trees and albedo what does not depend on porosity and vegetation fraction.

    Parameters
    ----------
    tiles, climate : tiles and their climatology.
    cells : of the model grid.

    Notes
    -----
    Local: no communication. The bits of a tile do not depend on the other tiles if whole vectors of the global tile
    vector are given (``state.whole_vectors``). The conductivity of solids is k_q^q k_o^(1-q) with a quartz fraction q
    equal to the sand fraction (Johansen 1975; Peters-Lidard et al. 1998, J. Atmos. Sci., 55, 1209-1224). Peat and
    mineral soil are averaged by volume.
    """
    sand = np.minimum(_SAND[tiles.soil_class], 95.0) / 100.0
    peat = PEAT_OF_CLASS[tiles.soil_class]
    mineral = CONDUCTIVITY_QUARTZ**sand * np.where(sand > 0.2, CONDUCTIVITY_MINERAL, 3.0) ** (1.0 - sand)
    trees = cells.tree_share[tiles.cell]
    leaves, dead = leaf_area(tiles.climate_class, trees, climate.temperature)
    stems = mixed("sai", tiles.climate_class, trees)[:, None] + dead
    canopy_albedo, stem_visible, stem_infrared, angle = (
        mixed(name, tiles.climate_class, trees) for name in ("albedo", "stem_visible", "stem_infrared", "leaf_angle")
    )
    mean = leaves.mean(axis=1)
    area = mean + stems.mean(axis=1)
    green = mean / area
    return LandCover(
        peat=peat,
        solid_conductivity=(1.0 - peat) * mineral + peat * CONDUCTIVITY_PEAT,
        solid_heat_capacity=(1.0 - peat) * HEAT_MINERAL + peat * HEAT_PEAT,
        albedo=cells.albedo[tiles.cell],
        depth=area / np.array([projection(a)[2] for a in angle]),
        visible=stem_visible + green * (VISIBLE_SCATTER - stem_visible),
        infrared=stem_infrared + green * (infrared_scatter(canopy_albedo) - stem_infrared),
        shade=1.0 - np.exp(-0.5 * area),
        canopy_height=mixed("height", tiles.climate_class, trees),
        canopy_albedo=canopy_albedo,
        stem_visible=stem_visible,
        stem_infrared=stem_infrared,
        leaf_angle=angle,
        min_stomatal_resistance=mixed("rs_min", tiles.climate_class, trees),
        radiation_half=mixed("rgl", tiles.climate_class, trees),
        leaf_width=mixed("leaf_width", tiles.climate_class, trees),
        lai=leaves,
        sai=stems,
    )


def land_parameters(tiles: Tiles, cover: LandCover) -> LandParameters:
    """Complete the parameters of tiles by their porosity and vegetation fraction.

    Parameters
    ----------
    tiles, cover : tiles, possibly with perturbed soil and vegetation, and their cover.

    Notes
    -----
    Local: no communication; the bits of a tile do not depend on the other tiles. The conductivity of dry soil is
    (0.135 rho + 64.7) / (2700 - 0.947 rho) (Johansen 1975; Peters-Lidard et al. 1998, J. Atmos. Sci., 55, 1209-1224).
    Soil albedo is derived from the climatology by removing the effect of leaves; for dry soil it is limited to 0.10 to
    0.45.
    """
    density = GRAIN_DENSITY * (1.0 - tiles.porsl[:, 0])
    dry = (0.135 * density + 64.7) / (GRAIN_DENSITY - 0.947 * density)
    dry = (1.0 - cover.peat) * dry + cover.peat * CONDUCTIVITY_DRY_PEAT
    is_soil = tiles.patchtype == PatchType.SOIL
    vegetation = np.where(is_soil, tiles.vegetation_fraction, 0.0)
    ground = _ground_albedo(cover.albedo, vegetation, cover.depth, cover.visible, cover.infrared)
    # Where leaves cover the ground the climatology does not constrain its albedo.
    ground = np.where(vegetation * cover.shade < 0.6, ground, 0.16)
    albedo_dry = np.clip(ground + 0.03, *ALBEDO_LIMITS)
    albedo_dry = np.where(is_soil, albedo_dry, ALBEDO_WATER)
    return LandParameters(
        solid_conductivity=all_layers(cover.solid_conductivity),
        dry_conductivity=all_layers(dry),
        solid_heat_capacity=all_layers(cover.solid_heat_capacity),
        albedo_dry=albedo_dry,
        albedo_wet=np.maximum(albedo_dry - WETTING, 0.05),
        vegetation_fraction=vegetation,
        **{f.name: getattr(cover, f.name) for f in fields(PlantParameters)},
    )


def infrared_scatter(canopy_albedo: FloatArray) -> FloatArray:
    """Near-infrared scattering of leaves from the broadband albedo of a dense canopy; any shape."""
    return scattering(2.0 * canopy_albedo - DENSE_VISIBLE)


@compiled()
def _ground_albedo(
    total: FloatArray, cover: FloatArray, depth: FloatArray, visible: FloatArray, infrared: FloatArray
) -> FloatArray:
    """Ground albedo, 0..1, for which ground and leaves together have the given total albedo; by bisection."""
    ground = np.empty_like(total)
    for i in range(total.shape[0]):
        low, high = 0.0, 1.0
        for _ in range(30):
            middle = 0.5 * (low + high)
            if albedo_with_leaves(middle, cover[i], depth[i], visible[i], infrared[i]) < total[i]:
                low = middle
            else:
                high = middle
        ground[i] = 0.5 * (low + high)
    return ground


def column_records(
    tiles: Tiles,
    parameters: LandParameters,
    scheme: Hydrology,
    wind_height: float,
    scalar_height: float,
    potential_evaporation_factor: FloatArray,
) -> Records:
    """All constants of a forecast for the kernels, (n_tile,) records ``COLUMN``. Local."""
    columns = new_records(COLUMN, len(tiles))
    columns.patchtype = tiles.patchtype
    columns.soil = soil_records(tiles, scheme)
    columns.albedo_dry = parameters.albedo_dry
    columns.albedo_wet = parameters.albedo_wet
    columns.vegetation = parameters.vegetation_fraction
    columns.height = parameters.canopy_height
    columns.leaf_scatter = infrared_scatter(parameters.canopy_albedo)
    columns.stem_visible = parameters.stem_visible
    columns.stem_infrared = parameters.stem_infrared
    columns.min_stomatal_resistance = parameters.min_stomatal_resistance
    columns.radiation_half = parameters.radiation_half
    columns.leaf_width = parameters.leaf_width
    columns.vapour_factor = potential_evaporation_factor
    columns.wind_height = wind_height
    columns.scalar_height = scalar_height
    _derive(
        parameters.solid_conductivity,
        parameters.dry_conductivity,
        parameters.solid_heat_capacity,
        parameters.leaf_angle,
        tiles.lat,
        tiles.lon,
        columns,
    )
    return columns


@compiled()
def _derive(
    solid: FloatArray,
    dry: FloatArray,
    solid_heat: FloatArray,
    leaf_angle: FloatArray,
    lat: FloatArray,
    lon: FloatArray,
    columns: Records,
) -> None:
    """Fill the derived fields, by the scalar library; the last bit of a vector library may depend on the tiles."""
    for i in range(lat.size):
        column = columns[i]
        for j in range(N_SOIL):
            p = column.soil.porosity[j]
            log_solid = (1.0 - p) * math.log(solid[i, j])
            column.log_solid[j] = log_solid
            column.saturated[j] = math.exp(log_solid + p * math.log(0.57))
            column.dry[j] = dry[i, j]
            column.solid_heat_capacity[j] = (1.0 - p) * solid_heat[i, j] * SOIL_DZ[j]
        column.leaf_phi1, column.leaf_phi2, column.leaf_path = projection(leaf_angle[i])
        column.sin_lat = math.sin(math.radians(lat[i]))
        column.cos_lat = math.cos(math.radians(lat[i]))
        column.lon = math.radians(lon[i])
