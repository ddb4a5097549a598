"""Effect of a bias treatment on the pattern of images, their variance, and their energy by scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError

Energies = Callable[[FloatArray], dict[str, float]]
"""Image without NaN -> energy by name (curvelet scales, say), m6 m-6."""


@dataclass(eq=False)
class StructureEffect:
    """Means over the images of a period, of observations before and after a treatment.

    Attributes
    ----------
    n_images : number of compared images.
    scc : spatial correlation of treated with untreated images; 1: the pattern is kept.
    scc_model_before, scc_model_after : spatial correlation of both with the model's image (its climatological mean).
    std_before, std_after : spatial standard deviation, m3 m-3.
    mean_change : mean of treated minus untreated, m3 m-3.
    energy_before, energy_after : mean energy about each image's mean, by scale, m6 m-6.
    """

    n_images: int = 0
    scc: float = 0.0
    scc_model_before: float = 0.0
    scc_model_after: float = 0.0
    std_before: float = 0.0
    std_after: float = 0.0
    mean_change: float = 0.0
    energy_before: dict[str, float] = field(default_factory=dict)
    energy_after: dict[str, float] = field(default_factory=dict)


def add_image(
    effect: StructureEffect,
    before: FloatArray,
    after: FloatArray,
    model: FloatArray,
    energies: Energies,
) -> None:
    """Add one image to the means of ``effect``; images with fewer than three common cells are skipped.

    Parameters
    ----------
    before, after : the observation, m3 m-3, (n_lat, n_lon); NaN where not used.
    model : image with which the pattern is compared, same shape.
    energies : of an image that is zero in cells without value.

    Raises
    ------
    ShapeError : images of different shapes.

    Notes
    -----
    Local: no communication. Cells with a value in all three images count, with equal weights.
    """
    if not before.shape == after.shape == model.shape:
        raise ShapeError(f"images before {before.shape}, after {after.shape} and of the model {model.shape} differ.")
    common = np.isfinite(before) & np.isfinite(after) & np.isfinite(model)
    if np.count_nonzero(common) < 3:
        return
    one, other, reference = before[common], after[common], model[common]
    new = {
        "scc": correlation(one, other),
        "scc_model_before": correlation(one, reference),
        "scc_model_after": correlation(other, reference),
        "std_before": float(one.std()),
        "std_after": float(other.std()),
        "mean_change": float((other - one).mean()),
    }
    effect.n_images += 1
    for name, value in new.items():
        setattr(effect, name, getattr(effect, name) + (value - getattr(effect, name)) / effect.n_images)
    for image, mean in ((before, effect.energy_before), (after, effect.energy_after)):
        for name, value in energies(_about_mean(image, common)).items():
            mean[name] = mean.get(name, 0.0) + (value - mean.get(name, 0.0)) / effect.n_images


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Pearson correlation of two vectors; 0 where one of them is constant."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / norm if norm > 0.0 else 0.0


def _about_mean(image: FloatArray, where: BoolArray) -> FloatArray:
    return np.where(where, image - image[where].mean(), 0.0)
