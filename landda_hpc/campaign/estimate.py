"""What a campaign will take: useful ranks, memory, disk."""

from __future__ import annotations

import numpy as np

from landda_hpc.campaign.domain import Domain
from landda_hpc.config import CampaignConfig, EnkfLikeRun
from landda_hpc.variables import STATE, STATE_OF_PHYSICS

_BASE_MEMORY = 250e6  # bytes of an interpreter with the libraries and the static fields, measured
_REDUNDANCY = 16.0  # real numbers per pixel: coefficients, variances and workspace of one member, curvelets finest


def estimate(config: CampaignConfig, domain: Domain) -> dict[str, str]:
    """Ranks, memory per rank and disk in words, from sizes alone (layout of ``domain``)."""
    layout, pixels = domain.layout, domain.grid.n_cells
    state = 8 * sum(
        int(np.prod(v.shape, dtype=np.int64)) for v in (STATE[n] for n in STATE_OF_PHYSICS[config.model.physics])
    )
    instances = len(config.instance_names)
    most_tiles = max(
        (layout.tiles_of(r).stop - layout.tiles_of(r).start) * len(layout.instances_of(r))
        for r in range(layout.n_ranks)
    )
    members = max((run.members for run in config.runs if isinstance(run, EnkfLikeRun)), default=0)
    share = -(-members // layout.n_roots)
    memory = _BASE_MEMORY + most_tiles * state * 1.5 + len(domain.tiles) * 500
    memory += 8.0 * pixels * (share + _REDUNDANCY * (2 + instances))
    checkpoint = len(domain.tiles) * state * instances
    written = config.time.n_cycles * config.time.cycle_hours // config.checkpoint.every_hours + 1
    kept = min(written, config.checkpoint.keep_last) + (
        written // config.checkpoint.keep_every if config.checkpoint.keep_every else 0
    )
    image_files = len(config.runs) * (config.time.n_cycles * config.time.cycle_hours // config.output.every_hours)
    images = image_files * len(config.output.fields) * pixels * 4
    return {
        "ranks": f"any number; of {layout.n_ranks}, the fullest has {most_tiles} tiles, "
        f"{layout.n_roots} share the images",
        "memory": f"about {memory / 1e9:.2f} GB per rank with {layout.n_ranks} ranks",
        "disk": f"about {(checkpoint * (kept + 1) + images) / 1e9:.2f} GB: {checkpoint / 1e6:.1f} MB a checkpoint, "
        f"{kept} kept and one being written; {image_files} image files",
    }
