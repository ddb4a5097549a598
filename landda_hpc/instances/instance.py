"""One model trajectory of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from landda_hpc.config import Run
from landda_hpc.model.protocol import SoilModel
from landda_hpc.state import TileState


@dataclass(eq=False)
class Instance:
    """One model trajectory of the campaign, with this rank's part of it.

    Attributes
    ----------
    name : 'nature' or the run's name.
    index : number among the campaign's instances.
    run : the run's configuration; None for the nature run.
    model, state : on the rank's tiles; None on ranks of other member groups.
    """

    name: str
    index: int
    run: Run | None
    model: SoilModel | None = None
    state: TileState | None = None

    @property
    def assimilates(self) -> bool:
        return self.run is not None and self.run.assimilates


def bare_instances(runs: Sequence[Run], *, has_nature: bool) -> list[Instance]:
    """Every instance of a campaign, without models and states: the nature run first, if there is one."""
    instances = [Instance("nature", 0, None)] if has_nature else []
    return instances + [Instance(run.name, len(instances) + i, run) for i, run in enumerate(runs)]
