"""Soil depth: mapping of a depth range, or of a product's layers, to the model's layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landda_hpc.constants import SOIL_ZI, FloatArray
from landda_hpc.errors import ConfigError, ShapeError

DepthRange = tuple[float, float]
"""Top and bottom of a layer, m below the surface."""


def depth_weights(top: float, bottom: float, interfaces: FloatArray = SOIL_ZI) -> FloatArray:
    """Weights of the layers in the mean over a depth range: overlap divided by total thickness.

    Parameters
    ----------
    top, bottom : the depth range, m, 0 <= top < bottom <= bottom of the deepest layer.
    interfaces : depths of the layer interfaces, m, ascending, shape (n_layer + 1,).

    Returns
    -------
    Shape (n_layer,), each in [0, 1], sum 1; zero exactly where a layer does not overlap.

    Raises
    ------
    ConfigError : the range is empty or leaves the soil column.

    Notes
    -----
    Local: no communication. The operator H from layers to the observed depth (docs/methods.md, "State, layers and
    operators").
    """
    # A millimetre is allowed at the bottom: configurations write CoLM's 3.4331 m as 3.433 or 3.434.
    if not interfaces[0] <= top < bottom <= interfaces[-1] + 1e-3:
        raise ConfigError(
            f"depth range {top} to {bottom} m: expected {interfaces[0]:g} <= top < bottom "
            f"<= {interfaces[-1]:.4f} m, the model's soil column."
        )
    overlap = np.minimum(interfaces[1:], bottom) - np.maximum(interfaces[:-1], top)
    overlap = np.maximum(overlap, 0.0)
    weights: FloatArray = overlap / overlap.sum()
    return weights


def observe(sm_layers: FloatArray, weights: FloatArray, axis: int = -1) -> FloatArray:
    """Weighted mean over layers: soil moisture as an instrument or product of that depth observes it.

    Parameters
    ----------
    sm_layers : values per layer, m3 m-3, any shape with ``n_layer`` along ``axis``.
    weights : shape (n_layer,), from ``depth_weights``.
    axis : the layer axis.

    Returns
    -------
    ``sm_layers`` without the layer axis, m3 m-3. NaN where a layer with a weight is NaN; layers without
    weight do not count.

    Raises
    ------
    ShapeError : the layer axis and the weights differ in length.

    Notes
    -----
    Local: no communication. Layers are added from the top down, one elementwise product at a time, so the
    bits do not depend on how many tiles a rank holds.
    """
    if weights.ndim != 1 or sm_layers.ndim < 1 or sm_layers.shape[axis] != weights.size:
        raise ShapeError(
            f"soil moisture has shape {sm_layers.shape} with layers along axis {axis}; expected {weights.size} layers."
        )
    layers = np.moveaxis(sm_layers, axis, 0)
    counted = np.flatnonzero(weights)
    if counted.size == 1 and weights[counted[0]] == 1.0:
        # The same bits in one pass (adding zero makes -0 a 0, as the sum below does).
        only: FloatArray = layers[counted[0]] + 0.0
        return only
    mean: FloatArray = np.zeros(layers.shape[1:])
    for k in counted:
        mean += weights[k] * layers[k]
    return mean


def layers_from_product(depths_m: Sequence[DepthRange], interfaces: FloatArray = SOIL_ZI) -> FloatArray:
    """Weights that map a product's layers to the model's layers, by thickness overlap.

    Parameters
    ----------
    depths_m : the product's layers from the top down, contiguous, the first from the surface.
    interfaces : depths of the model's interfaces, m, shape (n_layer + 1,).

    Returns
    -------
    Shape (n_layer, n_product); every row sums to 1. Below the product's last layer the value of that layer
    is used.

    Raises
    ------
    ShapeError : the product's layers are not contiguous from the surface down.

    Notes
    -----
    Local: no communication. ``observe(values, weights[k])`` gives model layer k.
    """
    tops = np.array([top for top, _ in depths_m])
    bottoms = np.array([bottom for _, bottom in depths_m])
    if tops.size == 0 or tops[0] != 0.0 or np.any(tops[1:] != bottoms[:-1]) or np.any(bottoms <= tops):
        raise ShapeError(f"product layers {list(depths_m)}: expected contiguous layers from the surface down, in m.")
    bottoms[-1] = max(bottoms[-1], interfaces[-1])
    overlap = np.minimum(interfaces[1:, None], bottoms) - np.maximum(interfaces[:-1, None], tops)
    overlap = np.maximum(overlap, 0.0)
    weights: FloatArray = overlap / overlap.sum(axis=1, keepdims=True)
    return weights


def range_from_product(depth_m: DepthRange, depths_m: Sequence[DepthRange]) -> FloatArray:
    """Weights of a product's layers in the mean over a depth range that they must cover completely. Local.

    Parameters
    ----------
    depth_m : the wanted range, m.
    depths_m : the product's layers, m, in any order, not overlapping.

    Returns
    -------
    Shape (n_product,), sum 1.

    Raises
    ------
    ConfigError : the layers do not cover the range.
    """
    top, bottom = depth_m
    overlap = _overlaps(depth_m, depths_m)
    if not is_covered(depth_m, depths_m):
        layers = ", ".join(f"{high:g}-{low:g} m" for high, low in depths_m) or "none"
        raise ConfigError(
            f"observed depth {top:g}-{bottom:g} m is not covered by the product's layers ({layers}). "
            "Set observations.depth_m to a range that they cover."
        )
    weights: FloatArray = overlap / overlap.sum()
    return weights


def is_covered(depth_m: DepthRange, depths_m: Sequence[DepthRange]) -> bool:
    """Whether layers cover a depth range completely (to a micrometre)."""
    top, bottom = depth_m
    return top < bottom and abs(float(_overlaps(depth_m, depths_m).sum()) - (bottom - top)) <= 1e-6


def _overlaps(depth_m: DepthRange, depths_m: Sequence[DepthRange]) -> FloatArray:
    top, bottom = depth_m
    return np.array([max(0.0, min(bottom, low) - max(top, high)) for high, low in depths_m])


def layers_down_to(to_depth_m: float) -> int:
    """Number of soil layers, from the top, that reach down to a depth (to a millimetre)."""
    return int(np.searchsorted(SOIL_ZI[1:], to_depth_m - 1e-3)) + 1
