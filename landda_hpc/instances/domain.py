"""Domain of a campaign: grid, tiles, land cells, process layout; the same on every rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np

from landda_hpc import fourier
from landda_hpc.config import CampaignConfig, GridConfig, ParallelConfig, Run
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.image.cells import LandCells
from landda_hpc.instances.colm_case import CaseDomain, open_case
from landda_hpc.instances.columns import Columns, make_columns
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.static_fields import CellCover, cell_cover
from landda_hpc.model.forcing.climatology import Climatology, load_climatology
from landda_hpc.parallel.cell_costs import CellCosts
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.node_memory import OfNode, once_per_node
from landda_hpc.parallel.process_layout import Layout, make_layout
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.state import PatchType, Tiles

T = TypeVar("T")


@dataclass(eq=False)
class Kept(Generic[T]):
    """Fields of the cells of a grid that models need at their start, from the first use until they are released.

    Attributes
    ----------
    load : makes them. Local.
    doing : description of that, for messages.
    own : the fields of this process, or None.
    shared : those of the node, or None; the same on every rank.
    """

    load: Callable[[Grid], T]
    doing: str
    own: T | None = None
    shared: OfNode[T] | None = None

    def of(self, grid: Grid) -> T:
        """The fields, which are loaded if they are missing. Local."""
        if self.shared is not None:
            return self.shared.value
        if self.own is None:
            self.own = self.load(grid)
        return self.own

    def share(self, grid: Grid, world: Communicator) -> None:
        """Load them once per node, unless they are shared already. Collective."""
        if self.shared is None:
            self.shared = once_per_node(world, lambda: self.of(grid), self.doing)
            self.own = None

    def release(self) -> None:
        """Free them; if they are shared, as ``OfNode.release``. Collective."""
        self.own = None
        if self.shared is not None:
            self.shared.release()
            self.shared = None


def _kept_climatology() -> Kept[Climatology]:
    return Kept(load_climatology, "reading the climatology")


def _kept_cover() -> Kept[CellCover]:
    return Kept(cell_cover, "reading trees and albedo")


@dataclass(frozen=True, eq=False)
class Domain:
    """Domain of a campaign, which is constant.

    Attributes
    ----------
    grid, tiles, cells : the model grid, all tiles of the campaign, its land cells.
    costs : relative cost of the forecast of each land cell.
    layout : process layout, from these costs.
    observed_weights : weights of the soil layers in the observed depth, shape (n_soil,).
    depth_weights : the same for each scored layer, shape (n_depths, n_soil).
    depth_names : e.g. "0-10 cm".
    columns : layout of rows of cell means.
    is_land : cells with tiles of any kind, (n_lat, n_lon).
    is_soil : cells with updatable soil, (n_lat, n_lon).
    is_scored : cells with more updatable soil than the configured minimum.
    porosity : of updatable soil, m3 m-3, (n_lat, n_lon), NaN elsewhere.
    case : the CoLM case of grid and tiles; None for those of the package.
    climate, cover : keep the fields that models need at their start; the same objects after a redistribution.
    """

    grid: Grid
    tiles: Tiles
    cells: LandCells
    costs: CellCosts
    layout: Layout
    observed_weights: FloatArray
    depth_weights: FloatArray
    depth_names: tuple[str, ...]
    columns: Columns
    is_land: BoolArray
    is_soil: BoolArray
    is_scored: BoolArray
    porosity: FloatArray
    case: CaseDomain | None = None
    climate: Kept[Climatology] = field(default_factory=_kept_climatology)
    cover: Kept[CellCover] = field(default_factory=_kept_cover)

    @property
    def climatology(self) -> Climatology:
        """Climatology for weather and initial states, on the grid; kept until ``release_start_fields``."""
        return self.climate.of(self.grid)

    @property
    def cell_cover(self) -> CellCover:
        """Trees and albedo of the cells, for physics land_surface; kept until ``release_start_fields``."""
        return self.cover.of(self.grid)

    def share_start_fields(self, world: Communicator, *, has_cover: bool) -> None:
        """Load the climatology, and trees and albedo if models have them, once per node. Collective."""
        self.climate.share(self.grid, world)
        if has_cover:
            self.cover.share(self.grid, world)

    def release_start_fields(self) -> None:
        """Free these fields, 300 bytes per cell, once the models have those of their tiles. Collective."""
        self.climate.release()
        self.cover.release()


def make_grid(config: GridConfig) -> Grid:
    """The model grid of a configuration."""
    if config.kind == "gaussian":
        return gaussian_grid(config.n_lat, config.n_lon)
    return regular_grid(
        config.n_lat, config.n_lon, south=config.south, north=config.north, west=config.west, east=config.east
    )


def make_domain(config: CampaignConfig, n_ranks: int, world: Communicator | None = None) -> Domain:
    """Build the domain of a campaign for a number of ranks.

    Parameters
    ----------
    world : communicator of so many ranks, of which one of every node builds the domain, and all of a node share its
        memory (``once_per_node``); then collective.

    Raises
    ------
    ConfigError : the grid has no land, or the library of Fourier transforms is not installed.
    MissingFileError, DataError : a case's files are missing or not usable.

    Notes
    -----
    Local without ``world``: no communication; every rank computes the same. Afterwards this process uses the library of
    Fourier transforms in the configuration (``fourier.choose``).
    """
    fourier.choose(config.fourier)
    if world is not None:
        return once_per_node(world, lambda: make_domain(config, n_ranks), "building the domain").value
    case = None
    if config.case is None:
        grid = make_grid(config.grid)
        tiles = build_tiles(grid, config.tiles)
    else:
        case = open_case(config.case, config.data_root, config.grid.least_size)
        grid, tiles = case.tiles.grid, case.tiles_for(config.model)
    cells = LandCells.of(grid, tiles)
    is_soil = cells.mask()
    if not is_soil.any():
        raise ConfigError(f"the grid ({grid.describe()}) has no cell with soil; choose another region.")
    costs = CellCosts.of_rule(cell_cost(tiles, config.physics))
    depths = config.verification.depths_m
    return Domain(
        grid=grid,
        tiles=tiles,
        cells=cells,
        costs=costs,
        layout=campaign_layout(n_ranks, config.runs, config.parallel, len(config.instance_names), cells, costs.values),
        observed_weights=depth_weights(*config.observations.depth_m),
        depth_weights=np.array([depth_weights(*depth) for depth in depths]),
        depth_names=tuple(depth_name(depth) for depth in depths),
        columns=make_columns(config.runs, config.output, len(config.verification.depths_m)),
        is_land=cells.to_image(np.ones(len(cells)), fill=0.0) > 0.0,
        is_soil=is_soil,
        is_scored=cells.mask(config.verification.min_soil_fraction),
        porosity=cells.to_image(cells.porosity),
        case=case,
    )


def redistributed(domain: Domain, runs: Sequence[Run], parallel: ParallelConfig, costs: CellCosts) -> Domain:
    """The domain with its land cells distributed by other costs. Local."""
    before = domain.layout
    layout = campaign_layout(before.n_ranks, runs, parallel, before.n_instances, domain.cells, costs.values)
    return replace(domain, costs=costs, layout=layout)


def campaign_layout(
    n_ranks: int, runs: Sequence[Run], parallel: ParallelConfig, n_instances: int, cells: LandCells, cost: IntArray
) -> Layout:
    """Process layout of a campaign, from the cost of its land cells. Local."""
    return make_layout(
        n_ranks,
        n_instances,
        cells.tiles_per_cell,
        _member_groups(runs, parallel),
        parallel.roots,
        min((n for run in runs if (n := run.shared_members) is not None), default=None),
        cost,
    )


def _member_groups(runs: Sequence[Run], parallel: ParallelConfig) -> int | None:
    """Member groups wanted; None: as the layout chooses, for a campaign with ensembles."""
    if parallel.member_groups is None and any(run.ensemble is not None for run in runs):
        return None
    return parallel.member_groups or 1


_COST = {
    "soil_water": {PatchType.SOIL: 10, PatchType.WETLAND: 3},
    "land_surface": {PatchType.SOIL: 30, PatchType.WETLAND: 36, PatchType.GLACIER: 16, PatchType.LAKE: 16},
}
_LOWEST_COST = 1
"""Relative cost of a tile's forecast by physics and patch type, measured (``landda bench column``): soil_water 0.63 us
per step for soil, 0.05 us for ice and lakes; land_surface tenths of 1 us. Wetlands with physics land_surface: from the
CPU times of the ranks of a campaign (docs/scaling.md), because most of them lie where steps of the northern summer are
long."""


def cell_cost(tiles: Tiles, physics: str) -> IntArray:
    """Relative cost of each land cell by the kinds of its tiles, int64, (n_cells,)."""
    cost = np.full(len(tiles), _LOWEST_COST, dtype=np.int64)
    for patchtype, value in _COST[physics].items():
        cost[tiles.patchtype == patchtype] = value
    _, cell = np.unique(tiles.cell, return_inverse=True)
    return np.bincount(cell, weights=cost).astype(np.int64)


def depth_name(depth_m: tuple[float, float]) -> str:
    """(0.1, 0.4) -> '10-40 cm'."""
    return f"{100 * depth_m[0]:g}-{100 * depth_m[1]:g} cm"
