"""Warnings about observations that are implausible for the configuration."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.image.cells import LandCells
from landda_hpc.observation.image_observation import REASONS, Flag, ImageObservation

MAX_REJECTED = 0.05
"""Share of the observed soil cells out of range above which the product is suspect."""

MAX_MEAN_INNOVATION = 0.10
"""m3 m-3; a larger mean difference from every run suggests a wrong unit, depth or grid."""


def plausibility_warnings(
    observation: ImageObservation, backgrounds: Iterable[FloatArray], cells: LandCells
) -> list[str]:
    """Warnings about implausible observations, one line each; may be empty. Local: rank 0.

    Parameters
    ----------
    observation : after quality control.
    backgrounds : of the observed depth of every run, m3 m-3, (n_cells,).
    cells : of the campaign.
    """
    found: list[str] = []
    counts = observation.counts
    used, rejected = counts[REASONS[Flag.USED]], counts[REASONS[Flag.OUT_OF_RANGE]]
    summary = ", ".join(f"{number} {reason}" for reason, number in counts.items() if number)
    if used == 0:
        return [f"no observation of {observation.source} can be used ({summary})"]
    if rejected > MAX_REJECTED * (used + rejected):
        found.append(f"{observation.source}: {rejected} cells out of range ({summary}); check its units and error_std")
    values = cells.from_image(observation.values)
    means = []
    for background in backgrounds:
        both = np.isfinite(values) & np.isfinite(background)
        if both.any():
            means.append(float((values[both] - background[both]).mean()))
    if means and min(abs(mean) for mean in means) > MAX_MEAN_INNOVATION:
        found.append(
            f"{observation.source} differs from every run by {min(means, key=abs):+.3f} m3 m-3 on average; check its "
            "units, depth and grid"
        )
    return found
