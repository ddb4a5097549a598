"""``landda errors``: errors of background and observation that the innovations of a campaign show."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import CampaignDir, FirstTime, LastTime, parse_frame

if TYPE_CHECKING:
    from landda_hpc.constants import FloatArray
    from landda_hpc.formats.own.learned_errors import Estimate
    from landda_hpc.studies.learned_errors import RunErrors


def command(
    folder: CampaignDir,
    run: Annotated[
        list[str] | None, typer.Option("--run", "-r", help="Run. Repeatable [default: every run with sufficient data].")
    ] = None,
    first: FirstTime = None,
    last: LastTime = None,
    frame: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Curvelet frame, e.g. --set boundary=reflect [default: run's]"),
    ] = None,
    max_gap_days: Annotated[
        float, typer.Option("--max-gap-days", min=0.01, max=365.0, help="Largest interval between compared visits.")
    ] = 5.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of files and figures [default: DIR and DIR/figures].")
    ] = None,
    kind: Annotated[Literal["png", "pdf", "svg"], typer.Option("--format", "-f", help="Format of figures.")] = "png",
) -> None:
    """Estimate R, B and the gain K by scale from the innovations of a campaign, next to what each run assumed.

    The campaign may be finished, stopped or running, or compare observations without assimilating them
    (observations.monitor_only). R is estimated from visit differences: the observed change minus the modelled change
    between two visits of a cell. The 95 % intervals come from a jackknife over blocks of analyses. Chi-square is the
    innovation variance over the assumed B + R: 1 if the assumed errors fit.

    Writes errors_RUN.nc (CF netCDF; a run reads it with errors of kind 'learned' and the key 'file') and one figure
    per run. Runs with analyses need images of every analysis: set output.every_hours to the length of the cycle, with
    background, innovation and increment among output.fields.
    """
    from landda_hpc.config import read_resolved
    from landda_hpc.instances.domain import make_domain
    from landda_hpc.io.experiment_label import labelled
    from landda_hpc.storage.campaign_folder import CampaignFolder
    from landda_hpc.studies.learned_errors import campaign_errors, write_run_errors
    from landda_hpc.verification.figures.error_spectra import draw_error_spectra
    from landda_hpc.verification.figures.figure_style import FigureStyle, styled
    from landda_hpc.verification.figures.maps import Coastline

    campaign = CampaignFolder.open(folder)
    config, console = read_resolved(campaign.config_file), Console()
    style = replace(FigureStyle.of(config.output.figure_style), formats=(kind,))
    of_all = parse_frame(frame) if frame else None
    for found in campaign_errors(folder, run or (), frame=of_all, first=first, last=last, max_gap_days=max_gap_days):
        _print(console, found)
        path = (output or folder) / f"errors_{found.run}.nc"
        write_run_errors(found, path, config.name)
        picture = (output or campaign.figures) / f"errors_{found.run}.{kind}"
        with labelled(config.output.label), styled(style):
            draw_error_spectra(
                found.estimates,
                picture,
                applied_gain=found.applied_gain,
                is_land=make_domain(config, n_ranks=1).is_land,
                coastline=Coastline.shipped(),
                title=f"Errors learned from run {found.run}, campaign {config.name}",
                note=found.how,
            )
        for written in (path, picture):
            console.print(f"Written: {written}", highlight=False, soft_wrap=True)


def _print(console: Console, found: RunErrors) -> None:
    import numpy as np

    of_scale = found.estimates.by_scale
    table = Table(
        title=f"Run {found.run}: standard deviations of equivalent white errors, m3 m-3", title_justify="left"
    )
    n = of_scale.gain.value.size
    table.add_column("scale")
    for scale in range(n):
        table.add_column({0: "0 coarsest", n - 1: f"{scale} finest"}.get(scale, str(scale)), justify="right")
    rows = {
        "R learned": [_interval(of_scale.observation, k, 3, is_variance=True) for k in range(n)],
        "R assumed": [_number(np.sqrt(of_scale.assumed_observation), k, 3) for k in range(n)],
        "B learned": [_interval(of_scale.background, k, 3, is_variance=True) for k in range(n)],
        "B assumed": [_number(np.sqrt(of_scale.assumed_background), k, 3) for k in range(n)],
        "K learned": [_interval(of_scale.gain, k, 2, is_variance=False) for k in range(n)],
        "K assumed": [_number(of_scale.assumed_gain, k, 2) for k in range(n)],
        "K applied": [_number(found.applied_gain, k, 2) for k in range(n)],
        "chi-square": [_number(of_scale.chi_square, k, 2) for k in range(n)],
    }
    for name, cells in rows.items():
        if any(cells):
            table.add_row(name, *cells)
    console.print(table)
    for sentence in (found.how, *found.sentences):
        console.print(sentence, highlight=False)


def _interval(estimate: Estimate, place: int, digits: int, *, is_variance: bool) -> str:
    import numpy as np

    value, limits = estimate.value[place], estimate.limits[place]
    if is_variance:
        value, limits = np.sqrt(value), np.sqrt(limits)
    if not np.isfinite(limits).all():
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f}\n{limits[0]:.{digits}f}-{limits[1]:.{digits}f}"


def _number(values: FloatArray, place: int, digits: int) -> str:
    return f"{values[place]:.{digits}f}" if math.isfinite(values[place]) else ""
