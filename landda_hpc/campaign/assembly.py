"""From a configuration to the parts of a campaign."""

from __future__ import annotations

from dataclasses import dataclass

from landda_hpc.analysis.enkf_like import EnkfLike
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import AnalysisMethod
from landda_hpc.config import CampaignConfig, ControlRun, EnkfLikeRun, FrameConfig, GridConfig, PointwiseRun, Run
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.model.protocol import LandModel
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.reduction import MemberReduction
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
    model: LandModel | None = None
    state: TileState | None = None

    @property
    def assimilates(self) -> bool:
        return self.run is not None and not isinstance(self.run, ControlRun)


def make_grid(config: GridConfig) -> Grid:
    """The model grid of a configuration."""
    if config.kind == "gaussian":
        return gaussian_grid(config.n_lat, config.n_lon)
    return regular_grid(
        config.n_lat, config.n_lon, south=config.south, north=config.north, west=config.west, east=config.east
    )


def make_frame(config: FrameConfig, grid: Grid) -> Curvelet2D:
    """The curvelet frame of a configuration on the model grid."""
    return Curvelet2D(
        grid.shape,
        angles_coarse=config.angles_coarse,
        finest=config.finest,
        scales=config.scales,
        sizes=config.sizes,
        boundary=config.boundary,
    )


def make_method(run: Run, grid: Grid, root_group: Communicator, seed: int) -> AnalysisMethod | None:
    """The analysis method of a run, for a process of the root group; None for the control."""
    if isinstance(run, PointwiseRun):
        return Pointwise(run.gain)
    if isinstance(run, EnkfLikeRun):
        return EnkfLike(
            make_frame(run.frame, grid),
            MemberReduction(root_group, run.members),
            run.background_std,
            run.observation_std,
            run.estimator,
            seed,
        )
    return None


def smallest_ensemble(config: CampaignConfig) -> int | None:
    """Members of the smallest ensemble of the campaign: more roots than that have nothing to do."""
    members = [run.members for run in config.runs if isinstance(run, EnkfLikeRun)]
    return min(members, default=None)
