"""Sources of observations, and which observations are used."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from landda_hpc.config.domain import MAX_CYCLES, Box, RegionStd, check_boxes
from landda_hpc.config.quality import (
    BiasTreatment,
    ConstantErrors,
    NoBias,
    ObservationErrors,
    QualityConfig,
    RegriddingConfig,
)
from landda_hpc.config.section import (
    DepthM,
    FilePattern,
    Fraction,
    LengthKm,
    Minutes,
    Section,
    SoilWater,
    SoilWaterOrZero,
    UtcTime,
    Word,
)
from landda_hpc.config.verification import StationsConfig
from landda_hpc.plugins import AnyOf, Registry

log = logging.getLogger(__name__)


class InstantWindow(Section):
    """The observation of the analysis time itself."""

    kind: Literal["instant"] = "instant"


class NearestWindow(Section):
    """The observation nearest to the analysis time; for overpasses, the nearest one in each cell."""

    kind: Literal["nearest"] = "nearest"
    hours: float = Field(1.5, ge=0.01, le=24.0, description="maximum difference from the analysis time, h")


class MeanWindow(Section):
    """The mean of the observations in a window."""

    kind: Literal["mean"] = "mean"
    hours: float = Field(
        24.0, ge=0.01, le=744.0, description="length of the window, h; the time at its beginning is excluded"
    )
    position: Literal["centred", "before"] = Field(
        "centred", description="the analysis time is in the middle of the window, or at its end"
    )
    min_share: Fraction = Field(
        0.5,
        description="minimum fraction of the product's times in the window for which a cell must have a value; for "
        "overpasses, one is enough",
    )


Window = Annotated[InstantWindow | NearestWindow | MeanWindow, Field(discriminator="kind")]


class WithheldConfig(Section):
    """Observations that pass every check but are kept for verification. One of the rules is sufficient."""

    fraction: Fraction = Field(
        0.0, description="fraction of the blocks that is withheld, drawn with the campaign's seed"
    )
    block_deg: float = Field(
        0.0,
        ge=0.0,
        le=180.0,
        description="size of the blocks, degrees of latitude and longitude; 0 = single cells",
    )
    redraw: bool = Field(
        False, description="draw new blocks for every time instead of using the same blocks at all times"
    )
    boxes: tuple[Box, ...] = Field(
        (), max_length=1000, description="south, north, west, east of withheld boxes, degrees"
    )
    list_file: Path | None = Field(
        None, description="CSV file under data_root with columns lat, lon, and time (ISO 8601, UTC; empty: always)"
    )
    times: tuple[UtcTime, ...] = Field(
        (), max_length=MAX_CYCLES, description="analysis times whose observations are all withheld, UTC"
    )

    @model_validator(mode="after")
    def _withholds(self) -> Self:
        check_boxes(self.boxes)
        if not (self.fraction or self.boxes or self.list_file or self.times):
            raise ValueError("no observation is withheld: give fraction, boxes, list_file or times")
        return self


Role = Literal["assimilate", "referee", "verify"]

ProductName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]


class ObservationUse(Section):
    """Uses of observations other than assimilation."""

    # Until a configuration is read, quality checks need not be loaded.
    model_config = ConfigDict(defer_build=True)

    name: ProductName | None = Field(
        None,
        description="name of the product in records, feedback and reports; every product of a list needs one. Random "
        "numbers of a twin's product are keyed by it",
    )
    role: Role = Field(
        "assimilate",
        description="in a list: the product is assimilated; is the referee, which determines gains of runs that learn "
        "their errors; or is only compared with the runs in every cycle",
    )
    withheld: WithheldConfig | None = Field(
        None, description="observations that are kept for verification; default none"
    )
    monitor_only: bool = Field(
        False,
        description="compare observations with the backgrounds (O-B) without assimilating them: every run is "
        "a free run",
    )
    feedback: bool = Field(
        False,
        description="write every observation with its value, error, flag, backgrounds and analyses to feedback/, one "
        "CF netCDF file per time",
    )


class TreatedObservations(ObservationUse):
    """Processing of the observations of a product; see docs/regridding_and_quality.md."""

    regridding: RegriddingConfig = Field(default_factory=RegriddingConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    errors: ObservationErrors = Field(default_factory=ConstantErrors)
    representativeness_std: SoilWaterOrZero = Field(
        0.0, description="error of representing the grid cell by pixels, added in quadrature, m3 m-3"
    )
    bias: BiasTreatment = Field(default_factory=NoBias)

    are_from_files: ClassVar[bool] = True

    @property
    def added_std(self) -> float:
        """Standard deviation that is added in quadrature to the errors that the source reports, m3 m-3."""
        return self.representativeness_std

    @property
    def catalogue_entry(self) -> str | None:
        """Name of the assimilated entry of the catalogue; None if the section itself names the files."""
        return None


class NoiseChange(Section):
    """A time from which the errors of a twin's observations are larger or smaller than the configured ones."""

    time: UtcTime = Field(description="first time of the changed errors, UTC")
    factor: float = Field(ge=0.0, le=100.0, description="factor on the configured white and correlated errors")


class TwinBias(Section):
    """A bias of a twin's observations."""

    bias: float = Field(0.0, ge=-0.5, le=0.5, description="constant part, m3 m-3")
    annual_amplitude: SoilWaterOrZero = Field(0.0, description="amplitude of an annual cycle, m3 m-3")
    day_of_maximum: float = Field(1.0, ge=1.0, le=366.0, description="day of the year of its maximum")
    boxes: tuple[Box, ...] = Field(
        (),
        max_length=1000,
        description="south, north, west, east of the boxes that have the bias, degrees; empty: all cells",
    )

    @model_validator(mode="after")
    def _has_size(self) -> Self:
        check_boxes(self.boxes)
        if not (self.bias or self.annual_amplitude):
            raise ValueError("the bias is zero: give bias or annual_amplitude")
        return self


class TwinObservations(ObservationUse):
    """Observations drawn from the nature run."""

    kind: Literal["twin"] = "twin"
    depth_m: tuple[DepthM, DepthM] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: SoilWater = Field(0.06, description="standard deviation of the white error added to the truth, m3 m-3")
    error_std_regions: tuple[RegionStd, ...] = Field(
        (),
        max_length=100,
        description="regions where the white error has a different standard deviation, which the observations "
        "report; the last region counts where several overlap",
    )
    correlated_std: SoilWaterOrZero = Field(
        0.0, description="standard deviation of a spatially correlated error in addition to the white one, m3 m-3"
    )
    correlated_length_km: LengthKm = Field(250.0, description="L of its correlation exp(-1/2 (d / L)^2), km")
    persistence_hours: float = Field(
        0.0,
        ge=0.0,
        le=1e5,
        description="e-folding time of the errors in 'persistent', h: they persist from one time to the next, like "
        "errors of products made with models; 0 = errors at different times are independent",
    )
    persistent: Literal["both", "correlated"] = Field(
        "both",
        description="errors that persist: the white and the correlated ones, or the correlated ones alone, with white "
        "errors that are drawn for each time",
    )
    noise_changes: tuple[NoiseChange, ...] = Field(
        (),
        max_length=1000,
        description="times, in ascending order, from which both errors are scaled, as after a fault of the sensor; "
        "the observations still report the configured errors",
    )
    biases: tuple[TwinBias, ...] = Field(
        (), max_length=100, description="biases that the observations do not report; they add up where boxes overlap"
    )
    missing_fraction: Fraction = Field(0.0, description="fraction of the cells without observation")
    gaps: Literal["random", "network", "swaths", "blobs", "stripes"] = Field(
        "random",
        description="kind of gaps: 'random' = cells drawn independently at each time; 'network' = cells drawn once; "
        "'swaths' = gaps between slanted, moving swaths; 'blobs' = patches, and 'stripes' = meridional stripes "
        "about twelve cells wide, both constant in time",
    )
    quality: QualityConfig = Field(default_factory=QualityConfig)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [change.time for change in self.noise_changes]
        if times != sorted(set(times)):
            raise ValueError(
                "noise_changes: the times are not in ascending order; expected every time once, the earliest first"
            )
        if self.persistent == "correlated" and not (self.persistence_hours and self.correlated_std):
            raise ValueError(
                "persistent: correlated needs correlated errors that persist; give correlated_std and persistence_hours"
            )
        return self

    are_from_files: ClassVar[bool] = False
    added_std: ClassVar[float] = 0.0

    @property
    def errors(self) -> None:
        """Configured source of the errors: none, because the observations themselves report their errors."""
        return None

    @property
    def bias(self) -> NoBias:
        """The bias treatment: none."""
        return NoBias()

    @property
    def catalogue_entry(self) -> None:
        """Name of the assimilated entry of the catalogue: none."""
        return None


class FileObservations(TreatedObservations):
    """Keys common to all observations from files."""

    depth_m: tuple[DepthM, DepthM] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: SoilWater = Field(
        0.025,
        description="standard deviation of errors that quality control assumes, m3 m-3: values are rejected if they "
        "lie outside [0, porosity] by more than four standard deviations",
    )
    missing: Literal["skip", "error"] = Field(
        "skip", description="an analysis time without a file is skipped and counted, or is an error"
    )
    window: Window = Field(InstantWindow(), description="times of the product that are used in an analysis")
    late: Literal["ignore", "use", "error"] = Field(
        "ignore",
        description="treatment of a file that appears after the start: ignored with a warning, so that every cycle "
        "uses the files that existed at the start; used; or an error",
    )


class GldasObservations(FileObservations):
    """GLDAS-2.1 Noah files as the provider distributes them: a short form of a catalogue with one entry."""

    kind: Literal["gldas"] = "gldas"
    path: FilePattern = Field(
        description="file pattern with strftime codes, under data_root, e.g. "
        "gldas/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="treatment of a file that cannot be read: an error, or skipped with a warning and counted"
    )


class CatalogueObservations(FileObservations):
    """Observations of a product in the catalogue."""

    kind: Literal["catalogue"] = "catalogue"
    entry: Word = Field(description="name of the entry in the catalogue")

    @property
    def catalogue_entry(self) -> str:
        """See ``TreatedObservations.catalogue_entry``."""
        return self.entry


class CatalogueEntry(Section):
    """Named data in files. A subclass has ``product``, a literal, and its own keys.

    ``formats.products.entry.GriddedEntry`` and ``formats.stations.entry.StationEntry`` say how files are read.
    """

    is_gridded: ClassVar[bool]
    """Whether the data are images, which can be assimilated, or stations."""

    has_soil_moisture: ClassVar[bool] = True
    """Whether the data hold soil moisture, or only rain, for figures."""

    product: str = Field(description="product in the files")
    path: FilePattern = Field(
        description="path under data_root. Gridded product: a pattern with strftime codes for the time (which define "
        "the time, including the hour, of files without a time axis), * for unknown parts (of several versions "
        "the newest is used), and {layer} if each layer has its own file. Stations: a folder, a zip archive or a "
        "file",
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="treatment of a file that cannot be read: an error, or skipped with a warning and counted"
    )

    @model_validator(mode="before")
    @classmethod
    def _without_keys_of_others(cls, raw: Any) -> Any:
        """Drop keys of other products that every entry of version 0.1.0 had, at their defaults or without effect."""
        if not isinstance(raw, dict):
            return raw
        kept = {}
        for key, value in raw.items():
            if key in _OF_EVERY_ENTRY and key not in cls.model_fields:
                if value == _OF_EVERY_ENTRY[key]:
                    continue
                if key in _WITHOUT_EFFECT:
                    log.warning(
                        "configuration: the catalogue's %s has no key %s; it is ignored, and will be an error in the "
                        "next release",
                        raw.get("product", "entry"),
                        key,
                    )
                    continue
            kept[key] = value
        return kept


_OF_EVERY_ENTRY: Final[dict[str, Any]] = {
    "variables": {},
    "units": None,
    "step_hours": 24.0,
    "utc_offset_hours": 0.0,
    "table_units": "detect",
}
_WITHOUT_EFFECT: Final = ("step_hours", "utc_offset_hours")

PRODUCT_ENTRIES: Final[Registry[CatalogueEntry]] = Registry(
    "gridded product",
    "landda_hpc.formats.products.entry:GriddedEntry",
    "product",
    "landda_hpc.formats.products.entries",
    order=(
        "gldas_noah", "era5", "era5_land", "cldas", "smap_l2", "smap_l3", "smap_l3_pm", "smap_l4", "smap_l4_update",
        "esa_cci", "smos_l3", "smos_l4", "ascat", "cgls_swi", "cf", "cma_merged_rain",
    ),
    group="landda_hpc.products",
)  # fmt: skip
"""Entries of gridded products by their ``product``."""

STATION_ENTRIES: Final[Registry[CatalogueEntry]] = Registry(
    "station reader",
    "landda_hpc.formats.stations.entry:StationEntry",
    "product",
    "landda_hpc.formats.stations.entries",
    order=("ismn", "cma_csv"),
    group="landda_hpc.stations",
)
"""Entries of stations by their ``product``."""

AnyEntry = Annotated[CatalogueEntry, AnyOf(PRODUCT_ENTRIES, STATION_ENTRIES)]
"""An entry of the catalogue, of any product or stations."""


class RefereeStations(StationsConfig):
    """Stations as a referee: the mean of those sensors in a cell that have a value near the analysis time."""

    # Until a configuration is read, quality checks need not be loaded.
    model_config = ConfigDict(defer_build=True)

    kind: Literal["stations"] = "stations"
    representativeness_std: SoilWater = Field(
        0.06, description="standard deviation of the difference between a station and its cell's mean, m3 m-3"
    )
    tolerance_minutes: Minutes = Field(
        90.0, description="maximum time between an analysis and a station's value, minutes"
    )
    quality: QualityConfig = Field(default_factory=QualityConfig)

    errors: ClassVar[None] = None
    bias: ClassVar[NoBias] = NoBias()
    added_std: ClassVar[float] = 0.0  # the source reports representativeness_std

    @property
    def error_std(self) -> float:
        """Standard deviation of errors that quality control assumes, m3 m-3."""
        return self.representativeness_std

    @property
    def catalogue_entry(self) -> str:
        """Name of the stations' entry of the catalogue."""
        return self.entry


Observations = Annotated[TwinObservations | GldasObservations | CatalogueObservations, Field(discriminator="kind")]

FOR_ALL_PRODUCTS: Final = ("withheld", "monitor_only", "feedback")
"""Keys of the first assimilated product that hold for all products of a campaign."""

Referee = Annotated[
    TwinObservations | GldasObservations | CatalogueObservations | RefereeStations, Field(discriminator="kind")
]
"""Observations that are not assimilated but determine the gains of runs that learn their errors."""
