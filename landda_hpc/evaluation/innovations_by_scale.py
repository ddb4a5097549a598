"""Innovations, residuals, increments, errors and spread by scale, and the comparison with a run's assumed errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from landda_hpc.analysis.ensemble.protocol import ordered_mean
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.config.frame import FrameConfig
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.methods.base.assembly import assumed_errors
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.verification.tables.spectra import AFTER, BEFORE, INCREMENT, SPREAD

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.config import Run
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.curvelet.backends import Frame
    from landda_hpc.grid import Grid
    from landda_hpc.methods.base.context import MethodContext

INNOVATION, RESIDUAL, GAIN = "innovation_std_by_wedge", "residual_std_by_wedge", "applied_gain_by_scale"
"""Keys of ``cycles.jsonl``: O-B and O-A as standard deviations of white errors with the same energy, m3 m-3, in the
order of the frame's wedges; and the regression coefficient of increments on innovations by scale, 1."""

WARNS_AFTER: Final = 4
"""Number of analyses after which a run compares its innovations with the assumed errors."""

LIMIT, LIMIT_OF_FINEST = 3.0, 5.0
"""Largest plausible ratio of innovation variance to assumed B + R, or its inverse: for a cell, and for the finest scale
alone, where correlated errors may differ although their total variance is right."""


def frame_config(run: Run, runs: Sequence[Run]) -> FrameConfig:
    """Return the frame of a run's innovations: its own, else that of the first run with curvelets, else the default."""
    return run.curvelet_frame or next((one.curvelet_frame for one in runs if one.curvelet_frame), FrameConfig())


class Frames:
    """The frames of a campaign's runs, each built once. Local.

    Parameters
    ----------
    runs : runs of the campaign.
    grid : grid of the images.
    """

    def __init__(self, runs: Sequence[Run], grid: Grid) -> None:
        self._runs, self._grid = runs, grid
        self._made: dict[FrameConfig, tuple[Frame, WedgeGroups, WedgeGroups] | None] = {}

    def of(self, run: Run) -> tuple[Frame, WedgeGroups, WedgeGroups] | None:
        """Return the frame, its wedges and its scales; None if the grid is too small for curvelets."""
        config = frame_config(run, self._runs)
        if config not in self._made:
            try:
                frame = make_frame(config, self._grid)
                self._made[config] = frame, WedgeGroups(frame, "per_wedge"), WedgeGroups(frame, "per_scale")
            except (ConfigError, ShapeError):
                self._made[config] = None
        return self._made[config]


class InnovationsByScale:
    """Statistics by wedge and scale, for the record of a cycle. Local: one rank.

    Parameters
    ----------
    runs : runs of the campaign.
    grid : grid of the images.
    """

    def __init__(self, runs: Sequence[Run], grid: Grid) -> None:
        self._frames = Frames(runs, grid)
        self._white: dict[tuple[int, str], tuple[bytes, FloatArray]] = {}

    def __call__(
        self, run: Run, background: FloatArray, analysis: FloatArray | None, observation: FloatArray
    ) -> dict[str, list[float]]:
        """Return the numbers for the record; empty if no cell is observed or the grid is too small.

        Parameters
        ----------
        background, analysis, observation : m3 m-3, (n_lat, n_lon), NaN where missing; analysis None if there is none.
        """
        observed = np.isfinite(background) & np.isfinite(observation)
        made = self._frames.of(run)
        if made is None or not observed.any():
            return {}
        frame, wedges, scales = made
        white = self._white_energy(frame, wedges, observed, "observed")

        def energy(first: FloatArray, second: FloatArray) -> FloatArray:
            return wedges.energy(np.where(observed, first - second, 0.0))

        before = energy(observation, background)
        found = {INNOVATION: _std(before, white).tolist()}
        if analysis is not None:
            after, change = energy(observation, analysis), energy(analysis, background)
            found[RESIDUAL] = _std(after, white).tolist()
            of_block = scales.of_block
            product, total = (np.bincount(of_block, e, scales.n) for e in (0.5 * (before + change - after), before))
            found[GAIN] = np.divide(product, total, out=np.zeros(scales.n), where=total > 0.0).tolist()
        return found

    def errors(
        self,
        run: Run,
        background: FloatArray,
        analysis: FloatArray | None,
        truth: FloatArray | None,
        members: Sequence[FloatArray] = (),
    ) -> dict[str, list[float]]:
        """Return increment, errors and spread by scale; empty if nothing is known or the grid is too small.

        Parameters
        ----------
        background, analysis, truth : m3 m-3, (n_lat, n_lon), NaN where missing; None if there is none.
        members : images of an ensemble before the analysis; their spread has the divisor n - 1.
        """
        made = self._frames.of(run)
        if made is None:
            return {}
        frame, wedges, scales = made
        known = np.isfinite(background)
        white = scales.by_block(self._white_energy(frame, wedges, known, "soil"))

        def energy(image: FloatArray) -> FloatArray:
            return scales.energy(np.where(known, image, 0.0))

        found: dict[str, FloatArray] = {}
        if analysis is not None:
            found[INCREMENT] = energy(analysis - background)
        if truth is not None:
            found[BEFORE] = energy(background - truth)
            if analysis is not None:
                found[AFTER] = energy(analysis - truth)
        if len(members) > 1:
            mean = ordered_mean(np.stack(members))
            total = np.zeros(scales.n)
            for member in members:
                total += energy(member - mean)
            found[SPREAD] = total / (len(members) - 1)
        return {name: _std(one, white).tolist() for name, one in found.items()}

    def _white_energy(self, frame: Frame, wedges: WedgeGroups, cells: BoolArray, which: str) -> FloatArray:
        """Return the energy of white errors of unit variance; stored for the last mask of each kind and frame."""
        key, mask = (id(frame), which), cells.tobytes()
        if key not in self._white or self._white[key][0] != mask:
            self._white[key] = mask, wedges.white(cells)
        return self._white[key][1]


def _std(energy: FloatArray, white: FloatArray) -> FloatArray:
    std: FloatArray = np.sqrt(np.divide(energy, white, out=np.zeros_like(energy), where=white > 0.0))
    return std


def implausible_errors(
    records: Iterable[Mapping[str, Any]], runs: Sequence[Run], context: MethodContext, is_soil: BoolArray
) -> list[str]:
    """Compare innovation variances with the assumed B + R; return a sentence for each run with wrong errors. Local.

    Parameters
    ----------
    records : lines of ``cycles.jsonl``.
    runs : runs of the campaign.
    context : context with a communicator of one process.
    is_soil : cells that an analysis may change, (n_lat, n_lon).

    Notes
    -----
    Means are over all records with an analysis. A run is reported if the innovation variance of a cell differs from the
    assumed one by more than the factor ``LIMIT``, or that of the finest scale by more than ``LIMIT_OF_FINEST``. If R
    alone is assumed, it must not exceed the innovation variance by more than that factor.
    """
    variances: dict[str, list[FloatArray]] = {}
    for record in records:
        if record.get(INNOVATION) and record.get(RESIDUAL):
            variances.setdefault(str(record["run"]), []).append(np.array(record[INNOVATION], dtype=np.float64) ** 2)
    frames = Frames(runs, context.grid)
    found = []
    for run in runs:
        if run.name in variances and (made := frames.of(run)) is not None:
            frame, wedges, _ = made
            assumed = assumed_errors(run, frame, context)
            sentence = _comparison(np.mean(variances[run.name], axis=0), assumed, frame, wedges, is_soil)
            found += [f"run '{run.name}': {sentence}"] if sentence else []
    return found


def _comparison(
    innovation: FloatArray, assumed: AssumedErrors, frame: Frame, wedges: WedgeGroups, is_soil: BoolArray
) -> str:
    """Describe the discrepancy of the assumed errors; empty if they are plausible or none are assumed."""
    if assumed.observation is None:
        return ""
    b, r, _ = assumed.variances(frame, wedges, is_soil)
    is_whole = bool(np.isfinite(b).all())
    white, total = wedges.white(is_soil), (b + r if is_whole else r)
    scale = np.array([block.scale for block in frame.blocks])
    parts = {"of a cell": np.ones(scale.size, dtype=np.bool_), "at the finest scale": scale == scale.max()}
    for (words, chosen), limit in zip(parts.items(), (LIMIT, LIMIT_OF_FINEST), strict=True):
        found, expected = (float((v * white)[chosen].sum() / white[chosen].sum()) for v in (innovation, total))
        chi = found / expected if expected > 0.0 else np.inf
        if chi < 1.0 / limit or (is_whole and chi > limit):
            name = "sqrt(B + R)" if is_whole else "sqrt(R)"
            return (
                f"the standard deviation of innovations {words} is {found**0.5:.3f} m3 m-3, the assumed {name} "
                f"{expected**0.5:.3f} (chi-square {chi:.2f}; 1 if the errors fit): the gain B / (B + R) does not fit. "
                "Use method learned, or errors of kind learned, or the standard deviations that 'landda errors' finds."
            )
    return ""
