"""Products of ASCAT in percent of saturation: soil moisture of the surface on a grid, and the Soil Water Index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.formats.products.layered import Field, LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductVariable
from landda_hpc.regridding.depth import DepthRange

PERCENT: Final = ("%", "percent", "percent saturation", "percentage of saturation")
FROZEN_STATES: Final = (2.0, 3.0)
"""Values of SSF: frozen; melting, or water on the surface."""

_MOST_PROBABLE: Final = 50.0
"""Probability of frozen soil or snow, percent, from which the condition counts."""

_ERRORS: Final = ("surface_soil_moisture_noise", "ssm_noise", "sm_noise", "noise")
_PROBABILITIES: Final = {
    "frozen": ("frozen_soil_probability", "frozen_prob"),
    "snow": ("snow_cover_probability", "snow_prob"),
}


def saturation_layer(name: str, depth_m: DepthRange, aliases: tuple[str, ...] = ()) -> ProductVariable:
    """Create a soil layer in percent of saturation, read as a fraction from 0 to 1."""
    return ProductVariable(
        name=name,
        long_name=f"degree of saturation, {100 * depth_m[0]:g}-{100 * depth_m[1]:g} cm",
        standard_name=None,
        units=PERCENT,
        valid_range=(0.0, 100.0),
        factor=0.01,
        depth_m=depth_m,
        aliases=aliases,
    )


class SaturationFile(LayeredFile):
    """An image with quality and state of the surface, and errors if the file has them.

    Parameters
    ----------
    least_quality : smallest quality of a recommended value of the Soil Water Index, percent.
    """

    def __init__(self, path: Path, layout: Layout, least_quality: float) -> None:
        self._least_quality, self._scale = least_quality, layout.variables[0].factor
        super().__init__(path, layout)

    def extras(
        self,
        values: FloatArray,  # noqa: ARG002 - for other products
        field: Field,
        time: datetime,  # noqa: ARG002 - for other products
    ) -> tuple[FloatArray | None, Mapping[str, BoolArray], FloatArray | None]:
        """See ``LayeredFile.extras``."""

        def first(names: tuple[str, ...]) -> FloatArray | None:
            return next((found for name in names if (found := field(name)) is not None), None)

        conditions: dict[str, BoolArray] = {}
        state = first(("SSF", "ssf", "surface_state_flag"))
        if state is not None:
            conditions["frozen"] = np.isin(state, FROZEN_STATES)
        for name, names in _PROBABILITIES.items():
            probability = first(names)
            if probability is not None:
                likely = np.nan_to_num(probability) >= _MOST_PROBABLE
                conditions[name] = conditions.get(name, np.zeros_like(likely)) | likely
        name = next(iter(self._names.values()))
        quality = first((name.replace("SWI", "QFLAG"),)) if name.startswith("SWI") else None
        if quality is not None:
            conditions["not_recommended"] = np.nan_to_num(quality) < self._least_quality
        noise = first(_ERRORS)
        std = None if noise is None else np.where(noise > 0.0, self._scale * noise, np.nan)[None]
        return std, conditions, None


def swi_product(time_constant_days: int, depth_m: DepthRange, porosity: float | None, least_quality: float) -> Product:
    """Create the Soil Water Index of one time constant; arguments as the keys of its section.

    Parameters
    ----------
    porosity : m3 m-3; None: values stay a fraction of saturation, which the source multiplies with the model's
        porosity.
    """
    variable = saturation_layer(f"SWI_{time_constant_days:03d}", depth_m)
    return _product("cgls_swi", f"SWI, T = {time_constant_days} days", variable, porosity, least_quality, tried=True)


def ascat_product(variable: str, porosity: float | None) -> Product:
    """Create surface soil moisture of ASCAT on a grid of latitude and longitude; ``porosity`` as ``swi_product``."""
    aliases = tuple(name for name in ("surface_soil_moisture", "ssm", "sm") if name != variable)
    layer = saturation_layer(variable, (0.0, 0.02), aliases)
    return _product("ascat", "ASCAT surface soil moisture", layer, porosity, 0.0, tried=False)


def _product(
    key: str, label: str, variable: ProductVariable, porosity: float | None, least_quality: float, *, tried: bool
) -> Product:
    scaled = variable if porosity is None else replace(variable, factor=variable.factor * porosity)
    layout = Layout(
        label=label,
        variables=(scaled,),
        latitude=("lat", "latitude"),
        longitude=("lon", "longitude"),
        time=("time",),
        one_time=True,
        may_be_empty=True,
        step=timedelta(days=1),
    )
    return Product(
        key=key,
        label=label,
        variables=(scaled,),
        time_convention="as in the file; daily",
        stamp="instant",
        step=timedelta(days=1),
        opens=partial(open_saturation, layout=layout, least_quality=least_quality),
        many_times=False,
        may_be_empty=True,
        tried=tried,
        reference="Wagner et al. (1999), doi:10.1016/S0034-4257(99)00036-X; product user manuals of H SAF and CGLS",
        first=timedelta(hours=12) if key == "cgls_swi" else timedelta(0),
        is_saturation=porosity is None,
    )


def open_saturation(path: Path, layout: Layout, least_quality: float) -> SaturationFile:
    """Open a file of one image; the errors of the file are scaled as its values.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; axes, times or units differ from the provider's.
    """
    return SaturationFile(path, layout, least_quality)
