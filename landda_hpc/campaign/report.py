"""The report of a campaign folder: which images are drawn, and the tables and figures beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.campaign.domain import Domain, depth_name
from landda_hpc.campaign.observation_report import counts_markdown, counts_of_records
from landda_hpc.config import CampaignConfig
from landda_hpc.data import static_path
from landda_hpc.formats.atomic import write_text
from landda_hpc.formats.static import read_static
from landda_hpc.methods.var3d import Var3dRun
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.images import list_images
from landda_hpc.verification.image_set import ImageSet, read_images
from landda_hpc.verification.report import write_report

if TYPE_CHECKING:
    from landda_hpc.verification.maps import Coastline


def make_report(folder: CampaignFolder, config: CampaignConfig, domain: Domain) -> list[Path]:
    """Write scores.csv, scores.nc, summary.md, observations.md and, where asked for, the figures. Local: rank 0.

    Returns the files.
    """
    images = _images(folder, config) if config.output.figures else []
    observations = folder.path / "observations.md"
    write_text(observations, counts_markdown(*counts_of_records(folder.read_records("cycles"))))
    written = write_report(
        folder.path,
        folder.records_file("scores"),
        name=config.name,
        images=images,
        grid=domain.grid,
        land=domain.is_land,
        score_mask=domain.is_scored,
        coastline=_coastline() if config.output.figures else None,
        innovations=folder.records_file("cycles"),
        layer=depth_name(config.observations.depth_m),
        since=config.scored_since if config.verification.discard_days else None,
        tolerance=_tolerance(config),
        with_figures=config.output.figures,
    )
    return [*written, observations]


def _coastline() -> Coastline:
    """That of the data that come with the package."""
    from landda_hpc.verification.maps import Coastline  # here: figures alone need the plotting library

    grid, static = read_static(static_path(), ("land_fraction", "lake_fraction"))
    return Coastline(grid, static["land_fraction"] + static["lake_fraction"])


def _tolerance(config: CampaignConfig) -> float | None:
    """The gradient at which the 3D-Var runs end, where all have the same absolute one."""
    rules = {None if run.tolerance_is_relative else run.tolerance for run in config.runs if isinstance(run, Var3dRun)}
    return rules.pop() if len(rules) == 1 else None


def _images(folder: CampaignFolder, config: CampaignConfig) -> list[ImageSet]:
    """Of each run the first scored and the last image of the analysis window, and the last of all.

    The control's are drawn as panels beside those of the other runs.
    """
    sets: list[ImageSet] = []
    for run in config.runs:
        paths = list_images(folder.images, run.name)
        times = sorted(paths)
        analysed = [t for t in times if config.scored_since <= t <= config.time.assimilation_end]
        chosen = {*analysed[:1], *analysed[-1:], *times[-1:]}
        for time in sorted(chosen):
            sets += read_images(paths[time])
    return sets
