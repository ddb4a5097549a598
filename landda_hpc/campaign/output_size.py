"""How much a campaign writes to files of images, feedback and series."""

from __future__ import annotations

from typing import Final

from landda_hpc.campaign.file_writer import AT_ONCE
from landda_hpc.campaign.recorder import RecordSettings
from landda_hpc.config import ParallelConfig
from landda_hpc.regridding.depth import layers_down_to

_PAYS_FROM: Final = 10_000_000
"""Smallest number of values for which a process is started: they take 2 CPU s, and its start 0.4."""


_LAND: Final = 0.29
"""Fraction of the Earth that is land."""

_PROCESS: Final = 70e6
"""Memory of a process that writes files, with its libraries, bytes; measured."""


def uses_writer_process(parallel: ParallelConfig, settings: RecordSettings, n_cells: int) -> bool:
    """Whether the files of a campaign are written in a separate process: as configured, or if it pays.

    Parameters
    ----------
    n_cells : of the model grid.
    """
    asked = parallel.writer_process
    return values_to_write(settings, n_cells) >= _PAYS_FROM if asked is None else asked


def values_to_write(settings: RecordSettings, n_cells: int) -> int:
    """Number of values in the images, feedback and series of a campaign, without the ocean's in the latter two."""
    clock, output, n_runs = settings.time, settings.output, len(settings.runs)
    n_images = clock.n_cycles * clock.cycle_hours // output.every_hours + len(output.times)
    per_cell = n_images * n_runs * len(output.fields)
    of_land = clock.n_analyses * (3 + 2 * n_runs) if settings.observations.feedback else 0
    if output.series is not None:
        of_land += clock.n_cycles * (n_runs + settings.has_nature) * (layers_down_to(output.series.to_depth_m) + 2)
    return n_cells * per_cell + int(_LAND * n_cells) * of_land


def writer_memory(settings: RecordSettings, n_cells: int, n_land: int, n_roots: int) -> float:
    """Largest memory of the process that writes the files of a root, bytes.

    Parameters
    ----------
    n_cells, n_land, n_roots : cells and land cells of the model grid, roots.
    """
    output, n_runs, n_depths = settings.output, len(settings.runs), len(settings.verification.depths_m)
    n_files = -(-(n_runs + settings.observations.feedback) // n_roots)
    of_cycle = 8.0 * n_cells * n_files * len(output.fields)
    if output.layers:
        of_cycle += 16.0 * n_cells * n_files * n_depths
    if output.series is not None:
        n_values = layers_down_to(output.series.to_depth_m) + n_depths + 2
        n_times = max(1, 24 // settings.time.cycle_hours)
        of_cycle += 4.0 * n_land * n_values * n_times * -(-(n_runs + settings.has_nature) // n_roots)
    return _PROCESS + AT_ONCE * of_cycle
