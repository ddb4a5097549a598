"""The CoLM case of a campaign: its files, its tiles, its namelist as a template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landda_hpc.config import CaseConfig, Model
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.colm.case import find_case
from landda_hpc.model.colm.colm202x import Colm202X
from landda_hpc.model.colm.colm2014 import GROUP, Colm2014, open_case_2014
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import exists, with_absolute_paths
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles, read_case_tiles
from landda_hpc.model.colm.tiles2014 import read_case_tiles_2014
from landda_hpc.model.column.colm_tiles import with_static_fields
from landda_hpc.state import Tiles

DEFAULT_LAND_COVER_YEAR = 2005
"""CoLM's default of DEF_LC_YEAR."""


@dataclass(frozen=True, eq=False)
class CaseDomain:
    """The CoLM case of a campaign.

    Attributes
    ----------
    files : its files; their class is that of the model's version.
    namelist : its namelist; relative paths are made absolute if they exist next to it.
    tiles : its tiles on the campaign's grid.
    """

    files: Colm202X | Colm2014
    namelist: Namelist
    tiles: CaseTiles

    @property
    def scheme(self) -> SoilWaterScheme:
        """The model's soil water scheme; for CoLM202X that of the namelist (its default is VSF)."""
        if isinstance(self.files, Colm2014):
            return SoilWaterScheme.COLM2014
        vsf = self.namelist.logical("DEF_USE_VariablySaturatedFlow")
        return SoilWaterScheme.COLM2014 if vsf is False else SoilWaterScheme.VSF

    def forcing(self) -> CaseForcing | None:
        """The forcing namelist; None for CoLM2014, whose forcing data are chosen when it is compiled."""
        return None if isinstance(self.files, Colm2014) else read_forcing(self.namelist)

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
    if is_colm2014(namelist):
        return _open_case_2014(namelist, folder, least_size)
    year = namelist.number("DEF_LC_YEAR")
    case = find_case(
        folder,
        name=namelist.text_value("DEF_CASE_NAME"),
        lc_year=DEFAULT_LAND_COVER_YEAR if year is None else int(year),
    )
    return CaseDomain(Colm202X(case), namelist, read_case_tiles(case, least_size))


def _open_case_2014(namelist: Namelist, folder: Path, least_size: int) -> CaseDomain:
    sizes = {key: namelist.number(key) for key in ("numpatch", "lat_points", "lon_points")}
    lacking = [key for key, size in sizes.items() if size is None]
    if lacking:
        raise DataError(
            f"namelist '{namelist.source}' has no {', '.join(lacking)}. It needs the lines of clmini.infolist, which "
            "initial.x writes, too."
        )
    files = open_case_2014(namelist, folder)
    n_patch, n_lat, n_lon = (int(size or 0) for size in sizes.values())
    return CaseDomain(files, namelist, read_case_tiles_2014(files, n_patch, (n_lat, n_lon), least_size))


def is_colm2014(namelist: Namelist) -> bool:
    """Whether a case's namelist is that of CoLM2014 (timeloop.stdin), not of CoLM202X (case.nml)."""
    return namelist.group == GROUP


def read_namelist(path: Path) -> Namelist:
    """A case's namelist, of either version; relative paths in it are made absolute if they exist next to the file.

    Raises
    ------
    MissingFileError, DataError : there is no such file or group.
    """
    if not path.is_file():
        raise MissingFileError(f"namelist '{path}' does not exist. Check case.namelist and data_root.")
    return with_absolute_paths(Namelist.from_file(path, "nl_colm", GROUP), path.parent)


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
    """``<DEF_dir_output>/<DEF_CASE_NAME>`` of a namelist; for CoLM2014 ``dir_restart_hist``.

    Raises
    ------
    ConfigError : the namelist does not name them.
    """
    if is_colm2014(namelist):
        text = namelist.text_value("dir_restart_hist") or ""
        if not text.endswith("/"):
            raise ConfigError(
                f"namelist '{path}': dir_restart_hist = '{text}': expected a folder with / at its end, to which "
                "CoLM2014 appends the names of restarts."
            )
        return path.parent / text
    output, name = namelist.text_value("DEF_dir_output"), namelist.text_value("DEF_CASE_NAME")
    if not output or not name:
        raise ConfigError(f"namelist '{path}' has no DEF_dir_output or no DEF_CASE_NAME; set case.folder.")
    return path.parent / output / name
