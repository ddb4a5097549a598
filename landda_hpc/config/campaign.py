"""The configuration of a campaign, and the consistency of its sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from landda_hpc.config.domain import CaseConfig, GridConfig, TilesConfig, TimeConfig
from landda_hpc.config.forcing import Forcing, ForcingConfig
from landda_hpc.config.model import MODELS, Model
from landda_hpc.config.observations import FOR_ALL_PRODUCTS, AnyEntry, Observations, ProductName, Referee, Role
from landda_hpc.config.output import CheckpointConfig, OutputConfig, ParallelConfig
from landda_hpc.config.products import or_a_list, with_products
from landda_hpc.config.runs import METHODS, Run
from landda_hpc.config.section import THINNEST_M, Section, Word
from landda_hpc.config.stations import Stations
from landda_hpc.config.twin import TwinConfig
from landda_hpc.config.verification import VerificationConfig
from landda_hpc.fourier import DEFAULT as DEFAULT_LIBRARY
from landda_hpc.fourier import FourierName
from landda_hpc.variables import STATE_OF_PHYSICS

MAX_RUNS = 2000
"""Largest number of runs of a campaign."""

MAX_INSTANCES = 4000
"""Largest number of model states of a campaign: runs, and members of ensembles."""


class CampaignConfig(Section):
    """A campaign: a nature run or real observations, and one or more runs."""

    # Until a configuration is read, methods need not be loaded.
    model_config = ConfigDict(defer_build=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="name of the campaign")
    description: str = Field("", max_length=4096, description="purpose of the campaign")
    fourier: FourierName = Field(
        DEFAULT_LIBRARY,
        description="library of Fourier transforms and spherical harmonics: ducc0 (GPL, extra 'ducc0') or scipy "
        "(BSD, slower). Results agree to round-off; digests differ",
    )
    seed: int = Field(1, ge=0, lt=2**63, description="seed of all random numbers")
    data_root: Path = Field(
        Path(), description="folder of external data, absolute or relative to the configuration file"
    )
    time: TimeConfig
    grid: GridConfig = Field(default_factory=GridConfig)
    tiles: TilesConfig = Field(default_factory=TilesConfig)
    case: CaseConfig | None = Field(
        None,
        description="CoLM case whose patches are the tiles, for the embedded model or for CoLM itself; needs "
        "grid.kind = case",
    )
    model: Model = Field(default_factory=lambda: MODELS.make("column"))
    forcing: Forcing = Field(default_factory=ForcingConfig)
    twin: TwinConfig | None = Field(None, description="the nature run, if the campaign is a twin experiment")
    catalogue: dict[Word, AnyEntry] = Field(
        {}, max_length=1000, description="named datasets for assimilation and verification"
    )
    observations: Observations = Field(
        description="the assimilated product, or a list of products, each with name and role",
        json_schema_extra=or_a_list,
    )
    products: dict[ProductName, Observations] = Field(
        {},
        max_length=100,
        description="further products by name, each with its role: written as a list in 'observations' "
        "(docs/observations.md)",
    )
    referee: Referee | None = Field(
        None,
        description="second product, or stations, with independent errors. It is not assimilated, but determines the "
        "gains of runs that learn their errors. Keys as in 'observations', or kind: stations",
    )
    stations: Stations | None = Field(
        None,
        description="stations that runs of the method 'hybrid' assimilate, and some that are withheld; every run is "
        "compared with both in every cycle",
    )
    runs: tuple[Run, ...] = Field(
        default_factory=lambda: (METHODS.make("control"), METHODS.make("enkf_like")),
        min_length=1,
        max_length=MAX_RUNS,
        description="runs of the campaign; they share weather and observations",
    )
    parallel: ParallelConfig = Field(default_factory=ParallelConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    verification: VerificationConfig = Field(default_factory=VerificationConfig)

    @model_validator(mode="before")
    @classmethod
    def _divide_products(cls, raw: Any) -> Any:
        return with_products(raw) if isinstance(raw, Mapping) else raw

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = self._problems_of_model()
        names = [run.name for run in self.runs]
        if len(set(names)) < len(names):
            twice = [name for name, count in Counter(names).items() if count > 1]
            problems.append(f"runs: {_some(twice)} is the name of several runs: give each run a different name")
        if "nature" in names:
            problems.append("'nature' is the name of the nature run: choose another name for the run")
        problems += self._ensemble_problems()
        intervals = [("checkpoint", self.checkpoint.every_hours), ("output", self.output.every_hours)]
        if self.checkpoint.own_restarts is not None:
            intervals.append(("checkpoint.restarts", self.checkpoint.own_restarts.every_hours))
        for key, hours in intervals:
            if hours % self.time.cycle_hours:
                problems.append(
                    f"{key}.every_hours = {hours} is not a multiple of the {self.time.cycle_hours}-hour cycle"
                )
        if strange := sorted(time for time in set(self.output.times) if not self.time.ends_cycle(time)):
            problems.append(f"output.times: {_some(strange)} is not the end of a cycle of the campaign")
        problems += self._series_problems()
        series = self.output.series
        if series is not None and series.means and self.time.start.hour % self.time.cycle_hours:
            problems.append(
                f"output.series.means: no {self.time.cycle_hours}-hour cycle ends at midnight, where days end; change "
                f"the hour of time.start = {self.time.start.isoformat()}, or remove means"
            )
        withheld = () if self.observations.withheld is None else self.observations.withheld.times
        last = self.time.assimilation_end
        if strange := sorted(time for time in set(withheld) if time > last or not self.time.ends_cycle(time)):
            problems.append(f"observations.withheld.times: {_some(strange)} is not an analysis time")
        if self.scored_since > self.time.assimilation_end and self.verification.discard_days:
            problems.append(
                f"verification.discard_days = {self.verification.discard_days} discards the whole assimilation "
                f"window, which ends at {self.time.assimilation_end.isoformat()}"
            )
        top, bottom = self.observations.depth_m
        if not top + THINNEST_M <= bottom <= 3.433:
            problems.append(
                f"observations.depth_m = ({top}, {bottom}): expected 0 <= top < bottom <= 3.433 m, at least 1 mm thick"
            )
        for run in self.runs:
            found = run.problems(self.observations, self.parallel)
            if run.curvelet_frame is not None:
                found += run.curvelet_frame.problems(self.grid)
            problems += [f"run '{run.name}': {problem}" for problem in found]
        problems += self._product_problems()
        problems += self._verification_problems() + self._referee_problems() + self._station_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _problems_of_model(self) -> list[str]:
        """Conflicts between the section of the model and the others."""
        problems: list[str] = []
        if (self.grid.kind == "case") != (self.case is not None):
            problems.append("grid.kind = case and the section 'case' are used together: give both or neither")
        problems += self.model.problems(self.time, self.forcing, self.case, self.twin)
        if (
            self.model.runs_here
            and self.forcing.kind == "netcdf"
            and self.twin is not None
            and self.twin.weather_correlation != 1.0
        ):
            problems.append(
                f"twin.weather_correlation = {self.twin.weather_correlation}: with forcing.kind = netcdf the nature "
                f"run has the weather of the files, too; set it to 1.0"
            )
        return problems

    def _ensemble_problems(self) -> list[str]:
        """Conflicts between the members of ensembles and the other runs and sections."""
        instances = [name for run in self.runs for name in run.instance_names]
        problems = []
        if len(instances) > MAX_INSTANCES:
            problems.append(
                f"runs: {len(instances)} model states in all, with those of ensemble.members; expected at most "
                f"{MAX_INSTANCES}"
            )
        count = Counter(dict.fromkeys((run.name for run in self.runs), 1))
        count.update(name for run in self.runs if run.ensemble is not None for name in run.instance_names)
        twice = [name for name, number in count.items() if number > 1]
        if twice:
            problems.append(f"runs: {_some(twice)} names a run and a member: give the run another name")
        for run in self.runs:
            given = run.ensemble or run.perturbation
            if given is not None and not self.model.runs_here and any(given.parameters.sigmas.values()):
                keys = "ensemble" if run.ensemble is not None else "perturbation"
                problems.append(
                    f"run '{run.name}': {keys}.parameters perturbs the embedded model only; with CoLM perturb the "
                    f"weather (forcing, log_rain_sigma) and initial soil water (wetness_sigma)"
                )
            member = run.perturbation if run.ensemble is None else run.ensemble.member(1)
            if member is not None and member.changes_weather and not self.model.perturbs_weather:
                problems.append(
                    f"run '{run.name}': model.kind = {self.model.kind} cannot perturb the weather of members; set "
                    f"forcing: null and log_rain_sigma: 0, and perturb initial soil water (wetness_sigma)"
                )
            if run.ensemble is not None and run.perturbation is not None:
                problems.append(f"run '{run.name}': give either 'ensemble' or 'perturbation', not both")
        return problems

    def _product_problems(self) -> list[str]:
        """Conflicts between the products, and with the other sections."""
        problems, names = [], [run.name for run in self.runs]
        if self.observations.role != "assimilate":
            problems.append(
                f"observations.role = {self.observations.role}: this one product is assimilated; give a list of "
                "products for other roles"
            )
        for section, product in self.compared_products.items():
            if product.kind == "twin" and self.twin is None:
                problems.append(f"{section}.kind = twin needs the section 'twin' (the nature run)")
            assimilated = product.catalogue_entry
            entry = self.catalogue.get(assimilated or "")
            if assimilated is not None and entry is None:
                problems.append(
                    f"{section}.entry = {assimilated} is not in the catalogue, which has "
                    f"{', '.join(self.catalogue) or 'no entry'}"
                )
            elif entry is not None and not entry.is_gridded:
                problems.append(
                    f"{section}.entry = {assimilated} has stations ({entry.product}), which serve for "
                    f"verification only; name an entry with a gridded product"
                )
            elif entry is not None and not entry.has_soil_moisture:
                problems.append(f"{section}.entry = {assimilated} has rain and no soil moisture ({entry.product})")
            innovation = product.quality.innovation
            if innovation is not None and innovation.run not in (None, *names):
                problems.append(
                    f"{section}.quality.innovation.run = '{innovation.run}': there is no run of that "
                    f"name; expected one of {', '.join(names)}"
                )
        for name, product in self.products.items():
            if product.role == "referee" or product.name is not None or name == self.observations.name:
                problems.append(
                    f"products.{name}: found role {product.role} and name {product.name}; expected another name than "
                    "that of the first product, role assimilate or verify, and no key 'name'"
                )
            if product.depth_m != self.observations.depth_m:
                problems.append(
                    f"products.{name}.depth_m = {product.depth_m} differs from observations.depth_m = "
                    f"{self.observations.depth_m}: give all products the same layer (verification.references compares "
                    "products at other depths)"
                )
            used = [key for key in FOR_ALL_PRODUCTS if getattr(product, key)]
            problems += [
                f"products.{name}.{key}: give it to the first assimilated product; it holds for all" for key in used
            ]
        if self.products and self.observations.name is None:
            problems.append("observations.name is missing: with several products every one needs a name")
        return problems

    def _referee_problems(self) -> list[str]:
        """Conflicts between the referee and the other sections."""
        referee, observed = self.referee, self.observations
        problems: list[str] = []
        if referee is None:
            return problems
        if not any(run.uses_referee for run in self.runs):
            problems.append(
                "referee: no run uses it to learn errors; add a run {method: learned}, or remove the section"
            )
        if referee.kind == "twin" and self.twin is None:
            problems.append("referee.kind = twin needs the section 'twin' (the nature run)")
        entry = self.catalogue.get(referee.catalogue_entry or "")
        if referee.catalogue_entry is not None and (
            entry is None or entry.is_gridded == (referee.kind == "stations") or not entry.has_soil_moisture
        ):
            found = "is missing" if entry is None else f"has product {entry.product}"
            problems.append(
                f"referee.entry: needs an entry of {'stations' if referee.kind == 'stations' else 'a gridded product'} "
                f"in the catalogue; '{referee.catalogue_entry}' {found} (entries: "
                f"{', '.join(self.catalogue) or 'none'})"
            )
        if referee.kind != "stations":
            if referee.depth_m != observed.depth_m:
                problems.append(
                    f"referee.depth_m = {referee.depth_m} differs from observations.depth_m = {observed.depth_m}: "
                    f"give both the same layer"
                )
            used = [name for name in FOR_ALL_PRODUCTS if getattr(referee, name)]
            problems += [f"referee.{name}: a referee is not assimilated; remove the key" for name in used]
        is_same = referee.kind == observed.kind and referee.kind != "twin"
        mine, other = ((section.catalogue_entry, getattr(section, "path", None)) for section in (referee, observed))
        if is_same and mine == other:
            problems.append(
                f"referee: {mine[0] or mine[1]} is also the assimilated product; a referee needs independent errors. "
                f"Choose another product"
            )
        return problems

    def _station_problems(self) -> list[str]:
        """Conflicts between the stations and the other sections."""
        stations, problems = self.stations, []
        users = [run.name for run in self.runs if run.uses_stations]
        if stations is None:
            if users:
                problems.append(
                    f"run '{users[0]}': it assimilates stations, but the section 'stations' is missing; add e.g. "
                    "stations: {kind: stations, entry: ismn} or, in a twin, stations: {kind: twin}"
                )
            return problems
        if stations.kind == "twin" and self.twin is None:
            problems.append("stations.kind = twin needs the section 'twin' (the nature run)")
        name = stations.catalogue_entry
        entry = self.catalogue.get(name or "")
        if name is not None and (entry is None or entry.is_gridded):
            found = "is missing" if entry is None else f"has product {entry.product}"
            problems.append(
                f"stations.entry: needs an entry of stations in the catalogue; '{name}' {found} (entries: "
                f"{', '.join(self.catalogue) or 'none'})"
            )
        if users and name is not None and self.referee is not None and name == self.referee.catalogue_entry:
            problems.append(
                f"stations.entry: '{name}' is also the referee, which is not assimilated; give one of them other "
                "stations"
            )
        return problems

    def _series_problems(self) -> list[str]:
        series, problems = self.output.series, list[str]()
        if series is None:
            return problems
        hours, cycle = series.every_hours, self.time.cycle_hours
        if hours is not None and cycle % hours:
            problems.append(f"output.series.every_hours = {hours} does not divide the {cycle}-hour cycle")
        elif hours is not None and self.model.runs_here and 3600 * hours % getattr(self.model, "timestep_s", 1):
            problems.append(f"output.series.every_hours = {hours} is not a multiple of model.timestep_s")
        if series.fluxes and not self.model.runs_here:
            problems.append(
                f"output.series.fluxes: model.kind = {self.model.kind} returns states only. Remove the key; CoLM's own "
                "history has fluxes (DEF_HIST_FREQ, keep_history)"
            )
        return problems

    def _verification_problems(self) -> list[str]:
        asked, problems = self.verification, []
        if (asked.references or asked.stations or asked.twin_stations) and self.output.series is None:
            problems.append(
                "verification.references and .stations need the recorded series of soil water; add output.series: {}"
            )
        if asked.twin_stations is not None and self.twin is None:
            problems.append("verification.twin_stations needs the section 'twin' (the nature run)")
        wanted = [("references", r.entry, True) for r in asked.references]
        wanted += [("stations", s.entry, False) for s in asked.stations]
        wanted += [("precipitation", asked.precipitation, True)] if asked.precipitation is not None else []
        for key, name, is_gridded in wanted:
            entry = self.catalogue.get(name)
            lacks_water = key == "references" and entry is not None and not entry.has_soil_moisture
            if entry is None or entry.is_gridded != is_gridded or lacks_water:
                found = "is missing" if entry is None else f"has product {entry.product}"
                problems.append(
                    f"verification.{key}: needs an entry of {'a gridded product' if is_gridded else 'stations'} in the "
                    f"catalogue; '{name}' {found} (entries: {', '.join(self.catalogue) or 'none'})"
                )
        return problems

    @property
    def physics(self) -> Literal["soil_water", "land_surface"]:
        """Physics that defines the state of the tiles: that of the embedded model, or soil water for CoLM itself."""
        return self.model.tile_physics

    @property
    def state_names(self) -> tuple[str, ...]:
        """Variables of the tiles' state, in restart order."""
        return STATE_OF_PHYSICS[self.physics]

    @property
    def compared_products(self) -> dict[str, Observations]:
        """Products that are assimilated or compared with the runs, by section: 'observations', 'products.NAME'."""
        further = {f"products.{name}": one.model_copy(update={"name": name}) for name, one in self.products.items()}
        return {"observations": self.observations} | further

    @property
    def roles(self) -> dict[str, Role]:
        """Role of each of several products by its name; empty with one product."""
        if not self.products:
            return {}
        return {str(product.name): product.role for product in self.compared_products.values()}

    @property
    def observed_sections(self) -> dict[str, Observations | Referee | Stations]:
        """Every section with observations, by its name: of the products, the referee and the stations."""
        found: dict[str, Observations | Referee | Stations] = {**self.compared_products}
        found |= {} if self.referee is None else {"referee": self.referee}
        return found if self.stations is None else found | {"stations": self.stations}

    @property
    def windows(self) -> TimeConfig:
        """The clock with the model's forecasts as cycles: records within a cycle (output.series) divide it."""
        hours = None if self.output.series is None else self.output.series.every_hours
        return self.time if hours is None else self.time.model_copy(update={"cycle_hours": hours})

    @property
    def scored_since(self) -> datetime:
        """First time that counts in the means of the tables."""
        return self.time.start + timedelta(days=self.verification.discard_days)

    @property
    def analysed_window(self) -> tuple[datetime, datetime]:
        """First and last analysis time that count in the means of the tables."""
        return self.scored_since, self.time.assimilation_end

    @property
    def instance_names(self) -> tuple[str, ...]:
        """Model instances of the campaign: the nature run first, if there is one."""
        return (("nature",) if self.twin else ()) + tuple(n for run in self.runs for n in run.instance_names)


def _some(found: Sequence[str | datetime]) -> str:
    """The first few of many names or times, for a message."""
    first = [item.isoformat() if isinstance(item, datetime) else item for item in found[:5]]
    more = f" and {len(found) - len(first)} more" if len(found) > len(first) else ""
    return ", ".join(first) + more
