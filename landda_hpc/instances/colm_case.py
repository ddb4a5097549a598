"""The CoLM case of a campaign: its files, its tiles, its namelist as a template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landda_hpc.config import CaseConfig, Model
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import exists, with_absolute_paths
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles, read_case_tiles
from landda_hpc.model.column.colm_tiles import with_static_fields
from landda_hpc.state import Tiles

DEFAULT_LAND_COVER_YEAR = 2005
"""CoLM's default of DEF_LC_YEAR."""


@dataclass(frozen=True, eq=False)
class CaseDomain:
    """The CoLM case of a campaign.

    Attributes
    ----------
    case : its files.
    namelist : its namelist; relative paths are made absolute if they exist next to it.
    tiles : its tiles on the campaign's grid.
    """

    case: ColmCase
    namelist: Namelist
    tiles: CaseTiles

    @property
    def scheme(self) -> SoilWaterScheme:
        """The soil water scheme chosen in the namelist (CoLM's default is VSF)."""
        vsf = self.namelist.logical("DEF_USE_VariablySaturatedFlow")
        return SoilWaterScheme.COLM2014 if vsf is False else SoilWaterScheme.VSF

    def tiles_for(self, model: Model) -> Tiles:
        """The tiles for the campaign's model; for a model in this process, with vegetation and climate added."""
        if not model.runs_here:
            return self.tiles.tiles
        return with_static_fields(self.tiles.tiles, self.tiles.grid)


@dataclass(frozen=True, eq=False)
class CaseForcing:
    """The forcing namelist of a case.

    Attributes
    ----------
    namelist : group nl_colm_forcing; relative paths are made absolute if they exist.
    is_changed : whether this changed the namelist, so that the model needs the changed one.
    """

    namelist: Namelist
    is_changed: bool


def open_case(config: CaseConfig, data_root: Path, least_size: int = 1) -> CaseDomain:
    """Read a case's namelist, constants and mapping. Local: no communication; the same on every rank.

    Parameters
    ----------
    config : location of the case.
    data_root : folder to which relative paths refer.
    least_size : see ``read_case_tiles``.

    Raises
    ------
    MissingFileError, DataError, ConfigError : the case is incomplete or of a kind that cannot be assimilated into.
    """
    # The model runs in other folders, so no path may be relative to this one.
    root = data_root.absolute()
    namelist = read_namelist(root / config.namelist)
    folder = case_folder(namelist, root / config.namelist) if config.folder is None else root / config.folder
    year = namelist.number("DEF_LC_YEAR")
    case = find_case(
        folder,
        name=namelist.text_value("DEF_CASE_NAME"),
        lc_year=DEFAULT_LAND_COVER_YEAR if year is None else int(year),
    )
    return CaseDomain(case, namelist, read_case_tiles(case, least_size))


def read_namelist(path: Path) -> Namelist:
    """A case's namelist; relative paths in it are made absolute if they exist next to the file.

    Raises
    ------
    MissingFileError, DataError : there is no such file or group.
    """
    if not path.is_file():
        raise MissingFileError(f"namelist '{path}' does not exist. Check case.namelist and data_root.")
    return with_absolute_paths(Namelist.from_file(path), path.parent)


def read_forcing(namelist: Namelist) -> CaseForcing:
    """The forcing namelist that a case's namelist names. Local.

    Relative paths in it refer to the folder of the case's namelist, where the model is started. Files missing there are
    searched next to the forcing namelist.

    Raises
    ------
    MissingFileError, DataError : no forcing namelist is named, it does not exist, or lacks the group.
    """
    text = namelist.text_value("DEF_forcing_namelist")
    if text is None or text.lower() in ("", "null"):
        raise DataError(f"namelist '{namelist.source}' names no DEF_forcing_namelist.")
    path = Path(text)
    if not path.is_absolute() or not exists(path):
        raise MissingFileError(
            f"namelist '{namelist.source}': DEF_forcing_namelist = '{text}' does not exist; give an absolute path, or "
            f"one relative to {Path(namelist.source).parent}."
        )
    found = Namelist.from_file(path, "nl_colm_forcing")
    absolute = with_absolute_paths(found, Path(namelist.source).parent, path.parent)
    return CaseForcing(absolute, absolute.text != found.text)


def case_folder(namelist: Namelist, path: Path) -> Path:
    """``<DEF_dir_output>/<DEF_CASE_NAME>`` of a namelist.

    Raises
    ------
    ConfigError : the namelist does not name both.
    """
    output, name = namelist.text_value("DEF_dir_output"), namelist.text_value("DEF_CASE_NAME")
    if not output or not name:
        raise ConfigError(f"namelist '{path}' has no DEF_dir_output or no DEF_CASE_NAME; set case.folder.")
    return path.parent / output / name
