"""What a paper's experiment requires of a campaign: runs, times of figures, places of profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from landda_hpc.config import CampaignConfig, RegionConfig, Run, SeriesConfig, TimeConfig, TwinStationsConfig
from landda_hpc.errors import ConfigError
from landda_hpc.methods.control import ControlRun
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.methods.var3d import Var3dImageRun
from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
from landda_hpc.verification.tables.side_by_side import ComparedRuns

PaperName = Literal["bai2026", "shen2024"]
FIELDS: Final = ("background", "analysis", "increment", "innovation", "observation", "truth")


@dataclass(frozen=True)
class Place:
    """Place of a profile: a typical place of its kind, because the papers print no coordinates."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Moment:
    """Time of a figure in the paper, and its replacement in a campaign with another calendar."""

    paper: datetime
    otherwise: Literal["first", "end of window", "end"]

    def of(self, time: TimeConfig) -> datetime:
        """Return the paper's time if a cycle of the campaign ends then, otherwise the replacement."""
        first = time.valid_time(1)
        if first <= self.paper <= time.end and not (self.paper - time.start) % time.cycle:
            return self.paper
        return {"first": first, "end of window": max(first, time.assimilation_end), "end": time.end}[self.otherwise]


@dataclass(frozen=True)
class Experiment:
    """One paper's experiment.

    Attributes
    ----------
    name : name of the experiment and of its configuration file.
    mark : citation of the paper on the page.
    method : analysis method of the paper.
    product_key : product that the paper assimilates.
    moments : times of the maps.
    series : first and last time of the images of the threshold study; None without one.
    places : places of the profiles.
    fields : images that the figures need.
    twin_stations : stations of a twin if the paper has stations; None otherwise.
    days : days of the anomalies at stations.
    regions : regions of the maps and of means over stations.
    kinds : kinds of vegetation of the sections over time and depth, with their type in the embedded model; the cell
        with the largest change is drawn. Empty: the places.
    section_depth_m : depth of these sections, m.
    place_of_days : how the model is compared with stations on maps of a day; None: as elsewhere.
    series_hours : interval of the paper's series of soil moisture, h.
    """

    name: PaperName
    mark: str
    method: type[Run]
    product_key: str
    moments: dict[str, Moment]
    series: tuple[datetime, datetime] | None
    places: tuple[Place, ...]
    fields: tuple[str, ...] = FIELDS
    twin_stations: TwinStationsConfig | None = None
    days: tuple[date, ...] = ()
    regions: tuple[RegionConfig, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()
    section_depth_m: float = 0.0
    place_of_days: Literal["nearest", "bilinear"] | None = None
    series_hours: int = 1

    @property
    def benchmarks(self) -> Path:
        """File of the paper's scores."""
        return Path(f"package:papers/{self.name}.csv")

    def compared(self, campaign: str, runs: Sequence[Run]) -> ComparedRuns:
        """Return the runs that correspond to the paper's control and assimilation.

        Raises
        ------
        ConfigError : the campaign lacks one of them.
        """

        def first(kind: type[Run]) -> str:
            found = next((run.name for run in runs if isinstance(run, kind)), None)
            if found is None:
                raise ConfigError(
                    f"campaign '{campaign}' has no run of method {kind.model_fields['method'].default}, which the page "
                    f"of {self.name} needs; it has {', '.join(run.name for run in runs)}."
                )
            return found

        return ComparedRuns(first(ControlRun), first(self.method))

    def prepared(self, config: CampaignConfig) -> CampaignConfig:
        """Add the images, profiles and series that the figures need to a configuration; results do not change."""
        self.compared(config.name, config.runs)
        times = {*config.output.times, *(moment.of(config.time) for moment in self.moments.values())}
        if self.series is not None:
            times |= set(self.times_of_series(config.time))
        changes = {
            "fields": tuple(dict.fromkeys((*config.output.fields, *self.fields))),
            "times": tuple(sorted(times)),
            "layers": True,
            "profiles": config.output.profiles or tuple((place.lat, place.lon) for place in self.places),
            "series": config.output.series
            or self._series(config.verification.depths_m, config.time, is_embedded=config.model.runs_here),
        }
        return self.verified(config.model_copy(update={"output": config.output.model_copy(update=changes)}))

    def _series(self, depths_m: Sequence[tuple[float, float]], time: TimeConfig, *, is_embedded: bool) -> SeriesConfig:
        """Series of the scored layers; at the paper's interval if the model can be recorded within a cycle."""
        can = is_embedded and time.cycle_hours % self.series_hours == 0
        return SeriesConfig(
            to_depth_m=max(self.section_depth_m, *(bottom for _, bottom in depths_m)),
            every_hours=self.series_hours if can else None,
        )

    def verified(self, config: CampaignConfig) -> CampaignConfig:
        """Add the paper's scores, regions and days, and in a twin stations, to a configuration without its own."""
        asked, changes = config.verification, dict[str, object]()
        if config.twin is not None and not asked.stations and asked.twin_stations is None:
            changes["twin_stations"] = self.twin_stations
        if not asked.benchmarks:
            changes["benchmarks"] = (self.benchmarks,)
        if not asked.regions:
            changes["regions"] = self.regions
        if asked.place_of_days is None:
            changes["place_of_days"] = self.place_of_days
        if not asked.days:
            first, end = config.scored_since, config.time.assimilation_end
            changes["days"] = tuple(day for day in self.days if first.date() <= day < end.date())
        return config.model_copy(update={"verification": asked.model_copy(update=changes)})

    def times_of_series(self, time: TimeConfig) -> list[datetime]:
        """Return the ends of cycles within the paper's series of images; if these are too few, the campaign's first."""
        ends = [time.valid_time(n) for n in range(1, time.n_cycles + 1)]
        if self.series is None:
            return []
        within = [t for t in ends if self.series[0] <= t <= self.series[1]]
        most = (self.series[1] - self.series[0]) // timedelta(hours=6) + 1
        return within if len(within) > 2 else ends[:most]


BAI2026: Final = Experiment(
    "bai2026",
    "[B26]",
    EnkfLikeRun,
    "gldas_noah",
    {
        "first analysis": Moment(datetime(2022, 6, 2, 6), "first"),
        "end of the window": Moment(datetime(2022, 8, 1), "end of window"),
    },
    None,
    (
        Place("shrub, temperate", 40.0, -117.0),
        Place("grass, not arctic", 47.0, 112.0),
        Place("corn", 42.0, -93.0),
        Place("needleleaf evergreen, temperate", 44.5, -121.5),
    ),
    twin_stations=TwinStationsConfig(per_region=148),
    days=(date(2022, 6, 18),),
    regions=BAI2026_REGIONS,
    kinds=(
        ("shrub, temperate", "semi-desert"),
        ("grass, not arctic", "steppe"),
        ("corn", "prairie"),
        ("needleleaf evergreen, temperate", "cool forest"),
    ),
    section_depth_m=2.0,
    place_of_days="bilinear",
    series_hours=3,
)

SHEN2024: Final = Experiment(
    "shen2024",
    "[S24]",
    Var3dImageRun,
    "era5_land",
    {
        "first analysis": Moment(datetime(2016, 5, 1, 6), "first"),
        "after 15 days": Moment(datetime(2016, 5, 16), "first"),
        "end of the window": Moment(datetime(2016, 9, 1), "end of window"),
    },
    (datetime(2016, 5, 1), datetime(2016, 5, 30, 18)),
    (
        Place("bare soil, west of the plateau", 33.0, 83.0),
        Place("bare soil, east of the plateau", 35.0, 95.0),
        Place("corn, plain", 36.0, 115.0),
        Place("needleleaf evergreen, boreal", 58.0, 100.0),
        Place("Tianshan", 43.0, 84.5),
    ),
    (*FIELDS, "innovation_layers"),
)

EXPERIMENTS: Final[dict[str, Experiment]] = {"bai2026": BAI2026, "shen2024": SHEN2024}
