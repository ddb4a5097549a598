"""What can be known to go wrong before a campaign starts: files and packages that are not there."""

from __future__ import annotations

from landda_hpc.config import AssimilatingRun, CampaignConfig, FrameConfig, RegressionDepth
from landda_hpc.curvelet.backends import is_installed
from landda_hpc.observation.source import ObservationSource, Survey


def survey_analyses(config: CampaignConfig, source: ObservationSource) -> Survey:
    """Which analysis times have observations. Local."""
    return source.survey([config.time.valid_time(n) for n in range(1, config.time.n_analyses + 1)])


def find_problems(config: CampaignConfig, survey: Survey) -> list[str]:
    """Everything that would stop the campaign later, one line each; empty if it can start. Local.

    Parameters
    ----------
    config : a valid configuration.
    survey : of the analysis times.
    """
    problems = list(survey.problems)
    if config.model.initial_file is not None:
        path = config.data_root / config.model.initial_file
        if not path.is_file():
            problems.append(
                f"model.initial_file: '{path}' does not exist. Check data_root ({config.data_root}) and the name."
            )
    for run in config.runs:
        frame = getattr(run, "frame", None)
        if isinstance(frame, FrameConfig) and not is_installed(frame.backend):
            problems.append(
                f"run '{run.name}': frame.backend = {frame.backend} is not installed. Install it, or use 'ours'."
            )
        depth = run.depth if isinstance(run, AssimilatingRun) else None
        if isinstance(depth, RegressionDepth) and depth.file is not None:
            slopes = config.data_root / depth.file
            if not slopes.is_file():
                problems.append(
                    f"run '{run.name}': depth.file '{slopes}' does not exist. Make it with 'landda regress', or check "
                    f"data_root ({config.data_root})."
                )
    return problems
