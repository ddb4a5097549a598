"""Hybrid analysis: an image update, then a point update of what it leaves.

Bai et al. (2026, section 5) propose it as future work: "use image assimilation to efficiently adjust the spatial
structure of soil moisture in the background field, while also identifying regions with coherent change patterns.
Conventional high-accuracy point-based assimilation could then be applied within these specific regions."
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from landda_hpc.analysis.coherent_regions import coherent_regions
from landda_hpc.analysis.ensemble.layers import layer_slopes
from landda_hpc.analysis.ensemble.protocol import EnsembleAnalysis, EnsembleMethod, EnsemblePair
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.learned import applied_gain
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.point_update import Points, PointUpdate
from landda_hpc.analysis.protocol import Analysis, AnalysisMethod, HearsIncrements, ImagePair
from landda_hpc.analysis.residual_variances import ResidualVariances
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ConfigError

IMAGE: Final = "image."
"""Prefix of the names of the image method's arrays in the memory of the hybrid."""

_LEAST_GAIN: Final = 0.5
"""Learned scales: smallest gain of a scale of the image; there B is at least as large as R."""


class ChosenScales:
    """Restriction of images to the scales of the image update.

    Parameters
    ----------
    frame : the curvelet frame.
    scales : numbers of the scales, 1 is the coarsest; None: those whose increments are at least half of the innovation.

    Raises
    ------
    ConfigError : the frame has fewer scales.
    """

    def __init__(self, frame: ImageFrame, scales: tuple[int, ...] | None) -> None:
        self._frame, self._groups = frame, WedgeGroups(frame, "per_scale")
        if scales is not None and max(scales) > self._groups.n:
            raise ConfigError(
                f"scales: found {max(scales)}; the frame of this grid has the scales 1 to {self._groups.n}."
            )
        self._named = scales
        self._white: FloatArray | None = None

    def of(self, pair: ImagePair, increment: FloatArray) -> FloatArray:
        """Return 1 for the scales of the image update and 0 for the others, (n_scales,). Local."""
        if self._named is None:
            return (applied_gain(self._groups, pair.innovation, increment)[0] >= _LEAST_GAIN).astype(np.float64)
        chosen = np.zeros(self._groups.n)
        chosen[np.array(self._named) - 1] = 1.0
        return chosen

    def restricted(self, image: FloatArray, chosen: FloatArray) -> FloatArray:
        """Return the part of an image in some scales, (n_lat, n_lon). Local."""
        return self._frame.apply_gain(image, self._groups.expand(chosen))

    def white_share(self, chosen: FloatArray) -> float:
        """Return the fraction of the variance of white errors in some scales. Local."""
        if self._white is None:
            self._white = self._groups.white(np.ones(self._frame.shape, dtype=np.bool_))
        return float(np.sum(self._white * chosen) / np.sum(self._white))


@dataclass(frozen=True)
class PointSettings:
    """Settings of the point update.

    Attributes
    ----------
    source : ``stations``: the stations of the pair; ``pixels``: the image itself, in the other scales.
    observation_std : standard deviation of the errors of pixels that report none, m3 m-3.
    threshold, min_cells : of regions of coherent change, see ``coherent_regions``; None: points count everywhere.
    """

    source: Literal["stations", "pixels"]
    observation_std: float
    threshold: float | None = None
    min_cells: int = 1


class PointStep:
    """The second step: a point update of the residual of an image analysis.

    Parameters
    ----------
    settings : of the points.
    update : optimal interpolation.
    variances : errors of the image analysis and of the points.
    scales : of the image update; None: all.
    is_periodic : whether the last column of the image is next to the first.
    """

    def __init__(
        self,
        settings: PointSettings,
        update: PointUpdate,
        variances: ResidualVariances,
        scales: ChosenScales | None,
        *,
        is_periodic: bool,
    ) -> None:
        self._settings, self._update, self.variances = settings, update, variances
        self._scales, self._is_periodic = scales, is_periodic

    def __call__(
        self, image: Analysis, pair: ImagePair, anomalies: FloatArray | None = None
    ) -> tuple[Analysis, FloatArray]:
        """Return the analysis of both steps, and what has to be added to the increment of the image. Local.

        Parameters
        ----------
        image : of the first step.
        pair : as of the first step.
        anomalies : deviations of the members of an ensemble as images, (n_members, n_lat, n_lon), which give the
            correlations of the errors; None: these depend on the distance alone.

        Raises
        ------
        DataError : the point update does not converge.
        """
        kept, used = image.increment, None
        if self._scales is not None:
            used = self._scales.of(pair, image.increment)
            kept = np.where(pair.domain, self._scales.restricted(image.increment, used), 0.0)
        regions = self._regions(kept, pair)
        points = self._points(kept, used, pair)
        if regions is not None:
            inside = regions.reshape(-1)[points.cell] > 0
            points = Points(points.cell[inside], points.residual[inside], points.variance[inside])
        correlations = self._update.correlations(points.cell, pair.domain)
        if anomalies is not None:
            correlations = correlations.of_members(anomalies.reshape(anomalies.shape[0], -1)[:, correlations.cell])
        if regions is not None:
            correlations = correlations.within(regions)
        variances, among = self.variances, correlations.among_points
        background, factor = variances.background, variances.factor
        assumed = Points(points.cell, points.residual, factor * points.variance)
        second = self._update.increment(assumed, correlations, background, pair.domain.shape)
        variances.learn(among, points.residual, points.variance)
        numbers: dict[str, float | list[float]] = {
            "points": float(points.cell.size),
            "point_residual_std": _rms(points.residual),
            "point_background_std": float(np.sqrt(background)),
            "point_error_std": float(np.sqrt(np.mean(assumed.variance))) if points.cell.size else 0.0,
            "point_increment_std": _rms(second[pair.domain]),
        }
        if regions is not None:
            numbers["regions"] = float(regions.max(initial=0))
            numbers["region_share"] = float(np.mean(regions[pair.domain] > 0)) if pair.domain.any() else 0.0
        if used is not None:
            numbers["image_scales"] = used.tolist()
        added = kept - image.increment + second
        both = replace(image, increment=kept + second, diagnostics=image.diagnostics | numbers, regions=regions)
        return both, added

    def _regions(self, increment: FloatArray, pair: ImagePair) -> IntArray | None:
        settings = self._settings
        if settings.threshold is None:
            return None
        return coherent_regions(
            increment, pair.domain, settings.threshold, settings.min_cells, is_periodic=self._is_periodic
        )

    def _points(self, kept: FloatArray, used: FloatArray | None, pair: ImagePair) -> Points:
        """The point observations of a pair, after the image update."""
        if self._settings.source == "pixels":
            # The image update has used its scales of the innovation, so they are not used again.
            assert self._scales is not None and used is not None, "pixels have their own scales"
            detail = pair.innovation - self._scales.restricted(pair.innovation, used)
            std = self._settings.observation_std if pair.observation_std is None else pair.observation_std
            variance = np.broadcast_to(np.square(std), detail.shape) * self._scales.white_share(1.0 - used)
            return _points_of(np.where(pair.observed, detail, np.nan), variance)
        if pair.stations is None or pair.stations_std is None:
            return _points_of(np.full(pair.domain.shape, np.nan), np.zeros(pair.domain.shape))
        residual = pair.stations - (pair.background + kept)
        return _points_of(np.where(pair.domain, residual, np.nan), pair.stations_std**2)


def _points_of(residual: FloatArray, variance: FloatArray) -> Points:
    """Points in the cells of an image with a residual; cells with NaN have none."""
    cell = np.flatnonzero(np.isfinite(residual))
    return Points(cell, residual.reshape(-1)[cell], variance.reshape(-1)[cell])


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


class _TwoSteps:
    """What both hybrids share: the memory of the image method and of the errors, and increments for the former.

    Parameters
    ----------
    image : first step.
    points : second step.
    """

    def __init__(self, image: object, points: PointStep) -> None:
        self._first, self._points = image, points

    def applied(self, increment: FloatArray) -> None:
        """See ``HearsIncrements.applied``: the image method learns from what the model received from both steps."""
        if isinstance(self._first, HearsIncrements):
            self._first.applied(increment)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        arrays = self._first.state() if isinstance(self._first, MethodMemory) else {}
        return {IMAGE + name: array for name, array in arrays.items()} | self._points.variances.state()

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        of_image = {n.removeprefix(IMAGE): a for n, a in arrays.items() if n.startswith(IMAGE)}
        self._points.variances.restore({n: a for n, a in arrays.items() if not n.startswith(IMAGE)})
        if isinstance(self._first, MethodMemory):
            self._first.restore(of_image)


class Hybrid(_TwoSteps):
    """Analyses one image, then points.

    Parameters
    ----------
    image : method of the first step.
    points : second step.
    """

    def __init__(self, image: AnalysisMethod, points: PointStep) -> None:
        super().__init__(image, points)
        self._image = image

    def analyse(self, pair: ImagePair) -> Analysis:
        """See ``AnalysisMethod.analyse``. Collective, as the image method."""
        return self._points(self._image.analyse(pair), pair)[0]


class HybridOfEnsemble(_TwoSteps):
    """Analyses an ensemble by images; then points correct its mean, and every member receives the same increment.

    Layers below the observed depth receive it by regression on the members if the image method analyses all layers.

    Parameters
    ----------
    image : method of the first step.
    points : second step; the members give the correlations.
    """

    def __init__(self, image: EnsembleMethod, points: PointStep) -> None:
        super().__init__(image, points)
        self._image = image

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective, as the image method."""
        analysis = self._image.analyse(pair)
        anomalies = np.stack([pair.image(member) for member in pair.anomalies])
        mean, added = self._points(analysis.mean, pair.mean, anomalies)
        owned = pair.of_cells(added)[pair.owned]
        if analysis.layers is not None:
            layers = analysis.layers + layer_slopes(pair) * owned[:, None]
            return replace(analysis, mean=mean, layers=layers)
        assert analysis.observed is not None, "an analysis has increments"
        return replace(analysis, mean=mean, observed=analysis.observed + owned)
