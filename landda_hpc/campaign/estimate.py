"""What a campaign will take: useful ranks, memory, disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.campaign.case import CaseDomain
from landda_hpc.campaign.case_checks import remarks
from landda_hpc.campaign.domain import Domain, make_domain, make_grid
from landda_hpc.campaign.series import recorded_layers
from landda_hpc.config import CampaignConfig, ColmModelConfig
from landda_hpc.formats.colm.restart_files import restart_files
from landda_hpc.grid import Grid
from landda_hpc.variables import STATE

LARGEST_COUNTED: Final = 200_000
"""Cells of the largest grid whose tiles are counted; they are built for it, 10 us a cell."""

_BASE_MEMORY = 250e6  # bytes of an interpreter with the libraries and the static fields, measured
_REDUNDANCY = 16.0  # real numbers per pixel: coefficients, variances and workspace of one member, curvelets finest


@dataclass(frozen=True)
class Sizes:
    """What memory and disk follow from.

    Attributes
    ----------
    grid : the model grid.
    n_land, n_tiles : land cells and tiles.
    fullest : tiles of the rank that has most, all its instances together.
    n_ranks, n_roots : ranks, and those of the root group.
    domain : what was counted: the campaign's own, or of a coarser grid over the same area, whose numbers stand scaled.
    is_scaled : whether it was.
    """

    grid: Grid
    n_land: int
    n_tiles: int
    fullest: int
    n_ranks: int
    n_roots: int
    domain: Domain
    is_scaled: bool


def measure(config: CampaignConfig, n_ranks: int) -> Sizes:
    """Count land cells and tiles; on a large grid count those of a coarser one and scale, to answer in seconds. Local.

    Raises
    ------
    ConfigError, DataError : no land, or no soil, in the area.

    Notes
    -----
    The static fields have 0.5 degrees: a finer grid repeats them, so that numbers scale with its cells. A CoLM case
    is counted as it is: its tiles come from its own files.
    """
    cells = config.grid.n_lat * config.grid.n_lon
    step = 1 if config.case is not None else math.ceil(math.sqrt(cells / LARGEST_COUNTED))
    shape = {"n_lat": max(17, config.grid.n_lat // step), "n_lon": max(17, config.grid.n_lon // step)}
    sample = config.model_copy(update={"grid": config.grid.model_copy(update=shape)}) if step > 1 else config
    domain = make_domain(sample, n_ranks)
    layout, ratio = domain.layout, (cells / domain.grid.n_cells if step > 1 else 1.0)
    fullest = max(
        (layout.tiles_of(r).stop - layout.tiles_of(r).start) * len(layout.instances_of(r))
        for r in range(layout.n_ranks)
    )
    return Sizes(
        make_grid(config.grid) if step > 1 else domain.grid,
        round(ratio * len(domain.cells)),
        round(ratio * len(domain.tiles)),
        round(ratio * fullest),
        layout.n_ranks,
        layout.n_roots,
        domain,
        step > 1,
    )


def estimate(config: CampaignConfig, sizes: Sizes) -> dict[str, str]:
    """Ranks, memory per rank and disk in words, from sizes alone."""
    pixels = sizes.grid.n_cells
    state = 8 * sum(int(np.prod(STATE[name].shape, dtype=np.int64)) for name in config.state_names)
    instances = len(config.instance_names)
    members = max((run.shared_members or 0 for run in config.runs), default=0)
    share = -(-members // sizes.n_roots)
    memory = _BASE_MEMORY + sizes.fullest * state * 1.5 + sizes.n_tiles * 500
    memory += 8.0 * pixels * (share + _REDUNDANCY * (2 + instances))
    checkpoint = sizes.n_tiles * state * instances
    written = config.time.n_cycles * config.time.cycle_hours // config.checkpoint.every_hours + 1
    kept = min(written, config.checkpoint.keep_last) + (
        written // config.checkpoint.keep_every if config.checkpoint.keep_every else 0
    )
    image_files = len(config.runs) * (config.time.n_cycles * config.time.cycle_hours // config.output.every_hours)
    images = image_files * len(config.output.fields) * pixels * 4
    series = _series_bytes(config, sizes)
    found = {
        "ranks": f"any number; of {sizes.n_ranks}, the fullest has {sizes.fullest} tiles, "
        f"{sizes.n_roots} share the images",
        "memory": f"about {memory / 1e9:.2f} GB per rank with {sizes.n_ranks} ranks",
        "disk": f"about {(checkpoint * (kept + 1) + images + series) / 1e9:.2f} GB: {checkpoint / 1e6:.1f} MB a "
        f"checkpoint, {kept} kept and one being written; {image_files} image files"
        + (f"; {series / 1e6:.0f} MB of series" if series else ""),
    }
    if isinstance(config.model, ColmModelConfig) and sizes.domain.case is not None:
        found["model"] = _model_runs(config, config.model, sizes.domain.case, kept)
        notes = remarks(config, config.model, sizes.domain.case)
        if notes:
            found["note"] = "; ".join(notes)
    return found


def _model_runs(config: CampaignConfig, model: ColmModelConfig, case: CaseDomain, kept: int) -> str:
    """What the real model's runs take on disk, from the size of the case's own restart."""
    folder = case.case.state_folder(config.time.start)
    size = sum((folder / file.path).stat().st_size for file in restart_files(case.case, config.time.start))
    runs = len(config.instance_names)
    # Beside those that are kept: a window's start, its copy, and its end.
    disk = runs * size * (max(model.keep_restarts, kept) + 3)
    return (
        f"{runs} runs, {model.side_by_side} at a time; a restart has {size / 1e6:.1f} MB, "
        f"all that are kept about {disk / 1e9:.2f} GB"
    )


_SERIES_SHARE = 0.5
"""Of its bytes that a day of series takes on disk, compressed; measured on a 90-day twin."""


def _series_bytes(config: CampaignConfig, sizes: Sizes) -> float:
    if config.output.series is None:
        return 0.0
    values = recorded_layers(config.output.series.to_depth_m) + len(config.verification.depths_m) + 2
    n_times = config.time.n_cycles * len(config.instance_names)
    return _SERIES_SHARE * 4.0 * values * sizes.n_land * n_times
