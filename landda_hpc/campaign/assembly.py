"""From a configuration to the parts of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landda_hpc.analysis.enkf_like import EnkfLike
from landda_hpc.analysis.errors import ErrorModel, WhiteErrors
from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra
from landda_hpc.analysis.pointwise import AdaptivePointwise, Pointwise
from landda_hpc.analysis.protocol import AnalysisMethod
from landda_hpc.analysis.smoothed import Smoothed
from landda_hpc.analysis.spectra import Pooling
from landda_hpc.analysis.told_errors import WithToldErrors
from landda_hpc.campaign.error_models import Surroundings, make_errors, make_missing
from landda_hpc.campaign.variational import make_var3d, var3d_by_errors
from landda_hpc.config import (
    AdaptivePointwiseRun,
    CampaignConfig,
    ControlRun,
    EnkfLikeRun,
    FrameConfig,
    GainRun,
    GridConfig,
    PerScaleRun,
    PointwiseRun,
    Run,
    SmoothedRun,
    ToldErrorsConfig,
    Var3dImageTerm,
    Var3dObservationTerm,
    Var3dRun,
    WhiteErrorsConfig,
)
from landda_hpc.curvelet.backends import Frame
from landda_hpc.curvelet.backends import check_frame as check_curvelet_frame
from landda_hpc.curvelet.backends import make_frame as make_curvelet_frame
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.model.protocol import SoilModel
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
    model: SoilModel | None = None
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


def make_frame(config: FrameConfig, grid: Grid) -> Frame:
    """The curvelet frame of a configuration on the model grid; ConfigError if its backend is not installed."""
    return make_curvelet_frame(grid.shape, **_frame_arguments(config))


def check_frame(config: FrameConfig, grid: Grid) -> None:
    """Raise what ``make_frame`` would raise, without building the frame."""
    check_curvelet_frame(grid.shape, **_frame_arguments(config))


def _frame_arguments(config: FrameConfig) -> dict[str, Any]:
    return {
        "backend": config.backend,
        "angles_coarse": config.angles_coarse,
        "finest": config.finest,
        "scales": config.scales,
        "sizes": config.sizes,
        "boundary": config.boundary,
    }


def make_method(
    run: Run, grid: Grid, root_group: Communicator, seed: int, data_root: Path = Path()
) -> AnalysisMethod | None:
    """The analysis method of a run, for a process of the root group; None for the control."""
    around = Surroundings(grid, root_group, seed, data_root)
    if isinstance(run, PointwiseRun):
        return Pointwise(run.gain)
    if isinstance(run, AdaptivePointwiseRun):
        r = around.std(run.observation_std)
        return AdaptivePointwise(grid.shape, run.background_std, r, run.prior_cycles, run.memory_cycles)
    if isinstance(run, SmoothedRun):
        return Smoothed(grid, run.length_km, run.gain)
    if isinstance(run, EnkfLikeRun):
        return _make_enkf_like(run, around)
    if isinstance(run, GainRun):
        return _make_gains(run, around)
    if isinstance(run, Var3dRun):
        frame = make_frame(run.frame, grid) if isinstance(run, Var3dImageTerm) else None
        if isinstance(run, Var3dObservationTerm) and run.told_errors:
            return WithToldErrors(var3d_by_errors(run, grid, frame, data_root))
        return make_var3d(run, grid, frame, data_root)
    return None


def _make_enkf_like(run: EnkfLikeRun, around: Surroundings) -> EnkfLike | WithToldErrors:
    frame = make_frame(run.frame, around.grid)
    members = MemberReduction(around.root_group, run.members)
    background = make_errors(
        run.background_errors or WhiteErrorsConfig(std=run.background_std), frame, "background", around
    )
    missing = make_missing(run, around)

    def make(observation: ErrorModel) -> EnkfLike:
        return EnkfLike(frame, members, background, observation, run.estimator, missing)

    errors = run.observation_errors or WhiteErrorsConfig(std=run.observation_std)
    if isinstance(errors, ToldErrorsConfig):
        return WithToldErrors(lambda std: make(WhiteErrors(std, around.seed, "observation")))
    return make(make_errors(errors, frame, "observation", around))


def _make_gains(run: GainRun, around: Surroundings) -> GivenSpectra | InnovationSpectra | WithToldErrors:
    frame, missing = make_frame(run.frame, around.grid), make_missing(run, around)
    pooling: Pooling = "per_scale" if isinstance(run, PerScaleRun) else "per_wedge"
    if isinstance(run.observation_errors, ToldErrorsConfig):
        assert run.background_errors is not None, "the configuration refuses told errors without"
        given = make_errors(run.background_errors, frame, "background", around)
        return WithToldErrors(
            lambda std: GivenSpectra(frame, pooling, given, WhiteErrors(std, around.seed, "observation"), missing)
        )
    observation = make_errors(run.observation_errors, frame, "observation", around)
    if run.background_errors is None:
        return InnovationSpectra(
            frame,
            pooling,
            observation,
            run.memory_cycles,
            lambda n: MemberReduction(around.root_group, n),
            around.seed,
            missing,
        )
    background = make_errors(run.background_errors, frame, "background", around)
    return GivenSpectra(frame, pooling, background, observation, missing)


def smallest_ensemble(config: CampaignConfig) -> int | None:
    """Members of the smallest ensemble of the campaign: more roots than that have nothing to do."""
    members = [run.members for run in config.runs if isinstance(run, EnkfLikeRun)]
    return min(members, default=None)
