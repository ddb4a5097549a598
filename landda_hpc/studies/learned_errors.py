"""Errors of background and observation that the innovations of a campaign show, next to those that a run assumed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import stdtrit

from landda_hpc.analysis.learned import ErrorsOfEachAnalysis, applied_gain
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.visit_differences import LEAST_CELLS, LearnedVariances, VisitDifferences
from landda_hpc.analysis.visit_statistics import N_LAGS
from landda_hpc.config import read_resolved
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.evaluation.innovation_diagnostics import directions
from landda_hpc.evaluation.innovations_by_scale import frame_config
from landda_hpc.evaluation.stored_innovations import stored_innovations
from landda_hpc.formats.own.learned_errors import ErrorEstimates, Estimate, GroupErrors, write_learned_errors
from landda_hpc.instances.domain import make_domain
from landda_hpc.io.provenance import history, software
from landda_hpc.methods.base.assembly import assumed_errors
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.verification.statistics.sample_size import LEVEL

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.config import FrameConfig
    from landda_hpc.constants import FloatArray
    from landda_hpc.curvelet.backends import Frame
    from landda_hpc.evaluation.stored_innovations import StoredInnovations
    from landda_hpc.grid import Grid

logger = logging.getLogger(__name__)

_ALL: Final = 1e9
"""Memory of plain means over all analyses."""

_BLOCKS, _FEWEST_BLOCKS = 20, 4
"""Largest number of blocks of the jackknife, and the least with which there is an interval."""

_SUMS: Final = {
    "innovation": "analyses",
    "white": "analyses",
    "covariance": "covariance_count",
    "covariance_white": "covariance_count",
    "phi": "phi_count",
}
"""Means in the memory of ``VisitDifferences``, and their counts."""


@dataclass(frozen=True, eq=False)
class RunErrors:
    """Errors of a run, and how they were found.

    Attributes
    ----------
    run, source : the run; images or feedback files.
    estimates : by scale and wedge.
    applied_gain : of the run's increments, by scale, <C u, C d> / |C d|^2; NaN without analyses.
    change_ratio : (c_2 - c_1) / c_0 of visit differences at the finest scale: 1/2 for errors that are white in time,
        near 0 for errors that last; NaN before two visits.
    first, last : times of the first and last analysis, ISO format.
    n_analyses, block_length, n_blocks : analyses, analyses in a block of the jackknife, and blocks; 0 blocks: no
        intervals.
    max_gap_days : visits of a cell that lay further apart gave no difference.
    """

    run: str
    source: str
    estimates: ErrorEstimates
    applied_gain: FloatArray
    change_ratio: float
    first: str
    last: str
    n_analyses: int
    block_length: int
    n_blocks: int
    max_gap_days: float

    @property
    def how(self) -> str:
        """Analyses and intervals, in a sentence."""
        intervals = (
            f"95 % intervals: jackknife over {self.n_blocks} blocks of {self.block_length} analyses"
            if self.n_blocks
            else f"no intervals, which need {_FEWEST_BLOCKS * self.block_length} analyses"
        )
        return f"{self.n_analyses} analyses, {self.first} to {self.last} UTC, from {self.source}; {intervals}."

    @property
    def sentences(self) -> list[str]:
        """Results of the persistence test and the chi-square, in sentences."""
        estimates, chi = self.estimates, self.estimates.by_scale.chi_square
        said = []
        if not estimates.is_learned and not estimates.errors_persist:
            said.append(
                f"R is an initial estimate, because fewer than {LEAST_CELLS:.0%} of the soil cells had three visits, "
                f"each at most {self.max_gap_days:g} days after the one before."
            )
        if math.isfinite(self.change_ratio):
            ratio = f"(c2 - c1) / c0 of visit differences at the finest scale is {self.change_ratio:.2f}"
            said.append(
                f"Persistence test: {ratio} (0.5 for errors that are white in time, 0 for persistent errors). "
                + (
                    "The observation errors persist from visit to visit, or are smaller than the errors of the "
                    "model's tendency. The fine detail of this product cannot be trusted, and R is a cautious estimate."
                    if estimates.errors_persist
                    else "The observation errors change from visit to visit, and R can be trusted."
                )
            )
        if np.isfinite(chi).any():
            said.append(
                f"Chi-square by scale, coarsest first: {', '.join(f'{x:.2f}' for x in chi)}; 1 if the assumed B + R "
                "fits."
            )
        return said


def campaign_errors(
    path: Path,
    runs: Sequence[str] = (),
    *,
    frame: FrameConfig | None = None,
    first: datetime | None = None,
    last: datetime | None = None,
    max_gap_days: float = 5.0,
) -> Iterator[RunErrors]:
    """Estimate the errors of runs of a campaign that is finished, stopped or running. Local.

    Parameters
    ----------
    path : folder of the campaign.
    runs : names; by default every run whose innovations are stored.
    frame : of all runs; by default that of each run, else of the first run with curvelets, else the default.
    first, last : period, both included.
    max_gap_days : as of ``estimate_errors``.

    Raises
    ------
    StorageError : the folder has no campaign.
    ConfigError : no run of a name.
    DataError : innovations or increments are not stored; of all runs if none is named.
    """
    folder = CampaignFolder.open(path)
    config = read_resolved(folder.config_file)
    known = {run.name: run for run in config.runs}
    for name in runs:
        if name not in known:
            raise ConfigError(f"--run {name}: campaign '{path}' has the runs {', '.join(known)}.")
    domain = make_domain(config, n_ranks=1)
    context = MethodContext(domain.grid, SerialCommunicator(), config.seed, config.data_root)
    changes = not config.observations.monitor_only
    failures: list[str] = []
    n_found = 0
    for name in runs or known:
        run = known[name]
        of_run = frame or frame_config(run, config.runs)
        curvelets = make_frame(of_run, domain.grid)
        assumed = assumed_errors(run, curvelets, context)
        try:
            # Whether increments are stored in all cells is seen when they are read.
            stored = stored_innovations(
                folder,
                run,
                config.time,
                config.output.fields,
                domain.is_soil,
                first=first,
                last=last,
                needs_increments=changes,
            )
            found = estimate_errors(stored, curvelets, of_run, domain.grid, assumed, max_gap_days)
        except DataError as error:
            if runs:
                raise
            failures.append(str(error))
            continue
        n_found += 1
        yield found
    if not n_found:
        raise DataError(" ".join(failures))
    for failure in failures:
        logger.warning("%s", failure)


def write_run_errors(found: RunErrors, path: Path, campaign: str) -> None:
    """Write the errors of a run as a CF netCDF file; StorageError if it cannot be written. Local."""
    write_learned_errors(
        path,
        found.estimates,
        {
            "title": f"Errors of background and observation, run {found.run}, campaign {campaign}",
            "source": software(),
            "history": history(),
            "run": found.run,
            "comment": found.how,
        },
    )


def estimate_errors(
    stored: StoredInnovations,
    frame: Frame,
    config: FrameConfig,
    grid: Grid,
    assumed: AssumedErrors,
    max_gap_days: float = 5.0,
) -> RunErrors:
    """Estimate R, B and K of a run from its innovations and increments. Local.

    Parameters
    ----------
    stored : the innovations, in time order.
    frame, config : the curvelet frame and its settings.
    assumed : errors that the run assumed.
    max_gap_days : visits of a cell that lie further apart give no difference.

    Raises
    ------
    DataError : no innovations.

    Notes
    -----
    Means are over all analyses. The 95 % intervals are those of a delete-one-block jackknife over blocks of consecutive
    analyses, with Student's quantile. The formula is that of ``VisitDifferences``, also for each partial sample.
    """
    estimator = VisitDifferences(frame, "per_wedge", _ALL, _ALL, max_gap_days, follows_changes=False)
    errors = ErrorsOfEachAnalysis(frame, estimator, local=True, seed=0)
    scales = WedgeGroups(frame, "per_scale")
    sums: list[dict[str, FloatArray]] = []
    products, energies = np.zeros(scales.n), np.zeros(scales.n)
    local = np.full(frame.shape, np.nan)
    domain = np.ones(frame.shape, dtype=np.bool_)
    for number, one in enumerate(stored, start=1):
        if number < len(stored):
            estimator.observe(one.pair)
        else:
            local = errors.learn(one.pair)[0].standard_deviation(one.pair.domain) ** 2
        sums.append(_sums(estimator.state()))
        gain, product, energy = applied_gain(scales, one.pair.innovation, one.increment)
        products, energies, domain = products + product, energies + energy, one.pair.domain
        estimator.was_applied(gain)
        estimator.applied(one.increment)
    if not sums:
        raise DataError(f"run '{stored.run}' has no innovations to learn from.")
    is_known = estimator.mean_square()[1] & domain
    length, n_blocks = _blocks(len(sums))
    whole = estimator.state()
    partial = [_without(whole, sums, block * length, (block + 1) * length) for block in range(n_blocks)]
    found = estimator.variances()
    persists, (share, _) = estimator.persists, estimator.white_share()
    has_pairs = bool((whole["covariance_count"][1] > 0.0).all())
    replicates: list[LearnedVariances] = []
    for state in partial:
        estimator.restore(state)
        replicates.append(estimator.variances())
    estimator.restore(whole)
    estimates = ErrorEstimates(
        grid=grid,
        scale=np.array([block.scale for block in frame.blocks], dtype=np.int64),
        wedge=np.array([block.wedge for block in frame.blocks], dtype=np.int64),
        coefficients=np.array([block.shape for block in frame.blocks], dtype=np.int64),
        direction=directions(frame),
        frame=frame_settings(config, scales.n),
        by_scale=_group_errors(
            found, replicates, whole, assumed.variances(frame, scales, domain), estimator.groups.by_scale
        ),
        by_wedge=_group_errors(found, replicates, whole, assumed.variances(frame, estimator.groups, domain), None),
        local_background=np.where(is_known, local, np.nan),
        is_learned=found.is_learned,
        errors_persist=persists,
    )
    applied = np.divide(products, energies, out=np.zeros_like(products), where=energies > 0.0)
    return RunErrors(
        stored.run,
        stored.source,
        estimates,
        applied if products.any() else np.full(scales.n, np.nan),
        share if has_pairs else math.nan,
        stored.times[0].isoformat(),
        stored.times[-1].isoformat(),
        len(sums),
        length,
        n_blocks,
        max_gap_days,
    )


def frame_settings(config: FrameConfig, n_scales: int) -> dict[str, str]:
    """Settings of a frame as text, with the number of scales that it has."""
    return {
        "backend": config.backend,
        "boundary": config.boundary,
        "angles_coarse": str(config.angles_coarse),
        "finest": config.finest,
        "scales": str(n_scales),
        "sizes": config.sizes,
    }


def _sums(state: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Sums and counts behind the means of a memory."""
    counts = {name: state[name].copy() for name in set(_SUMS.values())}
    return {name: state[name] * counts[count] for name, count in _SUMS.items()} | counts


def _without(
    whole: Mapping[str, FloatArray], sums: Sequence[Mapping[str, FloatArray]], begin: int, end: int
) -> dict[str, FloatArray]:
    """The memory without the contributions of analyses begin to end - 1 to its means."""
    before: Mapping[str, FloatArray] = sums[begin - 1] if begin else {}
    left: dict[str, FloatArray] = {}
    for name in (*_SUMS, *set(_SUMS.values())):
        left[name] = sums[-1][name] - (sums[end - 1][name] - before.get(name, 0.0))
    means = {
        name: np.divide(left[name], left[count], out=np.zeros_like(left[name]), where=left[count] > 0.5)
        for name, count in _SUMS.items()
    }
    return {**whole, **means, **{count: left[count] for count in set(_SUMS.values())}}


def _blocks(n: int) -> tuple[int, int]:
    """Length and number of the jackknife's blocks; no block if there are too few analyses.

    A block is at least as long as the longest lag, so that most differences lie within one.
    """
    length = max(N_LAGS, -(-n // _BLOCKS))
    number = n // length
    return length, number if number >= _FEWEST_BLOCKS else 0


def _group_errors(
    found: LearnedVariances,
    replicates: Sequence[LearnedVariances],
    state: Mapping[str, FloatArray],
    assumed: tuple[FloatArray, FloatArray, FloatArray],
    pool: Callable[[FloatArray], FloatArray] | None,
) -> GroupErrors:
    """Errors by group, or by scale with the sums over the groups of each scale."""
    values = _by_group(found, pool)
    drawn = [_by_group(one, pool) for one in replicates]
    estimates = {
        name: Estimate(value, _limits(value, [one[name] for one in drawn], 1.0 if name == "gain" else math.inf))
        for name, value in values.items()
        if name != "white"
    }
    b, r, gain = assumed
    n = b.size
    pairs = state["covariance_count"][1]
    return GroupErrors(
        **estimates,
        assumed_observation=r,
        assumed_background=b,
        assumed_gain=gain,
        chi_square=np.divide(values["innovation"], b + r, out=np.full(n, np.nan), where=b + r > 0.0),
        analyses=np.full(n, float(state["analyses"][0])),
        pairs=pairs.copy() if pool is not None else np.full(n, float(pairs.max())),
        white_energy=values["white"],
    )


def _by_group(found: LearnedVariances, pool: Callable[[FloatArray], FloatArray] | None) -> dict[str, FloatArray]:
    """C0, R and B as variances of white errors of the same energy, and K."""
    c0, r, white = found.innovation, found.observation, found.white
    if pool is not None:
        c0, r, white = pool(c0), pool(r), pool(white)
    safe = np.maximum(white, np.finfo(np.float64).tiny)
    gain = 1.0 - np.divide(r, c0, out=np.ones_like(c0), where=c0 > 0.0)
    return {
        "innovation": c0 / safe, "observation": r / safe, "background": (c0 - r) / safe, "gain": gain, "white": white
    }  # fmt: skip


def _limits(value: FloatArray, replicates: Sequence[FloatArray], top: float) -> FloatArray:
    """95 % limits from estimates without one block each, (n, 2); NaN without replicates."""
    n = len(replicates)
    if not n:
        return np.full((value.size, 2), np.nan)
    drawn = np.array(replicates)
    error = np.sqrt((n - 1) / n * np.sum((drawn - drawn.mean(axis=0)) ** 2, axis=0))
    half = float(stdtrit(n - 1, 0.5 + 0.5 * LEVEL)) * error
    return np.stack([np.maximum(value - half, 0.0), np.minimum(value + half, top)], axis=1)
