"""Cell means of a run on the roots: of its one state, or of the members of its ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landda_hpc.analysis.ensemble.protocol import covariance, deviations, ordered_mean
from landda_hpc.constants import FloatArray
from landda_hpc.instances.columns import Columns


@dataclass(frozen=True, eq=False)
class MemberRows:
    """Cell means of the members of an ensemble, on one root.

    Attributes
    ----------
    spread : standard deviation of the members in the root's own cells, (n_owned, n_columns).
    observed : mean over the observed depth of every member in all cells, m3 m-3, (n_members, n_cells).
    owned : land cells whose rows this root has for every member.
    rows : of every member in these cells, (n_members, n_owned, n_columns).
    crps : of each column against the nature run, (n_owned, n_columns); None without a nature run.
    """

    spread: FloatArray
    observed: FloatArray
    owned: slice
    rows: FloatArray
    crps: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class RunRows:
    """Cell means of a run, on one root; see ``Columns`` for the columns.

    Attributes
    ----------
    mean : of its state, or of the mean of its members, in the root's own cells, (n_owned, n_columns); m3 m-3, NaN
        without updatable soil.
    observed : mean over the observed depth in all cells, m3 m-3, (n_cells,).
    members : of the members of its ensemble; None for a run with one state.
    """

    mean: FloatArray
    observed: FloatArray
    members: MemberRows | None = None


def statistics(rows: FloatArray) -> FloatArray:
    """Mean and standard deviation over the members side by side, (n_members, n, k) -> (n, 2 k). Local.

    The fraction of frozen soil, the last column, is that of any member: a cell counts as frozen if it is in one.
    """
    anomalies = deviations(rows)
    mean = ordered_mean(rows)
    mean[:, -1] = rows[:, :, -1].max(axis=0)
    return np.concatenate([mean, np.sqrt(covariance(anomalies, anomalies))], axis=1)


def observed_of(columns: Columns, rows: FloatArray) -> FloatArray:
    """Mean over the observed depth of every member in this root's cells, (n_members, n_owned)."""
    return np.stack([columns.observed(member) for member in rows])
