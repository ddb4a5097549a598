"""One model trajectory of a campaign."""

from __future__ import annotations

from dataclasses import dataclass

from landda_hpc.config import Run
from landda_hpc.model.protocol import SoilModel
from landda_hpc.state import TileState


@dataclass(eq=False)
class Instance:
    """One model trajectory of the campaign, as far as this rank holds it.

    Attributes
    ----------
    name : 'nature' or the run's name.
    index : its number among the campaign's instances.
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
