"""Sections for process layout, checkpoints and output."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from landda_hpc.config.domain import MAX_CYCLES
from landda_hpc.config.section import Count, Latitude, Longitude, Section, UtcTime


class ParallelConfig(Section):
    """Process layout; affects speed but not the bits of the result."""

    member_groups: Count | None = Field(
        None,
        description="number of member groups, which share the model instances; default 1, with ensembles of model "
        "states the number with the smallest load of a rank",
    )
    roots: Count | None = Field(None, description="number of ranks in the root group; default min(ranks, 10)")
    writer_process: bool | None = Field(
        None,
        description="each root writes its images, feedback files and series in a separate process, while the next "
        "forecast runs; default: if the campaign writes at least 10 million values",
    )
    rebalance: Literal["auto", "always", "never"] = Field(
        "auto",
        description="distribute the land cells again by the measured CPU time of the forecasts, after a checkpoint: "
        "'auto' = if this saves more time than it takes, 'always' = after every checkpoint, once a day has been "
        "measured",
    )
    timeout_minutes: float | None = Field(
        None,
        ge=0.01,
        le=527040.0,
        description="longest time without the begin or end of a step, min; then the job ends with code 6, because a "
        "node or the file system hangs. Default: 60, or 10 times the longest step so far if that is longer",
    )


class KeepConfig(Section):
    """Files that are kept, by their time; the others are removed with each checkpoint."""

    last: Count = Field(description="number of newest times kept")
    monthly: bool = Field(False, description="also keep the first time of each month")
    yearly: bool = Field(False, description="also keep the first time of each year")


class RestartConfig(Section):
    """Interval of the restart sets, and rules for keeping them, if both are not those of the checkpoints."""

    every_hours: Count = Field(24, description="simulated hours between restart sets")
    keep_last: Count = Field(2, description="newest times kept")
    keep_monthly: bool = Field(False, description="keep the first time of each month permanently")
    keep_yearly: bool = Field(False, description="keep the first time of each year permanently")


class CheckpointConfig(Section):
    """Interval of the checkpoints, and rules for keeping them."""

    every_hours: Count = Field(24, description="simulated hours between checkpoints")
    keep_last: Count = Field(2, description="newest checkpoints kept")
    keep_every: Count | None = Field(None, description="keep every n-th checkpoint permanently")
    keep_monthly: bool = Field(False, description="keep the first checkpoint of each month permanently")
    keep_yearly: bool = Field(False, description="keep the first checkpoint of each year permanently")
    mode: Literal["auto", "parallel", "serial"] = Field(
        "auto",
        description="written by all ranks with parallel HDF5, or gathered to one rank; 'auto' = parallel if "
        "h5py supports it",
    )
    restarts: bool | RestartConfig = Field(
        False,
        description="also write restart files to restart/, with each checkpoint, and remove them with it (true), or "
        "with a separate cadence (every_hours, keep_last, keep_monthly, keep_yearly): for the embedded model one "
        "file per run and 65,536 tiles in CoLM's layout, for your CoLM all files of each run's analysed restart",
    )

    def restarts_at(self, hours: int) -> bool:
        """Whether restart sets are written with a checkpoint so many hours after the start."""
        own = self.own_restarts
        return bool(self.restarts) if own is None else hours % own.every_hours == 0

    @property
    def own_restarts(self) -> RestartConfig | None:
        """The cadence of the restart sets; None if it is that of the checkpoints."""
        return None if isinstance(self.restarts, bool) else self.restarts


class SeriesConfig(Section):
    """Recording of soil water over time: ``series/<run>_<day>.nc``, every cell with updatable soil."""

    every_hours: Count | None = Field(
        None,
        description="simulated hours between records, a divisor of the cycle; default every cycle. Records within a "
        "cycle are of the forecast, those at its end are after the analysis. CoLM then runs in windows of this length",
    )
    fluxes: bool = Field(
        False,
        description="also record evapotranspiration, surface runoff, drainage, and with physics land_surface sensible "
        "and latent heat: means since the previous record",
    )
    to_depth_m: float = Field(1.0, ge=0.001, le=3.433, description="depth down to which soil layers are recorded, m")
    means: bool = Field(
        False,
        description="also write means of complete days and months to means/ (CF); they stay when the series are "
        "removed",
    )
    keep: KeepConfig | None = Field(
        None, description="files of days that are kept; default all. Verification needs the series of its period"
    )


class FigureStyleConfig(Section):
    """Appearance of the figures, for example for print."""

    formats: tuple[Literal["pdf", "svg"], ...] = Field(
        (), description="formats of each figure besides PNG, which is always written because the pages show it"
    )
    dpi: int = Field(150, ge=50, le=1200, description="pixels per inch of PNG files, and of the images in PDF and SVG")
    font: str = Field("", description="font of all letters, such as 'DejaVu Serif'; default that of matplotlib")
    font_size: float = Field(
        9.0, ge=6.0, le=14.0, description="size of the letters at axes, points; titles and margins are in proportion"
    )
    borders: bool = Field(
        False,
        description="draw borders of countries on maps: those of Natural Earth, as they are in effect; several are "
        "disputed, and some publishers require others",
    )


class OutputConfig(Section):
    """Output to CF netCDF files and figures."""

    fields: tuple[
        Literal[
            "background", "analysis", "increment", "innovation", "innovation_layers", "observation", "spread", "truth"
        ],
        ...,
    ] = Field(
        ("background", "analysis", "increment", "innovation"),
        description="images written at output times; innovation_layers: observation minus each of CoLM's layers 1-3",
    )
    every_hours: Count = Field(24, description="simulated hours between image files")
    keep_images: KeepConfig | None = Field(
        None, description="times of image files that are kept, and all of 'times'; default all"
    )
    keep_feedback: KeepConfig | None = Field(
        None, description="times of feedback files (observations.feedback) that are kept; default all"
    )
    times: tuple[UtcTime, ...] = Field(
        (), max_length=MAX_CYCLES, description="additional times of image files, UTC; each must be the end of a cycle"
    )
    layers: bool = Field(False, description="also write images of every scored layer, to images/<layer>/")
    profiles: tuple[tuple[Latitude, Longitude], ...] = Field(
        (),
        max_length=10000,
        description="places (degrees_north, degrees_east) at which the soil water of all layers of the nearest "
        "scored cell is recorded every cycle, in profiles.jsonl",
    )
    label: str = Field(
        "",
        pattern=r"^[^\n]{0,64}$",
        description="a word or two about the experiment that every figure and page shows, such as 'forced'",
    )
    figures: bool = Field(True, description="draw maps and time series of the scores at the end")
    figure_style: FigureStyleConfig = Field(
        default_factory=FigureStyleConfig, description="formats, resolution and letters of the figures"
    )
    series: SeriesConfig | None = Field(
        None, description="record the soil water of all cells, and rain, in every cycle for verification; default none"
    )
