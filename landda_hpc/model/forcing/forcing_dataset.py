"""Forcing dataset of a configuration: a named dataset, possibly modified, or one that the user describes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from landda_hpc.errors import ConfigError
from landda_hpc.formats.forcing.forcing_sets import (
    QUANTITIES,
    SETS,
    STORES,
    ForcingSet,
    VariableFiles,
    climate_data_store,
)

if TYPE_CHECKING:
    from landda_hpc.config import NetcdfForcing

_USUAL: Final[dict[str, tuple[Literal["mean"], Literal["begin"], Literal["linear", "uniform", "sun"]]]] = {
    "shortwave": ("mean", "begin", "sun"),
    "longwave": ("mean", "begin", "linear"),
    "precipitation": ("mean", "begin", "uniform"),
}
"""Default meaning, time stamp and interpolation of fluxes."""


def forcing_set(forcing: NetcdfForcing) -> ForcingSet:
    """Apply the configuration's changes to the named dataset.

    Raises
    ------
    ConfigError : a variable is missing, or the description of a variable is incomplete.
    """
    base = SETS[forcing.dataset]
    if forcing.files is not None:
        base = climate_data_store(forcing.files, STORES[forcing.dataset])
    variables = dict(base.variables)
    for name, change in forcing.variables.items():
        known = variables.get(name)
        if known is None:
            if change.path is None or change.name is None:
                raise ConfigError(f"forcing.variables.{name}: dataset '{forcing.dataset}' has no such variable; give "
                                  "its path and name.")  # fmt: skip
            known = VariableFiles(change.path, (change.name,), *_USUAL.get(name, ("instant", "begin", "linear")))
        given: dict[str, Any] = {
            key: value
            for key in ("path", "meaning", "stamp", "interpolation", "units")
            if (value := getattr(change, key)) is not None
        }
        if change.name is not None:
            given["names"] = (change.name,)
        if change.offset_minutes is not None:
            given["offset"] = timedelta(minutes=change.offset_minutes)
        variables[name] = replace(known, **given)
        if variables[name].meaning == "instant" and variables[name].interpolation != "linear":
            raise ConfigError(f"forcing.variables.{name}: instants are interpolated linearly, not "
                              f"'{variables[name].interpolation}'.")  # fmt: skip
    if "wind_speed" in forcing.variables:
        variables = {n: v for n, v in variables.items() if n not in ("eastward_wind", "northward_wind")}
    if "specific_humidity" in forcing.variables:
        variables.pop("dew_point", None)
    needed = {"shortwave", "longwave", "air_temperature", "surface_pressure", "precipitation"} - set(variables)
    if "wind_speed" not in variables and not {"eastward_wind", "northward_wind"} <= set(variables):
        needed.add("wind_speed")
    if "specific_humidity" not in variables and "dew_point" not in variables:
        needed.add("specific_humidity")
    if needed:
        raise ConfigError(
            f"forcing.dataset = {forcing.dataset} lacks {', '.join(sorted(needed))}: add them to forcing.variables."
        )
    return replace(base, variables={n: variables[n] for n in QUANTITIES if n in variables})
