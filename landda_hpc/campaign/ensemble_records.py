"""Records of ensembles after each cycle: spread and skill, CRPS, rank histogram. Rank 0 only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from landda_hpc.analysis.ensemble.errors import OBSERVATION_STD
from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.run_rows import MemberRows
from landda_hpc.config import Run
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import NATURE
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.verification.statistics.ensembles import effective_size, rank_histogram

if TYPE_CHECKING:
    from landda_hpc.campaign.recorder import CycleImages, Stage

_DIVERGED: Final = 4.0
"""Innovation variance over spread^2 + R from which a filter may have diverged."""


class EnsembleRecords:
    """Makes the records of ensembles.

    Parameters
    ----------
    domain, runs : of the campaign.
    seed : of the campaign; keys the ranks among ties and the errors that are added to members.
    is_scored : land cells that are scored, (n_cells,).
    """

    def __init__(self, domain: Domain, seed: int, runs: Sequence[Run], is_scored: BoolArray) -> None:
        self._domain, self._seed, self._runs, self._is_scored = domain, seed, runs, is_scored
        self._warned: set[str] = set()

    def of_cycle(self, cycle: int, images: CycleImages, analyses: Mapping[str, Analysis]) -> Iterator[dict[str, Any]]:
        """Records of all ensembles, and in a twin of the runs with one state as well; none without an ensemble.

        Parameters
        ----------
        images : cell means of all runs.
        analyses : of the cycle, by run.
        """
        if not images.members:
            return
        truth, observation = images.background.get(NATURE), images.observation
        observed = None if observation is None else self._domain.cells.from_image(observation.values)
        stages: tuple[Stage, ...] = ("background", "analysis")
        for run in self._runs:
            is_analysed = run.name in analyses
            std = analyses[run.name].diagnostics.get(OBSERVATION_STD) if is_analysed else None
            known = std if isinstance(std, float) else _reported(observation)
            for stage in stages if is_analysed else stages[:1]:
                shown = stage if is_analysed else "forecast"
                labels = {"cycle": cycle, "time": images.time.isoformat(), "run": run.name, "stage": shown}
                rows, members = images.rows(stage, run.name), images.members.get((stage, run.name))
                assert rows is not None, "rank 0 is a root and holds all rows"
                if members is not None:
                    yield self.of_stage(rows, members, truth, observed, known, labels)
                elif truth is not None:
                    yield self.of_state(rows, truth, labels)

    def of_stage(
        self,
        mean: FloatArray,
        members: MemberRows,
        truth: FloatArray | None,
        observed: FloatArray | None,
        observation_std: float | None,
        labels: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Record of an ensemble before or after an analysis.

        Parameters
        ----------
        mean : rows of the ensemble mean, (n_cells, n_columns).
        truth : rows of the nature run; None without one.
        observed : observation in the land cells, m3 m-3, (n_cells,); None without one.
        observation_std : of its errors, m3 m-3; None if unknown.
        labels : cycle, time, run, stage.

        Returns
        -------
        The labels; number of members; by layer the spread, and with a truth the RMSE of the mean, their ratio, which is
        1 for a reliable ensemble, and the CRPS, m3 m-3; effective size; rank histogram of the truth at the observed
        depth, or of the observation, to whose errors the members are exposed.
        """
        columns, n = self._domain.columns, members.observed.shape[0]
        counted = self._is_scored & (columns.frozen(mean) == 0.0) & np.isfinite(mean[:, 0])
        layers: dict[str, dict[str, float | None]] = {}
        for i, layer in enumerate(self._domain.depth_names):
            spread = _rms(columns.depth(members.spread, i)[counted])
            layers[layer] = {"spread": spread}
            if truth is not None and members.crps is not None:
                rmse = _rms((columns.depth(mean, i) - columns.depth(truth, i))[counted])
                # The error of a mean of N members is larger than that of an infinite ensemble.
                ratio = spread * float(np.sqrt((n + 1.0) / n)) / rmse if spread and rmse else None
                crps = columns.depth(members.crps, i)[counted]
                layers[layer] |= {
                    "rmse": rmse,
                    "spread_skill": ratio,
                    "crps": float(crps.mean()) if crps.size else None,
                }
        anomalies = members.observed[:, counted] - columns.observed(mean)[counted]
        record = {**labels, "members": n, "layers": layers, "effective_size": effective_size(anomalies)}
        found = self._histogram(members.observed, counted, truth, observed, observation_std, labels)
        return record | ({} if found is None else {"rank_histogram": found[0], "ranked": found[1]})

    def of_state(self, rows: FloatArray, truth: FloatArray, labels: Mapping[str, Any]) -> dict[str, Any]:
        """Record of a run with one state, for comparison: its RMSE, and its CRPS, which is the mean absolute error.

        Parameters
        ----------
        rows, truth : of the run and of the nature run, (n_cells, n_columns).
        labels : as of ``of_stage``.
        """
        columns = self._domain.columns
        counted = self._is_scored & (columns.frozen(rows) == 0.0) & np.isfinite(rows[:, 0])
        layers: dict[str, dict[str, float | None]] = {}
        for i, layer in enumerate(self._domain.depth_names):
            error = (columns.depth(rows, i) - columns.depth(truth, i))[counted]
            layers[layer] = {"spread": 0.0, "rmse": _rms(error)}
            if error.size:
                layers[layer]["crps"] = float(np.abs(error).mean())
        return {**labels, "members": 1, "layers": layers}

    def _histogram(
        self,
        values: FloatArray,
        counted: BoolArray,
        truth: FloatArray | None,
        observed: FloatArray | None,
        observation_std: float | None,
        labels: Mapping[str, Any],
    ) -> tuple[list[int], str] | None:
        generator = keyed_generator(self._seed, "ranks", *(str(labels[name]) for name in ("time", "run", "stage")))
        if truth is not None:
            reference, ranked = self._domain.columns.observed(truth), "truth"
        elif observed is not None and observation_std is not None and labels["stage"] != "analysis":
            # The observation is drawn from members with errors, if the ensemble is reliable.
            values = values + observation_std * generator.standard_normal(values.shape)
            reference, ranked = observed, "observation"
        else:
            return None
        used = counted & np.isfinite(reference)
        return rank_histogram(values[:, used], reference[used], generator).tolist(), ranked

    def divergence(
        self, records: Sequence[Mapping[str, Any]], images: CycleImages, analyses: Mapping[str, Analysis]
    ) -> Iterator[str]:
        """A warning for each ensemble, once in a job, whose innovations spread and observation errors do not explain.

        Parameters
        ----------
        records : of the cycle, by run (``cycles.jsonl``).
        images, analyses : see ``of_cycle``.
        """
        for record in records:
            name, innovation = str(record["run"]), record.get("innovation_std")
            members = images.members.get(("background", name))
            std = analyses[name].diagnostics.get(OBSERVATION_STD) if name in analyses else None
            if members is None or name in self._warned or images.observation is None:
                continue
            if not isinstance(std, float) or innovation is None:
                continue
            observed = self._domain.cells.from_image(images.observation.values)
            of_depth = self._domain.columns.observed(members.spread)
            expected = float(np.mean(of_depth[np.isfinite(observed) & np.isfinite(of_depth)] ** 2)) + std**2
            if innovation**2 > _DIVERGED * expected:
                self._warned.add(name)
                yield (
                    f"{name}: the ensemble may have diverged: the standard deviation of the innovations is "
                    f"{innovation:.3f} m3 m-3, spread and observation errors explain {np.sqrt(expected):.3f}. Use "
                    "larger perturbations, or adaptive inflation if it is constant"
                )


def _reported(observation: ImageObservation | None) -> float | None:
    """Root mean square of the errors that an observation reports where it is used; None if it reports none."""
    if observation is None or observation.error_std is None:
        return None
    known = observation.error_std[observation.is_used & np.isfinite(observation.error_std)]
    return float(np.sqrt(np.mean(known**2))) if known.size else None


def _rms(values: FloatArray) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if values.size else None
