"""Protocol between a campaign and any kind of model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from landda_hpc.constants import FloatArray
from landda_hpc.instances.instance import Instance
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.parallel.signals import StopRequest


@dataclass
class ForecastCost:
    """What forecasts took on one rank, as far as it depends on the rank's tiles.

    Attributes
    ----------
    seconds : CPU time.
    hours : simulated time; the same on every rank.
    work : counted work of the rank's tiles, (tiles of the rank,); None if the model does not count it.
    """

    seconds: float = 0.0
    hours: float = 0.0
    work: FloatArray | None = None

    def add(self, seconds: float, period: timedelta, reports: Iterable[ForecastReport | None]) -> None:
        """Add forecasts of some instances over a period."""
        self.seconds += seconds
        self.hours += period / timedelta(hours=1)
        for report in reports:
            if report is not None and report.work is not None:
                self.work = report.work if self.work is None else self.work + report.work

    def since(self, before: ForecastCost) -> ForecastCost:
        """What was added since an earlier time."""
        work = self.work if before.work is None or self.work is None else self.work - before.work
        return ForecastCost(self.seconds - before.seconds, self.hours - before.hours, work)


class ModelSystem(Protocol):
    """All instances of a campaign with one kind of model, in this process or as separate programs."""

    @property
    def forecast_cost(self) -> ForecastCost:
        """What the forecasts of this system took on this rank, from which land cells are distributed. Local.

        Zeros if the distribution of land cells does not determine it, as for a separate program.
        """
        ...

    def make_instances(self) -> list[Instance]:
        """Every instance of the campaign, with its model if this rank holds it, without a state. Local."""
        ...

    def prepare(self, instances: list[Instance], stop: StopRequest | None = None) -> None:
        """Give every instance its state at the campaign's start. Collective.

        Raises
        ------
        DataError : an initial file is missing or not usable.
        StoppedError : a stop request came; nothing was saved.
        """
        ...

    def forecast(self, instances: list[Instance], begin: datetime, end: datetime) -> dict[str, ForecastReport | None]:
        """Advance the state of every instance from begin to end (UTC). Collective.

        Returns
        -------
        Water and energy budget by instance that this rank holds; None where the model keeps them to itself.

        Raises
        ------
        ModelError : the model failed; every rank raises.
        """
        ...

    def files(self, instances: list[Instance], time: datetime) -> dict[str, Any]:
        """Hashes of the state's files outside the checkpoint, on rank 0; empty elsewhere. Collective."""
        ...

    def objection(self, files: Mapping[str, Any], time: datetime) -> str | None:
        """Why a campaign cannot be resumed from the files of a checkpoint; None if it can. Local: rank 0."""
        ...

    def take_up(self, instances: list[Instance], time: datetime) -> None:
        """Prepare to continue from states read from a checkpoint. Collective.

        Raises
        ------
        DataError : files that belong to them are missing or damaged.
        """
        ...

    def release(self, kept: Collection[datetime]) -> None:
        """Remove files that do not belong to a kept checkpoint, given by its time. Local: rank 0."""
        ...

    def write_restarts(self, instances: list[Instance], time: datetime) -> None:
        """Write every instance's state as restart files in CoLM's layout. Collective."""
        ...
