"""The configuration of a paper's experiment for the data that a folder holds, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from landda_hpc.config import OPERATIONAL_STD, parse_config
from landda_hpc.studies.reproduction.data_folder import DataFolder, FoundFiles
from landda_hpc.studies.reproduction.experiment import PaperName

_SOURCES: Final = {
    "gldas_noah": "GLDAS_NOAH025_3H, version 2.1 (NASA GES DISC, https://disc.gsfc.nasa.gov; free account): the netCDF "
    "files of every third hour",
    "forcing": "reanalysis-era5-single-levels (Copernicus Climate Data Store, https://cds.climate.copernicus.eu; free "
    "account): hourly 2m_temperature, 2m_dewpoint_temperature, surface_pressure, 10m_u_component_of_wind, "
    "10m_v_component_of_wind, total_precipitation, surface_solar_radiation_downwards, "
    "surface_thermal_radiation_downwards, one file per month",
    "era5_land": "reanalysis-era5-land (Copernicus Climate Data Store): hourly volumetric_soil_water_layer_1 and _2, "
    "one file per month",
    "rain": "reanalysis-era5-land (Copernicus Climate Data Store): hourly total_precipitation, one file per month",
    "ismn": "International Soil Moisture Network (https://ismn.earth; free account): networks of the United States, "
    "format 'Variables stored in separate files (Header+values)', the archive as it is downloaded",
    "cma_csv": "hourly soil moisture of the automatic stations of the China Meteorological Administration "
    "(https://data.cma.cn; on application)",
    "cldas": "CLDAS-V2.0 soil moisture (China Meteorological Administration, https://data.cma.cn; on application)",
}
"""Where each product can be obtained; the names are those of the providers."""


@dataclass(frozen=True)
class _Calendar:
    start: datetime
    assimilation_end: datetime
    end: datetime
    spinup_days: int


_CALENDARS: Final[dict[PaperName, _Calendar]] = {
    "bai2026": _Calendar(datetime(2022, 6, 2), datetime(2022, 8, 1), datetime(2022, 8, 31), 30),
    "shen2024": _Calendar(datetime(2016, 5, 1), datetime(2016, 9, 1), datetime(2016, 10, 1), 60),
}
_DISCARD_DAYS: Final = 15
"""Days that Shen et al. leave out of the scores."""

_TITLES: Final[dict[PaperName, str]] = {
    "bai2026": "Bai et al. (2026): GLDAS-2.1 is assimilated with EnKF-like updates of the image",
    "shen2024": "Shen et al. (2024): ERA5-Land soil moisture of 0-7 cm is assimilated by 3D-Var",
}


@dataclass
class ReadyConfig:
    """A configuration, and what it rests on.

    Attributes
    ----------
    text : YAML with comments.
    found, missing : one sentence for each product.
    notes : files that cannot be used as they are, and the complete period if it is shorter than the paper's.
    complete_until : end of the period from the paper's start in which no data are missing.
    spinup_days : days before the start whose weather is complete, if they are fewer than the paper's; otherwise None.
    """

    text: str = ""
    found: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete_until: datetime = datetime.max
    spinup_days: int | None = None


def ready_config(paper: PaperName, root: Path, data: DataFolder, case: Mapping[str, Any] | None = None) -> ReadyConfig:
    """Configuration of a paper's experiment for the data of a folder. Local.

    Parameters
    ----------
    root : the data folder.
    data : what it holds (``look_through``).
    case : sections 'grid', 'case' and 'model' of a CoLM case; None: the embedded land model on the paper's grid.

    Returns
    -------
    Products that were not found are left out. The assimilated one stays with a usual pattern, so that
    ``landda check`` names its files.
    """
    ready, calendar = ReadyConfig(), _CALENDARS[paper]
    catalogue: dict[str, dict[str, Any]] = {}
    product = {"bai2026": "gldas_noah", "shen2024": "era5_land"}[paper]
    catalogue["assimilated"] = _assimilated(product, data, calendar, ready)
    sections: dict[str, Any] = {
        "name": f"{paper}_own",
        "description": f"calendar and settings of {_TITLES[paper].partition(':')[0]}, with own data",
        "seed": 11,
        "data_root": str(root),
        "time": {
            "start": calendar.start.isoformat(),
            "assimilation_end": calendar.assimilation_end.isoformat(),
            "end": calendar.end.isoformat(),
            "cycle_hours": 6,
        },
    }
    if case is None:
        sections |= _embedded_model(paper, calendar.spinup_days)
        forcing = _forcing(data, calendar, ready)
        if forcing:
            sections["forcing"] = forcing
    else:
        sections |= case
    verification = _verification(paper, data, calendar, catalogue, ready)
    sections["catalogue"] = catalogue
    sections["observations"] = {
        "kind": "catalogue",
        "entry": "assimilated",
        "depth_m": [0.0, 0.1] if paper == "bai2026" else [0.0, 0.07],
    }
    sections |= _runs_and_output(paper, is_embedded=case is None)
    sections["verification"] = verification
    ready.notes = [*data.remarks, *_shorter_period(paper, calendar, ready)]
    parse_config(sections)
    ready.text = _commented(paper, root, sections, ready)
    return ready


def _shorter_period(paper: PaperName, calendar: _Calendar, ready: ReadyConfig) -> list[str]:
    """How to run the part of the paper's period that is complete; empty if that is all of it, or no analysis."""
    until = min(ready.complete_until, calendar.end)
    if (until == calendar.end and ready.spinup_days is None) or until < calendar.start + timedelta(hours=6):
        return []
    last = min(until, calendar.assimilation_end)
    changes = [f"time.assimilation_end={last:%Y-%m-%dT%H:%M}", f"time.end={until:%Y-%m-%dT%H:%M}"]
    if paper == "shen2024" and last - calendar.start <= timedelta(days=_DISCARD_DAYS):
        changes.append("verification.discard_days=0")
    if ready.spinup_days is not None:
        changes.append(f"model.spinup_days={ready.spinup_days}")
    options = " ".join(f"--set {change}" for change in changes)
    return [
        (
            f"by the names of the files the data are complete until {until:%Y-%m-%d %H} UTC. To run this part only, "
            f"give 'landda check' and 'landda study reproduce {paper} --config' the options {options}"
        )
    ]


def _embedded_model(paper: PaperName, spinup_days: int) -> dict[str, Any]:
    if paper == "bai2026":
        return {
            "grid": {"n_lat": 128, "n_lon": 256},
            "model": {"physics": "land_surface", "initial": "spun_up", "spinup_days": spinup_days},
        }
    edges = {"south": 22.5, "north": 67.5, "west": 73.125, "east": 116.71875}
    return {"grid": {"n_lat": 32, "n_lon": 31, **edges}, "model": {"spinup_days": spinup_days}}


def _runs_and_output(paper: PaperName, *, is_embedded: bool) -> dict[str, Any]:
    if paper == "bai2026":
        errors = {"background_std": 0.15, "observation_std": 0.10}
        of_paper: list[dict[str, Any]] = [
            {"method": "pointwise"},
            _static_error("pointwise", **_white(background=OPERATIONAL_STD, observation=0.10)),
            {"method": "enkf_like", "members": 50, **errors, "estimator": "sampled"},
        ]
        series, hours, output = {"to_depth_m": 2.0}, 3, {"every_hours": 720}
    else:
        of_paper = [{"method": name, "layers": "upper_three"} for name in ("var3d_point", "var3d_image", "var3d_both")]
        of_paper.append(_static_error("var3d_point", layers="upper_three", background_std=OPERATIONAL_STD))
        series, hours, output = {"to_depth_m": 0.28}, 1, {"every_hours": 72}
    if is_embedded:  # CoLM would be started for every record
        series["every_hours"] = hours
    return {
        "runs": [{"method": "control"}, *of_paper, {"method": "learned"}],
        "checkpoint": {"every_hours": 120, "keep_last": 2},
        "output": {**output, "series": series},
    }


def _static_error(method: str, **settings: Any) -> dict[str, Any]:
    """A baseline: an analysis of each cell with the static background error of operational systems."""
    return {"method": method, "name": "static_error", **settings}


def _white(**stds: float) -> dict[str, Any]:
    return {f"{name}_errors": {"kind": "white", "std": std} for name, std in stds.items()}


def _assimilated(product: str, data: DataFolder, calendar: _Calendar, ready: ReadyConfig) -> dict[str, Any]:
    usual = {
        "gldas_noah": "gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.*.nc4",
        "era5_land": "era5_land/swvl_%Y%m.nc",
    }[product]
    found = [one for one in data.of(product) if product != "era5_land" or "swvl1" in one.variables]
    if not found:
        ready.missing.append(f"assimilated product: {_SOURCES[product]}; {_span(calendar.start, calendar.end)}")
        return {"product": product, "path": usual}
    best = max(found, key=lambda one: _n_analyses(one, calendar))
    n, number = _n_analyses(best, calendar), _number(calendar)
    ready.found.append(f"assimilated product: {best.path}, {best.n_files} files, for {n} of {number} analyses")
    if n < number:
        ready.complete_until = min(ready.complete_until, _first_gap(best, calendar))
        ready.missing.append(f"{number - n} of {number} analysis times: {_SOURCES[product]}")
    return {"product": product, "path": best.path}


def _number(calendar: _Calendar) -> int:
    return (calendar.assimilation_end - calendar.start) // timedelta(hours=6)


def _n_analyses(one: FoundFiles, calendar: _Calendar) -> int:
    return sum(has for _, has in _analyses(one, calendar))


def _first_gap(one: FoundFiles, calendar: _Calendar) -> datetime:
    """Return the end of the last cycle before the first analysis without a file."""
    return next(time for time, has in _analyses(one, calendar) if not has) - timedelta(hours=6)


def _analyses(one: FoundFiles, calendar: _Calendar) -> Iterator[tuple[datetime, bool]]:
    """Times of the analyses, and whether there is a file of each."""
    begins = {period.begin for period in one.periods}
    for n in range(1, _number(calendar) + 1):
        time = calendar.start + timedelta(hours=6 * n)
        yield time, time in begins or one.has(time)


def _forcing(data: DataFolder, calendar: _Calendar, ready: ReadyConfig) -> dict[str, Any] | None:
    start = calendar.start - timedelta(days=calendar.spinup_days)
    for one in data.of("era5", "era5_land"):
        section = _section_of(one, data)
        if section is None:
            continue
        days = one.missing_days(start, calendar.end)
        ready.found.append(f"weather: {section['dataset']}, {one.path}, {one.n_files} files")
        if days:
            before = [day for day in days if day < calendar.start]
            if before:
                ready.spinup_days = max(0, (calendar.start - before[-1]).days - 1)
            ready.complete_until = min([ready.complete_until, *(day for day in days if day >= calendar.start)])
            ready.missing.append(
                f"weather of {len(days)} days between {days[0]:%Y-%m-%d} and {days[-1]:%Y-%m-%d}: {_SOURCES['forcing']}"
            )
        return section
    ready.missing.append(
        f"weather (the land model then has generated weather): {_SOURCES['forcing']}; {_span(start, calendar.end)}"
    )
    return None


def _section_of(one: FoundFiles, data: DataFolder) -> dict[str, Any] | None:
    """Section 'forcing' for files with all variables, for pairs of files, and for CoLM's layout; None for others."""
    if one.kind == "era5" and not one.variables:
        return {"kind": "netcdf", "dataset": "era5", "folder": one.path}
    folder, _, name = one.path.rpartition("/")
    has_state, has_amounts = "t2m" in one.variables, {"tp", "ssrd"} <= one.variables
    if has_state and has_amounts:
        dataset = f"{one.kind}_cds"
    elif has_state and "instant" in name:
        other = f"{folder}/{name.replace('instant', 'accum')}".lstrip("/")
        if not any(found.path == other for found in data.files):
            return None
        dataset, name = f"{one.kind}_cds_split", name.replace("instant", "{type}")
    else:
        return None
    while "%" in folder:  # a folder is the same for all times
        folder, _, last = folder.rpartition("/")
        name = f"{last}/{name}"
    return {"kind": "netcdf", "dataset": dataset, "folder": folder or ".", "files": name}


def _verification(
    paper: PaperName,
    data: DataFolder,
    calendar: _Calendar,
    catalogue: dict[str, dict[str, Any]],
    ready: ReadyConfig,
) -> dict[str, Any]:
    wanted: dict[str, Any] = {"benchmarks": f"package:papers/{paper}.csv"}
    period = _span(calendar.start, calendar.end)
    rain = [one for one in data.of("era5_land", "era5") if "tp" in one.variables]
    if rain:
        catalogue["rain"] = {"product": rain[0].kind, "path": rain[0].path}
        wanted["precipitation"] = "rain"
        ready.found.append(f"rain: {rain[0].path}, {rain[0].n_files} files")
    else:
        ready.missing.append(f"rain of the figures: {_SOURCES['rain']}; {period}")
    if paper == "shen2024":
        _reference(data, catalogue, wanted, ready, period)
        return wanted | {"depths_m": [[0.0, 0.07], [0.07, 0.28]], "discard_days": _DISCARD_DAYS}
    boxes = {"China": [[15, 55, 70, 140]], "United States": [[25, 50, -125, -65]]}
    wanted["regions"] = [{"name": name, "boxes": given} for name, given in boxes.items()]
    stations = []
    for kind, name, settings, more in (
        ("cma_csv", "cma", {"utc_offset_hours": 8}, {"accept": ["G", "U"], "sensor_depths_m": [0.0, 0.1]}),
        ("ismn", "ismn", {}, {"sensor_depths_m": [0.08, 0.12]}),
    ):
        found = data.of(kind)
        for number, one in enumerate(found):
            entry = name if number == 0 else f"{name}{number + 1}"
            catalogue[entry] = {"product": kind, "path": one.path, **settings}
            stations.append({"entry": entry, **more})
            ready.found.append(f"stations: {one.path} ({kind})")
        if not found:
            ready.missing.append(f"stations: {_SOURCES[kind]}; {period}")
    if stations:
        wanted["stations"] = stations
    return wanted | {"days": ["2022-06-18"], "place_of_days": "bilinear"}


def _reference(
    data: DataFolder,
    catalogue: dict[str, dict[str, Any]],
    wanted: dict[str, Any],
    ready: ReadyConfig,
    period: str,
) -> None:
    found = data.of("cldas")
    if not found:
        ready.missing.append(f"independent reference: {_SOURCES['cldas']}; {period}")
        return
    catalogue["cldas"] = {"product": "cldas", "path": found[0].path}
    wanted["references"] = [{"entry": "cldas", "name": "CLDAS", "depths_m": [[0.0, 0.05], [0.05, 0.1]]}]
    ready.found.append(f"independent reference: {found[0].path}, {found[0].n_files} files")


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"


def _commented(paper: PaperName, root: Path, sections: Mapping[str, Any], ready: ReadyConfig) -> str:
    lines = [
        f"# {_TITLES[paper]}, with the data in",
        f"# {root}",
        "# and, for comparison, a run with static errors as in operational systems, and a run that learns its errors.",
        "# Written by 'landda init --paper'. Next:",
        "#   landda check THIS_FILE                       opens every file, and estimates the cost",
        f"#   landda study reproduce {paper} --config THIS_FILE     the experiment, and the page of figures",
    ]
    lines += [f"# Found: {sentence}" for sentence in ready.found]
    lines += [f"# Missing: {sentence}" for sentence in ready.missing]
    lines += [f"# Note: {sentence}" for sentence in ready.notes]
    for name, value in sections.items():
        lines += _lines(name, value)
    return "\n".join(lines) + "\n"


def _lines(name: str, value: Any) -> Sequence[str]:
    """A section as YAML: entries of the catalogue, of the verification and runs one per line."""
    if name == "runs":
        return [f"{name}:", *(f"  - {_flow(run)}" for run in value)]
    if name in ("catalogue", "verification", "time", "model"):
        return [f"{name}:", *(f"  {key}: {_flow(given)}" for key, given in value.items())]
    return [f"{name}: {_flow(value)}"]


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()
