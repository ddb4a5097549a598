"""The registry of state variables: names as CoLM writes them, units, dimensions, valid range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from landda_hpc.constants import N_SNOW, N_SOIL

DIMENSIONS: Final[dict[str, int]] = {
    "soilsnow": N_SNOW + N_SOIL,
    "soil": N_SOIL,
    "snow": N_SNOW,
}
"""Length of every dimension except ``patch``; soil layer k is soilsnow slot N_SNOW + k."""


@dataclass(frozen=True)
class Variable:
    """One variable of the tile state.

    Attributes
    ----------
    name : CoLM's name, also the name in restart and checkpoint.
    dims : dimensions after ``patch``.
    valid_min, valid_max : physical range (inclusive); None where there is no bound. Zero is a bound.
    """

    name: str
    long_name: str
    units: str
    dims: tuple[str, ...]
    standard_name: str | None = None
    valid_min: float | None = None
    valid_max: float | None = None
    initial: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths after the patch dimension."""
        return tuple(DIMENSIONS[d] for d in self.dims)


STATE: Final[dict[str, Variable]] = {
    v.name: v
    for v in (
        Variable("wliq_soisno", "liquid water in snow and soil layers", "kg m-2", ("soilsnow",),
                 "liquid_water_content_of_soil_layer", 0.0, 3000.0),
        Variable("wice_soisno", "ice in snow and soil layers", "kg m-2", ("soilsnow",),
                 "frozen_water_content_of_soil_layer", 0.0, 30000.0),
        Variable("t_soisno", "temperature of snow and soil layers", "K", ("soilsnow",),
                 "soil_temperature", 150.0, 360.0, initial=283.0),
        Variable("smp", "soil matric potential", "mm", ("soil",), None, -1.0e9, 1.0e5),
        Variable("hk", "hydraulic conductivity of soil", "mm s-1", ("soil",), None, 0.0, 10.0),
        Variable("z_sno", "node depth of snow layers, negative upward", "m", ("snow",), None, -50.0, 0.0),
        Variable("dz_sno", "thickness of snow layers", "m", ("snow",), None, 0.0, 50.0),
        Variable("t_grnd", "ground surface temperature", "K", (), "surface_temperature", 150.0, 360.0,
                 initial=283.0),
        Variable("tleaf", "leaf temperature", "K", (), "canopy_temperature", 150.0, 360.0, initial=283.0),
        Variable("ldew", "water on foliage", "kg m-2", (), "canopy_water_amount", 0.0, 50.0),
        Variable("scv", "snow mass", "kg m-2", (), "surface_snow_amount", 0.0, 1.0e5),
        Variable("snowdp", "snow depth", "m", (), "surface_snow_thickness", 0.0, 500.0),
        Variable("wdsrf", "water ponded on the surface", "kg m-2", (), None, 0.0, 1.0e5),
        Variable("wetwat", "water in wetland", "kg m-2", (), None, 0.0, 1.0e5),
        Variable("wa", "water in the aquifer", "kg m-2", (), None, -1.0e5, 1.0e5, initial=4800.0),
        Variable("zwt", "depth of the water table", "m", (), "water_table_depth", 0.0, 80.0, initial=5.0),
        Variable("sag", "snow age", "1", (), None, 0.0, 1.0e4),
        Variable("fsno", "share of the ground under snow", "1", (), "surface_snow_area_fraction", 0.0, 1.0),
    )
}  # fmt: skip
"""Every variable that a tile state can have, in restart order."""

LAND_STATE: Final[tuple[str, ...]] = tuple(STATE)
"""Names of the state of the physics ``land_surface``: all."""

SOIL_WATER_STATE: Final[tuple[str, ...]] = tuple(name for name in STATE if name not in ("sag", "fsno"))
"""Names of the state of the physics ``soil_water``."""

STATE_OF_PHYSICS: Final[dict[str, tuple[str, ...]]] = {"soil_water": SOIL_WATER_STATE, "land_surface": LAND_STATE}
"""Names of the state by the model's physics (``model.physics`` of the configuration)."""
