"""The CoLM case of a campaign: its files, its tiles, its namelist as a template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from landda_hpc.config import CampaignConfig, CaseConfig
from landda_hpc.errors import ConfigError, MissingFileError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles, read_case_tiles
from landda_hpc.model.column.foreign import with_own_fields
from landda_hpc.state import Tiles

DEFAULT_LAND_COVER_YEAR = 2005
"""CoLM's own default of DEF_LC_YEAR."""


@dataclass(frozen=True, eq=False)
class CaseDomain:
    """A case as a campaign uses it.

    Attributes
    ----------
    case : its files.
    namelist : its namelist; relative paths that were found beside it are absolute.
    tiles : its tiles on the campaign's grid.
    """

    case: ColmCase
    namelist: Namelist
    tiles: CaseTiles

    @property
    def scheme(self) -> SoilWaterScheme:
        """The soil water scheme that the namelist chooses (CoLM's default is VSF)."""
        vsf = self.namelist.logical("DEF_USE_VariablySaturatedFlow")
        return SoilWaterScheme.COLM2014 if vsf is False else SoilWaterScheme.VSF

    def tiles_for(self, config: CampaignConfig) -> Tiles:
        """The tiles as the campaign's model takes them: the embedded one adds vegetation and climate of its own."""
        return with_own_fields(self.tiles.tiles, self.tiles.grid) if config.model.kind == "column" else self.tiles.tiles


def open_case(config: CaseConfig, data_root: Path, least_size: int = 1) -> CaseDomain:
    """Read a case's namelist, constants and mapping. Local: no communication; the same on every rank.

    Parameters
    ----------
    config : where it is.
    data_root : folder that relative paths count from.
    least_size : see ``read_case_tiles``.

    Raises
    ------
    MissingFileError, DataError, ConfigError : the case is incomplete or of a kind that cannot be assimilated into.
    """
    namelist = read_namelist(data_root / config.namelist)
    folder = case_folder(namelist, data_root / config.namelist) if config.folder is None else data_root / config.folder
    year = namelist.number("DEF_LC_YEAR")
    case = find_case(
        folder,
        name=namelist.text_value("DEF_CASE_NAME"),
        lc_year=DEFAULT_LAND_COVER_YEAR if year is None else int(year),
    )
    # The model runs in folders of its own, so links to the case must not count from here.
    case = replace(case, restart=case.restart.absolute(), const=case.const.absolute())
    return CaseDomain(case, namelist, read_case_tiles(case, least_size))


def read_namelist(path: Path, group: str = "nl_colm") -> Namelist:
    """A namelist file; texts that name something beside the file by a relative path become absolute.

    Raises
    ------
    MissingFileError, DataError : there is no such file or group.
    """
    if not path.is_file():
        raise MissingFileError(f"namelist '{path}' does not exist. Check case.namelist and data_root.")
    namelist = Namelist(path.read_text(encoding="utf-8", errors="surrogateescape"), group, str(path))
    beside = {
        key: str((path.parent / text).resolve())
        for key, text in namelist.texts().items()
        if text and not Path(text).is_absolute() and "/" in text and (path.parent / text).exists()
    }
    return namelist.with_values(beside)


def case_folder(namelist: Namelist, path: Path) -> Path:
    """``<DEF_dir_output>/<DEF_CASE_NAME>`` of a namelist.

    Raises
    ------
    ConfigError : the namelist does not name both.
    """
    output, name = namelist.text_value("DEF_dir_output"), namelist.text_value("DEF_CASE_NAME")
    if not output or not name:
        raise ConfigError(
            f"namelist '{path}' has no DEF_dir_output or no DEF_CASE_NAME; name the folder in case.folder."
        )
    return path.parent / output / name
