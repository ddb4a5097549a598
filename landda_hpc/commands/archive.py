"""``landda study archive``: background errors from an archive of model minus observation."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import (
    FirstTime,
    LastTime,
    ModelImages,
    Regrid,
    parse_frame,
    require_one_source,
)
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from landda_hpc.formats.products.image_series import ImageSeries
    from landda_hpc.studies.error_archive import DifferenceSeries


def command(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="netCDF archive to write.")],
    campaign: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use the innovations of a run of this campaign.")
    ] = None,
    run: Annotated[str, typer.Option(help="With --campaign: name of the run, which must not assimilate.")] = "control",
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="With --campaign: make an archive for CoLM's layers 1-3, for 3D-Var with layers: upper_three. The "
            "campaign needs innovation_layers among output.fields.",
        ),
    ] = False,
    model: ModelImages = None,
    observation: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Observation images: files or folders. May be given several times."),
    ] = None,
    model_variable: Annotated[
        list[str] | None, typer.Option(help="Variable in the model images: one per layer, from the top down.")
    ] = None,
    observation_variable: Annotated[
        list[str] | None, typer.Option(help="Variable in the observation images: one per layer, or one for all layers.")
    ] = None,
    observation_depth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOP-BOTTOM", help="Depth of each observation variable, m; it is interpolated to CoLM's nodes."
        ),
    ] = None,
    regrid: Annotated[
        Regrid, typer.Option(help="Regrid the observation to the model's grid if the grids differ.")
    ] = Regrid.no,
    first: FirstTime = None,
    last: LastTime = None,
    wedges: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Also write variances per wedge (errors of kind climatological).")
    ] = None,
    observation_std: Annotated[
        float, typer.Option(min=0.0, help="White observation error to subtract from the variances per wedge, m3 m-3.")
    ] = 0.0,
    mean_square: Annotated[
        bool, typer.Option("--mean-square", help="Count the mean difference as error in the variances per wedge.")
    ] = False,
    frame: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Frame of the wedges, e.g. --set boundary=reflect"),
    ] = None,
) -> None:
    """Build an archive of background errors for each cell and layer, for background_archive of 3D-Var runs.

    The errors are differences within a campaign (--campaign DIR: its control run minus the observations), or between
    two series of images (--model and --observation) at their common times.
    """
    import numpy as np

    from landda_hpc.studies.error_archive import build_archive, campaign_differences

    require_one_source(campaign, model, observation)
    if layers and campaign is None:
        raise ConfigError("--layers needs --campaign; for series of images give a --model-variable per layer.")
    if campaign is not None:
        differences = campaign_differences(campaign, run, first, last, with_layers=layers)
    else:
        differences = _from_series(
            _open(model or [], model_variable, first, last),
            _open(observation or [], observation_variable, first, last),
            observation_depth,
            regrid,
        )
    with differences:
        archive = build_archive(
            differences,
            output,
            wedges=wedges,
            frame=parse_frame(frame),
            observation_std=observation_std,
            about_mean=not mean_square,
        )
    table = Table(title=f"{differences.source}: {len(differences)} times, m3 m-3", title_justify="left")
    for heading in ("layer", "cells", "times, median", "mean difference", "standard deviation, mean", "least", "most"):
        table.add_column(heading, justify="right")
    statistics = archive.statistics
    for layer, (count, mean, variance) in enumerate(
        zip(statistics.count, statistics.mean, statistics.variance, strict=True), start=1
    ):
        std = np.sqrt(variance[np.isfinite(variance)])
        known = std if std.size else np.array([math.nan])
        numbers = (float(np.nanmean(mean)), float(known.mean()), float(known.min()), float(known.max()))
        times = f"{np.median(count[count > 0]):.0f}" if count.any() else "0"
        table.add_row(str(layer), str(int(np.count_nonzero(count))), times, *(f"{x:.4f}" for x in numbers))
    if archive.warnings:
        table.caption, table.caption_justify = "\n".join(f"Warning: {text}" for text in archive.warnings), "left"
    console = Console()
    console.print(table)
    console.print(f"Written: {output}", highlight=False)
    if archive.spectrum is not None:
        largest = math.sqrt(float(archive.spectrum.variance.max()))
        console.print(
            f"Written: {wedges} ({archive.spectrum.variance.size} wedges, largest standard deviation {largest:.4f})",
            highlight=False,
        )


def _open(
    paths: list[Path], variables: list[str] | None, first: datetime | None, last: datetime | None
) -> list[ImageSeries]:
    from landda_hpc.formats.products.image_series import open_image_series

    names: list[str | None] = list(variables) if variables else [None]
    return [open_image_series(paths, name).between(first, last) for name in names]


def _from_series(
    model: list[ImageSeries], observation: list[ImageSeries], depths: list[str] | None, regrid: Regrid
) -> DifferenceSeries:
    from landda_hpc.studies.error_archive import series_differences

    depths_m = [_depth(text) for text in depths or []]
    return series_differences(model, observation, depths_m=depths_m, regrid=regrid.method)


def _depth(text: str) -> tuple[float, float]:
    try:
        top, bottom = (float(part) for part in text.split("-"))
    except ValueError as error:
        raise ConfigError(f"--observation-depth {text}: expected TOP-BOTTOM in m, e.g. 0-0.07.") from error
    if not 0.0 <= top < bottom:
        raise ConfigError(f"--observation-depth {text}: expected 0 <= top < bottom, m.")
    return top, bottom
