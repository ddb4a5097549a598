"""Cell means and observations of one cycle on the roots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.instances.instance import NATURE
from landda_hpc.observation.image_observation import ImageObservation

Stage = Literal["background", "analysis"]


@dataclass(eq=False)
class CycleImages:
    """Cell means of every run at one time, on roots (None elsewhere), and the observations, which every root has.

    Attributes
    ----------
    time : valid time.
    background, analysis : by run, before and after the analysis.
    frozen : cells with frozen soil in some run, (n_cells,), on the first root; None elsewhere.
    observation : after quality control; None without one.
    products : observation of each of several products, by name, after quality control; those without one at this time
        are missing. Empty with one product.
    referee : observation that is not assimilated but determines gains, after quality control; None without one.
    stations : assimilated and withheld stations, after quality control; None without any.
    other_layers : the product's layers that are not assimilated, by layer name, m3 m-3, (n_lat, n_lon), on rank 0.
    product_layers : the same in each root's own cells, (n_owned,).
    """

    time: datetime
    background: dict[str, RunRows | None] = field(default_factory=dict)
    analysis: dict[str, RunRows | None] = field(default_factory=dict)
    frozen: BoolArray | None = None
    observation: ImageObservation | None = None
    products: dict[str, ImageObservation] = field(default_factory=dict)
    referee: ImageObservation | None = None
    stations: ImageObservation | None = None
    other_layers: dict[str, FloatArray] = field(default_factory=dict)
    product_layers: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def truth(self) -> RunRows | None:
        """The nature run; None without one."""
        return self.background.get(NATURE)

    def rows(self, stage: Stage, name: str) -> RunRows | None:
        """Cell means of a run before or after the analysis."""
        return (self.analysis if stage == "analysis" else self.background).get(name)

    def latest(self, name: str) -> RunRows | None:
        """The state from which the forecast continues: the analysis, if there was one."""
        analysed = self.analysis.get(name)
        return self.background.get(name) if analysed is None else analysed
