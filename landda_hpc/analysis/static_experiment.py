"""One analysis with known errors, without a model: the error reduction that a method can achieve.

See docs/methods.md, "Static experiment".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from landda_hpc.analysis.enkf_like import EnkfLike
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.gains import GivenSpectra
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import AnalysisMethod, ImagePair, MemberSums
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError

_TRUTH = 0.25
"""True value, m3 m-3; every method is linear in the innovation, so any value serves."""


@dataclass(frozen=True)
class StaticScore:
    """Root mean square error against the truth, m3 m-3, in observed and in unobserved cells (NaN if there are none)."""

    observed: float
    unobserved: float


def static_experiment(
    background: ErrorModel,
    observation: ErrorModel,
    domain: BoolArray,
    methods: Mapping[str, AnalysisMethod],
    observed: BoolArray | None = None,
    n_samples: int = 8,
) -> dict[str, StaticScore]:
    """Analyse images whose errors are drawn from the error models, and compare with the truth.

    Parameters
    ----------
    background, observation : errors of the images.
    domain : cells that are analysed, (n_lat, n_lon).
    methods : by name.
    observed : cells with an observation; all of the domain by default.
    n_samples : independent pairs of images; methods with a memory analyse them in order.

    Returns
    -------
    Scores by name: 'background', then 'best_pointwise' (the constant gain that is best for these images, which is
    unknown in practice), then the methods.

    Raises
    ------
    DataError : no cell is observed, or ``n_samples`` is below 1.

    Notes
    -----
    Collective over the root group if a method is collective.
    """
    seen = domain if observed is None else domain & observed
    if not seen.any() or n_samples < 1:
        raise DataError(f"a static experiment needs an observed cell and a sample; found {n_samples} samples.")
    errors: dict[str, list[FloatArray]] = {name: [] for name in ("background", *methods)}
    innovations: list[FloatArray] = []
    for sample in range(n_samples):
        e_b = background.perturbation(domain, "static experiment", sample)
        e_o = observation.perturbation(domain, "static experiment", sample)
        pair = ImagePair(
            background=np.where(domain, _TRUTH + e_b, np.nan),
            observation=np.where(seen, _TRUTH + e_o, np.nan),
            domain=domain,
            time_key=f"static experiment {sample}",
        )
        innovations.append(np.where(seen, e_o - e_b, 0.0))
        errors["background"].append(e_b)
        for name, method in methods.items():
            errors[name].append(e_b + method.analyse(pair).increment)
    best = _best_gain(errors["background"], innovations)
    constant = [e + best * d for e, d in zip(errors["background"], innovations, strict=True)]
    every = {"background": errors["background"], "best_pointwise": constant} | errors
    return {name: StaticScore(_rms(images, seen), _rms(images, domain & ~seen)) for name, images in every.items()}


def standard_methods(
    frame: ImageFrame, members: MemberSums, background: ErrorModel, observation: ErrorModel
) -> dict[str, AnalysisMethod]:
    """The columns of the table in docs/methods.md, "Static experiment": blend 9/13, and gains with known errors."""
    return {
        "blend": Pointwise(9.0 / 13.0),
        "per_coefficient": EnkfLike(frame, members, background, observation, "exact"),
        "per_wedge": GivenSpectra(frame, "per_wedge", background, observation),
    }


def _best_gain(errors: list[FloatArray], innovations: list[FloatArray]) -> float:
    """K that minimises sum (e_b + K d)^2."""
    product = sum(float(np.sum(e * d)) for e, d in zip(errors, innovations, strict=True))
    return -product / sum(float(np.sum(d**2)) for d in innovations)


def _rms(images: list[FloatArray], cells: BoolArray) -> float:
    if not cells.any():
        return float("nan")
    return float(np.sqrt(np.mean([np.mean(image[cells] ** 2) for image in images])))
