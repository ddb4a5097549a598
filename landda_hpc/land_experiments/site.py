"""A run of the embedded land model at one site, hourly, compared with other models' histories and tower fluxes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import N_SOIL
from landda_hpc.errors import ConfigError, MissingFileError, ModelError
from landda_hpc.formats.colm.point import PointHistory, read_history
from landda_hpc.formats.forcing.plumber import PointFluxes, PointForcing, hourly, read_fluxes, read_forcing, read_site
from landda_hpc.formats.own.site_output import write_site_series
from landda_hpc.image.aggregate import volumetric_water
from landda_hpc.land_experiments.site_scores import (
    FLUX_NAMES,
    HOUR,
    FluxBar,
    RangeScore,
    SiteScore,
    SiteSeries,
    compare_ranges,
    compare_sites,
    flux_bars,
    write_scores,
)
from landda_hpc.land_experiments.site_setup import SiteModel, prepare_site
from landda_hpc.model.column.checks import midnight
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.storage.output_folder import claim_folder

logger = logging.getLogger(__name__)

TIMESTEP_S: Final = 1800
EMBEDDED: Final = "embedded"
_FIGURES: Final = ("soil_moisture.png", "soil_temperature.png", "fluxes.png", "diurnal.png")
"""Name of the embedded model in tables and figures."""


@dataclass(frozen=True)
class WaterBudget:
    """Sums over a run, kg m-2, and the largest residuals of its steps (kg m-2, W m-2)."""

    precipitation: float
    evapotranspiration: float
    runoff: float
    drainage: float
    storage_change: float
    water_residual: float
    energy_residual: float


_WATER: Final = ("precipitation", "evapotranspiration", "runoff", "drainage", "storage_change")


@dataclass(frozen=True)
class SiteJob:
    """Settings of a run and its comparisons; see ``landda land site --help``.

    Attributes
    ----------
    forcing, site, initial, constants, observations : files; None if not given.
    site_soil : use the soil of ``site`` even if a restart is given.
    output : folder.
    references : ``[NAME=]PATH`` of hourly CoLM histories, the first is the main reference.
    start, end : local standard time; None: the whole hours of the forcing.
    spin_up : number of passes before the evaluated one.
    utc_offset_hours : local standard time minus UTC; None: from the longitude.
    figures : whether to draw.
    """

    forcing: Path
    site: Path
    output: Path
    initial: Path | None = None
    constants: Path | None = None
    site_soil: bool = False
    references: tuple[str, ...] = ()
    observations: Path | None = None
    start: datetime | None = None
    end: datetime | None = None
    spin_up: int = 0
    utc_offset_hours: float | None = None
    figures: bool = True


@dataclass(frozen=True, eq=False)
class SiteResult:
    """Scores of a run, its water budget, and the written files."""

    budget: WaterBudget
    scores: list[SiteScore]
    ranges: list[RangeScore]
    bars: list[FluxBar]
    written: list[Path]


def compare_at_site(job: SiteJob) -> SiteResult:
    """Run the embedded model at a site, score it, write tables, series and figures. Local: no communication.

    Raises
    ------
    ConfigError : two references of one name, or a period without whole hours.
    DataError, MissingFileError : a file is missing or not usable.
    ModelError : state or weather is outside the physical range.
    StorageError : the output cannot be written, or its folder has files of other programs.
    """
    forcing = read_forcing(job.forcing)
    references = read_references(job.references)
    tower = series_of_tower(read_fluxes(job.observations), forcing) if job.observations else None
    model = prepare_site(
        forcing, read_site(job.site), job.initial, job.constants, job.utc_offset_hours, site_soil=job.site_soil
    )
    start = job.start or _next_hour(forcing.start)
    end = job.end or forcing.end.replace(minute=0, second=0, microsecond=0)
    claim_folder(job.output, "site", ("scores.csv", "ranges.csv", "series.nc", *_FIGURES))
    series, budget = run_site(model, start, end, job.spin_up)
    references = {name: r.over(start, series.n_hour) for name, r in references.items()}
    tower = tower.over(start, series.n_hour) if tower else None
    scores = compare_sites(EMBEDDED, series, references, tower)
    ranges = compare_ranges(series, references)
    first = next(iter(references), None)
    write_scores(scores, ranges, job.output)
    write_site_series(
        job.output / "series.nc",
        start,
        model.utc_offset,
        {name: (values, *_CF[name]) for name, values in series.values.items()},
        {
            "title": f"embedded land model at {_place(forcing)}",
            "source": "landda site",
        },
    )
    written = [job.output / name for name in ("scores.csv", "ranges.csv", "series.nc")
               if (job.output / name).is_file()]  # fmt: skip
    if job.figures:
        written += _draw(job.output, series, references, tower, _place(forcing))
    return SiteResult(budget, scores, ranges, flux_bars(EMBEDDED, first, scores) if first else [], written)


def read_references(items: tuple[str, ...]) -> dict[str, SiteSeries]:
    """Histories by name from ``[NAME=]PATH``; for a folder, its files ``*_hist_*.nc`` are read.

    Raises
    ------
    ConfigError : two have the same name, or one has the name of the embedded model or the tower.
    DataError, MissingFileError : no such file, none in the folder, or not an hourly history of one patch.
    """
    found: dict[str, SiteSeries] = {}
    for item in items:
        name, separator, text = item.partition("=")
        path = Path(text if separator else item)
        name = name if separator else path.stem if path.suffix == ".nc" else path.resolve().name
        if name in found or name in (EMBEDDED, "tower") or not name:
            raise ConfigError(f"--reference {item}: the name '{name}' is used already; give another, NAME=PATH.")
        files = sorted(path.glob("*_hist_*.nc")) if path.is_dir() else [path]
        if not files:
            raise MissingFileError(f"--reference {item}: no *_hist_*.nc in '{path}'.")
        found[name] = series_of_history(read_history(files))
    return found


def run_site(model: SiteModel, start: datetime, end: datetime, spin_up: int = 0) -> tuple[SiteSeries, WaterBudget]:
    """Run the embedded model from start to end and return hourly means. Local: no communication.

    Parameters
    ----------
    model : its state is the initial one, and is advanced in place.
    start, end : local standard time, whole hours.
    spin_up : number of passes over [start, end) before the evaluated one.

    Raises
    ------
    ConfigError : start is not before end, or not a whole hour.
    DataError : the forcing does not cover the period.
    ModelError : state or weather is outside the physical range, or a budget does not close.

    Notes
    -----
    Leaf area is the site's of each year. Means are over the ends of the model's steps, as in CoLM's history.
    Upward short-wave radiation is only available with a forcing step of at most an hour.
    """
    whole = all(t == t.replace(minute=0, second=0, microsecond=0) for t in (start, end))
    if not (whole and start < end):
        raise ConfigError(f"period from {start} to {end}: expected whole hours, the first before the last.")
    if model.weather.step > HOUR:
        logger.info("no upward short wave: the forcing holds for %s, and the sun moves within it", model.weather.step)
    for k in range(spin_up):
        _pass(model, start, end)
        logger.info("spin-up: pass %d of %d", k + 1, spin_up)
    return _pass(model, start, end)


def _pass(model: SiteModel, start: datetime, end: datetime) -> tuple[SiteSeries, WaterBudget]:
    step = timedelta(seconds=TIMESTEP_S)
    per_hour = HOUR // step
    n_step = (end - start) // step
    names = ("latent", "sensible", "net_radiation", "longwave_up", "shortwave_up", "ground")
    fluxes = {name: np.empty(n_step) for name in names}
    theta, t_soil = np.empty((n_step, N_SOIL)), np.empty((n_step, N_SOIL))
    sums = dict.fromkeys(_WATER, 0.0)
    water_residual = energy_residual = 0.0
    land: LandSurfaceModel | None = None
    year = 0
    state = model.state
    for k in range(n_step):
        now = start + k * step
        if land is None or now.year != year:
            year = now.year
            land = LandSurfaceModel(model.tiles, model.weather, model.parameters_of(year), TIMESTEP_S)
        utc = now - model.utc_offset
        report = land.forecast(state, utc, utc + step)
        energy = report.energy
        if energy is None:
            raise ModelError("the embedded model has no energy balance.")
        weather = model.weather.during(utc - (utc - midnight(utc)) % model.weather.step)
        fluxes["latent"][k] = energy.latent[0]
        fluxes["sensible"][k] = energy.sensible[0]
        fluxes["net_radiation"][k] = energy.net_shortwave[0] + energy.net_longwave[0]
        fluxes["longwave_up"][k] = weather.longwave[0] - energy.net_longwave[0]
        fluxes["shortwave_up"][k] = weather.shortwave[0] - energy.net_shortwave[0]
        fluxes["ground"][k] = energy.ground[0]
        theta[k] = volumetric_water(state)[0]
        t_soil[k] = state.soil("t_soisno")[0]
        for name in _WATER:
            sums[name] += float(getattr(report, name)[0])
        water_residual = max(water_residual, report.max_residual)
        energy_residual = max(energy_residual, energy.max_residual)
    if model.weather.step > HOUR:
        del fluxes["shortwave_up"]  # the model distributes short-wave radiation of a forcing step over its steps
    values = {name: series.reshape(-1, per_hour).mean(axis=1) for name, series in fluxes.items()}
    values["soil_moisture"] = theta.reshape(-1, per_hour, N_SOIL).mean(axis=1)
    values["soil_temperature"] = t_soil.reshape(-1, per_hour, N_SOIL).mean(axis=1)
    return SiteSeries(start, values), WaterBudget(
        **sums, water_residual=water_residual, energy_residual=energy_residual
    )


def series_of_history(history: PointHistory) -> SiteSeries:
    """A CoLM history in the form of a run."""
    return SiteSeries(
        history.start, {**history.fluxes, "soil_moisture": history.theta, "soil_temperature": history.t_soil}
    )


def series_of_tower(fluxes: PointFluxes, forcing: PointForcing) -> SiteSeries:
    """Hourly means of tower measurements; an hour needs complete measurements.

    Upward long-wave radiation is the residual of net radiation and the other three components.
    """
    means = {}
    start = fluxes.start
    for name, values in fluxes.values.items():
        start, means[name] = hourly(values, fluxes.start, fluxes.step)
    if {"net_radiation", "shortwave_up"} <= set(means):
        down_start, short = hourly(forcing.values["shortwave"], forcing.start, forcing.step)
        _, long = hourly(forcing.values["longwave"], forcing.start, forcing.step)
        n = next(iter(means.values())).size
        first = (start - down_start) // HOUR
        if first >= 0 and first + n <= short.size:
            means["longwave_up"] = (
                long[first : first + n] + short[first : first + n] - means["shortwave_up"] - means["net_radiation"]
            )
    return SiteSeries(start, means)


def _place(forcing: PointForcing) -> str:
    """For example "44.59°N 123.51°E"."""
    north, east = forcing.latitude, (forcing.longitude + 180.0) % 360.0 - 180.0
    return f"{abs(north):.2f}°{'N' if north >= 0 else 'S'} {abs(east):.2f}°{'E' if east >= 0 else 'W'}"


def _next_hour(time: datetime) -> datetime:
    whole = time.replace(minute=0, second=0, microsecond=0)
    return whole if whole == time else whole + HOUR


_CF: Final[dict[str, tuple[str, str, str | None]]] = {
    "latent": ("W m-2", FLUX_NAMES["latent"], "surface_upward_latent_heat_flux"),
    "sensible": ("W m-2", FLUX_NAMES["sensible"], "surface_upward_sensible_heat_flux"),
    "net_radiation": ("W m-2", FLUX_NAMES["net_radiation"], "surface_net_downward_radiative_flux"),
    "longwave_up": ("W m-2", FLUX_NAMES["longwave_up"], "surface_upwelling_longwave_flux_in_air"),
    "shortwave_up": ("W m-2", FLUX_NAMES["shortwave_up"], "surface_upwelling_shortwave_flux_in_air"),
    "ground": ("W m-2", FLUX_NAMES["ground"], "downward_heat_flux_in_soil"),
    "soil_moisture": ("m3 m-3", "liquid water and ice in soil", "volume_fraction_of_condensed_water_in_soil"),
    "soil_temperature": ("K", "soil temperature", "soil_temperature"),
}


def _draw(
    folder: Path, series: SiteSeries, references: dict[str, SiteSeries], tower: SiteSeries | None, place: str
) -> list[Path]:
    from landda_hpc.land_experiments.site_figures import (
        draw_diurnal,
        draw_fluxes,
        draw_soil,
    )  # imported here, because a run without figures does not need the plotting library

    paths = [folder / name for name in _FIGURES]
    for variable, path in zip(("soil_moisture", "soil_temperature"), paths[:2], strict=True):
        draw_soil(variable, EMBEDDED, series, references, place, path)
    draw_fluxes(EMBEDDED, series, references, tower, place, paths[2])
    draw_diurnal(EMBEDDED, series, references, tower, place, paths[3])
    return paths
