"""The curvelet frame of a configuration."""

from __future__ import annotations

from typing import Any

from landda_hpc.config.frame import FrameConfig
from landda_hpc.curvelet.backends import Frame
from landda_hpc.curvelet.backends import check_frame as check_curvelet_frame
from landda_hpc.curvelet.backends import make_frame as make_curvelet_frame
from landda_hpc.grid import Grid


def make_frame(config: FrameConfig, grid: Grid) -> Frame:
    """Return the curvelet frame of a section on the model grid; ConfigError if its backend is not installed."""
    return make_curvelet_frame(grid.shape, **_arguments(config))


def check_frame(config: FrameConfig, grid: Grid) -> None:
    """Raise the errors of ``make_frame`` without building the frame."""
    check_curvelet_frame(grid.shape, **_arguments(config))


def _arguments(config: FrameConfig) -> dict[str, Any]:
    return {
        "backend": config.backend,
        "angles_coarse": config.angles_coarse,
        "finest": config.finest,
        "scales": config.scales,
        "sizes": config.sizes,
        "boundary": config.boundary,
    }
