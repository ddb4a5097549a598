"""Interpolation of a product's layers to the nodes of the model's soil layers [S24, section 3.3.1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landda_hpc.constants import SOIL_Z, FloatArray
from landda_hpc.errors import ShapeError


def node_weights(depths_m: Sequence[tuple[float, float]], nodes_m: FloatArray = SOIL_Z) -> FloatArray:
    """Return weights of a product's layers at nodes: linear between the middles of the layers, constant beyond them.

    Parameters
    ----------
    depths_m : top and bottom of the product's layers, m, from the top down.
    nodes_m : depths of the model's nodes, m.

    Returns
    -------
    Shape (n_node, n_product); every row sums to 1.

    Raises
    ------
    ShapeError : there is no layer, or the layers are not in order from the top down.

    Notes
    -----
    [S24] interpolates ERA5-Land to CoLM's upper nodes, 0.7, 2.8 and 6.2 cm. With the layer 0-7 cm alone each node takes
    its value; if 7-28 cm is the second layer, it has a weight of 19 % at the third node.
    """
    middles = np.array([0.5 * (top + bottom) for top, bottom in depths_m])
    if middles.size == 0 or np.any(np.diff(middles) <= 0.0):
        raise ShapeError(f"product layers {list(depths_m)}: expected one or more, from the top down, in m.")
    return np.stack([np.interp(nodes_m, middles, one) for one in np.eye(middles.size)], axis=1)


def at_nodes(product: FloatArray, weights: FloatArray) -> FloatArray:
    """Interpolate a product to nodes.

    Parameters
    ----------
    product : m3 m-3, (n_product, n_lat, n_lon); NaN is missing.
    weights : (n_node, n_product), from ``node_weights``.

    Returns
    -------
    m3 m-3, (n_node, n_lat, n_lon); NaN where a layer with a weight other than zero is missing.
    """
    if product.ndim != 3 or weights.shape[1:] != product.shape[:1]:
        raise ShapeError(f"product has shape {product.shape}; expected ({weights.shape[1]}, n_lat, n_lon).")
    result = np.zeros((weights.shape[0], *product.shape[1:]))
    for node, row in enumerate(weights):
        for layer in np.flatnonzero(row):
            result[node] += row[layer] * product[layer]
    return result
