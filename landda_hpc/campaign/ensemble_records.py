"""Records of ensembles after each cycle: spread and skill, CRPS, rank histogram."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from landda_hpc.analysis.ensemble.errors import OBSERVATION_STD
from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.cell_statistics import CellStatistics
from landda_hpc.campaign.cycle_images import CycleImages, Stage
from landda_hpc.campaign.run_rows import MemberRows, RunRows, observed_of
from landda_hpc.config import Run
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.cell_sums import CellTotals
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.verification.statistics.ensembles import effective_size_of, rank_histogram
from landda_hpc.verification.statistics.scores import Score

_DIVERGED: Final = 4.0
"""Innovation variance over spread^2 + R from which a filter may have diverged."""

_Record = Callable[[], dict[str, Any]]
"""Gives a record when the statistics are computed."""


class EnsembleRecords:
    """Makes the records of ensembles, from the cells of each root.

    Parameters
    ----------
    domain, runs : of the campaign.
    seed : of the campaign; keys the ranks among ties and the errors that are added to members.
    is_scored : the root's own cells that are scored, (n_owned,).
    totals : over the cells of all roots.
    """

    def __init__(
        self, domain: Domain, seed: int, runs: Sequence[Run], is_scored: BoolArray, totals: CellTotals
    ) -> None:
        self._domain, self._seed, self._runs, self._is_scored = domain, seed, runs, is_scored
        self._totals = totals
        self._warned: set[str] = set()

    def of_cycle(
        self, statistics: CellStatistics, cycle: int, images: CycleImages, analyses: Mapping[str, Analysis]
    ) -> Iterator[_Record]:
        """Records of all ensembles, and in a twin of the runs with one state as well; none without an ensemble.

        Collective over the roots.

        Parameters
        ----------
        statistics : of the cycle; when they are computed, the records are complete.
        images : cell means of all runs.
        analyses : of the cycle, by run.
        """
        if not any(rows is not None and rows.members is not None for rows in images.background.values()):
            return
        observed = None if images.observation is None else self._here(images.observation.values)
        stages: tuple[Stage, ...] = ("background", "analysis")
        for run in self._runs:
            is_analysed = run.name in analyses
            std = analyses[run.name].diagnostics.get(OBSERVATION_STD) if is_analysed else None
            known = std if isinstance(std, float) else _reported(images.observation)
            for stage in stages if is_analysed else stages[:1]:
                shown = stage if is_analysed else "forecast"
                labels = {"cycle": cycle, "time": images.time.isoformat(), "run": run.name, "stage": shown}
                rows = images.rows(stage, run.name)
                assert rows is not None, "only roots record"
                if rows.members is not None:
                    yield self._of_ensemble(statistics, rows, rows.members, images.truth, observed, known, labels)
                elif images.truth is not None:
                    yield self._of_state(statistics, rows, images.truth, labels)

    def _of_ensemble(
        self,
        statistics: CellStatistics,
        rows: RunRows,
        members: MemberRows,
        truth: RunRows | None,
        observed: FloatArray | None,
        observation_std: float | None,
        labels: Mapping[str, Any],
    ) -> _Record:
        """Record of an ensemble before or after an analysis. Collective over the roots.

        Parameters
        ----------
        rows, members : of the ensemble.
        truth : rows of the nature run; None without one.
        observed : observation in the root's own cells, m3 m-3, (n_owned,); None without one.
        observation_std : of its errors, m3 m-3; None if unknown.
        labels : cycle, time, run, stage.

        Returns
        -------
        The labels; number of members; by layer the spread, and with a truth the RMSE of the mean, their ratio, which is
        1 for a reliable ensemble, and the CRPS, m3 m-3; effective size; rank histogram of the truth at the observed
        depth, or of the observation, to whose errors the members are exposed.
        """
        columns, mean, n = self._domain.columns, rows.mean, members.rows.shape[0]
        counted = self._counted(mean)
        nothing = np.zeros(counted.size)
        layers: dict[str, tuple[Callable[[], Score], ...]] = {}
        for i, layer in enumerate(self._domain.depth_names):
            layers[layer] = (statistics.compare(columns.depth(members.spread, i), nothing, counted),)
            if truth is not None and members.crps is not None:
                error = statistics.compare(columns.depth(mean, i), columns.depth(truth.mean, i), counted)
                layers[layer] += (error, statistics.compare(columns.depth(members.crps, i), nothing, counted))
        product, counts, ranked = self._of_blocks(
            statistics, members, mean, counted, truth, observed, observation_std, labels
        )

        def record() -> dict[str, Any]:
            found = {layer: _of_layer(n, *(score() for score in of_layer)) for layer, of_layer in layers.items()}
            size = effective_size_of(product().reshape(n, n))
            made = {**labels, "members": n, "layers": found, "effective_size": size}
            if counts is not None:
                made |= {"rank_histogram": [int(number) for number in counts()], "ranked": ranked}
            return made

        return record

    def _of_state(
        self, statistics: CellStatistics, rows: RunRows, truth: RunRows, labels: Mapping[str, Any]
    ) -> _Record:
        """Record of a run with one state, for comparison: its RMSE, and its CRPS, which is the mean absolute error."""
        columns, counted = self._domain.columns, self._counted(rows.mean)
        nothing = np.zeros(counted.size)
        layers = {}
        for i, layer in enumerate(self._domain.depth_names):
            mine, true = columns.depth(rows.mean, i), columns.depth(truth.mean, i)
            error = statistics.compare(mine, true, counted)
            layers[layer] = error, statistics.compare(np.abs(mine - true), nothing, counted)

        def record() -> dict[str, Any]:
            found: dict[str, dict[str, float | None]] = {}
            for layer, (error, size) in layers.items():
                found[layer] = {"spread": 0.0, "rmse": _rms(error())}
                if error().n_cells:
                    found[layer]["crps"] = size().bias
            return {**labels, "members": 1, "layers": found}

        return record

    def _of_blocks(
        self,
        statistics: CellStatistics,
        members: MemberRows,
        mean: FloatArray,
        counted: BoolArray,
        truth: RunRows | None,
        observed: FloatArray | None,
        observation_std: float | None,
        labels: Mapping[str, Any],
    ) -> tuple[Callable[[], FloatArray], Callable[[], FloatArray] | None, str]:
        """Products of the members' deviations, and counts of ranks, computed by fixed blocks of cells. Collective.

        Returns
        -------
        When the statistics are computed: sums of products, (n_members^2,); counts, (n_members + 1,), or None if there
        is nothing to rank; and what is ranked.
        """
        columns, n = self._domain.columns, members.rows.shape[0]
        values = observed_of(columns, members.rows)
        reference, ranked, noise = np.full(counted.size, np.nan), "", 0.0
        if truth is not None:
            reference, ranked = columns.observed(truth.mean), "truth"
        elif observed is not None and observation_std is not None and labels["stage"] != "analysis":
            # The observation is drawn from members with errors, if the ensemble is reliable.
            reference, ranked, noise = observed, "observation", observation_std
        deviations = np.where(counted, values - columns.observed(mean), 0.0)
        used = counted & np.isfinite(reference)
        rows = np.concatenate([deviations, values, [reference, used]]).T
        products, counts = [], []
        for block, of_block in self._totals.in_blocks(rows):
            by_member = np.ascontiguousarray(of_block.T)
            of_members, (truths, is_used) = by_member[n : 2 * n], by_member[2 * n :]
            products.append((by_member[:n] @ by_member[:n].T).ravel())
            if ranked:
                key = (str(labels[name]) for name in ("time", "run", "stage"))
                generator, taken = keyed_generator(self._seed, "ranks", *key, block), is_used > 0.0
                if noise:
                    of_members = of_members + noise * generator.standard_normal(of_members.shape)
                counts.append(rank_histogram(of_members[:, taken], truths[taken], generator).astype(np.float64))
        product = statistics.sum_blocks(np.array(products).reshape(len(products), n * n))
        if not ranked:
            return product, None, ranked
        return product, statistics.sum_blocks(np.array(counts).reshape(len(counts), n + 1)), ranked

    def divergence(
        self, statistics: CellStatistics, images: CycleImages, analyses: Mapping[str, Analysis]
    ) -> Callable[[Sequence[Mapping[str, Any]]], list[str]]:
        """A warning for each ensemble, once in a job, whose innovations spread and observation errors do not explain.

        Parameters
        ----------
        statistics, images, analyses : see ``of_cycle``.

        Returns
        -------
        The warnings when the statistics are computed, from the records of the cycle by run (``cycles.jsonl``).
        """
        spreads: dict[str, tuple[Callable[[], Score], float]] = {}
        for name, analysis in analyses.items():
            rows, std = images.background[name], analysis.diagnostics.get(OBSERVATION_STD)
            if rows is None or rows.members is None or images.observation is None or not isinstance(std, float):
                continue
            spread = self._domain.columns.observed(rows.members.spread)
            seen = np.isfinite(self._here(images.observation.values))
            spreads[name] = statistics.compare(spread, np.zeros(spread.size), seen), std

        def warnings(records: Sequence[Mapping[str, Any]]) -> list[str]:
            found = []
            for record in records:
                name, innovation = str(record["run"]), record.get("innovation_std")
                if name not in spreads or name in self._warned or innovation is None:
                    continue
                spread, std = spreads[name]
                expected = spread().rmse ** 2 + std**2
                if innovation**2 > _DIVERGED * expected:
                    self._warned.add(name)
                    found.append(
                        f"{name}: the ensemble may have diverged: the standard deviation of the innovations is "
                        f"{innovation:.3f} m3 m-3, spread and observation errors explain {np.sqrt(expected):.3f}. Use "
                        "larger perturbations, or adaptive inflation if it is constant"
                    )
            return found

        return warnings

    def _counted(self, mean: FloatArray) -> BoolArray:
        """The root's own cells that count, (n_owned,): scored, with soil, not frozen."""
        counted: BoolArray = self._is_scored & (self._domain.columns.frozen(mean) == 0.0) & np.isfinite(mean[:, 0])
        return counted

    def _here(self, image: FloatArray) -> FloatArray:
        """Values of an image in the root's own cells, (n_owned,)."""
        return self._domain.cells.from_image(image)[self._totals.owned]


def _of_layer(
    n: int, spread: Score, error: Score | None = None, of_crps: Score | None = None
) -> dict[str, float | None]:
    """The record of a layer, from the spread of n members, and the errors and the CRPS of a twin."""
    std = _rms(spread)
    found: dict[str, float | None] = {"spread": std}
    if error is not None and of_crps is not None:
        rmse = _rms(error)
        # The error of a mean of N members is larger than that of an infinite ensemble.
        ratio = std * math.sqrt((n + 1.0) / n) / rmse if std and rmse else None
        found |= {"rmse": rmse, "spread_skill": ratio, "crps": of_crps.bias if of_crps.n_cells else None}
    return found


def _reported(observation: ImageObservation | None) -> float | None:
    """Root mean square of the errors that an observation reports where it is used; None if it reports none."""
    if observation is None or observation.error_std is None:
        return None
    known = observation.error_std[observation.is_used & np.isfinite(observation.error_std)]
    return float(np.sqrt(np.mean(known**2))) if known.size else None


def _rms(score: Score) -> float | None:
    return score.rmse if score.n_cells else None
