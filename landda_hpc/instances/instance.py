"""One model trajectory of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from landda_hpc.config import PerturbationConfig, Run
from landda_hpc.model.protocol import SoilModel
from landda_hpc.state import TileState

NATURE = "nature"
"""Name of the nature run, the truth of a twin."""


@dataclass(eq=False)
class Instance:
    """One model trajectory of the campaign, with this rank's part of it.

    Attributes
    ----------
    name : 'nature', the run's name, or that of a member of the run's ensemble.
    index : number among the campaign's instances.
    run : the run's configuration; None for the nature run.
    member : number of the member of the run's ensemble, from 1; None for a run without ensemble.
    model, state : on the rank's tiles; None on ranks of other member groups.
    """

    name: str
    index: int
    run: Run | None
    member: int | None = None
    model: SoilModel | None = None
    state: TileState | None = None

    @property
    def run_name(self) -> str:
        """Name of its run, or 'nature'."""
        return NATURE if self.run is None else self.run.name

    @property
    def perturbation(self) -> PerturbationConfig | None:
        """Its perturbations as a member of an ensemble; None for the nature run and an unperturbed run."""
        if self.run is None:
            return None
        if self.run.ensemble is not None and self.member is not None:
            return self.run.ensemble.member(self.member)
        return self.run.perturbation

    @property
    def is_plain(self) -> bool:
        """Whether it is an unperturbed run; all of these have the same trajectory until the first analysis."""
        return self.run is not None and self.perturbation is None


def bare_instances(runs: Sequence[Run], *, has_nature: bool) -> list[Instance]:
    """Every instance of a campaign, without models and states: the nature run first, if there is one."""
    instances = [Instance(NATURE, 0, None)] if has_nature else []
    for run in runs:
        numbers = [None] if run.ensemble is None else range(1, run.ensemble.members + 1)
        for name, number in zip(run.instance_names, numbers, strict=True):
            instances.append(Instance(name, len(instances), run, number))
    return instances


def by_run(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    """Instances by the name of their run, in order: one, or the members of its ensemble."""
    found: dict[str, list[Instance]] = {}
    for instance in instances:
        found.setdefault(instance.run_name, []).append(instance)
    return found
