"""Compare the final states of two spin-ups of the same columns: with and without acceleration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FROZEN_ICE, SOIL_DZ, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.image.aggregate import volumetric_water
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.spun_up_start import INSTANCES, period_years
from landda_hpc.state import PatchType
from landda_hpc.storage.checkpoint import read_header, read_instance
from landda_hpc.storage.checkpoint_format import GRID

SAME_TABLE_M: Final = 0.05
QUANTILES: Final = (0.5, 0.9, 1.0)


@dataclass(frozen=True)
class Ends:
    """Differences of two final states, over all soil tiles.

    Attributes
    ----------
    years, other_years : number of years of each.
    same_table : tiles whose water tables are within ``SAME_TABLE_M``.
    water, surface, temperature : quantiles (``QUANTILES``) over these tiles of the difference of the deepest
        layer's water, of 0-10 cm water, m3 m-3, and of the deepest layer's temperature, K.
    frozen : other tiles, whose deepest layer holds ice in one of the states.
    moving : the other tiles, whose water tables differ.
    towards : tiles among them in which the last pass of the other spin-up moved its table towards this one.
    """

    years: int
    other_years: int
    same_table: int
    water: tuple[float, ...]
    surface: tuple[float, ...]
    temperature: tuple[float, ...]
    frozen: int
    moving: int
    towards: int


def compare_ends(domain: Domain, path: Path, other: Path) -> Ends:
    """Compare the final states of two spin-ups. Local.

    Parameters
    ----------
    domain : of both.
    path, other : ``spinup.h5`` of each.

    Raises
    ------
    ConfigError : they have other tiles, or the other spin-up has only one pass.
    StorageError : a file is missing or damaged.
    """
    tiles = domain.tiles
    n = len(tiles)
    grid = domain.grid.describe()
    for file in (path, other):
        header = read_header(file)
        if header.instances != INSTANCES:
            raise ConfigError(
                f"{file} is not a spin-up file: it holds {', '.join(header.instances)}. Name another folder."
            )
        if header.n_tiles != n or header.records.get(GRID, grid) != grid:
            raise ConfigError(
                f"{file} holds {header.n_tiles} tiles of {header.records.get(GRID, 'a grid')}, the "
                f"configuration has {n} of {grid}: only states of the same tiles can be compared."
            )
    of_other = read_header(other)
    if of_other.cycle < 2 * period_years(of_other):
        raise ConfigError(
            f"{other} has run through its forcing only once, {of_other.cycle} years; two passes are needed to "
            "determine its direction: continue it with --max-years."
        )
    mine, theirs = (read_instance(file, "state", slice(0, n)) for file in (path, other))
    before = read_instance(other, "year_before", slice(0, n))
    is_soil = tiles.patchtype == PatchType.SOIL
    apart = mine["zwt"] - theirs["zwt"]
    same = is_soil & (np.abs(apart) <= SAME_TABLE_M)
    has_ice = (mine.soil("wice_soisno")[:, -1] > FROZEN_ICE) | (theirs.soil("wice_soisno")[:, -1] > FROZEN_ICE)
    moving = is_soil & ~same & ~has_ice
    change = volumetric_water(mine) - volumetric_water(theirs)
    upper = SOIL_DZ[:4] / SOIL_DZ[:4].sum()
    surface = np.abs((change[:, :4] * upper).sum(axis=1))
    warmth = np.abs(mine.soil("t_soisno")[:, -1] - theirs.soil("t_soisno")[:, -1])

    def quantiles(values: FloatArray) -> tuple[float, ...]:
        return tuple(float(q) for q in np.quantile(values[same], QUANTILES)) if same.any() else ()

    return Ends(
        years=read_header(path).cycle,
        other_years=of_other.cycle,
        same_table=int(np.count_nonzero(same)),
        water=quantiles(np.abs(change[:, -1])),
        surface=quantiles(surface),
        temperature=quantiles(warmth),
        frozen=int(np.count_nonzero(is_soil & ~same & has_ice)),
        moving=int(np.count_nonzero(moving)),
        towards=int(np.count_nonzero(moving & ((theirs["zwt"] - before["zwt"]) * apart > 0.0))),
    )
