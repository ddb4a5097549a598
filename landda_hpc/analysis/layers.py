"""Separate analyses of the uppermost soil layers, and their mean over the observed depth [S24]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np

from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.constants import FloatArray
from landda_hpc.regridding.depth import observe

_SUMS: Final = ("cost", "cost_background", "cost_observation", "cost_image")


@runtime_checkable
class LayeredMethod(Protocol):
    """A method that analyses the uppermost soil layers one by one, as 3D-Var does."""

    def analyse_layers(self, pairs: Sequence[ImagePair], /) -> Sequence[Analysis]:
        """Analyse each layer, from the top down. Local."""
        ...


def analyse_separately(method: LayeredMethod, pairs: Sequence[ImagePair], layer_weights: FloatArray) -> Analysis:
    """Analyse layers one by one and combine them into the analysis of the observed depth. Local.

    Parameters
    ----------
    method : method with one background variance for each layer.
    pairs : background and observation of each layer, from the top down.
    layer_weights : H, weight of each layer in the observed depth, (n_layer,).

    Returns
    -------
    ``increment`` is H dx, the weighted mean of the layers' increments; ``layers`` has the analyses of the layers. B has
    no covariances between layers, so the total J is the sum over layers. The diagnostics contain this sum; a layer
    whose minimisation ends earlier enters with its last value. The gradient norm is the largest of all layers, because
    each minimisation ends according to its own gradient.

    References
    ----------
    Shen et al. (2024), section 3.3.1: "the error covariance between different levels is not considered".
    """
    layers = tuple(method.analyse_layers(pairs))
    increment = observe(np.stack([layer.increment for layer in layers]), layer_weights, axis=0)
    return Analysis(increment=increment, diagnostics=_joint_diagnostics(layers, layer_weights), layers=layers)


def _joint_diagnostics(layers: Sequence[Analysis], layer_weights: FloatArray) -> dict[str, float | list[float]]:
    found = [layer.diagnostics for layer in layers]
    length = max(len(_series(d["cost"])) for d in found)
    joint: dict[str, float | list[float]] = {
        "iterations": float(length - 1),
        "converged": min(float(_number(d["converged"])) for d in found),
        "final_gradient_norm": max(_number(d["final_gradient_norm"]) for d in found),
    }
    for name in _SUMS:
        joint[name] = [math.fsum(values) for values in zip(*(_padded(d[name], length) for d in found), strict=True)]
    norms = zip(*(_padded(d["gradient_norm"], length) for d in found), strict=True)
    joint["gradient_norm"] = [max(one) for one in norms]
    for name in ("gain_mean", "gain_std"):
        joint[name] = math.fsum(w * _number(d[name]) for w, d in zip(layer_weights, found, strict=True))
    return joint


def _padded(values: float | list[float], length: int) -> list[float]:
    series = _series(values)
    return series + [series[-1]] * (length - len(series))


def _series(values: float | list[float]) -> list[float]:
    assert isinstance(values, list), "one number per iteration"
    return values


def _number(value: float | list[float]) -> float:
    assert not isinstance(value, list), "one number per analysis"
    return value
