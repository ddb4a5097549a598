"""3D-Var with a weak constraint on image structure [S24, Eq. 5]; see docs/methods.md, "3D-Var"."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from landda_hpc.analysis.cost import CostFunction, ImageTerm, ThresholdFrame
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.minimise import Minimum, StoppingRule, minimise
from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ConfigError, DataError, ShapeError

logger = logging.getLogger(__name__)

_LEAST_STD = 1e-6
"""Lower bound of the standard deviation from an error model, m3 m-3; it is zero if the errors are still unknown."""

ImageFill = Callable[[FloatArray, BoolArray], FloatArray]
"""Function (image, cells with a value) -> image without gaps, unchanged in cells with a value."""


@dataclass(frozen=True, eq=False)
class ImageConstraint:
    """Comparison of the analysis with the observed image in J_I.

    Attributes
    ----------
    frame : the curvelet frame.
    keep_fraction : sigma, the fraction of the observed image's coefficients that are compared: those with the largest
        moduli over the full set of wedges; 0.5 in [S24].
    std : s, the error of the image in those coefficients, m3 m-3. Eq. 5 as printed has 1; with background errors of
        0.16 this gives a gain of 0.025, so that the update is hardly visible.
    fill : function that fills cells outside the domain (ocean) in the observed image before its coefficients are
        ranked; see ``fill_with_mean`` (the default) and ``fill_with_zero``.
    gaps : treatment of unobserved cells of the domain. ``zero_innovation``: the observed image is H x_b there, and
        increments spread into gaps from adjacent cells; ``excluded``: residuals there are not compared, and with a
        diagonal B the analysis equals the background there.
    """

    frame: ThresholdFrame
    keep_fraction: float = 0.5
    std: float = 0.10
    fill: ImageFill | None = None
    gaps: Literal["zero_innovation", "excluded"] = "zero_innovation"

    def __post_init__(self) -> None:
        if not (0.0 < self.keep_fraction <= 1.0 and self.std > 0.0):
            raise ConfigError(
                f"image constraint: keep_fraction {self.keep_fraction}, std {self.std}; expected a fraction above 0, "
                "at most 1, and a positive standard deviation."
            )

    def term(self, pair: ImagePair) -> ImageTerm:
        """Return J_I of one analysis; S comes from the observed image and applies to observation and background."""
        image = observed_image(pair, self.fill or fill_with_mean)
        kept = self.frame.rank_mask(self.frame.forward(image), self.keep_fraction).astype(np.float64)
        counted = pair.observed if self.gaps == "excluded" else None
        return ImageTerm(self.frame, kept, self.std, counted)


class Var3d:
    """J_B + J_O, J_B + J_I or J_B + J_O + J_I, minimised by conjugate gradients.

    Parameters
    ----------
    background_variance : diagonal of B, m6 m-6: (n_lat, n_lon), or (n_layer, n_lat, n_lon) for analyses of layers.
        Required on the domain; may be NaN elsewhere.
    observation_std : standard deviation of observation and operator errors, sqrt(O + F), m3 m-3, a number or a map
        (n_lat, n_lon); None: no J_O.
    image : the image term; None: no J_I.
    rule : criterion that ends the minimisation.

    Raises
    ------
    ConfigError : both J_O and J_I are missing.
    DataError : an error standard deviation is not positive.

    Notes
    -----
    B is diagonal, as in [S24]: errors of neighbouring columns are independent, and only J_I couples columns. The three
    top layers of [S24] are analysed one by one (``analyse_layers``). Each layer has its own B, and the observation is
    interpolated to its node (``layer_nodes.py``).
    """

    def __init__(
        self,
        background_variance: FloatArray,
        *,
        observation_std: float | FloatArray | None = None,
        image: ImageConstraint | None = None,
        rule: StoppingRule | None = None,
    ) -> None:
        if observation_std is None and image is None:
            raise ConfigError("3D-Var needs an observation term, an image term or both; found neither.")
        if observation_std is not None and not np.all(np.asarray(observation_std) > 0.0):
            raise DataError("3D-Var: the standard deviation of observation errors must be positive in every cell.")
        self._variance = background_variance if background_variance.ndim == 3 else background_variance[None]
        self._observation_std = observation_std
        self._image = image
        self._rule = rule or StoppingRule()

    @property
    def n_layers(self) -> int:
        """Number of layers of B."""
        return int(self._variance.shape[0])

    def analyse(self, pair: ImagePair) -> Analysis:
        """Analyse one image; the background variance must have one layer. Local.

        Raises
        ------
        ShapeError : B has several layers, or another grid.
        DataError : B is missing or negative in a cell of the domain.
        """
        self._require_layers(1, "analyse needs one layer; use analyse_layers for several")
        return self._analyse(pair, self._variance)

    def analyse_layers(self, pairs: Sequence[ImagePair]) -> list[Analysis]:
        """Analyse layers one by one, as in [S24]: each layer has its own B and its own image. Local.

        Parameters
        ----------
        pairs : background and observation of each layer, from the top down; the observation is interpolated to the
            layer's node.
        """
        self._require_layers(len(pairs), f"{len(pairs)} pairs of images are to be analysed")
        return [self._analyse(pair, variance[None]) for pair, variance in zip(pairs, self._variance, strict=True)]

    def _cost(self, pair: ImagePair, variance: FloatArray) -> CostFunction:
        if variance.shape[1:] != pair.domain.shape:
            raise ShapeError(
                f"background variance is on {variance.shape[1:]} cells, the images on {pair.domain.shape}. Build the "
                "archive on the model grid."
            )
        needed = variance[:, pair.domain]
        if not (np.isfinite(needed).all() and (needed >= 0.0).all()):
            raise DataError(
                f"background variance is missing or negative in {int((~(needed >= 0.0)).any(axis=0).sum())} cells of "
                "the domain. Build the archive on this domain, or let it fill cells that it does not cover."
            )
        precision = None
        if self._observation_std is not None:
            precision = np.where(pair.observed, 1.0 / np.asarray(self._observation_std) ** 2, 0.0)
        return CostFunction(
            pair.innovation,
            np.where(pair.domain, variance, 0.0),
            np.ones(1),
            observation_precision=precision,
            image=None if self._image is None else self._image.term(pair),
        )

    def _analyse(self, pair: ImagePair, variance: FloatArray) -> Analysis:
        cost = self._cost(pair, variance)
        minimum = minimise(cost, self._rule)
        if not minimum.converged:
            logger.warning(
                "3D-Var at %s ended after %d iterations with a gradient of %.3g, above the tolerance; its cost is "
                "%.6g. Raise max_iterations, or make the tolerance relative.",
                pair.time_key,
                minimum.n_iterations,
                minimum.gradient_norm,
                minimum.costs[-1].total,
            )
        increment = cost.observe(minimum.increment)
        return Analysis(increment=increment, diagnostics=diagnostics_of(minimum, increment, pair))

    def _require_layers(self, expected: int, what: str) -> None:
        if self.n_layers != expected:
            raise ShapeError(f"3D-Var: {what}; its background variance has {self.n_layers} layers.")


class Var3dOfErrors:
    """3D-Var of the observed depth with the standard deviations of two error models, which may change in time.

    Parameters
    ----------
    background, observation : error models; their correlations are not used, because B and R of [S24] are diagonal.
    point : whether J_O is part of the cost function.
    image : the image term, or None. Its ``std`` is replaced by the root-mean-square observation error.
    rule : criterion that ends the minimisation.
    """

    def __init__(
        self,
        background: ErrorModel,
        observation: ErrorModel,
        point: bool,
        image: ImageConstraint | None = None,
        rule: StoppingRule | None = None,
    ) -> None:
        self._background, self._observation = background, observation
        self._point, self._image, self._rule = point, image, rule

    def analyse(self, pair: ImagePair) -> Analysis:
        """See ``Var3d.analyse``. Local if the error models are."""
        domain = pair.domain
        b, r = (
            np.maximum(model.standard_deviation(domain), _LEAST_STD) for model in (self._background, self._observation)
        )
        image = self._image
        if image is not None and domain.any():
            image = replace(image, std=float(np.sqrt(np.mean(r[domain] ** 2))))
        spread = np.where(domain, b, np.nan)
        method = Var3d(b**2, observation_std=r if self._point else None, image=image, rule=self._rule)
        return replace(method.analyse(pair), spread=spread)


def diagnostics_of(minimum: Minimum, increment: FloatArray, pair: ImagePair) -> dict[str, float | list[float]]:
    """Return the diagnostics of one minimisation for the cycle record.

    Returns
    -------
    ``cost``, ``cost_background``, ``cost_observation``, ``cost_image`` and ``gradient_norm`` at the start and after
    each iteration; ``iterations``; ``converged``, 1 or 0; ``final_gradient_norm``, evaluated directly; ``gain_mean``,
    the regression coefficient of the increment on the innovation over observed cells; and ``gain_std``, the scatter
    about this regression relative to the innovation (0 without innovation).
    """
    d, dx = pair.innovation[pair.observed], increment[pair.observed]
    energy = float(np.sum(d * d))
    gain = float(np.sum(dx * d)) / energy if energy > 0.0 else 0.0
    scatter = math.sqrt(float(np.sum((dx - gain * d) ** 2)) / energy) if energy > 0.0 else 0.0
    return {
        "iterations": float(minimum.n_iterations),
        "converged": float(minimum.converged),
        "final_gradient_norm": minimum.gradient_norm,
        "cost": [c.total for c in minimum.costs],
        "cost_background": [c.background for c in minimum.costs],
        "cost_observation": [c.observation for c in minimum.costs],
        "cost_image": [c.image for c in minimum.costs],
        "gradient_norm": list(minimum.gradient_norms),
        "gain_mean": gain,
        "gain_std": scatter,
    }


def observed_image(pair: ImagePair, fill: ImageFill) -> FloatArray:
    """Return the image f whose coefficients are ranked: y, with H x_b in gaps of the domain, filled off the domain.

    Returns
    -------
    Image, m3 m-3, (n_lat, n_lon), finite everywhere.
    """
    known = pair.domain & np.isfinite(pair.background)
    image = np.where(pair.observed, pair.observation, np.where(known, pair.background, 0.0))
    return image if known.all() else fill(image, known)


def fill_with_mean(image: FloatArray, known: BoolArray) -> FloatArray:
    """Fill with the mean of the known cells, so that there is no large step at the coast."""
    mean = float(np.sum(np.where(known, image, 0.0))) / max(1, int(known.sum()))
    return np.where(known, image, mean)


def fill_with_zero(image: FloatArray, known: BoolArray) -> FloatArray:
    """Fill with zeros."""
    return np.where(known, image, 0.0)
